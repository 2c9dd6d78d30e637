/** Kills, lost answers and rivals between any two steps of the log, on any store. */
import { describe, expect, test } from 'vitest'
import type { ObjectStore } from '../../../connectors/ports.ts'
import type { FileEntry } from '../../../integrations/land/log/commit.ts'
import { commitKey, rejectsKey } from '../../../integrations/land/log/keys.ts'
import type { CommitLog } from '../../../integrations/land/log/log.ts'
import { loadState } from '../../../integrations/land/log/read.ts'
import { type Fault, faultyStore, type StoreCall } from '../../support/faulty-store.ts'
import { at, entry, LAKE, LOAN, loanSchema, NEVER, openTestLog } from '../../support/lake.ts'

const isLog = (call: StoreCall): boolean => call.operation === 'putIfAbsent' && call.key.includes('/log/')

/** Fails the n-th put of a commit. */
function atCommit(number: number, fault: Fault): (call: StoreCall) => Fault | null {
  let armed = true
  return (call) => {
    if (!armed || !isLog(call) || call.key !== commitKey(LAKE, number)) return null
    armed = false
    return fault
  }
}

async function land(store: ObjectStore, log: CommitLog, position: number): Promise<FileEntry> {
  const file = entry(log, 'changes', position)
  await store.putIfAbsent(file.key, new Uint8Array([1]))
  return file
}

async function step(store: ObjectStore, log: CommitLog, position: number) {
  const added = [await land(store, log, position)]
  return log.append(() => ({ kind: 'changes', position: at(position + 1), tables: { [LOAN]: { added } } }), NEVER)
}

async function begin(store: ObjectStore, by?: string): Promise<CommitLog> {
  const log = await openTestLog(store, by)
  await log.claim(NEVER)
  if (log.state().tables[LOAN] === undefined) {
    await log.append(() => ({ kind: 'schema', tables: { [LOAN]: { schema: loanSchema() } } }), NEVER)
  }
  return log
}

async function dataKeys(store: ObjectStore): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list('raw/loans/')) keys.push(key)
  return keys
}

