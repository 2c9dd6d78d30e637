/** The role of an engine that queries the lake's files in place, and what is told to it. Part of the ports (`ports.ts`). */
import type { RecordBatch, Schema } from 'apache-arrow'
import type { Position, TableName, TableSchema } from './change.ts'
import type { ConnectorError } from './errors.ts'
import type { LogicalType } from './logical-type.ts'
import type { ForeignTable } from './manifest.ts'
import type { ObjectStore, Problem } from './ports.ts'

/** What pure SQL generators need to know of an engine. Data, not code: see `integrations/register/`. */
export type Dialect = {
  readonly name: 'duckdb' | 'snowflake' | 'hive' | 'spark' | 'postgres'
  readonly quote: '"' | '`'
  /** Present: the engine stores names that are written without quotes in this case, so ours are made to be written so. */
  readonly folds?: 'upper' | 'lower'
  /** Present: relations are named by letters of ASCII, digits and `_` alone; of a source's name the rest is written `_`. */
  readonly relationNames?: 'words'
  /**
   * Name of the relation that shows a relation's history with every value as it was landed. Absent: the history relation does; it
   * shows no text as something else, such as JSON.
   */
  readonly landedHistory?: (relation: string) => string
  /** SQL type of a logical type in this engine. */
  readonly typeOf: (type: LogicalType) => string
  /** Literal of a canonical text (see lake-format: renderings) as a value of the type. */
  readonly literal: (text: string, type: LogicalType) => string
  /** Expression that reads a file's column `physical` as the logical type. */
  readonly column: (physical: string, type: LogicalType) => string
}

/** A committed file as engines see it. */
export type RegisteredFile = {
  readonly key: string
  readonly address: string
  readonly size: number
  readonly sha256: string
  readonly rows: number
  readonly format: 'parquet' | 'orc'
  /** Of its rows, both inclusive; absent: nobody noted them. */
  readonly minPosition?: Position
  readonly maxPosition?: Position
  /** Null counts by physical column, for columns that the file has; absent: nobody noted them. */
  readonly columns?: Readonly<Record<string, { readonly nulls: number }>>
}

/**
 * A directory of files that a registration wrote for an engine that reads directories. It never changes; its columns are the
 * metadata columns, then every column of the schema at that time in file order, dropped ones as nulls.
 */
export type ProjectedDirectory = {
  readonly part: 'base' | 'renewed' | 'changes'
  /** Unique in its table for ever, of `[a-z0-9-]`. */
  readonly name: string
  readonly address: string
  readonly files: number
  readonly rows: number
  /** True when the engine shows it already, as recorded there: its rows were proven. */
  readonly recorded: boolean
}

/** What an engine that reads directories shows of a table: all rows of `directories`, and nothing else. */
export type TableProjection = {
  readonly format: 'parquet' | 'orc'
  /** Rises when the files' columns are no longer those of before with some appended. */
  readonly generation: number
  /** The table's schema with the names that columns have in these files: letters, digits and `_`. */
  readonly schema: TableSchema
  /** What all of them lie below. */
  readonly address: string
  readonly directories: readonly ProjectedDirectory[]
  /** Names of directories as recorded before, whether shown on or not: queries that began before still look for them. */
  readonly superseded?: readonly string[]
  /** To be recorded, and handed back by `registered`. Printable ASCII without quotes that need escaping but `"`. */
  readonly state: string
}

/** One source table to be shown as `<relation>` (current rows) and `<relation>_changes` (history) at a commit. */
export type TableRegistration = {
  readonly table: TableName
  readonly relation: string
  readonly schema: TableSchema
  /** Changes at or below are already in the base: the lowest snapshot position among its chunks. */
  readonly boundary: Position
  /** The highest snapshot position among the base's chunks; equal to `boundary` when the base is one snapshot. */
  readonly baseThrough: Position
  readonly base: readonly RegisteredFile[]
  readonly changes: readonly RegisteredFile[]
  /**
   * When compaction made one: the current rows at `boundary`, each key once. With the changes above it (`recent`, some of
   * `changes`) it gives the same current rows as base and changes do; history is in those alone.
   */
  readonly renewed?: {
    readonly boundary: Position
    readonly files: readonly RegisteredFile[]
    readonly recent: readonly RegisteredFile[]
  }
  /** Change rows at or above are not shown: they are of a shape that was not accepted. Absent = all are. */
  readonly until?: Position
  /** Present for every table when the warehouse `reads: 'directory'`: it shows these files instead. */
  readonly projected?: TableProjection
}

