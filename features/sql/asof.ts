/**
 * The features of a view as one `select` over the histories of its sources: for every row of a spine (entity, time, known
 * position) what the engine says. Every aggregate is computed in its own expression from its own rows up, so that no join
 * repeats a row.
 */
import {
  type Aggregate,
  aggregatesOf,
  columnType,
  type Expression,
  type FeatureView,
  type Literal,
  type Predicate,
  pathTo,
  type Rows,
} from '../definition.ts'
import { DAY_MS } from '../evaluate.ts'
import { floorQuotient, historyType, type SqlDialect, textLiteral } from './dialect.ts'

export type AsofRequest = {
  readonly view: FeatureView
  /** `from` item of a source's history (see `historySql`). */
  readonly history: (source: string) => string
  /** A `select` of `_row` (unique), `entity`, `as_of_ms`, `known_position` and anything else, which is passed through by name. */
  readonly spine: string
  /** Columns of the spine to show before the features. */
  readonly carried?: readonly string[]
}

export type OutputColumn = { readonly name: string; readonly type: string }

/** Columns of the result behind those of the spine: every feature, and of ratios `<feature>.numerator` and `.denominator`. */
export function asofColumns(dialect: SqlDialect, view: FeatureView): readonly OutputColumn[] {
  return view.features.flatMap(({ name, value }): readonly OutputColumn[] => {
    if ('ratio' in value) {
      return [
        { name, type: dialect.double },
        { name: `${name}.numerator`, type: dialect.integer },
        { name: `${name}.denominator`, type: dialect.integer },
      ]
    }
    if ('elapsedDays' in value) return [{ name, type: dialect.bigint }]
    if (value.aggregate === 'count' || value.aggregate === 'distinct') return [{ name, type: dialect.bigint }]
    return [{ name, type: historyType(dialect, columnType(view, value.of.rows, value.column)) }]
  })
}

/** One row per row of the spine, in no order: `entity`, `as_of_ms`, carried columns, then `asofColumns`. */
export function asofSql(dialect: SqlDialect, request: AsofRequest): string {
  const { view, spine, carried = [] } = request
  const parts: { readonly name: string; readonly sql: string }[] = []
  const columns = view.features.flatMap(({ name, value }) =>
    featureColumns(dialect, name, value, (aggregate) => {
      parts.push({ name: `part_${parts.length}`, sql: aggregateSql(dialect, request, aggregate) })
      return `part_${parts.length - 1}._value`
    }),
  )
  // Our own names are written bare and mean the same everywhere; shown names keep their case.
  const head = ['entity', 'as_of_ms', ...carried].map((column) => `spine.${column} as ${dialect.identifier(column)}`)
  return /* sql */ `with spine as (
${indented(spine)}
)${parts.map(({ name, sql }) => `, ${name} as (\n${indented(sql)}\n)`).join('')}
select ${[...head, ...columns].join(',\n  ')}
from spine${parts.map(({ name }) => `\nleft join ${name} on ${name}._row = spine._row`).join('')}`
}

/** A time and a known position, as SQL expressions. */
export type Moment = { readonly asOfMs: string; readonly position: string }

/** A spine of all entities that own a row at a moment's position. */
export function everyOwner(
  dialect: SqlDialect,
  { view, history }: Pick<AsofRequest, 'view' | 'history'>,
  { asOfMs, position }: Moment,
): string {
  const roots = Object.entries(view.sources).filter(([, source]) => source.parent === null)
  const owners = roots.map(([source, { link }]) => {
    const entity = dialect.identifier(link)
    return `select distinct ${entity} as entity from ${history(source)} where ${entity} is not null and ${isCurrent('', position)}`
  })
  return `select entity as _row, entity, ${asOfMs} as as_of_ms, ${position} as known_position\nfrom (\n  ${owners.join('\n  union\n  ')}\n) owners`
}

/** `alias` with its dot, or empty. */
export function isCurrent(alias: string, position: string): string {
  return `${alias}_from <= ${position} and (${alias}_to is null or ${alias}_to > ${position})`
}

/** `<view>__asof(as_of_ms, known_position)`: one row per entity that owns a row at the position. */
export function asofFunction(dialect: SqlDialect, { view, history }: Pick<AsofRequest, 'view' | 'history'>): string {
  // Arguments have the names of columns: a cast makes them values.
  const moment = {
    asOfMs: `cast(as_of_ms as ${dialect.bigint})`,
    position: `cast(known_position as ${dialect.text})`,
  }
  const spine = everyOwner(dialect, { view, history }, moment)
  const columns = [
    ['entity', dialect.text],
    ['as_of_ms', dialect.bigint],
    ...asofColumns(dialect, view).map(({ name, type }) => [name, type] as const),
  ] as const
  return dialect.tableFunction({
    name: dialect.identifier(`${view.name}__asof`),
    columns,
    body: asofSql(dialect, { view, history, spine }),
  })
}

