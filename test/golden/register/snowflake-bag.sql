select "ID", "BRANCH", "AMOUNT ""NET""", "STATE", "DUE", "SEEN"
from (
  select "_OP", "_POSITION", "ID", "BRANCH", "AMOUNT ""NET""", "STATE", "DUE", "SEEN",
    row_number() over (partition by "ID", "BRANCH", "AMOUNT ""NET""", "STATE", "DUE", "SEEN", case when "_OP" = 'd' then 1 else 0 end order by "_POSITION") as "_RANK",
    sum(case when "_OP" = 'd' then 1 else 0 end) over (partition by "ID", "BRANCH", "AMOUNT ""NET""", "STATE", "DUE", "SEEN") as "_DELETES"
  from (
    select a."_OP", a."_POSITION", "ID" as "ID", "BRANCH" as "BRANCH", "AMOUNT" as "AMOUNT ""NET""", case when "_POSITION" < '0001-0000000000000007-00000000' and "_OP" not in ('t') then CAST('it''s \\ new' AS VARCHAR) else "GONE_2" end as "STATE", "DUE" as "DUE", "SEEN" as "SEEN"
    from (
      select "_OP", "_POSITION", "ID", "BRANCH", "AMOUNT", "GONE_2", "DUE", "SEEN"
      from loan_base s
      union all
      select "_OP", "_POSITION", "ID", "BRANCH", "AMOUNT", "GONE_2", "DUE", "SEEN"
      from loan_change_files s
      where "_POSITION" > '0001-0000000000000005-00000000' and "_OP" <> 't'
    ) a
    cross join (
      select max("_POSITION") as "_FLOOR"
      from loan_change_files s
      where "_POSITION" > '0001-0000000000000005-00000000' and "_OP" = 't'
    ) f
    where (f."_FLOOR" is null or a."_POSITION" > f."_FLOOR")
  ) s
) r
where "_OP" <> 'd' and "_RANK" > "_DELETES"
