/** Casts, explicit and implied, between all types; what Snowflake refuses is refused, with its words. */

import type { Place } from '../errors.ts'
import { incompatibleTypes } from '../errors.ts'
import { leafSql, nodeType } from '../external/file-node.ts'
import { timestampText } from '../functions/time-format.ts'
import { duckType, isSemi, isTimestamp, type SqlType, text, typeText } from '../types.ts'
import { toVariant } from './to-variant.ts'
import { type Bound, bound, failure } from './value.ts'

export type CastContext = {
  readonly at: Place
  /** TRY_CAST and TRY_TO_…: NULL where the cast fails. */
  readonly attempt?: boolean
  /** Session parameters that decide how dates and times become text. */
  readonly formats: OutputFormats
}

export type OutputFormats = {
  readonly date: string
  readonly time: string
  readonly timestamp_ntz: string
  readonly timestamp_ltz: string
  readonly timestamp_tz: string
  readonly binary: 'HEX'
}

/** The value as another type. A VARIANT goes by what it holds. */
export function castTo(value: Bound, target: SqlType, context: CastContext): Bound {
  if (value.node !== undefined) return castNode(value, value.node, target, context)
  if (value.type.kind === 'null' || value.constant === null) return bound(`CAST(NULL AS ${duckType(target)})`, target)
  if (target.kind === 'null') return value
  if (isSemi(target)) return castToSemi(value, target, context)
  if (isSemi(value.type)) return castVariant(value, target, context)
  const sql = scalarCast(value, target, context)
  if (sql === null) throw incompatibleTypes(typeText(value.type), typeText(target), context.at)
  return { sql, type: target, nullable: value.nullable || context.attempt === true, ...constantOf(value, target) }
}

/** Text that stays text keeps being a literal. */
const constantOf = ({ constant, type }: Bound, target: SqlType) =>
  constant !== undefined && type.kind === target.kind && type.kind === 'text' ? { constant } : {}

function castToSemi(value: Bound, target: SqlType, context: CastContext): Bound {
  if (isSemi(value.type)) {
    if (target.kind === 'variant' || value.type.kind === target.kind) return { ...value, type: target }
    const wanted = target.kind === 'array' ? 'ARRAY' : 'OBJECT'
    const wrong = context.attempt ? 'NULL' : failure('100071', '22000', 'Failed to cast variant value to ', `'${wanted}'`)
    const sql = `CASE WHEN ${value.sql} IS NULL OR json_type(${value.sql}) = 'NULL' THEN NULL WHEN json_type(${value.sql}) = '${wanted}' THEN ${value.sql} ELSE ${wrong} END`
    return bound(sql, target)
  }
  if (target.kind === 'variant') return toVariant(value)
  throw incompatibleTypes(typeText(value.type), typeText(target), context.at)
}

/** A typed value of a file: an integer becomes a timestamp by its size, everything else as its own type would. */
function castNode(value: Bound, node: NonNullable<Bound['node']>, target: SqlType, context: CastContext): Bound {
  const type = nodeType(node)
  if (type === null || isSemi(target)) return castTo(toVariant(value), target, context)
  const leaf = leafSql(node, value.sql)
  const plain = bound(type.kind === 'number' ? `CAST(${leaf} AS ${duckType(type)})` : leaf, type)
  if (type.kind === 'number' && (isTimestamp(target) || target.kind === 'date')) {
    if (node.kind === 'integer' && isTimestamp(target)) return bound(`sf_auto_timestamp(${leaf})`, target)
    return refusedAtRun(value.sql, typeText(type), target)
  }
  const sql = scalarCast(plain, target, context)
  if (sql === null) return refusedAtRun(value.sql, typeText(type), target)
  return bound(sql, target)
}

/** What only fails for a row that has a value: the statement itself is right. */
function refusedAtRun(sql: string, found: string, target: SqlType): Bound {
  const words = `Failed to cast variant value of type ${found} to ${typeText(target)}`
  return bound(
    `CASE WHEN ${sql} IS NULL THEN NULL ELSE CAST(${failure('100071', '22000', words)} AS ${duckType(target)}) END`,
    target,
  )
}

