/** Columns of numbers while a stripe is written: boolean, tinyint, integers and dates, float and double. */
import type { Data } from 'apache-arrow'
import { BooleanEncoder, ByteEncoder } from './byte-rle.ts'
import { broken, ColumnWriter, DIRECT, DIRECT_V2, SLICE_ROWS, type WriterContext } from './column-writer.ts'
import { StreamKind } from './messages.ts'
import { OutStream } from './out-stream.ts'
import { IntegerEncoder } from './rle-v2-encoder.ts'
import type { OrcType } from './schema.ts'

const WORD = 4294967296

export class BooleanWriter extends ColumnWriter {
  readonly #out: OutStream
  readonly #bits: BooleanEncoder

  constructor(type: OrcType, context: WriterContext) {
    super(type, context)
    this.#out = new OutStream(context.compress)
    this.#bits = new BooleanEncoder(this.#out)
    this.begin()
  }

  protected write(data: Data, rows: Int32Array, count: number): void {
    const bits = data.values as Uint8Array
    let ones = 0
    for (let i = 0; i < count; i++) {
      const bit = data.offset + (rows[i] as number)
      const value = ((bits[bit >> 3] as number) >> (bit & 7)) & 1
      this.#bits.push(value)
      ones += value
    }
    if (this.stated) this.statistics.sum += BigInt(ones)
  }

  protected flushData(): void {
    this.#bits.flushRun()
  }

  protected dataPosition(into: number[]): void {
    this.#bits.position(into)
  }

  protected dataSize(): number {
    return this.#out.size
  }

