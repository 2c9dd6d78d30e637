import { describe, expect, it } from 'vitest'
import { tableName } from '../../../connectors/change.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import type { MemoryDatabase, MemoryTransaction } from '../../../connectors/memory/database.ts'
import { createMemorySource } from '../../../connectors/memory/source.ts'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import { resyncAll, resyncTables } from '../../../integrations/capture/resync.ts'
import { openLog } from '../../../integrations/land/log/log.ts'
import { loadState } from '../../../integrations/land/log/read.ts'
import { changePositions, environment, LAKE, lakeRows, runCapture, sourceRows, unnamedFiles } from './capture-harness.ts'
import { EVENT_BAG, killedAt, LOAN_TABLE, loanBook } from './killed-capture.ts'

const int32: LogicalType = { kind: 'int32' }
const int64: LogicalType = { kind: 'int64' }
const text: LogicalType = { kind: 'utf8', format: 'text' }
const T = LOAN_TABLE
const BAG = EVENT_BAG

const memoryStore = () => openMemoryStore(environment)

async function same(database: MemoryDatabase, store: ReturnType<typeof openMemoryStore>, ...tables: string[]): Promise<void> {
  for (const table of tables) expect(await lakeRows(store, table)).toEqual(sourceRows(database, table))
}

const state = (store: ReturnType<typeof openMemoryStore>) => loadState(store, LAKE, { signal: AbortSignal.timeout(5000) })

