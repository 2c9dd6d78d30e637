/**
 * Integer run length decoding, versions 1 and 2 (ORCv1). Values are 64-bit, delivered as pairs of words, lowest first:
 * the memory of an Arrow Int64 column, exact for every value and without a bigint in the loop.
 */
import { damaged } from './damaged.ts'
import type { InStream, PositionReader } from './in-stream.ts'
import { closestWidth, WIDTHS } from './integer-widths.ts'

export interface IntegerDecoder {
  /** Writes `count` values to `pairs` from value `at`. Throws `FORMAT` when the stream ends or is damaged. */
  read(pairs: Int32Array, at: number, count: number): void
  skip(count: number): void
  seek(positions: PositionReader): void
  /** How many values can be read without opening another run: at least 1, or 0 at the end of the stream. */
  ready(): number
}

/** No run is longer on disk: a header, 512 values of 64 bits, a patch list. */
const MAX_RUN_BYTES = 4_500
const MAX_RUN = 512

const WORD = 4294967296

export function integerDecoder(input: InStream, options: { readonly signed: boolean; readonly version: 1 | 2 }): IntegerDecoder {
  return new RunDecoder(input, options.version === 1 ? new RunsV1(input, options.signed) : new RunsV2(input, options.signed))
}

/** Decodes one run to the start of `values`; returns its length. */
interface Runs {
  readonly values: Int32Array
  next(): number
}

class RunDecoder implements IntegerDecoder {
  readonly #in: InStream
  readonly #runs: Runs
  #at = 0
  #end = 0

  constructor(input: InStream, runs: Runs) {
    this.#in = input
    this.#runs = runs
  }

