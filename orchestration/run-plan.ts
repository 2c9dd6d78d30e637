/** What `run --dry-run` says: each step in words, nothing changed anywhere. */
import { needingSnapshot } from '../integrations/capture/replicate.ts'
import type { LogState } from '../integrations/land/log/commit.ts'
import type { RunOptions, RunSummary } from './run-types.ts'

/** Reads the source's catalogue and the log; writes nothing. */
export async function planRun(
  { config, source, warehouses }: RunOptions,
  state: LogState,
  signal: AbortSignal,
): Promise<RunSummary> {
  const discovered = await source.discover(signal)
  const waiting = new Set(needingSnapshot(state))
  const snapshots = discovered.filter(({ table }) => state.tables[table] === undefined || waiting.has(table))
  const planned = [
    state.number === 0
      ? `begin a commit log for integration "${config.name}"`
      : `claim the commit log of integration "${config.name}" at commit ${state.number + 1}`,
    ...(state.position === null
      ? [`create what is missing of publication "${config.source.publication}" and slot "${config.source.slot}"`]
      : [`follow the changes after ${state.position}`]),
    ...snapshots.map(({ table, estimatedRows }) => `copy "${table}" (about ${estimatedRows} rows)`),
    ...warehouses.map(({ connection, schema }) => `register ${discovered.length} tables in "${connection}", schema "${schema}"`),
  ]
  return {
    integration: config.name,
    outcome: 'planned',
    commit: state.number === 0 ? null : state.number,
    position: state.position,
    through: state.through,
    commits: 0,
    transactions: 0,
    seconds: 0,
    tables: [],
    registered: [],
    held: [],
    refused: [],
    planned,
  }
}
