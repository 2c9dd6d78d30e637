/** What is in a Parquet file, ours or anyone's: schema, row groups, statistics, metadata, rows. */
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  parquetReadObjects,
  parquetSchema,
  type SchemaElement,
} from 'hyparquet'
import { ConnectorError } from '../../../connectors/errors.ts'
import { snappyDecompress } from '../orc/snappy-decode.ts'
import { type Footer, type ReadRange, readFooter } from './inspect-footer.ts'
import { boundJson, type Json, meaningOf, nodeJson, nodeTypeName } from './inspect-types.ts'
import { lz4Hadoop, lz4Raw } from './lz4.ts'

export type { ReadRange } from './inspect-footer.ts'
export type { Json } from './inspect-types.ts'

/** `nulls` null = the file does not say; `min` and `max` null = unknown, otherwise bounds, which may be truncated. */
export type InspectedStatistics = { readonly nulls: number | null; readonly min: Json; readonly max: Json }

export type InspectedChunk = InspectedStatistics & {
  /** Dotted path of the leaf. */
  readonly column: string
  readonly compression: string
  readonly encodings: readonly string[]
  readonly compressedBytes: number
  readonly uncompressedBytes: number
  readonly columnIndex: boolean
  readonly offsetIndex: boolean
}

export type InspectedRowGroup = { readonly rows: number; readonly bytes: number; readonly columns: readonly InspectedChunk[] }

export type ParquetInspection = {
  readonly format: 'parquet'
  readonly rows: number
  readonly bytes: number
  readonly createdBy: string | null
  readonly schema: readonly { readonly name: string; readonly type: string; readonly nullable: boolean }[]
  readonly rowGroups: readonly InspectedRowGroup[]
  /** Nulls over the whole file by leaf column; null where a row group does not say. */
  readonly statistics: Readonly<Record<string, { readonly nulls: number | null }>>
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * Reads the footer only. `size` is the file's size in bytes.
 * Throws `FORMAT` when the file is not Parquet, is damaged or is encrypted.
 */
export async function inspectParquet(readRange: ReadRange, size: number): Promise<ParquetInspection> {
  const footer = await readFooter(readRange, size)
  try {
    return inspectionOf(footer, size)
  } catch (cause) {
    throw new ConnectorError(
      'FORMAT',
      'Parquet file is damaged: its footer cannot be understood; fetch or write the file again',
      {
        cause,
      },
    )
  }
}

function inspectionOf(footer: Footer, size: number): ParquetInspection {
  const { metadata } = footer
  const rowGroups = metadata.row_groups.map((_, index) => inspectRowGroup(footer, index))
  const columns = new Set(rowGroups.flatMap((group) => group.columns.map((chunk) => chunk.column)))
  return {
    format: 'parquet',
    rows: Number(metadata.num_rows),
    bytes: size,
    createdBy: metadata.created_by ?? null,
    schema: parquetSchema(metadata).children.map((node) => ({
      name: node.element.name,
      type: nodeTypeName(node),
      nullable: node.element.repetition_type === 'OPTIONAL',
    })),
    rowGroups,
    statistics: Object.fromEntries(
      [...columns].map((column) => {
        const chunks = rowGroups.flatMap((group) => group.columns.filter((chunk) => chunk.column === column))
        const known = chunks.every((chunk) => chunk.nulls !== null)
        return [column, { nulls: known ? chunks.reduce((nulls, chunk) => nulls + (chunk.nulls ?? 0), 0) : null }]
      }),
    ),
    metadata: Object.fromEntries((metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value ?? ''])),
  }
}

function inspectRowGroup({ metadata, bounds }: Footer, index: number): InspectedRowGroup {
  const group = metadata.row_groups[index]
  const leaves = metadata.schema.filter((element) => element.type !== undefined)
  const columns = (group?.columns ?? []).map((chunk, i): InspectedChunk => {
    const meta = chunk.meta_data
    const raw = bounds[index]?.[i]
    const leaf = leaves[i] as SchemaElement
    return {
      column: meta?.path_in_schema.join('.') ?? '',
      compression: meta?.codec ?? 'UNCOMPRESSED',
      encodings: meta?.encodings ?? [],
      compressedBytes: Number(meta?.total_compressed_size ?? 0),
      uncompressedBytes: Number(meta?.total_uncompressed_size ?? 0),
      nulls: raw?.nulls ?? null,
      min: raw?.min ? boundJson(leaf, raw.min) : null,
      max: raw?.max ? boundJson(leaf, raw.max) : null,
      columnIndex: chunk.column_index_offset !== undefined,
      offsetIndex: chunk.offset_index_offset !== undefined,
    }
  })
  return {
    rows: Number(group?.num_rows ?? 0),
    bytes: columns.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0),
    columns,
  }
}

