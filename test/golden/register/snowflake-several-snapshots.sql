select
  "ID" as "ID",
  "BRANCH" as "BRANCH",
  "AMOUNT" as "AMOUNT ""NET""",
  case when "_POSITION" < '0001-0000000000000007-00000000' and "_OP" not in ('d', 't') then CAST('it''s \\ new' AS VARCHAR) else "GONE_2" end as "STATE",
  "DUE" as "DUE",
  "SEEN" as "SEEN"
from (
  select a."_OP", a."_POSITION", a."ID", a."BRANCH", a."AMOUNT", a."GONE_2", a."DUE", a."SEEN", row_number() over (partition by a."BRANCH", a."ID" order by a."_POSITION" desc) as "_RANK"
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
) r
where "_RANK" = 1 and "_OP" <> 'd'
