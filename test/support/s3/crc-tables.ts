/**
 * CRC-32C and CRC-64/NVME eight bytes at a time (slicing-by-8), and the CRC of two pieces joined from the CRCs of each.
 * All three are reflected, start at all ones and are complemented at the end. NVM Express NVM Command Set, "64b CRC".
 */

const CRC32C_POLYNOMIAL = 0x82f63b78
const CRC64_HIGH = 0x9a6c9329
const CRC64_LOW = 0xac4bc9b5

/** Eight tables of 256 entries, one after the other: table k advances a byte by k further bytes of zeros. */
const CRC32C = (() => {
  const table = new Uint32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ CRC32C_POLYNOMIAL : crc >>> 1
    table[byte] = crc
  }
  for (let index = 256; index < table.length; index++) {
    const previous = table[index - 256] ?? 0
    table[index] = (previous >>> 8) ^ (table[previous & 0xff] ?? 0)
  }
  return table
})()

const CRC64 = (() => {
  const high = new Uint32Array(8 * 256)
  const low = new Uint32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let h = 0
    let l = byte
    for (let bit = 0; bit < 8; bit++) {
      const odd = l & 1
      l = (l >>> 1) | (h << 31)
      h >>>= 1
      if (odd) {
        h ^= CRC64_HIGH
        l ^= CRC64_LOW
      }
    }
    high[byte] = h
    low[byte] = l
  }
  for (let index = 256; index < low.length; index++) {
    const h = high[index - 256] ?? 0
    const l = low[index - 256] ?? 0
    high[index] = (h >>> 8) ^ (high[l & 0xff] ?? 0)
    low[index] = ((l >>> 8) | (h << 24)) ^ (low[l & 0xff] ?? 0)
  }
  return { high, low }
})()

/** Continues a CRC-32C; begin with 0. */
export function crc32c(data: Uint8Array, seed = 0): number {
  const t = CRC32C
  const end = data.length
  let crc = ~seed
  let i = 0
  for (; i + 8 <= end; i += 8) {
    crc ^= word(data, i)
    const next = word(data, i + 4)
    crc =
      at(t, 1792 + (crc & 0xff)) ^
      at(t, 1536 + ((crc >>> 8) & 0xff)) ^
      at(t, 1280 + ((crc >>> 16) & 0xff)) ^
      at(t, 1024 + (crc >>> 24)) ^
      at(t, 768 + (next & 0xff)) ^
      at(t, 512 + ((next >>> 8) & 0xff)) ^
      at(t, 256 + ((next >>> 16) & 0xff)) ^
      at(t, next >>> 24)
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ at(t, (crc ^ at(data, i)) & 0xff)
  return ~crc >>> 0
}

/** The two halves of a running CRC-64/NVME. */
export type Crc64 = { high: number; low: number }

/** Continues a CRC-64/NVME in place; begin with zeros. */
export function crc64(data: Uint8Array, state: Crc64): void {
  const { high: th, low: tl } = CRC64
  const end = data.length
  let h = ~state.high
  let l = ~state.low
  let i = 0
  for (; i + 8 <= end; i += 8) {
    l ^= word(data, i)
    h ^= word(data, i + 4)
    const a = 1792 + (l & 0xff)
    const b = 1536 + ((l >>> 8) & 0xff)
    const c = 1280 + ((l >>> 16) & 0xff)
    const d = 1024 + (l >>> 24)
    const e = 768 + (h & 0xff)
    const f = 512 + ((h >>> 8) & 0xff)
    const g = 256 + ((h >>> 16) & 0xff)
    const k = h >>> 24
    h = at(th, a) ^ at(th, b) ^ at(th, c) ^ at(th, d) ^ at(th, e) ^ at(th, f) ^ at(th, g) ^ at(th, k)
    l = at(tl, a) ^ at(tl, b) ^ at(tl, c) ^ at(tl, d) ^ at(tl, e) ^ at(tl, f) ^ at(tl, g) ^ at(tl, k)
  }
  for (; i < end; i++) {
    const index = (l ^ at(data, i)) & 0xff
    l = ((l >>> 8) | (h << 24)) ^ at(tl, index)
    h = (h >>> 8) ^ at(th, index)
  }
  state.high = ~h >>> 0
  state.low = ~l >>> 0
}

function at(list: Uint32Array | Uint8Array, index: number): number {
  return list[index] as number
}

function word(data: Uint8Array, i: number): number {
  return at(data, i) | (at(data, i + 1) << 8) | (at(data, i + 2) << 16) | (at(data, i + 3) << 24)
}

const POLYNOMIALS = {
  CRC32: { bits: 32n, polynomial: 0xedb88320n },
  CRC32C: { bits: 32n, polynomial: BigInt(CRC32C_POLYNOMIAL) },
  CRC64NVME: { bits: 64n, polynomial: (BigInt(CRC64_HIGH) << 32n) | BigInt(CRC64_LOW) },
} as const

export type CrcName = keyof typeof POLYNOMIALS
export const CRC_NAMES = Object.keys(POLYNOMIALS) as readonly CrcName[]

/**
 * The CRC of a whole from those of its pieces: appending n bytes multiplies a CRC by x^8n modulo the polynomial
 * (bit-reversed representation, as in zlib's `crc32_combine`).
 */
export function joinCrcs(name: CrcName, pieces: readonly { readonly crc: bigint; readonly size: number }[]): bigint {
  const { bits, polynomial } = POLYNOMIALS[name]
  const one = 1n << (bits - 1n)
  const multiply = (a: bigint, b: bigint): bigint => {
    let product = 0n
    let shifted = b
    for (let mask = one; mask > 0n; mask >>= 1n) {
      if (a & mask) product ^= shifted
      shifted = shifted & 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n
    }
    return product
  }
  // Nearly all parts of an upload have one size.
  const shifts = new Map<number, bigint>()
  const shiftOf = (size: number): bigint => {
    let shift = shifts.get(size)
    if (shift === undefined) {
      shift = one
      let square = one >> 8n
      for (let rest = size; rest > 0; rest = Math.floor(rest / 2), square = multiply(square, square)) {
        if (rest % 2 === 1) shift = multiply(shift, square)
      }
      shifts.set(size, shift)
    }
    return shift
  }
  return pieces.reduce((joined, { crc, size }) => multiply(shiftOf(size), joined) ^ crc, 0n)
}
