select
  `id` as `id`,
  `branch` as `branch`,
  `amount` as `Amount "net"`,
  case when `_position` < '0001-0000000000000007-00000000' and `_op` not in ('d', 't') then 'it\'s \\ new' else `gone_2` end as `state`,
  CAST(`due` AS TIMESTAMP_NTZ) as `due`,
  CAST(`seen` AS TIMESTAMP_NTZ) as `seen`
from (
  select a.`_op`, a.`_position`, a.`id`, a.`branch`, a.`amount`, a.`gone_2`, a.`due`, a.`seen`, row_number() over (partition by a.`branch`, a.`id` order by a.`_position` desc) as `_rank`
  from (
    select `_op`, `_position`, `id`, `branch`, `amount`, `gone_2`, `due`, `seen`
    from loan_base s
    union all
    select `_op`, `_position`, `id`, `branch`, `amount`, `gone_2`, `due`, `seen`
    from loan_change_files s
    where `_position` > '0001-0000000000000005-00000000' and `_op` <> 't'
  ) a
  cross join (
    select max(`_position`) as `_floor`
    from loan_change_files s
    where `_position` > '0001-0000000000000005-00000000' and `_op` = 't'
  ) f
  where (f.`_floor` is null or a.`_position` > f.`_floor`)
) r
where `_rank` = 1 and `_op` <> 'd'
