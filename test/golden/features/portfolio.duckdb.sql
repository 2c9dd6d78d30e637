-- portfolio version 3, definition 4efec267d17311b9cb9871b2f8a6d78cf2eb6ce57d516796a620da803d1465eb

create or replace view "account_history" as
with keyed as (
  select "_op" as _op, "_position" as _position, "_source_committed_at" as _at,
    concat(',', coalesce("_unchanged", ''), ',') as _absent,
    cast("client_id" as varchar) as "client_id",
    cast("id" as varchar) as "id",
    cast("kind" as varchar) as "kind",
    case when "limit" <> floor("limit") then error('expected at most 0 decimals, found more') else cast("limit" as hugeint) end as "limit",
    ((epoch_us("opened_at") - (epoch_us("opened_at") % 1000 + 1000) % 1000) // 1000) as "opened_at"
  from "account_changes"
), truncations as (
  select _position, _at from keyed where _op = 't'
), keys as (
  select "id", min(_position) as _first, sum(case when _op = 'r' then 1 else 0 end) as _copies
  from keyed where _op <> 't' group by "id"
), bases as (
  select min(_position) as _position, min(_at) as _at from keyed where _op = 'r'
), events as (
  select _op, _position, _at, _absent, "client_id", "id", "kind", "limit", "opened_at" from keyed where _op <> 't'
  union all
  select 'd', t._position, t._at, ',,', cast(null as varchar), k."id", cast(null as varchar), cast(null as hugeint), cast(null as bigint)
  from keys k cross join truncations t
  union all
  select 'd', b._position, b._at, ',,', cast(null as varchar), k."id", cast(null as varchar), cast(null as hugeint), cast(null as bigint)
  from keys k join bases b on k._copies = 0 and k._first < b._position
), lives as (
  select *,
    sum(case when _op in ('r', 'c', 'd') then 1 else 0 end) over (partition by "id" order by _position rows between unbounded preceding and current row) as _life,
    lead(_position) over (partition by "id" order by _position) as _to,
    lead(_at) over (partition by "id" order by _position) as _to_at
  from events
), known as (
  select *,
    sum(case when _op <> 'd' and position(',client_id,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_0",
    sum(case when _op <> 'd' and position(',kind,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_1",
    sum(case when _op <> 'd' and position(',limit,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_2",
    sum(case when _op <> 'd' and position(',opened_at,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_3"
  from lives
), filled as (
  select _op, _position as _from, _to, _at as _from_at, _to_at, "id",
    first_value("client_id") over (partition by "id", _life, "_known_0" order by _position rows between unbounded preceding and current row) as "client_id",
    first_value("kind") over (partition by "id", _life, "_known_1" order by _position rows between unbounded preceding and current row) as "kind",
    first_value("limit") over (partition by "id", _life, "_known_2" order by _position rows between unbounded preceding and current row) as "limit",
    first_value("opened_at") over (partition by "id", _life, "_known_3" order by _position rows between unbounded preceding and current row) as "opened_at",
    "_known_0",
    "_known_1",
    "_known_2",
    "_known_3"
  from known
)
select _from, _to, _from_at, _to_at, "client_id", "id", "kind", "limit", "opened_at"
from filled
where _op <> 'd' and "_known_0" > 0 and "_known_1" > 0 and "_known_2" > 0 and "_known_3" > 0;

create or replace view "loan_history" as
with keyed as (
  select "_op" as _op, "_position" as _position, "_source_committed_at" as _at,
    concat(',', coalesce("_unchanged", ''), ',') as _absent,
    cast("account_id" as varchar) as "account_id",
    case when "amount" * 1000 <> floor("amount" * 1000) then error('expected at most 3 decimals, found more') else cast("amount" * 1000 as hugeint) end as "amount",
    cast("id" as varchar) as "id",
    ((epoch_us("issued_at") - (epoch_us("issued_at") % 1000 + 1000) % 1000) // 1000) as "issued_at",
    "secured" as "secured",
    cast("status" as varchar) as "status",
    case when "term" <> floor("term") then error('expected at most 0 decimals, found more') else cast("term" as hugeint) end as "term"
  from "loan_changes"
), truncations as (
  select _position, _at from keyed where _op = 't'
), keys as (
  select "id", min(_position) as _first, sum(case when _op = 'r' then 1 else 0 end) as _copies
  from keyed where _op <> 't' group by "id"
), bases as (
  select min(_position) as _position, min(_at) as _at from keyed where _op = 'r'
), events as (
  select _op, _position, _at, _absent, "account_id", "amount", "id", "issued_at", "secured", "status", "term" from keyed where _op <> 't'
  union all
  select 'd', t._position, t._at, ',,', cast(null as varchar), cast(null as hugeint), k."id", cast(null as bigint), cast(null as boolean), cast(null as varchar), cast(null as hugeint)
  from keys k cross join truncations t
  union all
  select 'd', b._position, b._at, ',,', cast(null as varchar), cast(null as hugeint), k."id", cast(null as bigint), cast(null as boolean), cast(null as varchar), cast(null as hugeint)
  from keys k join bases b on k._copies = 0 and k._first < b._position
), lives as (
  select *,
    sum(case when _op in ('r', 'c', 'd') then 1 else 0 end) over (partition by "id" order by _position rows between unbounded preceding and current row) as _life,
    lead(_position) over (partition by "id" order by _position) as _to,
    lead(_at) over (partition by "id" order by _position) as _to_at
  from events
), known as (
  select *,
    sum(case when _op <> 'd' and position(',account_id,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_0",
    sum(case when _op <> 'd' and position(',amount,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_1",
    sum(case when _op <> 'd' and position(',issued_at,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_2",
    sum(case when _op <> 'd' and position(',secured,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_3",
    sum(case when _op <> 'd' and position(',status,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_4",
    sum(case when _op <> 'd' and position(',term,' in _absent) = 0 then 1 else 0 end) over (partition by "id", _life order by _position rows between unbounded preceding and current row) as "_known_5"
  from lives
), filled as (
  select _op, _position as _from, _to, _at as _from_at, _to_at, "id",
    first_value("account_id") over (partition by "id", _life, "_known_0" order by _position rows between unbounded preceding and current row) as "account_id",
    first_value("amount") over (partition by "id", _life, "_known_1" order by _position rows between unbounded preceding and current row) as "amount",
    first_value("issued_at") over (partition by "id", _life, "_known_2" order by _position rows between unbounded preceding and current row) as "issued_at",
    first_value("secured") over (partition by "id", _life, "_known_3" order by _position rows between unbounded preceding and current row) as "secured",
    first_value("status") over (partition by "id", _life, "_known_4" order by _position rows between unbounded preceding and current row) as "status",
    first_value("term") over (partition by "id", _life, "_known_5" order by _position rows between unbounded preceding and current row) as "term",
    "_known_0",
    "_known_1",
    "_known_2",
    "_known_3",
    "_known_4",
    "_known_5"
  from known
)
select _from, _to, _from_at, _to_at, "account_id", "amount", "id", "issued_at", "secured", "status", "term"
from filled
where _op <> 'd' and "_known_0" > 0 and "_known_1" > 0 and "_known_2" > 0 and "_known_3" > 0 and "_known_4" > 0 and "_known_5" > 0;

create or replace view "payment_history" as
with keyed as (
  select "_op" as _op, "_position" as _position, "_source_committed_at" as _at,
    concat(',', coalesce("_unchanged", ''), ',') as _absent,
    case when "interest" * 1000 <> floor("interest" * 1000) then error('expected at most 3 decimals, found more') else cast("interest" * 1000 as hugeint) end as "interest",
    cast("loan_id" as varchar) as "loan_id",
    cast("number" as varchar) as "number",
    ((epoch_us("paid_at") - (epoch_us("paid_at") % 1000 + 1000) % 1000) // 1000) as "paid_at",
    cast("status" as varchar) as "status"
  from "payment_changes"
), truncations as (
  select _position, _at from keyed where _op = 't'
), keys as (
  select "loan_id", "number", min(_position) as _first, sum(case when _op = 'r' then 1 else 0 end) as _copies
  from keyed where _op <> 't' group by "loan_id", "number"
), bases as (
  select min(_position) as _position, min(_at) as _at from keyed where _op = 'r'
), events as (
  select _op, _position, _at, _absent, "interest", "loan_id", "number", "paid_at", "status" from keyed where _op <> 't'
  union all
  select 'd', t._position, t._at, ',,', cast(null as hugeint), k."loan_id", k."number", cast(null as bigint), cast(null as varchar)
  from keys k cross join truncations t
  union all
  select 'd', b._position, b._at, ',,', cast(null as hugeint), k."loan_id", k."number", cast(null as bigint), cast(null as varchar)
  from keys k join bases b on k._copies = 0 and k._first < b._position
), lives as (
  select *,
    sum(case when _op in ('r', 'c', 'd') then 1 else 0 end) over (partition by "loan_id", "number" order by _position rows between unbounded preceding and current row) as _life,
    lead(_position) over (partition by "loan_id", "number" order by _position) as _to,
    lead(_at) over (partition by "loan_id", "number" order by _position) as _to_at
  from events
), known as (
  select *,
    sum(case when _op <> 'd' and position(',interest,' in _absent) = 0 then 1 else 0 end) over (partition by "loan_id", "number", _life order by _position rows between unbounded preceding and current row) as "_known_0",
    sum(case when _op <> 'd' and position(',paid_at,' in _absent) = 0 then 1 else 0 end) over (partition by "loan_id", "number", _life order by _position rows between unbounded preceding and current row) as "_known_1",
    sum(case when _op <> 'd' and position(',status,' in _absent) = 0 then 1 else 0 end) over (partition by "loan_id", "number", _life order by _position rows between unbounded preceding and current row) as "_known_2"
  from lives
), filled as (
  select _op, _position as _from, _to, _at as _from_at, _to_at, "loan_id", "number",
    first_value("interest") over (partition by "loan_id", "number", _life, "_known_0" order by _position rows between unbounded preceding and current row) as "interest",
    first_value("paid_at") over (partition by "loan_id", "number", _life, "_known_1" order by _position rows between unbounded preceding and current row) as "paid_at",
    first_value("status") over (partition by "loan_id", "number", _life, "_known_2" order by _position rows between unbounded preceding and current row) as "status",
    "_known_0",
    "_known_1",
    "_known_2"
  from known
)
select _from, _to, _from_at, _to_at, "interest", "loan_id", "number", "paid_at", "status"
from filled
where _op <> 'd' and "_known_0" > 0 and "_known_1" > 0 and "_known_2" > 0;

create or replace macro "portfolio__asof"(as_of_ms, known_position) as table
with spine as (
  select entity as _row, entity, cast(as_of_ms as bigint) as as_of_ms, cast(known_position as varchar) as known_position
  from (
    select distinct "client_id" as entity from "account_history" where "client_id" is not null and _from <= cast(known_position as varchar) and (_to is null or _to > cast(known_position as varchar))
  ) owners
), part_0 as (
  select spine._row, count(*) as _value
  from spine
  join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  group by spine._row
), part_1 as (
  select spine._row, sum(r0."limit") as _value
  from spine
  join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  group by spine._row
), part_2 as (
  select spine._row, min(r0."opened_at") as _value
  from spine
  join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  group by spine._row
), part_3 as (
  select spine._row, count(*) as _value
  from spine
  join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  join "loan_history" r1 on r1."account_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
  where r1."amount" >= 1500
    and (r1."secured" is null or r1."secured" not in (true))
    and r1."issued_at" <= spine.as_of_ms
    and r0."kind" in ('retail')
  group by spine._row
), part_4 as (
  select spine._row, count(distinct r1."status") as _value
  from spine
  join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  join "loan_history" r1 on r1."account_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
  group by spine._row
), part_5 as (
  select spine._row, max(r1."term") as _value
  from spine
  join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  join "loan_history" r1 on r1."account_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
  where r1."term" <= 50
  group by spine._row
), part_6 as (
  select spine._row, min(r1."term") as _value
  from spine
  join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  join "loan_history" r1 on r1."account_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
  where r1."term" > 12
    and r1."term" < 50
    and r1."issued_at" <= spine.as_of_ms
  group by spine._row
), part_7 as (
  select _row, _value from (
    select spine._row, r1."status" as _value, row_number() over (partition by spine._row order by r1."issued_at" desc, r1."id" desc) as _place
    from spine
    join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
    join "loan_history" r1 on r1."account_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
    where r1."issued_at" <= spine.as_of_ms
      and r1."issued_at" <= spine.as_of_ms
  ) ranked
  where _place = 1
), part_8 as (
  select _row, _value from (
    select spine._row, r1."amount" as _value, row_number() over (partition by spine._row order by r1."issued_at" desc, r1."id" desc) as _place
    from spine
    join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
    join "loan_history" r1 on r1."account_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
    where (r1."status" is null or r1."status" not in ('cancelled', 'void'))
      and r1."issued_at" <= spine.as_of_ms
      and r1."issued_at" <= spine.as_of_ms
  ) ranked
  where _place = 1
), part_9 as (
  select spine._row, sum(r2."interest") as _value
  from spine
  join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  join "loan_history" r1 on r1."account_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
  join "payment_history" r2 on r2."loan_id" = r1."id" and r2._from <= spine.known_position and (r2._to is null or r2._to > spine.known_position)
  where r2."paid_at" <= spine.as_of_ms
    and r1."issued_at" <= spine.as_of_ms
    and r0."kind" in ('retail')
  group by spine._row
), part_10 as (
  select spine._row, max(r2."paid_at") as _value
  from spine
  join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  join "loan_history" r1 on r1."account_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
  join "payment_history" r2 on r2."loan_id" = r1."id" and r2._from <= spine.known_position and (r2._to is null or r2._to > spine.known_position)
  where r2."status" in ('late')
    and r2."paid_at" <= spine.as_of_ms
  group by spine._row
), part_11 as (
  select spine._row, sum(r2."interest") as _value
  from spine
  join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  join "loan_history" r1 on r1."account_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
  join "payment_history" r2 on r2."loan_id" = r1."id" and r2._from <= spine.known_position and (r2._to is null or r2._to > spine.known_position)
  where (r2."status" is null or r2."status" not in ('reversed'))
    and r2."paid_at" <= spine.as_of_ms
    and spine.as_of_ms - r1."issued_at" >= 0
    and spine.as_of_ms - r1."issued_at" < 172800000
  group by spine._row
), part_12 as (
  select spine._row, sum(r1."amount") as _value
  from spine
  join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  join "loan_history" r1 on r1."account_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
  where spine.as_of_ms - r1."issued_at" >= 0
    and spine.as_of_ms - r1."issued_at" < 172800000
  group by spine._row
), part_13 as (
  select spine._row, count(*) as _value
  from spine
  join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  join "loan_history" r1 on r1."account_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
  join "payment_history" r2 on r2."loan_id" = r1."id" and r2._from <= spine.known_position and (r2._to is null or r2._to > spine.known_position)
  where r2."status" in ('late')
    and spine.as_of_ms - r2."paid_at" >= 0
    and spine.as_of_ms - r2."paid_at" < 129600000
  group by spine._row
), part_14 as (
  select spine._row, count(*) as _value
  from spine
  join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  join "loan_history" r1 on r1."account_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
  join "payment_history" r2 on r2."loan_id" = r1."id" and r2._from <= spine.known_position and (r2._to is null or r2._to > spine.known_position)
  where r2."paid_at" <= spine.as_of_ms
  group by spine._row
), part_15 as (
  select spine._row, count(*) as _value
  from spine
  join "account_history" r0 on r0."client_id" = spine.entity and r0._from <= spine.known_position and (r0._to is null or r0._to > spine.known_position)
  join "loan_history" r1 on r1."account_id" = r0."id" and r1._from <= spine.known_position and (r1._to is null or r1._to > spine.known_position)
  where r1."secured" is null
    and r1."term" is not null
    and r1."issued_at" <= spine.as_of_ms
  group by spine._row
)
select spine.entity as "entity",
  spine.as_of_ms as "as_of_ms",
  coalesce(part_0._value, 0) as "accounts",
  cast(coalesce(part_1._value, 0) as hugeint) as "limit",
  part_2._value as "first_opened",
  coalesce(part_3._value, 0) as "big_loans",
  coalesce(part_4._value, 0) as "statuses",
  part_5._value as "longest_term",
  part_6._value as "shortest_term",
  part_7._value as "last_status",
  part_8._value as "last_amount",
  cast(coalesce(part_9._value, 0) as hugeint) as "interest",
  ((spine.as_of_ms - part_10._value) - mod(mod(spine.as_of_ms - part_10._value, 86400000) + 86400000, 86400000)) // 86400000 as "days_since_late",
  case when coalesce(part_12._value, 0) = 0 then cast(null as double) else cast(coalesce(part_11._value, 0) as double) / cast(coalesce(part_12._value, 0) as double) end as "recent_profit",
  cast(coalesce(part_11._value, 0) as hugeint) as "recent_profit.numerator",
  cast(coalesce(part_12._value, 0) as hugeint) as "recent_profit.denominator",
  case when coalesce(part_14._value, 0) = 0 then cast(0 as double) else cast(coalesce(part_13._value, 0) as double) / cast(coalesce(part_14._value, 0) as double) end as "late_share",
  cast(coalesce(part_13._value, 0) as hugeint) as "late_share.numerator",
  cast(coalesce(part_14._value, 0) as hugeint) as "late_share.denominator",
  coalesce(part_15._value, 0) as "unsecured_unknown"
from spine
left join part_0 on part_0._row = spine._row
left join part_1 on part_1._row = spine._row
left join part_2 on part_2._row = spine._row
left join part_3 on part_3._row = spine._row
left join part_4 on part_4._row = spine._row
left join part_5 on part_5._row = spine._row
left join part_6 on part_6._row = spine._row
left join part_7 on part_7._row = spine._row
left join part_8 on part_8._row = spine._row
left join part_9 on part_9._row = spine._row
left join part_10 on part_10._row = spine._row
left join part_11 on part_11._row = spine._row
left join part_12 on part_12._row = spine._row
left join part_13 on part_13._row = spine._row
left join part_14 on part_14._row = spine._row
left join part_15 on part_15._row = spine._row;
