import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Position, TableName } from '../../../connectors/change.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import { openMemoryWarehouse } from '../../../connectors/memory/warehouse.ts'
import type { ObjectStore, RegisterRequest, Warehouse } from '../../../connectors/ports.ts'
import type { FileEntry, LogState, TableState } from '../../../integrations/land/log/commit.ts'
import { registerCommit } from '../../../integrations/register/register.ts'
import { loanSchema, quietEnvironment } from '../../support/lake.ts'
import { lakeRow, readLakeFile, writeLakeFile } from '../../support/lake-files.ts'
import { queryRows } from '../../support/query-rows.ts'

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

  const table = (id: string, more: Partial<TableState> = {}): TableState => ({
    schema: { ...loanSchema(), id },
    versions: {},
    storage: '1',
    base: { generation: 1, boundary: cut(5), files: [base] },
    pending: null,
    changes: [],
    accepted: 1,
    shown: null,
    gone: null,
    ...more,
  })
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
})
