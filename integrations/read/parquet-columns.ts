/** Columns of a Parquet file of the lake as exact values, row group by row group, by ranged reads. I/O through the store. */
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  type SchemaElement,
} from 'hyparquet'
import type { Value } from '../../connectors/column-values.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { ObjectStore } from '../../connectors/ports.ts'

/** Beside SNAPPY, which hyparquet brings along. */
export const COMPRESSORS: Compressors = {
  ZSTD: (input, length) => exactLength(zstdDecompressSync(input), length),
  GZIP: (input, length) => exactLength(gunzipSync(input), length),
}

export type WantedColumn = { readonly name: string; readonly type: LogicalType }

export type ColumnGroup = { readonly rows: number; readonly columns: ReadonlyMap<string, readonly Value[]> }

/**
 * Yields the wanted columns, widened to their types, at most `groupRows` rows at a time; a column that the file lacks is
 * all null. Throws `FORMAT` when the bytes are no such Parquet file.
 */
export async function* readParquetColumns(
  file: AsyncBuffer,
  subject: string,
  wanted: readonly WantedColumn[],
  options: { readonly groupRows: number; readonly signal: AbortSignal },
): AsyncGenerator<ColumnGroup> {
  const damaged = (cause: unknown) =>
    new ConnectorError('FORMAT', `File "${subject}" cannot be read as Parquet: it is damaged or of another format`, { cause })
  let metadata: FileMetaData
  try {
    metadata = await parquetMetadataAsync(file)
  } catch (error) {
    throw error instanceof ConnectorError ? error : damaged(error)
  }
  const elements = new Map(metadata.schema.slice(1).map((element) => [element.name, element]))
  const present = wanted.filter((column) => elements.has(column.name))
  // Without their annotations values come out as stored: exact integers instead of Dates and floating decimals.
  const raw = { ...metadata, schema: metadata.schema.map(withoutAnnotation) }
  for (const { start, end } of ranges(metadata, options.groupRows)) {
    options.signal.throwIfAborted()
    const columns = new Map<string, readonly Value[]>()
    const rows = end - start
    for (const column of wanted) columns.set(column.name, new Array<null>(elements.has(column.name) ? 0 : rows).fill(null))
    if (present.length > 0) {
      let read: Record<string, unknown>[] = []
      try {
        await parquetRead({
          file,
          metadata: raw,
          columns: present.map((column) => column.name),
          rowStart: start,
          rowEnd: end,
          rowFormat: 'object',
          compressors: COMPRESSORS,
          utf8: false,
          onComplete: (found: Record<string, unknown>[]) => {
            read = found
          },
        })
      } catch (error) {
        throw error instanceof ConnectorError ? error : damaged(error)
      }
      for (const column of present) {
        const convert = converter(elements.get(column.name) as SchemaElement, column, subject)
        columns.set(
          column.name,
          read.map((row) => convert(row[column.name])),
        )
      }
    }
    yield { rows, columns }
  }
}

/** A stored object as hyparquet reads files: ranges only. */
export function objectBuffer(store: Pick<ObjectStore, 'get'>, key: string, size: number, signal: AbortSignal): AsyncBuffer {
  return {
    byteLength: size,
    slice: async (start, end = size) => {
      const from = start < 0 ? size + start : start
      const bytes = await store.get(key, { range: { start: from, end }, signal })
      if (bytes === null || bytes.length !== end - from) {
        throw new ConnectorError('CORRUPT', `Object "${key}" is missing or shorter than the ${size} bytes that the log records`)
      }
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
    },
  }
}

function* ranges(metadata: FileMetaData, groupRows: number): Iterable<{ readonly start: number; readonly end: number }> {
  let start = 0
  for (const group of metadata.row_groups) {
    const end = start + Number(group.num_rows)
    for (let from = start; from < end; from += groupRows) yield { start: from, end: Math.min(end, from + groupRows) }
    start = end
  }
}

function withoutAnnotation(element: SchemaElement): SchemaElement {
  const { converted_type, logical_type, ...plain } = element
  return converted_type === 'UTF8' || logical_type?.type === 'STRING' ? element : plain
}

function converter(element: SchemaElement, column: WantedColumn, subject: string): (stored: unknown) => Value {
  const convert = present(element, column, subject)
  return (stored) => (stored === null || stored === undefined ? null : convert(stored))
}

function present(element: SchemaElement, { name, type }: WantedColumn, subject: string): (stored: unknown) => Value {
  const unfit = (): never => {
    throw new ConnectorError('FORMAT', `Column "${name}" of "${subject}" is ${element.type}, which is no ${type.kind}`)
  }
  switch (type.kind) {
    case 'bool':
      return element.type === 'BOOLEAN' ? (stored) => stored as boolean : unfit()
    case 'int16':
    case 'int32':
    case 'date':
      return element.type === 'INT32' ? (stored) => stored as number : unfit()
    case 'int64':
      return element.type === 'INT32' || element.type === 'INT64' ? (stored) => BigInt(stored as number | bigint) : unfit()
    case 'float32':
      return element.type === 'FLOAT' ? (stored) => stored as number : unfit()
    case 'float64':
      return element.type === 'FLOAT' || element.type === 'DOUBLE' ? (stored) => stored as number : unfit()
    case 'timestamp':
      return element.type === 'INT64' ? (stored) => stored as bigint : unfit()
    case 'decimal': {
      const growth = 10n ** BigInt(Math.max(0, type.scale - (element.scale ?? 0)))
      if ((element.scale ?? 0) > type.scale) return unfit()
      return (stored) => unscaled(stored) * growth
    }
    case 'utf8':
      return element.type === 'BYTE_ARRAY' ? (stored) => stored as string : unfit()
    case 'binary':
      return element.type === 'BYTE_ARRAY' ? (stored) => stored as Uint8Array : unfit()
    default:
      return type satisfies never
  }
}

function unscaled(stored: unknown): bigint {
  if (!(stored instanceof Uint8Array)) return BigInt(stored as number | bigint)
  let bits = 0n
  for (const byte of stored) bits = (bits << 8n) | BigInt(byte)
  return BigInt.asIntN(stored.length * 8, bits)
}

function exactLength(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new RangeError(`page of ${bytes.length} bytes, expected ${length}`)
  return bytes
}
