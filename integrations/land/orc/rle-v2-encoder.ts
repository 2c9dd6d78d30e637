/**
 * Integer run length encoding, version 2: values are collected into blocks of 512, each cut into runs of the four kinds
 * — short repeat, direct, delta, patched base — by what takes fewest bytes.
 *
 * Values are numbers where 52 bits suffice. Otherwise the block keeps bigints, and is encoded as base + number when the
 * distance between its values is small enough, directly in 64 bits when not.
 */
import { alignedWidth, bitsOf, closestWidth, widthCode } from './integer-widths.ts'
import { MAX_PIECE, type OutStream } from './out-stream.ts'

const BLOCK = 512
const MAX_SHORT_REPEAT = 10
const SAFE = 2 ** 52
/** More patches than this do not fit into the header's five bits. */
const MAX_PATCHES = 31
/** Readers hold the base of a patched run in at most 56 bits and a sign. */
const MAX_BASE = SAFE

const WORD = 4294967296

export class IntegerEncoder {
  readonly out: OutStream
  readonly #signed: boolean
  readonly #values = new Float64Array(BLOCK)
  readonly #wide = new BigInt64Array(BLOCK)
  /** The same memory as pairs of words, lowest first. */
  readonly #words = new Int32Array(this.#wide.buffer)
  #isWide = false
  #count = 0
  /** Added to every number of the block being encoded. */
  #base = 0n

  constructor(out: OutStream, options: { readonly signed: boolean }) {
    this.out = out
    this.#signed = options.signed
  }

