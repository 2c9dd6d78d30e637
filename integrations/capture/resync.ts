/** Puts tables in need of a new snapshot, durably; the next run takes them. History stays, deleted rows vanish with the new base. */
import type { TableName } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { Source } from '../../connectors/ports.ts'
import type { LogState, TableCommit } from '../land/log/commit.ts'
import type { CommitLog } from '../land/log/log.ts'
import { snapshotWanted } from './snapshot-wanted.ts'

/** Marks the named tables. The log must be claimed. Throws `NOT_FOUND` for a table that is not in the log. */
export async function resyncTables(log: CommitLog, tables: readonly TableName[], signal: AbortSignal): Promise<void> {
  const known = Object.keys(log.state().tables)
  const unknown = tables.find((table) => !known.includes(table))
  if (unknown !== undefined) {
    throw new ConnectorError('NOT_FOUND', `Table "${unknown}" is not in the log; expected one of ${known.join(', ')}`)
  }
  await log.append((state) => ({ kind: 'schema', tables: wanted(state, tables) }), signal)
}

/**
 * Takes the source up anew after its place was lost or the server became another one: what is left of the old slot is
 * dropped, a new one begins, the epoch rises so that new positions sort after all old ones, and every table is marked.
 */
export async function resyncAll(
  { log, source, onWait }: { readonly log: CommitLog; readonly source: Source; readonly onWait: (message: string) => void },
  signal: AbortSignal,
): Promise<void> {
  const epoch = (log.state().source?.epoch ?? 0) + 1
  await source.remove({ dryRun: false }, signal)
  const { identity, start } = await source.prepare({ from: null, identity: null, epoch, takeOver: true }, signal, onWait)
  await log.append(
    (state) => ({
      kind: 'schema',
      position: start,
      source: { ...identity, epoch },
      tables: wanted(state, Object.keys(state.tables) as TableName[]),
    }),
    signal,
  )
}

function wanted(state: LogState, tables: readonly TableName[]): Record<TableName, TableCommit> {
  return Object.fromEntries(tables.map((table) => [table, { snapshot: snapshotWanted(state.tables[table]) }]))
}
