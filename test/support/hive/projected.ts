/** A warehouse that reads directories, given requests as they come from the log: each is projected first, as `registerCommit` does. */
import type { ObjectStore, Warehouse } from '../../../connectors/ports.ts'
import { projectRequest } from '../../../integrations/register/directory/project.ts'

export function projected(warehouse: Warehouse, store: ObjectStore, format: 'orc' | 'parquet'): Warehouse {
  return {
    ...warehouse,
    register: async (request, signal) => {
      const shown = await warehouse.registered(request.integration, request.schema, signal)
      const place = { prefix: 'raw', integration: request.integration, connection: 'hive', schema: request.schema }
      const options = { store, place, warehouse, format, compression: 'zstd', targetFileBytes: 1 << 26, repair: false } as const
      return await warehouse.register(await projectRequest(request, shown, options, signal), signal)
    },
  }
}
