/** One immutable data file while it is written: batches in, an entry for the commit out. */
import type { RecordBatch, Schema } from 'apache-arrow'
import { METADATA_COLUMNS, type Position, type RowBatch, type TableSchema } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import type { FileSummary, FileWriter, FileWriterOptions } from './file-writer.ts'
import type { FileEntry } from './log/commit.ts'
import { openObjectFile } from './object-file.ts'
import { type Projection, projection } from './projection.ts'

/** A file format as the lander sees it. */
export type FileFormat = {
  readonly name: FileEntry['format']
  readonly extension: string
  readonly createWriter: (options: FileWriterOptions) => FileWriter
}

export type DataFileOptions = {
  readonly store: ObjectStore
  readonly key: string
  readonly format: FileFormat
  readonly compression: FileWriterOptions['compression']
  readonly schema: TableSchema
  readonly part: 'base' | 'changes'
  readonly metadata: ReadonlyMap<string, string>
  readonly unstated: ReadonlySet<string>
  /** Ends every request for the file, also one that the store does not answer. */
  readonly signal?: AbortSignal | undefined
}

export interface DataFile {
  readonly schema: TableSchema
  /** Bytes so far, written or buffered. */
  readonly bytes: number
  /** Memory that it takes, about. */
  readonly allocated: number
  /** Encodes the rows; the batch may be released when it settles. */
  append(rows: RowBatch): Promise<void>
  /** Frees what the rows so far take; they become a row group of their own. */
  relieve(): Promise<void>
  /** Publishes the file durably. */
  close(): Promise<FileEntry>
  /** Leaves nothing. */
  abort(): Promise<void>
}

/** Opens the file with the shape of the first batch; its later batches must have columns that the schema knows, too. */
export async function openDataFile(options: DataFileOptions, first: RowBatch): Promise<DataFile> {
  const { schema, part } = options
  let shape: Schema = first.batch.schema
  let project: Projection = projection(shape, schema, part)
  const projected = (batch: RecordBatch): RecordBatch => {
    if (batch.schema !== shape) {
      shape = batch.schema
      project = projection(shape, schema, part)
    }
    return project(batch)
  }
  const { compression, metadata, unstated } = options
  const { object, writer } = await openObjectFile(
    options.store,
    options.key,
    (sink) => options.format.createWriter({ schema: projected(first.batch).schema, sink, compression, metadata, unstated }),
    options.signal,
  )
  let minPosition: Position | null = null
  let maxPosition: Position | null = null
  return {
    schema,
    get bytes() {
      return writer.bytes
    },
    get allocated() {
      return writer.allocated + (object.buffered ?? 0)
    },
    async append(rows) {
      await writer.append(projected(rows.batch))
      if (minPosition === null || rows.firstPosition < minPosition) minPosition = rows.firstPosition
      if (maxPosition === null || rows.lastPosition > maxPosition) maxPosition = rows.lastPosition
    },
    relieve: () => writer.endGroup(),
    async close() {
      if (minPosition === null || maxPosition === null)
        throw new ConnectorError('INTERNAL', `File "${options.key}" closed without a row`)
      const summary = await writer.finish()
      const { key, size, sha256 } = await object.close()
      const { rows } = summary
      const columns = statedColumns(summary)
      const { name: format } = options.format
      const { version: schemaVersion } = schema
      return { key, part, size, sha256, rows, format, profile: 'lake', schemaVersion, minPosition, maxPosition, columns }
    },
    abort: () => object.abort(),
  }
}

/** Positions are in the entry itself; the other metadata columns would only make the log longer. */
export function statedColumns(summary: FileSummary): FileEntry['columns'] {
  const metadata = new Set<string>(METADATA_COLUMNS)
  return Object.fromEntries(Object.entries(summary.columns).filter(([name]) => !metadata.has(name)))
}