/** Rows decoded at once: bounds memory where the file has an offset index, else a row group is read as a whole. */
const SLICE_ROWS = 8192

/**
 * The file's rows in order, one JSON object each, at most `limit`. 64-bit integers and decimals are strings, bytes lower-case
 * hex, timestamps ISO-8601 with their full fraction (`Z` when the file says UTC), NaN and infinities text.
 * Throws `FORMAT` for damaged files and `UNSUPPORTED` for LZO compression.
 */
export async function* readParquetRows(
  readRange: ReadRange,
  size: number,
  options?: { readonly limit?: number; readonly columns?: readonly string[] },
): AsyncGenerator<Readonly<Record<string, Json>>> {
  const { metadata } = await readFooter(readRange, size)
  const columns = parquetSchema(metadata).children.filter(({ element }) => options?.columns?.includes(element.name) ?? true)
  const file: AsyncBuffer = {
    byteLength: size,
    slice: async (start, end = size) => new Uint8Array(await readRange(start, end)).buffer,
  }
  const unconverted = withoutConversions(metadata)
  const end = Math.min(Number(metadata.num_rows), options?.limit ?? Number.POSITIVE_INFINITY)
  let groupStart = 0
  for (const group of metadata.row_groups) {
    const groupEnd = groupStart + Number(group.num_rows)
    for (let start = groupStart; start < Math.min(groupEnd, end); start += SLICE_ROWS) {
      const rowEnd = Math.min(start + SLICE_ROWS, groupEnd, end)
      const rows = await readRows(
        file,
        unconverted,
        start,
        rowEnd,
        columns.map(({ element }) => element.name),
      )
      for (const row of rows) {
        yield Object.fromEntries(columns.map((node) => [node.element.name, nodeJson(node, row[node.element.name])]))
      }
    }
    groupStart = groupEnd
  }
}

async function readRows(file: AsyncBuffer, metadata: FileMetaData, rowStart: number, rowEnd: number, columns: string[]) {
  try {
    return await parquetReadObjects({
      file,
      metadata,
      rowStart,
      rowEnd,
      columns,
      compressors: COMPRESSORS,
      utf8: false,
      geoparquet: false,
      useOffsetIndex: true,
      parsers: {
        stringFromBytes: (bytes) => Buffer.from(bytes).toString('utf8'),
        // INT96: kept as nanoseconds.
        timestampFromNanoseconds: (nanos) => nanos,
      },
    })
  } catch (cause) {
    if (cause instanceof ConnectorError) throw cause
    throw new ConnectorError(
      'FORMAT',
      `Parquet file is damaged between rows ${rowStart} and ${rowEnd}; fetch or write the file again`,
      {
        cause,
      },
    )
  }
}

/**
 * The same file with leaves that are only physical: hyparquet turns decimals into floating point and instants into
 * milliseconds. Text stays text, because map keys become property names.
 */
function withoutConversions(metadata: FileMetaData): FileMetaData {
  const schema = metadata.schema.map((element): SchemaElement => {
    if (element.type === undefined || meaningOf(element).kind === 'text') return element
    const { converted_type: _converted, logical_type: _logical, ...physical } = element
    return physical
  })
  return { ...metadata, schema }
}

const unsupported = (codec: string) => (): Uint8Array => {
  throw new ConnectorError(
    'UNSUPPORTED',
    `Parquet pages are compressed with ${codec}; expected ZSTD, SNAPPY, GZIP, BROTLI, LZ4 or none`,
  )
}

/** Snappy is hyparquet's own; its output is checked against the size that the page header gives. */
export const COMPRESSORS: Compressors = {
  // hyparquet's own goes round in circles over damaged blocks.
  SNAPPY: unlessEmpty(snappyDecompress),
  ZSTD: unlessEmpty((input, size) => zstdDecompressSync(input, { maxOutputLength: size })),
  GZIP: unlessEmpty((input, size) => gunzipSync(input, { maxOutputLength: size })),
  BROTLI: unlessEmpty((input, size) => brotliDecompressSync(input, { maxOutputLength: size })),
  LZ4: unlessEmpty(lz4Hadoop),
  LZ4_RAW: unlessEmpty(lz4Raw),
  LZO: unsupported('LZO'),
}

/** Of nothing some writers keep nothing, others what a codec makes of it. */
function unlessEmpty(
  decompress: (input: Uint8Array, size: number) => Uint8Array,
): (input: Uint8Array, size: number) => Uint8Array {
  return (input, size) => (size === 0 ? new Uint8Array(0) : decompress(input, size))
}
