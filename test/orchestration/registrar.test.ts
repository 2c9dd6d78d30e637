/** The end of a run when a warehouse is away: only the registration is tried again, with growing pauses, and not for ever. */
import { expect, test } from 'vitest'
import type { TableName } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import { openMemoryStore } from '../../connectors/memory/store.ts'
import { openMemoryWarehouse } from '../../connectors/memory/warehouse.ts'
import type { Warehouse } from '../../connectors/ports.ts'
import { FINISH_DEADLINE_MS, Registrar } from '../../orchestration/registrar.ts'
import type { ProgressEvent } from '../../orchestration/run-types.ts'
import { at, loanSchema, NEVER, quietEnvironment } from '../support/lake.ts'
import { readLakeFile } from '../support/lake-files.ts'
import { tableState } from '../support/table-state.ts'

const LOAN = tableState(loanSchema(), { boundary: at(5), files: [] })
const STATE = {
  number: 3,
  position: at(9),
  source: null,
  through: null,
  tables: { ['public.loan' as TableName]: LOAN },
  counts: { transactions: 0, changes: 0, rejects: 0 },
  claim: null,
}

/** Time passes by pauses only. */
function registrarOver(warehouse: Partial<Warehouse>) {
  const events: ProgressEvent[] = []
  const pauses: number[] = []
  let time = 0
  const environment = {
    now: () => new Date(time),
    sleep: async (ms: number) => {
      pauses.push(ms)
      time += ms
    },
    random: () => 0,
  }
  const registrar = new Registrar({
    integration: 'loans',
    store: openMemoryStore(quietEnvironment()),
    warehouses: [
      {
        connection: 'hive',
        schema: 'raw',
        everyMs: 1000,
        warehouse: { ...openMemoryWarehouse(readLakeFile), ...warehouse },
        projection: { prefix: 'raw', connection: 'hive', format: null, compression: 'zstd', targetFileBytes: 1_000_000 },
      },
    ],
    state: () => STATE,
    environment,
    progress: (event) => events.push(event),
  })
  return { registrar, events, pauses, waited: () => time }
}

test('a warehouse that comes back is registered, and each failure was told', async () => {
  let failures = 3
  const { registrar, events, pauses } = registrarOver({
    registered: async () => {
      if (failures-- > 0) throw new ConnectorError('CONNECTION', 'nothing listens there')
      return { commit: 3, relations: ['loan'] }
    },
  })
  expect(await registrar.finish(NEVER)).toEqual([{ connection: 'hive', schema: 'raw', commit: 3 }])
  expect(events).toEqual(
    Array.from({ length: 3 }, () => ({ kind: 'warning', message: 'Registration in "hive" is late: nothing listens there' })),
  )
  expect(pauses).toEqual([250, 500, 1000])
})

test('one that stays away ends the run after five minutes, one that refuses at once', async () => {
  const away = registrarOver({
    registered: async () => {
      throw new ConnectorError('CONNECTION', 'nothing listens there')
    },
  })
  await expect(away.registrar.finish(NEVER)).rejects.toMatchObject({ code: 'CONNECTION' })
  expect(away.waited()).toBeGreaterThan(FINISH_DEADLINE_MS - 60_000)
  expect(away.waited()).toBeLessThanOrEqual(FINISH_DEADLINE_MS)
  expect(away.pauses.length).toBeLessThan(30)
  const refusing = registrarOver({
    registered: async () => {
      throw new ConnectorError('AUTHENTICATION', 'no')
    },
  })
  await expect(refusing.registrar.finish(NEVER)).rejects.toMatchObject({ code: 'AUTHENTICATION' })
  expect(refusing.pauses).toEqual([])
})

test('what a warehouse cannot hold is told at each change, not at each turn, and is in the summary', async () => {
  let held: readonly string[] = []
  const { registrar, events } = registrarOver({
    registered: async () => ({ commit: 3, relations: held.length === 0 ? [] : ['loan'] }),
    refusal: ({ table }) => (held.includes(table) ? null : new ConnectorError('SCHEMA', `no ${table}`)),
  })
  const refused = { table: 'public.loan', shown: false, code: 'SCHEMA', reason: 'no public.loan' }
  await registrar.finish(NEVER)
  await registrar.finish(NEVER)
  expect(registrar.refused()).toEqual([{ ...refused, connection: 'hive' }])
  held = ['public.loan']
  await registrar.finish(NEVER)
  await registrar.finish(NEVER)
  expect(events).toEqual([
    { kind: 'refused', connection: 'hive', schema: 'raw', tables: [refused] },
    { kind: 'refused', connection: 'hive', schema: 'raw', tables: [] },
  ])
  expect(registrar.refused()).toEqual([])
})
