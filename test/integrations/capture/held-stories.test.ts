/** What may happen to a table while it is held. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import { MemoryDatabase, type MemoryTransaction } from '../../../connectors/memory/database.ts'
import { resyncTables } from '../../../integrations/capture/resync.ts'
import { openLog } from '../../../integrations/land/log/log.ts'
import { heldTables } from '../../../integrations/register/held-tables.ts'
import { DEFAULT_POLICIES, type SchemaPolicies } from '../../../integrations/register/schema-policy.ts'
import { environment, LAKE, runCapture } from './capture-harness.ts'
import {
  accept,
  CLIENT,
  INT32,
  INT64,
  LOAN,
  loanBook,
  type Place,
  register,
  shown,
  signal,
  source,
  stateOf,
  TEXT,
} from './held-book.ts'

const DEFAULTS: SchemaPolicies = (_, kind) => ({ policy: DEFAULT_POLICIES[kind], setting: `schema_changes.${kind}` })
const ALL_HELD: SchemaPolicies = (_, kind) => ({ policy: 'hold', setting: `schema_changes.${kind}` })

describe('a table that is held', () => {
  let directory: string
  let count = 0
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portage-stories-'))
  })
  afterAll(() => rm(directory, { recursive: true }))

  const open = async (database = loanBook()): Promise<Place> => {
    const store = await openFilesystemStore(join(directory, String(++count)), environment)
    await runCapture(database, store, { policies: DEFAULTS })
    return register({ store, database })
  }
  const run = async (place: Place, policies = DEFAULTS): Promise<Place> => {
    await runCapture(place.database, place.store, { policies })
    return register(place)
  }
  const waiting = async ({ store }: Place) => heldTables(await stateOf(store)).map(({ table, changes }) => [table, ...changes])

  test('is held further by every later change, and one apply accepts all of them', async () => {
    const at = await open()
    const before = await shown(at, LOAN)
    at.database.commit((t) => {
      t.dropColumn(LOAN, 'a')
      t.insert(LOAN, { id: 10, b: 10 })
    })
    await run(at)
    at.database.commit((t) => {
      t.addColumn(LOAN, { name: 'c', type: TEXT })
      t.insert(LOAN, { id: 11, b: 11, c: 'c' })
    })
    await run(at)
    at.database.commit((t) => {
      t.renameColumn(LOAN, 'b', 'a')
      t.insert(LOAN, { id: 12, a: 12, c: 'c' })
    })
    await run(at)
    expect(await waiting(at)).toEqual([[LOAN, 'column "a" dropped', 'column "b" renamed to "a"', 'column "c" added']])
    expect(await shown(at, LOAN)).toEqual(before)
    await accept(at.store)
    await register(at)
    expect(await shown(at, LOAN)).toEqual(source(at.database, LOAN))
    expect(await shown(at, `${LOAN}_changes`)).toHaveLength(8)
  })

  test('is released when the change is taken back, also one that took new rows', async () => {
    for (const [there, back] of [
      [(t) => t.renameColumn(LOAN, 'a', 'z'), (t) => t.renameColumn(LOAN, 'z', 'a')],
      [(t) => t.changeKey(LOAN, ['id', 'b']), (t) => t.changeKey(LOAN, ['id'])],
    ] satisfies (readonly [Parameters<MemoryDatabase['commit']>[0], Parameters<MemoryDatabase['commit']>[0]])[]) {
      const at = await open()
      at.database.commit(there)
      at.database.commit((t) => t.insert(LOAN, { id: 20, b: 20 }))
      await run(at, ALL_HELD)
      expect(await waiting(at)).toHaveLength(1)
      at.database.commit(back)
      at.database.commit((t) => t.insert(LOAN, { id: 21, b: 21 }))
      await run(at, ALL_HELD)
      expect(await waiting(at)).toEqual([])
      expect(await shown(at, LOAN)).toEqual(source(at.database, LOAN))
    }
  })

  test('is not held before its first copy is complete: there is nothing to keep', async () => {
    const database = new MemoryDatabase()
    database.commit((t) => {
      t.createTable(LOAN, {
        columns: [
          { name: 'id', type: INT64 },
          { name: 'a', type: TEXT },
        ],
        key: ['id'],
      })
      for (let id = 1; id <= 40; id++) t.insert(LOAN, { id, a: 'x' })
    })
    const store = await openFilesystemStore(join(directory, String(++count)), environment)
    let changed = false
    await runCapture(database, store, {
      policies: DEFAULTS,
      chunkRows: 3,
      readers: 1,
      onEvent: (event) => {
        if (changed || event.kind !== 'snapshot' || event.rows < 9) return
        changed = true
        database.commit((t) => {
          t.dropColumn(LOAN, 'a')
          t.insert(LOAN, { id: 50 })
        })
      },
    })
    const at = await register({ store, database })
    expect(await waiting(at)).toEqual([])
    expect(await shown(at, LOAN)).toEqual(source(database, LOAN))
  })

  test('keeps its old base while a resync brings a new one', async () => {
    const at = await open()
    const before = await shown(at, LOAN)
    at.database.commit((t) => {
      t.dropColumn(LOAN, 'a')
      t.delete(LOAN, { id: 1 })
    })
    await run(at)
    const log = await openLog({ store: at.store, ...LAKE, environment, by: 'resync', signal: signal() })
    await log.claim(signal())
    await resyncTables(log, [LOAN], signal())
    await run(at)
    expect((await stateOf(at.store)).tables[LOAN]?.base?.generation).toBeGreaterThan(1)
    expect(await shown(at, LOAN)).toEqual(before)
    await accept(at.store)
    await register(at)
    expect(await shown(at, LOAN)).toEqual(source(at.database, LOAN))
  })

  test('that was accepted before its new rows are copied shows the old ones until they are', async () => {
    const at = await open()
    const before = await shown(at, LOAN)
    at.database.commit((t) => t.retypeColumn(LOAN, 'b', TEXT, (value) => `n${value}`))
    const stop = new AbortController()
    const ended = runCapture(at.database, at.store, {
      policies: DEFAULTS,
      signal: AbortSignal.any([stop.signal, signal()]),
      // The new shape is committed, its rows are not.
      onEvent: (event) => {
        if (event.kind === 'schema' && event.version > 1) stop.abort()
      },
    })
    expect(await ended).toBe('stopped')
    await accept(at.store)
    await register(at)
    expect(await waiting(at)).toEqual([])
    expect(await shown(at, LOAN)).toEqual(before)
    await run(at)
    expect(await shown(at, LOAN)).toEqual(source(at.database, LOAN))
  })

  test('is accepted by the next run when the configuration says apply', async () => {
    const at = await open()
    at.database.commit((t) => {
      t.dropColumn(LOAN, 'a')
      t.insert(LOAN, { id: 30, b: 30 })
    })
    await run(at)
    expect(await waiting(at)).toHaveLength(1)
    await run(at, (_, kind) => ({ policy: 'apply', setting: kind }))
    expect(await waiting(at)).toEqual([])
    expect(await shown(at, LOAN)).toEqual(source(at.database, LOAN))
  })

  test('shows no row of the new shape when the catalogue was seen ahead of the stream', async () => {
    const at = await open()
    const before = await shown(at, LOAN)
    at.database.commit((t) => {
      t.dropColumn(LOAN, 'a')
      t.insert(LOAN, { id: 40, b: 40 })
    })
    at.database.commit((t) => t.insert(LOAN, { id: 41, b: 41 }))
    // A new table's snapshot describes the catalogue before the stream has read the transactions above.
    at.database.commit((t) => {
      t.createTable('public.card', { columns: [{ name: 'id', type: INT32 }], key: ['id'] })
      t.insert('public.card', { id: 1 })
    })
    await run(at)
    expect(await shown(at, LOAN)).toEqual(before)
    expect(await shown(at, 'public.card')).toEqual(['1'])
    expect(await shown(at, CLIENT)).toEqual(source(at.database, CLIENT))
    await accept(at.store)
    await register(at)
    expect(await shown(at, LOAN)).toEqual(source(at.database, LOAN))
  })

  test('that was dropped and accepted while a run is at work may come back as a new table', async () => {
    const at = await open()
    at.database.commit((t) => t.dropTable(LOAN))
    await run(at)
    expect(await waiting(at)).toEqual([[LOAN, 'table dropped']])
    const stop = new AbortController()
    let step = 0
    await runCapture(at.database, at.store, {
      policies: DEFAULTS,
      mode: 'forever',
      signal: AbortSignal.any([stop.signal, signal()]),
      onEvent: (event) => {
        if (event.kind === 'follow' && event.current && step === 0) {
          step = 1
          void accept(at.store).then(() => {
            at.database.commit((t) => {
              t.createTable(LOAN, { columns: [{ name: 'other', type: INT32 }], key: ['other'] })
              t.insert(LOAN, { other: 7 })
            })
            step = 2
          })
        }
        if (event.kind === 'snapshot' && event.table === LOAN && event.complete && step === 2) stop.abort()
      },
    })
    await run(at)
    expect(await waiting(at)).toEqual([])
    expect(await shown(at, LOAN)).toEqual(['7'])
  })

  test.each(['between two looks', 'after its end was seen'])(
    'that comes back %s is copied only when its changes are sent: it is prepared first',
    async (when) => {
      const at = await open()
      await run(at)
      const again = (t: MemoryTransaction): void => {
        t.createTable(LOAN, { columns: [{ name: 'other', type: INT32 }], key: ['other'] })
        t.insert(LOAN, { other: 7 })
      }
      const stop = new AbortController()
      let step = 0
      const published = new Set<string>()
      const copied: boolean[] = []
      await runCapture(at.database, at.store, {
        policies: DEFAULTS,
        mode: 'forever',
        signal: AbortSignal.any([stop.signal, signal()]),
        before: (plain) => ({
          ...plain,
          prepare: async (...request) => {
            const prepared = await plain.prepare(...request)
            published.clear()
            for (const { id } of prepared.tables) published.add(id)
            return prepared
          },
          readChunk: (request, aborting) => {
            copied.push(published.has(request.table.id))
            return plain.readChunk(request, aborting)
          },
        }),
        onEvent: (event) => {
          if (event.kind === 'follow' && event.current && step === 0) {
            step = 1
            at.database.commit((t) => {
              t.dropTable(LOAN)
              if (when === 'between two looks') again(t)
            })
          }
          if (event.kind === 'schema' && event.table === LOAN && event.changes.includes('table dropped') && step === 1) {
            step = 2
            at.database.commit(again)
          }
          if (event.kind === 'snapshot' && event.table === LOAN && event.complete) stop.abort()
        },
      })
      expect([copied.length > 0, copied.includes(false)]).toEqual([true, false])
      await accept(at.store)
      await register(at)
      expect(await shown(at, LOAN)).toEqual(['7'])
    },
  )
})
