/** RLE / bit-packed hybrid (Encodings.md "Run Length Encoding / Bit-Packing Hybrid"), as levels and as dictionary indices. Pure. */
import { copyBits, fillBits } from '../../land/parquet/bits.ts'

type Run = (packed: boolean, count: number, at: number, value: number) => void

/** Calls `run` for each run until `count` values are covered; counts are cut to what is asked for. Returns the end. */
function eachRun(page: Uint8Array, start: number, count: number, width: number, run: Run): number {
  const valueBytes = (width + 7) >> 3
  let at = start
  for (let done = 0; done < count; ) {
    let header = 0
    for (let shift = 0; ; shift += 7) {
      const byte = page[at++]
      if (byte === undefined || shift > 28) throw new RangeError('page ends in a run header')
      header |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    const packed = (header & 1) === 1
    const length = packed ? (header >>> 1) * 8 : header >>> 1
    if (length === 0) throw new RangeError('page has an empty run')
    const bytes = packed ? (length >> 3) * width : valueBytes
    if (at + bytes > page.length) throw new RangeError('page ends in a run')
    let value = 0
    if (!packed) for (let i = 0; i < valueBytes; i++) value |= (page[at + i] as number) << (8 * i)
    run(packed, Math.min(length, count - done), at, value)
    at += bytes
    done += length
  }
  return at
}

/** Definition levels of a flat optional column as a bitmap from bit 0. */
export function readLevels(page: Uint8Array, start: number, rows: number, to: Uint8Array): void {
  let row = 0
  eachRun(page, start, rows, 1, (packed, count, at, value) => {
    if (packed) copyBits(to, row, page, at * 8, count)
    else fillBits(to, row, count, value === 0 ? 0 : 1)
    row += count
  })
}

export function readIndices(page: Uint8Array, start: number, count: number, to: Int32Array): void {
  const width = page[start]
  // Wider ones would not fit the 32 bits that are held at a time; no dictionary of a lake is that large.
  if (width === undefined || width > 24) throw new RangeError(`page has indices of ${width} bits`)
  if (width === 0) {
    to.fill(0, 0, count)
    return
  }
  const mask = (1 << width) - 1
  let index = 0
  eachRun(page, start + 1, count, width, (packed, length, at, value) => {
    if (!packed) {
      to.fill(value, index, index + length)
      index += length
      return
    }
    let position = at
    let bits = 0
    let held = 0
    for (let i = 0; i < length; i++) {
      while (held < width) {
        bits |= (page[position++] as number) << held
        held += 8
      }
      to[index++] = bits & mask
      bits >>>= width
      held -= width
    }
  })
}
