/** Snowflake's types, how DuckDB holds their values, and what a result says of them. */
import type { ResultColumn, WireType } from '../engine.ts'

export type SqlType =
  | { readonly kind: 'number'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'text' | 'binary'; readonly length: number }
  | { readonly kind: 'time' | 'timestamp_ntz' | 'timestamp_ltz' | 'timestamp_tz'; readonly scale: number }
  | { readonly kind: 'float' | 'boolean' | 'date' | 'variant' | 'object' | 'array' | 'null' }

export type TypeKind = SqlType['kind']

export const MAX_TEXT = 16_777_216
export const MAX_BINARY = 8_388_608
export const MAX_PRECISION = 38

export const number = (precision: number, scale = 0): SqlType => ({ kind: 'number', precision: Math.min(precision, 38), scale })
export const text = (length = MAX_TEXT): SqlType => ({ kind: 'text', length })
export const binary = (length = MAX_BINARY): SqlType => ({ kind: 'binary', length })
export const time = (scale = 9): SqlType => ({ kind: 'time', scale })
export const timestamp = (kind: 'timestamp_ntz' | 'timestamp_ltz' | 'timestamp_tz', scale = 9): SqlType => ({ kind, scale })
export const FLOAT: SqlType = { kind: 'float' }
export const BOOLEAN: SqlType = { kind: 'boolean' }
export const DATE: SqlType = { kind: 'date' }
export const VARIANT: SqlType = { kind: 'variant' }
export const OBJECT: SqlType = { kind: 'object' }
export const ARRAY: SqlType = { kind: 'array' }
export const NULL: SqlType = { kind: 'null' }

export const isSemi = (type: SqlType): boolean => type.kind === 'variant' || type.kind === 'object' || type.kind === 'array'
export const isTimestamp = (type: SqlType): boolean => type.kind.startsWith('timestamp')

/** As DESCRIBE and messages write it: `NUMBER(10,2)`. */
export function typeText(type: SqlType): string {
  switch (type.kind) {
    case 'number':
      return `NUMBER(${type.precision},${type.scale})`
    case 'text':
      return `VARCHAR(${type.length})`
    case 'binary':
      return `BINARY(${type.length})`
    case 'time':
    case 'timestamp_ntz':
    case 'timestamp_ltz':
    case 'timestamp_tz':
      return `${type.kind.toUpperCase()}(${type.scale})`
    case 'float':
    case 'boolean':
    case 'date':
    case 'variant':
    case 'object':
    case 'array':
    case 'null':
      return type.kind.toUpperCase()
    default:
      return type satisfies never
  }
}

/** INFORMATION_SCHEMA's name of a type. */
export function dataType(type: SqlType): string {
  return type.kind === 'text' ? 'TEXT' : type.kind.toUpperCase()
}

/**
 * What DuckDB holds: timestamps of every kind in UTC microseconds, semi-structured values as JSON text in which values that JSON does not
 * know are strings with a mark (see `variant.ts`).
 */
export function duckType(type: SqlType): string {
  switch (type.kind) {
    case 'number':
      return `DECIMAL(${type.precision},${type.scale})`
    case 'float':
      return 'DOUBLE'
    case 'boolean':
      return 'BOOLEAN'
    case 'date':
      return 'DATE'
    case 'time':
      return 'TIME'
    case 'timestamp_ntz':
    case 'timestamp_ltz':
    case 'timestamp_tz':
      return 'TIMESTAMP'
    case 'binary':
      return 'BLOB'
    case 'text':
    case 'variant':
    case 'object':
    case 'array':
    case 'null':
      return 'VARCHAR'
    default:
      return type satisfies never
  }
}

const WIRE: Readonly<Record<TypeKind, WireType>> = {
  number: 'fixed',
  float: 'real',
  text: 'text',
  boolean: 'boolean',
  date: 'date',
  time: 'time',
  timestamp_ntz: 'timestamp_ntz',
  timestamp_ltz: 'timestamp_ltz',
  timestamp_tz: 'timestamp_tz',
  binary: 'binary',
  variant: 'variant',
  object: 'object',
  array: 'array',
  null: 'text',
}

export function resultColumn(name: string, type: SqlType, nullable: boolean): ResultColumn {
  const none = { precision: null, scale: null, length: null, byteLength: null }
  const column = { name, type: WIRE[type.kind], nullable, ...none }
  switch (type.kind) {
    case 'number':
      return { ...column, precision: type.precision, scale: type.scale }
    case 'text':
      return { ...column, length: type.length, byteLength: Math.min(type.length * 4, MAX_TEXT) }
    case 'null':
      return { ...column, length: 0, byteLength: 0 }
    case 'binary':
      return { ...column, length: type.length, byteLength: type.length }
    case 'time':
    case 'timestamp_ntz':
    case 'timestamp_ltz':
    case 'timestamp_tz':
      return { ...column, precision: 0, scale: type.scale }
    case 'float':
    case 'boolean':
    case 'date':
    case 'variant':
    case 'object':
    case 'array':
      return column
    default:
      return type satisfies never
  }
}

/** Equal in kind and parameters. */
export const sameType = (left: SqlType, right: SqlType): boolean => typeText(left) === typeText(right)