  /** One value, a safe integer below 2^52 in magnitude. */
  push(value: number): void {
    if (this.#isWide) this.#wide[this.#count++] = BigInt(value)
    else this.#values[this.#count++] = value
    if (this.#count === BLOCK) this.flush()
  }

  /** The same value `count` times. */
  pushRepeated(value: number, count: number): void {
    let left = count
    for (; left > 0 && this.#count > 0; left--) this.push(value)
    for (; left >= BLOCK; left -= BLOCK) this.#repeat(value, BLOCK)
    for (; left > 0; left--) this.push(value)
  }

  pushNumbers(values: ArrayLike<number>, from: number, to: number): void {
    for (let at = from; at < to; ) {
      const end = Math.min(to, at + BLOCK - this.#count)
      if (this.#isWide) for (; at < end; at++) this.#wide[this.#count++] = BigInt(values[at] as number)
      else {
        const block = this.#values
        let count = this.#count
        for (; at < end; at++) block[count++] = values[at] as number
        this.#count = count
      }
      if (this.#count === BLOCK) this.flush()
    }
  }

  /** 64-bit values as pairs of words, lowest first; `from` and `to` count values. */
  pushPairs(words: Int32Array, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const low = words[2 * i] as number
      const high = words[2 * i + 1] as number
      if (high >= -0x100000 && high < 0x100000 && !this.#isWide) {
        this.#values[this.#count++] = high * WORD + (low >>> 0)
      } else {
        if (!this.#isWide) this.#widen()
        this.#words[2 * this.#count] = low
        this.#words[2 * this.#count++ + 1] = high
      }
      if (this.#count === BLOCK) this.flush()
    }
  }

  /** Ends the open block, so that a row index can point behind it. */
  flush(): void {
    const count = this.#count
    if (count === 0) return
    if (!this.#isWide) this.#block(count)
    else if (this.#narrow(count)) {
      this.#block(count)
      this.#base = 0n
    } else this.#wideBlock(count)
    this.#isWide = false
    this.#count = 0
  }

  /** Row index position behind everything flushed. */
  position(into: number[]): void {
    this.out.position(into)
    into.push(0)
  }

  #widen(): void {
    for (let i = 0; i < this.#count; i++) this.#wide[i] = BigInt(this.#values[i] as number)
    this.#isWide = true
  }

  /** Turns a wide block into base + numbers when its values are close to each other. */
  #narrow(count: number): boolean {
    const words = this.#words
    let low = words[1] as number
    let high = low
    for (let i = 3; i < 2 * count; i += 2) {
      const word = words[i] as number
      if (word < low) low = word
      else if (word > high) high = word
    }
    // Upper words this far apart are values more than 2^52 apart.
    if (high - low > 0x100000) return false
    const wide = this.#wide
    let min = wide[0] as bigint
    let max = min
    for (let i = 1; i < count; i++) {
      const value = wide[i] as bigint
      if (value < min) min = value
      if (value > max) max = value
    }
    if (max - min >= BigInt(SAFE)) return false
    for (let i = 0; i < count; i++) this.#values[i] = Number((wide[i] as bigint) - min)
    this.#base = min
    return true
  }

  #wideBlock(count: number): void {
    const { out } = this
    const words = this.#words
    const header = 0x40 | (widthCode(64) << 1)
    out.room()
    out.bytes[out.length++] = header | ((count - 1) >> 8)
    out.bytes[out.length++] = count - 1
    const view = new DataView(out.bytes.buffer)
    for (let i = 0; i < 2 * count; i += 2) {
      const low = words[i] as number
      const high = words[i + 1] as number
      const sign = this.#signed ? high >> 31 : 0
      view.setInt32(out.length, this.#signed ? ((high << 1) | (low >>> 31)) ^ sign : high)
      view.setInt32(out.length + 4, this.#signed ? (low << 1) ^ sign : low)
      out.length += 8
    }
    out.commit()
  }

  /** Cuts repeats out of a block; what is between them becomes runs of their own. */
  #block(count: number): void {
    const values = this.#values
    let first = values[0] as number
    let worthIt = 0
    let literals = 0
    let runStart = 0
    for (let i = 1; i <= count; i++) {
      if (i < count && values[i] === first) continue
      const length = i - runStart
      if (length >= 3) {
        if (worthIt === 0) worthIt = this.#shortestRepeat(count)
        if (length >= worthIt || length === count) {
          if (runStart > literals) this.#run(literals, runStart)
          this.#repeat(first, length)
          literals = i
        }
      }
      runStart = i
      first = values[i] as number
    }
    if (count > literals) this.#run(literals, count)
  }

  /** A repeat costs its header, its value and the header of the run that follows: shorter ones stay literals. */
  #shortestRepeat(count: number): number {
    const values = this.#values
    let widest = 0
    for (let i = 0; i < count; i++) {
      const value = values[i] as number
      const magnitude = value < 0 ? -value : value
      if (magnitude > widest) widest = magnitude
    }
    const width = this.#base !== 0n ? 64 : alignedWidth(bitsOf(this.#signed ? widest * 2 : widest))
    return Math.max(3, Math.ceil((8 * (3 + Math.ceil(width / 8))) / width))
  }

  #repeat(value: number, length: number): void {
    const { out } = this
    out.room()
    if (length > MAX_SHORT_REPEAT) {
      // A delta run whose first and only delta is 0.
      this.#header(0xc0, 0, length)
      this.#varint(this.#base + BigInt(value), this.#signed)
      this.#varint(0n, true)
    } else {
      const full = this.#base + BigInt(value)
      const packed = this.#signed ? BigInt.asUintN(64, (full << 1n) ^ (full >> 63n)) : BigInt.asUintN(64, full)
      let bytes = 1
      for (let rest = packed >> 8n; rest > 0n; rest >>= 8n) bytes++
      out.bytes[out.length++] = ((bytes - 1) << 3) | (length - 3)
      for (let i = bytes - 1; i >= 0; i--) out.bytes[out.length++] = Number((packed >> BigInt(8 * i)) & 0xffn)
    }
    out.commit()
  }

  /** One run of values [from, to) without long repeats. */
  #run(from: number, to: number): void {
    const values = this.#values
    const count = to - from
    const start = values[from] as number
    let min = start
    let max = start
    let maxDelta = 0
    let rises = true
    let falls = true
    let steady = true
    const firstDelta = count > 1 ? (values[from + 1] as number) - start : 0
    for (let i = from + 1; i < to; i++) {
      const value = values[i] as number
      const delta = value - (values[i - 1] as number)
      if (value < min) min = value
      else if (value > max) max = value
      if (delta < 0) rises = false
      else if (delta > 0) falls = false
      if (delta !== firstDelta) steady = false
      if (i > from + 1) {
        const size = delta < 0 ? -delta : delta
        if (size > maxDelta) maxDelta = size
      }
    }
    const width = this.#directWidth(min, max)
    if (count > 3 && (rises || falls) && firstDelta !== 0) {
      // Width 1 is not expressible in a delta run: its code means 0 bits.
      const deltaWidth = steady ? 0 : Math.max(2, alignedWidth(bitsOf(maxDelta)))
      if (deltaWidth < width || steady) {
        this.#delta(from, to, deltaWidth, firstDelta)
        return
      }
    }
    if (count > 20 && width > 8 && this.#patched(from, to, min, max, width)) return
    this.#direct(from, to, width)
  }

  #directWidth(min: number, max: number): number {
    if (this.#base !== 0n) return 64
    if (!this.#signed) return alignedWidth(bitsOf(max))
    return alignedWidth(Math.max(bitsOf(max >= 0 ? max * 2 : 0), bitsOf(min < 0 ? -2 * min - 1 : 0)))
  }

  #direct(from: number, to: number, width: number): void {
    const { out } = this
    const values = this.#values
    out.room()
    this.#header(0x40, width, to - from)
    if (this.#base !== 0n) {
      const view = new DataView(out.bytes.buffer)
      for (let i = from; i < to; i++) {
        const value = this.#base + BigInt(values[i] as number)
        view.setBigInt64(out.length, BigInt.asIntN(64, this.#signed ? (value << 1n) ^ (value >> 63n) : value))
        out.length += 8
      }
    } else {
      if (this.#signed) {
        for (let i = from; i < to; i++) {
          const value = values[i] as number
          values[i] = value < 0 ? -2 * value - 1 : 2 * value
        }
      }
      out.length = packAligned(values, from, to, width, out.bytes, out.length)
    }
    out.commit()
  }

  #delta(from: number, to: number, width: number, firstDelta: number): void {
    const { out } = this
    const values = this.#values
    out.room()
    this.#header(0xc0, width, to - from)
    this.#varint(this.#base + BigInt(values[from] as number), this.#signed)
    this.#varint(BigInt(firstDelta), true)
    if (width > 0) {
      for (let i = to - 1; i > from + 1; i--) values[i] = Math.abs((values[i] as number) - (values[i - 1] as number))
      out.length = packAligned(values, from + 2, to, width, out.bytes, out.length)
    }
    out.commit()
  }

  /** Writes a patched base run when that is smaller than a direct one of `directWidth` bits. */
  #patched(from: number, to: number, min: number, max: number, directWidth: number): boolean {
    const base = this.#base + BigInt(min)
    if (base >= BigInt(MAX_BASE) || base <= -BigInt(MAX_BASE)) return false
    const values = this.#values
    const count = to - from
    const fullBits = bitsOf(max - min)
    const histogram = HISTOGRAM.fill(0)
    for (let i = from; i < to; i++) {
      const bits = bitsOf((values[i] as number) - min)
      histogram[bits] = (histogram[bits] as number) + 1
    }
    // The narrowest width that leaves at most 31 values to patch.
    let patches = 0
    let bits = fullBits
    for (; bits > 0 && patches + (histogram[bits] as number) <= MAX_PATCHES; bits--) patches += histogram[bits] as number
    const width = alignedWidth(bits)
    if (width >= directWidth || width >= fullBits) return false
    const patchWidth = closestWidth(fullBits - width)
    const limit = 2 ** width
    // Gaps of more than 255 values take an entry of their own each.
    let entries = 0
    let previous = from
    let widestGap = 0
    for (let i = from; i < to; i++) {
      if ((values[i] as number) - min < limit) continue
      let gap = i - previous
      for (; gap > 255; gap -= 255) entries++
      if (i - previous > widestGap) widestGap = i - previous
      GAPS[entries++] = gap
      previous = i
      if (entries > MAX_PATCHES) return false
    }
    if (entries === 0) return false
    const gapWidth = Math.max(1, bitsOf(Math.min(widestGap, 255)))
    const entryWidth = closestWidth(patchWidth + gapWidth)
    const baseBytes = Math.max(1, Math.ceil((bitsOf(Number(base < 0n ? -base : base)) + 1) / 8))
    const size = 4 + baseBytes + Math.ceil((count * width) / 8) + Math.ceil((entries * entryWidth) / 8)
    if (size >= 2 + Math.ceil((count * directWidth) / 8)) return false
    this.#writePatched(from, to, min, { base, baseBytes, width, limit, patchWidth, gapWidth, entryWidth, entries })
    return true
  }

  #writePatched(
    from: number,
    to: number,
    min: number,
    plan: {
      readonly base: bigint
      readonly baseBytes: number
      readonly width: number
      readonly limit: number
      readonly patchWidth: number
      readonly gapWidth: number
      readonly entryWidth: number
      readonly entries: number
    },
  ): void {
    const { out } = this
    const values = this.#values
    out.room()
    this.#header(0x80, plan.width, to - from)
    out.bytes[out.length++] = ((plan.baseBytes - 1) << 5) | widthCode(plan.patchWidth)
    out.bytes[out.length++] = ((plan.gapWidth - 1) << 5) | plan.entries
    // The base is a magnitude whose topmost bit is the sign.
    const negative = plan.base < 0n
    const magnitude = negative ? -plan.base : plan.base
    for (let i = plan.baseBytes - 1; i >= 0; i--) {
      const byte = Number((magnitude >> BigInt(8 * i)) & 0xffn)
      out.bytes[out.length++] = negative && i === plan.baseBytes - 1 ? byte | 0x80 : byte
    }
    const patches: bigint[] = []
    let previous = from
    for (let i = from; i < to; i++) {
      const reduced = (values[i] as number) - min
      if (reduced >= plan.limit) {
        let gap = i - previous
        for (; gap > 255; gap -= 255) patches.push(255n << BigInt(plan.patchWidth))
        patches.push((BigInt(gap) << BigInt(plan.patchWidth)) | BigInt(Math.floor(reduced / plan.limit)))
        previous = i
      }
      values[i] = reduced % plan.limit
    }
    out.length = packAligned(values, from, to, plan.width, out.bytes, out.length)
    out.length = packBits(patches, plan.entryWidth, out.bytes, out.length)
    out.commit()
  }

  #header(kind: number, width: number, count: number): void {
    const { out } = this
    out.bytes[out.length++] = kind | ((width === 0 ? 0 : widthCode(width)) << 1) | ((count - 1) >> 8)
    out.bytes[out.length++] = count - 1
  }

  #varint(value: bigint, signed: boolean): void {
    const { out } = this
    let rest = BigInt.asUintN(64, signed ? (value << 1n) ^ (value >> 63n) : value)
    for (; rest >= 0x80n; rest >>= 7n) out.bytes[out.length++] = Number(rest & 0x7fn) | 0x80
    out.bytes[out.length++] = Number(rest)
  }
}

const HISTOGRAM = new Int32Array(65)
const GAPS = new Int32Array(BLOCK)

// A direct run of 512 values of 64 bits and its header must fit into one piece.
if (BLOCK * 8 + 64 > MAX_PIECE) throw new RangeError('MAX_PIECE is too small for a run')

/** Big-endian bit packing of non-negative numbers; widths 1, 2, 4 and whole bytes up to 56. Returns the new length. */
function packAligned(values: Float64Array, from: number, to: number, width: number, out: Uint8Array, at: number): number {
  let written = at
  if (width < 8) {
    let byte = 0
    let bits = 0
    for (let i = from; i < to; i++) {
      byte = (byte << width) | (values[i] as number)
      bits += width
      if (bits === 8) {
        out[written++] = byte
        byte = 0
        bits = 0
      }
    }
    if (bits > 0) out[written++] = byte << (8 - bits)
    return written
  }
  if (width === 8) {
    for (let i = from; i < to; i++) out[written++] = values[i] as number
    return written
  }
  if (width === 16) {
    for (let i = from; i < to; i++) {
      const value = values[i] as number
      out[written] = value >> 8
      out[written + 1] = value
      written += 2
    }
    return written
  }
  if (width <= 32) {
    for (let i = from; i < to; i++) {
      const value = (values[i] as number) | 0
      if (width === 32) out[written++] = value >>> 24
      out[written] = value >>> 16
      out[written + 1] = value >>> 8
      out[written + 2] = value
      written += 3
    }
    return written
  }
  for (let i = from; i < to; i++) {
    const value = values[i] as number
    const high = Math.floor(value / WORD)
    const low = value - high * WORD
    for (let shift = width - 40; shift >= 0; shift -= 8) out[written++] = high >>> shift
    out[written] = low >>> 24
    out[written + 1] = low >>> 16
    out[written + 2] = low >>> 8
    out[written + 3] = low
    written += 4
  }
  return written
}

/** Big-endian packing at any width: the few entries of a patch list. */
function packBits(values: readonly bigint[], width: number, out: Uint8Array, at: number): number {
  let written = at
  let open = 0n
  let bits = 0
  for (const value of values) {
    open = (open << BigInt(width)) | value
    bits += width
    for (; bits >= 8; bits -= 8) out[written++] = Number((open >> BigInt(bits - 8)) & 0xffn)
    open &= (1n << BigInt(bits)) - 1n
  }
  if (bits > 0) out[written++] = Number((open << BigInt(8 - bits)) & 0xffn)
  return written
}
