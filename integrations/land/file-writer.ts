/** What a file format offers to the landing layer: Arrow batches in, one immutable file out. Parquet and ORC implement it. */
import type { RecordBatch, Schema } from 'apache-arrow'

/** Statistics of one column over the whole file. Text as in the canonical rendering, at most 64 characters; absent = unknown or not kept. */
export type ColumnSummary = { readonly nulls: number; readonly min?: string; readonly max?: string }

export type FileSummary = {
  readonly rows: number
  readonly bytes: number
  /** By column name. */
  readonly columns: Readonly<Record<string, ColumnSummary>>
}

/** Where a file's bytes go. `ObjectWriter` fits. */
export type FileSink = { write(chunk: Uint8Array): Promise<void> }

export type FileWriterOptions = {
  readonly schema: Schema
  readonly sink: FileSink
  readonly compression: 'zstd' | 'snappy' | 'gzip' | 'none'
  /** Key-value metadata of the file. */
  readonly metadata: ReadonlyMap<string, string>
  /** Columns whose values must leave no trace in statistics. */
  readonly unstated?: ReadonlySet<string>
}

/** Memory is bounded by one row group (stripe), whatever the file's size. */
export interface FileWriter {
  readonly rows: number
  /** Bytes written or buffered, compressed where already known. */
  readonly bytes: number
  /** Memory taken for what is not written yet, about. */
  readonly allocated: number
  /** Encodes the batch before it returns, so that the caller may release its buffers when the promise settles. */
  append(batch: RecordBatch): Promise<void>
  /** Writes the rows so far as a row group (stripe) of their own, so that their memory is free. The file goes on. */
  endGroup(): Promise<void>
  /** Writes what is buffered and the footer; the sink is not closed. */
  finish(): Promise<FileSummary>
}
