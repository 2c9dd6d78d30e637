/** Chosen rows of a batch's columns, in new buffers. */
import { type Data, DataType, makeData } from 'apache-arrow'
import { ConnectorError } from '../../../connectors/errors.ts'

/** Encoders read whole words: every buffer has this many readable bytes behind its last value. */
const SPARE_BYTES = 8

/** The rows at `indices`, in their order. Throws `INTERNAL` for an Arrow type that no logical type uses. */
export function takeRows(data: Data, indices: Int32Array): Data {
  const { type } = data
  const validity = takeValidity(data, indices)
  if (DataType.isUtf8(type) || DataType.isBinary(type))
    return makeData({ type, ...validity, ...takeBytes(data, indices) } as never)
  if (DataType.isBool(type)) return makeData({ type, ...validity, data: takeBits(data.values, data.offset, indices) } as never)
  const values = takeFixed(data, DataType.isDecimal(type) ? type.bitWidth / 32 : 1, indices)
  const dictionary = DataType.isDictionary(type) ? { dictionary: data.dictionary } : {}
  return makeData({ type, ...validity, ...dictionary, data: values } as never)
}

/** The column with NULL in the rows that `hidden` names (one entry per row). Values stay behind the bitmap no more. */
export function hideRows(data: Data, hidden: readonly boolean[]): Data {
  const kept = Int32Array.from(hidden, (hide, row) => (hide ? -1 : row))
  return takeRows(data, kept)
}

/** A negative index stands for NULL. */
function takeValidity(data: Data, indices: Int32Array) {
  const length = indices.length
  const nullBitmap = new Uint8Array(((length + 7) >> 3) + SPARE_BYTES).subarray(0, (length + 7) >> 3)
  let nullCount = 0
  for (let row = 0; row < length; row++) {
    const from = indices[row] ?? -1
    if (from >= 0 && data.getValid(from)) nullBitmap[row >> 3] = (nullBitmap[row >> 3] ?? 0) | (1 << (row & 7))
    else nullCount++
  }
  return { length, nullCount, nullBitmap }
}

function takeBits(values: Uint8Array, offset: number, indices: Int32Array): Uint8Array {
  const bits = new Uint8Array(((indices.length + 7) >> 3) + SPARE_BYTES).subarray(0, (indices.length + 7) >> 3)
  for (let row = 0; row < indices.length; row++) {
    const from = indices[row] ?? -1
    if (from < 0) continue
    const bit = (((values[(from + offset) >> 3] ?? 0) >> ((from + offset) & 7)) & 1) << (row & 7)
    bits[row >> 3] = (bits[row >> 3] ?? 0) | bit
  }
  return bits
}

function takeFixed(data: Data, width: number, indices: Int32Array): unknown {
  const source: unknown = data.values
  if (!ArrayBuffer.isView(source) || source instanceof DataView) {
    throw new ConnectorError('INTERNAL', `Rows of Arrow type ${data.type} cannot be chosen`)
  }
  const values = source as Int32Array
  const Type = values.constructor as Int32ArrayConstructor
  const length = indices.length * width
  const taken = new Type(new ArrayBuffer(length * values.BYTES_PER_ELEMENT + SPARE_BYTES), 0, length)
  for (let row = 0; row < indices.length; row++) {
    const from = (indices[row] ?? -1) * width
    if (from < 0) continue
    for (let word = 0; word < width; word++) taken[row * width + word] = values[from + word] as number
  }
  return taken
}

function takeBytes(data: Data, indices: Int32Array): { readonly valueOffsets: Int32Array; readonly data: Uint8Array } {
  const { valueOffsets: offsets, values } = data as { valueOffsets: Int32Array; values: Uint8Array }
  const range = (from: number): readonly [number, number] => [offsets[from] ?? 0, offsets[from + 1] ?? 0]
  let bytes = 0
  for (const from of indices) {
    if (from < 0) continue
    const [start, end] = range(from)
    bytes += end - start
  }
  const taken = new Uint8Array(new ArrayBuffer(bytes + SPARE_BYTES), 0, bytes)
  const count = indices.length + 1
  const valueOffsets = new Int32Array(new ArrayBuffer(count * 4 + SPARE_BYTES), 0, count)
  let position = 0
  for (let row = 0; row < indices.length; row++) {
    const from = indices[row] ?? -1
    if (from >= 0) {
      const [start, end] = range(from)
      taken.set(values.subarray(start, end), position)
      position += end - start
    }
    valueOffsets[row + 1] = position
  }
  return { valueOffsets, data: taken }
}
