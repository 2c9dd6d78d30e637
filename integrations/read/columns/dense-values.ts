/** PLAIN-encoded values (Encodings.md) as dense values of a logical type, widened where the file's type is narrower. Pure. */
import { ConnectorError } from '../../../connectors/errors.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { Type } from '../../land/parquet/format.ts'
import { PROFILES, physicalType } from '../../land/parquet/profile.ts'
import { canWiden } from '../../types/widening.ts'
import { widthOf } from './column-vector.ts'

/** Values without their nulls. Strings: `starts` and `ends` point into `bytes`. Else `int32` is aligned and holds them end to end. */
export type DenseValues = {
  readonly bytes: Uint8Array
  readonly int32: Int32Array
  readonly starts: Int32Array
  readonly ends: Int32Array
}

/** Decodes `count` values that start at `start` of a page. The result is valid until the next call: its buffers are used again. */
export type DecodePlain = (page: Uint8Array, start: number, count: number) => DenseValues

/** Buffers that are used from page to page. */
class Scratch {
  #buffer = new ArrayBuffer(0)
  #starts = NO_POINTERS
  #ends = NO_POINTERS

  take(bytes: number): DenseValues {
    if (this.#buffer.byteLength < bytes) this.#buffer = new ArrayBuffer((bytes + 4096) & ~7)
    return { bytes: new Uint8Array(this.#buffer), int32: new Int32Array(this.#buffer), starts: NO_POINTERS, ends: NO_POINTERS }
  }

  /** A page's bytes, aligned. */
  copy(page: Uint8Array, start: number, length: number): DenseValues {
    if (start + length > page.length) throw new RangeError(`page of ${page.length} bytes, needed ${start + length}`)
    const values = this.take(length)
    values.bytes.set(page.subarray(start, start + length))
    return values
  }

  pointers(count: number): { readonly starts: Int32Array; readonly ends: Int32Array } {
    if (this.#starts.length < count) {
      this.#starts = new Int32Array(count + 1024)
      this.#ends = new Int32Array(count + 1024)
    }
    return { starts: this.#starts, ends: this.#ends }
  }
}

const NO_POINTERS = new Int32Array(0)

/** A decoder with buffers of its own. Throws `FORMAT` when a file of the one type cannot be read as the other. */
export function plainDecoder(from: LogicalType, to: LogicalType, subject: string): DecodePlain {
  if (!canWiden(from, to)) {
    throw new ConnectorError('FORMAT', `${subject} is ${from.kind} in the file and ${to.kind} in the table`)
  }
  const scratch = new Scratch()
  const ofWidth =
    (width: number): DecodePlain =>
    (page, start, count) =>
      scratch.copy(page, start, count * width)
  const { type } = physicalType(from, PROFILES.lake)
  switch (type) {
    case Type.BOOLEAN:
      return (page, start, count) => scratch.copy(page, start, (count + 7) >> 3)
    case Type.BYTE_ARRAY:
      return (page, start, count) => strings(page, start, count, scratch.pointers(count))
    case Type.FLOAT:
      return to.kind === 'float64' ? widened(scratch, floatsToDoubles) : ofWidth(4)
    case Type.DOUBLE:
      return ofWidth(8)
    case Type.INT32:
      if (to.kind === 'decimal') return decimals(scratch, 4, scaleGrowth(from, to))
      if (widthOf(to) === 8) return widened(scratch, integersToLongs)
      return ofWidth(4)
    case Type.INT64:
      return to.kind === 'decimal' ? decimals(scratch, 8, scaleGrowth(from, to)) : ofWidth(8)
    case Type.FIXED_LEN_BYTE_ARRAY:
      return decimals(scratch, 16, scaleGrowth(from, to))
    case Type.INT96:
      throw new ConnectorError('INTERNAL', `${subject}: files of the lake have no INT96`)
    default:
      return type satisfies never
  }
}

function scaleGrowth(from: LogicalType, to: LogicalType): bigint {
  return from.kind === 'decimal' && to.kind === 'decimal' ? 10n ** BigInt(to.scale - from.scale) : 1n
}

/** Four bytes per value in the file, eight in the table. */
function widened(scratch: Scratch, convert: (from: ArrayBufferLike, to: Int32Array, count: number) => void): DecodePlain {
  const narrow = new Scratch()
  return (page, start, count) => {
    const source = narrow.copy(page, start, count * 4)
    const values = scratch.take(count * 8)
    convert(source.bytes.buffer, values.int32, count)
    return values
  }
}

function integersToLongs(from: ArrayBufferLike, to: Int32Array, count: number): void {
  const integers = new Int32Array(from)
  for (let i = 0; i < count; i++) {
    const value = integers[i] as number
    to[i * 2] = value
    to[i * 2 + 1] = value >> 31
  }
}

function floatsToDoubles(from: ArrayBufferLike, to: Int32Array, count: number): void {
  const floats = new Float32Array(from)
  const doubles = new Float64Array(to.buffer)
  for (let i = 0; i < count; i++) doubles[i] = floats[i] as number
}

/** INT32 and INT64 are little-endian, FIXED_LEN_BYTE_ARRAY is two's complement, big-endian (LogicalTypes.md, DECIMAL). */
function decimals(scratch: Scratch, width: 4 | 8 | 16, growth: bigint): DecodePlain {
  const narrow = new Scratch()
  return (page, start, count) => {
    const source = narrow.copy(page, start, count * width)
    const values = scratch.take(count * 16)
    const to = values.int32
    if (width === 16) {
      const view = new DataView(source.bytes.buffer)
      for (let i = 0; i < count; i++) {
        for (let word = 0; word < 4; word++) to[i * 4 + word] = view.getInt32(i * 16 + 12 - word * 4)
      }
    } else {
      const words = width >> 2
      for (let i = 0; i < count; i++) {
        const high = source.int32[i * words + words - 1] as number
        const sign = high >> 31
        to[i * 4] = source.int32[i * words] as number
        to[i * 4 + 1] = words === 2 ? high : sign
        to[i * 4 + 2] = sign
        to[i * 4 + 3] = sign
      }
    }
    if (growth !== 1n) scaleUp(new BigInt64Array(values.bytes.buffer), count, growth)
    return values
  }
}

function scaleUp(halves: BigInt64Array, count: number, growth: bigint): void {
  for (let i = 0; i < count; i++) {
    const value = ((halves[i * 2 + 1] as bigint) << 64n) | BigInt.asUintN(64, halves[i * 2] as bigint)
    const grown = value * growth
    halves[i * 2] = BigInt.asIntN(64, grown)
    halves[i * 2 + 1] = BigInt.asIntN(64, grown >> 64n)
  }
}

/** BYTE_ARRAY: four bytes of length, then the bytes. They stay where they are. */
function strings(
  page: Uint8Array,
  start: number,
  count: number,
  { starts, ends }: { readonly starts: Int32Array; readonly ends: Int32Array },
): DenseValues {
  let at = start
  for (let i = 0; i < count; i++) {
    if (at + 4 > page.length) throw new RangeError(`page of ${page.length} bytes ends in a length`)
    const length =
      (page[at] as number) | ((page[at + 1] as number) << 8) | ((page[at + 2] as number) << 16) | ((page[at + 3] as number) << 24)
    at += 4
    if (length < 0 || at + length > page.length) throw new RangeError(`page of ${page.length} bytes ends in a value`)
    starts[i] = at
    at += length
    ends[i] = at
  }
  return { bytes: page, int32: NO_POINTERS, starts, ends }
}
