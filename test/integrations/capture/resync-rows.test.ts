/** Rows of one table taken again by a condition: beside a run, over a lake that went wrong, again and again. */
import { describe, expect, it } from 'vitest'
import type { TableName } from '../../../connectors/change.ts'
import { createMemorySource } from '../../../connectors/memory/source.ts'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { ObjectStore, Source } from '../../../connectors/ports.ts'
import { parseFilter } from '../../../integrations/capture/policies/filter-parse.ts'
import { governedSource } from '../../../integrations/capture/policies/governed-source.ts'
import { resyncTables } from '../../../integrations/capture/resync.ts'
import { matching, resyncRows } from '../../../integrations/capture/resync-rows.ts'
import { openLander } from '../../../integrations/land/lander.ts'
import { openLog } from '../../../integrations/land/log/log.ts'
import { loadState } from '../../../integrations/land/log/read.ts'
import { createParquetWriter } from '../../../integrations/land/parquet/writer.ts'
import { compactTable } from '../../../integrations/maintain/compact.ts'
import { announce } from '../../../integrations/maintain/intent.ts'
import { faultyStore } from '../../support/faulty-store.ts'
import { changePositions, environment, LAKE, lakeRows, runCapture, sourceRows, unnamedFiles } from './capture-harness.ts'
import { EVENT_BAG, LOAN_TABLE, loanBook } from './killed-capture.ts'

const T = LOAN_TABLE as TableName
const FORMAT = { name: 'parquet', extension: 'parquet', createWriter: createParquetWriter } as const
const signal = () => AbortSignal.timeout(20_000)
const memoryStore = () => openMemoryStore(environment)
const maintenanceLog = (store: ObjectStore) =>
  openLog({
    store,
    ...LAKE,
    environment: { ...environment, sleep: async () => undefined },
    by: 'test',
    role: 'maintenance',
    signal: signal(),
  })
const state = (store: ObjectStore) => loadState(store, LAKE, { signal: signal() })

/** `during`: after the first rows were read, before anything is committed. */
async function take(
  database: ReturnType<typeof loanBook>,
  store: ObjectStore,
  where: string,
  { table = T, during = async () => undefined }: { readonly table?: TableName; readonly during?: () => Promise<unknown> } = {},
) {
  const parsed = parseFilter(where)
  if ('problem' in parsed) throw new Error(parsed.problem)
  await using plain = createMemorySource({ database, chunkRows: 7 })
  const log = await maintenanceLog(store)
  const governed = governedSource(plain, {
    rules: matching({ column: () => null, filter: () => null, masks: [] }, table, where, parsed.filter),
    recorded: Object.values(log.state().tables).map(({ schema }) => schema),
    warn: () => undefined,
  })
  let done = false
  const source: Source = {
    ...governed,
    readChunk: async function* (request, each) {
      yield* governed.readChunk(request, each)
      if (!done) await during()
      done = true
    },
  }
  const lander = openLander({ store, log, format: FORMAT, compression: 'zstd', targetFileBytes: 1 << 20, metadata: new Map() })
  return await resyncRows({ source, log, lander, table, environment, onWait: () => undefined }, signal())
}

/** Rows of the lake become others than the source's: a change that the source never made is landed by a commit. */
async function damaged(rows = 30) {
  const [database, store] = [loanBook(rows), memoryStore()]
  await runCapture(database, store)
  const wrong = loanBook(rows)
  wrong.commit((t) => {
    for (let id = 0; id < 10; id++) t.update(T, { id }, { a: 'wrong', b: -1 })
  })
  // The wrong rows stand where the run stands, below what comes next.
  database.commit((t) => t.insert(EVENT_BAG, { x: 77 }))
  await take(wrong, store, "a = 'wrong'")
  expect((await lakeRows(store, T)).filter((row) => row.includes('wrong'))).toHaveLength(10)
  database.commit((t) => t.insert(EVENT_BAG, { x: 78 }))
  return { database, store }
}

/** Renews the base; `meanwhile` is waited for while its rows are read. */
async function compact(store: ObjectStore, meanwhile: () => Promise<void> = async () => undefined) {
  const log = await maintenanceLog(store)
  const intent = { ...(await announce(log, environment, signal())), keepAlive: meanwhile }
  const policy = { minFiles: 100, targetFileBytes: 1 << 20, olderThanMs: 0, renew: 'always' } as const
  return await compactTable(T, policy, {
    store,
    log,
    environment,
    intent,
    format: FORMAT,
    compression: 'zstd',
    targetFileBytes: 1 << 20,
    unstated: () => new Set(),
    onProgress: () => undefined,
    signal: signal(),
  })
}

async function onceOnly(store: ObjectStore): Promise<void> {
  const positions = await changePositions(store, T)
  expect(new Set(positions).size).toBe(positions.length)
  expect(await unnamedFiles(store)).toEqual([])
}

