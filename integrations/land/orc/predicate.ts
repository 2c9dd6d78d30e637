/**
 * Predicates for skipping: which parts of a file can hold a matching row, by their statistics. The answer errs on the
 * side of reading: a part that is skipped holds no match, a part that is read may hold none either.
 */
import { ConnectorError } from '../../../connectors/errors.ts'
import { prolepticDays, prolepticSeconds } from './calendar.ts'
import { type ColumnStatistics, TypeKind } from './messages.ts'
import type { OrcType } from './schema.ts'

/**
 * A constant to compare with. Decimals, dates (`YYYY-MM-DD`) and timestamps (`YYYY-MM-DD HH:MM:SS[.fraction]`, as the file
 * shows them) are text.
 */
export type Literal = boolean | number | bigint | string

export type Predicate =
  | { readonly column: string; readonly op: '=' | '!=' | '<' | '<=' | '>' | '>='; readonly value: Literal }
  | { readonly column: string; readonly in: readonly Literal[] }
  | { readonly column: string; readonly is: 'null' | 'not null' }
  | { readonly and: readonly Predicate[] }
  | { readonly or: readonly Predicate[] }
  | { readonly not: Predicate }

/** What a predicate can be on the rows of a part. */
type Outcomes = { readonly yes: boolean; readonly no: boolean; readonly unknown: boolean }

/** Bounds of a part's values; `exact` false: they enclose the values and need not be reached. */
export type Range = {
  readonly min: Comparable
  readonly max: Comparable
  readonly exact: boolean
}
type Comparable = bigint | number | string

export type StatisticsOf = (column: OrcType) => Partial<ColumnStatistics> | null

export type StatisticsRules = {
  readonly hybrid: boolean
  /** Java's writer before the named fix; see `PostScript.writerVersion`. */
  readonly javaVersion: number | null
}

/** Whether a part of the file can hold a row for which the predicate is true. Throws `CONFIGURATION` for columns that are not there. */
export function mayMatch(predicate: Predicate, root: OrcType, statistics: StatisticsOf, rules: StatisticsRules): boolean {
  return outcomes(predicate, root, statistics, rules).yes
}

const ANY: Outcomes = { yes: true, no: true, unknown: true }

function outcomes(predicate: Predicate, root: OrcType, statistics: StatisticsOf, rules: StatisticsRules): Outcomes {
  const each = (parts: readonly Predicate[]) => parts.map((part) => outcomes(part, root, statistics, rules))
  if ('and' in predicate) {
    const parts = each(predicate.and)
    return {
      yes: parts.every(({ yes }) => yes),
      no: parts.some(({ no }) => no),
      unknown: parts.some(({ unknown }) => unknown),
    }
  }
  if ('or' in predicate) {
    const parts = each(predicate.or)
    return {
      yes: parts.some(({ yes }) => yes),
      no: parts.every(({ no }) => no),
      unknown: parts.some(({ unknown }) => unknown),
    }
  }
  if ('not' in predicate) {
    const { yes, no, unknown } = outcomes(predicate.not, root, statistics, rules)
    return { yes: no, no: yes, unknown }
  }
  const column = columnNamed(root, predicate.column)
  const found = statistics(column)
  // Statistics without a count say nothing at all.
  if (found === null || found.numberOfValues === undefined) return ANY
  const hasNull = found.hasNull ?? true
  const hasValue = found.numberOfValues > 0
  if ('is' in predicate) {
    return predicate.is === 'null'
      ? { yes: hasNull, no: hasValue, unknown: false }
      : { yes: hasValue, no: hasNull, unknown: false }
  }
  if (!hasValue) return { yes: false, no: false, unknown: true }
  const range = rangeOf(column, found, rules)
  if (range === null) return { yes: true, no: true, unknown: hasNull }
  const literals = 'in' in predicate ? predicate.in : [predicate.value]
  const op = 'in' in predicate ? '=' : predicate.op
  const parts = literals.map((literal) => compared(op, range, literalOf(column, literal)))
  return { yes: parts.some(({ yes }) => yes), no: parts.every(({ no }) => no), unknown: hasNull }
}

