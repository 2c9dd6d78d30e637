/**
 * Values of a batch's column, read from its buffers: the path that replays millions of rows. Equal to `valueReader`, but texts
 * are decoded natively and repeated ones kept once, and integers, amounts and instants are numbers where that is exact.
 */
import { type Data, DataType, type Vector } from 'apache-arrow'
import { type Value, valueReader } from '../connectors/column-values.ts'

/** Different texts of a column that are kept; a column of keys would only fill memory. */
const KEPT_TEXTS = 1_024
const TWO_32 = 4_294_967_296

/** Text or null of every row. `repeated`: the same few texts again and again. */
export function textReader(vector: Vector, { repeated }: { readonly repeated: boolean }): (row: number) => string | null {
  const type: DataType = vector.type
  if (DataType.isDictionary(type)) return dictionaryReader(vector)
  const [data] = vector.data
  if (!DataType.isUtf8(type) || data === undefined || vector.data.length > 1) {
    const read = valueReader(vector)
    return (row) => read(row) as string | null
  }
  const { values, valueOffsets } = data as Data & { readonly values: Uint8Array; readonly valueOffsets: Int32Array }
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
  const isThere = validity(data)
  const kept = new Map<string, string>()
  return (row) => {
    if (!isThere(row)) return null
    const text = bytes.toString('utf8', valueOffsets[row], valueOffsets[row + 1])
    if (!repeated) return text
    const known = kept.get(text)
    if (known !== undefined) return known
    if (kept.size < KEPT_TEXTS) kept.set(text, text)
    return text
  }
}

function dictionaryReader(vector: Vector): (row: number) => string | null {
  const [data] = vector.data
  const words = data?.dictionary
  if (data === undefined || words === undefined || vector.data.length > 1) {
    const read = valueReader(vector)
    return (row) => read(row) as string | null
  }
  const readWord = valueReader(words)
  const texts = Array.from({ length: words.length }, (_, index) => readWord(index) as string | null)
  const indices = data.values as Int32Array
  const isThere = validity(data)
  return (row) => (isThere(row) ? (texts[indices[row] ?? 0] ?? null) : null)
}

/** Integers of 64 bits, unscaled decimals and microseconds: number when it is a safe integer, else bigint. */
export function wholeReader(vector: Vector): (row: number) => number | bigint | null {
  const type: DataType = vector.type
  const [data] = vector.data
  const read = valueReader(vector)
  const words = data === undefined || vector.data.length > 1 ? null : wordsOf(type, data)
  if (data === undefined || words === null) return (row) => safe(read(row))
  const { low, stride } = words
  const isThere = validity(data)
  return (row) => {
    if (!isThere(row)) return null
    const at = row * stride
    const high = low[at + 1] ?? 0
    // Two's complement of 53 bits: every word above is the sign.
    if (high < 0x20_0000 && high >= -0x20_0000 && isSignExtended(low, at, stride, high)) {
      const value = high * TWO_32 + ((low[at] ?? 0) >>> 0)
      if (Number.isSafeInteger(value)) return value
    }
    return safe(read(row))
  }
}

function isSignExtended(words: Int32Array, at: number, stride: number, high: number): boolean {
  if (stride === 2) return true
  const sign = high < 0 ? -1 : 0
  return words[at + 2] === sign && words[at + 3] === sign
}

function wordsOf(type: DataType, data: Data): { readonly low: Int32Array; readonly stride: number } | null {
  const values = data.values as { readonly buffer: ArrayBuffer; readonly byteOffset: number; readonly byteLength: number }
  const stride = DataType.isDecimal(type)
    ? 4
    : DataType.isTimestamp(type) || (DataType.isInt(type) && type.bitWidth === 64)
      ? 2
      : 0
  if (stride === 0) return null
  return { low: new Int32Array(values.buffer, values.byteOffset, values.byteLength >> 2), stride }
}

function safe(value: Value): number | bigint | null {
  if (typeof value !== 'bigint') return value as number | null
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function validity(data: Data): (row: number) => boolean {
  return data.nullCount === 0 ? () => true : (row) => data.getValid(row)
}
