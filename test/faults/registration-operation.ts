/** Registration of a lake that is not on this machine, in DuckDB. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDuckdbWarehouse } from '../../connectors/duckdb/warehouse.ts'
import type { Warehouse } from '../../connectors/ports.ts'
import { loadState } from '../../integrations/land/log/read.ts'
import { registerCommit } from '../../integrations/register/register.ts'
import { environment, LAKE, runCapture, sourceRows } from '../integrations/capture/capture-harness.ts'
import { EVENT_BAG, LOAN_TABLE } from '../integrations/capture/killed-capture.ts'
import { queryRows } from '../support/query-rows.ts'
import { changedBook } from './capture-operations.ts'
import { type FaultPlan, faultPlan, portWithFaults, storeWithFaults } from './failpoints.ts'
import type { Operation, World } from './matrix.ts'

const WAREHOUSE_CALLS: Partial<Record<keyof Warehouse, string>> = {
  registered: 'warehouse: what is registered',
  register: 'warehouse: register',
}

export const REGISTRATION: Operation = {
  name: 'registration',
  expects: ['get commit', 'get change file', ...Object.values(WAREHOUSE_CALLS)],
  prepare: async (): Promise<World> => {
    const { database, store } = await changedBook()
    const signal = AbortSignal.timeout(60_000)
    const directory = await mkdtemp(join(tmpdir(), 'portage-faults-'))
    const warehouse = await openDuckdbWarehouse({}, { ...environment, stateDir: directory })
    const register = async (plan: FaultPlan): Promise<void> => {
      const struck = storeWithFaults(store, plan)
      const state = await loadState(struck, LAKE, { signal })
      const faulty = portWithFaults(warehouse, WAREHOUSE_CALLS, plan)
      await registerCommit(
        { integration: LAKE.integration, schema: 'faults', state, store: struck, warehouse: faulty, dryRun: false },
        signal,
      )
    }
    // The attempt finds an older commit there: what it has to do is a difference, not a beginning.
    await register(faultPlan(null))
    await runCapture(database, store)
    return {
      attempt: register,
      problems: async () => {
        const problems: string[] = []
        for (const table of [LOAN_TABLE, EVENT_BAG]) {
          const shown = await queryRows(warehouse, `select * from faults.${table.split('.')[1]}`)
          if (shown.length !== sourceRows(database, table).length) problems.push(`${table} shows ${shown.length} rows`)
        }
        const [repeated] = await queryRows(
          warehouse,
          `select count(*) - count(distinct _position) from faults.loan_changes where _op <> 'r'`,
        )
        if (repeated !== '0') problems.push(`loan_changes shows changes twice: ${repeated}`)
        return problems
      },
      [Symbol.asyncDispose]: async () => {
        await warehouse[Symbol.asyncDispose]()
        await rm(directory, { recursive: true, force: true })
      },
    }
  },
}
