/** DuckDB's SQL as data for the generators, and its names for logical types. */
import type { LogicalType } from '../logical-type.ts'
import type { Dialect } from '../ports.ts'
import { identifier, text } from './quote.ts'

/** The type that a relation's column has. Formatted texts stay text: a cast of each row could refuse what the source accepted. */
export function sqlType(type: LogicalType): string {
  switch (type.kind) {
    case 'bool':
      return 'BOOLEAN'
    case 'int16':
      return 'SMALLINT'
    case 'int32':
      return 'INTEGER'
    case 'int64':
      return 'BIGINT'
    case 'float32':
      return 'FLOAT'
    case 'float64':
      return 'DOUBLE'
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`
    case 'utf8':
      return 'VARCHAR'
    case 'binary':
      return 'BLOB'
    case 'date':
      return 'DATE'
    case 'timestamp':
      return type.utc ? 'TIMESTAMPTZ' : 'TIMESTAMP'
    default:
      return type satisfies never
  }
}

/** The type under which files show a column: every timestamp in them is UTC-adjusted and reads as TIMESTAMPTZ. */
export function fileType(type: LogicalType): string {
  return type.kind === 'timestamp' ? 'TIMESTAMPTZ' : sqlType(type)
}

/** A canonical text as a value. Independent of the session's time zone. */
function literal(value: string, type: LogicalType): string {
  switch (type.kind) {
    case 'utf8':
      return text(value)
    case 'binary':
      return `unhex(${text(value)})`
    case 'timestamp':
      return type.utc ? `timezone('UTC', TIMESTAMP ${text(value)})` : `TIMESTAMP ${text(value)}`
    default:
      return `cast(${text(value)} as ${sqlType(type)})`
  }
}

function column(physical: string, type: LogicalType): string {
  const name = identifier(physical)
  switch (type.kind) {
    case 'timestamp':
      // Never a cast: that would read the wall clock in the session's time zone.
      return type.utc ? name : `timezone('UTC', ${name})`
    case 'utf8':
      return name
    default:
      // Files of an older schema version may be narrower, and Parquet has no 16-bit integer.
      return `cast(${name} as ${sqlType(type)})`
  }
}

export const DUCKDB_DIALECT: Dialect = { name: 'duckdb', quote: '"', typeOf: sqlType, literal, column }