function featureColumns(
  dialect: SqlDialect,
  name: string,
  value: Expression,
  part: (aggregate: Aggregate) => string,
): readonly string[] {
  const as = (sql: string, alias: string) => `${sql} as ${dialect.identifier(alias)}`
  const [[, first] = [null, null], [, second] = [null, null]] = aggregatesOf(value)
  if (first === null) return []
  if ('ratio' in value && second !== null) {
    const numerator = `coalesce(${part(first)}, 0)`
    const denominator = `coalesce(${part(second)}, 0)`
    const { whenZero } = value.ratio
    const zero = `cast(${whenZero === null ? 'null' : whenZero} as ${dialect.double})`
    const quotient = `cast(${numerator} as ${dialect.double}) / cast(${denominator} as ${dialect.double})`
    return [
      as(`case when ${denominator} = 0 then ${zero} else ${quotient} end`, name),
      as(`cast(${numerator} as ${dialect.integer})`, `${name}.numerator`),
      as(`cast(${denominator} as ${dialect.integer})`, `${name}.denominator`),
    ]
  }
  if ('elapsedDays' in value) return [as(floorQuotient(dialect, `spine.as_of_ms - ${part(first)}`, DAY_MS), name)]
  if (first.aggregate === 'count' || first.aggregate === 'distinct') return [as(`coalesce(${part(first)}, 0)`, name)]
  if (first.aggregate === 'sum') return [as(`cast(coalesce(${part(first)}, 0) as ${dialect.integer})`, name)]
  return [as(part(first), name)]
}

function aggregateSql(dialect: SqlDialect, request: AsofRequest, aggregate: Aggregate): string {
  const { view } = request
  const path = pathTo(view, aggregate.of.rows)
  const lowest = `r${path.length - 1}`
  const column = aggregate.aggregate === 'count' ? '' : `${lowest}.${dialect.identifier(aggregate.column)}`
  const from = path.map((source, level) => joinSql(dialect, request, source, level)).join('\n')
  const conditions = rowsConditions(dialect, view, aggregate.of, path.length - 1)
  const where = conditions.length === 0 ? '' : `\nwhere ${conditions.join('\n  and ')}`
  if (aggregate.aggregate !== 'last') {
    const value =
      aggregate.aggregate === 'count'
        ? 'count(*)'
        : aggregate.aggregate === 'distinct'
          ? `count(distinct ${column})`
          : `${aggregate.aggregate}(${column})`
    return `select spine._row, ${value} as _value\nfrom spine\n${from}${where}\ngroup by spine._row`
  }
  const { effective, key } = view.sources[aggregate.of.rows] ?? { effective: null, key: [] }
  const time = `${lowest}.${dialect.identifier(effective ?? '')}`
  const collate = dialect.name === 'postgres' ? ' collate "C"' : ''
  const order = [`${time} desc`, ...key.map((each) => `${lowest}.${dialect.identifier(each)}${collate} desc`)].join(', ')
  const past = `${where === '' ? '\nwhere ' : `${where}\n  and `}${time} <= spine.as_of_ms`
  return `select _row, _value from (
  select spine._row, ${column} as _value, row_number() over (partition by spine._row order by ${order}) as _place
  from spine
${indented(from)}${past.replaceAll('\n', '\n  ')}
) ranked
where _place = 1`
}

function joinSql(dialect: SqlDialect, { view, history }: AsofRequest, source: string, level: number): string {
  const { link = '', parent = null } = view.sources[source] ?? {}
  const alias = `r${level}`
  const above = parent === null ? 'spine.entity' : `r${level - 1}.${dialect.identifier(view.sources[parent]?.key[0] ?? '')}`
  const current = isCurrent(`${alias}.`, 'spine.known_position')
  return `join ${history(source)} ${alias} on ${alias}.${dialect.identifier(link)} = ${above} and ${current}`
}

function rowsConditions(dialect: SqlDialect, view: FeatureView, rows: Rows, level: number): readonly string[] {
  const alias = `r${level}`
  const conditions = rows.where.map((predicate) => predicateSql(dialect, view, rows.rows, alias, predicate))
  const time = `${alias}.${dialect.identifier(view.sources[rows.rows]?.effective ?? '')}`
  if (rows.withinMs !== null) conditions.push(`spine.as_of_ms - ${time} >= 0`, `spine.as_of_ms - ${time} < ${rows.withinMs}`)
  if (rows.happened) conditions.push(`${time} <= spine.as_of_ms`)
  return rows.of === null ? conditions : [...conditions, ...rowsConditions(dialect, view, rows.of, level - 1)]
}

/** A predicate about the row `alias`. */
export function predicateSql(
  dialect: SqlDialect,
  view: FeatureView,
  source: string,
  alias: string,
  predicate: Predicate,
): string {
  const type = columnType(view, source, predicate.column)
  const column = `${alias}.${dialect.identifier(predicate.column)}`
  const literal = (value: Literal) =>
    typeof value === 'string' && (type.kind === 'text' || type.kind === 'id') ? textLiteral(dialect, value) : String(value)
  switch (predicate.op) {
    case 'in':
      return `${column} in (${predicate.values.map(literal).join(', ')})`
    case 'notIn':
      return `(${column} is null or ${column} not in (${predicate.values.map(literal).join(', ')}))`
    case 'isNull':
      return `${column} is null`
    case 'notNull':
      return `${column} is not null`
    default:
      return `${column} ${{ lt: '<', le: '<=', gt: '>', ge: '>=' }[predicate.op]} ${literal(predicate.value)}`
  }
}

function indented(sql: string): string {
  return sql.replace(/^/gm, '  ')
}
