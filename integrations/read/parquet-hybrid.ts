/** The RLE / bit-packed hybrid of definition levels and dictionary indices. Spec: apache/parquet-format Encodings.md, RLE. Pure. */

/** Decodes `count` values of `width` bits from `bytes[start, end)`. Throws `RangeError` when they are not there. */
export function decodeHybrid(bytes: Uint8Array, start: number, end: number, width: number, count: number): Int32Array {
  const values = new Int32Array(count)
  let at = start
  let filled = 0
  while (filled < count) {
    let header = 0
    for (let shift = 0; ; shift += 7) {
      const byte = at < end ? bytes[at++] : undefined
      if (byte === undefined || shift > 28) throw new RangeError('a run of levels or indices is cut off')
      header |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    const runs = header >>> 1
    if ((header & 1) === 0) {
      let value = 0
      for (let byte = 0; byte < width; byte += 8) value |= (at < end ? (bytes[at++] as number) : 0) << byte
      if (runs === 0) throw new RangeError('an empty run of levels or indices')
      const stop = Math.min(count, filled + runs)
      values.fill(value, filled, stop)
      filled = stop
    } else {
      const bytesNeeded = runs * width
      if (runs === 0 || at + bytesNeeded > end + 8) throw new RangeError('packed levels or indices are cut off')
      const stop = Math.min(count, filled + runs * 8)
      unpack(bytes, at, width, values, filled, stop)
      filled = stop
      at += bytesNeeded
    }
  }
  return values
}

/** Whether levels of one bit are a single run of ones: a page without NULLs. False when it is not that simple. */
export function isOneRunOfOnes(bytes: Uint8Array, start: number, end: number, count: number): boolean {
  let header = 0
  let at = start
  for (let shift = 0; shift <= 21; shift += 7) {
    if (at >= end) return false
    const byte = bytes[at++] as number
    header |= (byte & 0x7f) << shift
    if (byte < 0x80) return (header & 1) === 0 && header >>> 1 >= count && at < end && bytes[at] === 1
  }
  return false
}

/** Wider values do not fit 32 bits beside the seven that are held already. */
const MAX_NARROW = 24

function unpack(bytes: Uint8Array, start: number, width: number, into: Int32Array, from: number, to: number): void {
  if (width > MAX_NARROW) {
    unpackWide(bytes, start, width, into, from, to)
    return
  }
  const mask = 2 ** width - 1
  let at = start
  let held = 0
  let bits = 0
  for (let i = from; i < to; i++) {
    while (bits < width) {
      held |= (bytes[at++] ?? 0) << bits
      bits += 8
    }
    into[i] = held & mask
    held >>>= width
    bits -= width
  }
}

function unpackWide(bytes: Uint8Array, start: number, width: number, into: Int32Array, from: number, to: number): void {
  const mask = width === 32 ? -1 : 2 ** width - 1
  let at = start
  let held = 0
  let bits = 0
  for (let i = from; i < to; i++) {
    while (bits < width) {
      // A double holds 53 bits exactly: 32 wanted, at most 7 more held.
      held += (bytes[at++] ?? 0) * 2 ** bits
      bits += 8
    }
    into[i] = (held % 2 ** 32) & mask
    held = Math.floor(held / 2 ** width)
    bits -= width
  }
}

/** Throws `RangeError` unless the runs hold `count` values, and those of equal ones not one more: packed ones are filled up by their writer. */
export function requireExactRuns(bytes: Uint8Array, start: number, width: number, count: number): void {
  let at = start
  for (let found = 0; found < count; ) {
    let header = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined || shift > 28) throw new RangeError('a run of levels or indices is cut off')
      header += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) break
    }
    const runs = Math.floor(header / 2)
    const packed = header % 2 === 1
    found += packed ? runs * 8 : runs
    at += packed ? runs * width : (width + 7) >> 3
    if (runs === 0 || (found > count && !packed)) throw new RangeError('a run of levels or indices has no length that fits')
  }
}
