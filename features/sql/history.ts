/**
 * History of a source: one row per version, with the positions between which it was the current one. Made from the changes of a
 * table as the lake shows them (`_op`, `_position`, `_source_committed_at`, `_unchanged`, columns under their source names).
 */
import type { ColumnType, FeatureView } from '../definition.ts'
import { zoneOffsetMs } from '../instant.ts'
import { historyType, type SqlDialect } from './dialect.ts'

export type HistoryRequest = {
  readonly view: FeatureView
  readonly source: string
  /** A `from` item. */
  readonly changes: string
  /** Whether an instant's column shows the clock of the definition's zone instead of UTC. Default: all do. */
  readonly wallClock?: (column: string) => boolean
}

/**
 * A `select` of `_from`, `_to` (null = still current), `_from_at`, `_to_at` and every column of the source: ids and texts as text,
 * money in minor units, instants in milliseconds. Columns that a change did not carry are filled from the version before; a
 * version of which a column was never seen is left out.
 *
 * Amounts need a decimal or integer column; one with more decimals than the currency ends the statement. Rows of a base
 * stand for the table at its cut: a row that was there before and is not among them is gone from then on.
 */
export function historySql(dialect: SqlDialect, { view, source, changes, wallClock = () => true }: HistoryRequest): string {
  const defined = view.sources[source]
  if (defined === undefined) throw new Error(`View "${view.name}" has no source "${source}"`)
  const { key, columns } = defined
  const quote = dialect.identifier
  const names = Object.keys(columns).toSorted()
  const others = names.filter((name) => !key.includes(name))
  const keys = key.map(quote).join(', ')
  const groups = others.map((_, index) => quote(`_known_${index}`))
  const carried = (name: string) => `_op <> 'd' and position(',${name},' in _absent) = 0`
  const absent = (keyed: string) =>
    names
      .map((name) => {
        const type = historyType(dialect, columns[name] ?? { kind: 'text' })
        return key.includes(name) ? `${keyed}.${quote(name)}` : `cast(null as ${type})`
      })
      .join(', ')
  return /* sql */ `with keyed as (
  select ${quote('_op')} as _op, ${dialect.position(quote('_position'))} as _position, ${quote('_source_committed_at')} as _at,
    concat(',', coalesce(${quote('_unchanged')}, ''), ',') as _absent,
    ${names.map((name) => `${columnSql(dialect, quote(name), columns[name], wallClock(name))} as ${quote(name)}`).join(',\n    ')}
  from ${changes}
), truncations as (
  select _position, _at from keyed where _op = 't'
), keys as (
  select ${keys}, min(_position) as _first, sum(case when _op = 'r' then 1 else 0 end) as _copies
  from keyed where _op <> 't' group by ${keys}
), bases as (
  select min(_position) as _position, min(_at) as _at from keyed where _op = 'r'
), events as (
  select _op, _position, _at, _absent, ${names.map(quote).join(', ')} from keyed where _op <> 't'
  union all
  select 'd', t._position, t._at, ',,', ${absent('k')}
  from keys k cross join truncations t
  union all
  select 'd', b._position, b._at, ',,', ${absent('k')}
  from keys k join bases b on k._copies = 0 and k._first < b._position
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

function columnSql(dialect: SqlDialect, column: string, type: ColumnType | undefined, isWallClock: boolean): string {
  switch (type?.kind) {
    case 'boolean':
      return column
    case 'integer':
      return unitsSql(dialect, column, 0)
    case 'money':
      return unitsSql(dialect, column, type.scale)
    case 'instant': {
      const offsetMs = isWallClock ? (zoneOffsetMs(type.zone) ?? 0) : 0
      const shown = dialect.milliseconds(column)
      return offsetMs === 0 ? shown : `(${shown} - (${offsetMs}))`
    }
    default:
      return `cast(${column} as ${dialect.text})`
  }
}

/** Counted in units of 10^-scale; what would have to be rounded is refused. */
function unitsSql(dialect: SqlDialect, column: string, scale: number): string {
  const units = scale === 0 ? column : `${column} * ${10n ** BigInt(scale)}`
  const refusal = dialect.refusal(`expected at most ${scale} decimals, found more`, column)
  return `case when ${units} <> floor(${units}) then ${refusal} else cast(${units} as ${dialect.integer}) end`
}
