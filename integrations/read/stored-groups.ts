/** Row groups of a lake file as forward cursors over its columns, by ranged reads. I/O through the store. */
import { type ColumnMetaData, parquetMetadataAsync, type SchemaElement } from 'hyparquet'
import { ConnectorError } from '../../connectors/errors.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import { type ChunkShape, ParquetChunk } from './parquet-chunk.ts'
import { objectBuffer } from './parquet-columns.ts'

/** What is read of an entry of the log. */
export type StoredFile = { readonly key: string; readonly size: number; readonly format: 'parquet' | 'orc' }

export type StoredColumn = { readonly chunk: ParquetChunk; readonly element: SchemaElement }

/** A column that the file lacks is null. Rows are visited in ascending order. */
export type StoredGroup = { readonly rows: number; readonly column: (physical: string) => StoredColumn | null }

/** Neighbouring columns are fetched with one request. */
const MAX_GAP_BYTES = 64 * 1024
const MAX_REQUEST_BYTES = 32 * 1024 * 1024

/**
 * The columns of a file, a row group at a time. Throws `CORRUPT` or `FORMAT` when the bytes are not the file that the log
 * records, `UNSUPPORTED` for other formats than Parquet.
 */
export async function* storedGroups(
  store: Pick<ObjectStore, 'get'>,
  file: StoredFile,
  columns: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<StoredGroup> {
  if (file.format !== 'parquet')
    throw new ConnectorError('UNSUPPORTED', `File "${file.key}" is ${file.format}; only parquet is read here`)
  const buffer = objectBuffer(store, file.key, file.size, signal)
  const metadata = await parquetMetadataAsync(buffer).catch((cause: unknown) => {
    throw cause instanceof ConnectorError ? cause : damaged(file, cause)
  })
  const elements = new Map(metadata.schema.slice(1).map((element) => [element.name, element]))
  const wanted = new Set(columns)
  for (const group of metadata.row_groups) {
    signal.throwIfAborted()
    const rows = Number(group.num_rows)
    const chunks = group.columns.flatMap(({ meta_data }) => {
      const name = meta_data?.path_in_schema[0]
      const element = name === undefined ? undefined : elements.get(name)
      return meta_data === undefined || name === undefined || element === undefined || !wanted.has(name)
        ? []
        : [{ name, element, ...place(file, meta_data), shape: shapeOf(file, element, meta_data, rows) }]
    })
    const read = new Map<string, StoredColumn>()
    for (const run of runs(chunks)) {
      const { start } = run[0] ?? { start: 0 }
      const end = run.at(-1)?.end ?? start
      const bytes = await store.get(file.key, { range: { start, end }, signal })
      if (bytes === null || bytes.length !== end - start) throw damaged(file)
      for (const chunk of run) {
        const part = bytes.subarray(chunk.start - start, chunk.end - start)
        read.set(chunk.name, { chunk: new ParquetChunk(part, chunk.shape), element: chunk.element })
      }
    }
    yield { rows, column: (physical) => read.get(physical) ?? null }
  }
}

type Place = { readonly start: number; readonly end: number }

function place(file: StoredFile, metadata: ColumnMetaData): Place {
  const start = Number(metadata.dictionary_page_offset || metadata.data_page_offset)
  const end = start + Number(metadata.total_compressed_size)
  if (!(start >= 0 && start < end && end <= file.size)) throw damaged(file)
  return { start, end }
}

function runs<T extends Place>(chunks: readonly T[]): readonly T[][] {
  const joined: T[][] = []
  for (const chunk of chunks.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1)
    const [first, newest] = [last?.[0], last?.at(-1)]
    const near =
      first !== undefined &&
      newest !== undefined &&
      chunk.start - newest.end <= MAX_GAP_BYTES &&
      chunk.end - first.start <= MAX_REQUEST_BYTES
    if (near) last?.push(chunk)
    else joined.push([chunk])
  }
  return joined
}

const TYPES: ReadonlySet<string> = new Set<ChunkShape['type']>([
  'BOOLEAN',
  'INT32',
  'INT64',
  'FLOAT',
  'DOUBLE',
  'BYTE_ARRAY',
  'FIXED_LEN_BYTE_ARRAY',
])

const isKnown = (type: string | undefined): type is ChunkShape['type'] => type !== undefined && TYPES.has(type)

function shapeOf(file: StoredFile, element: SchemaElement, { codec }: ColumnMetaData, rows: number): ChunkShape {
  const { type, type_length: width = 0, repetition_type: repetition } = element
  if (!isKnown(type) || repetition === 'REPEATED') throw damaged(file)
  const subject = `Column "${element.name}" of "${file.key}"`
  return { subject, type, width, codec, nullable: repetition === 'OPTIONAL', rows }
}

function damaged(file: StoredFile, cause?: unknown): ConnectorError {
  return new ConnectorError('FORMAT', `File "${file.key}" cannot be read as Parquet: it is damaged or of another format`, {
    cause,
  })
}
