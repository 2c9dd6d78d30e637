/** Puts tables in need of a new snapshot, durably. History stays, deleted rows vanish with the new base. */
import type { TableName } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { Source } from '../../connectors/ports.ts'
import { inScope } from '../../connectors/table-patterns.ts'
import type { LogState, TableCommit } from '../land/log/commit.ts'
import type { CommitLog } from '../land/log/log.ts'
import { isWanted, snapshotWanted } from './snapshot-wanted.ts'

/** The log's tables that names or patterns (`schema.table`, `*`, a leading `!`) stand for. Throws `CONFIGURATION` for one that fits none. */
export function tablesNamed(state: LogState, patterns: readonly string[]): readonly TableName[] {
  const known = Object.keys(state.tables) as TableName[]
  const unknown = patterns.filter((pattern) => {
    const wanted = pattern.replace(/^!/, '')
    return !known.some((table) => inScope([wanted], table))
  })
  if (unknown.length > 0) {
    const names = unknown.map((name) => `"${name}"`).join(', ')
    throw new ConnectorError(
      'CONFIGURATION',
      `${names} ${unknown.length === 1 ? 'is' : 'are'} not in the log; expected one of ${known.join(', ')}`,
    )
  }
  return known.filter((table) => inScope(patterns, table))
}

/**
 * Marks the named tables by one commit of maintenance: nobody is fenced. A run at work takes it up beside the stream, else the
 * next one does. Tables already waiting for it stay as they are. Returns the tables. Throws `CONFIGURATION` for an unknown one.
 */
export async function resyncTables(
  log: CommitLog,
  patterns: readonly string[],
  signal: AbortSignal,
): Promise<readonly TableName[]> {
  const tables = tablesNamed(log.state(), patterns)
  const waiting = (state: LogState, table: TableName): boolean => isWanted(state.tables[table]?.pending ?? null)
  if (tables.every((table) => waiting(log.state(), table))) return tables
  await log.append((state) => {
    // A table may have left the integration, or been marked, since the names were looked at.
    const open = tables.filter((table) => table in state.tables && !waiting(state, table))
    return { kind: 'maintenance', tables: wanted(state, open) }
  }, signal)
  return tables
}

/**
 * Takes the source up anew after its place was lost or the server became another one: what is left of the old slot is
 * dropped, a new one begins, the epoch rises so that new positions sort after all old ones, and every table is marked.
 * The log must be claimed.
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
