/** A reusable buffer that grows, seen as bytes and as little-endian words. */

/** Encoders read and write whole words: this many bytes behind the last value are always there. */
export const SPARE_BYTES = 16

/**
 * Values start at `base`, which is a multiple of 8, so that they can be seen as aligned words and so that a page's levels
 * fit in front of them without moving. `length` counts from `base`.
 */
export class GrowingBytes {
  readonly base: number
  bytes: Uint8Array
  view: DataView
  int32: Int32Array
  int64: BigInt64Array
  length = 0

  constructor(capacity: number, base = 0) {
    this.base = base
    const buffer = new ArrayBuffer((base + capacity + SPARE_BYTES + 7) & ~7)
    this.bytes = new Uint8Array(buffer)
    this.view = new DataView(buffer)
    this.int32 = new Int32Array(buffer)
    this.int64 = new BigInt64Array(buffer)
  }

  /** Makes room for `extra` more bytes behind `length`, spare bytes not counted. */
  reserve(extra: number): void {
    const needed = this.base + this.length + extra + SPARE_BYTES
    if (needed <= this.bytes.length) return
    const grown = new GrowingBytes(Math.max(needed, this.bytes.length * 2) - this.base, this.base)
    grown.bytes.set(this.bytes.subarray(0, this.base + this.length))
    this.bytes = grown.bytes
    this.view = grown.view
    this.int32 = grown.int32
    this.int64 = grown.int64
  }

  /** Position in `bytes` of the next value. */
  get end(): number {
    return this.base + this.length
  }
}
