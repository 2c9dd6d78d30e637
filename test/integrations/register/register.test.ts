import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Position, TableName } from '../../../connectors/change.ts'
import { openDuckdbWarehouse } from '../../../connectors/duckdb/warehouse.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import { openMemoryWarehouse } from '../../../connectors/memory/warehouse.ts'
import type { ObjectStore, RegisterRequest, Warehouse } from '../../../connectors/ports.ts'
import type { FileEntry, LogState, TableState } from '../../../integrations/land/log/commit.ts'
import { keptBack } from '../../../integrations/register/refused.ts'
import { registerCommit } from '../../../integrations/register/register.ts'
import { newRemembered } from '../../../integrations/register/remembered.ts'
import { loanSchema, quietEnvironment } from '../../support/lake.ts'
import { lakeRow, readLakeFile, writeLakeFile } from '../../support/lake-files.ts'
import { queryRows } from '../../support/query-rows.ts'
import { tableState } from '../../support/table-state.ts'
import { row } from '../../support/warehouse-tables.ts'

const signal = new AbortController().signal
const cut = (number: number): Position => `0001-${String(number).padStart(16, '0')}-00000000` as Position

describe('registerCommit', () => {
  let directory: string
  let store: ObjectStore
  let base: FileEntry
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portage-register-'))
    store = await openFilesystemStore(directory, quietEnvironment())
    base = await writeLakeFile(store, 'raw/base.parquet', loanSchema(), 'base', [lakeRow('r', cut(5), { id: 1n, status: 'a' })])
  })
  afterAll(() => rm(directory, { recursive: true }))

  const table = (id: string, more: Partial<TableState> = {}): TableState =>
    tableState({ ...loanSchema(), id }, { boundary: cut(5), files: [base] }, more)
  const state = (number: number, tables: Readonly<Record<string, TableState>>): LogState => ({
    number,
    position: cut(9),
    source: null,
    through: null,
    tables: tables as Record<TableName, TableState>,
    counts: { transactions: 0, changes: 0, rejects: 0 },
    claim: null,
  })
  /** A warehouse that remembers what it was asked. */
  const watched = (): { readonly warehouse: Warehouse; readonly requests: RegisterRequest[] } => {
    const requests: RegisterRequest[] = []
    const warehouse = openMemoryWarehouse(readLakeFile)
    const register: Warehouse['register'] = (request, abort) => {
      requests.push(request)
      return warehouse.register(request, abort)
    }
    return { requests, warehouse: { ...warehouse, register } }
  }
  const run = (warehouse: Warehouse, logged: LogState, more: { readonly repair?: boolean; readonly dryRun?: boolean } = {}) =>
    registerCommit({ integration: 'loans', schema: 'raw', state: logged, store, warehouse, dryRun: false, ...more }, signal)

  test('only tables whose base is complete are shown; the others already hold their names', async () => {
    const { warehouse, requests } = watched()
    const tables = { 'public.Loan': table('2'), 'public.loan': table('1', { base: null }) }
    const outcome = await run(warehouse, state(3, tables))
    expect(outcome).toMatchObject({ commit: 3, before: null, upToDate: false, relations: ['public_Loan'], filesAdded: 1 })
    expect(requests[0]?.tables[0]).toMatchObject({
      boundary: cut(5),
      baseThrough: cut(5),
      base: [{ address: store.address(base.key) }],
    })
    expect(await queryRows(warehouse, 'select * from raw."public_Loan"')).toEqual(['1 | a'])
  })

  test('the warehouse is asked only for something newer, or for a repair of what it shows', async () => {
    const { warehouse, requests } = watched()
    const tables = { 'public.loan': table('1') }
    await run(warehouse, state(3, tables))
    expect(await run(warehouse, state(3, tables))).toMatchObject({ upToDate: true, commit: 3, relations: ['loan'] })
    expect(await run(warehouse, state(2, tables), { repair: true })).toMatchObject({ upToDate: true, commit: 3 })
    expect(requests).toHaveLength(1)
    await run(warehouse, state(3, tables), { repair: true })
    expect(await run(warehouse, state(4, tables), { dryRun: true })).toMatchObject({ commit: 3, before: 3, upToDate: false })
    expect(await run(warehouse, state(4, tables))).toMatchObject({ commit: 4, before: 3 })
    expect(requests).toHaveLength(4)
  })

  test('nothing is registered before the first table is complete; the last table that leaves is taken away', async () => {
    const { warehouse, requests } = watched()
    expect(await run(warehouse, state(1, { 'public.loan': table('1', { base: null }) }))).toMatchObject({
      upToDate: true,
      commit: null,
    })
    expect(requests).toHaveLength(0)
    await run(warehouse, state(2, { 'public.loan': table('1') }))
    expect(await run(warehouse, state(3, {}))).toMatchObject({ commit: 3, relations: [], filesRemoved: 1 })
    await expect(queryRows(warehouse, 'select * from raw.loan')).rejects.toThrow(/no relation/)
  })

  test('a base of several snapshots is told by its newest position', async () => {
    const { warehouse, requests } = watched()
    const second = { ...base, maxPosition: cut(8) }
    await run(warehouse, state(1, { 'public.loan': table('1', { base: { generation: 1, boundary: cut(5), files: [second] } }) }))
    expect(requests[0]?.tables[0]).toMatchObject({ boundary: cut(5), baseThrough: cut(8) })
  })

  /** A warehouse over lists of files: one that evaluates the rules itself, and a real engine. */
  const LISTS = {
    memory: async () => openMemoryWarehouse(readLakeFile),
    duckdb: async () =>
      await openDuckdbWarehouse({ path: join(directory, 'views.duckdb') }, { ...quietEnvironment(), stateDir: directory }),
  } as const

  test.each(Object.keys(LISTS) as (keyof typeof LISTS)[])(
    'a table that %s shows and then refuses stays as it was; the others go on, and the cure alone brings it forward',
    async (kind) => {
      await using warehouse = await LISTS[kind]()
      const visit = { ...table('2'), schema: { ...loanSchema(), id: '2', table: 'public.visit' as TableName } }
      const both = { 'public.loan': table('1'), 'public.visit': visit }
      await run(warehouse, state(3, both))
      const change = await writeLakeFile(store, `raw/${kind}.parquet`, loanSchema(), 'changes', [
        lakeRow('c', row(6), { id: 2n, status: 'b' }),
      ])
      const grown = { 'public.loan': { ...table('1'), changes: [change] }, 'public.visit': { ...visit, changes: [change] } }
      const refusing: Warehouse = {
        ...warehouse,
        refusal: ({ table: name }) => (name === 'public.loan' ? new ConnectorError('UNSUPPORTED', 'no loans') : null),
      }
      const outcome = await run(refusing, state(4, grown))
      expect(outcome).toMatchObject({ commit: 4, relations: ['loan', 'visit'], refused: [{ table: 'public.loan', shown: true }] })
      expect(await queryRows(warehouse, 'select * from raw.loan')).toEqual(['1 | a'])
      expect(await queryRows(warehouse, 'select * from raw.visit')).toEqual(['1 | a', '2 | b'])
      expect(await run(refusing, state(5, grown))).toMatchObject({ commit: 5, refused: [{ table: 'public.loan', shown: true }] })
      // What vacuum goes by.
      expect((await warehouse.registered('loans', 'raw', signal))?.behind).toEqual(new Map([['loan', 3]]))
      const place = { integration: 'loans', schema: 'raw' }
      const shown = await warehouse.registered('loans', 'raw', signal)
      expect(keptBack(state(5, grown), place, warehouse, shown)).toEqual([{ table: 'public.loan', reason: null }])
      expect(await run(warehouse, state(5, grown))).toMatchObject({ commit: 5, upToDate: false, refused: [] })
      expect(await queryRows(warehouse, 'select * from raw.loan')).toEqual(['1 | a', '2 | b'])
      expect((await warehouse.registered('loans', 'raw', signal))?.behind).toBeUndefined()
      expect(await run(warehouse, state(5, grown))).toMatchObject({ upToDate: true })
    },
  )

  test('what the engine refuses is tried again ever less often by one process, at once when somebody registered it', async () => {
    const { warehouse } = watched()
    let asked = 0
    const refusing: Warehouse = {
      ...warehouse,
      register: async (request, abort) => {
        const loan = request.tables.find(({ relation }) => relation === 'loan')
        if (loan === undefined) return await warehouse.register(request, abort)
        asked += 1
        const rest = request.tables.filter((each) => each !== loan)
        const refused = new Map([[loan.table, new ConnectorError('STATEMENT', 'no right to it')]])
        return { ...(await warehouse.register({ ...request, tables: rest }, abort)), refused }
      },
    }
    const both = { 'public.loan': table('1'), 'public.visit': table('2') }
    const remembered = newRemembered()
    const once = (number: number, over: Warehouse) =>
      registerCommit(
        { integration: 'loans', schema: 'raw', state: state(number, both), store, warehouse: over, dryRun: false, remembered },
        signal,
      )
    for (let number = 1; number <= 20; number++) {
      expect(await once(number, refusing)).toMatchObject({
        relations: ['visit'],
        refused: [{ table: 'public.loan', shown: false, code: 'STATEMENT' }],
      })
    }
    // 1, 3, 6, 11, 20
    expect(asked).toBe(5)
    const reason =
      'Table "public.loan" was refused while its relations were made: no right to it. "portage register loans" tries it again'
    expect((await once(20, refusing)).refused[0]?.reason).toBe(reason)
    await run(warehouse, state(20, both))
    await once(21, refusing)
    expect(asked).toBe(6)
  })
})