  read(pairs: Int32Array, at: number, count: number): void {
    const { values } = this.#runs
    let target = at
    const end = at + count
    while (target < end) {
      if (this.#at === this.#end) this.#next()
      const piece = Math.min(end - target, this.#end - this.#at)
      pairs.set(values.subarray(2 * this.#at, 2 * (this.#at + piece)), 2 * target)
      this.#at += piece
      target += piece
    }
  }

  skip(count: number): void {
    for (let left = count; left > 0; ) {
      if (this.#at === this.#end) this.#next()
      const piece = Math.min(left, this.#end - this.#at)
      this.#at += piece
      left -= piece
    }
  }

  seek(positions: PositionReader): void {
    this.#in.seek(positions)
    this.#at = 0
    this.#end = 0
    this.skip(positions.next())
  }

  ready(): number {
    if (this.#at === this.#end && this.#in.more) this.#next()
    return this.#end - this.#at
  }

  #next(): void {
    if (!this.#in.more) throw this.#in.short()
    this.#at = 0
    this.#end = 0
    this.#end = this.#runs.next()
  }
}

/** Base-128 varints into a pair of words. */
class Varints {
  readonly #in: InStream
  low = 0
  high = 0

  constructor(input: InStream) {
    this.#in = input
  }

  unsigned(): void {
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#in.byte()
      const bits = byte & 0x7f
      if (shift < 28) low |= bits << shift
      else if (shift === 28) {
        low |= bits << 28
        high = bits >> 4
      } else high |= bits << (shift - 32)
      if (byte < 0x80) {
        this.low = low | 0
        this.high = high | 0
        return
      }
    }
    throw damaged(this.#in.name, 'a number of more than ten bytes')
  }

  read(signed: boolean): void {
    this.unsigned()
    if (!signed) return
    const sign = -(this.low & 1)
    this.low = ((this.low >>> 1) | (this.high << 31)) ^ sign
    this.high = (this.high >>> 1) ^ sign
  }
}

/** Fills `count` values from `from`, each `delta` above the one before. */
function fillSteps(values: Int32Array, from: number, count: number, deltaLow: number, deltaHigh: number): void {
  let low = values[2 * (from - 1)] as number
  let high = values[2 * (from - 1) + 1] as number
  for (let i = from; i < from + count; i++) {
    const sum = (low >>> 0) + (deltaLow >>> 0)
    high = (high + deltaHigh + (sum >= WORD ? 1 : 0)) | 0
    low = sum | 0
    values[2 * i] = low
    values[2 * i + 1] = high
  }
}

class RunsV1 implements Runs {
  readonly values = new Int32Array(2 * 130)
  readonly #in: InStream
  readonly #signed: boolean
  readonly #varints: Varints

  constructor(input: InStream, signed: boolean) {
    this.#in = input
    this.#signed = signed
    this.#varints = new Varints(input)
  }

  next(): number {
    const { values } = this
    const control = this.#in.byte()
    if (control < 0x80) {
      const delta = (this.#in.byte() << 24) >> 24
      this.#varints.read(this.#signed)
      values[0] = this.#varints.low
      values[1] = this.#varints.high
      const count = control + 3
      fillSteps(values, 1, count - 1, delta, delta >> 31)
      return count
    }
    const count = 0x100 - control
    for (let i = 0; i < count; i++) {
      this.#varints.read(this.#signed)
      values[2 * i] = this.#varints.low
      values[2 * i + 1] = this.#varints.high
    }
    return count
  }
}

class RunsV2 implements Runs {
  readonly values = new Int32Array(2 * MAX_RUN)
  readonly #in: InStream
  readonly #signed: boolean
  readonly #varints: Varints
  readonly #patches = new Int32Array(2 * 32)

  constructor(input: InStream, signed: boolean) {
    this.#in = input
    this.#signed = signed
    this.#varints = new Varints(input)
  }

  next(): number {
    this.#in.gather(MAX_RUN_BYTES)
    const header = this.#in.byte()
    switch (header >> 6) {
      case 0:
        return this.#shortRepeat(header)
      case 1:
        return this.#direct(header)
      case 2:
        return this.#patchedBase(header)
      default:
        return this.#delta(header)
    }
  }

  #shortRepeat(header: number): number {
    const bytes = ((header >> 3) & 7) + 1
    const count = (header & 7) + 3
    let low = 0
    let high = 0
    for (let i = 0; i < bytes; i++) {
      high = (high << 8) | (low >>> 24)
      low = (low << 8) | this.#in.byte()
    }
    if (this.#signed) {
      const sign = -(low & 1)
      low = ((low >>> 1) | (high << 31)) ^ sign
      high = (high >>> 1) ^ sign
    }
    for (let i = 0; i < count; i++) {
      this.values[2 * i] = low
      this.values[2 * i + 1] = high
    }
    return count
  }

  #direct(header: number): number {
    const width = WIDTHS[(header >> 1) & 31] as number
    const count = (((header & 1) << 8) | this.#in.byte()) + 1
    this.#unpack(this.values, 0, count, width)
    if (this.#signed) unzigzag(this.values, count)
    return count
  }

  #delta(header: number): number {
    const code = (header >> 1) & 31
    const width = code === 0 ? 0 : (WIDTHS[code] as number)
    const count = (((header & 1) << 8) | this.#in.byte()) + 1
    const { values } = this
    const varints = this.#varints
    varints.read(this.#signed)
    values[0] = varints.low
    values[1] = varints.high
    varints.read(true)
    const { low, high } = varints
    if (width === 0) {
      fillSteps(values, 1, count - 1, low, high)
      return count
    }
    if (count < 2) throw damaged(this.#in.name, 'a delta run of one value has deltas')
    fillSteps(values, 1, 1, low, high)
    this.#unpack(values, 2, count - 2, width)
    accumulate(values, count, high < 0)
    return count
  }

  #patchedBase(header: number): number {
    const input = this.#in
    const width = WIDTHS[(header >> 1) & 31] as number
    const count = (((header & 1) << 8) | input.byte()) + 1
    const third = input.byte()
    const fourth = input.byte()
    const baseBytes = (third >> 5) + 1
    const patchWidth = WIDTHS[third & 31] as number
    const gapWidth = (fourth >> 5) + 1
    const patches = fourth & 31
    if (patchWidth + gapWidth > 64) throw damaged(input.name, 'a patch of more than 64 bits')
    let base = 0n
    for (let i = 0; i < baseBytes; i++) base = (base << 8n) | BigInt(input.byte())
    // The topmost bit of the base is its sign, the rest its magnitude.
    const signBit = 1n << BigInt(8 * baseBytes - 1)
    if (base >= signBit) base = -(base - signBit)
    const { values } = this
    this.#unpack(values, 0, count, width)
    this.#unpack(this.#patches, 0, patches, closestWidth(patchWidth + gapWidth))
    this.#patch(count, width, patchWidth, patches)
    const low = Number(base & 0xffffffffn)
    const high = Number(BigInt.asIntN(32, base >> 32n))
    for (let i = 0; i < count; i++) {
      const sum = ((values[2 * i] as number) >>> 0) + low
      values[2 * i] = sum | 0
      values[2 * i + 1] = (values[2 * i + 1] as number) + high + (sum >= WORD ? 1 : 0)
    }
    return count
  }

  /** Puts the patches' bits above the packed ones. */
  #patch(count: number, width: number, patchWidth: number, patches: number): void {
    const { values } = this
    const mask = (1n << BigInt(patchWidth)) - 1n
    let index = 0
    for (let i = 0; i < patches; i++) {
      const entry = (BigInt((this.#patches[2 * i + 1] as number) >>> 0) << 32n) | BigInt((this.#patches[2 * i] as number) >>> 0)
      index += Number(entry >> BigInt(patchWidth))
      const patch = entry & mask
      // A gap of 255 without bits only bridges a distance.
      if (patch === 0n) continue
      if (index >= count) throw damaged(this.#in.name, 'a patch lies behind its run')
      const bits = patch << BigInt(width)
      values[2 * index] = (values[2 * index] as number) | Number(BigInt.asIntN(32, bits))
      values[2 * index + 1] = (values[2 * index + 1] as number) | Number(BigInt.asIntN(32, bits >> 32n))
    }
  }

  /** Big-endian bit packed values of `width` bits, from the stream to pairs. */
  #unpack(into: Int32Array, from: number, count: number, width: number): void {
    const input = this.#in
    const bytes = Math.ceil((count * width) / 8)
    // `next` gathered a whole run; less means that the stream ends.
    if (input.end - input.at < bytes) throw input.short()
    unpack(into, from, count, width, input.bytes, input.at)
    input.at += bytes
  }
}

function unpack(into: Int32Array, from: number, count: number, width: number, bytes: Uint8Array, start: number): void {
  let at = start
  const end = from + count
  if (width === 8) {
    for (let i = from; i < end; i++) {
      into[2 * i] = bytes[at++] as number
      into[2 * i + 1] = 0
    }
    return
  }
  if (width === 16) {
    for (let i = from; i < end; i++, at += 2) {
      into[2 * i] = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
      into[2 * i + 1] = 0
    }
    return
  }
  if (width === 24) {
    for (let i = from; i < end; i++, at += 3) {
      into[2 * i] = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)
      into[2 * i + 1] = 0
    }
    return
  }
  if ((width & 7) === 0) {
    for (let i = from; i < end; i++) {
      let low = 0
      let high = 0
      for (let left = width; left > 0; left -= 8) {
        high = (high << 8) | (low >>> 24)
        low = (low << 8) | (bytes[at++] as number)
      }
      into[2 * i] = low
      into[2 * i + 1] = high
    }
    return
  }
  // Any other width: collect bits in a number of at most 7 open bits and one byte at a time.
  let open = 0
  let bits = 0
  for (let i = from; i < end; i++) {
    let low = 0
    let high = 0
    for (let left = width; left > 0; ) {
      if (bits === 0) {
        open = bytes[at++] as number
        bits = 8
      }
      const take = left < bits ? left : bits
      const piece = (open >> (bits - take)) & ((1 << take) - 1)
      high = (high << take) | (low >>> (32 - take))
      low = (low << take) | piece
      bits -= take
      left -= take
    }
    into[2 * i] = low
    into[2 * i + 1] = high
  }
}

function unzigzag(values: Int32Array, count: number): void {
  for (let i = 0; i < 2 * count; i += 2) {
    const low = values[i] as number
    const high = values[i + 1] as number
    const sign = -(low & 1)
    values[i] = ((low >>> 1) | (high << 31)) ^ sign
    values[i + 1] = (high >>> 1) ^ sign
  }
}

/** Turns unsigned deltas from value 2 on into values; `down` when the run falls. */
function accumulate(values: Int32Array, count: number, down: boolean): void {
  let low = values[2] as number
  let high = values[3] as number
  for (let i = 2; i < count; i++) {
    const stepLow = (values[2 * i] as number) >>> 0
    const stepHigh = values[2 * i + 1] as number
    if (down) {
      const difference = (low >>> 0) - stepLow
      high = (high - stepHigh - (difference < 0 ? 1 : 0)) | 0
      low = difference | 0
    } else {
      const sum = (low >>> 0) + stepLow
      high = (high + stepHigh + (sum >= WORD ? 1 : 0)) | 0
      low = sum | 0
    }
    values[2 * i] = low
    values[2 * i + 1] = high
  }
}
