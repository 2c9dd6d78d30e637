/** Rows of the in-memory source as Arrow record batches, with the spare bytes behind every buffer that the port promises. */
import { type Data, type DataType, makeData, RecordBatch, type Schema, Struct, Utf8, Vector } from 'apache-arrow'
import type { Op, Position, SourceTable } from '../change.ts'
import { sourceBatchSchema } from '../change.ts'
import { ConnectorError } from '../errors.ts'
import type { LogicalType } from '../logical-type.ts'

/**
 * A value as the script writes it: numbers or bigints for integers, text for `utf8`, `decimal` (plain notation), `date`
 * (`YYYY-MM-DD`) and `timestamp` (`YYYY-MM-DDTHH:MM:SS.ffffff`, UTC; or bigint microseconds).
 */
export type MemoryValue = string | number | bigint | boolean | Uint8Array | null

/** One row to emit; `values` by column id. */
export type MemoryChange = {
  readonly op: Op
  readonly position: Position
  readonly committedAt: Date | null
  /** Names of columns whose value is not known. */
  readonly unchanged: readonly string[]
  readonly values: ReadonlyMap<number, MemoryValue>
}

const SPARE_BYTES = 8

/** An Arrow batch of `sourceBatchSchema(table, part)`. Throws `BAD_VALUE` for a value of the wrong kind, naming the column. */
export function recordBatch(table: SourceTable, part: 'base' | 'changes', rows: readonly MemoryChange[]): RecordBatch {
  const schema: Schema = sourceBatchSchema(table, part)
  const metadata: readonly (readonly MemoryValue[])[] = [
    rows.map((row) => row.op),
    rows.map((row) => row.position),
    rows.map((row) => (row.committedAt === null ? null : BigInt(row.committedAt.getTime()) * 1000n)),
    rows.map((row) => (row.unchanged.length === 0 ? null : row.unchanged.join(','))),
  ]
  const types: readonly LogicalType[] = [TEXT, TEXT, { kind: 'timestamp', utc: true }, TEXT]
  const children = schema.fields.map((field, index) => {
    const column = index < metadata.length ? undefined : table.columns[index - metadata.length]
    const logical = column?.type ?? types[index] ?? TEXT
    const values = column === undefined ? (metadata[index] ?? []) : rows.map((row) => row.values.get(column.id) ?? null)
    return columnData(field.type as DataType, logical, values, `${table.table}.${field.name}`)
  })
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: rows.length, nullCount: 0, children }))
}

const TEXT: LogicalType = { kind: 'utf8', format: 'text' }

function columnData(type: DataType, logical: LogicalType, values: readonly MemoryValue[], subject: string): Data {
  const length = values.length
  const nullBitmap = spare(Uint8Array, Math.ceil(length / 8))
  let nullCount = 0
  values.forEach((value, row) => {
    if (value === null) nullCount++
    else setBit(nullBitmap, row)
  })
  const common = { length, nullCount, nullBitmap }
  if ('dictionary' in type) return dictionaryData(type, values, common)
  const refuse = (value: MemoryValue): never => {
    throw new ConnectorError(
      'BAD_VALUE',
      `Column "${subject}" was given a JavaScript ${typeof value}, which is no ${logical.kind}`,
    )
  }
  switch (logical.kind) {
    case 'bool': {
      const data = spare(Uint8Array, Math.ceil(length / 8))
      values.forEach((value, row) => {
        if (value === true || value === 't') setBit(data, row)
      })
      return makeData({ type, ...common, data } as never)
    }
    case 'int16':
      return makeData({ type, ...common, data: fill(spare(Int16Array, length), values, Number) } as never)
    case 'int32':
      return makeData({ type, ...common, data: fill(spare(Int32Array, length), values, Number) } as never)
    case 'float32':
      return makeData({ type, ...common, data: fill(spare(Float32Array, length), values, Number) } as never)
    case 'float64':
      return makeData({ type, ...common, data: fill(spare(Float64Array, length), values, Number) } as never)
    case 'int64':
      return makeData({
        type,
        ...common,
        data: fillBig(spare(BigInt64Array, length), values, (v) => BigInt(v as number)),
      } as never)
    case 'date':
      return makeData({ type, ...common, data: fill(spare(Int32Array, length), values, days) } as never)
    case 'timestamp':
      return makeData({ type, ...common, data: fillBig(spare(BigInt64Array, length), values, micros) } as never)
    case 'decimal': {
      const data = spare(Uint32Array, length * 4)
      values.forEach((value, row) => {
        if (value !== null) writeDecimal(data, row * 4, unscaled(String(value), logical.scale))
      })
      return makeData({ type, ...common, data } as never)
    }
    case 'utf8':
    case 'binary': {
      const bytes = values.map((value) => (value === null ? EMPTY : value instanceof Uint8Array ? value : encode(value, refuse)))
      const valueOffsets = spare(Int32Array, length + 1)
      const data = spare(
        Uint8Array,
        bytes.reduce((sum, item) => sum + item.length, 0),
      )
      let end = 0
      bytes.forEach((item, row) => {
        data.set(item, end)
        end += item.length
        valueOffsets[row + 1] = end
      })
      return makeData({ type, ...common, valueOffsets, data } as never)
    }
    default:
      return logical satisfies never
  }
}

