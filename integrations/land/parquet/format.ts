/** Names and numbers of apache/parquet-format `parquet.thrift`, spelt as there. Only what this writer uses. */

export const MAGIC = new Uint8Array([0x50, 0x41, 0x52, 0x31]) // "PAR1"

export const Type = {
  BOOLEAN: 0,
  INT32: 1,
  INT64: 2,
  /** Deprecated by the format; written for Hive 3, which knows no other timestamp. */
  INT96: 3,
  FLOAT: 4,
  DOUBLE: 5,
  BYTE_ARRAY: 6,
  FIXED_LEN_BYTE_ARRAY: 7,
} as const
export type Type = (typeof Type)[keyof typeof Type]

export const FieldRepetitionType = { REQUIRED: 0, OPTIONAL: 1 } as const

export const ConvertedType = { UTF8: 0, DECIMAL: 5, DATE: 6, TIMESTAMP_MICROS: 10, INT_16: 16 } as const

/**
 * Dictionary pages of a V1 file are numbered PLAIN_DICTIONARY, as Spark's and Hive's own are: the newer RLE_DICTIONARY is the
 * same bytes under a number that older readers do not know.
 */
export const Encoding = { PLAIN: 0, PLAIN_DICTIONARY: 2, RLE: 3 } as const
export type Encoding = (typeof Encoding)[keyof typeof Encoding]

export const CompressionCodec = { UNCOMPRESSED: 0, SNAPPY: 1, GZIP: 2, ZSTD: 6 } as const
export type CompressionCodec = (typeof CompressionCodec)[keyof typeof CompressionCodec]

export const PageType = { DATA_PAGE: 0, DICTIONARY_PAGE: 2 } as const
export type PageType = (typeof PageType)[keyof typeof PageType]

export const BoundaryOrder = { UNORDERED: 0, ASCENDING: 1, DESCENDING: 2 } as const
export type BoundaryOrder = (typeof BoundaryOrder)[keyof typeof BoundaryOrder]
