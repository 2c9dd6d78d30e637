/**
 * The outside world as seen from inside: one small interface per role, each with a contract suite in `test/contracts/`.
 * A connector is a function from options to an object literal. Capabilities are data. Every call that does I/O takes a
 * `signal`; a call that is aborted rejects with `ConnectorError('ABORTED')` or the signal's reason and leaves nothing half-visible.
 */
import type { RecordBatch } from 'apache-arrow'
import type { z } from 'zod'
import type { ChangeSet, Position, RowBatch, SourceIdentity, SourceTable, TableName, TableSchema } from './change.ts'
import type { LogicalType } from './logical-type.ts'
import type { Tables } from './tables.ts'
import type { Warehouse } from './warehouse.ts'

/** What every connector is given instead of reaching for globals. */
export type Environment = {
  readonly now: () => Date
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
  readonly random: () => number
  /** Structured log line; never a row value, a secret or a URL with credentials. */
  readonly log: (level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: Readonly<Record<string, unknown>>) => void
  /** Directory for local, always rebuildable state (`.portage/`). */
  readonly stateDir: string
}

/** One finding of `check`: what was looked at, what is wrong, what to do about it. */
export type Problem = {
  readonly severity: 'error' | 'warning'
  readonly subject: string
  readonly problem: string
  readonly cure: string
}

// ---------------------------------------------------------------------------------------------------------- Source

/** What to do with a single value that the target type cannot hold. */
export type OnBadValue = 'error' | 'null' | 'text' | 'reject'

/** Per-column choices of the configuration, keyed `schema.table.column` (exact names). */
export type ColumnOptions = {
  /** Carry the column as this type; a value that does not fit falls under `onBadValue`. */
  readonly type?: LogicalType
  readonly onBadValue?: OnBadValue
}

/** What one integration wants of a source. */
export type SourceScope = {
  readonly integration: string
  readonly publication: string
  /** Name of the source's place-holder in its log (Postgres: replication slot). */
  readonly slot: string
  /** Patterns `schema.table`, `*` within a segment, `!` excludes; the last match wins. */
  readonly tables: readonly string[]
  readonly onBadValue: OnBadValue
  readonly columns: ReadonlyMap<string, ColumnOptions>
  readonly maxSnapshotAgeMs: number
}

export type DiscoveredTable = SourceTable & {
  readonly estimatedRows: number
  readonly bytes: number
  /** Columns that need a decision, each with its cure, in words. */
  readonly advice: readonly { readonly column: string | null; readonly problem: string; readonly cure: string }[]
}

/** When the source should close a set with a cut; whichever comes first. `intervalMs` may change: look at it for each set. */
export type FlushPolicy = { readonly intervalMs: number; readonly rows: number; readonly bytes: number }

/** A range of one table's rows, addressed in the source's own words. JSON; stable across processes while `storage` holds. */
export type Chunk = { readonly id: string; readonly from: string | null; readonly to: string | null; readonly by: string }

/** Rows whose key, rendered, has an MD5 that begins with one of the prefixes (lower-case hex digits). No key columns: none. */
export type KeyBuckets = { readonly key: readonly number[]; readonly prefixes: readonly string[] }

/** What `Source.checksum` is asked for; columns and key by id, in the order in which they are rendered. */
export type ChecksumRequest = {
  readonly table: SourceTable
  readonly chunk: Chunk
  readonly token: string
  readonly columns: readonly number[]
  /** What the bucket is made of; of a bag, every column compared. */
  readonly key: readonly number[]
  /** A bucket is named by so many leading hex digits of the MD5 of the rendered key. */
  readonly digits: number
  /** Only rows whose key's MD5 begins with one of these. Default: all. */
  readonly prefixes?: readonly string[]
}

/** By bucket: rows, and the sum of the leading 60 bits of each row's MD5. */
export type Checksums = ReadonlyMap<string, { readonly rows: bigint; readonly sum: bigint }>

/** A consistent view of the whole source at `position`. Held until disposed; `token` opens it from other sessions. */
export interface HeldSnapshot extends AsyncDisposable {
  readonly position: Position
  readonly token: string
  readonly openedAt: Date
}

export type PrepareRequest = {
  /** Cut of the newest commit, or null on a first run. */
  readonly from: Position | null
  /** Identity recorded in the log; a difference is refused (`SOURCE_CHANGED`). */
  readonly identity: SourceIdentity | null
  /** 1 on a first run; rises when the log is continued on another server. */
  readonly epoch: number
  /** Take the place-holder from another session where permitted; otherwise `SLOT_IN_USE` naming it. */
  readonly takeOver: boolean
  /**
   * Ids of the tables in the log. One that is not among them, that only a wildcard names and that cannot be carried safely is
   * left out, loudly, when the log is continued: the others go on. Absent: everything is refused that cannot be carried.
   */
  readonly known?: readonly string[]
}

