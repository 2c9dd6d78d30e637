/**
 * Tables that are moved as a whole, without a log: what `transfer` reads from and writes to. Rows flow as Arrow record batches
 * of logical types. Contract suites: `test/contracts/table-reader.ts`, `test/contracts/table-writer.ts`.
 */
import type { RecordBatch } from 'apache-arrow'
import type { Value } from './column-values.ts'
import type { LogicalType } from './logical-type.ts'
import type { ForeignLayout } from './manifest.ts'
import type { ObjectStore } from './ports.ts'

/** One column, in the order of the batches. */
export type TransferColumn = {
  readonly name: string
  readonly type: LogicalType
  /** The system's own spelling, such as `numeric(12,2)`; for people, and for a new table in the same system. */
  readonly sourceType: string
  readonly nullable: boolean
  readonly comment?: string
}

/** `release` gives the buffers back; called exactly once, the batch must not be touched afterwards. At most `MAX_BATCH_ROWS` rows. */
export type TableBatch = { readonly batch: RecordBatch; readonly release: () => void }

/** A row that was left out under `on bad value: reject`. */
export type RejectedRow = {
  readonly column: string
  /** Where it stood, such as `line 12`; null where rows have no place. */
  readonly place: string | null
  readonly reason: string
  readonly row: Readonly<Record<string, string | null>>
}

/** What a reader does with a value that its column's type cannot hold. */
export type BadValues = { readonly policy: 'error' | 'reject'; readonly onReject: (row: RejectedRow) => void }

/**
 * Rows of one table, query or file at one moment: what is read is one consistent state, or an error.
 *
 * `rows` may be called once. A batch has exactly `columns`, by name and in order; each buffer has at least 8 readable bytes
 * behind its last value. Throws `BAD_VALUE` naming place and column, never the value.
 */
export interface TableReader extends AsyncDisposable {
  /** For messages: `Table "public.loan"`, `File "members.csv"`. */
  readonly subject: string
  readonly columns: readonly TransferColumn[]
  /** Null when nobody knows. */
  readonly estimatedRows: number | null
  /**
   * Equal texts mean equal rows: hash of the file's bytes and of everything that decides how they are read. Null when the source
   * cannot tell without reading.
   */
  readonly fingerprint: string | null
  /** Bytes of the source read so far, and in all; null when it does not count in bytes. */
  readonly progress: () => { readonly done: number; readonly total: number } | null
  rows(signal: AbortSignal): AsyncIterable<TableBatch>
}

export type TransferMode = 'replace' | 'append'

/** What a write would do. Nothing has been changed yet. */
export type WritePlan = {
  /** Null: the target does not exist yet. */
  readonly existing: readonly { readonly name: string; readonly type: string }[] | null
  /** One per source column, in its order: the type that the target has or will have. */
  readonly types: readonly string[]
  /** One line each: what a person should know before. */
  readonly notes: readonly string[]
  /** Statements that would be run, where the target speaks SQL. */
  readonly statements: readonly string[]
}

export type WriteOutcome = {
  readonly rows: number
  /** Bytes written; null when the target does not tell. */
  readonly bytes: number | null
  /** True when the same batch had been written before and nothing was done. */
  readonly repeated: boolean
  /** Number of the lake's commit. */
  readonly commit?: number
  readonly files?: number
}

/**
 * Takes all rows or none: before `write` settles nothing of them can be seen, afterwards all. A crash leaves the old state or the
 * new one. `write` may be called once; it releases each batch. An error of the rows is passed on and leaves nothing.
 */
export interface TableWriter extends AsyncDisposable {
  readonly subject: string
  readonly plan: WritePlan
  write(rows: AsyncIterable<TableBatch>, signal: AbortSignal): Promise<WriteOutcome>
}

/** A table by its parts, as the system spells them; `database` only where the system has tables of several at hand. */
export type TableAddress = { readonly database?: string; readonly schema: string; readonly name: string }

/** Columns of a file as exact values, some rows at a time. */
export type ValueGroup = { readonly rows: number; readonly columns: ReadonlyMap<string, readonly Value[]> }

