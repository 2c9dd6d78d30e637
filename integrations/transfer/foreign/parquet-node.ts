/** Values of Parquet columns, as they are stored, as trees of logical types: every writer's calendar, zone and units. Pure. */
import type { FileMetaData, SchemaElement, SchemaTree } from 'hyparquet'
import type { Value } from '../../../connectors/column-values.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import type { ForeignLayout, ForeignShape } from '../../../connectors/manifest.ts'
import { prolepticDays, prolepticSeconds } from '../../land/orc/calendar.ts'
import { type ZoneOffset, zoneOffset } from '../../land/orc/time-zone.ts'
import { type Meaning, meaningOf } from '../../land/parquet/inspect-types.ts'
import type { Tree } from './tree.ts'

/** What a file's key-value metadata say of how its writer counted. */
export type ParquetWriter = {
  /** Dates and timestamps before 1582-10-15 are of the Julian calendar. */
  readonly hybridDates: boolean
  readonly hybridInt96: boolean
  readonly hybridInt64: boolean
  /** INT96 is the instant at which a clock in this zone showed the value; null = UTC. */
  readonly zone: ZoneOffset | null
}

/**
 * Hive says calendar and zone (`writer.date.proleptic`, `writer.time.zone`); Spark says its version, and `legacy…` where it counted in
 * the old way. Other files of Java's writer are taken for those of an older Hive, as Hive does.
 */
export function writerOf({ created_by: createdBy = '', key_value_metadata: pairs = [] }: FileMetaData): ParquetWriter {
  const said = new Map(pairs.map(({ key, value }) => [key, value ?? '']))
  const proleptic = said.get('writer.date.proleptic')
  const spark = said.has('org.apache.spark.version')
  const legacy = proleptic === undefined && !spark && createdBy.startsWith('parquet-mr') && !said.has('parquet.avro.schema')
  const hive = proleptic === undefined ? legacy : proleptic.toLowerCase() !== 'true'
  return {
    hybridDates: hive || said.has('org.apache.spark.legacyDateTime'),
    // Hive never writes INT64 timestamps so.
    hybridInt64: said.has('org.apache.spark.legacyDateTime'),
    hybridInt96: hive || said.has('org.apache.spark.legacyINT96'),
    zone: zoneOffset(said.get('writer.time.zone') ?? ''),
  }
}

/** True when a leaf's values are those of its logical type as they are stored. */
export function isStoredExactly(element: SchemaElement, { hybridDates, hybridInt64 }: ParquetWriter): boolean {
  const meaning = meaningOf(element)
  switch (meaning.kind) {
    case 'text':
    case 'json':
      return element.type === 'BYTE_ARRAY'
    case 'date':
      return !hybridDates
    case 'decimal':
      return (element.scale ?? 0) === meaning.scale
    case 'timestamp':
      return element.type === 'INT64' && meaning.digits === 6 && !hybridInt64
    case 'integer':
      return meaning.signed
    case 'plain':
      return element.type !== 'FIXED_LEN_BYTE_ARRAY' && element.type !== 'INT96'
    default:
      return false
  }
}

/** Null: it holds values that no logical type holds. */
export function nodeShape(node: SchemaTree): ForeignShape | null {
  const { element } = node
  if (element.repetition_type !== 'REPEATED') return ownShape(node)
  const item = ownShape(node)
  return item === null ? null : { kind: 'list', item }
}

function ownShape(node: SchemaTree): ForeignShape | null {
  if (node.children.length === 0) {
    const type = leafType(node.element)
    return type === null ? null : { kind: 'value', type }
  }
  const group = groupOf(node)
  if (group.kind === 'list') {
    const item = nodeShape(group.item)
    return item === null ? null : { kind: 'list', item }
  }
  if (group.kind === 'map') {
    const [key, value] = [nodeShape(group.key), nodeShape(group.value)]
    return key === null || value === null ? null : { kind: 'map', key, value }
  }
  const fields: { readonly name: string; readonly shape: ForeignShape }[] = []
  for (const child of node.children) {
    const shape = nodeShape(child)
    const { name } = child.element
    // hyparquet makes objects of them, in which the one would be lost and the other be found where it is not.
    if (shape === null || name === '__proto__' || fields.some((field) => field.name === name)) return null
    fields.push({ name, shape })
  }
  return { kind: 'struct', fields }
}

