/** Decimals while a stripe is read: varints of any length, each with a scale of its own, brought to the column's scale. */
import { type Data, Decimal } from 'apache-arrow'
import { ColumnReader, integers, requiredStream, type StripeContext, spread } from './column-reader.ts'
import { damaged } from './damaged.ts'
import type { InStream, PositionReader } from './in-stream.ts'
import type { IntegerDecoder } from './integer-decoder.ts'
import type { OrcType } from './schema.ts'

const WORD = 4294967296
/** 128 bits and a sign take 19 bytes of 7 bits. */
const MAX_BYTES = 19
const LIMIT = 10n ** 38n
const POWERS = Array.from({ length: 39 }, (_, exponent) => 10n ** BigInt(exponent))

export class DecimalReader extends ColumnReader {
  readonly #in: InStream
  readonly #scales: IntegerDecoder

  constructor(type: OrcType, context: StripeContext) {
    super(type, new Decimal(type.scale, type.precision, 128), context)
    this.#scales = integers(type, 'SECONDARY', context, { signed: true })
    this.#in = requiredStream(type, 'DATA', context)
  }

  protected values(count: number, validity: Uint8Array | null, values: number): Data {
    const words = new Int32Array(4 * count)
    const scales = new Int32Array(2 * values)
    this.#scales.read(scales, 0, values)
    for (let i = 0; i < values; i++) this.#value(words, 4 * i, scales[2 * i] as number)
    if (validity !== null) spread(words, 4, count, validity, values)
    return this.data(count, validity, values, { data: new Uint32Array(words.buffer) })
  }

  protected skipValues(values: number): void {
    this.#scales.skip(values)
    const input = this.#in
    for (let i = 0; i < values; i++) while (input.byte() >= 0x80);
  }

  protected seekValues(positions: PositionReader): void {
    this.#in.seek(positions)
    this.#scales.seek(positions)
  }

  #value(words: Int32Array, at: number, scale: number): void {
    const input = this.#in
    let packed = 0
    let factor = 1
    let byte = 0x80
    for (let i = 0; i < 7 && byte >= 0x80; i++) {
      byte = input.byte()
      packed += (byte & 0x7f) * factor
      factor *= 128
    }
    if (byte >= 0x80 || scale !== this.type.scale) {
      this.#large(words, at, scale, byte >= 0x80 ? this.#rest(BigInt(packed)) : BigInt(packed))
      return
    }
    const value = packed % 2 === 0 ? packed / 2 : -(packed + 1) / 2
    words[at] = value
    words[at + 1] = Math.floor(value / WORD)
    const sign = value < 0 ? -1 : 0
    words[at + 2] = sign
    words[at + 3] = sign
  }

  /** The bytes of a number behind its first seven. */
  #rest(start: bigint): bigint {
    let packed = start
    for (let i = 7n; i < MAX_BYTES; i++) {
      const byte = this.#in.byte()
      packed |= BigInt(byte & 0x7f) << (7n * i)
      if (byte < 0x80) return packed
    }
    throw this.#unfit('more than 128 bits')
  }

  #large(words: Int32Array, at: number, scale: number, packed: bigint): void {
    const unscaled = (packed & 1n) === 0n ? packed >> 1n : -((packed + 1n) >> 1n)
    const value = this.#rescaled(unscaled, scale)
    for (let word = 0; word < 4; word++) words[at + word] = Number(BigInt.asIntN(32, value >> BigInt(32 * word)))
  }

  /** Hive trims trailing zeros, so most values have fewer digits behind the point than their column. */
  #rescaled(unscaled: bigint, scale: number): bigint {
    const up = this.type.scale - scale
    if (up > 38 || up < -38) throw this.#unfit(`scale ${scale}`)
    const power = POWERS[Math.abs(up)] as bigint
    const value = up >= 0 ? unscaled * power : unscaled / power
    if (up < 0 && value * power !== unscaled) throw this.#unfit(`more digits behind the point than ${this.type.scale}`)
    if (value >= LIMIT || value <= -LIMIT) throw this.#unfit('more than 38 digits')
    return value
  }

  #unfit(detail: string): Error {
    return damaged(`column "${this.type.path}"`, `a decimal has ${detail}`)
  }
}
