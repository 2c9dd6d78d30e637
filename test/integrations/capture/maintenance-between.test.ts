/** Maintenance that is committed by another process exactly between the draft of a run's commit and its put. */
import { describe, expect, test } from 'vitest'
import type { TableName } from '../../../connectors/change.ts'
import { recoveryOf } from '../../../connectors/errors.ts'
import type { MemoryDatabase } from '../../../connectors/memory/database.ts'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { ObjectStore, Source } from '../../../connectors/ports.ts'
import { resyncTables } from '../../../integrations/capture/resync.ts'
import type { Commit } from '../../../integrations/land/log/commit.ts'
import { decodeCommit } from '../../../integrations/land/log/encode.ts'
import { openLog } from '../../../integrations/land/log/log.ts'
import { heldTables } from '../../../integrations/register/held-tables.ts'
import { DEFAULT_POLICIES, type SchemaPolicies } from '../../../integrations/register/schema-policy.ts'
import { environment, LAKE, lakeRows, runCapture, sourceRows, unnamedFiles } from './capture-harness.ts'
import { accept, CLIENT, INT32, LOAN, loanBook, signal, stateOf, TEXT } from './held-book.ts'

const DEFAULTS: SchemaPolicies = (_, kind) => ({ policy: DEFAULT_POLICIES[kind], setting: `schema_changes.${kind}` })
const APPLIED: SchemaPolicies = (_, kind) => ({ policy: 'apply', setting: `schema_changes.${kind}` })

type Maintenance = (store: ObjectStore) => Promise<void>

/** The store, with a commit of someone else's in front of the first commit that `before` picks. */
function rivalled(store: ObjectStore, before: (commit: Commit) => boolean, maintain: Maintenance): ObjectStore {
  let armed = true
  return {
    ...store,
    putIfAbsent: async (key, bytes, aborting) => {
      if (armed && key.includes('/log/') && before(decodeCommit(key, bytes))) {
        armed = false
        await maintain(store)
      }
      return store.putIfAbsent(key, bytes, aborting)
    },
  }
}

const openForMaintenance = (store: ObjectStore) =>
  openLog({ store, ...LAKE, environment, by: 'rival', role: 'maintenance', signal: signal() })

const copyAgain: Maintenance = async (store) => {
  const log = await openForMaintenance(store)
  if (LOAN in log.state().tables) await resyncTables(log, [LOAN], signal())
}

/** More than `apply` would do: the table may be there. */
const remove: Maintenance = async (store) => {
  const log = await openForMaintenance(store)
  const tables = { [LOAN]: { dropped: true } } as const
  if (LOAN in log.state().tables) await log.append(() => ({ kind: 'maintenance', tables }), signal())
}

const again = (database: MemoryDatabase): void =>
  database.commit((t) => {
    t.createTable(LOAN, { columns: [{ name: 'other', type: INT32 }], key: ['other'] })
    for (let other = 1; other <= 20; other++) t.insert(LOAN, { other })
  })

const waiting = async (store: ObjectStore) => heldTables(await stateOf(store)).map(({ table, changes }) => [table, ...changes])

/** A lake whose loans are gone from the source, and wait. */
async function withoutLoans(): Promise<{ database: MemoryDatabase; store: ObjectStore }> {
  const [database, store] = [loanBook(), openMemoryStore(environment)]
  await runCapture(database, store, { policies: DEFAULTS })
  database.commit((t) => t.dropTable(LOAN))
  await runCapture(database, store, { policies: DEFAULTS })
  expect(await waiting(store)).toEqual([[LOAN, 'table dropped']])
  return { database, store }
}