export type Prepared = {
  readonly identity: SourceIdentity
  /** The tables of the scope as they are now. */
  readonly tables: readonly SourceTable[]
  /** Where following starts: `from`, or the new place-holder's first cut. */
  readonly start: Position
}

export type FollowRequest = {
  readonly from: Position
  /** Tables as last recorded, so that log records can be aligned with column ids. */
  readonly known: readonly SourceTable[]
  readonly flush: FlushPolicy
  /** Emit a cut at least this often although nothing changed, so that the source can drop its log. 0 = never. */
  readonly heartbeatMs: number
}

/** Numbers for `status`, metrics and alarms. `null` = the source cannot say. */
export type SourceHealth = {
  readonly retainedBytes: number | null
  readonly lagBytes: number | null
  readonly walStatus: string | null
  readonly active: boolean | null
  readonly acknowledged: Position | null
}

/**
 * A database whose tables are copied and whose log is followed.
 *
 * Order of use: `prepare` → any number of `holdSnapshot`/`planChunks`/`readChunk` beside one `follow`, with `acknowledge`
 * after each durable commit. Guarantees: `follow` yields every change committed at or after `from`, once, whole transactions,
 * in commit order; a snapshot at position P holds exactly what was committed before P; the same row has identical bytes in
 * both. Nothing is dropped from the source's log before `acknowledge`.
 */
export interface Source extends AsyncDisposable {
  readonly kind: string
  identity(signal: AbortSignal): Promise<SourceIdentity>
  /** Tables of the scope with keys, sizes and advice; changes nothing. */
  discover(signal: AbortSignal): Promise<readonly DiscoveredTable[]>
  /** Every problem at once; changes nothing. */
  check(signal: AbortSignal): Promise<readonly Problem[]>
  /** Creates what is missing (publication, slot); idempotent. `onWait` is told whom a slow step waits for. */
  prepare(request: PrepareRequest, signal: AbortSignal, onWait: (message: string) => void): Promise<Prepared>
  /** The scope's tables as the catalogue shows them now, with a cut not before that catalogue. */
  describe(signal: AbortSignal): Promise<{ readonly tables: readonly SourceTable[]; readonly at: Position }>
  holdSnapshot(signal: AbortSignal, onWait: (message: string) => void): Promise<HeldSnapshot>
  /** Splits a table's rows; concatenated, the chunks cover every row once. */
  planChunks(table: SourceTable, signal: AbortSignal): Promise<readonly Chunk[]>
  /** Rows of one chunk. Throws `TABLE_REWRITTEN` when `table.storage` no longer holds, `SNAPSHOT_GONE` when the token is void. */
  readChunk(
    request: {
      readonly table: SourceTable
      readonly chunk: Chunk
      readonly token: string
      readonly position: Position
      /** Told of rows put aside under `on_bad_value: reject`. */
      readonly onReject: (reject: import('./change.ts').Reject) => void
      /** The caller needs these rows only; a source may yield more. */
      readonly only?: KeyBuckets
    },
    signal: AbortSignal,
  ): AsyncIterable<RowBatch>
  /**
   * Checksums of a chunk's rows, computed where they are, of the values that `readChunk` would yield: rejected rows left
   * out, policies applied. A row is the MD5 of its columns in canonical text (ARCHITECTURE.md, Reconcile); floats count with their
   * bits. Null when the source cannot say without showing something it must not (a mask's key), or not at all: read the
   * rows instead. Throws as `readChunk` does.
   */
  checksum(request: ChecksumRequest, signal: AbortSignal): Promise<Checksums | null>
  /** Ends only by abort or error. Pulling is the back-pressure. */
  follow(request: FollowRequest, signal: AbortSignal): AsyncIterable<ChangeSet>
  /** Everything before the cut is durable elsewhere; the source may drop its log up to it. */
  acknowledge(cut: Position): Promise<void>
  health(signal: AbortSignal): Promise<SourceHealth>
  /** Where the source's log ends now: a cut after everything committed so far. */
  head(signal: AbortSignal): Promise<Position>
  /** Says what `remove` would drop, and drops it unless `dryRun`. */
  remove(options: { readonly dryRun: boolean }, signal: AbortSignal): Promise<readonly string[]>
}

// ----------------------------------------------------------------------------------------------------- ObjectStore

export type ObjectInfo = { readonly key: string; readonly size: number; readonly modified: Date }

/** What a finished object is: `sha256` in lower-case hex over all bytes. */
export type StoredObject = { readonly key: string; readonly size: number; readonly sha256: string }

