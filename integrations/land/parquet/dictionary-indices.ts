/** Data of a dictionary-encoded page: the bit width in one byte, then the indices as RLE / bit-packed hybrid (Encodings.md). */
import { writeVarint } from './levels.ts'

/** Width for `entries` distinct values, at least 1: a width of 0 is legal but not understood everywhere. */
export function indexBitWidth(entries: number): number {
  return entries <= 2 ? 1 : 32 - Math.clz32(entries - 1)
}

/** Room that `count` indices need at most. */
export function indicesCapacity(count: number): number {
  return 1 + 5 + 2 + ((count + 7) >> 3) * 16
}

/** Writes the page's data at `at`; returns the position behind it. One run: repeated when all are equal, else bit-packed. */
export function writeIndices(to: Uint8Array, at: number, indices: Uint16Array, count: number, width: number): number {
  let position = at
  to[position++] = width
  if (count === 0) return position
  const first = indices[0] as number
  let equal = 1
  while (equal < count && indices[equal] === first) equal++
  if (equal === count) {
    position = writeVarint(to, position, count * 2)
    // repeated-value: fixed-width, rounded up to whole bytes
    to[position++] = first & 0xff
    if (width > 8) to[position++] = first >> 8
    return position
  }
  const groups = (count + 7) >> 3
  position = writeVarint(to, position, groups * 2 + 1)
  // The last group is padded with zeros.
  indices.fill(0, count, groups * 8)
  return packBits(to, position, indices, groups * 8, width)
}

/** Values from the least significant bit of each byte upwards; `count` is a multiple of 8. */
function packBits(to: Uint8Array, at: number, values: Uint16Array, count: number, width: number): number {
  let position = at
  let pending = 0
  let bits = 0
  for (let i = 0; i < count; i++) {
    pending |= (values[i] as number) << bits
    bits += width
    if (bits >= 16) {
      to[position++] = pending & 0xff
      to[position++] = (pending >>> 8) & 0xff
      pending >>>= 16
      bits -= 16
    }
  }
  // Groups of eight fill whole bytes: what remains is 0 or 8 bits.
  if (bits > 0) to[position++] = pending & 0xff
  return position
}
