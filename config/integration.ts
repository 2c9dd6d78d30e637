/** An integration as the rest of Portage sees it: parsed, defaults applied, units resolved. Plain data. */

import type { LoadedTransfer } from './transfer.ts'

/** What an integration does with a value that the target type cannot hold. */
export type BadValuePolicy = 'error' | 'null' | 'text' | 'reject'

export type SchemaChangePolicy = 'apply' | 'hold' | 'fail'

/** Kinds of schema change that have a policy of their own. */
export const SCHEMA_CHANGE_KINDS = [
  'add_table',
  'drop_table',
  'recreate_table',
  'add_column',
  'drop_column',
  'rename_column',
  'widen_column',
  'narrow_column',
  'change_key',
  'change_identity',
] as const
export type SchemaChangeKind = (typeof SCHEMA_CHANGE_KINDS)[number]

/** How a column is made unreadable before it is landed. Keys are secret references, never the secret. */
export type Mask =
  | { readonly kind: 'hmac_sha256'; readonly key: string }
  | { readonly kind: 'fixed'; readonly text: string }
  | { readonly kind: 'partial'; readonly keepLast: number }
  | { readonly kind: 'null' }
  /** Shown as it is, although it was masked before. */
  | { readonly kind: 'none' }

/** A place in a configuration file. */
export type Place = { readonly file: string; readonly line: number; readonly path: string }

/** Choices for the columns that `pattern` names: `schema.table.column`, `*` within a segment. Later rules win, per property. */
export type ColumnRule = {
  readonly pattern: string
  /** Where it is written, for a problem such as a pattern that matches nothing. */
  readonly at: Place
  readonly onBadValue?: BadValuePolicy
  /** `text`, `hex`, `decimal(18,4)`. */
  readonly type?: string
  readonly mask?: Mask
  readonly exclude?: boolean
  readonly rename?: string
  /** True for a rule that comes from a pattern over tables, which may match nothing. */
  readonly optional: boolean
}

/** Rows of the tables that `pattern` names are carried when `where` is true of them. The last matching pattern counts. */
export type RowFilter = { readonly pattern: string; readonly at: Place; readonly where: string }

/** The policy of one kind of change for the tables that `pattern` names (`schema.table`). Later rules win. */
export type SchemaChangeRule = {
  readonly pattern: string
  readonly kind: SchemaChangeKind
  readonly policy: SchemaChangePolicy
  /** Where it is written, for messages that say what to change. */
  readonly at: Place
}

export type RegisterTarget = {
  readonly connection: string
  readonly schema: string
  readonly everyMs: number
  readonly format?: 'orc' | 'parquet' | 'parquet-hive3'
}

export type NoticeKind = 'failure' | 'held' | 'lag' | 'summary' | 'rejects'

export type LoadedIntegration = {
  readonly name: string
  /** Path of the YAML file, as given on the command line joined with the name. */
  readonly file: string
  readonly kind: 'replicate'
  readonly source: {
    readonly connection: string
    readonly publication: string
    readonly slot: string
    readonly tables: readonly string[]
    readonly maxSnapshotAgeMs: number
    /** Chunks of a snapshot read at the same time. */
    readonly readers: number
    readonly heartbeatMs: number
  }
  readonly lake: {
    readonly connection: string
    readonly prefix: string
    readonly format: 'parquet' | 'orc'
    readonly compression: 'zstd' | 'snappy' | 'gzip' | 'none'
    readonly targetFileBytes: number
  }
  readonly flush: {
    readonly intervalMs: number
    readonly rows: number
    readonly bytes: number
    /** 0 = unlimited. */
    readonly filesPerHour: number
  }
  readonly register: readonly RegisterTarget[]
  readonly onBadValue: BadValuePolicy
  readonly columns: readonly ColumnRule[]
  readonly rows: readonly RowFilter[]
  /** What the YAML says, for all tables first; a kind that no rule names has its default. */
  readonly schemaChanges: readonly SchemaChangeRule[]
  readonly reconcile: { readonly everyMs: number } | null
  /** How long changes stay in the history; null: for ever. */
  readonly retention: { readonly changesMs: number; readonly despiteReaders: boolean } | null
  readonly notify: readonly { readonly connection: string; readonly on: readonly NoticeKind[] }[]
  readonly schedule: { readonly cron: string; readonly retries: number; readonly waitForTrigger: string | null } | null
}

/** One entry of connections.yaml: the connector's name and its options, secret references still unresolved. */
export type Connection = {
  readonly name: string
  readonly connector: string
  readonly options: Readonly<Record<string, unknown>>
  readonly file: string
  /** Place of an option inside this entry, for problems that the connector's own schema finds. */
  readonly place: (path: readonly PropertyKey[]) => Place
}

export type Configuration = {
  /** Directory of the files; `${file:…}` references are relative to it. */
  readonly root: string
  readonly connections: ReadonlyMap<string, Connection>
  /** In the order of their names. */
  readonly integrations: readonly LoadedIntegration[]
  /** Files of kind transfer, in the order of their names. */
  readonly transfers: readonly LoadedTransfer[]
}