/** A streamed upload. Nothing is visible under the key before `close`; `abort` (or disposal without close) leaves nothing. */
export interface ObjectWriter extends AsyncDisposable {
  readonly key: string
  readonly bytesWritten: number
  /** Memory that its unsent bytes take. Absent: none to speak of. */
  readonly buffered?: number
  /** The chunk may be reused by the caller after the promise settles. Awaiting it is the back-pressure. */
  write(chunk: Uint8Array): Promise<void>
  /** Publishes the object if the key is absent, durably; throws `STORE` when the key exists. */
  close(): Promise<StoredObject>
  abort(): Promise<void>
}

/**
 * Named immutable bytes. Keys are `/`-separated, no leading slash, segments of `[A-Za-z0-9._=%-]` that are not `.` or `..`. Read after write, list after write.
 * An object that was published stays as it is until deleted. Objects of other writers are listed and read whatever characters their keys have.
 */
export interface ObjectStore extends AsyncDisposable {
  readonly kind: string
  /** Publishes the bytes if the key is absent: `created`; else `exists` and nothing changed. Durable when it returns. */
  putIfAbsent(key: string, bytes: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'>
  openWriter(key: string, signal?: AbortSignal): Promise<ObjectWriter>
  /** The object's bytes, or the given range [start, end); null when the key is absent. */
  get(
    key: string,
    options?: { readonly range?: { readonly start: number; readonly end: number }; readonly signal?: AbortSignal },
  ): Promise<Uint8Array | null>
  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | null>
  /** Objects whose key starts with the prefix, in ascending byte order of the whole key, `after` excluded. */
  list(prefix: string, options?: { readonly after?: string; readonly signal?: AbortSignal }): AsyncIterable<ObjectInfo>
  /** Deletes each key; an absent one is not an error. */
  delete(keys: readonly string[], signal?: AbortSignal): Promise<void>
  /** How an engine addresses the object: an absolute path or `s3://bucket/key`. No credentials. */
  address(key: string): string
  check(signal: AbortSignal): Promise<readonly Problem[]>
}

// ------------------------------------------------------------------------------------------------------- Warehouse

export type * from './warehouse.ts'

// ----------------------------------------------------------------------------------- ChangeReader, OnlineStore, Notifier

/** Reads a replicated table's history back: rows of the file schema, logical names, in position order within a batch. */
export interface ChangeReader extends AsyncDisposable {
  /** Schema of the table at its newest version; null when the table is not in the lake. */
  schema(table: TableName, signal: AbortSignal): Promise<TableSchema | null>
  /** Base rows, then changes above the boundary with `after < _position < before` (null = open). */
  read(
    request: {
      readonly table: TableName
      readonly after: Position | null
      readonly before: Position | null
      readonly columns?: readonly string[]
    },
    signal: AbortSignal,
  ): AsyncIterable<RecordBatch>
  /** The newest cut that can be read. */
  head(signal: AbortSignal): Promise<Position | null>
}

/** A published copy of feature values: one entity, one definition, one position. Writes below the stored position are ignored. */
export interface OnlineStore extends AsyncDisposable {
  put(entries: readonly OnlineEntry[], signal: AbortSignal): Promise<void>
  /** Null when absent, expired at `now`, or of another definition. */
  get(view: string, entity: string, definition: string, signal: AbortSignal): Promise<OnlineEntry | null>
}

export type OnlineEntry = {
  readonly view: string
  readonly entity: string
  readonly definition: string
  readonly position: Position
  readonly validUntil: Date | null
  readonly values: Readonly<Record<string, string | number | boolean | null>>
}

/** Something a person should know. No row values. */
export type Notice = {
  readonly kind: 'failure' | 'held' | 'lag' | 'summary' | 'rejects'
  readonly integration: string
  readonly title: string
  readonly lines: readonly string[]
  readonly at: Date
}

/** At-least-once; `notify` settles when the service has accepted the notice. */
export interface Notifier extends AsyncDisposable {
  notify(notice: Notice, signal: AbortSignal): Promise<void>
}

// ------------------------------------------------------------------------------------------------------- Connector

/** What one system offers; a role that it lacks is absent. `options` parses its block of connections.yaml. */
export interface Connector<Options = unknown> {
  readonly name: string
  readonly options: z.ZodType<Options>
  readonly openSource?: (options: Options, scope: SourceScope, environment: Environment) => Promise<Source>
  readonly openStore?: (options: Options, environment: Environment) => Promise<ObjectStore>
  readonly openWarehouse?: (options: Options, environment: Environment) => Promise<Warehouse>
  /** Tables that are read or written as a whole. */
  readonly openTables?: (options: Options, environment: Environment) => Promise<Tables>
  readonly openNotifier?: (options: Options, environment: Environment) => Promise<Notifier>
  readonly openOnlineStore?: (options: Options, environment: Environment) => Promise<OnlineStore>
}
