/** Decimals while a stripe is written: unbounded zigzag varints of the unscaled values, and their scale as a second stream. */
import type { Data } from 'apache-arrow'
import { badValue, broken, ColumnWriter, DIRECT_V2, type WriterContext } from './column-writer.ts'
import { StreamKind } from './messages.ts'
import { OutStream } from './out-stream.ts'
import { IntegerEncoder } from './rle-v2-encoder.ts'
import type { OrcType } from './schema.ts'

const WORD = 4294967296
/** Values between two checks of the stream's room: 128 bits take at most 19 bytes. */
const ROOM_EVERY = 256

export class DecimalWriter extends ColumnWriter {
  readonly #out: OutStream
  readonly #scaleOut: OutStream
  readonly #scales: IntegerEncoder
  readonly #limit: bigint
  readonly #smallLimit: number

  constructor(type: OrcType, context: WriterContext) {
    super(type, context)
    this.#out = new OutStream(context.compress)
    this.#scaleOut = new OutStream(context.compress)
    this.#scales = new IntegerEncoder(this.#scaleOut, { signed: true })
    this.#limit = 10n ** BigInt(type.precision)
    this.#smallLimit = 10 ** Math.min(type.precision, 22)
    this.begin()
  }

  protected write(data: Data, rows: Int32Array, count: number): void {
    const values = data.values as ArrayBufferView
    if (values.byteLength < 16 * ((rows[count - 1] as number) + 1)) throw broken(this.type, 'its values are too few')
    const words = new Int32Array(values.buffer, values.byteOffset, values.byteLength >> 2)
    const out = this.#out
    let min = Number.POSITIVE_INFINITY
    let max = Number.NEGATIVE_INFINITY
    let sum = 0
    for (let i = 0; i < count; i++) {
      if (i % ROOM_EVERY === 0) {
        out.commit()
        out.room()
      }
      const at = 4 * (rows[i] as number)
      const high = words[at + 1] as number
      const sign = high >> 31
      if (words[at + 2] === sign && words[at + 3] === sign && high >= -0x10000 && high < 0x10000) {
        const value = high * WORD + ((words[at] as number) >>> 0)
        if (value >= this.#smallLimit || value <= -this.#smallLimit) throw this.#tooLarge()
        if (value < min) min = value
        if (value > max) max = value
        sum += value
        this.#varint(value < 0 ? -2 * value - 1 : 2 * value)
      } else this.#large(words, at)
    }
    this.#scales.pushRepeated(this.type.scale, count)
    out.commit()
    if (!this.stated || min > max) return
    this.statistics.bound(BigInt(min), BigInt(max))
    // Partial sums are exact as long as no sum of this many such values can leave the safe integers.
    if (Math.max(-min, max) * count <= Number.MAX_SAFE_INTEGER) this.statistics.sum += BigInt(sum)
    else this.statistics.sum += this.#exactSum(words, rows, count)
  }

  protected flushData(): void {
    this.#scales.flush()
  }

  protected dataPosition(into: number[]): void {
    this.#out.position(into)
    this.#scales.position(into)
  }

  protected dataSize(): number {
    return this.#out.size + this.#scaleOut.size
  }

  protected finishData() {
    return {
      streams: [
        [StreamKind.DATA, this.#out],
        [StreamKind.SECONDARY, this.#scaleOut],
      ] as const,
      encoding: DIRECT_V2,
    }
  }

  #varint(packed: number): void {
    const out = this.#out
    let rest = packed
    while (rest >= 0x10000000) {
      out.bytes[out.length++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    let small = rest | 0
    while (small >= 0x80) {
      out.bytes[out.length++] = (small & 0x7f) | 0x80
      small >>>= 7
    }
    out.bytes[out.length++] = small
  }

  #large(words: Int32Array, at: number): void {
    const value = valueAt(words, at)
    if (value >= this.#limit || value <= -this.#limit) throw this.#tooLarge()
    const out = this.#out
    let rest = value < 0n ? -2n * value - 1n : 2n * value
    for (; rest >= 0x80n; rest >>= 7n) out.bytes[out.length++] = Number(rest & 0x7fn) | 0x80
    out.bytes[out.length++] = Number(rest)
    if (!this.stated) return
    this.statistics.bound(value, value)
    this.statistics.sum += value
  }

  /** The sum of those values that `write` took for small. */
  #exactSum(words: Int32Array, rows: Int32Array, count: number): bigint {
    let sum = 0n
    for (let i = 0; i < count; i++) {
      const at = 4 * (rows[i] as number)
      const high = words[at + 1] as number
      const sign = high >> 31
      if (words[at + 2] === sign && words[at + 3] === sign && high >= -0x10000 && high < 0x10000) sum += valueAt(words, at)
    }
    return sum
  }

  #tooLarge(): Error {
    const { precision, scale } = this.type
    return badValue(
      this.type,
      `a value has more digits than decimal(${precision},${scale})`,
      'give the column a larger precision',
    )
  }
}

/** Sixteen bytes, two's complement, as four words, lowest first. */
function valueAt(words: Int32Array, at: number): bigint {
  const unsigned = (word: number) => BigInt((words[at + word] as number) >>> 0)
  return (BigInt(words[at + 3] as number) << 96n) | (unsigned(2) << 64n) | (unsigned(1) << 32n) | unsigned(0)
}
