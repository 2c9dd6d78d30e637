/**
 * Column statistics while a file is written: one object per row group, merged into the stripe's, and those into the
 * file's. The format's rules (ORCv1, "Column Statistics"): a sum that overflows 64 bits is left out, long strings leave
 * bounds instead of values, and — Java's rule — NaN stays out of minimum and maximum but makes the sum NaN, which tells
 * readers not to skip.
 */
import { decimalText } from '../../../connectors/column-values.ts'
import { bytesText, dateText, timestampText } from '../../types/canonical-text.ts'
import type { ColumnSummary } from '../file-writer.ts'
import type { ColumnStatistics } from './messages.ts'

/** What a column's values are, as far as statistics care. */
export type StatisticsKind =
  | 'none'
  | 'boolean'
  | 'integer'
  | 'float'
  | 'text'
  | 'binary'
  | 'decimal'
  | 'date'
  | 'timestamp'
  | 'collection'

/** integer, date, decimal (unscaled), timestamp (nanoseconds): bigint; float: number; text: bytes; boolean, collection: number. */
export type StatisticsValue = bigint | number | Uint8Array

const MAX_INT64 = 2n ** 63n - 1n
const MIN_INT64 = -(2n ** 63n)
/** Longer minima and maxima are cut to bounds. */
const MAX_TEXT_BYTES = 1024
/** What the commit log keeps of a bound at most, in characters. */
const MAX_SUMMARY = 64

export class Statistics {
  readonly kind: StatisticsKind
  readonly scale: number
  values = 0
  nulls = 0
  min: StatisticsValue | null = null
  max: StatisticsValue | null = null
  /** integer, decimal, text and binary lengths, booleans (true ones), children of collections. */
  sum = 0n
  /** float. */
  floatSum = 0

  constructor(kind: StatisticsKind, scale = 0) {
    this.kind = kind
    this.scale = scale
  }

  /** Takes in the bounds of some values. Bytes are kept, not copied. */
  bound(min: StatisticsValue, max: StatisticsValue): void {
    if (this.min === null || compare(min, this.min) < 0) this.min = min
    if (this.max === null || compare(max, this.max) > 0) this.max = max
  }

  merge(other: Statistics): void {
    this.values += other.values
    this.nulls += other.nulls
    this.sum += other.sum
    this.floatSum += other.floatSum
    if (other.min !== null && other.max !== null) this.bound(other.min, other.max)
  }

  message(): Partial<ColumnStatistics> {
    return { numberOfValues: this.values, ...this.#typed(), hasNull: this.nulls > 0 }
  }

  /** For the commit log. Bounds of floats are left out as soon as there is a NaN, because they do not bound it. */
  summary(): ColumnSummary {
    const { nulls } = this
    if (this.kind === 'boolean' && this.values > 0) {
      return { nulls, min: this.sum === BigInt(this.values) ? 't' : 'f', max: this.sum > 0n ? 't' : 'f' }
    }
    if (this.min === null || this.max === null || this.kind === 'collection') return { nulls }
    if (this.kind === 'float' && Number.isNaN(this.floatSum)) return { nulls }
    const min = this.#text(this.min)
    const max = this.#text(this.max)
    return {
      nulls,
      ...(min.length <= MAX_SUMMARY ? { min } : {}),
      ...(max.length <= MAX_SUMMARY ? { max } : {}),
    }
  }

  #text(value: StatisticsValue): string {
    if (value instanceof Uint8Array) return this.kind === 'text' ? Buffer.from(value).toString('utf8') : bytesText(value)
    if (this.kind === 'decimal') return decimalText(BigInt(value), this.scale)
    if (this.kind === 'date') return dateText(Number(value))
    if (this.kind === 'timestamp') {
      const nanos = BigInt(value)
      return nanos % 1000n === 0n ? timestampText(nanos / 1000n) : timestampText(nanos, ' ', 9)
    }
    return Object.is(value, -0) ? '0' : String(value)
  }