describe('maintenance between a draft and its put', () => {
  test('that accepts a table as gone makes the one that just came back a new table', async () => {
    const { database, store } = await withoutLoans()
    again(database)
    let rivals = 0
    const isVersion = ({ tables }: Commit): boolean => tables[LOAN]?.schema?.version === 2
    const rival = rivalled(store, isVersion, async (plain) => {
      rivals++
      await accept(plain)
    })
    expect(await runCapture(database, rival, { policies: DEFAULTS })).toBe('current')
    expect(rivals).toBe(1)
    const { schema, gone, base } = (await stateOf(store)).tables[LOAN] ?? {}
    expect([schema?.version, gone, base?.generation]).toEqual([1, null, 1])
    expect(await waiting(store)).toEqual([])
    expect(await lakeRows(store, LOAN)).toEqual(sourceRows(database, LOAN))
  })

  test('that asks for a new copy of a table that goes leaves it gone', async () => {
    const [database, store] = [loanBook(), openMemoryStore(environment)]
    await runCapture(database, store, { policies: DEFAULTS })
    database.commit((t) => t.dropTable(LOAN))
    const rival = rivalled(store, ({ tables }) => tables[LOAN]?.gone !== undefined, copyAgain)
    await runCapture(database, rival, { policies: DEFAULTS })
    await runCapture(database, store, { policies: DEFAULTS })
    expect(await waiting(store)).toEqual([[LOAN, 'table dropped']])
  })

  test('that accepts a table as gone whose rows are being landed has them landed again, under the new table', async () => {
    const [database, store] = [loanBook(), openMemoryStore(environment)]
    await runCapture(database, store, { policies: DEFAULTS })
    // One look at the catalogue does not show it; the table itself stays what it was, and so does its id.
    const hiding = (source: Source): Source => ({
      ...source,
      describe: async (aborting) => {
        const { tables, at } = await source.describe(aborting)
        return { tables: tables.filter(({ table }) => table !== LOAN), at }
      },
    })
    await runCapture(database, store, { policies: DEFAULTS, before: hiding })
    expect(await waiting(store)).toEqual([[LOAN, 'table dropped']])
    database.commit((t) => t.insert(LOAN, { id: 80, a: 'landed', b: 8 }))
    const rival = rivalled(store, ({ tables }) => tables[LOAN]?.added !== undefined, accept)
    await expect(runCapture(database, rival, { policies: DEFAULTS })).rejects.toMatchObject({ code: 'TABLE_REWRITTEN' })
    expect(LOAN in (await stateOf(store)).tables).toBe(false)
    await runCapture(database, store, { policies: DEFAULTS })
    expect(await lakeRows(store, LOAN)).toEqual(sourceRows(database, LOAN))
    expect(await unnamedFiles(store)).toEqual([])
  })

  const busy = (database: MemoryDatabase): void => {
    database.commit((t) => {
      t.retypeColumn(LOAN, 'b', TEXT, (value) => `n${value}`)
      t.insert(LOAN, { id: 30, a: 'new', b: 'x' })
      t.truncate(CLIENT)
      t.insert(CLIENT, { id: 2 })
    })
    for (let id = 40; id < 60; id++) database.commit((t) => t.insert(LOAN, { id, a: 'more', b: 'y' }))
  }

  const stories: readonly (readonly [string, () => Promise<{ database: MemoryDatabase; store: ObjectStore }>])[] = [
    ['a first copy', async () => ({ database: loanBook(), store: openMemoryStore(environment) })],
    [
      'changes of shape, a truncate and rows',
      async () => {
        const [database, store] = [loanBook(), openMemoryStore(environment)]
        await runCapture(database, store, { policies: DEFAULTS })
        busy(database)
        return { database, store }
      },
    ],
    [
      'a table that is back',
      async () => {
        const at = await withoutLoans()
        again(at.database)
        return at
      },
    ],
    [
      'a table that goes',
      async () => {
        const [database, store] = [loanBook(), openMemoryStore(environment)]
        await runCapture(database, store, { policies: DEFAULTS })
        database.commit((t) => t.insert(LOAN, { id: 70, a: 'last', b: 7 }))
        database.commit((t) => t.dropTable(LOAN))
        return { database, store }
      },
    ],
  ]
  const maintenance: readonly (readonly [string, Maintenance])[] = [
    ['accepted', accept],
    ['asked to be copied again', copyAgain],
    ['removed', remove],
  ]

  test.each(stories.flatMap(([story, begin]) => maintenance.map(([name, maintain]) => [story, name, begin, maintain] as const)))(
    'before any commit of a run with %s: loans are %s, and nothing is lost or refused for good',
    async (_story, _name, begin, maintain) => {
      for (let strike = 0, struck = true; struck; strike++) {
        const { database, store } = await begin()
        let commits = 0
        struck = false
        const rival = rivalled(
          store,
          () => commits++ === strike,
          async (plain) => {
            struck = true
            await maintain(plain)
          },
        )
        for (const policies of [DEFAULTS, APPLIED]) {
          for (let attempt = 1; ; attempt++) {
            try {
              await runCapture(database, rival, { policies, chunkRows: 3 })
              break
            } catch (error) {
              if (recoveryOf(error) !== 'retry' || attempt === 3) throw new Error(`before commit ${strike}`, { cause: error })
            }
          }
        }
        const { tables } = await stateOf(store)
        const inSource = new Set<string>(database.tables().map(({ table }) => table))
        expect(new Set(Object.keys(tables)), `before commit ${strike}`).toEqual(inSource)
        for (const table of inSource) {
          expect(tables[table as TableName]).toMatchObject({ pending: null, shown: null, gone: null })
          expect(await lakeRows(store, table), `${table}, before commit ${strike}`).toEqual(sourceRows(database, table))
        }
        expect(await unnamedFiles(store)).toEqual([])
      }
    },
    60_000,
  )
})
