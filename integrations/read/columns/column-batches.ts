/** Parquet files of the lake as column vectors, a batch at a time, by ranged reads. I/O through the store. */
import { createHash, type Hash } from 'node:crypto'
import type { FileMetaData } from 'hyparquet'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import type { ObjectStore } from '../../../connectors/ports.ts'
import type { FileEntry } from '../../land/log/commit.ts'
import { readFooter } from '../../land/parquet/inspect-footer.ts'
import { ColumnChunkReader } from './column-chunk.ts'
import { ColumnVector } from './column-vector.ts'

/** `from`: the type in the file's schema version; null when that lacks the column. */
export type FileColumn = { readonly name: string; readonly from: LogicalType | null; readonly to: LogicalType }

export type ColumnBatch = { readonly rows: number; readonly columns: readonly ColumnVector[] }

export const BATCH_ROWS = 32_768
/** Objects up to this size are read by one request. */
export const SMALL_BYTES = 2 * 1024 * 1024

export type ReadColumnsOptions = {
  readonly store: ObjectStore
  readonly file: FileEntry
  readonly columns: readonly FileColumn[]
  /** Read every byte and compare the checksum with the entry's before the last batch is followed by the end. */
  readonly verify: boolean
  readonly signal: AbortSignal
}

type Group = FileMetaData['row_groups'][number]

/**
 * Yields every row of the file in order. The vectors are filled anew for each batch: what is kept must be copied. Memory: two
 * row groups as stored, one page per column. Throws `CORRUPT` when the object is not the one that the log names, `FORMAT` when
 * it is no file of ours.
 */
export async function* readColumnBatches(options: ReadColumnsOptions): AsyncGenerator<ColumnBatch> {
  const { file, columns, signal } = options
  if (file.format !== 'parquet') {
    throw new ConnectorError(
      'UNSUPPORTED',
      `File "${file.key}" is ${file.format}; only parquet files can be merged by this version`,
    )
  }
  const read = await ranges(options)
  const { metadata } = await readFooter(read, file.size)
  if (Number(metadata.num_rows) !== file.rows) {
    throw new ConnectorError('CORRUPT', `File "${file.key}" has ${metadata.num_rows} rows, the log says ${file.rows}`)
  }
  const vectors = columns.map(({ to }) => new ColumnVector(to, Math.min(BATCH_ROWS, Math.max(8, file.rows))))
  const names = new Set(columns.map(({ name }) => name))
  const all = options.verify || metadata.schema.length - 1 <= names.size
  const checked = options.verify ? checksum(read) : null
  const whole = all ? (checked ?? { take: read }) : null
  const start = (group: Group | undefined) => {
    const opened = group === undefined ? null : openGroup({ options, metadata, group, read, whole })
    // Whoever waits for it sees the error; nobody does when the reader stops early.
    opened?.catch(() => undefined)
    return opened
  }
  let next = start(metadata.row_groups[0])
  for (const [index, group] of metadata.row_groups.entries()) {
    signal.throwIfAborted()
    const readers = (await next) ?? []
    // The store works while rows are made of what it brought.
    next = start(metadata.row_groups[index + 1])
    const rows = Number(group.num_rows)
    for (let first = 0; first < rows; first += BATCH_ROWS) {
      const count = Math.min(BATCH_ROWS, rows - first)
      for (const [place, vector] of vectors.entries()) fill(vector, readers[place] ?? null, count, file.key)
      yield { rows: count, columns: vectors }
    }
  }
  if (checked === null) return
  const found = await checked.finish(file.size)
  if (found !== file.sha256) {
    throw new ConnectorError('CORRUPT', `File "${file.key}" has another checksum than the log says. Restore it from a backup`)
  }
}

function fill(vector: ColumnVector, reader: ColumnChunkReader | null, count: number, key: string): void {
  vector.clear()
  if (reader === null) {
    vector.appendNulls(count)
    return
  }
  try {
    reader.read(vector, count)
  } catch (cause) {
    if (cause instanceof ConnectorError) throw cause
    throw new ConnectorError('CORRUPT', `File "${key}" cannot be read as Parquet: it is damaged. Restore it from a backup`, {
      cause,
    })
  }
}

/** Small objects are brought whole: one request instead of four. */
async function ranges(options: ReadColumnsOptions): Promise<Take['take']> {
  const { size } = options.file
  if (size > SMALL_BYTES) return (start, end) => readRange(options, start, end)
  const bytes = await readRange(options, 0, size)
  return async (start, end) => bytes.subarray(start, end)
}

async function readRange({ store, file, signal }: ReadColumnsOptions, start: number, end: number): Promise<Uint8Array> {
  const bytes = await store.get(file.key, { range: { start, end }, signal })
  if (bytes !== null && bytes.length === end - start) return bytes
  throw new ConnectorError(
    'CORRUPT',
    `Object "${file.key}" is missing or shorter than the ${file.size} bytes that the log records. Restore it from a backup`,
  )
}

type Take = { readonly take: (start: number, end: number) => Promise<Uint8Array> }

/** Hands ranges out in ascending order, together with what lies between them, and hashes all of it. */
function checksum(read: Take['take']): Take & { readonly finish: (size: number) => Promise<string> } {
  const hash: Hash = createHash('sha256')
  let at = 0
  const take = async (start: number, end: number): Promise<Uint8Array> => {
    const bytes = await read(at, end)
    hash.update(bytes)
    const wanted = bytes.subarray(start - at)
    at = end
    return wanted
  }
  return {
    take,
    finish: async (size) => {
      if (at < size) await take(at, size)
      return hash.digest('hex')
    },
  }
}

/** Readers in the order of the wanted columns; null for a column that the file lacks. `whole` reads the group at once. */
async function openGroup({
  options,
  metadata,
  group,
  read,
  whole,
}: {
  readonly options: ReadColumnsOptions
  readonly metadata: FileMetaData
  readonly group: Group
  readonly read: Take['take']
  readonly whole: Take | null
}): Promise<readonly (ColumnChunkReader | null)[]> {
  const chunks = group.columns.map(({ meta_data: meta }, index) => {
    if (meta === undefined) throw new ConnectorError('FORMAT', `File "${options.file.key}" has columns in other files`)
    const start = Number(meta.dictionary_page_offset ?? meta.data_page_offset)
    const element = metadata.schema[index + 1]
    return { meta, start, end: start + Number(meta.total_compressed_size), optional: element?.repetition_type !== 'REQUIRED' }
  })
  const [first, last] = [Math.min(...chunks.map(({ start }) => start)), Math.max(...chunks.map(({ end }) => end))]
  const bytes = whole === null ? null : await whole.take(first, last)
  return await Promise.all(
    options.columns.map(async ({ name, from, to }) => {
      const chunk = chunks.find(({ meta }) => meta.path_in_schema[0] === name)
      if (chunk === undefined) return null
      const subject = `Column "${name}" of "${options.file.key}"`
      if (from === null) throw new ConnectorError('CORRUPT', `${subject} is not in the file's schema version`)
      const { start, end, meta, optional } = chunk
      const part = bytes === null ? await read(start, end) : bytes.subarray(start - first, end - first)
      return new ColumnChunkReader({ bytes: part, codec: meta.codec, rows: Number(group.num_rows), from, to, optional, subject })
    }),
  )
}
