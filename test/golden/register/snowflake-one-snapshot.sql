select
  "ID" as "ID",
  "BRANCH" as "BRANCH",
  "AMOUNT" as "AMOUNT ""NET""",
  case when "_POSITION" < '0001-0000000000000007-00000000' and "_OP" not in ('d', 't') then CAST('it''s \\ new' AS VARCHAR) else "GONE_2" end as "STATE",
  "DUE" as "DUE",
  "SEEN" as "SEEN"
from (
  select b."_OP", b."_POSITION", b."ID", b."BRANCH", b."AMOUNT", b."GONE_2", b."DUE", b."SEEN"
  from loan_base b
  left join (
    select distinct "BRANCH" as "_KEY_0", "ID" as "_KEY_1", 1 as "_HIT"
    from loan_change_files s
    where "_POSITION" > '0001-0000000000000005-00000000' and "_OP" <> 't'
  ) k on b."BRANCH" is not distinct from k."_KEY_0" and b."ID" is not distinct from k."_KEY_1"
  cross join (
    select max("_POSITION") as "_FLOOR"
    from loan_change_files s
    where "_POSITION" > '0001-0000000000000005-00000000' and "_OP" = 't'
  ) f
  where k."_HIT" is null and f."_FLOOR" is null
  union all
  select "_OP", "_POSITION", "ID", "BRANCH", "AMOUNT", "GONE_2", "DUE", "SEEN"
  from (
    select c."_OP", c."_POSITION", c."ID", c."BRANCH", c."AMOUNT", c."GONE_2", c."DUE", c."SEEN", row_number() over (partition by c."BRANCH", c."ID" order by c."_POSITION" desc) as "_RANK"
    from (
      select "_OP", "_POSITION", "ID", "BRANCH", "AMOUNT", "GONE_2", "DUE", "SEEN"
      from loan_change_files s
      where "_POSITION" > '0001-0000000000000005-00000000' and "_OP" <> 't'
    ) c
    cross join (
      select max("_POSITION") as "_FLOOR"
      from loan_change_files s
      where "_POSITION" > '0001-0000000000000005-00000000' and "_OP" = 't'
    ) f
    where (f."_FLOOR" is null or c."_POSITION" > f."_FLOOR")
  ) l
  where "_RANK" = 1 and "_OP" <> 'd'
) r
