import type { SnapshotStep, TableState } from '../land/log/commit.ts'
import { encodeTokens, NO_TOKENS } from './storage-token.ts'

/** A generation without a plan: the table is in need of a snapshot, and whoever runs next knows it. */
export function snapshotWanted(table: TableState | undefined): SnapshotStep {
  const generation = 1 + Math.max(table?.base?.generation ?? 0, table?.pending?.generation ?? 0)
  return { generation, start: { storage: encodeTokens(NO_TOKENS), plan: [] }, done: {}, complete: false }
}

/** A snapshot that is wanted and has not begun. */
export function isWanted(pending: TableState['pending']): boolean {
  return pending !== null && pending.plan.length === 0 && pending.storage === encodeTokens(NO_TOKENS)
}
