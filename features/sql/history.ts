/**
 * History of a source: one row per version, with the positions between which it was the current one. Made from the changes of a
 * table as the lake shows them (`_op`, `_position`, `_source_committed_at`, `_unchanged`, columns under their source names).
 */
import type { ColumnType, FeatureView } from '../definition.ts'
import { historyType, type SqlDialect } from './dialect.ts'

export type HistoryRequest = {
  readonly view: FeatureView
  readonly source: string
  /** A `from` item. */
  readonly changes: string
}

/**
 * A `select` of `_from`, `_to` (null = still current), `_from_at`, `_to_at` and every column of the source: ids and texts as text,
 * money in minor units, instants in milliseconds. Columns that a change did not carry are filled from the version before; a
 * version of which a column was never seen is left out.
 *
 * Money needs a column whose scale is not above the currency's; instants a timestamp that shows UTC.
 */
export function historySql(dialect: SqlDialect, { view, source, changes }: HistoryRequest): string {
  const defined = view.sources[source]
  if (defined === undefined) throw new Error(`View "${view.name}" has no source "${source}"`)
  const { key, columns } = defined
  const quote = dialect.identifier
  const names = Object.keys(columns).toSorted()
  const others = names.filter((name) => !key.includes(name))
  const keys = key.map(quote).join(', ')
  const groups = others.map((_, index) => quote(`_known_${index}`))
  const carried = (name: string) => `_op <> 'd' and position(',${name},' in _absent) = 0`
  return /* sql */ `with keyed as (
  select ${quote('_op')} as _op, ${dialect.position(quote('_position'))} as _position, ${quote('_source_committed_at')} as _at,
    concat(',', coalesce(${quote('_unchanged')}, ''), ',') as _absent,
    ${names.map((name) => `${columnSql(dialect, quote(name), columns[name])} as ${quote(name)}`).join(',\n    ')}
  from ${changes}
), truncations as (
  select _position, _at from keyed where _op = 't'
), keys as (
  select distinct ${keys} from keyed where _op <> 't'
), events as (
  select _op, _position, _at, _absent, ${names.map(quote).join(', ')} from keyed where _op <> 't'
  union all
  select 'd', t._position, t._at, ',,', ${names.map((name) => (key.includes(name) ? `k.${quote(name)}` : `cast(null as ${historyType(dialect, columns[name] ?? { kind: 'text' })})`)).join(', ')}
  from keys k cross join truncations t
), lives as (
  select *,
    sum(case when _op in ('r', 'c', 'd') then 1 else 0 end) over (partition by ${keys} order by _position rows between unbounded preceding and current row) as _life,
    lead(_position) over (partition by ${keys} order by _position) as _to,
    lead(_at) over (partition by ${keys} order by _position) as _to_at
  from events
), known as (
  select *${others.map((name, index) => `,\n    sum(case when ${carried(name)} then 1 else 0 end) over (partition by ${keys}, _life order by _position rows between unbounded preceding and current row) as ${groups[index]}`).join('')}
  from lives
), filled as (
  select _op, _position as _from, _to, _at as _from_at, _to_at, ${keys}${others
    .map(
      (name, index) =>
        `,\n    first_value(${quote(name)}) over (partition by ${keys}, _life, ${groups[index]} order by _position rows between unbounded preceding and current row) as ${quote(name)}`,
    )
    .join('')}${groups.map((group) => `,\n    ${group}`).join('')}
  from known
)
select _from, _to, _from_at, _to_at, ${names.map(quote).join(', ')}
from filled
where _op <> 'd'${groups.map((group) => ` and ${group} > 0`).join('')}`
}

function columnSql(dialect: SqlDialect, column: string, type: ColumnType | undefined): string {
  switch (type?.kind) {
    case 'boolean':
      return column
    case 'integer':
      return `cast(${column} as ${dialect.integer})`
    case 'money':
      return `cast(${column} * ${10n ** BigInt(type.scale)} as ${dialect.integer})`
    case 'instant':
      return dialect.milliseconds(column)
    default:
      return `cast(${column} as ${dialect.text})`
  }
}
