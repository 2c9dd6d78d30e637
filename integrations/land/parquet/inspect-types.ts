/** Types and values of any Parquet file, for people: names of the logical type table where they fit, JSON without loss. */
import type { SchemaElement, SchemaTree } from 'hyparquet'
import { decimalText } from '../../../connectors/column-values.ts'
import { bytesText, dateText, type FractionDigits, timestampText, timeText } from '../../types/canonical-text.ts'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/** What a leaf's values mean, whichever of the two annotations says so. */
export type Meaning =
  | { readonly kind: 'text' | 'json' | 'uuid' | 'date' | 'interval' | 'float16' | 'plain' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'timestamp'; readonly utc: boolean; readonly digits: FractionDigits }
  | { readonly kind: 'time'; readonly digits: FractionDigits }
  | { readonly kind: 'integer'; readonly bits: number; readonly signed: boolean }

const DIGITS = { MILLIS: 3, MICROS: 6, NANOS: 9 } as const
const UNITS = { 3: 'ms', 6: 'us', 9: 'ns' } as const

export function meaningOf(element: SchemaElement): Meaning {
  const logical = element.logical_type
  switch (logical?.type) {
    case 'STRING':
    case 'ENUM':
      return { kind: 'text' }
    case 'JSON':
      return { kind: 'json' }
    case 'UUID':
      return { kind: 'uuid' }
    case 'DATE':
      return { kind: 'date' }
    case 'FLOAT16':
      return { kind: 'float16' }
    case 'DECIMAL':
      return { kind: 'decimal', precision: logical.precision, scale: logical.scale }
    case 'TIMESTAMP':
      return { kind: 'timestamp', utc: logical.isAdjustedToUTC, digits: DIGITS[logical.unit] }
    case 'TIME':
      return { kind: 'time', digits: DIGITS[logical.unit] }
    case 'INTEGER':
      return { kind: 'integer', bits: logical.bitWidth, signed: logical.isSigned }
    default:
      return convertedMeaning(element)
  }
}

function convertedMeaning(element: SchemaElement): Meaning {
  const converted = element.converted_type
  switch (converted) {
    case 'UTF8':
    case 'ENUM':
      return { kind: 'text' }
    case 'JSON':
      return { kind: 'json' }
    case 'DATE':
      return { kind: 'date' }
    case 'INTERVAL':
      return { kind: 'interval' }
    case 'DECIMAL':
      return { kind: 'decimal', precision: element.precision ?? 0, scale: element.scale ?? 0 }
    case 'TIMESTAMP_MILLIS':
    case 'TIMESTAMP_MICROS':
      return { kind: 'timestamp', utc: true, digits: converted === 'TIMESTAMP_MILLIS' ? 3 : 6 }
    case 'TIME_MILLIS':
    case 'TIME_MICROS':
      return { kind: 'time', digits: converted === 'TIME_MILLIS' ? 3 : 6 }
    default:
      break
  }
  const integer = /^(U?)INT_(\d+)$/.exec(converted ?? '')
  if (integer !== null) return { kind: 'integer', bits: Number(integer[2]), signed: integer[1] === '' }
  return element.type === 'INT96' ? { kind: 'timestamp', utc: true, digits: 9 } : { kind: 'plain' }
}

const PLAIN_NAMES: Readonly<Record<string, string>> = {
  BOOLEAN: 'bool',
  INT32: 'int32',
  INT64: 'int64',
  FLOAT: 'float32',
  DOUBLE: 'float64',
  BYTE_ARRAY: 'binary',
}

function leafName(element: SchemaElement): string {
  const meaning = meaningOf(element)
  switch (meaning.kind) {
    case 'text':
      return 'utf8'
    case 'json':
      return 'utf8(json)'
    case 'decimal':
      return `decimal(${meaning.precision},${meaning.scale})`
    case 'timestamp':
      return meaning.utc ? `timestamp(${UNITS[meaning.digits]},UTC)` : `timestamp(${UNITS[meaning.digits]})`
    case 'time':
      return `time(${UNITS[meaning.digits]})`
    case 'integer':
      return `${meaning.signed ? '' : 'u'}int${meaning.bits}`
    case 'plain':
      if (element.type === 'FIXED_LEN_BYTE_ARRAY') return `binary(${element.type_length ?? 0})`
      return PLAIN_NAMES[element.type ?? ''] ?? String(element.type)
    default:
      return meaning.kind
  }
}

/** `int64`, `decimal(12,2)`, `list<utf8>`, `map<utf8, int32>`, `struct<a: int32, b: date>`. */
export function nodeTypeName(node: SchemaTree): string {
  const { element, children } = node
  const own = children.length === 0 ? leafName(element) : groupName(node)
  return element.repetition_type === 'REPEATED' ? `list<${own}>` : own
}

