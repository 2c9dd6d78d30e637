/**
 * The brute-force evaluator: plays the whole log again for every question and looks at every row of every table. Shares no code
 * with engine or SQL; only the definition is the same. Takes plain lines: `Z` timestamps with milliseconds, plain decimals.
 */
import type { Aggregate, ColumnType, FeatureView, Predicate, Rows } from '../../features/definition.ts'

export type Line = {
  readonly position: string
  readonly committed_at?: string
  readonly table: string
  readonly op: 'insert' | 'update' | 'delete' | 'truncate'
  readonly key?: Readonly<Record<string, string>>
  readonly old_key?: Readonly<Record<string, string>>
  readonly row?: Readonly<Record<string, unknown>>
}

type Row = Record<string, unknown>
type Tables = Map<string, Map<string, Row>>

export type OracleAnswer = {
  readonly values: Record<string, unknown>
  readonly parts: Record<string, { numerator: string; denominator: string }>
}

/** What the definition says of one entity at one time, after these lines have arrived in any order, any number of times. */
export function oracle(view: FeatureView, lines: readonly Line[], entity: string, asOf: number): OracleAnswer {
  const tables = replay(view, lines)
  const values: OracleAnswer['values'] = {}
  const parts: OracleAnswer['parts'] = {}
  for (const { name, value } of view.features) {
    const get = (aggregate: Aggregate) => aggregated(view, tables, aggregate, entity, asOf)
    if ('ratio' in value) {
      const numerator = get(value.ratio.numerator) as bigint
      const denominator = get(value.ratio.denominator) as bigint
      parts[name] = { numerator: `${numerator}`, denominator: `${denominator}` }
      values[name] = denominator === 0n ? value.ratio.whenZero : Number(numerator) / Number(denominator) + 0
    } else if ('elapsedDays' in value) {
      const since = get(value.elapsedDays.since)
      values[name] = since === null ? null : Math.floor((asOf - Number(since as bigint)) / (24 * 60 * 60 * 1000))
    } else if (value.aggregate === 'count' || value.aggregate === 'distinct') {
      values[name] = Number(get(value) as bigint)
    } else {
      values[name] = shown(get(value), typeOf(view, value.of.rows, value.column))
    }
  }
  return { values, parts }
}

function replay(view: FeatureView, lines: readonly Line[]): Tables {
  const tables: Tables = new Map(Object.keys(view.sources).map((name) => [name, new Map()]))
  const once = new Map(lines.map((line) => [`${line.position} ${line.table} ${JSON.stringify(line.key)}`, line]))
  for (const line of [...once.values()].sort((a, b) => (BigInt(a.position) < BigInt(b.position) ? -1 : 1))) {
    const found = Object.entries(view.sources).find(([, { table }]) => table === line.table)
    const rows = found && tables.get(found[0])
    if (found === undefined || rows === undefined) continue
    if (line.op === 'truncate') {
      rows.clear()
      continue
    }
    const key = JSON.stringify(found[1].key.map((column) => line.key?.[column]))
    const oldKey = line.old_key === undefined ? key : JSON.stringify(found[1].key.map((column) => line.old_key?.[column]))
    const columns = Object.keys(found[1].columns)
    const nothing = Object.fromEntries(columns.map((column) => [column, line.op === 'insert' ? null : undefined]))
    const before = line.op === 'insert' ? nothing : (rows.get(oldKey) ?? nothing)
    rows.delete(oldKey)
    if (line.op !== 'delete') rows.set(key, { ...before, ...line.row, ...line.key })
  }
  return tables
}

function aggregated(view: FeatureView, tables: Tables, aggregate: Aggregate, entity: string, asOf: number): unknown {
  const source = view.sources[aggregate.of.rows]
  if (source === undefined) throw new Error('no source')
  const rows = [...(tables.get(aggregate.of.rows)?.values() ?? [])]
    .filter((row) => belongs(view, tables, aggregate.of.rows, row, entity))
    .filter((row) => passes(view, tables, aggregate.of, row, asOf))
  if (aggregate.aggregate === 'count') return BigInt(rows.length)
  const type = typeOf(view, aggregate.of.rows, aggregate.column)
  if (aggregate.aggregate === 'last') {
    const at = (row: Row) => Date.parse(String(row[source.effective ?? '']))
    const byKey = (a: Row, b: Row) =>
      source.key.map((c) => Buffer.compare(Buffer.from(String(a[c])), Buffer.from(String(b[c])))).find((order) => order !== 0) ??
      0
    const past = rows.filter((row) => row[source.effective ?? ''] !== null && at(row) <= asOf)
    past.sort((a, b) => at(a) - at(b) || byKey(a, b))
    return comparable(past.at(-1)?.[aggregate.column] ?? null, type)
  }
  const values = rows.map((row) => comparable(row[aggregate.column], type)).filter((value) => value !== null)
  if (aggregate.aggregate === 'sum') return values.reduce<bigint>((total, value) => total + (value as bigint), 0n)
  if (aggregate.aggregate === 'distinct') return BigInt(new Set(values).size)
  const sorted = values.sort((a, b) => ((a as bigint) < (b as bigint) ? -1 : 1))
  return sorted.at(aggregate.aggregate === 'min' ? 0 : -1) ?? null
}

