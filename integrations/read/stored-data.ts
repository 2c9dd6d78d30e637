/** Values of a stored column as Arrow data, from buffer to buffer: no object per value. Pure but for the cursor that moves on. */
import { type Data, makeData } from 'apache-arrow'
import type { SchemaElement } from 'hyparquet'
import { ConnectorError } from '../../connectors/errors.ts'
import { arrowType, type LogicalType } from '../../connectors/logical-type.ts'
import { nullData } from '../land/projection.ts'
import type { ParquetChunk } from './parquet-chunk.ts'
import type { StoredColumn } from './stored-groups.ts'

/** Encoders read whole words. */
const SPARE_BYTES = 8
/** Shorter texts are copied byte by byte: a call costs more. */
const SHORT_BYTES = 40

/**
 * The rows' values, widened to the type; null when the file lacks the column. `rows` ascend and lie behind those asked for
 * before. Throws `FORMAT` when the column is of another type.
 */
export function storedData(stored: StoredColumn | null, type: LogicalType, rows: readonly number[], file: string): Data {
  if (stored === null) return nullData(arrowType(type), rows.length)
  const { chunk, element } = stored
  const unfit = () =>
    new ConnectorError('FORMAT', `Column "${element.name}" of "${file}" is ${element.type}, which is no ${type.kind}`)
  const is = (...types: readonly SchemaElement['type'][]): void => {
    if (!types.includes(element.type)) throw unfit()
  }
  switch (type.kind) {
    case 'bool':
      is('BOOLEAN')
      return bools(chunk, rows)
    case 'int16':
      is('INT32')
      return fixed(
        chunk,
        type,
        rows,
        spare(Int16Array, rows.length),
        (into, row, place) => (into[row] = chunk.values.ints[place] ?? 0),
      )
    case 'int32':
    case 'date':
      is('INT32')
      return fixed(
        chunk,
        type,
        rows,
        spare(Int32Array, rows.length),
        (into, row, place) => (into[row] = chunk.values.ints[place] ?? 0),
      )
    case 'float32':
      is('FLOAT')
      return fixed(
        chunk,
        type,
        rows,
        spare(Float32Array, rows.length),
        (into, row, place) => (into[row] = chunk.values.floats[place] ?? 0),
      )
    case 'float64':
      is('FLOAT', 'DOUBLE')
      return fixed(
        chunk,
        type,
        rows,
        spare(Float64Array, rows.length),
        (into, row, place) => (into[row] = chunk.values.floats[place] ?? 0),
      )
    case 'int64':
      is('INT32', 'INT64')
      return longs(stored, type, rows)
    case 'timestamp':
      is('INT64')
      return longs(stored, type, rows)
    case 'decimal':
      is('INT32', 'INT64', 'FIXED_LEN_BYTE_ARRAY', 'BYTE_ARRAY')
      if ((element.scale ?? 0) > type.scale) throw unfit()
      return decimals(stored, type, rows)
    case 'utf8':
    case 'binary':
      is('BYTE_ARRAY')
      return texts(chunk, type, rows)
    default:
      return type satisfies never
  }
}

type TypedArray = Int16Array | Int32Array | Float32Array | Float64Array
type Spared<A> = { readonly BYTES_PER_ELEMENT: number; new (buffer: ArrayBuffer, offset: number, length: number): A }

function spare<A>(Type: Spared<A>, length: number): A {
  return new Type(new ArrayBuffer(length * Type.BYTES_PER_ELEMENT + SPARE_BYTES), 0, length)
}

const bitmap = (rows: number): Uint8Array => spare(Uint8Array, (rows + 7) >> 3)

function made(type: LogicalType, length: number, nullCount: number, nullBitmap: Uint8Array, buffers: object): Data {
  return makeData({
    type: arrowType(type),
    length,
    nullCount,
    nullBitmap: nullCount === 0 ? null : nullBitmap,
    ...buffers,
  } as never)
}

/** Calls `set` for every row that has a value; the number of others, whose bits stay unset. */
function eachPresent(
  chunk: ParquetChunk,
  rows: readonly number[],
  valid: Uint8Array,
  set: (row: number, place: number) => void,
): number {
  let nulls = 0
  for (let row = 0; row < rows.length; row++) {
    const place = chunk.seek(rows[row] as number)
    if (place < 0) {
      nulls++
      continue
    }
    valid[row >> 3] = (valid[row >> 3] as number) | (1 << (row & 7))
    set(row, place)
  }
  return nulls
}

function fixed<A extends TypedArray>(
  chunk: ParquetChunk,
  type: LogicalType,
  rows: readonly number[],
  data: A,
  set: (into: A, row: number, place: number) => void,
): Data {
  const valid = bitmap(rows.length)
  const nulls = eachPresent(chunk, rows, valid, (row, place) => set(data, row, place))
  return made(type, rows.length, nulls, valid, { data })
}

