select
  `_op`,
  `_position`,
  `_source_committed_at` as `_source_committed_at`,
  `_unchanged`,
  `id` as `id`,
  `branch` as `branch`,
  `amount` as `amount "net"`,
  case when `_position` < '0001-0000000000000007-00000000' and `_op` not in ('d', 't') then 'it\'s \\ new' else `gone_2` end as `state`,
  `due` as `due`,
  `seen` as `seen`
from (
  select `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `branch`, `amount`, `gone_2`, `due`, `seen`
  from loan_base s
  union all
  select `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `branch`, `amount`, `gone_2`, `due`, `seen`
  from loan_change_files s
) h
