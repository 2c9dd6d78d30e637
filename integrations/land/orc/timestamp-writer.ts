/** Timestamps while a stripe is written: seconds since 2015 and nanoseconds, each a stream of its own. */
import { type Data, type Timestamp, TimeUnit } from 'apache-arrow'
import { badValue, ColumnWriter, DIRECT_V2, SLICE_ROWS, type WriterContext } from './column-writer.ts'
import { StreamKind } from './messages.ts'
import { pairsOf } from './number-writers.ts'
import { OutStream } from './out-stream.ts'
import { IntegerEncoder } from './rle-v2-encoder.ts'
import type { OrcType } from './schema.ts'

/** 2015-01-01T00:00:00Z, from which ORC counts seconds. */
export const EPOCH_SECONDS = 1_420_070_400
const WORD = 4294967296

/** Counts per second of each Arrow unit. */
const PER_SECOND: Readonly<Record<TimeUnit, number>> = {
  [TimeUnit.SECOND]: 1,
  [TimeUnit.MILLISECOND]: 1_000,
  [TimeUnit.MICROSECOND]: 1_000_000,
  [TimeUnit.NANOSECOND]: 1_000_000_000,
}

export class TimestampWriter extends ColumnWriter {
  readonly #secondsOut: OutStream
  readonly #nanosOut: OutStream
  readonly #secondsEncoder: IntegerEncoder
  readonly #nanosEncoder: IntegerEncoder
  readonly #seconds = new Float64Array(SLICE_ROWS)
  readonly #nanos = new Float64Array(SLICE_ROWS)

  constructor(type: OrcType, context: WriterContext) {
    super(type, context)
    this.#secondsOut = new OutStream(context.compress)
    this.#nanosOut = new OutStream(context.compress)
    this.#secondsEncoder = new IntegerEncoder(this.#secondsOut, { signed: true })
    this.#nanosEncoder = new IntegerEncoder(this.#nanosOut, { signed: false })
    this.begin()
  }

  protected write(data: Data, rows: Int32Array, count: number): void {
    const words = pairsOf(data, rows, count, this.type)
    const perSecond = PER_SECOND[(data.type as Timestamp).unit]
    const seconds = this.#seconds
    const nanos = this.#nanos
    const toNanos = 1_000_000_000 / perSecond
    for (let i = 0; i < count; i++) {
      const at = 2 * (rows[i] as number)
      const high = words[at + 1] as number
      const low = (words[at] as number) >>> 0
      if (high >= -0x100000 && high < 0x100000) {
        const value = high * WORD + low
        const second = Math.floor(value / perSecond)
        seconds[i] = second
        nanos[i] = (value - second * perSecond) * toNanos
      } else {
        const value = (BigInt(high) << 32n) | BigInt(low)
        const unit = BigInt(perSecond)
        const rest = ((value % unit) + unit) % unit
        seconds[i] = Number((value - rest) / unit)
        nanos[i] = Number(rest) * toNanos
      }
    }
    if (this.stated) this.#state(count)
    for (let i = 0; i < count; i++) {
      let second = seconds[i] as number
      const nano = nanos[i] as number
      // Java and C++ truncate towards zero where a millisecond is set, and undo it for negative seconds when reading.
      if (second < 0 && nano > 999_999) {
        second++
        if (second === 0 && this.context.epochSecond === 'error') throw this.#unwritable()
      }
      if (second > 2 ** 45 || second < -(2 ** 45)) throw badValue(this.type, 'a timestamp is out of range', 'see "on_bad_value"')
      seconds[i] = second - EPOCH_SECONDS
      nanos[i] = packNanos(nano)
    }
    this.#secondsEncoder.pushNumbers(seconds, 0, count)
    this.#nanosEncoder.pushNumbers(nanos, 0, count)
  }

  #state(count: number): void {
    const seconds = this.#seconds
    const nanos = this.#nanos
    let min = 0
    let max = 0
    for (let i = 1; i < count; i++) {
      const second = seconds[i] as number
      const low = seconds[min] as number
      const high = seconds[max] as number
      if (second < low || (second === low && (nanos[i] as number) < (nanos[min] as number))) min = i
      else if (second > high || (second === high && (nanos[i] as number) > (nanos[max] as number))) max = i
    }
    const at = (i: number) => BigInt(seconds[i] as number) * 1_000_000_000n + BigInt(nanos[i] as number)
    this.statistics.bound(at(min), at(max))
  }

  #unwritable(): Error {
    return badValue(
      this.type,
      'a timestamp lies in the last second before 1970-01-01 00:00:00 with a fraction of a millisecond or more, which ORC ' +
        'stores one second late in every implementation',
      'write the table as Parquet, or take the shift with the writer option epochSecond "late"',
    )
  }

  protected flushData(): void {
    this.#secondsEncoder.flush()
    this.#nanosEncoder.flush()
  }

  protected dataPosition(into: number[]): void {
    this.#secondsEncoder.position(into)
    this.#nanosEncoder.position(into)
  }

  protected dataSize(): number {
    return this.#secondsOut.size + this.#nanosOut.size
  }

  protected finishData() {
    return {
      streams: [
        [StreamKind.DATA, this.#secondsOut],
        [StreamKind.SECONDARY, this.#nanosOut],
      ] as const,
      encoding: DIRECT_V2,
    }
  }
}

/** Trailing zeros, from two on, are counted in the lowest three bits instead (ORCv1, "Timestamp Columns"). */
function packNanos(nanos: number): number {
  let rest = nanos | 0
  if (rest === 0) return 0
  if (rest % 100 !== 0) return rest * 8
  rest = (rest / 100) | 0
  let zeros = 1
  while (zeros < 7 && rest % 10 === 0) {
    rest = (rest / 10) | 0
    zeros++
  }
  return rest * 8 + zeros
}
