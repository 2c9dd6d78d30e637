/** Every kind of change of shape, under every policy, while a run is at work and while none is: lake, warehouse and source. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Position } from '../../../connectors/change.ts'
import type { ConnectorError } from '../../../connectors/errors.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import type { MemoryDatabase, MemoryTransaction } from '../../../connectors/memory/database.ts'
import { positionOf } from '../../../connectors/memory/position.ts'
import type { ObjectStore } from '../../../connectors/ports.ts'
import { heldTables } from '../../../integrations/register/held-tables.ts'
import type { SchemaChangeKind } from '../../../integrations/register/schema-changes.ts'
import type { SchemaPolicies, SchemaPolicy } from '../../../integrations/register/schema-policy.ts'
import { environment, lakeRows, runCapture, sourceRows } from './capture-harness.ts'
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

const policies =
  (wanted: SchemaPolicy, kind: SchemaChangeKind): SchemaPolicies =>
  (_, each) => ({ policy: each === kind ? wanted : 'apply', setting: `schema_changes.${each} in loans.yaml:7` })

type Case = {
  readonly kind: SchemaChangeKind
  readonly change: (transaction: MemoryTransaction) => void
  /** The table that changes, when it is not `public.loan`. */
  readonly table?: string
}

const CASES: readonly Case[] = [
  {
    kind: 'add_column',
    change: (t) => {
      t.addColumn(LOAN, { name: 'more', type: TEXT, initial: 'm' })
      t.insert(LOAN, { id: 8, a: 'h', b: 8, more: 'x' })
    },
  },
  {
    kind: 'drop_column',
    change: (t) => {
      t.dropColumn(LOAN, 'a')
      t.insert(LOAN, { id: 8, b: 8 })
    },
  },
  {
    kind: 'rename_column',
    change: (t) => {
      t.renameColumn(LOAN, 'a', 'z')
      t.insert(LOAN, { id: 8, z: 'h', b: 8 })
    },
  },
  {
    kind: 'widen_column',
    change: (t) => {
      t.retypeColumn(LOAN, 'b', INT64, (value) => (value === null ? null : String(value)))
      t.insert(LOAN, { id: 8, a: 'h', b: '9007199254740993' })
    },
  },
  {
    kind: 'narrow_column',
    change: (t) => {
      t.retypeColumn(LOAN, 'id', INT32, (value) => Number(value))
      t.insert(LOAN, { id: 8, a: 'h', b: 8 })
    },
  },
  {
    kind: 'change_key',
    change: (t) => {
      t.changeKey(LOAN, ['a', 'id'])
      t.update(LOAN, { id: 2 }, { a: 'moved' })
      t.insert(LOAN, { id: 8, a: 'h', b: 8 })
    },
  },
  {
    kind: 'recreate_table',
    change: (t) => {
      t.dropTable(LOAN)
      t.createTable(LOAN, { columns: [{ name: 'id', type: TEXT }], key: ['id'] })
      t.insert(LOAN, { id: 'new' })
    },
  },
  { kind: 'drop_table', change: (t) => t.dropTable(LOAN) },
  {
    kind: 'add_table',
    table: 'public.card',
    change: (t) => {
      t.createTable('public.card', { columns: [{ name: 'id', type: INT32 }], key: ['id'] })
      t.insert('public.card', { id: 1 })
    },
  },
]