/**
 * How an engine reads a table's files: one `from` item each (a name, or a query in parentheses; an alias is put behind it), that
 * shows every metadata column and every physical column of the schema, with NULLs where a file lacks one. No files = a typed
 * empty relation.
 */
export type TableScans = {
  readonly base: string
  readonly changes: string
  /** Absent: there is no renewed base, or the engine does without it. */
  readonly renewed?: { readonly base: string; readonly changes: string }
}

/** The `select` of each relation of a table, in the engine's dialect, over its scans. */
export type RelationSql = {
  readonly current: string
  readonly changes: string
  /** Columns of the current relation, in their order; history has the metadata columns before them. */
  readonly columns: readonly string[]
  /** Logical types by relation column, without the metadata columns. */
  readonly types: ReadonlyMap<string, LogicalType>
  /** The source's comments by relation column. */
  readonly comments: ReadonlyMap<string, string>
}

export type RegisterRequest = {
  readonly integration: string
  /** Pure generator of the relations for this warehouse's dialect; an engine that evaluates the rules itself ignores it. */
  readonly relationSql: (table: TableRegistration, scans: TableScans) => RelationSql
  /** Bytes [start, end) of an object of the lake, null when it is gone: for engines that cannot open an address themselves. */
  readonly readObject: (
    key: string,
    range: { readonly start: number; readonly end: number },
    signal: AbortSignal,
  ) => Promise<Uint8Array | null>
  /** Target schema (database in Hive). */
  readonly schema: string
  readonly commit: number
  readonly position: Position
  readonly tables: readonly TableRegistration[]
  /** Relations of tables that the warehouse cannot hold as they are now: they stay as they were registered last. Absent = none. */
  readonly kept?: readonly string[]
  readonly dryRun: boolean
  /**
   * `true`: make everything anew and prove every file, whatever the warehouse says that it shows. `false`: only what differs from
   * what it says, also for the commit that it shows. Absent: everything for that commit, else what differs.
   */
  readonly repair?: boolean
  /** Files of projections that come and go with this registration; present when the warehouse `reads: 'directory'`. */
  readonly projection?: { readonly filesAdded: number; readonly filesRemoved: number }
}

export type RegisterOutcome = {
  /** Statements run (or, on a dry run, that would be). */
  readonly statements: readonly string[]
  readonly filesAdded: number
  readonly filesRemoved: number
  /**
   * What the engine said to the statements about one table each (`attemptTable`): those are shown as they were before, the others at
   * the commit. Absent = none.
   */
  readonly refused?: ReadonlyMap<TableName, ConnectorError>
}

/** What a warehouse shows now, from the warehouse itself. */
export type Registered = {
  readonly commit: number
  readonly relations: readonly string[]
  /** Relations that stayed as they were at an earlier commit, whose files they read. Only of one that `reads: 'list'`; absent = none. */
  readonly behind?: ReadonlyMap<string, number>
  /** By relation the recorded `TableProjection.state`; absent unless the warehouse `reads: 'directory'`. */
  readonly projected?: ReadonlyMap<string, string>
}

/** A relation as it is in a warehouse now, whatever was registered; types as the engine spells them (`DECIMAL(12,2)`). */
export type WarehouseRelation = {
  readonly relation: string
  /** In their order. */
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** The table over directories that it reads, null when that is gone; absent unless the warehouse `reads: 'directory'`. */
  readonly stored?: StoredTable | null
}