function groupName(node: SchemaTree): string {
  const [repeated] = node.children
  const inner = repeated?.children ?? []
  const [first, second] = inner
  if (node.element.converted_type === 'LIST' && repeated !== undefined) {
    return `list<${nodeTypeName(first !== undefined && inner.length === 1 ? first : repeated)}>`
  }
  if (node.element.converted_type === 'MAP' && first !== undefined && second !== undefined) {
    return `map<${nodeTypeName(first)}, ${nodeTypeName(second)}>`
  }
  return `struct<${node.children.map((child) => `${child.element.name}: ${nodeTypeName(child)}`).join(', ')}>`
}

/** A value as read without conversion, as JSON: wide integers and decimals as strings, bytes as hex, instants in ISO-8601. */
export function nodeJson(node: SchemaTree, value: unknown): Json {
  if (value === null || value === undefined) return null
  if (node.children.length === 0) {
    return Array.isArray(value) ? value.map((item) => nodeJson(node, item)) : leafJson(node.element, value)
  }
  if (Array.isArray(value)) {
    const [repeated] = node.children
    const inner = node.element.converted_type === 'LIST' && repeated !== undefined ? (repeated.children[0] ?? repeated) : node
    return value.map((item) => nodeJson(inner, item))
  }
  const entries = Object.entries(value as Record<string, unknown>)
  if (node.element.converted_type === 'MAP') {
    const values = node.children[0]?.children[1]
    return Object.fromEntries(entries.map(([key, item]) => [key, values === undefined ? String(item) : nodeJson(values, item)]))
  }
  return Object.fromEntries(
    entries.map(([name, item]) => {
      const child = node.children.find((candidate) => candidate.element.name === name)
      return [name, child === undefined ? String(item) : nodeJson(child, item)]
    }),
  )
}

/** One physical value (number, bigint, boolean, bytes or decoded text) as JSON. */
export function leafJson(element: SchemaElement, value: unknown): Json {
  const meaning = meaningOf(element)
  switch (meaning.kind) {
    case 'text':
    case 'json':
      return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : String(value)
    case 'uuid':
      return value instanceof Uint8Array
        ? bytesText(value).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
        : String(value)
    case 'date':
      return dateText(Number(value))
    case 'decimal':
      return decimalText(value instanceof Uint8Array ? signedBigEndian(value) : BigInt(value as number), meaning.scale)
    case 'timestamp':
      return timestampText(BigInt(value as bigint), 'T', meaning.digits) + (meaning.utc ? 'Z' : '')
    case 'time':
      return timeText(BigInt(value as bigint), meaning.digits)
    case 'integer':
      if (meaning.bits === 64) return (meaning.signed ? BigInt(value as bigint) : BigInt.asUintN(64, value as bigint)).toString()
      return meaning.signed ? Number(value) : Number(BigInt.asUintN(meaning.bits, BigInt(value as number)))
    case 'float16':
      return value instanceof Uint8Array ? floatJson(float16(value)) : floatJson(Number(value))
    case 'interval':
    case 'plain':
      return plainJson(value)
    default:
      return meaning satisfies never
  }
}

function plainJson(value: unknown): Json {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') return floatJson(value)
  if (typeof value === 'boolean') return value
  return value instanceof Uint8Array ? bytesText(value) : String(value)
}

/** JSON has no NaN and no infinities: they are text. */
const floatJson = (value: number): Json => (Number.isFinite(value) ? value : String(value))

function signedBigEndian(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytesText(bytes)}`))
}

/** IEEE 754 binary16, little-endian. */
function float16(bytes: Uint8Array): number {
  const bits = (bytes[0] as number) | ((bytes[1] as number) << 8)
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * 2 ** -14 * (fraction / 1024)
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024)
}

/** A bound of a column chunk's statistics, from its PLAIN bytes (byte arrays without their length). */
export function boundJson(element: SchemaElement, bytes: Uint8Array): Json {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (element.type) {
    case 'BOOLEAN':
      return bytes[0] === 1
    case 'INT32':
      return bytes.length === 4 ? leafJson(element, view.getInt32(0, true)) : null
    case 'INT64':
      return bytes.length === 8 ? leafJson(element, view.getBigInt64(0, true)) : null
    case 'FLOAT':
      return bytes.length === 4 ? leafJson(element, view.getFloat32(0, true)) : null
    case 'DOUBLE':
      return bytes.length === 8 ? leafJson(element, view.getFloat64(0, true)) : null
    case 'BYTE_ARRAY':
    case 'FIXED_LEN_BYTE_ARRAY':
      return leafJson(element, bytes)
    default:
      return null
  }
}
