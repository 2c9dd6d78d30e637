import type { SnapshotStep, TableState } from '../land/log/commit.ts'
import { encodeTokens, NO_TOKENS } from './storage-token.ts'

/** A generation without a plan: the table is in need of a snapshot, and whoever runs next knows it. */
export function snapshotWanted(table: TableState | undefined): SnapshotStep {
  const generation = 1 + Math.max(table?.base?.generation ?? 0, table?.pending?.generation ?? 0)
  return { generation, start: { storage: encodeTokens(NO_TOKENS), plan: [] }, done: {}, complete: false }
}
