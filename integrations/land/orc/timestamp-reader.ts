/** Timestamps while a stripe is read: seconds since 2015 in the writer's zone and nanoseconds, brought to a wall clock. */
import { type Data, type DataType, TimestampMicrosecond, TimestampNanosecond, Utf8 } from 'apache-arrow'
import { ConnectorError } from '../../../connectors/errors.ts'
import { timestampText } from '../../types/canonical-text.ts'
import { prolepticSeconds } from './calendar.ts'
import { ColumnReader, integers, type StripeContext, spread, type TimestampMode } from './column-reader.ts'
import { damaged } from './damaged.ts'
import type { PositionReader } from './in-stream.ts'
import type { IntegerDecoder } from './integer-decoder.ts'
import { TypeKind } from './messages.ts'
import type { OrcType } from './schema.ts'
import type { ZoneOffset } from './time-zone.ts'
import { EPOCH_SECONDS } from './timestamp-writer.ts'

const WORD = 4294967296
const POWERS = [1, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000]
const NANOS = 1_000_000_000
const MAX_INT64 = 2n ** 63n - 1n
/** Year 292,000 or so: microseconds beyond it leave 64 bits. */
const MAX_SECONDS = 9_223_372_036_853

export function timestampType(kind: TypeKind, mode: TimestampMode): DataType {
  const zone = kind === TypeKind.TIMESTAMP_INSTANT ? 'UTC' : null
  return mode === 'text' ? new Utf8() : mode === 'nanos' ? new TimestampNanosecond(zone) : new TimestampMicrosecond(zone)
}

/** Before 1900 Java's old calendar knows no local mean time, but the zone's present standard time; instants are of the zone's true one. */
const STANDARD_TIME = -2_208_988_800
const [WINTER, SUMMER] = [1_735_689_600, 1_751_328_000]

function sinceStandardTime(zone: ZoneOffset, second: number): number {
  if (second >= STANDARD_TIME) return 0
  const standard = Math.min(zone(WINTER), zone(SUMMER))
  return standard - zone(second)
}

export class TimestampReader extends ColumnReader {
  readonly #seconds: IntegerDecoder
  readonly #nanos: IntegerDecoder
  readonly #mode: TimestampMode
  readonly #hybrid: boolean
  readonly #zone: ZoneOffset | null
  readonly #epoch: number
  readonly #wall: boolean
  #second = 0
  #nano = 0

  constructor(type: OrcType, context: StripeContext) {
    super(type, timestampType(type.kind, context.timestamps), context)
    this.#seconds = integers(type, 'DATA', context, { signed: true })
    this.#nanos = integers(type, 'SECONDARY', context, { signed: false })
    this.#mode = context.timestamps
    this.#hybrid = context.hybrid
    this.#wall = context.clock === 'wall'
    this.#zone = type.kind === TypeKind.TIMESTAMP_INSTANT ? null : context.zone
    // Midnight of 2015-01-01 on the writer's clock.
    this.#epoch = this.#zone === null ? EPOCH_SECONDS : EPOCH_SECONDS - this.#zone(EPOCH_SECONDS - this.#zone(EPOCH_SECONDS))
  }

