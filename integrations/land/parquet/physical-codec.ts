/** What each physical type needs for encoding, as a table: how values are appended, bounded, numbered and written as bounds. */
import { ConnectorError } from '../../../connectors/errors.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import {
  type Bound,
  type BoundsOf,
  boundsOfBoolean,
  boundsOfByteArrays,
  boundsOfDouble,
  boundsOfFixedDecimal,
  boundsOfFloat,
  boundsOfInt32,
  boundsOfInt64,
  boundsOfNarrowFixedDecimal,
} from './bounds.ts'
import type { ChunkDictionary } from './dictionary.ts'
import { appendNarrowFixedDecimal, fixedDecimalBytes } from './fixed-decimal.ts'
import { Type } from './format.ts'
import type { GrowingBytes } from './growing-bytes.ts'
import { appendInt96, INT96_BYTES } from './int96.ts'
import {
  type AppendValues,
  appendBooleans,
  appendByteArrays,
  appendFixedDecimal,
  appendInt32,
  appendInt64,
  appendNarrowDecimal,
} from './plain-values.ts'
import type { PhysicalType } from './profile.ts'

export type PhysicalCodec = {
  /** Bytes per value; 0 when it varies. BOOLEAN counts as one byte: its pages end by rows long before by bytes. */
  readonly width: number
  readonly append: AppendValues
  readonly bounds: BoundsOf
  /** Dictionary numbers of a page's values; null where a dictionary never pays. */
  readonly index: ((dictionary: ChunkDictionary, page: GrowingBytes, count: number, indices: Uint16Array) => boolean) | null
  /** PLAIN bytes of a bound, "except that variable-length byte arrays do not include a length prefix". */
  readonly boundBytes: (bound: Bound, which: 'min' | 'max') => Uint8Array
}

const bytesOf = (size: number, fill: (view: DataView) => void): Uint8Array => {
  const bytes = new Uint8Array(size)
  fill(new DataView(bytes.buffer))
  return bytes
}

/** "If the computed max value is zero, +0.0 should be written; if the computed min value is zero, -0.0" (TYPE_ORDER). */
const signedZero = (bound: number, which: 'min' | 'max'): number => (bound === 0 ? (which === 'min' ? -0 : 0) : bound)

const index32: PhysicalCodec['index'] = (dictionary, page, count, indices) => dictionary.indexInt32(page, count, indices)
const index64: PhysicalCodec['index'] = (dictionary, page, count, indices) => dictionary.indexInt64(page, count, indices)

const INT32: PhysicalCodec = {
  width: 4,
  append: appendInt32,
  bounds: boundsOfInt32,
  index: index32,
  boundBytes: (bound) => bytesOf(4, (view) => view.setInt32(0, Number(bound), true)),
}

const INT64: PhysicalCodec = {
  width: 8,
  append: appendInt64,
  bounds: boundsOfInt64,
  index: index64,
  boundBytes: (bound) => bytesOf(8, (view) => view.setBigInt64(0, BigInt(bound as bigint), true)),
}

const CODECS: Readonly<Record<Type, PhysicalCodec>> = {
  [Type.BOOLEAN]: {
    width: 1,
    append: appendBooleans,
    bounds: boundsOfBoolean,
    index: null,
    boundBytes: (bound) => Uint8Array.of(Number(bound)),
  },
  [Type.INT32]: INT32,
  [Type.INT64]: INT64,
  [Type.INT96]: {
    width: INT96_BYTES,
    append: appendInt96,
    // "The sort order of INT96 is undefined" (ColumnOrder): neither statistics nor a column index.
    bounds: () => ({ range: null, nans: 0, unknown: true }),
    index: (dictionary, page, count, indices) => dictionary.indexFixed(page, count, indices, INT96_BYTES),
    boundBytes: () => new Uint8Array(0),
  },
  [Type.FLOAT]: {
    width: 4,
    append: appendInt32,
    bounds: boundsOfFloat,
    index: index32,
    boundBytes: (bound, which) => bytesOf(4, (view) => view.setFloat32(0, signedZero(Number(bound), which), true)),
  },
  [Type.DOUBLE]: {
    width: 8,
    append: appendInt64,
    bounds: boundsOfDouble,
    index: index64,
    boundBytes: (bound, which) => bytesOf(8, (view) => view.setFloat64(0, signedZero(Number(bound), which), true)),
  },
  [Type.BYTE_ARRAY]: {
    width: 0,
    append: appendByteArrays,
    bounds: boundsOfByteArrays,
    index: (dictionary, page, count, indices) => dictionary.indexByteArrays(page, count, indices),
    boundBytes: (bound) => bound as Uint8Array,
  },
  [Type.FIXED_LEN_BYTE_ARRAY]: {
    width: 16,
    append: appendFixedDecimal,
    bounds: boundsOfFixedDecimal,
    index: (dictionary, page, count, indices) => dictionary.indexFixed(page, count, indices, 16),
    boundBytes: (bound) =>
      bytesOf(16, (view) => {
        view.setBigInt64(0, BigInt(bound as bigint) >> 64n)
        view.setBigInt64(8, BigInt.asIntN(64, BigInt(bound as bigint)))
      }),
  },
}

/** The codec of a physical type that holds values of a logical type: chosen once per column. */
export function physicalCodec({ type, typeLength }: PhysicalType, logical: LogicalType): PhysicalCodec {
  if (logical.kind !== 'decimal') return CODECS[type]
  if (type === Type.FIXED_LEN_BYTE_ARRAY) return typeLength === 16 ? CODECS[type] : narrowFixedDecimal(typeLength)
  const words = type === Type.INT32 ? 1 : 2
  return { ...CODECS[type], append: (page, column, from, to) => appendNarrowDecimal(page, column, from, to, words) }
}

const narrowFixedDecimal = (width: number): PhysicalCodec => ({
  width,
  append: appendNarrowFixedDecimal(width),
  bounds: boundsOfNarrowFixedDecimal(width),
  index: (dictionary, page, count, indices) => dictionary.indexFixed(page, count, indices, width),
  boundBytes: (bound) => fixedDecimalBytes(BigInt(bound as bigint), width),
})

/** A value that the column's declared decimal cannot hold; the value itself is not named. */
export function decimalOverflow(column: string, precision: number, scale: number): ConnectorError {
  return new ConnectorError(
    'BAD_VALUE',
    `Column "${column}" is decimal(${precision},${scale}), and a value has more than ${precision} digits: ` +
      'declare a larger decimal(p,s) or "text" for the column',
  )
}

/** Found where a profile writes INT96. */
export function earlyInt96(column: string): ConnectorError {
  return new ConnectorError(
    'BAD_VALUE',
    `Column "${column}" has a timestamp before 1582-10-15, and Hive 3 and Hive 4 read that from INT96 as different days`,
  )
}
