/**
 * One column of some rows in Arrow's layout, in buffers that are filled again and again. Values of null rows are undefined.
 * Rows are only ever moved as bytes: what goes in comes out bit for bit.
 */
import { type Data, makeData } from 'apache-arrow'
import { arrowType, type LogicalType } from '../../../connectors/logical-type.ts'
import { copyBits, countBits, fillBits, setBit } from '../../land/parquet/bits.ts'

/** Encoders read whole words: every buffer has this much behind its last value. */
const SPARE_BYTES = 64

/** Bytes per value; 0: byte strings with offsets; 1: bits. */
export type Width = 0 | 1 | 2 | 4 | 8 | 16

export function widthOf(type: LogicalType): Width {
  switch (type.kind) {
    case 'bool':
      return 1
    case 'int16':
      return 2
    case 'int32':
    case 'float32':
    case 'date':
      return 4
    case 'int64':
    case 'float64':
    case 'timestamp':
      return 8
    case 'decimal':
      return 16
    case 'utf8':
    case 'binary':
      return 0
    default:
      return type satisfies never
  }
}

export class ColumnVector {
  readonly type: LogicalType
  readonly width: Width
  readonly capacity: number
  rows = 0
  nulls = 0
  readonly validity: Uint8Array
  /** Fixed widths: `capacity` values. Byte strings: grows. Bits: one per row. */
  bytes: Uint8Array
  int32: Int32Array
  view: DataView
  readonly offsets: Int32Array

  constructor(type: LogicalType, capacity: number) {
    this.type = type
    this.width = widthOf(type)
    this.capacity = capacity
    this.validity = new Uint8Array((capacity >> 3) + SPARE_BYTES)
    const size = this.width === 0 ? capacity * 8 : this.width === 1 ? capacity >> 3 : capacity * this.width
    const buffer = new ArrayBuffer((size + SPARE_BYTES + 15) & ~15)
    this.bytes = new Uint8Array(buffer)
    this.int32 = new Int32Array(buffer)
    this.view = new DataView(buffer)
    this.offsets = new Int32Array(this.width === 0 ? capacity + 2 : 0)
  }

  clear(): void {
    this.rows = 0
    this.nulls = 0
  }

  isNull(row: number): boolean {
    return this.nulls > 0 && (((this.validity[row >> 3] as number) >> (row & 7)) & 1) === 0
  }

  /** Room for `extra` more bytes of strings behind the first `kept`; true when the buffer is another one. */
  grow(kept: number, extra: number): boolean {
    const needed = kept + extra + SPARE_BYTES
    if (needed <= this.bytes.length) return false
    const buffer = new ArrayBuffer((Math.max(needed, this.bytes.length * 2) + 15) & ~15)
    const grown = new Uint8Array(buffer)
    grown.set(this.bytes.subarray(0, kept))
    this.bytes = grown
    this.int32 = new Int32Array(buffer)
    this.view = new DataView(buffer)
    return true
  }

  appendNulls(count: number): void {
    fillBits(this.validity, this.rows, count, 0)
    if (this.width === 0) this.offsets.fill(this.offsets[this.rows] as number, this.rows + 1, this.rows + count + 1)
    this.rows += count
    this.nulls += count
  }

  /** The same text in `count` rows. */
  appendText(text: string, count: number): void {
    const bytes = Buffer.from(text)
    fillBits(this.validity, this.rows, count, 1)
    let end = this.offsets[this.rows] as number
    this.grow(end, bytes.length * count)
    for (let i = 0; i < count; i++) {
      this.bytes.set(bytes, end)
      end += bytes.length
      this.offsets[this.rows + i + 1] = end
    }
    this.rows += count
  }

  /** Rows [from, to) of a column of the same type. */
  appendRange(source: ColumnVector, from: number, to: number): void {
    const count = to - from
    if (source.nulls === 0) fillBits(this.validity, this.rows, count, 1)
    else {
      copyBits(this.validity, this.rows, source.validity, from, count)
      this.nulls += count - countBits(source.validity, from, count)
    }
    const { width } = this
    if (width === 0) this.#appendStrings(source, from, to)
    else if (width === 1) copyBits(this.bytes, this.rows, source.bytes, from, count)
    else this.bytes.set(source.bytes.subarray(from * width, to * width), this.rows * width)
    this.rows += count
  }

