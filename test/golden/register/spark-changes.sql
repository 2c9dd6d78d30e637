select
  `_op`,
  `_position`,
  CAST(`_source_committed_at` AS TIMESTAMP_NTZ) as `_source_committed_at`,
  `_unchanged`,
  CAST(`id` AS BIGINT) as `id`,
  CAST(`branch` AS STRING) as `branch`,
  CAST(`amount` AS DECIMAL(12,2)) as `Amount "net"`,
  case when `_position` < '0001-0000000000000007-00000000' and `_op` not in ('d', 't') then CAST('it\'s \\ new' AS STRING) else CAST(`gone_2` AS STRING) end as `state`,
  CAST(`due` AS TIMESTAMP_NTZ) as `due`,
  CAST(`seen` AS TIMESTAMP_NTZ) as `seen`
from (
  select `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `branch`, `amount`, `gone_2`, `due`, `seen`
  from loan_base s
  union all
  select `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `branch`, `amount`, `gone_2`, `due`, `seen`
  from loan_change_files s
) h
