/**
 * Logical types: the Arrow types that flow, as plain data, so that they can be written into the commit log.
 * `integrations/types/` maps them to Parquet, ORC and SQL; a connector maps its own types to them.
 */
import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  Decimal,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  TimestampMicrosecond,
  Utf8,
} from 'apache-arrow'

/** `format` says what the text of a `utf8` column is; it never changes the bytes, only how a warehouse may present them. */
export type TextFormat = 'text' | 'json' | 'uuid' | 'time' | 'timetz' | 'interval' | 'hex'

export type LogicalType =
  | { readonly kind: 'bool' }
  | { readonly kind: 'int16' }
  | { readonly kind: 'int32' }
  | { readonly kind: 'int64' }
  | { readonly kind: 'float32' }
  | { readonly kind: 'float64' }
  /** 1 ≤ precision ≤ 38, 0 ≤ scale ≤ precision. Arrow Decimal128. */
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'utf8'; readonly format: TextFormat }
  | { readonly kind: 'binary' }
  /** Days since 1970-01-01, proleptic Gregorian. */
  | { readonly kind: 'date' }
  /** Microseconds since 1970-01-01T00:00Z; `utc` false = wall clock without a zone. */
  | { readonly kind: 'timestamp'; readonly utc: boolean }

export type LogicalKind = LogicalType['kind']

/** The Arrow type of a logical type. */
export function arrowType(type: LogicalType): DataType {
  switch (type.kind) {
    case 'bool':
      return new Bool()
    case 'int16':
      return new Int16()
    case 'int32':
      return new Int32()
    case 'int64':
      return new Int64()
    case 'float32':
      return new Float32()
    case 'float64':
      return new Float64()
    case 'decimal':
      return new Decimal(type.scale, type.precision, 128)
    case 'utf8':
      return new Utf8()
    case 'binary':
      return new Binary()
    case 'date':
      return new DateDay()
    case 'timestamp':
      return new TimestampMicrosecond(type.utc ? 'UTC' : null)
    default:
      return type satisfies never
  }
}

/** Short name for messages, schemas and golden files: `int64`, `decimal(12,2)`, `utf8(json)`, `timestamp(us,UTC)`. */
export function typeName(type: LogicalType): string {
  switch (type.kind) {
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`
    case 'utf8':
      return type.format === 'text' ? 'utf8' : `utf8(${type.format})`
    case 'timestamp':
      return type.utc ? 'timestamp(us,UTC)' : 'timestamp(us)'
    default:
      return type.kind
  }
}