function bools(chunk: ParquetChunk, rows: readonly number[]): Data {
  const valid = bitmap(rows.length)
  const data = bitmap(rows.length)
  const nulls = eachPresent(chunk, rows, valid, (row, place) => {
    const bit = ((chunk.values.bools[place >> 3] ?? 0) >> (place & 7)) & 1
    data[row >> 3] = (data[row >> 3] as number) | (bit << (row & 7))
  })
  return made({ kind: 'bool' }, rows.length, nulls, valid, { data })
}

function longs({ chunk, element }: StoredColumn, type: LogicalType, rows: readonly number[]): Data {
  const valid = bitmap(rows.length)
  const data = spare(BigInt64Array, rows.length)
  const words = new Int32Array(data.buffer, 0, rows.length * 2)
  const narrow = element.type === 'INT32'
  const nulls = eachPresent(chunk, rows, valid, (row, place) => {
    const { values } = chunk
    const low = narrow ? (values.ints[place] ?? 0) : (values.words[place * 2] ?? 0)
    words[row * 2] = low
    words[row * 2 + 1] = narrow ? low >> 31 : (values.words[place * 2 + 1] ?? 0)
  })
  return made(type, rows.length, nulls, valid, { data })
}

function decimals(
  { chunk, element }: StoredColumn,
  type: LogicalType & { readonly kind: 'decimal' },
  rows: readonly number[],
): Data {
  const valid = bitmap(rows.length)
  const data = spare(Uint32Array, rows.length * 4)
  const words = new Int32Array(data.buffer, 0, rows.length * 4)
  const growth = 10n ** BigInt(type.scale - (element.scale ?? 0))
  const read =
    element.type === 'INT32'
      ? (at: number, place: number) => {
          const low = chunk.values.ints[place] ?? 0
          words[at] = low
          words.fill(low >> 31, at + 1, at + 4)
        }
      : element.type === 'INT64'
        ? (at: number, place: number) => {
            const high = chunk.values.words[place * 2 + 1] ?? 0
            words[at] = chunk.values.words[place * 2] ?? 0
            words[at + 1] = high
            words[at + 2] = high >> 31
            words[at + 3] = high >> 31
          }
        : (at: number, place: number) => bigEndian(chunk, place, words, at)
  const nulls = eachPresent(chunk, rows, valid, (row, place) => {
    read(row * 4, place)
    if (growth !== 1n) multiply(data, row * 4, growth)
  })
  return made(type, rows.length, nulls, valid, { data })
}

/** Two's complement of at most 16 bytes, the highest first. */
function bigEndian(chunk: ParquetChunk, place: number, words: Int32Array, at: number): void {
  const { bytes, starts, ends } = chunk.values
  const start = starts[place] ?? 0
  let next = ends[place] ?? 0
  const sign = ((bytes[start] ?? 0) << 24) >> 31
  for (let word = 0; word < 4; word++) {
    let value = 0
    for (let shift = 0; shift < 32; shift += 8) value |= ((next > start ? (bytes[--next] ?? 0) : sign) & 255) << shift
    words[at + word] = value
  }
}

function multiply(words: Uint32Array, at: number, factor: bigint): void {
  let value = 0n
  for (let word = 3; word >= 0; word--) value = (value << 32n) | BigInt(words[at + word] ?? 0)
  const bits = BigInt.asUintN(128, BigInt.asIntN(128, value) * factor)
  for (let word = 0; word < 4; word++) words[at + word] = Number((bits >> BigInt(32 * word)) & 0xffff_ffffn)
}

function texts(chunk: ParquetChunk, type: LogicalType, rows: readonly number[]): Data {
  const valid = bitmap(rows.length)
  const valueOffsets = spare(Int32Array, rows.length + 1)
  let data = new Uint8Array(rows.length * 16 + SPARE_BYTES)
  let end = 0
  let filled = 0
  const nulls = eachPresent(chunk, rows, valid, (row, place) => {
    const { bytes, starts, ends } = chunk.values
    const start = starts[place] ?? 0
    const length = (ends[place] ?? 0) - start
    if (end + length + SPARE_BYTES > data.length) data = grown(data, end + length + SPARE_BYTES)
    if (length > SHORT_BYTES) data.set(bytes.subarray(start, start + length), end)
    else for (let i = 0; i < length; i++) data[end + i] = bytes[start + i] as number
    // Nulls before this row end where it begins.
    for (; filled <= row; filled++) valueOffsets[filled] = end
    end += length
  })
  for (; filled <= rows.length; filled++) valueOffsets[filled] = end
  return made(type, rows.length, nulls, valid, { valueOffsets, data: data.subarray(0, end) })
}

function grown(bytes: Uint8Array<ArrayBuffer>, needed: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(needed, bytes.length * 2))
  larger.set(bytes)
  return larger
}