describe('replicate', () => {
  it('copies every table and follows what changed, to equal contents', async () => {
    const [database, store] = [loanBook(), memoryStore()]
    await runCapture(database, store)
    await same(database, store, T, BAG)
    database.commit((t) => {
      t.insert(T, { id: 100, a: 'new', b: 1 })
      t.update(T, { id: 1 }, { b: -1 })
      t.update(T, { id: 2 }, { id: 200 })
      t.delete(T, { id: 3 })
      t.update(BAG, { x: 1 }, { x: 9 })
    })
    await runCapture(database, store)
    await same(database, store, T, BAG)
    database.commit((t) => {
      t.truncate(T)
      t.insert(T, { id: 1, a: 'again', b: 0 })
      t.truncate(BAG)
    })
    await runCapture(database, store)
    await same(database, store, T, BAG)
    expect(await unnamedFiles(store)).toEqual([])
  })

  it.each([
    ['while it waits for its first copy', 'step'],
    ['in the middle of its copy', 'snapshot'],
  ])('leaves a table out that is dropped %s, and says so', async (_, kind) => {
    const [database, store] = [loanBook(), memoryStore()]
    const warnings: string[] = []
    let dropped = false
    await runCapture(database, store, {
      onEvent: (event) => {
        if (event.kind === 'warning') warnings.push(event.message)
        const copying = event.kind === 'step' ? event.step === 'snapshot' : event.kind === 'snapshot' && event.table === BAG
        if (dropped || event.kind !== kind || !copying) return
        dropped = true
        database.commit((t) => t.dropTable(BAG))
      },
    })
    expect(dropped).toBe(true)
    expect(warnings.join()).toContain(`"${BAG}" is no longer in the source: it is not copied`)
    await same(database, store, T)
    const { tables } = await state(store)
    expect(tables[BAG as keyof typeof tables]?.base ?? null).toBeNull()
    database.commit((t) => t.insert(T, { id: 100, a: 'later', b: 1 }))
    await runCapture(database, store)
    await same(database, store, T)
    expect(await unnamedFiles(store)).toEqual([])
  })

  it('keeps a transaction larger than a batch in one commit', async () => {
    const [database, store] = [loanBook(1), memoryStore()]
    await runCapture(database, store)
    const before = (await state(store)).number
    database.commit((t) => {
      for (let id = 1000; id < 1050; id++) t.insert(T, { id, a: 'x', b: id })
    })
    await runCapture(database, store, { maxSetRows: 5 })
    const after = await state(store)
    const added = after.tables[T as keyof typeof after.tables]?.changes ?? []
    expect(added.reduce((sum, file) => sum + file.rows, 0)).toBe(50)
    expect(new Set(added.map(({ key }) => /\/(\d{20})-/.exec(key)?.[1])).size).toBe(1)
    expect(after.number).toBeGreaterThan(before)
    await same(database, store, T)
  })

  it.each<[string, (t: MemoryTransaction) => void]>([
    ['add a column with a constant default', (t) => t.addColumn(T, { name: 'c', type: text, initial: 'five' })],
    ['add a column without a default', (t) => t.addColumn(T, { name: 'c', type: text })],
    ['drop a column', (t) => t.dropColumn(T, 'a')],
    ['rename a column', (t) => t.renameColumn(T, 'a', 'z')],
    ['swap', (t) => swap(t)],
    ['drop then add', (t) => dropThenAdd(t)],
    ['widen', (t) => t.retypeColumn(T, 'b', int64)],
    ['rewrite to another type', (t) => t.retypeColumn(T, 'b', text, (value) => `<${String(value)}>`)],
    ['rewrite in place', (t) => t.retypeColumn(T, 'b', int32, (value) => Number(value) + 1000)],
    ['drop and create again', (t) => recreate(t)],
  ])('carries: %s (with rows after it, without any, and while the run was away)', async (_name, ddl) => {
    for (const rowsAfter of [true, false]) {
      for (const away of [true, false]) {
        const [database, store] = [loanBook(), memoryStore()]
        await runCapture(database, store)
        if (!away) {
          const stop = new AbortController()
          const running = runCapture(database, store, { mode: 'forever', signal: stop.signal })
          database.commit((t) => t.update(T, { id: 1 }, { b: 11 }))
          database.commit(ddl)
          if (rowsAfter) database.commit((t) => t.delete(T, { id: 2 }))
          await expect.poll(() => lakeRows(store, T), { timeout: 10_000 }).toEqual(sourceRows(database, T))
          stop.abort()
          await running
        } else {
          database.commit((t) => t.update(T, { id: 1 }, { b: 11 }))
          database.commit(ddl)
          if (rowsAfter) database.commit((t) => t.delete(T, { id: 2 }))
          await runCapture(database, store)
        }
        await same(database, store, T, BAG)
      }
    }
  })

  it('starts a table over that is rewritten between two chunks', async () => {
    const [database, store] = [loanBook(), memoryStore()]
    const warnings: string[] = []
    let rewritten = false
    await runCapture(database, store, {
      readers: 1,
      onEvent: (event) => {
        if (event.kind === 'warning') warnings.push(event.message)
        if (event.kind === 'snapshot' && event.table === T && event.chunks.done === 2 && !rewritten) {
          rewritten = true
          database.rewrite(T)
          database.commit((t) => t.update(T, { id: 1 }, { b: 77 }))
        }
      },
    })
    expect(warnings.join()).toContain('starts over')
    await same(database, store, T, BAG)
  })

  it('goes on under a newer snapshot when the old one has grown old', async () => {
    const [database, store] = [loanBook(60), memoryStore()]
    let n = 0
    await runCapture(database, store, {
      readers: 1,
      maxSnapshotAgeMs: -1,
      onEvent: (event) => {
        if (event.kind !== 'snapshot') return
        n++
        database.commit((t) => t.update(T, { id: n % 60 }, { b: 1000 + n }))
        database.commit((t) => t.delete(T, { id: (n * 7) % 60 }))
        database.commit((t) => t.insert(T, { id: 500 + n, a: 'n', b: n }))
      },
    })
    expect(n).toBeGreaterThan(8)
    await same(database, store, T, BAG)
  })

  it('takes a lost slot up again by a resync of all: deleted rows are gone, history stays', async () => {
    const [database, store] = [loanBook(), memoryStore()]
    await runCapture(database, store)
    database.commit((t) => t.update(T, { id: 1 }, { b: 11 }))
    await runCapture(database, store)
    const before = await changePositions(store, T)
    database.slots.clear()
    database.commit((t) => t.delete(T, { id: 2 }))
    await expect(runCapture(database, store)).rejects.toThrow(/does not exist, but the log continues/)
    const signal = AbortSignal.timeout(10_000)
    const log = await openLog({ store, ...LAKE, environment, by: 'test', signal })
    await log.claim(signal)
    await resyncAll({ log, source: createMemorySource({ database }), onWait: () => undefined }, signal)
    await runCapture(database, store)
    await same(database, store, T, BAG)
    expect(await changePositions(store, T)).toEqual(before)
    database.commit((t) => t.insert(T, { id: 900, a: 'later', b: 0 }))
    await runCapture(database, store)
    await same(database, store, T, BAG)
  })

  it('copies one table again on request while nothing else changes', async () => {
    const [database, store] = [loanBook(), memoryStore()]
    await runCapture(database, store)
    const bag = (await state(store)).tables[BAG as keyof Awaited<ReturnType<typeof state>>['tables']]?.base?.files
    const signal = AbortSignal.timeout(10_000)
    const log = await openLog({ store, ...LAKE, environment, by: 'test', role: 'maintenance', signal })
    await resyncTables(log, [tableName('public', 'loan')], signal)
    await expect(resyncTables(log, ['public.nope', '*.lost'], signal)).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/"public.nope", "\*.lost" are not in the log; expected one of public.event, public.loan/),
    })
    const marked = log.state().number
    await resyncTables(log, ['*.loan'], signal)
    expect(log.state().number).toBe(marked)
    await runCapture(database, store)
    const after = await state(store)
    expect(after.tables[tableName('public', 'loan')]?.base?.generation).toBe(3)
    expect(after.tables[tableName('public', 'event')]?.base?.files).toEqual(bag)
    await same(database, store, T, BAG)
  })

  for (const [name, table] of [
    ['keyed', tableName('public', 'loan')],
    ['keyless', tableName('public', 'event')],
  ] as const) {
    it(`copies a ${name} table again beside a run at work and under writes; nobody is fenced, history stays`, async () => {
      const [database, store] = [loanBook(40), memoryStore()]
      const signal = AbortSignal.timeout(20_000)
      const stop = new AbortController()
      const followed = Promise.withResolvers<void>()
      const copied = Promise.withResolvers<void>()
      let n = 0
      let asked = false
      const run = runCapture(database, store, {
        mode: 'forever',
        signal: AbortSignal.any([stop.signal, signal]),
        onEvent: (event) => {
          if (event.kind === 'follow' && event.current) followed.resolve()
          if (event.kind !== 'snapshot' || !asked) return
          if (event.table === table && event.complete) copied.resolve()
          if (n > 30) return
          n++
          // Before, between and after the chunks: rows that move, vanish and come, in both tables.
          database.commit((t) => t.update(T, { id: n }, { id: 700 + n }))
          database.commit((t) => t.delete(T, { id: n + 8 }))
          database.commit((t) => t.insert(BAG, { x: n }))
          database.commit((t) => t.delete(BAG, { x: n % 5 }))
        },
      })
      await followed.promise
      await expect.poll(async () => (await state(store)).tables[table]?.base?.generation, { timeout: 10_000 }).toBe(1)
      database.commit((t) => t.insert(T, { id: 998, a: 'between the copies', b: 0 }))
      const before = await state(store)
      const base = before.tables[table]?.base
      asked = true
      const log = await openLog({ store, ...LAKE, environment, by: 'test', role: 'maintenance', signal })
      await resyncTables(log, [table], signal)
      await copied.promise
      await expect.poll(async () => (await state(store)).tables[table]?.pending, { timeout: 10_000 }).toBeNull()
      database.commit((t) => t.insert(T, { id: 999, a: 'last', b: 0 }))
      await expect.poll(() => lakeRows(store, T), { timeout: 10_000 }).toEqual(sourceRows(database, T))
      stop.abort()
      expect(await run).toBe('stopped')
      const after = await state(store)
      expect(after.claim).toBe(before.claim)
      expect(after.tables[table]?.base?.generation).toBeGreaterThan(base?.generation ?? 0)
      expect((after.tables[table]?.base?.boundary ?? '') > (base?.boundary ?? '')).toBe(true)
      await same(database, store, T, BAG)
      const positions = await changePositions(store, table)
      expect(new Set(positions).size).toBe(positions.length)
      expect(await unnamedFiles(store)).toEqual([])
    })
  }

  it('starts a first copy over when a new one is asked for in its middle, and leaves no file of it', async () => {
    const [database, store] = [loanBook(60), memoryStore()]
    const signal = AbortSignal.timeout(20_000)
    const asking: Promise<unknown>[] = []
    await runCapture(database, store, {
      readers: 1,
      onEvent: (event) => {
        if (event.kind !== 'commit' || event.commit !== 'snapshot' || asking.length > 0 || event.number < 6) return
        asking.push(
          openLog({ store, ...LAKE, environment, by: 'test', role: 'maintenance', signal }).then((log) =>
            resyncTables(log, ['*.*'], signal),
          ),
        )
      },
    })
    expect(asking).toHaveLength(1)
    await Promise.all(asking)
    await runCapture(database, store)
    await same(database, store, T, BAG)
    expect(Object.values((await state(store)).tables).map(({ pending }) => pending)).toEqual([null, null])
    const files = new Set<string>()
    for (const { base, changes } of Object.values((await state(store)).tables))
      for (const { key } of [...(base?.files ?? []), ...changes]) files.add(key)
    expect(files.size).toBeGreaterThan(0)
    expect(await unnamedFiles(store)).toEqual([])
  })

  it('fences a run whose log was claimed by another, which acknowledges nothing more', async () => {
    const [database, store] = [loanBook(), memoryStore()]
    const stop = new AbortController()
    const commits = Promise.withResolvers<void>()
    const first = runCapture(database, store, {
      mode: 'forever',
      signal: stop.signal,
      onEvent: (event) => event.kind === 'follow' && commits.resolve(),
    })
    await commits.promise
    const second = runCapture(database, store, { mode: 'until-current' })
    await expect(first).rejects.toThrow(/was taken over by|holds|terminated|held/i)
    await second
    await same(database, store, T, BAG)
  })
})

function swap(t: MemoryTransaction): void {
  t.addColumn(T, { name: 'a2', type: text })
  t.renameColumn(T, 'a', 'tmp')
  t.renameColumn(T, 'a2', 'a')
  t.renameColumn(T, 'tmp', 'a2')
}

function dropThenAdd(t: MemoryTransaction): void {
  t.dropColumn(T, 'a')
  t.addColumn(T, { name: 'a', type: text, initial: 'fresh' })
}

function recreate(t: MemoryTransaction): void {
  t.dropTable(T)
  t.createTable(T, {
    columns: [
      { name: 'id', type: int32 },
      { name: 'a', type: int32 },
    ],
    key: ['id'],
  })
  t.insert(T, { id: 1, a: 5 }, { id: 2, a: 6 })
}

describe('replicate, killed at any call to the store', () => {
  it('has neither hole nor duplicate nor unnamed file after the next run', async () => {
    let calls = Number.POSITIVE_INFINITY
    for (let at = 3; at < calls; at += 5) {
      const inner = memoryStore()
      if (await killedAt(at, { first: inner, next: inner, judge: async () => inner })) calls = at
    }
    expect(calls).toBeGreaterThan(30)
  }, 120_000)
})