type Group =
  | { readonly kind: 'struct' }
  /** `wrapped`: the repeated group has the item as its only field. */
  | { readonly kind: 'list'; readonly repeated: SchemaTree; readonly item: SchemaTree; readonly wrapped: boolean }
  | { readonly kind: 'map'; readonly repeated: SchemaTree; readonly key: SchemaTree; readonly value: SchemaTree }

/** Spec: apache/parquet-format LogicalTypes.md, Nested Types, with its rules for older writers. */
function groupOf({ element, children }: SchemaTree): Group {
  const [repeated] = children
  const kind = element.converted_type ?? element.logical_type?.type
  if (repeated === undefined || children.length !== 1 || repeated.element.repetition_type !== 'REPEATED')
    return { kind: 'struct' }
  const [first, second] = repeated.children
  if (kind === 'MAP' || kind === 'MAP_KEY_VALUE') {
    return first === undefined || second === undefined ? { kind: 'struct' } : { kind: 'map', repeated, key: first, value: second }
  }
  if (kind !== 'LIST') return { kind: 'struct' }
  const { name } = repeated.element
  const wrapped = first !== undefined && second === undefined && name !== 'array' && name !== `${element.name}_tuple`
  return { kind: 'list', repeated, item: wrapped ? first : once(repeated), wrapped }
}

/** The repeated node of a list without wrapping, as one of its items. */
function once(node: SchemaTree): SchemaTree {
  return { ...node, element: { ...node.element, repetition_type: 'REQUIRED' } }
}

/** What an annotation may stand over (LogicalTypes.md); over other values it means nothing. */
const STORAGE: Readonly<Partial<Record<Meaning['kind'], readonly SchemaElement['type'][]>>> = {
  text: ['BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY'],
  json: ['BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY'],
  date: ['INT32'],
  decimal: ['INT32', 'INT64', 'BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY'],
  timestamp: ['INT64', 'INT96'],
  integer: ['INT32', 'INT64'],
  uuid: ['FIXED_LEN_BYTE_ARRAY'],
}

function leafType(element: SchemaElement): LogicalType | null {
  const meaning = meaningOf(element)
  if (STORAGE[meaning.kind]?.includes(element.type) === false) return null
  switch (meaning.kind) {
    case 'text':
    case 'json':
      return { kind: 'utf8', format: 'text' }
    case 'date':
      return { kind: 'date' }
    case 'decimal':
      return decimalType(meaning)
    case 'timestamp':
      return meaning.digits === undefined ? null : { kind: 'timestamp', utc: meaning.utc }
    case 'integer':
      return integerType(meaning, element)
    case 'plain':
      return PLAIN[element.type ?? ''] ?? null
    case 'uuid':
      return { kind: 'binary' }
    case 'time':
    case 'interval':
    case 'float16':
      return null
    default:
      return meaning satisfies never
  }
}

const PLAIN: Readonly<Record<string, LogicalType>> = {
  BOOLEAN: { kind: 'bool' },
  INT32: { kind: 'int32' },
  INT64: { kind: 'int64' },
  FLOAT: { kind: 'float32' },
  DOUBLE: { kind: 'float64' },
  BYTE_ARRAY: { kind: 'binary' },
  FIXED_LEN_BYTE_ARRAY: { kind: 'binary' },
}

function decimalType({ precision, scale }: Extract<Meaning, { kind: 'decimal' }>): LogicalType | null {
  const sound = Number.isInteger(precision) && Number.isInteger(scale) && scale >= 0 && scale <= precision && precision <= 38
  return sound ? { kind: 'decimal', precision, scale } : null
}

/** 8, 16 and 32 bits are kept as INT32, 64 as INT64. */
function integerType({ bits, signed }: Extract<Meaning, { kind: 'integer' }>, { type }: SchemaElement): LogicalType | null {
  if (!(type === 'INT64' ? bits === 64 : [8, 16, 32].includes(bits))) return null
  const needed = signed ? bits : bits + 1
  if (needed <= 16) return { kind: 'int16' }
  if (needed <= 32) return { kind: 'int32' }
  return needed <= 64 ? { kind: 'int64' } : { kind: 'decimal', precision: 20, scale: 0 }
}

type Context = { readonly writer: ParquetWriter; readonly owner: ForeignLayout['owner'] }
type ReadTree = (stored: unknown) => Tree

/** From a value as it is stored, groups of lists and maps included; `undefined` and null are NULL. */
export function nodeTree(node: SchemaTree, context: Context): ReadTree {
  const own = ownTree(node, context)
  if (node.element.repetition_type !== 'REPEATED') return nullable(own)
  return (stored) => (Array.isArray(stored) ? stored.map(nullable(own)) : [])
}

