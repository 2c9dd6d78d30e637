-- client_loans version 1, definition d83565c693ec80607465edd6dded90d2d094dc300b321769d16d5e0c712ce366

create or replace view "loan_history" as
with keyed as (
  select "_op" as _op, "_position" as _position, "_source_committed_at" as _at,
    concat(',', coalesce("_unchanged", ''), ',') as _absent,
    case when "amount" * 100 <> floor("amount" * 100) then cast(concat('expected at most 2 decimals, found more', left(cast("amount" as VARCHAR), 0)) as NUMBER(38,0)) else cast("amount" * 100 as NUMBER(38,0)) end as "amount",
    cast("client_id" as VARCHAR) as "client_id",
    cast("id" as VARCHAR) as "id",
    cast(floor(date_part(epoch_microsecond, "issued_at") / 1000) as NUMBER(38,0)) as "issued_at",
    cast("status" as VARCHAR) as "status"
  from "loan_changes"
), truncations as (
  select _position, _at from keyed where _op = 't'
), keys as (
  select "id", min(_position) as _first, sum(case when _op = 'r' then 1 else 0 end) as _copies
  from keyed where _op <> 't' group by "id"
), bases as (
  select min(_position) as _position, min(_at) as _at from keyed where _op = 'r'
), events as (
  select _op, _position, _at, _absent, "amount", "client_id", "id", "issued_at", "status" from keyed where _op <> 't'
  union all
  select 'd', t._position, t._at, ',,', cast(null as NUMBER(38,0)), cast(null as VARCHAR), k."id", cast(null as NUMBER(38,0)), cast(null as VARCHAR)
  from keys k cross join truncations t
  union all
  select 'd', b._position, b._at, ',,', cast(null as NUMBER(38,0)), cast(null as VARCHAR), k."id", cast(null as NUMBER(38,0)), cast(null as VARCHAR)
  from keys k join bases b on k._copies = 0 and k._first < b._position
), lives as (
  select *,
    sum(case when _op in ('r', 'c', 'd') then 1 else 0 end) over (partition by "id" order by _position rows between unbounded preceding and current row) as _life,
    lead(_position) over (partition by "id" order by _position) as _to,
    lead(_at) over (partition by "id" order by _position) as _to_at
  from events
), known as (
  select *,
    sum(case when _op <> 'd' and position(',amount,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_0",
    sum(case when _op <> 'd' and position(',client_id,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_1",
    sum(case when _op <> 'd' and position(',issued_at,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_2",
    sum(case when _op <> 'd' and position(',status,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_3"
  from lives
), filled as (
  select _op, _position as _from, _to, _at as _from_at, _to_at, "id",
    first_value("amount") over (partition by "id", _life, "_known_0" order by _position rows between unbounded preceding and current row) as "amount",
    first_value("client_id") over (partition by "id", _life, "_known_1" order by _position rows between unbounded preceding and current row) as "client_id",
    first_value("issued_at") over (partition by "id", _life, "_known_2" order by _position rows between unbounded preceding and current row) as "issued_at",
    first_value("status") over (partition by "id", _life, "_known_3" order by _position rows between unbounded preceding and current row) as "status",
    "_known_0",
    "_known_1",
    "_known_2",
    "_known_3"
  from known
)
select _from, _to, _from_at, _to_at, "amount", "client_id", "id", "issued_at", "status"
from filled
where _op <> 'd' and "_known_0" > 0 and "_known_1" > 0 and "_known_2" > 0 and "_known_3" > 0;

create or replace view "payment_history" as
with keyed as (
  select "_op" as _op, "_position" as _position, "_source_committed_at" as _at,
    concat(',', coalesce("_unchanged", ''), ',') as _absent,
    cast("id" as VARCHAR) as "id",
    case when "interest" * 100 <> floor("interest" * 100) then cast(concat('expected at most 2 decimals, found more', left(cast("interest" as VARCHAR), 0)) as NUMBER(38,0)) else cast("interest" * 100 as NUMBER(38,0)) end as "interest",
    cast("loan_id" as VARCHAR) as "loan_id",
    cast(floor(date_part(epoch_microsecond, "paid_at") / 1000) as NUMBER(38,0)) as "paid_at",
    cast("status" as VARCHAR) as "status"
  from "payment_changes"
), truncations as (
  select _position, _at from keyed where _op = 't'
), keys as (
  select "id", min(_position) as _first, sum(case when _op = 'r' then 1 else 0 end) as _copies
  from keyed where _op <> 't' group by "id"
), bases as (
  select min(_position) as _position, min(_at) as _at from keyed where _op = 'r'
), events as (
  select _op, _position, _at, _absent, "id", "interest", "loan_id", "paid_at", "status" from keyed where _op <> 't'
  union all
  select 'd', t._position, t._at, ',,', k."id", cast(null as NUMBER(38,0)), cast(null as VARCHAR), cast(null as NUMBER(38,0)), cast(null as VARCHAR)
  from keys k cross join truncations t
  union all
  select 'd', b._position, b._at, ',,', k."id", cast(null as NUMBER(38,0)), cast(null as VARCHAR), cast(null as NUMBER(38,0)), cast(null as VARCHAR)
  from keys k join bases b on k._copies = 0 and k._first < b._position
), lives as (
  select *,
    sum(case when _op in ('r', 'c', 'd') then 1 else 0 end) over (partition by "id" order by _position rows between unbounded preceding and current row) as _life,
    lead(_position) over (partition by "id" order by _position) as _to,
    lead(_at) over (partition by "id" order by _position) as _to_at
  from events
), known as (
  select *,
    sum(case when _op <> 'd' and position(',interest,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_0",
    sum(case when _op <> 'd' and position(',loan_id,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_1",
    sum(case when _op <> 'd' and position(',paid_at,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_2",
    sum(case when _op <> 'd' and position(',status,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_3"
  from lives
), filled as (
  select _op, _position as _from, _to, _at as _from_at, _to_at, "id",
    first_value("interest") over (partition by "id", _life, "_known_0" order by _position rows between unbounded preceding and current row) as "interest",
    first_value("loan_id") over (partition by "id", _life, "_known_1" order by _position rows between unbounded preceding and current row) as "loan_id",
    first_value("paid_at") over (partition by "id", _life, "_known_2" order by _position rows between unbounded preceding and current row) as "paid_at",
    first_value("status") over (partition by "id", _life, "_known_3" order by _position rows between unbounded preceding and current row) as "status",
    "_known_0",
    "_known_1",
    "_known_2",
    "_known_3"
  from known
)
select _from, _to, _from_at, _to_at, "id", "interest", "loan_id", "paid_at", "status"
from filled
where _op <> 'd' and "_known_0" > 0 and "_known_1" > 0 and "_known_2" > 0 and "_known_3" > 0;

CREATE OR REPLACE FUNCTION "client_loans__asof"(AS_OF_MS NUMBER(38,0), KNOWN_POSITION VARCHAR)
RETURNS TABLE ("entity" VARCHAR, "as_of_ms" NUMBER(38,0), "paid_loans.count" NUMBER(38,0), "days_since_last_late_payment.count" NUMBER(38,0), "profit_in_last_90_days.rate" DOUBLE, "profit_in_last_90_days.rate.numerator" NUMBER(38,0), "profit_in_last_90_days.rate.denominator" NUMBER(38,0))
AS $$
with spine as (
  select entity as _row, entity, cast(as_of_ms as NUMBER(38,0)) as as_of_ms, cast(known_position as VARCHAR) as known_position
  from (
    select distinct "client_id" as entity from "loan_history" where "client_id" is not null and _from <= cast(known_position as VARCHAR) and (_to is null or _to > cast(known_position as VARCHAR))
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
  cast(((spine.as_of_ms - part_1._value) - mod(mod(spine.as_of_ms - part_1._value, 86400000) + 86400000, 86400000)) / 86400000 as NUMBER(38,0)) as "days_since_last_late_payment.count",
  case when coalesce(part_3._value, 0) = 0 then cast(null as DOUBLE) else cast(coalesce(part_2._value, 0) as DOUBLE) / cast(coalesce(part_3._value, 0) as DOUBLE) end as "profit_in_last_90_days.rate",
  cast(coalesce(part_2._value, 0) as NUMBER(38,0)) as "profit_in_last_90_days.rate.numerator",
  cast(coalesce(part_3._value, 0) as NUMBER(38,0)) as "profit_in_last_90_days.rate.denominator"
from spine
left join part_0 on part_0._row = spine._row
left join part_1 on part_1._row = spine._row
left join part_2 on part_2._row = spine._row
left join part_3 on part_3._row = spine._row
$$;