const EMPTY = new Uint8Array(0)
const encoder = new TextEncoder()

function encode(value: MemoryValue, refuse: (value: MemoryValue) => never): Uint8Array {
  return typeof value === 'string' ? encoder.encode(value) : refuse(value)
}

function dictionaryData(type: DataType, values: readonly MemoryValue[], common: object): Data {
  const distinct = [...new Set(values.filter((value): value is NonNullable<MemoryValue> => value !== null))]
  const index = new Map<MemoryValue, number>(distinct.map((value, i) => [value, i]))
  const data = fill(spare(Int32Array, values.length), values, (value) => index.get(value) ?? 0)
  const text = columnData(new Utf8(), TEXT, distinct, 'dictionary')
  return makeData({ type, ...common, data, dictionary: new Vector([text]) } as never)
}

type NumberArray = Int16Array | Int32Array | Float32Array | Float64Array

function fill<A extends NumberArray>(into: A, values: readonly MemoryValue[], convert: (value: MemoryValue) => number): A {
  values.forEach((value, row) => {
    if (value !== null) into[row] = convert(value)
  })
  return into
}

function fillBig(into: BigInt64Array, values: readonly MemoryValue[], convert: (value: MemoryValue) => bigint): BigInt64Array {
  values.forEach((value, row) => {
    if (value !== null) into[row] = convert(value)
  })
  return into
}

type ArrayConstructor<A> = { readonly BYTES_PER_ELEMENT: number; new (buffer: ArrayBuffer, offset: number, length: number): A }

/** A typed array with readable bytes behind its last value. */
function spare<A>(Type: ArrayConstructor<A>, length: number): A {
  return new Type(new ArrayBuffer(length * Type.BYTES_PER_ELEMENT + SPARE_BYTES), 0, length)
}

function setBit(bitmap: Uint8Array, row: number): void {
  bitmap[row >> 3] = (bitmap[row >> 3] ?? 0) | (1 << (row & 7))
}

const days = (value: MemoryValue): number =>
  typeof value === 'number' ? value : Math.floor(Date.parse(`${String(value)}T00:00:00Z`) / 86_400_000)

function micros(value: MemoryValue): bigint {
  if (typeof value === 'bigint') return value
  const [seconds = '', fraction = ''] = String(value).replace(/Z$/, '').split('.')
  return BigInt(Date.parse(`${seconds}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0').slice(0, 6))
}

function unscaled(text: string, scale: number): bigint {
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.')
  const magnitude = BigInt(whole + fraction.padEnd(scale, '0').slice(0, scale))
  return text.startsWith('-') ? -magnitude : magnitude
}

function writeDecimal(into: Uint32Array, at: number, value: bigint): void {
  const bits = BigInt.asUintN(128, value)
  for (let word = 0; word < 4; word++) into[at + word] = Number((bits >> BigInt(32 * word)) & 0xffff_ffffn)
}
