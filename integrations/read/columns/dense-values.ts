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

/** Decodes `count` values that start at `start` of a page. */
export type DecodePlain = (page: Uint8Array, start: number, count: number) => DenseValues

const NO_POINTERS = new Int32Array(0)

/** Throws `FORMAT` when a file of the one type cannot be read as the other. */
export function plainDecoder(from: LogicalType, to: LogicalType, subject: string): DecodePlain {
  if (!canWiden(from, to)) {
    throw new ConnectorError('FORMAT', `${subject} is ${from.kind} in the file and ${to.kind} in the table`)
  }
  const { type } = physicalType(from, PROFILES.lake)
  switch (type) {
    case Type.BOOLEAN:
      return (page, start, count) => fixed(page, start, (count + 7) >> 3)
    case Type.BYTE_ARRAY:
      return strings
    case Type.FLOAT:
      return to.kind === 'float64' ? floatsToDoubles : ofWidth(4)
    case Type.DOUBLE:
      return ofWidth(8)
    case Type.INT32:
      if (to.kind === 'decimal') return decimals(4, scaleGrowth(from, to))
      if (widthOf(to) === 8) return integersToLongs
      return ofWidth(4)
    case Type.INT64:
      return to.kind === 'decimal' ? decimals(8, scaleGrowth(from, to)) : ofWidth(8)
    case Type.FIXED_LEN_BYTE_ARRAY:
      return decimals(16, scaleGrowth(from, to))
    default:
      return type satisfies never
  }
}

function scaleGrowth(from: LogicalType, to: LogicalType): bigint {
  return from.kind === 'decimal' && to.kind === 'decimal' ? 10n ** BigInt(to.scale - from.scale) : 1n
}

function cut(page: Uint8Array, start: number, length: number): void {
  if (start + length > page.length) throw new RangeError(`page of ${page.length} bytes, needed ${start + length}`)
}

function fixed(page: Uint8Array, start: number, length: number): DenseValues {
  cut(page, start, length)
  const buffer = new ArrayBuffer((length + 15) & ~7)
  const bytes = new Uint8Array(buffer)
  bytes.set(page.subarray(start, start + length))
  return { bytes, int32: new Int32Array(buffer, 0, bytes.length >> 2), starts: NO_POINTERS, ends: NO_POINTERS }
}

const ofWidth =
  (width: number): DecodePlain =>
  (page, start, count) =>
    fixed(page, start, count * width)

const longs = (count: number, width: number): DenseValues => {
  const buffer = new ArrayBuffer(count * width)
  return { bytes: new Uint8Array(buffer), int32: new Int32Array(buffer), starts: NO_POINTERS, ends: NO_POINTERS }
}

const integersToLongs: DecodePlain = (page, start, count) => {
  const { int32: from } = fixed(page, start, count * 4)
  const values = longs(count, 8)
  for (let i = 0; i < count; i++) {
    const value = from[i] as number
    values.int32[i * 2] = value
    values.int32[i * 2 + 1] = value >> 31
  }
  return values
}

const floatsToDoubles: DecodePlain = (page, start, count) => {
  const from = fixed(page, start, count * 4)
  const floats = new Float32Array(from.bytes.buffer)
  const values = longs(count, 8)
  const doubles = new Float64Array(values.bytes.buffer)
  for (let i = 0; i < count; i++) doubles[i] = floats[i] as number
  return values
}

/** INT32 and INT64 are little-endian, FIXED_LEN_BYTE_ARRAY is two's complement, big-endian (LogicalTypes.md, DECIMAL). */
const decimals =
  (width: 4 | 8 | 16, growth: bigint): DecodePlain =>
  (page, start, count) => {
    const source = fixed(page, start, count * width)
    const values = longs(count, 16)
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

function scaleUp(halves: BigInt64Array, count: number, growth: bigint): void {
  for (let i = 0; i < count; i++) {
    const value = ((halves[i * 2 + 1] as bigint) << 64n) | BigInt.asUintN(64, halves[i * 2] as bigint)
    const grown = value * growth
    halves[i * 2] = BigInt.asIntN(64, grown)
    halves[i * 2 + 1] = BigInt.asIntN(64, grown >> 64n)
  }
}

/** BYTE_ARRAY: four bytes of length, then the bytes. They stay where they are. */
const strings: DecodePlain = (page, start, count) => {
  const starts = new Int32Array(count)
  const ends = new Int32Array(count)
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
