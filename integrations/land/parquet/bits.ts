/** Little-endian bitmaps, as Arrow's validity and Parquet's bit-packed levels both are. */

const POPULATION = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1
  return count
})

const at = (bits: Uint8Array, bit: number): number => ((bits[bit >> 3] as number) >> (bit & 7)) & 1

/** How many of `length` bits from `offset` are set. */
export function countBits(bits: Uint8Array, offset: number, length: number): number {
  let count = 0
  let bit = offset
  const end = offset + length
  for (; bit < end && (bit & 7) !== 0; bit++) count += at(bits, bit)
  for (; bit + 8 <= end; bit += 8) count += POPULATION[bits[bit >> 3] as number] as number
  for (; bit < end; bit++) count += at(bits, bit)
  return count
}

/** Copies bits; the target's bits behind the last one copied, up to the end of that byte, become 0. */
export function copyBits(to: Uint8Array, toBit: number, from: Uint8Array, fromBit: number, length: number): void {
  let target = toBit
  let source = fromBit
  const end = toBit + length
  for (; target < end && (target & 7) !== 0; target++, source++) setBit(to, target, at(from, source))
  const shift = source & 7
  const whole = (end - target) >> 3
  const first = target >> 3
  if (shift === 0) {
    to.set(from.subarray(source >> 3, (source >> 3) + whole), first)
  } else {
    const start = source >> 3
    for (let i = 0; i < whole; i++) {
      to[first + i] = ((from[start + i] as number) >> shift) | ((from[start + i + 1] as number) << (8 - shift))
    }
  }
  target += whole * 8
  source += whole * 8
  if (target < end) to[target >> 3] = 0
  for (; target < end; target++, source++) setBit(to, target, at(from, source))
}

/** Sets `length` bits from `offset` to `value`. */
export function fillBits(to: Uint8Array, offset: number, length: number, value: 0 | 1): void {
  let bit = offset
  const end = offset + length
  for (; bit < end && (bit & 7) !== 0; bit++) setBit(to, bit, value)
  const whole = (end - bit) >> 3
  to.fill(value === 1 ? 0xff : 0, bit >> 3, (bit >> 3) + whole)
  bit += whole * 8
  if (bit < end) to[bit >> 3] = value === 1 ? (1 << (end - bit)) - 1 : 0
}

/** Writes one bit. The first bit of a byte clears the rest of it, so that fresh buffers need no zeroing. */
export function setBit(to: Uint8Array, bit: number, value: number): void {
  const index = bit >> 3
  const kept = (to[index] as number) & ((1 << (bit & 7)) - 1)
  to[index] = kept | (value << (bit & 7))
}

/** Copies the bits whose validity bit is set, densely; returns how many. */
export function compactBits(
  to: Uint8Array,
  toBit: number,
  from: { readonly bits: Uint8Array; readonly offset: number },
  validity: { readonly bits: Uint8Array; readonly offset: number },
  length: number,
): number {
  let target = toBit
  for (let i = 0; i < length; i++) {
    setBit(to, target, at(from.bits, from.offset + i))
    target += at(validity.bits, validity.offset + i)
  }
  // The last write may have been a null's: what stands behind the end must be 0.
  if ((target & 7) !== 0) to[target >> 3] = (to[target >> 3] as number) & ((1 << (target & 7)) - 1)
  return target - toBit
}