/** Where a system that hands rows out only as files leaves them: a bucket that it and we reach, and someone who reads files. */
export type Exchange = {
  readonly store: ObjectStore
  /** Of this reading alone, ends with `/`; nothing lies below it yet. What is left below it belongs to nobody. */
  readonly prefix: string
  /** A column that the Parquet object lacks is all null; values are widened to the types. Throws `FORMAT`, `CORRUPT`. */
  readonly parquet: (
    file: { readonly key: string; readonly size: number },
    columns: readonly { readonly name: string; readonly type: LogicalType }[],
    signal: AbortSignal,
  ) => AsyncIterable<ValueGroup>
}

export type ReadRequest = {
  readonly from: { readonly kind: 'table'; readonly table: TableAddress } | { readonly kind: 'query'; readonly sql: string }
  /** Null: all. */
  readonly columns: readonly string[] | null
  /** A condition in the system's own dialect; evaluated read-only. */
  readonly where: string | null
  readonly badValues: BadValues
  /** For a system whose `readsBy` is `files`; a place that lasts until the reader is disposed. */
  readonly exchange?: Exchange
  /** For such a system: rows of the same value of this column come together, by their values as texts, NULL last. Absent: in no order. */
  readonly partitionBy?: string
}

export type WriteRequest = {
  readonly table: TableAddress
  readonly columns: readonly TransferColumn[]
  /** Null: not said; an existing table that holds rows is refused then. */
  readonly mode: TransferMode | null
  /** Create the table when it is absent. */
  readonly create: boolean
  /** Columns that the target has and the source lacks get their default or NULL; else they are refused. */
  readonly fillMissing: boolean
}

/** A database as a place of tables. Reads run read-only; nothing but the target table is changed. */
export interface Tables extends AsyncDisposable {
  readonly kind: string
  /** `files`: `openReader` needs an `exchange`. Default: `rows`, the system sends them. */
  readonly readsBy?: 'rows' | 'files'
  /** The schema of a table that is named without one; null: it must be named. Default: `public`. */
  readonly defaultSchema?: string | null
  /** True: addresses may begin with a database. Default: false. */
  readonly databases?: boolean
  /** Tables and views that may be read or written, for who mistypes one. */
  list(signal: AbortSignal): Promise<readonly TableAddress[]>
  /** Columns of a table as they would be read; null when there is no such table. */
  describe(table: TableAddress, signal: AbortSignal): Promise<readonly TransferColumn[] | null>
  /**
   * Where the table keeps its files, for systems whose files others may read; null when there is no such table. Throws `UNSUPPORTED`
   * with the way out when its rows are more than the rows of its files. Absent: rows come through `openReader` only.
   */
  layout?(table: TableAddress, signal: AbortSignal): Promise<ForeignLayout | null>
  /** Throws `NOT_FOUND`, `PRIVILEGE`, `SCHEMA`, `STATEMENT`. */
  openReader(request: ReadRequest, signal: AbortSignal): Promise<TableReader>
  /** Looks, changes nothing. Throws `NOT_FOUND`, `PRIVILEGE`, `SCHEMA`. */
  openWriter(request: WriteRequest, signal: AbortSignal): Promise<TableWriter>
}

/** A file that is read by ranges. Throws `NOT_FOUND`, `STORE`; `CORRUPT` when it changed since it was opened. */
export interface ReadableFile extends AsyncDisposable {
  readonly name: string
  readonly size: number
  /** Bytes [start, end); fewer only at the end. */
  read(start: number, end: number, signal: AbortSignal): Promise<Uint8Array>
  /** Path on this machine, for engines that read files themselves; null when it is elsewhere. */
  readonly path: string | null
}

/** A file that appears as a whole, at `close`; `abort`, or disposal without `close`, leaves what was there before. */
export interface WritableFile extends AsyncDisposable {
  readonly name: string
  write(chunk: Uint8Array): Promise<void>
  close(): Promise<void>
  abort(): Promise<void>
}