  #typed(): Partial<ColumnStatistics> {
    const { min, max, sum } = this
    switch (this.kind) {
      case 'none':
        return {}
      case 'boolean':
        return { bucketStatistics: { count: [Number(sum)] } }
      case 'binary':
        return { binaryStatistics: { sum } }
      case 'float':
        return this.#float()
      case 'text':
        return { stringStatistics: textStatistics(min as Uint8Array | null, max as Uint8Array | null, sum) }
      default:
    }
    if (min === null || max === null) return {}
    switch (this.kind) {
      case 'integer':
        return {
          intStatistics: {
            minimum: min as bigint,
            maximum: max as bigint,
            ...(sum >= MIN_INT64 && sum <= MAX_INT64 ? { sum } : {}),
          },
        }
      case 'date':
        return { dateStatistics: { minimum: min as bigint, maximum: max as bigint } }
      case 'decimal': {
        const text = (value: bigint) => decimalText(value, this.scale)
        return { decimalStatistics: { minimum: text(min as bigint), maximum: text(max as bigint), sum: text(sum) } }
      }
      case 'timestamp':
        return { timestampStatistics: timestampStatistics(min as bigint, max as bigint) }
      case 'collection':
        return { collectionStatistics: { minChildren: min as number, maxChildren: max as number, totalChildren: Number(sum) } }
      default:
        return {}
    }
  }

  #float(): Partial<ColumnStatistics> {
    const { min, max, floatSum } = this
    // Zeros are widened so that both signs lie within, whichever order a reader uses.
    const bounds =
      min === null || max === null ? {} : { minimum: min === 0 ? -0 : (min as number), maximum: max === 0 ? 0 : (max as number) }
    return { doubleStatistics: { ...bounds, sum: floatSum } }
  }
}

function compare(a: StatisticsValue, b: StatisticsValue): number {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b)
  return a < b ? -1 : a > b ? 1 : 0
}

const FLOOR = 1_000_000n

/** Milliseconds in UTC; the rest of the nanoseconds plus one, left out where it is what an absent one means. */
function timestampStatistics(min: bigint, max: bigint) {
  const split = (value: bigint) => {
    const rest = ((value % FLOOR) + FLOOR) % FLOOR
    return { millis: (value - rest) / FLOOR, nanos: Number(rest) }
  }
  const low = split(min)
  const high = split(max)
  return {
    minimum: low.millis,
    maximum: high.millis,
    minimumUtc: low.millis,
    maximumUtc: high.millis,
    ...(low.nanos === 0 ? {} : { minimumNanos: low.nanos + 1 }),
    ...(high.nanos === 999_999 ? {} : { maximumNanos: high.nanos + 1 }),
  }
}

function textStatistics(min: Uint8Array | null, max: Uint8Array | null, sum: bigint) {
  if (min === null || max === null) return { sum }
  const text = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  const upper = max.length <= MAX_TEXT_BYTES ? null : upperBound(max)
  return {
    ...(min.length <= MAX_TEXT_BYTES ? { minimum: text(min) } : { lowerBound: text(cutText(min)) }),
    ...(max.length <= MAX_TEXT_BYTES ? { maximum: text(max) } : upper === null ? {} : { upperBound: upper }),
    sum,
  }
}

/** The longest prefix of whole characters within the limit. */
function cutText(bytes: Uint8Array): Uint8Array {
  let end = MAX_TEXT_BYTES
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}

/** A short text above everything that begins like `bytes`; null when there is none. */
function upperBound(bytes: Uint8Array): string | null {
  const points = [...Buffer.from(cutText(bytes)).toString('utf8')].map((character) => character.codePointAt(0) ?? 0)
  for (let i = points.length - 1; i >= 0; i--) {
    const next = (points[i] as number) + 1
    // Surrogates are no characters; the next one is U+E000.
    const point = next >= 0xd800 && next <= 0xdfff ? 0xe000 : next
    if (point <= 0x10ffff) return String.fromCodePoint(...points.slice(0, i), point)
  }
  return null
}