  protected finishData() {
    this.#bits.finish()
    return { streams: [[StreamKind.DATA, this.#out]] as const, encoding: DIRECT }
  }
}

export class ByteWriter extends ColumnWriter {
  readonly #out: OutStream
  readonly #bytes: ByteEncoder

  constructor(type: OrcType, context: WriterContext) {
    super(type, context)
    this.#out = new OutStream(context.compress)
    this.#bytes = new ByteEncoder(this.#out)
    this.begin()
  }

  protected write(data: Data, rows: Int32Array, count: number): void {
    const values = data.values as Int8Array
    let min = 127
    let max = -128
    let sum = 0
    for (let i = 0; i < count; i++) {
      const value = values[rows[i] as number] as number
      this.#bytes.push(value & 0xff)
      if (value < min) min = value
      if (value > max) max = value
      sum += value
    }
    if (!this.stated) return
    this.statistics.bound(BigInt(min), BigInt(max))
    this.statistics.sum += BigInt(sum)
  }

  protected flushData(): void {
    this.#bytes.flush()
  }

  protected dataPosition(into: number[]): void {
    this.#bytes.position(into)
  }

  protected dataSize(): number {
    return this.#out.size
  }

  protected finishData() {
    return { streams: [[StreamKind.DATA, this.#out]] as const, encoding: DIRECT }
  }
}

/** What the two integer writers share: one stream of signed integers. */
abstract class OneIntegerStream extends ColumnWriter {
  readonly #out: OutStream
  protected readonly integers: IntegerEncoder

  constructor(type: OrcType, context: WriterContext) {
    super(type, context)
    this.#out = new OutStream(context.compress)
    this.integers = new IntegerEncoder(this.#out, { signed: true })
    this.begin()
  }

  protected flushData(): void {
    this.integers.flush()
  }

  protected dataPosition(into: number[]): void {
    this.integers.position(into)
  }

  protected dataSize(): number {
    return this.#out.size
  }

  protected finishData() {
    return { streams: [[StreamKind.DATA, this.#out]] as const, encoding: DIRECT_V2 }
  }
}

/** smallint, int, date: whatever typed array holds them. */
export class IntWriter extends OneIntegerStream {
  readonly #scratch = new Int32Array(SLICE_ROWS)

  protected write(data: Data, rows: Int32Array, count: number): void {
    const values = data.values as Int16Array | Int32Array
    if (values.length < (rows[count - 1] as number) + 1) throw broken(this.type, 'its values are too few')
    const scratch = this.#scratch
    let min = 2147483647
    let max = -2147483648
    let sum = 0
    for (let i = 0; i < count; i++) {
      const value = values[rows[i] as number] as number
      scratch[i] = value
      if (value < min) min = value
      if (value > max) max = value
      sum += value
    }
    this.integers.pushNumbers(scratch, 0, count)
    if (!this.stated) return
    this.statistics.bound(BigInt(min), BigInt(max))
    this.statistics.sum += BigInt(sum)
  }
}

export class LongWriter extends OneIntegerStream {
  readonly #scratch = new Int32Array(2 * SLICE_ROWS)

  protected write(data: Data, rows: Int32Array, count: number): void {
    const words = pairsOf(data, rows, count, this.type)
    const scratch = this.#scratch
    const first = 2 * (rows[0] as number)
    const together = (rows[count - 1] as number) === (rows[0] as number) + count - 1
    let minLow = (words[first] as number) >>> 0
    let minHigh = words[first + 1] as number
    let maxLow = minLow
    let maxHigh = minHigh
    let sumLow = 0
    let sumHigh = 0
    for (let i = 0; i < count; i++) {
      const at = 2 * (rows[i] as number)
      const word = words[at] as number
      const high = words[at + 1] as number
      if (!together) {
        scratch[2 * i] = word
        scratch[2 * i + 1] = high
      }
      const low = word >>> 0
      sumLow += low
      sumHigh += high
      if (high < minHigh || (high === minHigh && low < minLow)) {
        minLow = low
        minHigh = high
      } else if (high > maxHigh || (high === maxHigh && low > maxLow)) {
        maxLow = low
        maxHigh = high
      }
    }
    if (together) this.integers.pushPairs(words, rows[0] as number, (rows[0] as number) + count)
    else this.integers.pushPairs(scratch, 0, count)
    if (!this.stated) return
    this.statistics.bound((BigInt(minHigh) << 32n) | BigInt(minLow), (BigInt(maxHigh) << 32n) | BigInt(maxLow))
    this.statistics.sum += BigInt(sumHigh) * BigInt(WORD) + BigInt(sumLow)
  }
}

/** The values of a 64-bit column as words, lowest first. */
export function pairsOf(data: Data, rows: Int32Array, count: number, type: OrcType): Int32Array {
  const values = data.values as ArrayBufferView
  if (values.byteLength < 8 * ((rows[count - 1] as number) + 1)) throw broken(type, 'its values are too few')
  return new Int32Array(values.buffer, values.byteOffset, values.byteLength >> 2)
}

/** float and double: the values' own bytes. */
export class FloatWriter extends ColumnWriter {
  readonly #out: OutStream
  readonly #scratch: Float32Array | Float64Array
  readonly #bytes: Uint8Array

  constructor(type: OrcType, context: WriterContext, width: 4 | 8) {
    super(type, context)
    this.#out = new OutStream(context.compress)
    this.#scratch = width === 4 ? new Float32Array(SLICE_ROWS) : new Float64Array(SLICE_ROWS)
    this.#bytes = new Uint8Array(this.#scratch.buffer)
    this.begin()
  }

  protected write(data: Data, rows: Int32Array, count: number): void {
    const values = data.values as Float32Array | Float64Array
    if (values.length < (rows[count - 1] as number) + 1) throw broken(this.type, 'its values are too few')
    const width = this.#scratch.BYTES_PER_ELEMENT
    // Bytes are copied, not numbers: a NaN keeps its payload.
    const source = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    const first = rows[0] as number
    if (rows[count - 1] === first + count - 1) this.#out.write(source, first * width, (first + count) * width)
    else {
      const words = new Int32Array(values.buffer, values.byteOffset, values.byteLength >> 2)
      const target = new Int32Array(this.#scratch.buffer)
      for (let i = 0; i < count; i++) {
        const at = rows[i] as number
        if (width === 4) target[i] = words[at] as number
        else {
          target[2 * i] = words[2 * at] as number
          target[2 * i + 1] = words[2 * at + 1] as number
        }
      }
      this.#out.write(this.#bytes, 0, count * width)
    }
    if (this.stated) this.#state(values, rows, count)
  }

  #state(values: Float32Array | Float64Array, rows: Int32Array, count: number): void {
    let min = Number.POSITIVE_INFINITY
    let max = Number.NEGATIVE_INFINITY
    let sum = 0
    let numbers = 0
    for (let i = 0; i < count; i++) {
      const value = values[rows[i] as number] as number
      sum += value
      if (value < min) min = value
      if (value > max) max = value
      if (!Number.isNaN(value)) numbers++
    }
    if (numbers > 0) this.statistics.bound(min, max)
    this.statistics.floatSum += sum
  }

  protected flushData(): void {}

  protected dataPosition(into: number[]): void {
    this.#out.position(into)
  }

  protected dataSize(): number {
    return this.#out.size
  }

  protected finishData() {
    return { streams: [[StreamKind.DATA, this.#out]] as const, encoding: DIRECT }
  }
}