/** `open` gives an empty store each time. */
export function logFaultsSuite(name: string, open: () => Promise<ObjectStore>): void {
  describe(`${name}: a crash of the writer`, () => {
    test('between data and commit leaves an unnamed file that the next claim sweeps', async () => {
      const real = await open()
      const dying = faultyStore(real, atCommit(4, { kind: 'die' }))
      const first = await begin(dying)
      const kept = await step(dying, first, 1)
      await expect(step(dying, first, 2)).rejects.toThrow('Killed before')
      expect(await dataKeys(real)).toHaveLength(2)
      const second = await begin(real)
      expect(second.state().position).toBe(at(2))
      const swept = await second.sweep(NEVER)
      expect(swept).toHaveLength(1)
      expect(await dataKeys(real)).toEqual(kept.tables[LOAN]?.added?.map(({ key }) => key))
    })

    test('after the commit but before its answer keeps the commit', async () => {
      const real = await open()
      const dying = faultyStore(real, atCommit(3, { kind: 'die-after' }))
      const first = await begin(dying)
      await expect(step(dying, first, 1)).rejects.toThrow('Killed after')
      const second = await begin(real)
      expect(second.state()).toMatchObject({ number: 4, position: at(2), claim: second.writer })
      expect(await second.sweep(NEVER)).toEqual([])
      expect(await dataKeys(real)).toHaveLength(1)
    })

    test('at any put of a long run loses no commit that was answered, and doubles none', async () => {
      for (let kill = 0; kill < 12; kill++) {
        for (const kind of ['die', 'die-after'] as const) {
          const real = await open()
          let puts = 0
          const dying = faultyStore(real, (call) => (call.operation === 'putIfAbsent' && puts++ === kill ? { kind } : null))
          let answered = 0
          const run = async () => {
            const log = await begin(dying)
            for (let position = 1; position <= 4; position++) {
              await step(dying, log, position)
              answered = position
            }
          }
          await run().catch(() => undefined)
          const next = await begin(real)
          const reached = Number(next.state().position?.slice(5, 21) ?? '1') - 1
          expect(reached).toBeGreaterThanOrEqual(answered)
          await next.sweep(NEVER)
          for (let position = reached + 1; position <= 4; position++) await step(real, next, position)
          const files = next.state().tables[LOAN]?.changes ?? []
          expect(files.map(({ minPosition }) => Number(minPosition.slice(5, 21)))).toEqual([1, 2, 3, 4])
          expect(await dataKeys(real)).toEqual(files.map(({ key }) => key).sort())
        }
      }
    })

    test('before the live list costs nothing: the next writer catches up on it', async () => {
      const real = await open()
      const dying = faultyStore(real, (call) =>
        call.key.includes('/live/') && call.operation === 'putIfAbsent' ? { kind: 'die' } : null,
      )
      const first = await begin(dying)
      for (let number = 3; number < 100; number++) await first.append(() => ({ kind: 'heartbeat', position: at(number) }), NEVER)
      const last = await first.append(() => ({ kind: 'heartbeat', position: at(100) }), NEVER)
      expect(last.number).toBe(100)
      expect(dying.dead()).toBe(true)
      const second = await begin(real)
      expect(second.state()).toMatchObject({ number: 101, position: at(100) })
      expect(await real.head('raw/_portage/loans/live/00000000000000000101.json')).not.toBeNull()
    })
  })

  describe(`${name}: a lost answer`, () => {
    test('of our own commit is recognised by its bytes', async () => {
      const real = await open()
      const faulty = faultyStore(real, atCommit(3, { kind: 'lose' }))
      const log = await begin(faulty)
      expect(await step(faulty, log, 1)).toMatchObject({ number: 3 })
      expect(await step(faulty, log, 2)).toMatchObject({ number: 4 })
      expect((await loadState(real, LAKE, { signal: NEVER })).tables[LOAN]?.changes).toHaveLength(2)
    })

    test('a passing refusal is tried again', async () => {
      const faulty = faultyStore(await open(), atCommit(3, { kind: 'reject' }))
      const log = await begin(faulty)
      expect(await step(faulty, log, 1)).toMatchObject({ number: 3 })
    })

    test('that stays lost closes the log: nothing can be appended until it is opened again', async () => {
      const real = await open()
      const faulty = faultyStore(real, (call) => (isLog(call) && call.key === commitKey(LAKE, 3) ? { kind: 'reject' } : null))
      const log = await begin(faulty)
      await expect(step(faulty, log, 1)).rejects.toMatchObject({ code: 'CONNECTION' })
      await expect(log.append(() => ({ kind: 'heartbeat' }), NEVER)).rejects.toThrow('open it again')
    })
  })

  describe(`${name}: two writers`, () => {
    test('a commit that is held back until another run has claimed is fenced', async () => {
      const real = await open()
      const claimed = Promise.withResolvers<void>()
      const slow = faultyStore(real, (call) =>
        isLog(call) && call.key === commitKey(LAKE, 3) ? { kind: 'hold', until: claimed.promise } : null,
      )
      const first = await begin(slow, 'alpha:1')
      const attempt = step(slow, first, 1)
      const second = await begin(real, 'beta:2')
      claimed.resolve()
      await expect(attempt).rejects.toMatchObject({ code: 'FENCED' })
      expect(await second.sweep(NEVER)).toHaveLength(1)
      expect(second.state()).toMatchObject({ number: 3, claim: second.writer, position: null })
    })

    test('the newer claim fences the older one, which is told by whom', async () => {
      const store = await open()
      const first = await begin(store, 'alpha:1')
      await step(store, first, 1)
      const second = await begin(store, 'beta:2')
      const attempt = step(store, first, 2)
      await expect(attempt).rejects.toMatchObject({ code: 'FENCED', recovery: 'operator' })
      await expect(attempt).rejects.toThrow(`was taken over by "${second.writer}" (beta:2, commit 4 at `)
      await expect(first.append(() => ({ kind: 'heartbeat' }), NEVER)).rejects.toMatchObject({ code: 'FENCED' })
      await step(store, second, 2)
      expect(await second.sweep(NEVER)).toHaveLength(1)
      expect(await dataKeys(store)).toHaveLength(2)
    })

    test('a fenced writer that had read on is still fenced', async () => {
      const store = await open()
      const first = await begin(store)
      const second = await begin(store)
      await step(store, second, 1)
      await first.refresh(NEVER)
      await expect(first.append(() => ({ kind: 'heartbeat' }), NEVER)).rejects.toMatchObject({ code: 'FENCED' })
    })

    test('of many claims at once all are in the log and the last one holds it', async () => {
      const store = await open()
      const logs = await Promise.all(Array.from({ length: 8 }, (_, index) => openTestLog(store, `host:${index}`)))
      await Promise.all(logs.map((log) => log.claim(NEVER)))
      const state = await loadState(store, LAKE, { signal: NEVER })
      expect(state.number).toBe(8)
      const outcomes = await Promise.allSettled(
        logs.map((log) => log.append(() => ({ kind: 'heartbeat', position: at(1) }), NEVER)),
      )
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(logs.find(({ writer }) => writer === state.claim)?.state().number).toBe(9)
    })

    test('maintenance that came first is stepped over, and sees the newest state itself', async () => {
      const store = await open()
      const run = await begin(store)
      const one = await step(store, run, 1)
      const maintenance = await openTestLog(store, 'compactor:9', 'maintenance')
      await maintenance.append(() => ({ kind: 'intent' }), NEVER)
      const removed = one.tables[LOAN]?.added?.map(({ key }) => key) ?? []
      await step(store, run, 2)
      const merged = await land(store, maintenance, 1)
      const swap = await maintenance.append((state) => {
        expect(state.tables[LOAN]?.changes.length).toBeGreaterThan(0)
        return { kind: 'maintenance', tables: { [LOAN]: { removed, added: [merged] } } }
      }, NEVER)
      const third = await step(store, run, 3)
      expect([swap.number, third.number]).toEqual([6, 7])
      expect(run.state()).toEqual(await loadState(store, LAKE, { signal: NEVER }))
      expect(run.state().tables[LOAN]?.changes).toHaveLength(3)
    })

    test('maintenance stops when its inputs are no longer live', async () => {
      const store = await open()
      const run = await begin(store)
      const file = await step(store, run, 1)
      const [one, two] = await Promise.all([openTestLog(store, 'a', 'maintenance'), openTestLog(store, 'b', 'maintenance')])
      const removed = file.tables[LOAN]?.added?.map(({ key }) => key) ?? []
      const compact = (log: CommitLog) => log.append(() => ({ kind: 'maintenance', tables: { [LOAN]: { removed } } }), NEVER)
      await compact(one)
      await expect(compact(two)).rejects.toThrow('of which 0 are live')
    })
  })

  describe(`${name}: chunks of a snapshot that starts over`, () => {
    const chunk = { id: 'a', from: null, to: null, by: 'ctid' }
    const start = (generation: number) => ({
      generation,
      start: { storage: 's', plan: [chunk, { ...chunk, id: 'b' }] },
      done: {},
      complete: false,
    })

    async function withChunk(store: ObjectStore, log: CommitLog): Promise<FileEntry> {
      const file = entry(log, 'base', 1)
      await store.putIfAbsent(file.key, new Uint8Array([1]))
      const snapshot = { ...start(1), done: { a: at(1) } }
      await log.append(() => ({ kind: 'snapshot', tables: { [LOAN]: { snapshot, added: [file] } } }), NEVER)
      return file
    }

    test('are deleted by the commit that voids them', async () => {
      const store = await open()
      const log = await begin(store)
      const file = await withChunk(store, log)
      expect(await dataKeys(store)).toEqual([file.key])
      await log.append(() => ({ kind: 'snapshot', tables: { [LOAN]: { snapshot: start(2) } } }), NEVER)
      expect(await dataKeys(store)).toEqual([])
    })

    test('are swept by the next run when that commit was the last thing that happened', async () => {
      const real = await open()
      const dying = faultyStore(real, ({ operation }) => (operation === 'delete' ? { kind: 'die' } : null))
      const first = await begin(dying)
      const file = await withChunk(dying, first)
      await first.append(() => ({ kind: 'snapshot', tables: { [LOAN]: { snapshot: start(2) } } }), NEVER)
      expect(await dataKeys(real)).toEqual([file.key])
      const second = await begin(real)
      expect(await second.sweep(NEVER)).toEqual([file.key])
    })

    test('stay while the snapshot is under way and after it is complete, also when a later one replaces it', async () => {
      const store = await open()
      const first = await begin(store)
      const [one, two] = [await withChunk(store, first), entry(first, 'base', 2)]
      await store.putIfAbsent(two.key, new Uint8Array([1]))
      const second = await begin(store)
      expect(await second.sweep(NEVER)).toEqual([two.key])
      await store.putIfAbsent(two.key, new Uint8Array([1]))
      const snapshot = { generation: 1, done: { b: at(2) }, complete: true }
      await second.append(() => ({ kind: 'snapshot', tables: { [LOAN]: { snapshot, added: [two] } } }), NEVER)
      const replaced = { ...start(2), done: { a: at(5), b: at(5) }, complete: true }
      await second.append(() => ({ kind: 'snapshot', tables: { [LOAN]: { snapshot: replaced } } }), NEVER)
      const third = await begin(store)
      expect(await third.sweep(NEVER)).toEqual([])
      expect(await dataKeys(store)).toEqual([one.key, two.key].sort())
    })
  })

  describe(`${name}: a sweep`, () => {
    test('leaves alone what a commit named once, what maintenance writes, and rejects', async () => {
      const store = await open()
      const first = await begin(store)
      const named = await step(store, first, 1)
      const maintenance = await openTestLog(store, 'm', 'maintenance')
      const removed = named.tables[LOAN]?.added?.map(({ key }) => key) ?? []
      await maintenance.append(() => ({ kind: 'maintenance', tables: { [LOAN]: { removed } } }), NEVER)
      await land(store, maintenance, 1)
      const leftover = await land(store, first, 2)
      const reject = rejectsKey(LAKE, { commit: 5, writer: first.writer, part: 99, extension: 'jsonl' })
      await store.putIfAbsent(reject, new Uint8Array())
      const second = await begin(store)
      await land(store, second, 2)
      expect(await second.sweep(NEVER)).toEqual([leftover.key])
      expect(await dataKeys(store)).toHaveLength(4)
    })
  })
}