describe('rows taken again by a condition', () => {
  it('come right, others stay as they are, and the run goes on unfenced', async () => {
    const { database, store } = await damaged()
    const claim = (await state(store)).claim
    const outcome = await take(database, store, 'id < 6')
    expect(outcome).toMatchObject({ table: T, rows: 6, rejects: 0, commit: (await state(store)).number })
    expect((await lakeRows(store, T)).filter((row) => row.includes('wrong'))).toHaveLength(4)
    expect((await state(store)).claim).toBe(claim)
    await runCapture(database, store)
    database.commit((t) => t.insert(EVENT_BAG, { x: 79 }))
    await take(database, store, 'id between 6 and 9')
    expect(await lakeRows(store, T)).toEqual(sourceRows(database, T))
    await onceOnly(store)
  })

  it('lose against what the source committed after the snapshot, win against what it had committed before', async () => {
    const { database, store } = await damaged()
    database.commit((t) => {
      t.update(T, { id: 1 }, { b: 100 })
      t.update(T, { id: 2 }, { id: 500 })
      t.delete(T, { id: 3 })
    })
    // The run is behind by the commit above, and passes the snapshot before the rows are landed.
    await take(database, store, 'id < 1000', {
      during: async () => {
        database.commit((t) => {
          t.update(T, { id: 1 }, { b: 200 })
          t.delete(T, { id: 5 })
          t.update(T, { id: 6 }, { id: 600 })
          t.insert(T, { id: 700, a: 'new', b: 7 })
        })
        await runCapture(database, store)
      },
    })
    expect(await lakeRows(store, T)).toEqual(sourceRows(database, T))
    database.commit((t) => t.update(T, { id: 1 }, { b: 300 }))
    await runCapture(database, store)
    expect(await lakeRows(store, T)).toEqual(sourceRows(database, T))
    await onceOnly(store)
  })

  it('are the same when taken twice, and nothing is written when none matches', async () => {
    const { database, store } = await damaged()
    await take(database, store, 'id < 30')
    const once = await lakeRows(store, T)
    await expect(take(database, store, 'id < 30')).rejects.toMatchObject({ code: 'FENCED' })
    database.commit((t) => t.insert(EVENT_BAG, { x: 79 }))
    await take(database, store, 'id < 30')
    expect(await lakeRows(store, T)).toEqual(once)
    expect(once).toEqual(sourceRows(database, T))
    database.commit((t) => t.insert(EVENT_BAG, { x: 80 }))
    expect(await take(database, store, 'id > 5000')).toMatchObject({ rows: 0, commit: null })
    await onceOnly(store)
  })

  it('are never lost to a base that is renewed at the same time', async () => {
    const { database, store } = await damaged()
    const passed = async () => {
      database.commit((t) => t.update(T, { id: 22 }, { b: 22_000 }))
      await runCapture(database, store)
    }
    // Renewed beyond the snapshot before they are landed: refused.
    const late = take(database, store, 'id < 5', { during: async () => [await passed(), await compact(store)] })
    await expect(late).rejects.toMatchObject({ code: 'FENCED', message: expect.stringContaining('Run it again') })
    // Landed while a base beyond the snapshot is being made: the base is given up.
    database.commit((t) => t.update(T, { id: 21 }, { b: 21_000 }))
    const [begun, landed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const renewals: ReturnType<typeof compact>[] = []
    await take(database, store, 'id < 5', {
      during: async () => {
        await passed()
        renewals.push(
          compact(store, () => {
            begun.resolve()
            return landed.promise
          }),
        )
        await begun.promise
      },
    })
    landed.resolve()
    expect(await renewals[0]).toMatchObject({ renewed: null, givenUp: 'rows of it were taken again meanwhile' })
    database.commit((t) => t.insert(EVENT_BAG, { x: 81 }))
    await take(database, store, 'id between 5 and 9')
    await passed()
    expect(await compact(store)).toMatchObject({ givenUp: null, renewed: { rows: 30 } })
    expect(await lakeRows(store, T)).toEqual(sourceRows(database, T))
    await onceOnly(store)
  })

  it('are there whole or not at all when the work is killed at any call to the store', async () => {
    for (let at = 0, done = false; !done; at++) {
      const { database, store } = await damaged(12)
      const wrong = await lakeRows(store, T)
      const dying = faultyStore(store, ({ index }) => (index === at ? { kind: at % 2 === 0 ? 'die' : 'die-after' } : null))
      done = await take(database, dying, 'id < 12').then(
        () => true,
        () => false,
      )
      expect([wrong, sourceRows(database, T)], `killed at call ${at}`).toContainEqual(await lakeRows(store, T))
      database.commit((t) => t.update(T, { id: 1 }, { b: at }))
      await runCapture(database, store)
      await take(database, store, 'id < 12')
      expect(await lakeRows(store, T), `killed at call ${at}`).toEqual(sourceRows(database, T))
      const positions = await changePositions(store, T)
      expect(new Set(positions).size, `killed at call ${at}`).toBe(positions.length)
      expect(at).toBeLessThan(60)
    }
  })

  it('are refused of a table without a key, one that waits for a copy, one of another shape, one that is not there', async () => {
    const { database, store } = await damaged()
    const refused = (code: string, words: string) => ({ code, message: expect.stringContaining(words) })
    await expect(take(database, store, 'x = 1', { table: EVENT_BAG as TableName })).rejects.toMatchObject(
      refused('CONFIGURATION', 'it has no key'),
    )
    await expect(take(database, store, 'x = 1', { table: 'public.nope' as TableName })).rejects.toMatchObject(
      refused('CONFIGURATION', `Expected one of ${EVENT_BAG}, ${LOAN_TABLE}`),
    )
    database.commit((t) => t.addColumn(T, { name: 'late', type: { kind: 'int32' } }))
    await expect(take(database, store, 'id < 5')).rejects.toMatchObject(refused('SCHEMA', 'Let "portage run" catch up'))
    await runCapture(database, store)
    database.commit((t) => t.insert(EVENT_BAG, { x: 1 }))
    await take(database, store, 'id < 10')
    expect(await lakeRows(store, T)).toEqual(sourceRows(database, T))
    database.commit((t) => t.insert(EVENT_BAG, { x: 1 }))
    const marked = async () => resyncTables(await maintenanceLog(store), [T], signal())
    await expect(take(database, store, 'id < 5', { during: marked })).rejects.toMatchObject(
      refused('CONFIGURATION', 'still to come'),
    )
    await runCapture(database, store)
    expect(await lakeRows(store, T)).toEqual(sourceRows(database, T))
    expect(await unnamedFiles(store)).toEqual([])
  })
})
