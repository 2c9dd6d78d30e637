/** Row filters over values, exactly as the source would evaluate them. Pure. */
import type { SourceColumn, SourceTable } from '../../../connectors/change.ts'
import type { Value } from '../../../connectors/column-values.ts'
import { typeName } from '../../../connectors/logical-type.ts'
import type { Comparison, Constant, Filter } from './filter-parse.ts'

/** SQL's three truth values; null is unknown. */
export type Truth = boolean | null

/** The truth of a filter for one row, whose values are looked up by column id; `undefined` = nobody knows the value. */
export type RowTest = (cell: (id: number) => Value | undefined) => Truth

export type CompiledFilter = { readonly test: RowTest } | { readonly problem: string }

/**
 * Binds a filter to a table's columns as the source has them. `current`: names by column id where the catalogue is newer than the
 * table. The problem names the column and the cure.
 */
export function compileFilter(
  filter: Filter,
  table: SourceTable,
  current: ReadonlyMap<number, string> = new Map(),
): CompiledFilter {
  try {
    return { test: compile(filter, { table, current }) }
  } catch (error) {
    if (error instanceof FilterTypeProblem) return { problem: error.message }
    throw error
  }
}

class FilterTypeProblem extends Error {}

type Names = { readonly table: SourceTable; readonly current: ReadonlyMap<number, string> }

function compile(filter: Filter, names: Names): RowTest {
  switch (filter.kind) {
    case 'and':
      return joined(
        filter.terms.map((term) => compile(term, names)),
        false,
      )
    case 'or':
      return joined(
        filter.terms.map((term) => compile(term, names)),
        true,
      )
    case 'not': {
      const term = compile(filter.term, names)
      return (cell) => not(term(cell))
    }
    case 'is-null': {
      const { id } = columnNamed(filter.column, names)
      return (cell) => {
        const value = cell(id)
        return value === undefined ? null : value === null
      }
    }
    case 'in':
      return joined(
        filter.constants.map((constant) => compile({ kind: 'compare', column: filter.column, op: '=', with: constant }, names)),
        true,
      )
    case 'compare': {
      const column = columnNamed(filter.column, names)
      const order = ordering(column, filter.op, filter.with)
      const holds = HOLDS[filter.op]
      return (cell) => {
        const value = cell(column.id)
        return value === null || value === undefined ? null : holds(order(value))
      }
    }
    default:
      return filter satisfies never
  }
}

const not = (truth: Truth): Truth => (truth === null ? null : !truth)

/** `and` (decided by false) and `or` (decided by true). */
function joined(terms: readonly RowTest[], decides: boolean): RowTest {
  return (cell) => {
    let unknown = false
    for (const term of terms) {
      const truth = term(cell)
      if (truth === decides) return decides
      if (truth === null) unknown = true
    }
    return unknown ? null : !decides
  }
}

const HOLDS: Readonly<Record<Comparison, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
}

function columnNamed(name: string, { table, current }: Names): SourceColumn {
  const column =
    table.columns.find((candidate) => candidate.name === name) ??
    table.columns.find((candidate) => current.get(candidate.id) === name)
  if (column !== undefined) return column
  const names = table.columns.map((candidate) => candidate.name).join(', ')
  throw new FilterTypeProblem(`"${table.table}" has no column "${name}"; it has ${names}`)
}

/** How a column's value stands to the constant: negative, 0, positive. */
type Ordering = (value: Exclude<Value, null>) => number

function ordering(column: SourceColumn, op: Comparison, constant: Constant): Ordering {
  const { type } = column
  switch (type.kind) {
    case 'bool': {
      const wanted = constant.kind === 'bool' ? constant.value : BOOLEANS.get(constant.text)
      if (wanted === undefined) throw mismatch(column, 'true or false')
      return (value) => Number(value) - Number(wanted)
    }
    case 'int16':
    case 'int32':
    case 'int64':
      return exactOrdering(column, constant, 0)
    case 'decimal':
      return exactOrdering(column, constant, type.scale)
    case 'float32':
    case 'float64': {
      const wanted = numberText(constant) === null ? Number.NaN : Number(numberText(constant))
      if (Number.isNaN(wanted)) throw mismatch(column, 'a number')
      // As in Postgres, NaN is above every number.
      return (value) =>
        Number.isNaN(value) ? 1 : compared(value as number, type.kind === 'float32' ? Math.fround(wanted) : wanted)
    }
    case 'date':
      return instantOrdering(column, constant, 'date')
    case 'timestamp':
      return instantOrdering(column, constant, type.utc ? 'timestamptz' : 'timestamp')
    case 'utf8':
      return textOrdering(column, op, constant)
    case 'binary':
      throw new FilterTypeProblem(`column "${column.name}" is ${column.sourceType}, which a filter cannot compare`)
    default:
      return type satisfies never
  }
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['t', true],
  ['false', false],
  ['f', false],
])