/** A row with an unknown column counts nowhere, and neither does what hangs on it. */
function belongs(view: FeatureView, tables: Tables, name: string, row: Row, entity: string): boolean {
  const source = view.sources[name]
  if (source === undefined || Object.keys(source.columns).some((column) => row[column] === undefined)) return false
  const link = row[source.link]
  if (source.parent === null) return link !== null && String(link) === entity
  const parent = tables.get(source.parent)?.get(JSON.stringify([link]))
  return parent !== undefined && belongs(view, tables, source.parent, parent, entity)
}

function passes(view: FeatureView, tables: Tables, rows: Rows, row: Row, asOf: number): boolean {
  const source = view.sources[rows.rows]
  const stamp = source?.effective ? row[source.effective] : null
  const effective = stamp === null || stamp === undefined ? null : Date.parse(String(stamp))
  if (rows.happened && !(effective !== null && effective <= asOf)) return false
  if (rows.withinMs !== null && !(effective !== null && asOf - effective >= 0 && asOf - effective < rows.withinMs)) return false
  if (!rows.where.every((predicate) => holds(predicate, row, typeOf(view, rows.rows, predicate.column)))) return false
  if (rows.of === null) return true
  const parent = tables.get(rows.of.rows)?.get(JSON.stringify([row[source?.link ?? '']]))
  return parent !== undefined && passes(view, tables, rows.of, parent, asOf)
}

function holds(predicate: Predicate, row: Row, type: ColumnType): boolean {
  const value = comparable(row[predicate.column], type)
  const literal = (item: unknown) =>
    type.kind === 'text' || type.kind === 'id' || type.kind === 'boolean' ? item : BigInt(String(item))
  switch (predicate.op) {
    case 'in':
      return predicate.values.some((item) => literal(item) === value)
    case 'notIn':
      return !predicate.values.some((item) => literal(item) === value)
    case 'isNull':
      return value === null
    case 'notNull':
      return value !== null
    case 'lt':
      return value !== null && (value as bigint) < (literal(predicate.value) as bigint)
    case 'le':
      return value !== null && (value as bigint) <= (literal(predicate.value) as bigint)
    case 'gt':
      return value !== null && (value as bigint) > (literal(predicate.value) as bigint)
    case 'ge':
      return value !== null && (value as bigint) >= (literal(predicate.value) as bigint)
    default:
      return predicate satisfies never
  }
}

/** Numbers, amounts and instants as bigint. */
function comparable(value: unknown, type: ColumnType): unknown {
  if (value === null || value === undefined) return null
  if (type.kind === 'instant') return BigInt(Date.parse(String(value)))
  if (type.kind === 'integer') return BigInt(String(value))
  if (type.kind === 'money') {
    const [whole = '', fraction = ''] = String(value).split('.')
    return BigInt(whole + fraction.slice(0, type.scale).padEnd(type.scale, '0'))
  }
  return value
}

function shown(value: unknown, type: ColumnType): unknown {
  if (typeof value !== 'bigint') return value
  if (type.kind === 'instant') return new Date(Number(value)).toISOString()
  if (type.kind === 'integer') return Number.isSafeInteger(Number(value)) ? Number(value) : `${value}`
  if (type.kind !== 'money' || type.scale === 0) return `${value}`
  const sign = value < 0n ? '-' : ''
  const digits = `${value < 0n ? -value : value}`.padStart(type.scale + 1, '0')
  return `${sign}${digits.slice(0, -type.scale)}.${digits.slice(-type.scale)}`
}

function typeOf(view: FeatureView, source: string, column: string): ColumnType {
  const type = view.sources[source]?.columns[column]
  if (type === undefined) throw new Error('no column')
  return type
}
