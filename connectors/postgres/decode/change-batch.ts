/** Rows of pgoutput messages → change batches of one table and one schema. */
import type { Op, Reject, RowBatch, SourceTable } from '../../change.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { ColumnPlan } from './column-plan.ts'
import type { Tuple } from './tuple.ts'

/** What the rows of one transaction share; make it once per transaction (`transactionStamp` in transaction-stamp.ts). */
export type TransactionStamp = {
  /** Everything of a position but the ordinal, as ASCII bytes. */
  readonly prefix: Uint8Array
  readonly positionPrefix: string
  /** Microseconds since 1970, UTC. */
  readonly committedAtUs: bigint
  /** UTC date `YYYY-MM-DD`. */
  readonly date: string
}

export type ChangeBatchOptions = {
  readonly table: SourceTable
  /** One per column of the table, in its order. */
  readonly plans: readonly ColumnPlan[]
  /**
   * For each column of the stream's tuples (Relation order) the index of the table's column, or -1 to skip it. A table
   * column that no tuple column feeds is null.
   */
  readonly mapping: readonly number[]
  readonly pool: BufferPool
  readonly onReject: (reject: Reject) => void
}

export type ChangeRow = {
  readonly op: Op
  readonly stamp: TransactionStamp
  /** ≥ 1, counts the rows of the transaction over all tables. */
  readonly ordinal: number
  /** The row's values; null for a truncate. */
  readonly tuple: Tuple | null
  /** The tuple is a key image (`K`): only the key columns are taken, its other `n` markers are not NULLs. */
  readonly keyOnly?: boolean
  /** Whole old row (`O`, replica identity full): unchanged TOAST columns are taken from it. */
  readonly oldFull?: Tuple | null
  /** The row appended just before is the delete of this row's old key: its TOAST values carry over. */
  readonly moved?: boolean
}

/** A row with TOAST values that the log did not repeat. */
export type PendingRow = {
  readonly row: number
  /** Indices of table columns still missing. */
  readonly columns: readonly number[]
  /** Text form of the key columns, in the order of `table.key`; empty for a bag. Input for a keyed re-select. */
  readonly key: readonly (string | null)[]
}

/** One builder per table and schema version; it keeps its columns between batches. */
export interface ChangeBatchBuilder {
  readonly table: SourceTable
  readonly rows: number
  /** About the bytes its columns hold. */
  readonly bytes: number
  /** Whether a row of this transaction may join: same UTC date, room left. When false call `finish` first. */
  accepts(stamp: TransactionStamp): boolean
  /** False when the row was put aside under `on_bad_value: reject`. Copies what it needs of the tuple. Throws `BAD_VALUE` naming table and column. */
  append(row: ChangeRow): boolean
  /**
   * Fills unchanged TOAST values from earlier rows of the same key in this batch, then returns what is still missing.
   * Cheap when nothing is missing.
   */
  pending(): readonly PendingRow[]
  /** Supplies a value found by a re-select: text form (output function) or, with `binary`, send form; null is SQL NULL. */
  fill(row: number, column: number, value: Uint8Array | null, format: 'text' | 'binary'): void
  /** The batch; cells still missing are NULL and named in `_unchanged`. Null when empty. The builder is empty afterwards. */
  finish(): RowBatch | null
  /** Returns the buffers; the builder must not be used any more. */
  abandon(): void
}

/** Signature of `createChangeBatchBuilder` in this file. */
export type CreateChangeBatchBuilder = (options: ChangeBatchOptions) => ChangeBatchBuilder
/** Signature of `transactionStamp` in transaction-stamp.ts. */
export type MakeTransactionStamp = (epoch: number, finalLsn: bigint, committedAtUs: bigint) => TransactionStamp
