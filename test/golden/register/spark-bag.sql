select `id`, `branch`, `Amount "net"`, `state`, `due`, `seen`
from (
  select `_op`, `_position`, `id`, `branch`, `Amount "net"`, `state`, `due`, `seen`,
    row_number() over (partition by `id`, `branch`, `Amount "net"`, `state`, `due`, `seen`, case when `_op` = 'd' then 1 else 0 end order by `_position`) as `_rank`,
    sum(case when `_op` = 'd' then 1 else 0 end) over (partition by `id`, `branch`, `Amount "net"`, `state`, `due`, `seen`) as `_deletes`
  from (
    select a.`_op`, a.`_position`, `id` as `id`, `branch` as `branch`, `amount` as `Amount "net"`, case when `_position` < '0001-0000000000000007-00000000' and `_op` not in ('t') then 'it\'s \\ new' else `gone_2` end as `state`, CAST(`due` AS TIMESTAMP_NTZ) as `due`, CAST(`seen` AS TIMESTAMP_NTZ) as `seen`
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
  ) s
) r
where `_op` <> 'd' and `_rank` > `_deletes`