function compared(op: '=' | '!=' | '<' | '<=' | '>' | '>=', { min, max, exact }: Range, value: Comparable) {
  const single = exact && min === max
  switch (op) {
    case '=':
      return { yes: min <= value && value <= max, no: !(single && min === value) }
    case '!=':
      return { yes: !(single && min === value), no: min <= value && value <= max }
    case '<':
      return { yes: min < value, no: max >= value }
    case '<=':
      return { yes: min <= value, no: max > value }
    case '>':
      return { yes: max > value, no: min <= value }
    case '>=':
      return { yes: max >= value, no: min < value }
    default:
      return op satisfies never
  }
}

/** Top-level columns only; a name may hold dots. */
function columnNamed(root: OrcType, name: string): OrcType {
  const column = root.children[root.fieldNames.indexOf(name)]
  if (column === undefined) {
    throw new ConnectorError(
      'CONFIGURATION',
      `Column "${name}" is not in the file; it has ${root.fieldNames.slice(0, 20).join(', ')}`,
    )
  }
  return column
}

/** Bounds in the domain in which literals are compared; null when the statistics do not give trustworthy ones. */
export function rangeOf(type: OrcType, found: Partial<ColumnStatistics>, rules: StatisticsRules): Range | null {
  switch (type.kind) {
    case TypeKind.BOOLEAN: {
      const trues = found.bucketStatistics?.count[0]
      if (trues === undefined) return null
      return { min: trues === found.numberOfValues ? 1 : 0, max: trues > 0 ? 1 : 0, exact: true }
    }
    case TypeKind.BYTE:
    case TypeKind.SHORT:
    case TypeKind.INT:
    case TypeKind.LONG:
      return exactRange(found.intStatistics)
    case TypeKind.FLOAT:
    case TypeKind.DOUBLE: {
      const { minimum, maximum, sum } = found.doubleStatistics ?? {}
      // A NaN is in no bounds; writers show it by a sum that is NaN or missing.
      if (minimum === undefined || maximum === undefined || sum === undefined) return null
      if (Number.isNaN(minimum) || Number.isNaN(maximum) || Number.isNaN(sum)) return null
      return { min: minimum, max: maximum, exact: true }
    }
    case TypeKind.STRING:
    case TypeKind.VARCHAR:
    case TypeKind.CHAR:
      return rules.javaVersion !== null && rules.javaVersion < 1 ? null : textRange(found)
    case TypeKind.DATE: {
      const range = exactRange(found.dateStatistics)
      if (range === null || !rules.hybrid) return range
      const converted = (value: Comparable) => BigInt(prolepticDays(Number(value)))
      return { min: converted(range.min), max: converted(range.max), exact: false }
    }
    case TypeKind.DECIMAL:
      return rules.javaVersion !== null && rules.javaVersion < 7 ? null : decimalRange(found)
    case TypeKind.TIMESTAMP:
    case TypeKind.TIMESTAMP_INSTANT:
      return timestampRange(found, rules)
    default:
      return null
  }
}

function exactRange(found: { minimum?: bigint | undefined; maximum?: bigint | undefined } | undefined): Range | null {
  if (found?.minimum === undefined || found.maximum === undefined) return null
  return { min: found.minimum, max: found.maximum, exact: true }
}

/** Compared as UTF-8 bytes, written as Latin-1 text, whose order is theirs. */
function textRange({ stringStatistics: found }: Partial<ColumnStatistics>): Range | null {
  const min = found?.minimum ?? found?.lowerBound
  const max = found?.maximum ?? found?.upperBound
  if (min === undefined || max === undefined) return null
  const exact = found?.minimum !== undefined && found.maximum !== undefined
  return { min: byteText(min), max: byteText(max), exact }
}

const byteText = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

/** Digits behind the point that every bound and literal is scaled to. */
const DECIMAL_SCALE = 38