function castVariant(value: Bound, target: SqlType, context: CastContext): Bound {
  const words = bound(`sf_variant_text(${value.sql})`, text())
  if (target.kind === 'number' || target.kind === 'float') {
    const flag = `CASE json_type(${value.sql}) WHEN 'BOOLEAN' THEN CASE WHEN ${value.sql} = 'true' THEN '1' ELSE '0' END ELSE ${words.sql} END`
    return { ...castTo(bound(flag, text()), target, context), nullable: true }
  }
  return { ...castTo(words, target, context), nullable: true }
}

/** DuckDB's text of a cast between scalar types; null when there is none. */
function scalarCast(value: Bound, target: SqlType, { formats, attempt = false }: CastContext): string | null {
  const from = value.type
  const plain = `${attempt ? 'TRY_CAST' : 'CAST'}(${value.sql} AS ${duckType(target)})`
  const macro = attempt ? 'sf_try_' : 'sf_'
  const digits = `${attempt ? 'TRY_CAST' : 'CAST'}(${macro}digits(${value.sql}) AS ${duckType(target)})`
  switch (target.kind) {
    case 'number':
      if (from.kind === 'boolean') return `CAST(CAST(${value.sql} AS INTEGER) AS ${duckType(target)})`
      if (from.kind === 'text') return digits
      return from.kind === 'number' || from.kind === 'float' ? plain : null
    case 'float':
      if (from.kind === 'text') return digits
      return from.kind === 'number' || from.kind === 'float' || from.kind === 'boolean' ? plain : null
    case 'text':
      return textCast(value, target.length, formats, macro)
    case 'boolean':
      if (from.kind === 'text') return `${macro}text_boolean(${value.sql})`
      if (from.kind === 'number' || from.kind === 'float') return `(${value.sql} <> 0)`
      return from.kind === 'boolean' ? value.sql : null
    case 'date':
      if (from.kind === 'text') return `${macro}text_date(${value.sql})`
      return from.kind === 'date' || isTimestamp(from) ? plain : null
    case 'time':
      return from.kind === 'text' || from.kind === 'time' || isTimestamp(from) ? plain : null
    case 'timestamp_ntz':
    case 'timestamp_ltz':
    case 'timestamp_tz':
      return timestampCast(value, target.scale, macro)
    case 'binary':
      if (from.kind === 'text') return `${macro}text_binary(${value.sql})`
      return from.kind === 'binary' ? value.sql : null
    case 'variant':
    case 'object':
    case 'array':
    case 'null':
      return null
    default:
      return target satisfies never
  }
}

function timestampCast(value: Bound, scale: number, macro: string): string | null {
  const { kind } = value.type
  const whole =
    kind === 'text'
      ? `${macro}text_timestamp(${value.sql})`
      : kind === 'number' && value.type.scale === 0
        ? `sf_auto_timestamp(${value.sql})`
        : kind === 'date' || isTimestamp(value.type)
          ? `CAST(${value.sql} AS TIMESTAMP)`
          : null
  if (whole === null || scale >= 6 || (isTimestamp(value.type) && 'scale' in value.type && value.type.scale <= scale))
    return whole
  const step = 10 ** (6 - scale)
  const micros = `epoch_us(${whole})`
  return `make_timestamp(${micros} - ((${micros} % ${step}) + ${step}) % ${step})`
}

function textCast(value: Bound, length: number, formats: OutputFormats, macro: string): string | null {
  const from = value.type
  const fits = (sql: string, longest: number): string => (longest > length ? `${macro}fits(${sql}, ${length})` : sql)
  switch (from.kind) {
    case 'text':
      return fits(value.sql, from.length)
    case 'number':
      return fits(numberText(value.sql, from.precision, from.scale), from.precision + 3)
    case 'float':
      return fits(`sf_double_text(${value.sql})`, 30)
    case 'boolean':
      return fits(`CAST(${value.sql} AS VARCHAR)`, 5)
    case 'date':
    case 'time':
    case 'timestamp_ntz':
    case 'timestamp_ltz':
    case 'timestamp_tz':
      return fits(timestampText(value, formats[from.kind]), 40)
    case 'binary':
      return fits(`hex(${value.sql})`, from.length * 2)
    case 'variant':
    case 'object':
    case 'array':
    case 'null':
      return null
    default:
      return from satisfies never
  }
}

/** DuckDB leaves the zero before the point away where the type has no digit for it. */
export function numberText(sql: string, precision: number, scale: number): string {
  const plain = `CAST(${sql} AS VARCHAR)`
  return precision === scale ? `regexp_replace(${plain}, '^(-?)\\.', '\\10.')` : plain
}
