/** One change of the stream on its way into a batch, and what it may leave open. */
import type { Op } from '../../change.ts'
import type { TransactionStamp } from './transaction-stamp.ts'
import type { Tuple } from './tuple.ts'

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
  /** Old key image (`K`): unchanged TOAST columns of the key are taken from it. */
  readonly oldKey?: Tuple | null
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

/**
 * What may stand for a row that is rejected, the best first: the deletion of its old row as a whole, where that is known (a row filter
 * must see what it was), or of its key.
 */
export function removalsOf(change: ChangeRow): readonly ChangeRow[] {
  const { op, stamp, ordinal, oldFull = null, moved } = change
  const byKey: ChangeRow = { ...change, op: 'd', keyOnly: true }
  return op === 'u' && moved !== true && oldFull !== null ? [{ op: 'd', stamp, ordinal, tuple: oldFull }, byKey] : [byKey]
}
