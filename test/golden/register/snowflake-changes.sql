select
  "_OP",
  "_POSITION",
  "_SOURCE_COMMITTED_AT" as "_SOURCE_COMMITTED_AT",
  "_UNCHANGED",
  "ID" as "ID",
  "BRANCH" as "BRANCH",
  "AMOUNT" as "AMOUNT ""NET""",
  case when "_POSITION" < '0001-0000000000000007-00000000' and "_OP" not in ('d', 't') then CAST('it''s \\ new' AS VARCHAR) else "GONE_2" end as "STATE",
  "DUE" as "DUE",
  "SEEN" as "SEEN"
from (
  select "_OP", "_POSITION", "_SOURCE_COMMITTED_AT", "_UNCHANGED", "ID", "BRANCH", "AMOUNT", "GONE_2", "DUE", "SEEN"
  from loan_base s
  union all
  select "_OP", "_POSITION", "_SOURCE_COMMITTED_AT", "_UNCHANGED", "ID", "BRANCH", "AMOUNT", "GONE_2", "DUE", "SEEN"
  from loan_change_files s
) h
