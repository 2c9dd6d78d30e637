/**
 * The commit log's entries as data: `<prefix>/_portage/<integration>/log/<20 digits>.json`. ARCHITECTURE.md documents the
 * JSON for other readers; `protocol` guards it.
 */
import type { Position, SourceIdentity, TableName, TableSchema } from '../../../connectors/change.ts'
import type { Chunk } from '../../../connectors/ports.ts'
import type { ColumnSummary } from '../file-writer.ts'

export const PROTOCOL = { minReader: 1, minWriter: 1 } as const

export type CommitKind = 'claim' | 'intent' | 'snapshot' | 'changes' | 'heartbeat' | 'schema' | 'maintenance'

/** One immutable data file. */
export type FileEntry = {
  readonly key: string
  readonly part: 'base' | 'changes'
  readonly size: number
  readonly sha256: string
  readonly rows: number
  readonly format: 'parquet' | 'orc'
  readonly profile: 'lake'
  readonly schemaVersion: number
  readonly minPosition: Position
  readonly maxPosition: Position
  readonly columns: Readonly<Record<string, ColumnSummary>>
}

/**
 * A step of one snapshot of one table. Chunk files are not live for readers until `complete`, which swaps the base:
 * `base` := the generation's files, `boundary` := the lowest snapshot position among its chunks.
 */
export type SnapshotStep = {
  /** Rises with each snapshot of the table, from 1. A step with `start` voids the files of an older incomplete generation. */
  readonly generation: number
  /** Only in the generation's first step (a plan of thousands of chunks is written once). */
  readonly start?: { readonly storage: string; readonly plan: readonly Chunk[] }
  /** Chunks finished in this commit: chunk id → position at which it was read. */
  readonly done: Readonly<Record<string, Position>>
  readonly complete: boolean
}

/** What a commit changes in one table. Absent parts did not change. */
export type TableCommit = {
  /** Present when this commit introduces a schema version. */
  readonly schema?: TableSchema
  readonly snapshot?: SnapshotStep
  /**
   * The source's storage token of the table as last explained (a truncate gives a new one without a rewrite of rows);
   * any other difference between this and the source means rows changed without events.
   */
  readonly storage?: string
  readonly added?: readonly FileEntry[]
  /** Keys that are no longer live. */
  readonly removed?: readonly string[]
  /** The commit's base files are the current rows at this cut: they become the renewed base, instead of an older one. */
  readonly renewed?: { readonly boundary: Position }
  /** History begins at this cut from now on: the commit's base files are the current rows at it and become the base. */
  readonly history?: { readonly from: Position }
  /** The table left the integration: nothing of it is live any more. */
  readonly dropped?: true
  /**
   * The newest schema version waits to be accepted: warehouses stay at the last accepted one and show no row at or above
   * this position. Without `schema`: such rows begin earlier than was said.
   */
  readonly held?: Position
  /** Warehouses may show this version, which must be the newest; one that comes without `held` is accepted by itself. */
  readonly accepted?: number
  /** The source no longer has the table, as seen at this cut. A later schema version or snapshot takes it back. */
  readonly gone?: Position
}

export type Commit = {
  readonly protocol: { readonly minReader: number; readonly minWriter: number }
  readonly number: number
  readonly kind: CommitKind
  readonly integration: string
  /** Token of the writer; data keys carry it. */
  readonly writer: string
  /** ISO-8601 UTC. */
  readonly createdAt: string
  /** The stream's cut before and after; null until following has begun. */
  readonly previous: Position | null
  readonly position: Position | null
  readonly source: (SourceIdentity & { readonly epoch: number }) | null
  /** Commit time of the newest source transaction included so far; null when none yet. */
  readonly through: string | null
  readonly tables: Readonly<Record<TableName, TableCommit>>
  readonly counts: { readonly transactions: number; readonly changes: number; readonly rejects: number }
  /** Files of states before this commit are being deleted: none of them can be relied on any more. */
  readonly vacuumed?: { readonly below: number }
  /** Host and process for people; `portage <version>`. */
  readonly by: string
}

/**
 * The current rows at a later cut than the base's own, so that readers of current rows need neither the base nor the
 * changes at or below `boundary`. Base and changes stay what they are: history.
 */
export type RenewedBase = { readonly boundary: Position; readonly files: readonly FileEntry[] }

/** What the log says of one table at a commit. */
export type TableState = {
  readonly schema: TableSchema
  /** Every schema version so far, by version: the stream may still send rows in the shape of an old one that no live file has. */
  readonly versions: Readonly<Record<number, TableSchema>>
  /** From the newest `storage` or snapshot start; null before the first. */
  readonly storage: string | null
  /** The newest complete snapshot; null until the first is complete. */
  readonly base: {
    readonly generation: number
    readonly boundary: Position
    readonly files: readonly FileEntry[]
    /** Absent until compaction made one of this base. */
    readonly renewed?: RenewedBase
  } | null
  /** A snapshot under way, its files not yet live. */
  readonly pending: {
    readonly generation: number
    readonly storage: string
    readonly plan: readonly Chunk[]
    readonly done: Readonly<Record<string, Position>>
    readonly files: readonly FileEntry[]
  } | null
  readonly changes: readonly FileEntry[]
  /** The newest schema version that warehouses may show; 0 = none yet. */
  readonly accepted: number
  /** What warehouses show while it is not the live state; null when it is. */
  readonly shown: ShownState | null
  /** Since when the source no longer has the table; null while it does. */
  readonly gone: Position | null
}

/**
 * A table kept back in warehouses: because a schema version waits to be accepted, or because the rows that it needs are
 * still being copied. The files stay those of the moment it began, whatever compaction or a new snapshot makes of the live ones.
 */
export type ShownState = {
  /** Schema version that warehouses show; 0 = they do not show the table. */
  readonly version: number
  /** Rows at or above are of a newer shape. */
  readonly until: Position
  readonly base: TableState['base']
  readonly changes: readonly FileEntry[]
}

/** The fold of all commits up to `number`. */
export type LogState = {
  readonly number: number
  readonly position: Position | null
  readonly source: Commit['source']
  readonly through: string | null
  readonly tables: Readonly<Record<TableName, TableState>>
  readonly counts: Commit['counts']
  /** Token of the newest claim; its holder is the only writer that may append. */
  readonly claim: string | null
  /** States of commits below this number lack files that vacuum deleted; absent: none do. */
  readonly vacuumed?: number
}
