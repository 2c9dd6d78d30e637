/** A warehouse that reads directories, given requests as they come from the log: each is projected first, as `registerCommit` does. */
import type { ObjectStore, RegisterRequest, Warehouse } from '../../../connectors/ports.ts'
import { projectRequest } from '../../../integrations/register/directory/project.ts'

/**
 * The contract's tests write histories that follow from none before, at the same positions; no log does. Those start over, as a table
 * that was made again does.
 */
export function projected(warehouse: Warehouse, store: ObjectStore, format: 'orc' | 'parquet'): Warehouse {
  const before = new Map<string, RegisterRequest>()
  return {
    ...warehouse,
    register: async (request, signal) => {
      const key = JSON.stringify([request.integration, request.schema])
      const repair = !follows(before.get(key), request)
      const shown = await warehouse.registered(request.integration, request.schema, signal)
      const place = { prefix: 'raw', integration: request.integration, connection: 'hive', schema: request.schema }
      const options = { store, place, warehouse, format, compression: 'zstd', targetFileBytes: 1 << 26, repair } as const
      const outcome = await warehouse.register(await projectRequest(request, shown, options, signal), signal)
      if (!request.dryRun) before.set(key, request)
      return outcome
    },
  }
}

function follows(before: RegisterRequest | undefined, now: RegisterRequest): boolean {
  return (before?.tables ?? []).every(({ relation, changes }) => {
    const kept = new Set(now.tables.find((table) => table.relation === relation)?.changes.map(({ key }) => key))
    return changes.every(({ key }) => kept.has(key))
  })
}
