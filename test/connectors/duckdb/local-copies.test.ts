/** Copies of lake objects: verified, bounded, made again when they are damaged. */
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDuckdbWarehouse } from '../../../connectors/duckdb/warehouse.ts'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { ObjectStore, Warehouse } from '../../../connectors/ports.ts'
import { quietEnvironment } from '../../support/lake.ts'
import { lakeRow } from '../../support/lake-files.ts'
import { queryRows } from '../../support/query-rows.ts'
import { cut, ID, row, schemaOf, warehouseTables } from '../../support/warehouse-tables.ts'

const signal = new AbortController().signal
const SCHEMA = schemaOf([ID])

let directory: string
let store: ObjectStore
let warehouse: Warehouse
const { table, request, failure } = warehouseTables(() => ({
  warehouse,
  store,
  reopen: async () => warehouse,
  [Symbol.asyncDispose]: async () => {},
}))

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portage-copies-'))
  store = openMemoryStore(quietEnvironment())
  warehouse = await openDuckdbWarehouse({ cache: join(directory, 'copies') }, { ...quietEnvironment(), stateDir: directory })
})
afterEach(() => rm(directory, { recursive: true }))

const ids = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => lakeRow('r', cut(5), { id: BigInt(from + index) }))
const copies = async (): Promise<readonly string[]> =>
  (await readdir(join(directory, 'copies'), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .toSorted()
const count = async () => (await queryRows(warehouse, 'select count(*) as n from raw.loan')).join()

test('an object that is not what the log says is refused by its key, and nothing of it stays', async () => {
  const loan = await table('loan', SCHEMA, { base: [ids(1, 3)] })
  const [file] = loan.base
  if (file === undefined) throw new Error('no file')
  const damaged = { ...loan, base: [{ ...file, sha256: '0'.repeat(64) }] }
  const corrupt = await failure(warehouse.register(request([damaged]), signal))
  expect(corrupt.code).toBe('PROOF')
  expect(corrupt.message).toContain(`"${file.key}" has the checksum ${file.sha256}`)
  await store.delete([file.key])
  const gone = await failure(warehouse.register(request([loan]), signal))
  expect([gone.code, gone.message]).toEqual(['PROOF', expect.stringContaining(file.key)])
  expect(await copies()).toEqual([])
})

test('each object is read once; a damaged or missing copy is found by a repair', async () => {
  let reads = 0
  const loan = await table('loan', SCHEMA, {
    base: [ids(1, 3)],
    changes: [ids(4, 1).map((each) => ({ ...each, op: 'c' as const, position: row(6) }))],
  })
  const readObject = (key: string, range: { readonly start: number; readonly end: number }) => {
    reads++
    return store.get(key, { range })
  }
  const first = request([loan], { readObject })
  await warehouse.register(first, signal)
  await warehouse.register(request([loan], { readObject }), signal)
  expect(reads).toBe(2)
  const [copy] = await copies()
  if (copy === undefined) throw new Error('no copy')
  await rm(copy)
  expect(await failure(count() as Promise<unknown>)).toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('--repair'),
  })
  const again = request([loan], { readObject })
  await warehouse.register(again, signal)
  const [second] = await copies()
  await writeFile(second ?? '', 'not a file of ours')
  await warehouse.register({ ...again }, signal)
  expect(await count()).toContain('4')
})

test('copies that nobody asked for in an hour make room; what is registered must fit', async () => {
  const first = await table('loan', SCHEMA, { base: [ids(1, 3)] })
  const size = first.base[0]?.size ?? 0
  const limit = `${(2.5 * size) / 1e6} MB`
  warehouse = await openDuckdbWarehouse(
    { cache: join(directory, 'copies'), cache_limit: limit },
    { ...quietEnvironment(), stateDir: directory },
  )
  await warehouse.register(request([first]), signal)
  const [old] = await copies()
  const second = await table('loan', SCHEMA, { base: [ids(11, 3), ids(21, 3)] })
  await warehouse.register(request([second]), signal)
  expect(await copies()).toContain(old)
  const past = new Date(quietEnvironment().now().getTime() - 2 * 3_600_000)
  await utimes(old ?? '', past, past)
  const third = await table('loan', SCHEMA, { base: [ids(31, 3)] })
  await warehouse.register(request([third]), signal)
  expect(await copies()).not.toContain(old)
  const large = await table('loan', SCHEMA, { base: [ids(41, 3), ids(51, 3), ids(61, 3)] })
  expect(await failure(warehouse.register(request([large]), signal))).toMatchObject({
    code: 'FULL',
    message: expect.stringContaining('Raise "cache_limit"'),
  })
})
