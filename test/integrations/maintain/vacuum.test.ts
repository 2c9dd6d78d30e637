/** Vacuum beside runs and compactions that die, with clocks that are set by hand. */
import { describe, expect, test } from 'vitest'
import type { TableName } from '../../../connectors/change.ts'
import type { MemoryDatabase } from '../../../connectors/memory/database.ts'
import type { ObjectStore } from '../../../connectors/ports.ts'
import { resyncTables } from '../../../integrations/capture/resync.ts'
import { openLog } from '../../../integrations/land/log/log.ts'
import { loadState, readCommits } from '../../../integrations/land/log/read.ts'
import { compactTable } from '../../../integrations/maintain/compact.ts'
import { INTENT_DEAD_MS, INTENT_STALE_MS } from '../../../integrations/maintain/intent.ts'
import { faultPlan, type Strike, storeWithFaults } from '../../faults/failpoints.ts'
import { environment, LAKE, lakeRows, runCapture, sourceRows, unnamedFiles } from '../capture/capture-harness.ts'
import { EVENT_BAG, LOAN_TABLE } from '../capture/killed-capture.ts'
import { openFaultyBucket } from '../land/faulty-bucket.ts'
import { book, compact, DAY_MS, maintaining, sweepAt } from './maintained-book.ts'

const signal = AbortSignal.timeout(120_000)

async function expectEqual(database: MemoryDatabase, store: ObjectStore): Promise<void> {
  for (const table of [LOAN_TABLE, EVENT_BAG]) expect(await lakeRows(store, table)).toEqual(sourceRows(database, table))
}

/** Every file of every state from the newest on is there. */
async function expectReadable(store: ObjectStore): Promise<void> {
  const state = await loadState(store, LAKE, { signal })
  for (const { base, changes } of Object.values(state.tables)) {
    for (const { key } of [...(base?.files ?? []), ...(base?.renewed?.files ?? []), ...changes]) {
      expect(await store.head(key), key).not.toBeNull()
    }
  }
}

describe('a compaction that dies', () => {
  const points = ['open change file', 'close change file', 'put commit', 'open base file', 'close base file', 'get change file']
  const strikes = points.flatMap((failpoint) =>
    [1, 2].flatMap((nth) => (['die', 'die-after'] as const).map((kind): Strike => ({ failpoint, nth, kind }))),
  )
  test.each(strikes)('at $failpoint $nth ($kind) leaves what vacuum takes when its intent is old', async (strike) => {
    const { database, store } = await book()
    const plan = faultPlan(strike)
    await compact(storeWithFaults(store, plan)).catch(() => undefined)
    expect(plan.struck()).toBe(true)
    await expectEqual(database, store)
    const unnamed = await unnamedFiles(store)
    await sweepAt(store, 0)
    expect(await unnamedFiles(store), 'the intent is young').toEqual(unnamed)
    await runCapture(database, store)
    expect(await unnamedFiles(store), 'runs leave files of maintenance alone').toEqual(unnamed)
    await sweepAt(store, INTENT_DEAD_MS + 1)
    expect(await unnamedFiles(store)).toEqual([])
    await expectReadable(store)
    await expectEqual(database, store)
    expect((await compact(store)).map(({ givenUp }) => givenUp)).toEqual([null, null])
    await expectEqual(database, store)
  })
})

test('a vacuum that dies half-way is finished by the next', async () => {
  const { database, store } = await book()
  await compact(store)
  const plan = faultPlan({ failpoint: 'delete change file', nth: 1, kind: 'die' })
  await expect(sweepAt(storeWithFaults(store, plan), DAY_MS)).rejects.toThrow('Injected')
  const told = (await loadState(store, LAKE, { signal })).vacuumed
  expect(told).toBeGreaterThan(0)
  expect((await sweepAt(store, DAY_MS)).length).toBeGreaterThan(0)
  expect(await sweepAt(store, DAY_MS)).toEqual([])
  await expectReadable(store)
  await expectEqual(database, store)
})

test('of two compactions one finds its inputs gone, gives up and leaves nothing', async () => {
  const { database, store } = await book()
  const outcomes = await compact(store, environment, async () => {
    // The other one has merged and renewed everything before the first commits; it knows of it at its next commit only.
    await compact(store)
  })
  expect(outcomes.every(({ givenUp, merged }) => givenUp !== null || merged.files === 0)).toBe(true)
  expect(await unnamedFiles(store)).toEqual([])
  await expectEqual(database, store)
})

test('a compaction that stood still gives up, and its files go with it', async () => {
  const { database, store } = await book()
  let ahead = 0
  const clock = { ...environment, now: () => new Date(Date.now() + ahead) }
  const outcomes = await compact(store, clock, async () => {
    ahead = INTENT_STALE_MS + 1
  })
  expect(outcomes.map(({ givenUp }) => givenUp)).toEqual(['it stood still for too long', 'it stood still for too long'])
  expect(await unnamedFiles(store)).toEqual([])
  await expectEqual(database, store)
})