/** A table over directories as it is in the engine now. */
export type StoredTable = {
  readonly name: string
  /** Null: another than we write. */
  readonly format: 'parquet' | 'orc' | null
  /** Where its own location is, spelled as `ObjectStore.address` does and without a slash at its end; null: the engine does not say. */
  readonly address: string | null
  /** What its properties say of the files when the table is dropped. */
  readonly keepsFiles: boolean
  /** The engine makes partitions of whatever directories it finds, and drops those whose directories it does not. */
  readonly discovers: boolean
  /** Names of its partitions. */
  readonly directories: readonly string[]
  /** By partition where it is, spelled as above: of those that were asked. */
  readonly addresses: ReadonlyMap<string, string>
}

export type DescribeOptions = {
  /** Ask where every partition of a table over directories is, one statement each. Default: of its oldest and its newest one. */
  readonly everyAddress?: boolean
}

export interface QueryResult {
  readonly schema: Schema
  readonly batches: AsyncIterable<RecordBatch>
}

/** As people write it; without a database the connection's own. */
export type LinkedName = { readonly database: string | null; readonly schema: string; readonly name: string }

export type LinkRequest = {
  readonly table: ForeignTable
  readonly as: LinkedName
  /** Consent to drop the table and make it again where nothing less will do. */
  readonly replace: boolean
  readonly dryRun: boolean
}

/**
 * An engine that queries the lake's files in place.
 *
 * `register` is a monotonic diff: afterwards exactly the committed files of the request are visible; a repeat changes
 * nothing; a reader sees the relations of one commit, never half of two. A table that the engine refuses keeps no other back.
 * Throws `PROOF` when the rows of new files differ from the commit's.
 */
export interface Warehouse extends AsyncDisposable {
  readonly kind: string
  readonly dialect: Dialect
  /** `list`: takes explicit files. `directory`: reads whole directories and needs its own projection of the lake. */
  readonly reads: 'list' | 'directory'
  check(signal: AbortSignal): Promise<readonly Problem[]>
  registered(integration: string, schema: string, signal: AbortSignal): Promise<Registered | null>
  /**
   * Why the engine cannot hold a table, whatever its rows are, with the cure (`SCHEMA`, `UNSUPPORTED`); null: it can. Pure. The
   * table is left out of the request then. Absent: no table is known beforehand.
   */
  refusal?(table: TableRegistration): ConnectorError | null
  register(request: RegisterRequest, signal: AbortSignal): Promise<RegisterOutcome>
  /**
   * The relations that an integration registered, `<relation>_changes` among them, as they are now: one that someone changed
   * is shown changed, one that someone dropped is missing. Empty before the first registration.
   */
  describe(
    integration: string,
    schema: string,
    signal: AbortSignal,
    options?: DescribeOptions,
  ): Promise<readonly WarehouseRelation[]>
  query(sql: string, signal: AbortSignal): Promise<QueryResult>
  /** Writes the rows of a query as files under a fresh prefix of the store; `UNSUPPORTED` where the engine cannot. */
  unload(
    request: { readonly sql: string; readonly store: ObjectStore; readonly prefix: string },
    signal: AbortSignal,
  ): Promise<readonly RegisteredFile[]>
  /**
   * Shows a table whose files another system wrote and keeps writing: makes the external table, or brings it to the files and columns
   * that are there now. A repeat changes nothing. Throws `PROOF` when the rows of new files differ from their footers, `SCHEMA` when
   * only replacing it would do and `replace` is false, `UNSUPPORTED`. Absent: the engine cannot.
   */
  link?(request: LinkRequest, signal: AbortSignal): Promise<RegisterOutcome>
  /** Drops what `link` made, and nothing else. Never deletes files. */
  unlink?(request: { readonly table: LinkedName; readonly dryRun: boolean }, signal: AbortSignal): Promise<readonly string[]>
  /** Says what removing an integration's relations would do, and does it unless `dryRun`. Never deletes lake files. */
  remove(
    request: { readonly integration: string; readonly schema: string; readonly dryRun: boolean },
    signal: AbortSignal,
  ): Promise<readonly string[]>
}
