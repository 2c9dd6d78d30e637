/**
 * Smallest and largest of PLAIN-encoded values, in the order that the column's type defines (parquet.thrift `ColumnOrder`
 * TYPE_ORDER). The same functions serve a page and the entries of a dictionary.
 */
import type { GrowingBytes } from './growing-bytes.ts'

/** INT32, FLOAT, DOUBLE and BOOLEAN are numbers; INT64 and fixed decimals bigints; BYTE_ARRAY its bytes. */
export type Bound = number | bigint | Uint8Array

export type Bounds = {
  /** Null when there is no value but nulls and NaNs. */
  readonly range: { readonly min: Bound; readonly max: Bound; readonly minExact: boolean; readonly maxExact: boolean } | null
  readonly nans: number
  /** There are values, but bounds small enough to keep are not known. */
  readonly unknown?: true
}

/** Bounds of the first `count` values of `page`. */
export type BoundsOf = (page: GrowingBytes, count: number) => Bounds

const NONE: Bounds = { range: null, nans: 0 }

const exact = (min: Bound, max: Bound): Bounds => ({ range: { min, max, minExact: true, maxExact: true }, nans: 0 })

export function boundsOfInt32(page: GrowingBytes, count: number): Bounds {
  if (count === 0) return NONE
  const values = page.int32
  const first = page.base >> 2
  let min = values[first] as number
  let max = min
  for (let i = first + 1; i < first + count; i++) {
    const value = values[i] as number
    if (value < min) min = value
    else if (value > max) max = value
  }
  return exact(min, max)
}

/** Compared as pairs of words: the upper ones signed, the lower ones not. */
export function boundsOfInt64(page: GrowingBytes, count: number): Bounds {
  if (count === 0) return NONE
  const words = page.int32
  const first = page.base >> 2
  const end = first + count * 2
  let minLow = (words[first] as number) >>> 0
  let minHigh = words[first + 1] as number
  let maxLow = minLow
  let maxHigh = minHigh
  for (let i = first + 2; i < end; i += 2) {
    const low = (words[i] as number) >>> 0
    const high = words[i + 1] as number
    if (high < minHigh || (high === minHigh && low < minLow)) {
      minLow = low
      minHigh = high
    } else if (high > maxHigh || (high === maxHigh && low > maxLow)) {
      maxLow = low
      maxHigh = high
    }
  }
  return exact((BigInt(minHigh) << 32n) | BigInt(minLow), (BigInt(maxHigh) << 32n) | BigInt(maxLow))
}

/** NaNs are counted, and in no bound. */
function boundsOfFloats(values: Float32Array | Float64Array, first: number, count: number): Bounds {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  let nans = 0
  for (let i = first; i < first + count; i++) {
    const value = values[i] as number
    if (value < min) min = value
    if (value > max) max = value
    if (Number.isNaN(value)) nans++
  }
  if (nans === count) return { range: null, nans }
  return { range: { min, max, minExact: true, maxExact: true }, nans }
}

export function boundsOfFloat(page: GrowingBytes, count: number): Bounds {
  return boundsOfFloats(new Float32Array(page.bytes.buffer), page.base >> 2, count)
}

export function boundsOfDouble(page: GrowingBytes, count: number): Bounds {
  return boundsOfFloats(new Float64Array(page.bytes.buffer), page.base >> 3, count)
}

/** Sixteen bytes, two's complement, big-endian. */
export function boundsOfFixedDecimal(page: GrowingBytes, count: number): Bounds {
  if (count === 0) return NONE
  const { view, base } = page
  let min = base
  let max = base
  for (let i = 1; i < count; i++) {
    const at = base + i * 16
    if (compareFixed(view, at, min) < 0) min = at
    else if (compareFixed(view, at, max) > 0) max = at
  }
  const value = (at: number) => (view.getBigInt64(at) << 64n) | view.getBigUint64(at + 8)
  return exact(value(min), value(max))
}

function compareFixed(view: DataView, a: number, b: number): number {
  const high = view.getInt32(a) - view.getInt32(b)
  if (high !== 0) return high
  for (let word = 4; word < 16; word += 4) {
    const difference = view.getUint32(a + word) - view.getUint32(b + word)
    if (difference !== 0) return difference
  }
  return 0
}