test.each(['merge', 'decide', 'renew'] as const)(
  'stopped while at work (%s): nothing is committed and no file stays',
  async (step) => {
    const { database, store } = await book()
    const stop = new AbortController()
    const options = await maintaining(store)
    const policy = { minFiles: step === 'merge' ? 2 : 99, targetFileBytes: 1 << 20, olderThanMs: 0, renew: 'always' } as const
    const stopped = compactTable(LOAN_TABLE as TableName, policy, {
      ...options,
      signal: stop.signal,
      onProgress: (event) => {
        if (event.step === step) stop.abort(new Error('stopped'))
      },
    })
    await expect(stopped).rejects.toThrow(/stopped|aborted/)
    expect(await unnamedFiles(store)).toEqual([])
    expect((await loadState(store, LAKE, { signal })).tables[LOAN_TABLE as TableName]?.base?.renewed).toBeUndefined()
    await expectEqual(database, store)
  },
)

test('a base that a new snapshot replaced while it was being renewed is given up', async () => {
  const { database, store } = await book()
  let done = false
  const meddled: ObjectStore = {
    ...store,
    openWriter: async (key, each) => {
      if (!done && key.includes(`${LOAN_TABLE}/base/`)) {
        done = true
        const log = await openLog({ store, ...LAKE, environment, by: 'run', signal })
        await log.claim(signal)
        await resyncTables(log, [LOAN_TABLE as TableName], signal)
        await runCapture(database, store)
      }
      return await store.openWriter(key, each)
    },
  }
  const [loan, event] = await compact(meddled)
  expect(loan?.givenUp).toBe('its base was replaced meanwhile')
  expect(loan?.merged.files).toBeGreaterThan(0)
  expect(event?.renewed).not.toBeNull()
  expect(await unnamedFiles(store)).toEqual([])
  await expectEqual(database, store)
})

test('what a warehouse shows stays, and every commit from then on can be read', async () => {
  const { database, store } = await book()
  const before = (await loadState(store, LAKE, { signal })).number
  await compact(store)
  expect(await sweepAt(store, DAY_MS, [{ commit: before, by: 'w' }])).toEqual([])
  expect(await sweepAt(store, DAY_MS, [{ commit: null, by: 'w' }])).toEqual([])
  const newest = (await loadState(store, LAKE, { signal })).number
  const gone = await sweepAt(store, DAY_MS, [{ commit: newest, by: 'w' }])
  expect(gone.length).toBeGreaterThan(0)
  const { vacuumed = 0, number } = await loadState(store, LAKE, { signal })
  for (let at = vacuumed; at <= number; at++) {
    const state = await loadState(store, LAKE, { at, signal })
    for (const { base, changes } of Object.values(state.tables)) {
      for (const { key } of [...(base?.files ?? []), ...(base?.renewed?.files ?? []), ...changes]) {
        expect(await store.head(key), `commit ${at}: ${key}`).not.toBeNull()
      }
    }
  }
  await expectEqual(database, store)
})

test('a run that is at work is never swept, not even of files that no commit names yet', async () => {
  const { store } = await book()
  const log = await openLog({ store, ...LAKE, environment, by: 'run', signal })
  await log.claim(signal)
  const key = `raw/test/public.loan/changes/date=2026-01-01/00000000000000000999-${log.writer}-00000.parquet`
  await store.putIfAbsent(key, new Uint8Array([1]))
  await sweepAt(store, 365 * DAY_MS)
  expect(await store.head(key)).not.toBeNull()
  // The next run has fenced it.
  const next = await openLog({ store, ...LAKE, environment, by: 'run', signal })
  await next.claim(signal)
  await sweepAt(store, 365 * DAY_MS)
  expect(await store.head(key)).toBeNull()
})

test('maintenance shows in the log as an intent and what it committed', async () => {
  const { store } = await book()
  await compact(store)
  await sweepAt(store, DAY_MS)
  const kinds: string[] = []
  for await (const { kind, writer } of readCommits(store, LAKE, { from: 1, signal })) if (writer.startsWith('m')) kinds.push(kind)
  expect(kinds).toEqual(['intent', 'maintenance', 'maintenance', 'maintenance', 'maintenance', 'maintenance'])
})

test('on a bucket that throttles, loses answers and cuts bodies short: done in the end, or nothing was', {
  timeout: 60_000,
}, async () => {
  await using bucket = await openFaultyBucket()
  const { database, store } = await book(bucket.open())
  bucket.misbehave('mixed', 5)
  // An attempt may have committed although it ended in an error.
  let outcomes: Awaited<ReturnType<typeof compact>> = []
  for (let attempt = 0; attempt < 20 && outcomes.length === 0; attempt++) outcomes = await compact(store).catch(() => [])
  const hits = bucket.behave()
  expect(hits).toBeGreaterThan(10)
  const { tables } = await loadState(store, LAKE, { signal })
  for (const table of [LOAN_TABLE, EVENT_BAG]) expect(tables[table as TableName]?.base?.renewed).toBeDefined()
  await expectEqual(database, store)
  await sweepAt(store, DAY_MS)
  expect(await unnamedFiles(store)).toEqual([])
  await expectReadable(store)
  await expectEqual(database, store)
  database.commit((t) => t.insert(LOAN_TABLE, { id: 777, a: 'after', b: 1 }))
  await runCapture(database, store)
  await expectEqual(database, store)
})
