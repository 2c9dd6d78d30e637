/** FileMetaData of parquet.thrift and what hangs below it: row groups, column chunks, their metadata. */
import { type CompressionCodec, Encoding, PageType, Type } from './format.ts'
import type { PhysicalCodec } from './physical-codec.ts'
import type { Profile } from './profile.ts'
import { type ColumnSchema, writeSchema } from './schema-element.ts'
import { type ChunkStatistics, writeStatistics } from './statistics.ts'
import { ThriftWriter } from './thrift.ts'

/** Where a part of the file lies. */
export type FileRange = { readonly offset: number; readonly length: number }

export type ColumnChunk = {
  readonly schema: ColumnSchema
  readonly codec: PhysicalCodec
  readonly compression: CompressionCodec
  /** Rows, nulls included. */
  readonly values: number
  readonly uncompressedSize: number
  readonly compressedSize: number
  readonly dictionaryPageOffset: number | null
  readonly dataPageOffset: number
  readonly plainPages: number
  readonly dictionaryPages: number
  readonly statistics: ChunkStatistics
  readonly columnIndex: FileRange | null
  readonly offsetIndex: FileRange | null
}

export type RowGroup = { readonly rows: number; readonly columns: readonly ColumnChunk[] }

export type FileMetaData = {
  readonly profile: Profile
  readonly schema: readonly ColumnSchema[]
  readonly rows: number
  readonly rowGroups: readonly RowGroup[]
  readonly keyValues: ReadonlyMap<string, string>
  readonly createdBy: string
}

const isFloating = (schema: ColumnSchema): boolean => schema.physical.type === Type.FLOAT || schema.physical.type === Type.DOUBLE

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** The footer's bytes, without its length and the magic. */
export function fileMetaData(file: FileMetaData): Uint8Array {
  const thrift = new ThriftWriter(16_384)
  thrift.struct(() => {
    // "For maximum compatibility with readers, writers should always populate 1 for version."
    thrift.i32Field(1, 1)
    writeSchema(thrift, file.schema, file.profile)
    thrift.i64Field(3, file.rows)
    thrift.structList(4, [...file.rowGroups.entries()], ([ordinal, group]) => writeRowGroup(thrift, group, ordinal))
    thrift.structList(5, [...file.keyValues], ([key, value]) => {
      thrift.binaryField(1, key)
      thrift.binaryField(2, value)
    })
    thrift.binaryField(6, file.createdBy)
    // Without column_orders min_value and max_value mean nothing: TYPE_ORDER for every column.
    thrift.structList(7, file.schema, () => thrift.structField(1, () => {}))
  })
  return thrift.take()
}

function writeRowGroup(thrift: ThriftWriter, group: RowGroup, ordinal: number): void {
  thrift.structList(1, group.columns, (chunk) => writeColumnChunk(thrift, chunk))
  thrift.i64Field(2, sum(group.columns.map((chunk) => chunk.uncompressedSize)))
  thrift.i64Field(3, group.rows)
  const [first] = group.columns
  if (first !== undefined) thrift.i64Field(5, first.dictionaryPageOffset ?? first.dataPageOffset)
  thrift.i64Field(6, sum(group.columns.map((chunk) => chunk.compressedSize)))
  // i16 in the format: left out where it does not fit.
  if (ordinal <= 0x7fff) thrift.i16Field(7, ordinal)
}

function writeColumnChunk(thrift: ThriftWriter, chunk: ColumnChunk): void {
  // file_offset: "Writers should set this field to 0 if no ColumnMetaData has been written outside the footer."
  thrift.i64Field(2, 0)
  thrift.structField(3, () => writeColumnMetaData(thrift, chunk))
  if (chunk.offsetIndex !== null) {
    thrift.i64Field(4, chunk.offsetIndex.offset)
    thrift.i32Field(5, chunk.offsetIndex.length)
  }
  if (chunk.columnIndex !== null) {
    thrift.i64Field(6, chunk.columnIndex.offset)
    thrift.i32Field(7, chunk.columnIndex.length)
  }
}

function writeColumnMetaData(thrift: ThriftWriter, chunk: ColumnChunk): void {
  const dictionary = chunk.dictionaryPageOffset !== null
  thrift.i32Field(1, chunk.schema.physical.type)
  const encodings: Encoding[] = [Encoding.PLAIN, Encoding.RLE]
  if (dictionary) encodings.push(Encoding.PLAIN_DICTIONARY)
  thrift.i32List(2, encodings)
  thrift.binaryList(3, [chunk.schema.name])
  thrift.i32Field(4, chunk.compression)
  thrift.i64Field(5, chunk.values)
  thrift.i64Field(6, chunk.uncompressedSize)
  thrift.i64Field(7, chunk.compressedSize)
  thrift.i64Field(9, chunk.dataPageOffset)
  if (chunk.dictionaryPageOffset !== null) thrift.i64Field(11, chunk.dictionaryPageOffset)
  thrift.structField(12, () => writeStatistics(thrift, chunk.statistics, chunk.codec, isFloating(chunk.schema)))
  const pages = [
    { type: PageType.DICTIONARY_PAGE, encoding: Encoding.PLAIN, count: dictionary ? 1 : 0 },
    { type: PageType.DATA_PAGE, encoding: Encoding.PLAIN, count: chunk.plainPages },
    { type: PageType.DATA_PAGE, encoding: Encoding.PLAIN_DICTIONARY, count: chunk.dictionaryPages },
  ].filter((page) => page.count > 0)
  thrift.structList(13, pages, (page) => {
    thrift.i32Field(1, page.type)
    thrift.i32Field(2, page.encoding)
    thrift.i32Field(3, page.count)
  })
}
