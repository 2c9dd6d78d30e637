/** ORC's messages (apache/orc-format, orc_proto.proto), as tables for `protobuf.ts`. Names and numbers are the format's. */
import type { Message, MessageTable } from './protobuf.ts'

const table = <const M extends MessageTable>(message: M): M => message

export const IntegerStatistics = table({
  name: 'IntegerStatistics',
  fields: { minimum: { id: 1, kind: 'sint64' }, maximum: { id: 2, kind: 'sint64' }, sum: { id: 3, kind: 'sint64' } },
})

export const DoubleStatistics = table({
  name: 'DoubleStatistics',
  fields: { minimum: { id: 1, kind: 'double' }, maximum: { id: 2, kind: 'double' }, sum: { id: 3, kind: 'double' } },
})

/** Bounds stand in for minimum and maximum when those are longer than 1,024 bytes. */
export const StringStatistics = table({
  name: 'StringStatistics',
  fields: {
    minimum: { id: 1, kind: 'string' },
    maximum: { id: 2, kind: 'string' },
    sum: { id: 3, kind: 'sint64' },
    lowerBound: { id: 4, kind: 'string' },
    upperBound: { id: 5, kind: 'string' },
  },
})

/** Booleans: one count, of true values. */
export const BucketStatistics = table({
  name: 'BucketStatistics',
  fields: { count: { id: 1, kind: 'uint', repeated: true, packed: true } },
})

export const DecimalStatistics = table({
  name: 'DecimalStatistics',
  fields: { minimum: { id: 1, kind: 'string' }, maximum: { id: 2, kind: 'string' }, sum: { id: 3, kind: 'string' } },
})

/** Days since 1970-01-01. */
export const DateStatistics = table({
  name: 'DateStatistics',
  fields: { minimum: { id: 1, kind: 'sint64' }, maximum: { id: 2, kind: 'sint64' } },
})

/** Milliseconds since 1970; the last six digits of the nanoseconds plus one (absent: 0 for minimum, 999,999 for maximum). */
export const TimestampStatistics = table({
  name: 'TimestampStatistics',
  fields: {
    minimum: { id: 1, kind: 'sint64' },
    maximum: { id: 2, kind: 'sint64' },
    minimumUtc: { id: 3, kind: 'sint64' },
    maximumUtc: { id: 4, kind: 'sint64' },
    minimumNanos: { id: 5, kind: 'int32' },
    maximumNanos: { id: 6, kind: 'int32' },
  },
})

export const BinaryStatistics = table({ name: 'BinaryStatistics', fields: { sum: { id: 1, kind: 'sint64' } } })

export const CollectionStatistics = table({
  name: 'CollectionStatistics',
  fields: { minChildren: { id: 1, kind: 'uint' }, maxChildren: { id: 2, kind: 'uint' }, totalChildren: { id: 3, kind: 'uint' } },
})

export const ColumnStatistics = table({
  name: 'ColumnStatistics',
  fields: {
    numberOfValues: { id: 1, kind: 'uint' },
    intStatistics: { id: 2, kind: IntegerStatistics },
    doubleStatistics: { id: 3, kind: DoubleStatistics },
    stringStatistics: { id: 4, kind: StringStatistics },
    bucketStatistics: { id: 5, kind: BucketStatistics },
    decimalStatistics: { id: 6, kind: DecimalStatistics },
    dateStatistics: { id: 7, kind: DateStatistics },
    binaryStatistics: { id: 8, kind: BinaryStatistics },
    timestampStatistics: { id: 9, kind: TimestampStatistics },
    hasNull: { id: 10, kind: 'bool' },
    bytesOnDisk: { id: 11, kind: 'uint' },
    collectionStatistics: { id: 12, kind: CollectionStatistics },
  },
})
export type ColumnStatistics = Message<typeof ColumnStatistics>

export const RowIndexEntry = table({
  name: 'RowIndexEntry',
  fields: { positions: { id: 1, kind: 'uint', repeated: true, packed: true }, statistics: { id: 2, kind: ColumnStatistics } },
})
export type RowIndexEntry = Message<typeof RowIndexEntry>

export const RowIndex = table({ name: 'RowIndex', fields: { entry: { id: 1, kind: RowIndexEntry, repeated: true } } })

export const StreamKind = {
  PRESENT: 0,
  DATA: 1,
  LENGTH: 2,
  DICTIONARY_DATA: 3,
  DICTIONARY_COUNT: 4,
  SECONDARY: 5,
  ROW_INDEX: 6,
  BLOOM_FILTER: 7,
  BLOOM_FILTER_UTF8: 8,
  ENCRYPTED_INDEX: 9,
  ENCRYPTED_DATA: 10,
} as const

export const Stream = table({
  name: 'Stream',
  fields: { kind: { id: 1, kind: 'uint' }, column: { id: 2, kind: 'uint' }, length: { id: 3, kind: 'uint' } },
})
export type Stream = Message<typeof Stream>