const nullable =
  (read: ReadTree): ReadTree =>
  (stored) =>
    stored === null || stored === undefined ? null : read(stored)

type Stored = Readonly<Record<string, unknown>>

function ownTree(node: SchemaTree, context: Context): ReadTree {
  if (node.children.length === 0) return leafReader(node.element, context)
  const group = groupOf(node)
  if (group.kind === 'struct') {
    const fields = node.children.map((child) => ({ name: child.element.name, read: nodeTree(child, context) }))
    return (stored) => fields.map(({ name, read }) => read((stored as Stored)[name]))
  }
  const repeated = group.repeated.element.name
  const entries = (stored: unknown): readonly unknown[] => {
    const found = (stored as Stored)[repeated]
    return Array.isArray(found) ? found : []
  }
  if (group.kind === 'map') {
    const [key, value] = [nodeTree(group.key, context), nodeTree(group.value, context)]
    const [keyName, valueName] = [group.key.element.name, group.value.element.name]
    return (stored) => entries(stored).map((entry) => [key((entry as Stored)[keyName]), value((entry as Stored)[valueName])])
  }
  const item = nodeTree(group.item, context)
  const { name } = group.item.element
  return (stored) => entries(stored).map((entry) => item(group.wrapped ? (entry as Stored | undefined)?.[name] : entry))
}

/** 1582-10-15, before which calendars differ. */
const CUTOVER_MICROS = -12_219_292_800_000_000n
const UNITS = { 3: 1000n, 6: 1n } as const

function leafReader(element: SchemaElement, { writer, owner }: Context): (stored: unknown) => Value {
  const meaning = meaningOf(element)
  switch (meaning.kind) {
    case 'text':
    case 'json':
      return (stored) => (typeof stored === 'string' ? stored : decoder.decode(stored as Uint8Array))
    case 'date':
      return writer.hybridDates ? (stored) => prolepticDays(Number(stored)) : (stored) => Number(stored)
    case 'decimal':
      return unscaled
    case 'timestamp':
      return timestampReader(element, meaning, writer, owner)
    case 'integer':
      return integerReader(meaning)
    default:
      return element.type === 'INT64' ? (stored) => BigInt(stored as bigint) : (stored) => stored as Value
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function integerReader({ bits, signed }: Extract<Meaning, { kind: 'integer' }>): (stored: unknown) => Value {
  if (signed) return bits === 64 ? (stored) => BigInt(stored as bigint) : (stored) => Number(stored)
  if (bits >= 32) return (stored) => BigInt.asUintN(bits, BigInt(stored as bigint | number))
  return (stored) => Number(BigInt.asUintN(bits, BigInt(stored as number)))
}

function unscaled(stored: unknown): bigint {
  if (!(stored instanceof Uint8Array)) return BigInt(stored as number | bigint)
  let bits = 0n
  for (const byte of stored) bits = (bits << 8n) | BigInt(byte)
  return BigInt.asIntN(stored.length * 8, bits)
}

function timestampReader(
  element: SchemaElement,
  { digits }: Extract<Meaning, { kind: 'timestamp' }>,
  writer: ParquetWriter,
  owner: Context['owner'],
): (stored: unknown) => Value {
  const isInt96 = element.type === 'INT96'
  const hybrid = isInt96 ? writer.hybridInt96 : writer.hybridInt64
  // Hive means a clock on the wall and stores the instant at which its own clock showed that.
  const zone = isInt96 && owner === 'hive' ? writer.zone : null
  return (stored) => {
    let micros = digits === 9 ? exactMicros(BigInt(stored as bigint), element.name) : BigInt(stored as bigint) * UNITS[digits]
    if (zone !== null) micros += BigInt(zone(secondsOf(micros))) * 1_000_000n
    return hybrid && micros < CUTOVER_MICROS ? proleptic(micros) : micros
  }
}

function exactMicros(nanos: bigint, column: string): bigint {
  if (nanos % 1000n === 0n) return nanos / 1000n
  throw new ConnectorError('BAD_VALUE', `column "${column}" has a timestamp with a fraction finer than microseconds`)
}

const secondsOf = (micros: bigint): number => Number((micros - (((micros % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n)

function proleptic(micros: bigint): bigint {
  const seconds = secondsOf(micros)
  return micros + BigInt(prolepticSeconds(seconds) - seconds) * 1_000_000n
}
