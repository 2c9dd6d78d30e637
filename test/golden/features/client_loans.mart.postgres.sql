-- client_loans version 1, definition d83565c693ec80607465edd6dded90d2d094dc300b321769d16d5e0c712ce366

with spine as (
  select entity as _row, entity, cast(:as_of_ms as bigint) as as_of_ms, :known_position as known_position
  from (
    select distinct "client_id" as entity from "loan_history" where "client_id" is not null and _from <= :known_position and (_to is null or _to > :known_position)
  ) owners
), part_0 as (
  select spine._row, count(*) as _value
  from spine
  join "loan_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  where r0."status" in ('paid')
  group by spine._row
), part_1 as (
  select spine._row, max(r1."paid_at") as _value
  from spine
  join "loan_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  join "payment_history" r1 on r1."loan_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
  where r1."status" in ('late')
    and r1."paid_at" <= spine.as_of_ms
  group by spine._row
), part_2 as (
  select spine._row, sum(r1."interest") as _value
  from spine
  join "loan_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  join "payment_history" r1 on r1."loan_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
  where (r1."status" is null or r1."status" not in ('reversed'))
    and r1."paid_at" <= spine.as_of_ms
    and r0."status" in ('active', 'defaulted', 'overdue', 'paid')
    and spine.as_of_ms - r0."issued_at" >= 0
    and spine.as_of_ms - r0."issued_at" < 7776000000
  group by spine._row
), part_3 as (
  select spine._row, sum(r0."amount") as _value
  from spine
  join "loan_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  where r0."status" in ('active', 'defaulted', 'overdue', 'paid')
    and spine.as_of_ms - r0."issued_at" >= 0
    and spine.as_of_ms - r0."issued_at" < 7776000000
  group by spine._row
)
select spine.entity as "entity",
  spine.as_of_ms as "as_of_ms",
  coalesce(part_0._value, 0) as "paid_loans.count",
  ((spine.as_of_ms - part_1._value) - mod(mod(spine.as_of_ms - part_1._value, 86400000) + 86400000, 86400000)) / 86400000 as "days_since_last_late_payment.count",
  case when coalesce(part_3._value, 0) = 0 then cast(null as double precision) else cast(coalesce(part_2._value, 0) as double precision) / cast(coalesce(part_3._value, 0) as double precision) end as "profit_in_last_90_days.rate",
  cast(coalesce(part_2._value, 0) as numeric(38, 0)) as "profit_in_last_90_days.rate.numerator",
  cast(coalesce(part_3._value, 0) as numeric(38, 0)) as "profit_in_last_90_days.rate.denominator"
from spine
left join part_0 on part_0._row = spine._row
left join part_1 on part_1._row = spine._row
left join part_2 on part_2._row = spine._row
left join part_3 on part_3._row = spine._row;
-- client_loans version 1, definition d83565c693ec80607465edd6dded90d2d094dc300b321769d16d5e0c712ce366

create table "client_loans__affected" as
select r0."client_id" as entity
from (select * from "loan_history" where _from <= :known_position and (_to is null or _to > :known_position)) r0
where r0."client_id" is not null and (r0._from > :previous_position
  or (r0."issued_at" > cast(:previous_as_of_ms as bigint) - 0 and r0."issued_at" <= cast(:as_of_ms as bigint) - 0)
  or (r0."issued_at" > cast(:previous_as_of_ms as bigint) - 7776000000 and r0."issued_at" <= cast(:as_of_ms as bigint) - 7776000000))