  /** The rows whose numbers stand in `picked`, in that order. */
  appendPicked(source: ColumnVector, picked: Int32Array, count: number): void {
    const at = this.rows
    if (source.nulls === 0) fillBits(this.validity, at, count, 1)
    else {
      let present = 0
      for (let i = 0; i < count; i++) {
        const row = picked[i] as number
        const bit = ((source.validity[row >> 3] as number) >> (row & 7)) & 1
        setBit(this.validity, at + i, bit)
        present += bit
      }
      this.nulls += count - present
    }
    const { width } = this
    if (width === 0) this.#pickStrings(source, picked, count)
    else if (width === 1) {
      for (let i = 0; i < count; i++) {
        const row = picked[i] as number
        setBit(this.bytes, at + i, ((source.bytes[row >> 3] as number) >> (row & 7)) & 1)
      }
    } else if (width === 2) {
      const [to, from] = [new Int16Array(this.bytes.buffer), new Int16Array(source.bytes.buffer)]
      for (let i = 0; i < count; i++) to[at + i] = from[picked[i] as number] as number
    } else pickWords(this.int32, at, source.int32, picked, count, width >> 2)
    this.rows += count
  }

  #appendStrings(source: ColumnVector, from: number, to: number): void {
    const start = source.offsets[from] as number
    const length = (source.offsets[to] as number) - start
    const base = this.offsets[this.rows] as number
    this.grow(base, length)
    this.bytes.set(source.bytes.subarray(start, start + length), base)
    const shift = base - start
    for (let row = from, at = this.rows + 1; row < to; row++, at++) {
      this.offsets[at] = (source.offsets[row + 1] as number) + shift
    }
  }

  /** Neighbours are copied together. */
  #pickStrings(source: ColumnVector, picked: Int32Array, count: number): void {
    const { offsets } = source
    let total = 0
    for (let i = 0; i < count; i++) {
      const row = picked[i] as number
      total += (offsets[row + 1] as number) - (offsets[row] as number)
    }
    let end = this.offsets[this.rows] as number
    this.grow(end, total)
    for (let i = 0; i < count; ) {
      const first = picked[i] as number
      const start = offsets[first] as number
      let last = first
      const begin = i
      while (i < count && picked[i] === last) {
        last++
        i++
      }
      const shift = end - start
      for (let row = first, at = this.rows + begin + 1; row < last; row++, at++) {
        this.offsets[at] = (offsets[row + 1] as number) + shift
      }
      this.bytes.set(source.bytes.subarray(start, offsets[last] as number), end)
      end += (offsets[last] as number) - start
    }
  }

  /** Shares this column's buffers: valid until the next change. */
  data(): Data {
    const type = arrowType(this.type)
    const { rows: length, nulls: nullCount } = this
    const common = { length, nullCount, ...(nullCount > 0 ? { nullBitmap: this.validity } : {}) }
    if (this.width === 0) {
      const valueOffsets = this.offsets.subarray(0, length + 1)
      const data = this.bytes.subarray(0, this.offsets[length] as number)
      return makeData({ type, ...common, valueOffsets, data } as Parameters<typeof makeData>[0])
    }
    const { buffer } = this.bytes
    if (this.width === 1) return makeData({ type, ...common, data: this.bytes } as Parameters<typeof makeData>[0])
    const values = new (type.ArrayType as new (buffer: ArrayBufferLike, start: number, length: number) => ArrayBufferView)(
      buffer,
      0,
      (length * this.width) / type.ArrayType.BYTES_PER_ELEMENT,
    )
    return makeData({ type, ...common, data: values } as Parameters<typeof makeData>[0])
  }
}

function pickWords(to: Int32Array, at: number, from: Int32Array, picked: Int32Array, count: number, words: number): void {
  if (words === 1) {
    for (let i = 0; i < count; i++) to[at + i] = from[picked[i] as number] as number
    return
  }
  let target = at * words
  for (let i = 0; i < count; i++) {
    const start = (picked[i] as number) * words
    for (let word = 0; word < words; word++) to[target++] = from[start + word] as number
  }
}
