/** A captured book of two tables, and maintenance on it as the commands do it; on any store. */
import type { TableName } from '../../../connectors/change.ts'
import type { MemoryDatabase } from '../../../connectors/memory/database.ts'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { ObjectStore } from '../../../connectors/ports.ts'
import { openLog } from '../../../integrations/land/log/log.ts'
import { createParquetWriter } from '../../../integrations/land/parquet/writer.ts'
import { type CompactionOutcome, compactTable, type MaintenanceOptions } from '../../../integrations/maintain/compact.ts'
import { announce } from '../../../integrations/maintain/intent.ts'
import { vacuum } from '../../../integrations/maintain/vacuum.ts'
import { environment, LAKE, runCapture } from '../capture/capture-harness.ts'
import { EVENT_BAG, LOAN_TABLE, loanBook } from '../capture/killed-capture.ts'

export const DAY_MS = 86_400_000
const signal = AbortSignal.timeout(60_000)
const later = (ms: number) => ({ ...environment, now: () => new Date(Date.now() + ms) })
export const openMaintenance = (store: ObjectStore, at = environment) =>
  openLog({ store, ...LAKE, environment: at, by: 'test', role: 'maintenance', signal })

/** What maintenance needs, announced in the log. */
export async function maintaining(store: ObjectStore, at = environment): Promise<MaintenanceOptions> {
  const log = await openMaintenance(store, at)
  return {
    store,
    log,
    intent: await announce(log, at, signal),
    environment: at,
    format: { name: 'parquet', extension: 'parquet', createWriter: createParquetWriter },
    compression: 'zstd',
    targetFileBytes: 1 << 20,
    unstated: () => new Set(),
    onProgress: () => undefined,
    signal,
  }
}

/** Both tables, whatever pays; `meanwhile` happens behind the intent. */
export async function compact(
  store: ObjectStore,
  at = environment,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<readonly CompactionOutcome[]> {
  const options = await maintaining(store, at)
  await meanwhile()
  const policy = { minFiles: 2, targetFileBytes: 1 << 20, olderThanMs: 0, renew: 'always' } as const
  const outcomes: CompactionOutcome[] = []
  for (const table of [LOAN_TABLE, EVENT_BAG]) outcomes.push(await compactTable(table as TableName, policy, options))
  return outcomes
}

/** Vacuum without grace, so many milliseconds from now; what it deleted. */
export async function sweepAt(store: ObjectStore, ms: number, followers: readonly { commit: number | null; by: string }[] = []) {
  const log = await openMaintenance(store)
  const needs = { followers, pinned: [], keys: new Map<string, string>() }
  const outcome = await vacuum({ store, log, needs, graceMs: 0, environment: later(ms), dryRun: false, signal })
  return outcome.verdicts.filter(({ action }) => action === 'delete')
}

/** A captured book with several files of one day. */
export async function book(
  store: ObjectStore = openMemoryStore(environment),
): Promise<{ database: MemoryDatabase; store: ObjectStore }> {
  const database = loanBook(20)
  for (let round = 0; round < 4; round++) {
    await runCapture(database, store)
    database.commit((t) => {
      t.update(LOAN_TABLE, { id: round }, { b: 100 + round })
      t.delete(LOAN_TABLE, { id: 10 + round })
      t.insert(EVENT_BAG, { x: 50 + round })
      t.delete(EVENT_BAG, { x: 50 + round - 1 })
    })
  }
  await runCapture(database, store)
  return { database, store }
}