union
select r0."client_id" as entity
from (select * from "loan_history" where _from <= :previous_position and (_to is null or _to > :previous_position)) r0
where r0."client_id" is not null and (r0._to <= :known_position)
union
select r0."client_id" as entity
from (select * from "loan_history" where _from <= :known_position and (_to is null or _to > :known_position)) r0
join "payment_history" r1 on r1."loan_id" = r0."id" and r1._from <= :known_position and (r1._to is null or r1._to > :known_position)
where r0."client_id" is not null and (r1._from > :previous_position
  or (r1."paid_at" > cast(:previous_as_of_ms as bigint) - 0 and r1."paid_at" <= cast(:as_of_ms as bigint) - 0)
  or (r1."status" in ('late') and ((cast(:previous_as_of_ms as bigint) - r1."paid_at") - mod(mod(cast(:previous_as_of_ms as bigint) - r1."paid_at", 86400000) + 86400000, 86400000)) / 86400000 <> ((cast(:as_of_ms as bigint) - r1."paid_at") - mod(mod(cast(:as_of_ms as bigint) - r1."paid_at", 86400000) + 86400000, 86400000)) / 86400000))
union
select r0."client_id" as entity
from (select * from "loan_history" where _from <= :previous_position and (_to is null or _to > :previous_position)) r0
join "payment_history" r1 on r1."loan_id" = r0."id" and r1._from <= :previous_position and (r1._to is null or r1._to > :previous_position)
where r0."client_id" is not null and (r1._to <= :known_position);

delete from "client_loans" where entity in (select entity from "client_loans__affected");

insert into "client_loans"
with spine as (
  select * from (
  select entity as _row, entity, cast(:as_of_ms as bigint) as as_of_ms, :known_position as known_position
  from (
    select distinct "client_id" as entity from "loan_history" where "client_id" is not null and _from <= :known_position and (_to is null or _to > :known_position)
  ) owners
  ) every_owner where entity in (select entity from "client_loans__affected")
), part_0 as (
  select spine._row, count(*) as _value
  from spine
  join "loan_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  where r0."status" in ('paid')
  group by spine._row
), part_1 as (
  select spine._row, max(r1."paid_at") as _value
  from spine
  join "loan_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  join "payment_history" r1 on r1."loan_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
  where r1."status" in ('late')
    and r1."paid_at" <= spine.as_of_ms
  group by spine._row
), part_2 as (
  select spine._row, sum(r1."interest") as _value
  from spine
  join "loan_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  join "payment_history" r1 on r1."loan_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
  where (r1."status" is null or r1."status" not in ('reversed'))
    and r1."paid_at" <= spine.as_of_ms
    and r0."status" in ('active', 'defaulted', 'overdue', 'paid')
    and spine.as_of_ms - r0."issued_at" >= 0
    and spine.as_of_ms - r0."issued_at" < 7776000000
  group by spine._row
), part_3 as (
  select spine._row, sum(r0."amount") as _value
  from spine
  join "loan_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  where r0."status" in ('active', 'defaulted', 'overdue', 'paid')
    and spine.as_of_ms - r0."issued_at" >= 0
    and spine.as_of_ms - r0."issued_at" < 7776000000
  group by spine._row
)
select spine.entity as "entity",
  spine.as_of_ms as "as_of_ms",
  coalesce(part_0._value, 0) as "paid_loans.count",
  ((spine.as_of_ms - part_1._value) - mod(mod(spine.as_of_ms - part_1._value, 86400000) + 86400000, 86400000)) / 86400000 as "days_since_last_late_payment.count",
  case when coalesce(part_3._value, 0) = 0 then cast(null as double precision) else cast(coalesce(part_2._value, 0) as double precision) / cast(coalesce(part_3._value, 0) as double precision) end as "profit_in_last_90_days.rate",
  cast(coalesce(part_2._value, 0) as numeric(38, 0)) as "profit_in_last_90_days.rate.numerator",
  cast(coalesce(part_3._value, 0) as numeric(38, 0)) as "profit_in_last_90_days.rate.denominator"
from spine
left join part_0 on part_0._row = spine._row
left join part_1 on part_1._row = spine._row
left join part_2 on part_2._row = spine._row
left join part_3 on part_3._row = spine._row;

drop table "client_loans__affected";