/** DECIMAL_64 is ORC v2's; a v1 reader must refuse it. */
export const EncodingKind = { DIRECT: 0, DICTIONARY: 1, DIRECT_V2: 2, DICTIONARY_V2: 3, DECIMAL_64: 4 } as const

export const ColumnEncoding = table({
  name: 'ColumnEncoding',
  fields: { kind: { id: 1, kind: 'uint' }, dictionarySize: { id: 2, kind: 'uint' } },
})
export type ColumnEncoding = Message<typeof ColumnEncoding>

export const StripeFooter = table({
  name: 'StripeFooter',
  fields: {
    streams: { id: 1, kind: Stream, repeated: true },
    columns: { id: 2, kind: ColumnEncoding, repeated: true },
    writerTimezone: { id: 3, kind: 'string' },
    encryption: { id: 4, kind: 'bytes', repeated: true },
  },
})
export type StripeFooter = Message<typeof StripeFooter>

export const TypeKind = {
  BOOLEAN: 0,
  BYTE: 1,
  SHORT: 2,
  INT: 3,
  LONG: 4,
  FLOAT: 5,
  DOUBLE: 6,
  STRING: 7,
  BINARY: 8,
  TIMESTAMP: 9,
  LIST: 10,
  MAP: 11,
  STRUCT: 12,
  UNION: 13,
  DECIMAL: 14,
  DATE: 15,
  VARCHAR: 16,
  CHAR: 17,
  TIMESTAMP_INSTANT: 18,
} as const
export type TypeKind = (typeof TypeKind)[keyof typeof TypeKind]

export const Type = table({
  name: 'Type',
  fields: {
    kind: { id: 1, kind: 'uint' },
    subtypes: { id: 2, kind: 'uint', repeated: true, packed: true },
    fieldNames: { id: 3, kind: 'string', repeated: true },
    maximumLength: { id: 4, kind: 'uint' },
    precision: { id: 5, kind: 'uint' },
    scale: { id: 6, kind: 'uint' },
  },
})
export type Type = Message<typeof Type>

export const StripeInformation = table({
  name: 'StripeInformation',
  fields: {
    offset: { id: 1, kind: 'uint' },
    indexLength: { id: 2, kind: 'uint' },
    dataLength: { id: 3, kind: 'uint' },
    footerLength: { id: 4, kind: 'uint' },
    numberOfRows: { id: 5, kind: 'uint' },
  },
})

export const UserMetadataItem = table({
  name: 'UserMetadataItem',
  fields: { name: { id: 1, kind: 'string' }, value: { id: 2, kind: 'bytes' } },
})

/** Statistics of one stripe, one entry per column; each entry is decoded when it is asked for. */
export const StripeStatistics = table({
  name: 'StripeStatistics',
  fields: { colStats: { id: 1, kind: 'bytes', repeated: true } },
})

export const Metadata = table({ name: 'Metadata', fields: { stripeStats: { id: 1, kind: 'bytes', repeated: true } } })

export const CalendarKind = { UNKNOWN: 0, JULIAN_GREGORIAN: 1, PROLEPTIC_GREGORIAN: 2 } as const

export const Footer = table({
  name: 'Footer',
  fields: {
    headerLength: { id: 1, kind: 'uint' },
    contentLength: { id: 2, kind: 'uint' },
    stripes: { id: 3, kind: StripeInformation, repeated: true },
    types: { id: 4, kind: Type, repeated: true },
    metadata: { id: 5, kind: UserMetadataItem, repeated: true },
    numberOfRows: { id: 6, kind: 'uint' },
    statistics: { id: 7, kind: 'bytes', repeated: true },
    rowIndexStride: { id: 8, kind: 'uint' },
    writer: { id: 9, kind: 'uint' },
    encryption: { id: 10, kind: 'bytes' },
    calendar: { id: 11, kind: 'uint' },
    softwareVersion: { id: 12, kind: 'string' },
  },
})
export type Footer = Message<typeof Footer>

export const CompressionKind = { NONE: 0, ZLIB: 1, SNAPPY: 2, LZO: 3, LZ4: 4, ZSTD: 5 } as const
export type CompressionKind = (typeof CompressionKind)[keyof typeof CompressionKind]

export const PostScript = table({
  name: 'PostScript',
  fields: {
    footerLength: { id: 1, kind: 'uint' },
    compression: { id: 2, kind: 'uint' },
    compressionBlockSize: { id: 3, kind: 'uint' },
    version: { id: 4, kind: 'uint', repeated: true, packed: true },
    metadataLength: { id: 5, kind: 'uint' },
    writerVersion: { id: 6, kind: 'uint' },
    stripeStatisticsLength: { id: 7, kind: 'uint' },
    magic: { id: 8000, kind: 'string' },
  },
})
export type PostScript = Message<typeof PostScript>