describe.each(CASES)('$kind', ({ kind, change, table = LOAN }) => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portage-held-'))
  })
  afterAll(() => rm(directory, { recursive: true }))
  let count = 0

  const open = async (): Promise<Required<Place>> => {
    const store = await openFilesystemStore(join(directory, String(++count)), environment)
    const database = loanBook()
    await runCapture(database, store)
    return register({ store, database })
  }

  /** Changes the shape, and rows of both tables after it; `at work`: while a run follows. */
  const happen = async (
    when: string,
    { store, database }: { readonly store: ObjectStore; readonly database: MemoryDatabase },
    rule: SchemaPolicies,
  ): Promise<void> => {
    const script = (): void => {
      database.commit((t) => t.update(LOAN, { id: 1 }, { a: 'before' }))
      database.commit(change)
      database.commit((t) => t.insert(CLIENT, { id: 50 }))
    }
    if (when === 'away') script()
    else await whileAtWork(store, database, rule, script)
    await runCapture(database, store, { policies: rule })
  }

  const here = (database: MemoryDatabase): boolean => database.tables().some((each) => each.table === table)

  test.each(['at work', 'away'])('apply, %s: the warehouse follows by itself', async (when) => {
    const at = await open()
    await happen(when, at, policies('apply', kind))
    await register(at)
    const state = await stateOf(at.store)
    expect(heldTables(state)).toEqual([])
    expect(await shown(at, CLIENT)).toEqual(source(at.database, CLIENT))
    if (here(at.database)) expect(await shown(at, table)).toEqual(source(at.database, table))
    else expect((await at.warehouse.registered('test', 'test', signal()))?.relations).toEqual(['client'])
  })

  test.each(['at work', 'away'])(
    'hold, %s: the warehouse keeps the table as it was, the lake goes on and is acknowledged, apply shows everything',
    async (when) => {
      const at = await open()
      const before = here(at.database) ? (await shown(at, LOAN)).map((line) => line.replace('1 | row 1 |', '1 | before |')) : null
      await happen(when, at, policies('hold', kind))
      await register(at)
      const held = heldTables(await stateOf(at.store))
      expect(held.map((each) => each.table)).toEqual([table])
      if (before === null)
        expect((await at.warehouse.registered('test', 'test', signal()))?.relations).toEqual(['client', 'loan'])
      else expect(await shown(at, LOAN)).toEqual(before)
      expect(await shown(at, CLIENT)).toEqual(source(at.database, CLIENT))
      if (here(at.database))
        expect((await lakeRows(at.store, table)).map(byName).toSorted()).toEqual(
          sourceRows(at.database, table).map(byName).toSorted(),
        )
      expect(at.database.slots.get('memory')?.confirmed).toBe(at.database.head)

      // Nothing that happens meanwhile shows, and nothing of it is lost.
      if (here(at.database)) at.database.commit((t) => t.insert(table, { id: kind === 'recreate_table' ? 'later' : 90 }))
      await runCapture(at.database, at.store, { policies: policies('hold', kind) })
      await register(at)
      if (before !== null) expect(await shown(at, LOAN)).toEqual(before)
      await accept(at.store)
      await runCapture(at.database, at.store, { policies: policies('hold', kind) })
      await register(at)
      expect(heldTables(await stateOf(at.store))).toEqual([])
      if (here(at.database)) expect(await shown(at, table)).toEqual(source(at.database, table))
      else expect((await at.warehouse.registered('test', 'test', signal()))?.relations).toEqual(['client'])
    },
  )

  test.each(['at work', 'away'])(
    'fail, %s: nothing of it is landed or acknowledged, and under another policy the run goes on with nothing lost',
    async (when) => {
      const at = await open()
      const versions = await versionsOf(at.store)
      const confirmed = at.database.slots.get('memory')?.confirmed ?? 0
      const error = await happen(when, at, policies('fail', kind)).then(
        () => null,
        (reason: ConnectorError) => reason,
      )
      expect(error).toMatchObject({ code: 'SCHEMA', recovery: 'operator' })
      expect(error?.message).toContain(`Table "${table}"`)
      expect(error?.message).toContain(`schema_changes.${kind} in loans.yaml:7 is "fail"`)
      expect(await versionsOf(at.store)).toEqual(versions)
      // A catalogue that shows what no row has shown is looked at when the stream has passed it.
      if (when === 'away' && kind !== 'drop_table' && kind !== 'add_table')
        expect(at.database.slots.get('memory')?.confirmed).toBeLessThanOrEqual(confirmed + 32)
      await runCapture(at.database, at.store, { policies: policies('apply', kind) })
      await register(at)
      if (here(at.database)) expect(await shown(at, table)).toEqual(source(at.database, table))
      expect(await shown(at, CLIENT)).toEqual(source(at.database, CLIENT))
    },
  )
})

/** Follows, lets the script happen, and stops when all of it is acknowledged; rejects with what the run fails with. */
async function whileAtWork(
  store: ObjectStore,
  database: MemoryDatabase,
  rule: SchemaPolicies,
  script: () => void,
): Promise<void> {
  const stop = new AbortController()
  let goal: Position | null = null
  await runCapture(database, store, {
    mode: 'forever',
    policies: rule,
    signal: AbortSignal.any([stop.signal, signal()]),
    onEvent: (event) => {
      if (event.kind === 'follow' && event.current && goal === null) {
        script()
        goal = positionOf(1, database.head, 0)
      }
      if (event.kind === 'acknowledged' && goal !== null && event.position >= goal) stop.abort()
    },
  })
}

/** The lake's columns stand in file order. */
const byName = (row: string): string => JSON.stringify(Object.entries(JSON.parse(row) as object).toSorted())

const versionsOf = async (store: ObjectStore): Promise<readonly (readonly [string, number])[]> =>
  Object.entries((await stateOf(store)).tables).map(([name, { schema }]) => [name, schema.version] as const)
