/** Flat Parquet columns as most writers make them, page by page: no more in memory than the chunk as it is stored. Pure. */
import type { ColumnMetaData, SchemaElement } from 'hyparquet'
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import type { ForeignShape } from '../../../connectors/manifest.ts'
import { thriftEnd } from '../../land/parquet/thrift-scan.ts'
import { type ChunkShape, ParquetChunk } from '../../read/parquet-chunk.ts'
import { storedData } from '../../read/stored-data.ts'
import type { Cells } from './foreign-file.ts'
import type { Tree } from './tree.ts'

const ENCODINGS: ReadonlySet<string> = new Set(['PLAIN', 'PLAIN_DICTIONARY', 'RLE_DICTIONARY', 'RLE', 'BIT_PACKED'])
const CODECS: ReadonlySet<string> = new Set(['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'ZSTD'])
/** Thrift PageHeader, 1 type: data page V1. */
const PAGE_TYPES: ReadonlySet<unknown> = new Set([0, 2])
const INT96_BYTES = 12

export type PlainColumn = {
  readonly element: SchemaElement
  readonly meta: ColumnMetaData
  readonly rows: number
  /** The whole chunk as it is stored. */
  readonly bytes: Uint8Array
  /** For messages. */
  readonly subject: string
}

/** Null: its pages are of another kind, which `hyparquet` reads. */
export function plainChunk({ element, meta, rows, bytes, subject }: PlainColumn): ParquetChunk | null {
  const { type, repetition_type: repetition, type_length: length = 0 } = element
  if (type === undefined || repetition === 'REPEATED' || !CODECS.has(meta.codec)) return null
  if (!meta.encodings.every((encoding) => ENCODINGS.has(encoding)) || !startsPlain(bytes)) return null
  // RLE is how levels are kept; booleans may be, too.
  if (type === 'BOOLEAN' && meta.encoding_stats?.some(({ encoding }) => encoding === 'RLE')) return null
  const int96 = type === 'INT96'
  const shape: ChunkShape = {
    subject,
    type: int96 ? 'FIXED_LEN_BYTE_ARRAY' : type,
    width: int96 ? INT96_BYTES : length,
    codec: meta.codec,
    nullable: repetition === 'OPTIONAL',
    rows,
  }
  return new ParquetChunk(bytes, shape)
}

/** Whether the first pages are those of version 1; a chunk does not mix them. */
function startsPlain(bytes: Uint8Array): boolean {
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 }
  for (let page = 0; page < 2 && reader.offset < bytes.length; page++) {
    const end = thriftEnd(bytes, reader.offset)
    const header = deserializeTCompactProtocol(reader) as { readonly field_1?: unknown; readonly field_3?: unknown }
    if (!PAGE_TYPES.has(header.field_1)) return false
    const size = Number(header.field_3)
    if (!(size >= 0)) throw new RangeError(`a page of ${size} bytes`)
    reader.offset = end + size
  }
  return true
}

/** A chunk's rows from `start` on, asked for in ascending order. `exact`: values need no conversion but widening. */
export function plainCells(
  chunk: ParquetChunk,
  { element, shape, exact }: { readonly element: SchemaElement; readonly shape: ForeignShape; readonly exact: boolean },
  tree: (stored: unknown) => Tree,
  { start, rows, subject }: { readonly start: number; readonly rows: number; readonly subject: string },
): Cells {
  const raw = rawReader(chunk, element)
  const type: LogicalType | null = shape.kind === 'value' && exact ? shape.type : null
  const wanted = () => Array.from({ length: rows }, (_, row) => start + row)
  return {
    data: type === null ? null : () => storedData({ chunk, element }, type, wanted(), subject),
    owned: true,
    at: (row) => tree(raw(start + row)),
  }
}

function rawReader(chunk: ParquetChunk, { type }: SchemaElement): (row: number) => unknown {
  const value = presentReader(chunk, type)
  return (row) => {
    const place = chunk.seek(row)
    return place < 0 ? null : value(place)
  }
}

const JULIAN_EPOCH = 2_440_588n
const NANOS_PER_DAY = 86_400_000_000_000n

function presentReader(chunk: ParquetChunk, type: SchemaElement['type']): (place: number) => unknown {
  const bytes = (place: number): Uint8Array => {
    const { values } = chunk
    return values.bytes.subarray(values.starts[place], values.ends[place])
  }
  switch (type) {
    case 'BOOLEAN':
      return (place) => (((chunk.values.bools[place >> 3] as number) >> (place & 7)) & 1) === 1
    case 'INT32':
      return (place) => chunk.values.ints[place]
    case 'INT64':
      return (place) => {
        const { words } = chunk.values
        return (BigInt(words[2 * place + 1] as number) << 32n) | BigInt((words[2 * place] as number) >>> 0)
      }
    case 'INT96':
      return (place) => {
        const stored = bytes(place)
        const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength)
        return (BigInt(view.getInt32(8, true)) - JULIAN_EPOCH) * NANOS_PER_DAY + view.getBigInt64(0, true)
      }
    case 'FLOAT':
    case 'DOUBLE':
      return (place) => chunk.values.floats[place]
    default:
      return bytes
  }
}
