/**
 * Shorter bounds of long byte arrays. parquet.thrift, `Statistics`: the bounds may be "more compact values that do not
 * exist" but "must still be valid values within the column's logical type": text stays whole UTF-8 characters.
 */
import type { Bounds } from './bounds.ts'

/** Bounds longer than this are shortened, so that page index and footer stay small. */
export const MAX_BOUND_BYTES = 64

/** Both bounds at most `MAX_BOUND_BYTES` long; unknown when a longer maximum cannot be raised (it starts with 64 bytes of 0xff). */
export function truncateBounds(bounds: Bounds, utf8: boolean): Bounds {
  const { range } = bounds
  if (range === null || !(range.min instanceof Uint8Array) || !(range.max instanceof Uint8Array)) return bounds
  const longMax = range.max.length > MAX_BOUND_BYTES
  const longMin = range.min.length > MAX_BOUND_BYTES
  const max = longMax ? raise(prefix(range.max, utf8), utf8) : range.max
  if (max === null) return { range: null, nans: bounds.nans, unknown: true }
  return {
    range: {
      min: longMin ? prefix(range.min, utf8).slice() : range.min,
      max,
      minExact: range.minExact && !longMin,
      maxExact: range.maxExact && !longMax,
    },
    nans: bounds.nans,
  }
}

/** At most `MAX_BOUND_BYTES`, not in the middle of a character. A prefix orders before the whole value. */
function prefix(bytes: Uint8Array, utf8: boolean): Uint8Array {
  let length = MAX_BOUND_BYTES
  if (utf8) while (length > 0 && ((bytes[length] as number) & 0xc0) === 0x80) length--
  return bytes.subarray(0, length)
}

/** The smallest value of the same or a shorter length above everything that starts with `bytes`; null when there is none. */
function raise(bytes: Uint8Array, utf8: boolean): Uint8Array | null {
  if (!utf8) {
    let end = bytes.length
    while (end > 0 && bytes[end - 1] === 0xff) end--
    if (end === 0) return null
    const raised = bytes.slice(0, end)
    raised[end - 1] = (raised[end - 1] as number) + 1
    return raised
  }
  // UTF-8 orders as code points do.
  const points = [...Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')]
  while (points.length > 0) {
    const point = (points.pop() as string).codePointAt(0) as number
    if (point === 0x10ffff) continue
    // Surrogates are no characters.
    const next = point === 0xd7ff ? 0xe000 : point + 1
    return Buffer.from(points.join('') + String.fromCodePoint(next), 'utf8')
  }
  return null
}
