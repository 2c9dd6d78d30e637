/** RLEv2's five-bit codes for bit widths (ORCv1, "Integer Run Length Encoding, version 2"). */

/** Width of each code: 1 … 24, then 26, 28, 30, 32, 40, 48, 56, 64. In a delta run code 0 means 0 bits. */
export const WIDTHS = Uint8Array.from([...Array.from({ length: 24 }, (_, code) => code + 1), 26, 28, 30, 32, 40, 48, 56, 64])

/** Smallest width with a code that holds `bits` bits; 0 bits need one. */
const CLOSEST = new Uint8Array(65)
const CODE = new Uint8Array(65)
/** Smallest byte-friendly width: 1, 2, 4, then whole bytes. Packs fast, and compresses better afterwards. */
const ALIGNED = new Uint8Array(65)
for (let bits = 0, code = 0; bits <= 64; bits++) {
  if (bits > (WIDTHS[code] as number)) code++
  CLOSEST[bits] = WIDTHS[code] as number
  CODE[bits] = code
  ALIGNED[bits] = bits <= 1 ? 1 : bits <= 2 ? 2 : bits <= 4 ? 4 : (bits + 7) & ~7
}

export const closestWidth = (bits: number): number => CLOSEST[bits] as number
export const alignedWidth = (bits: number): number => ALIGNED[bits] as number
/** Code of a width that has one. */
export const widthCode = (width: number): number => CODE[width] as number

/** Bits of a non-negative safe integer; 0 has none. */
export function bitsOf(value: number): number {
  return value < 4294967296 ? 32 - Math.clz32(value) : 64 - Math.clz32(Math.floor(value / 4294967296))
}
