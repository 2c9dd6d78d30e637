/** Columns of numbers while a stripe is read. */
import { Bool, type Data, DateDay, Float32, Float64, Int8, Int16, Int32, Int64 } from 'apache-arrow'
import { BooleanDecoder, ByteDecoder } from './byte-rle.ts'
import { prolepticDays } from './calendar.ts'
import { bitmap, ColumnReader, expandBits, integers, requiredStream, type StripeContext, spread } from './column-reader.ts'
import { damaged } from './damaged.ts'
import type { InStream, PositionReader } from './in-stream.ts'
import type { IntegerDecoder } from './integer-decoder.ts'
import { TypeKind } from './messages.ts'
import type { OrcType } from './schema.ts'

export class BooleanReader extends ColumnReader {
  readonly #bits: BooleanDecoder

  constructor(type: OrcType, context: StripeContext) {
    super(type, new Bool(), context)
    this.#bits = new BooleanDecoder(requiredStream(type, 'DATA', context))
  }

  protected values(count: number, validity: Uint8Array | null, values: number): Data {
    const bits = bitmap(values)
    this.#bits.read(bits, values)
    return this.data(count, validity, values, { data: validity === null ? bits : expandBits(bits, validity, count) })
  }

  protected skipValues(values: number): void {
    this.#bits.skip(values)
  }

  protected seekValues(positions: PositionReader): void {
    this.#bits.seek(positions)
  }
}

export class ByteReader extends ColumnReader {
  readonly #bytes: ByteDecoder

  constructor(type: OrcType, context: StripeContext) {
    super(type, new Int8(), context)
    this.#bytes = new ByteDecoder(requiredStream(type, 'DATA', context))
  }

  protected values(count: number, validity: Uint8Array | null, values: number): Data {
    const bytes = new Uint8Array(count)
    this.#bytes.read(bytes, values)
    if (validity !== null) spread(bytes, 1, count, validity, values)
    return this.data(count, validity, values, { data: new Int8Array(bytes.buffer) })
  }

  protected skipValues(values: number): void {
    this.#bytes.skip(values)
  }

  protected seekValues(positions: PositionReader): void {
    this.#bytes.seek(positions)
  }
}

abstract class OneIntegerStream extends ColumnReader {
  protected readonly integers: IntegerDecoder

  constructor(type: OrcType, arrow: Int16 | Int32 | Int64 | DateDay, context: StripeContext) {
    super(type, arrow, context)
    this.integers = integers(type, 'DATA', context, { signed: true })
  }

  protected skipValues(values: number): void {
    this.integers.skip(values)
  }

  protected seekValues(positions: PositionReader): void {
    this.integers.seek(positions)
  }
}

/** smallint, int and date. Throws `FORMAT` for values outside of the type. */
export class IntReader extends OneIntegerStream {
  readonly #bits: 16 | 32
  readonly #hybrid: boolean

  constructor(type: OrcType, context: StripeContext) {
    const arrow = type.kind === TypeKind.SHORT ? new Int16() : type.kind === TypeKind.DATE ? new DateDay() : new Int32()
    super(type, arrow, context)
    this.#bits = type.kind === TypeKind.SHORT ? 16 : 32
    this.#hybrid = type.kind === TypeKind.DATE && context.hybrid
  }

  protected values(count: number, validity: Uint8Array | null, values: number): Data {
    const pairs = new Int32Array(2 * values)
    this.integers.read(pairs, 0, values)
    const out = this.#bits === 16 ? new Int16Array(count) : new Int32Array(count)
    const shift = 32 - this.#bits
    for (let i = 0; i < values; i++) {
      const low = pairs[2 * i] as number
      if (pairs[2 * i + 1] !== low >> 31 || (low << shift) >> shift !== low) {
        throw damaged(`column "${this.type.path}"`, `a value does not fit into ${this.#bits} bits`)
      }
      out[i] = this.#hybrid ? prolepticDays(low) : low
    }
    if (validity !== null) spread(out, 1, count, validity, values)
    return this.data(count, validity, values, { data: out })
  }
}

export class LongReader extends OneIntegerStream {
  constructor(type: OrcType, context: StripeContext) {
    super(type, new Int64(), context)
  }

  protected values(count: number, validity: Uint8Array | null, values: number): Data {
    const out = new BigInt64Array(count)
    const pairs = new Int32Array(out.buffer)
    this.integers.read(pairs, 0, values)
    if (validity !== null) spread(pairs, 2, count, validity, values)
    return this.data(count, validity, values, { data: out })
  }
}

/** float and double: bytes, not numbers, so that a NaN keeps its payload. */
export class FloatReader extends ColumnReader {
  readonly #in: InStream
  readonly #width: 4 | 8

  constructor(type: OrcType, context: StripeContext, width: 4 | 8) {
    super(type, width === 4 ? new Float32() : new Float64(), context)
    this.#in = requiredStream(type, 'DATA', context)
    this.#width = width
  }

  protected values(count: number, validity: Uint8Array | null, values: number): Data {
    const width = this.#width
    const bytes = new Uint8Array(count * width)
    this.#in.copy(bytes, 0, values * width)
    if (validity !== null) spread(new Int32Array(bytes.buffer), width / 4, count, validity, values)
    return this.data(count, validity, values, {
      data: width === 4 ? new Float32Array(bytes.buffer) : new Float64Array(bytes.buffer),
    })
  }

  protected skipValues(values: number): void {
    this.#in.skip(values * this.#width)
  }

  protected seekValues(positions: PositionReader): void {
    this.#in.seek(positions)
  }
}
