/** The one table of types: how a lake's column is defined, shown and read back. Pure. lake-format's type table, Snowflake's column. */

import { ConnectorError } from '../errors.ts'
import { type LogicalType, typeName } from '../logical-type.ts'
import type { SnowflakeColumn } from './client.ts'
import { quoted, text } from './names.ts'

/** Snowflake documentation, "Data types for fixed-point numbers": up to 38 digits, 37 of them behind the point. */
export const MAX_SCALE = 37

/** The type under which relations show a column, as `DESCRIBE` spells it without the default lengths. */
export function shownType(type: LogicalType): string {
  switch (type.kind) {
    case 'bool':
      return 'BOOLEAN'
    case 'int16':
      return 'NUMBER(5,0)'
    case 'int32':
      return 'NUMBER(10,0)'
    case 'int64':
      return 'NUMBER(19,0)'
    case 'float32':
    case 'float64':
      return 'FLOAT'
    case 'decimal':
      return `NUMBER(${type.precision},${type.scale})`
    case 'utf8':
      if (type.format === 'json') return 'VARIANT'
      return type.format === 'uuid' ? 'VARCHAR(36)' : type.format === 'time' ? 'TIME(6)' : 'VARCHAR'
    case 'binary':
      return 'BINARY'
    case 'date':
      return 'DATE'
    case 'timestamp':
      return 'TIMESTAMP_NTZ(6)'
    default:
      return type satisfies never
  }
}

/** The type in external tables: JSON stays the text that was landed. */
export const storedType = (type: LogicalType): string => (isJson(type) ? 'VARCHAR' : shownType(type))

/** The expression of an external table's column. A path is case-sensitive: another case is NULL without an error. */
export function storedExpression(physical: string, type: LogicalType): string {
  const value = `value:${quoted(physical)}`
  return type.kind === 'timestamp' ? `(${timestampExpression(value)})::TIMESTAMP_NTZ(6)` : `${value}::${storedType(type)}`
}

/**
 * A timestamp of microseconds, whichever of its shapes an account sees. A bare cast of an INTEGER scales by magnitude, which is
 * silently wrong near 1970.
 */
export function timestampExpression(value: string): string {
  return [
    `CASE TYPEOF(${value})`,
    `  WHEN 'INTEGER'       THEN TO_TIMESTAMP_NTZ(${value}::NUMBER, 6)`,
    `  WHEN 'TIMESTAMP_NTZ' THEN ${value}::TIMESTAMP_NTZ`,
    `  WHEN 'TIMESTAMP_LTZ' THEN CONVERT_TIMEZONE('UTC', ${value}::TIMESTAMP_LTZ)::TIMESTAMP_NTZ`,
    'END',
  ].join('\n')
}

/**
 * How people's views show a column of the rules. A text that Snowflake cannot hold as JSON (a number beyond its range) is
 * shown as the text that it is, instead of failing every query or becoming NULL.
 */
export function shownExpression(column: string, type: LogicalType): string {
  return isJson(type) ? `COALESCE(TRY_PARSE_JSON(${column}), TO_VARIANT(${column}))` : column
}

/** A canonical text as a value of the type that external tables have. */
export function literal(value: string, type: LogicalType): string {
  if (isJson(type)) return text(value)
  if (type.kind === 'binary') return `TO_BINARY(${text(value)}, 'HEX')`
  return `CAST(${text(value)} AS ${shownType(type)})`
}

const isJson = (type: LogicalType): boolean => type.kind === 'utf8' && type.format === 'json'

/** Throws what `unfit` says. */
export function refuseUnfit(table: string, column: string, type: LogicalType): void {
  const error = unfit(table, column, type)
  if (error !== null) throw error
}

/** `SCHEMA` for a column that Snowflake cannot hold: known before anything is made, never rounded. Null: it can. */
export function unfit(table: string, column: string, type: LogicalType): ConnectorError | null {
  if (type.kind !== 'decimal' || type.scale <= MAX_SCALE) return null
  return new ConnectorError(
    'SCHEMA',
    `Column "${column}" of "${table}" is ${typeName(type)}; Snowflake holds at most ${MAX_SCALE} digits behind the point. Give it a smaller decimal(p,s) or "text" under "columns" in the integration`,
  )
}

/** The type of a result's column: what holds every value of it exactly. */
export function resultType({ type, scale, precision }: SnowflakeColumn): LogicalType {
  switch (type) {
    case 'fixed': {
      const digits = precision ?? 38
      if ((scale ?? 0) > 0) return { kind: 'decimal', precision: digits, scale: scale ?? 0 }
      if (digits <= 9) return { kind: 'int32' }
      // 19 digits are how 64-bit integers are registered; the few values beyond are refused when they come.
      return digits <= 19 ? { kind: 'int64' } : { kind: 'decimal', precision: digits, scale: 0 }
    }
    case 'real':
      return { kind: 'float64' }
    case 'boolean':
      return { kind: 'bool' }
    case 'date':
      return { kind: 'date' }
    case 'time':
      return { kind: 'utf8', format: 'time' }
    case 'timestamp_ntz':
      return { kind: 'timestamp', utc: false }
    case 'timestamp_ltz':
    case 'timestamp_tz':
      return { kind: 'timestamp', utc: true }
    case 'binary':
      return { kind: 'binary' }
    case 'variant':
    case 'object':
    case 'array':
    case 'map':
      return { kind: 'utf8', format: 'json' }
    default:
      return { kind: 'utf8', format: 'text' }
  }
}

/** `DESCRIBE`'s spelling without the lengths that mean "no limit". */
export function plainType(described: string): string {
  return described
    .toUpperCase()
    .replace(/^(VARCHAR\((?:16777216|134217728)\)|BINARY\((?:8388608|67108864)\))$/, (all) => all.slice(0, all.indexOf('(')))
}