const NUMBER = /^-?\d+(?:\.\d+)?$/
const numberText = (constant: Constant): string | null =>
  constant.kind !== 'bool' && NUMBER.test(constant.text) ? constant.text : null

/** Whole numbers and decimals, compared at the finer of the two scales. */
function exactOrdering(column: SourceColumn, constant: Constant, scale: number): Ordering {
  const text = numberText(constant)
  if (text === null) throw mismatch(column, 'a number')
  const [whole = '', fraction = ''] = text.replace('-', '').split('.')
  const finer = Math.max(scale, fraction.length)
  const magnitude = BigInt(whole + fraction.padEnd(finer, '0'))
  const wanted = text.startsWith('-') ? -magnitude : magnitude
  const factor = 10n ** BigInt(finer - scale)
  return (value) => compared(BigInt(value as bigint | number) * factor, wanted)
}

const INSTANT = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?$/
const EXPECTED = {
  date: "a date, such as '2026-01-31'",
  timestamp: "a time without a zone, such as '2026-01-31 12:00:00'",
  timestamptz: "a time with its zone, such as '2026-01-31 12:00:00+00'",
} as const

function instantOrdering(column: SourceColumn, constant: Constant, kind: keyof typeof EXPECTED): Ordering {
  const match = constant.kind === 'text' ? INSTANT.exec(constant.text) : null
  const [, year = '', month = '', day = '', hour, minute = '00', second = '00', fraction = '', zone] = match ?? []
  const shapeFits = {
    date: hour === undefined && zone === undefined,
    timestamp: zone === undefined,
    timestamptz: zone !== undefined,
  }
  const millis = Date.parse(`${year}-${month}-${day}T${hour ?? '00'}:${minute}:${second}Z`)
  const wrong = match === null || !shapeFits[kind] || Number.isNaN(millis) || !isSameDay(millis, day)
  if (wrong) throw mismatch(column, EXPECTED[kind])
  if (kind === 'date') return (value) => compared(value as number, millis / 86_400_000)
  const wanted = BigInt(millis) * 1000n + BigInt(fraction.padEnd(6, '0')) - BigInt(zoneMinutes(zone)) * 60_000_000n
  return (value) => compared(value as bigint, wanted)
}

/** `Date.parse` takes 31 April for 1 May. */
const isSameDay = (millis: number, day: string): boolean => new Date(millis).getUTCDate() === Number(day)

function zoneMinutes(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(':', '') || '0')
  return zone.startsWith('-') ? -minutes : minutes
}

/** Types carried as text whose equality is not equality of their texts. */
const UNEQUAL_TEXTS =
  /\[\]$|^(numeric|money|time|interval|json|xml|inet|cidr|macaddr|bit|point|line|lseg|box|path|polygon|circle|ts(vector|query)|pg_lsn|oid|xid|tid|hstore|citext|ltree|geometry|geography|vector|cube|\w*range)/

function textOrdering(column: SourceColumn, op: Comparison, constant: Constant): Ordering {
  const spelled = column.sourceType.replace(/^"?\w+"?\./, '')
  if (UNEQUAL_TEXTS.test(spelled)) {
    throw new FilterTypeProblem(`column "${column.name}" is ${column.sourceType}, which a filter cannot compare`)
  }
  if (op !== '=' && op !== '<>') {
    throw new FilterTypeProblem(
      `column "${column.name}" is text, whose order depends on the source's collation; a filter compares it with =, <> or in`,
    )
  }
  if (constant.kind === 'bool') throw mismatch(column, 'a quoted text')
  const padded = /^character(\(|$)/.test(spelled)
  const normal = (text: string): string => (padded ? text.replace(/ +$/, '') : spelled === 'uuid' ? text.toLowerCase() : text)
  const wanted = normal(constant.text)
  return (value) => (normal(value as string) === wanted ? 0 : 1)
}

const compared = <T extends number | bigint>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)

function mismatch(column: SourceColumn, expected: string): FilterTypeProblem {
  return new FilterTypeProblem(`column "${column.name}" is ${column.sourceType} (${typeName(column.type)}); expected ${expected}`)
}
