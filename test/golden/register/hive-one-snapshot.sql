select
  `id` as `id`,
  `branch` as `branch`,
  `amount` as `amount "net"`,
  case when `_position` < '0001-0000000000000007-00000000' and `_op` not in ('d', 't') then 'it\'s \\ new' else `gone_2` end as `state`,
  `due` as `due`,
  `seen` as `seen`
from (
  select b.`_op`, b.`_position`, b.`id`, b.`branch`, b.`amount`, b.`gone_2`, b.`due`, b.`seen`
  from loan_base b
  left join (
    select distinct `branch` as `_key_0`, `id` as `_key_1`, 1 as `_hit`
    from loan_change_files s
    where `_position` > '0001-0000000000000005-00000000' and `_op` <> 't'
  ) k on b.`branch` <=> k.`_key_0` and b.`id` <=> k.`_key_1`
  cross join (
    select max(`_position`) as `_floor`
    from loan_change_files s
    where `_position` > '0001-0000000000000005-00000000' and `_op` = 't'
  ) f
  where k.`_hit` is null and f.`_floor` is null
  union all
  select `_op`, `_position`, `id`, `branch`, `amount`, `gone_2`, `due`, `seen`
  from (
    select c.`_op`, c.`_position`, c.`id`, c.`branch`, c.`amount`, c.`gone_2`, c.`due`, c.`seen`, row_number() over (partition by c.`branch`, c.`id` order by c.`_position` desc) as `_rank`
    from (
      select `_op`, `_position`, `id`, `branch`, `amount`, `gone_2`, `due`, `seen`
      from loan_change_files s
      where `_position` > '0001-0000000000000005-00000000' and `_op` <> 't'
    ) c
    cross join (
      select max(`_position`) as `_floor`
      from loan_change_files s
      where `_position` > '0001-0000000000000005-00000000' and `_op` = 't'
    ) f
    where (f.`_floor` is null or c.`_position` > f.`_floor`)
  ) l
  where `_rank` = 1 and `_op` <> 'd'
) r