/** As many bytes as `width`, two's complement, big-endian. */
export const boundsOfNarrowFixedDecimal =
  (width: number): BoundsOf =>
  (page, count) => {
    if (count === 0) return NONE
    const { view, bytes, base } = page
    const compare = (a: number, b: number): number => {
      let difference = view.getInt8(a) - view.getInt8(b)
      for (let i = 1; i < width && difference === 0; i++) difference = (bytes[a + i] as number) - (bytes[b + i] as number)
      return difference
    }
    let min = base
    let max = base
    for (let at = base + width; at < base + count * width; at += width) {
      if (compare(at, min) < 0) min = at
      else if (compare(at, max) > 0) max = at
    }
    const value = (at: number): bigint => {
      let sum = BigInt(view.getInt8(at))
      for (let i = 1; i < width; i++) sum = (sum << 8n) | BigInt(bytes[at + i] as number)
      return sum
    }
    return exact(value(min), value(max))
  }

/** One bit per value, packed from the page's base; `false` before `true`. */
export function boundsOfBoolean(page: GrowingBytes, count: number): Bounds {
  if (count === 0) return NONE
  let ones = 0
  let zeros = 0
  for (let i = 0; i < count && (ones === 0 || zeros === 0); i++) {
    if ((((page.bytes[page.base + (i >> 3)] as number) >> (i & 7)) & 1) === 1) ones++
    else zeros++
  }
  return exact(zeros > 0 ? 0 : 1, ones > 0 ? 1 : 0)
}

/** Unsigned byte-wise order, over length-prefixed values. The bytes returned are copies, not truncated. */
export function boundsOfByteArrays(page: GrowingBytes, count: number): Bounds {
  if (count === 0) return NONE
  const { view, base } = page
  let min = base
  let max = base
  let minKey = prefixKey(view, base)
  let maxKey = minKey
  let at = base
  for (let i = 0; i < count; i++) {
    const key = prefixKey(view, at)
    // The maximum first: values that arrive in order (positions, times) then cost one comparison.
    if (key > maxKey || (key === maxKey && compareByteArrays(view, at, max) > 0)) {
      max = at
      maxKey = key
    } else if (key < minKey || (key === minKey && compareByteArrays(view, at, min) < 0)) {
      min = at
      minKey = key
    }
    at += 4 + view.getInt32(at, true)
  }
  const value = (position: number) => page.bytes.slice(position + 4, position + 4 + view.getInt32(position, true))
  return exact(value(min), value(max))
}

/** The first four bytes as one unsigned number, missing ones as 0: orders most pairs without a loop. */
function prefixKey(view: DataView, at: number): number {
  const length = view.getInt32(at, true)
  const key = view.getUint32(at + 4)
  return length >= 4 ? key : length === 0 ? 0 : (key >>> (32 - 8 * length)) * 2 ** (32 - 8 * length)
}

function compareByteArrays(view: DataView, a: number, b: number): number {
  const lengthA = view.getInt32(a, true)
  const lengthB = view.getInt32(b, true)
  const shared = Math.min(lengthA, lengthB)
  let i = 0
  for (; i + 4 <= shared; i += 4) {
    const difference = view.getUint32(a + 4 + i) - view.getUint32(b + 4 + i)
    if (difference !== 0) return difference
  }
  for (; i < shared; i++) {
    const difference = view.getUint8(a + 4 + i) - view.getUint8(b + 4 + i)
    if (difference !== 0) return difference
  }
  return lengthA - lengthB
}

/** Order of two bounds of one column. */
export function compareBounds(a: Bound, b: Bound): number {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b)
  return a < b ? -1 : a > b ? 1 : 0
}

/** Bounds of both parts together. */
export function mergeBounds(a: Bounds, b: Bounds): Bounds {
  const nans = a.nans + b.nans
  if (a.unknown || b.unknown) return { range: null, nans, unknown: true }
  if (a.range === null) return { range: b.range, nans }
  if (b.range === null) return { range: a.range, nans }
  const low = compareBounds(a.range.min, b.range.min) <= 0 ? a.range : b.range
  const high = compareBounds(a.range.max, b.range.max) >= 0 ? a.range : b.range
  return { range: { min: low.min, max: high.max, minExact: low.minExact, maxExact: high.maxExact }, nans }
}