function decimalRange({ decimalStatistics: found }: Partial<ColumnStatistics>): Range | null {
  const min = found?.minimum === undefined ? null : parseDecimal(found.minimum)
  const max = found?.maximum === undefined ? null : parseDecimal(found.maximum)
  return min === null || max === null ? null : { min, max, exact: true }
}

function parseDecimal(text: string): bigint | null {
  const match = /^([+-]?)(\d{0,80})(?:\.(\d{0,80}))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text.trim())
  if (match === null) return null
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const shift = DECIMAL_SCALE - fraction.length + Number(exponent)
  const digits = BigInt(`${whole}${fraction}` || '0')
  const scaled = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift)
  return sign === '-' ? -scaled : scaled
}

const NANOS_PER_MILLI = 1_000_000n
const NANOS_PER_SECOND = 1_000_000_000n

function timestampRange({ timestampStatistics: found }: Partial<ColumnStatistics>, rules: StatisticsRules): Range | null {
  if (found?.minimumUtc === undefined || found.maximumUtc === undefined) return null
  const wall = (millis: bigint): bigint => {
    if (!rules.hybrid) return millis
    const rest = ((millis % 1000n) + 1000n) % 1000n
    return BigInt(prolepticSeconds(Number((millis - rest) / 1000n))) * 1000n + rest
  }
  const min = wall(found.minimumUtc) * NANOS_PER_MILLI + BigInt(Math.max(0, (found.minimumNanos ?? 1) - 1))
  const last = (found.maximumNanos ?? 0) > 0 ? (found.maximumNanos ?? 0) - 1 : 999_999
  const max = wall(found.maximumUtc) * NANOS_PER_MILLI + BigInt(last)
  // Values of the last second before 1970 are read one second later than they were written.
  return { min, max: max < 0n && max >= -NANOS_PER_SECOND ? max + NANOS_PER_SECOND : max, exact: false }
}

/** A constant in the domain of the column's bounds. Throws `CONFIGURATION` when it is none of the column's type. */
function literalOf(type: OrcType, literal: Literal): Comparable {
  const value = convert(type, literal)
  if (value !== null) return value
  throw new ConnectorError('CONFIGURATION', `Column "${type.path}" cannot be compared with a ${typeof literal} of this form`)
}

function convert(type: OrcType, literal: Literal): Comparable | null {
  switch (type.kind) {
    case TypeKind.BOOLEAN:
      return typeof literal === 'boolean' ? Number(literal) : null
    case TypeKind.BYTE:
    case TypeKind.SHORT:
    case TypeKind.INT:
    case TypeKind.LONG:
      if (typeof literal === 'number') return Number.isInteger(literal) ? BigInt(literal) : Number.isNaN(literal) ? null : literal
      return typeof literal === 'bigint' ? literal : null
    case TypeKind.FLOAT:
    case TypeKind.DOUBLE:
      return typeof literal === 'number' && !Number.isNaN(literal) ? literal : null
    case TypeKind.STRING:
    case TypeKind.VARCHAR:
    case TypeKind.CHAR:
      return typeof literal === 'string' ? byteText(literal) : null
    case TypeKind.DECIMAL:
      return typeof literal === 'boolean' ? null : parseDecimal(String(literal))
    case TypeKind.DATE:
      return typeof literal === 'string' ? dateLiteral(literal) : null
    case TypeKind.TIMESTAMP:
    case TypeKind.TIMESTAMP_INSTANT:
      return typeof literal === 'string' ? timestampLiteral(literal) : null
    default:
      return null
  }
}

const DAY_MILLIS = 86_400_000

function dateLiteral(text: string): bigint | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text)
  const millis = match === null ? Number.NaN : Date.parse(`${text}T00:00:00Z`)
  return Number.isNaN(millis) ? null : BigInt(millis / DAY_MILLIS)
}

function timestampLiteral(text: string): bigint | null {
  const match = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?Z?$/.exec(text)
  const millis = match === null ? Number.NaN : Date.parse(`${match[1]}T${match[2]}Z`)
  if (match === null || Number.isNaN(millis)) return null
  return BigInt(millis) * NANOS_PER_MILLI + BigInt((match[3] ?? '').padEnd(9, '0'))
}
