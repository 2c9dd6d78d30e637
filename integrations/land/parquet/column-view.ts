/**
 * One column of a record batch as plain typed arrays, built once per batch from Arrow's `Data`, so that the encoders' loops
 * see nothing else. In `Data`, bitmaps (validity and Bool values) are addressed from `data.offset`; all other buffers
 * already start at the first row, also in slices.
 */
import { type Data, DataType } from 'apache-arrow'
import { ConnectorError } from '../../../connectors/errors.ts'
import { countBits } from './bits.ts'
import { SPARE_BYTES } from './growing-bytes.ts'

/** Byte strings end to end; `view` and `bytes` have readable spare bytes behind the last one. */
export type ByteStrings = { readonly offsets: Int32Array; readonly bytes: Uint8Array; readonly view: DataView }

export type ColumnValues =
  | { readonly form: 'int16'; readonly values: Int16Array }
  /** Int32, DateDay and Float32 (its bits). */
  | { readonly form: 'int32'; readonly values: Int32Array }
  /** Int64, TimestampMicrosecond and Float64 (its bits). */
  | { readonly form: 'int64'; readonly values: BigInt64Array }
  /** Four words per value, lowest first. */
  | { readonly form: 'decimal'; readonly words: Int32Array }
  | { readonly form: 'bool'; readonly bits: Uint8Array; readonly offset: number }
  | { readonly form: 'bytes'; readonly strings: ByteStrings }
  | { readonly form: 'dictionary'; readonly indices: Int32Array; readonly strings: ByteStrings; readonly size: number }
  /** Every row is null: buffers may be absent and are not looked at. */
  | { readonly form: 'null' }

export type ColumnView = {
  readonly rows: number
  /** Null when no row is null. Bit `validityOffset + row` is 1 where there is a value. */
  readonly validity: Uint8Array | null
  readonly validityOffset: number
  readonly values: ColumnValues
}

/** Throws `INTERNAL` when a buffer is shorter than the rows it should hold: reading on would write someone else's bytes. */
export function columnView(data: Data, name: string): ColumnView {
  const rows = data.length
  const bitmap = data.nullBitmap as Uint8Array | null | undefined
  const nulls = data.nullCount
  if (nulls > 0 && (bitmap === null || bitmap === undefined || bitmap.length * 8 < data.offset + rows)) {
    if (nulls < rows) throw broken(name, 'validity bitmap', data.offset + rows, (bitmap?.length ?? 0) * 8)
  }
  if (rows > 0 && nulls >= rows) {
    return { rows, validity: new Uint8Array((rows + 7) >> 3), validityOffset: 0, values: { form: 'null' } }
  }
  return {
    rows,
    validity: nulls > 0 ? (bitmap ?? null) : null,
    validityOffset: data.offset,
    values: columnValues(data, name),
  }
}

/** How many of the rows [from, to) are null. */
export function nullsIn(column: ColumnView, from: number, to: number): number {
  if (column.validity === null) return 0
  return to - from - countBits(column.validity, column.validityOffset + from, to - from)
}

function columnValues(data: Data, name: string): ColumnValues {
  const type = data.type as DataType
  const rows = data.length
  if (DataType.isBool(type)) {
    const bits = data.values as Uint8Array
    if (bits.length * 8 < data.offset + rows) throw broken(name, 'values', data.offset + rows, bits.length * 8)
    return { form: 'bool', bits, offset: data.offset }
  }
  if (DataType.isUtf8(type) || DataType.isBinary(type)) return { form: 'bytes', strings: byteStrings(data, name) }
  if (DataType.isDictionary(type)) return dictionaryValues(data, name)
  if (DataType.isDecimal(type)) return { form: 'decimal', words: int32s(data.values, rows * 4, name) }
  if (DataType.isInt(type) && type.bitWidth === 16) {
    const values = aligned(data.values, 2, name)
    if (values.byteLength < rows * 2) throw broken(name, 'values', rows, values.byteLength / 2)
    return { form: 'int16', values: new Int16Array(values.buffer, values.byteOffset, rows) }
  }
  const wide =
    (DataType.isInt(type) && type.bitWidth === 64) ||
    (DataType.isFloat(type) && type.precision === 2) ||
    DataType.isTimestamp(type)
  if (!wide) return { form: 'int32', values: int32s(data.values, rows, name) }
  const values = aligned(data.values, 8, name)
  if (values.byteLength < rows * 8) throw broken(name, 'values', rows, values.byteLength / 8)
  return { form: 'int64', values: new BigInt64Array(values.buffer, values.byteOffset, rows) }
}

function dictionaryValues(data: Data, name: string): ColumnValues {
  const indices = int32s(data.values, data.length, name)
  const chunks = data.dictionary?.data ?? []
  const [entries] = chunks
  // Delta dictionaries and null entries are legal Arrow that no source of ours makes: refused, not guessed.
  if (chunks.length !== 1 || entries === undefined || entries.nullCount > 0) {
    throw new ConnectorError(
      'UNSUPPORTED',
      `Dictionary of column "${name}" has ${chunks.length} chunks${entries !== undefined && entries.nullCount > 0 ? ' and null entries' : ''}; ` +
        'expected one chunk without nulls: send the column as plain Utf8',
    )
  }
  return { form: 'dictionary', indices, strings: byteStrings(entries, name), size: entries.length }
}

function byteStrings(data: Data, name: string): ByteStrings {
  const source = data.valueOffsets as Int32Array
  if (source.length < data.length + 1) throw broken(name, 'offsets', data.length + 1, source.length)
  const offsets = source
  const bytes = data.values as Uint8Array
  const end = offsets[data.length] as number
  if (end > bytes.length) throw broken(name, 'values', end, bytes.length)
  const spare = bytes.buffer.byteLength - bytes.byteOffset - end
  if (spare >= SPARE_BYTES) {
    return {
      offsets,
      bytes: new Uint8Array(bytes.buffer, bytes.byteOffset),
      view: new DataView(bytes.buffer, bytes.byteOffset),
    }
  }
  // A foreign buffer may end with its last value; whole-word reads need room behind it.
  const copy = new Uint8Array(end + SPARE_BYTES)
  copy.set(bytes.subarray(0, end))
  return { offsets, bytes: copy, view: new DataView(copy.buffer) }
}

function int32s(values: ArrayBufferView, count: number, name: string): Int32Array {
  const bytes = aligned(values, 4, name)
  if (bytes.byteLength < count * 4) throw broken(name, 'values', count, bytes.byteLength / 4)
  return new Int32Array(bytes.buffer, bytes.byteOffset, count)
}

/** The buffer itself, or a copy when it does not start at a multiple of its values' width. */
function aligned(values: ArrayBufferView | null | undefined, width: number, name: string): ArrayBufferView {
  if (values === null || values === undefined) throw broken(name, 'values', 1, 0)
  if (values.byteOffset % width === 0) return values
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice()
}

function broken(name: string, part: string, expected: number, found: number): ConnectorError {
  return new ConnectorError('INTERNAL', `Column "${name}" of the record batch: its ${part} hold ${found}, expected ${expected}`)
}