  protected values(count: number, validity: Uint8Array | null, values: number): Data {
    const seconds = new Int32Array(2 * values)
    const nanos = new Int32Array(2 * values)
    this.#seconds.read(seconds, 0, values)
    this.#nanos.read(nanos, 0, values)
    if (this.#mode === 'text') return this.#texts(count, validity, values, seconds, nanos)
    const out = new BigInt64Array(count)
    const words = new Int32Array(out.buffer)
    for (let i = 0; i < values; i++) {
      this.#decode(seconds, nanos, i)
      const nano = this.#nano
      const second = this.#second
      if (this.#mode === 'nanos') out[i] = this.#inNanos(second, nano)
      else {
        if (nano % 1000 !== 0) throw this.#finer()
        const value = second * 1_000_000 + nano / 1000
        if (Number.isSafeInteger(value)) {
          words[2 * i] = value
          words[2 * i + 1] = Math.floor(value / WORD)
        } else out[i] = BigInt(second) * 1_000_000n + BigInt(nano / 1000)
      }
    }
    if (validity !== null) spread(words, 2, count, validity, values)
    return this.data(count, validity, values, { data: out })
  }

  protected skipValues(values: number): void {
    this.#seconds.skip(values)
    this.#nanos.skip(values)
  }

  protected seekValues(positions: PositionReader): void {
    this.#seconds.seek(positions)
    this.#nanos.seek(positions)
  }

  /**
   * Decodes value `i` into `#second` (since 1970, of the wall clock) and `#nano`. The last three bits of the nanoseconds
   * count removed zeros, less one.
   */
  #decode(seconds: Int32Array, nanos: Int32Array, i: number): void {
    const low = nanos[2 * i] as number
    const packed = (nanos[2 * i + 1] as number) * WORD + (low >>> 0)
    let nano = Math.floor(packed / 8) * (POWERS[low & 7] as number)
    let second = (seconds[2 * i + 1] as number) * WORD + ((seconds[2 * i] as number) >>> 0) + this.#epoch
    if (nano >= NANOS || nano <= -NANOS)
      throw damaged(`column "${this.type.path}"`, 'a timestamp has a second of nanoseconds or more')
    // Writers truncate towards zero where a millisecond is set. Arrow's C++ writer truncates both parts instead.
    if (nano < 0) {
      second--
      nano += NANOS
    } else if (second < 0 && nano > 999_999) second--
    if (this.#zone !== null) second += this.#wall ? this.#zone(second) : sinceStandardTime(this.#zone, second)
    if (this.#hybrid) second = prolepticSeconds(second)
    if (second > MAX_SECONDS || second < -MAX_SECONDS) throw damaged(`column "${this.type.path}"`, 'a timestamp is out of range')
    this.#second = second
    this.#nano = nano
  }

  #inNanos(second: number, nano: number): bigint {
    const value = BigInt(second) * BigInt(NANOS) + BigInt(nano)
    if (value > MAX_INT64 || value < -MAX_INT64) {
      throw new ConnectorError(
        'BAD_VALUE',
        `ORC column "${this.type.path}" has a timestamp outside of the years 1677 to 2262: read it in microseconds`,
      )
    }
    return value
  }

  #finer(): Error {
    return new ConnectorError(
      'BAD_VALUE',
      `ORC column "${this.type.path}" has a timestamp with a fraction finer than microseconds: read it in nanoseconds or as text`,
    )
  }

  /** ISO-8601 with nine digits where nanoseconds are set, six elsewhere; `Z` for instants. */
  #texts(count: number, validity: Uint8Array | null, values: number, seconds: Int32Array, nanos: Int32Array): Data {
    const suffix = this.type.kind === TypeKind.TIMESTAMP_INSTANT ? 'Z' : ''
    const texts: string[] = []
    for (let i = 0; i < values; i++) {
      this.#decode(seconds, nanos, i)
      const nano = this.#nano
      const second = BigInt(this.#second)
      const text =
        nano % 1000 === 0
          ? timestampText(second * 1_000_000n + BigInt(nano / 1000), 'T')
          : timestampText(second * BigInt(NANOS) + BigInt(nano), 'T', 9)
      texts.push(text + suffix)
    }
    const offsets = new Int32Array(count + 1)
    let at = 0
    for (let row = 0; row < count; row++) {
      const valid = validity === null || ((validity[row >> 3] as number) >> (row & 7)) & 1
      offsets[row + 1] = (offsets[row] as number) + (valid ? (texts[at++]?.length ?? 0) : 0)
    }
    return this.data(count, validity, values, { valueOffsets: offsets, data: Buffer.from(texts.join(''), 'latin1') })
  }
}
