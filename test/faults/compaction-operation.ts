/** Compaction of a captured lake, through a store with faults. */
import { tableName } from '../../connectors/change.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import { openLog } from '../../integrations/land/log/log.ts'
import { loadState } from '../../integrations/land/log/read.ts'
import { createParquetWriter } from '../../integrations/land/parquet/writer.ts'
import { compactTable } from '../../integrations/maintain/compact.ts'
import { announce } from '../../integrations/maintain/intent.ts'
import { environment, LAKE, runCapture } from '../integrations/capture/capture-harness.ts'
import { EVENT_BAG, LOAN_TABLE } from '../integrations/capture/killed-capture.ts'
import { change, changedBook, differences } from './capture-operations.ts'
import { type FaultPlan, storeWithFaults } from './failpoints.ts'
import type { Operation } from './matrix.ts'

const PARQUET = { name: 'parquet', extension: 'parquet', createWriter: createParquetWriter } as const
const TARGET_BYTES = 1 << 20

const openMaintenanceLog = (store: ObjectStore, signal: AbortSignal) =>
  openLog({ store, ...LAKE, environment, by: 'test', role: 'maintenance', signal })

async function compact(store: ObjectStore): Promise<void> {
  const signal = AbortSignal.timeout(60_000)
  const log = await openMaintenanceLog(store, signal)
  const intent = await announce(log, environment, signal)
  const policy = { minFiles: 2, targetFileBytes: TARGET_BYTES, olderThanMs: 0, renew: 'always' } as const
  for (const table of [LOAN_TABLE, EVENT_BAG]) {
    await compactTable(tableName('public', table.replace('public.', '')), policy, {
      store,
      log,
      intent,
      environment,
      format: PARQUET,
      compression: 'zstd',
      targetFileBytes: TARGET_BYTES,
      unstated: () => new Set(),
      onProgress: () => {},
      signal,
    })
  }
}

export const COMPACTION: Operation = {
  name: 'compaction',
  expects: ['put commit', 'get base file', 'get change file', 'open change file', 'close change file', 'close base file'],
  prepare: async () => {
    const { database, store } = await changedBook()
    await runCapture(database, store)
    for (const from of [100, 200]) {
      change(database, from)
      await runCapture(database, store)
    }
    return {
      attempt: (plan: FaultPlan) => compact(storeWithFaults(store, plan)),
      problems: async () => {
        const compacted = await differences(database, store)
        // A run goes on behind it as if nothing had been.
        change(database, 300)
        await runCapture(database, store)
        const state = await loadState(store, LAKE, { signal: AbortSignal.timeout(20_000) })
        const files = Object.values(state.tables).flatMap(({ changes }) => changes).length
        return [...compacted, ...(await differences(database, store)), ...(files > 12 ? [`${files} change files are left`] : [])]
      },
      [Symbol.asyncDispose]: async () => {},
    }
  },
}
