/** DDL between and inside transactions, read live and as a backlog that the catalogue has long left behind. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Position, SchemaChange, SourceTable } from '../../../connectors/change.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { Source } from '../../../connectors/ports.ts'
import { type Database, sharedPostgres } from '../../support/postgres.ts'
import { openTestSource } from '../../support/postgres-source.ts'
import { drain, EAGER, type SeenRow, type SeenSet, schemasOf } from '../../support/source-rows.ts'

const live = () => new AbortController().signal
const opened = async (): Promise<Database> => (await sharedPostgres()).createDatabase()
const prepare = (source: Source) => source.prepare({ from: null, identity: null, epoch: 1, takeOver: false }, live(), () => {})
const rowsOf = (sets: readonly SeenSet[]) => sets.flatMap((set) => set.rows)
const names = (change: SchemaChange | undefined) => change?.table.columns.map((column) => `${column.id}:${column.name}`).join(' ')

/** Runs the statements, then reads all of it; `known` is the table as it was before. */
async function backlog(
  setup: string,
  ...statements: string[]
): Promise<{ readonly sets: SeenSet[]; readonly changes: readonly SchemaChange[]; readonly rows: SeenRow[] }> {
  await using db = await opened()
  await db.query(setup)
  await using source = openTestSource(db.url)
  const { start, tables } = await prepare(source)
  for (const statement of statements) await db.query(statement)
  const sets = await drain(source, { from: start, known: tables })
  return { sets, changes: schemasOf(sets), rows: rowsOf(sets) }
}

const T = `create table t (id int primary key, a text, b text); insert into t values (0, 'a0', 'b0')`

describe('schema changes in a backlog', () => {
  test('adding, with the initial value of the rows that were there', async () => {
    const { changes, rows } = await backlog(
      T,
      `insert into t values (1, 'a', 'b')`,
      `alter table t add column c numeric(10,2) default 1.5`,
      `insert into t values (2, 'a', 'b', 3)`,
    )
    expect(changes.map(names)).toEqual(['1:id 2:a 3:b', '1:id 2:a 3:b 4:c'])
    expect(changes[1]?.table.columns[3]?.initial).toEqual({ text: '1.50' })
    expect(changes.map((change) => change.rewritten)).toEqual([false, false])
    expect(rows.map((row) => row.values)).toEqual([
      { 1: '1', 2: 'a', 3: 'b' },
      expect.objectContaining({ 1: '2', 2: 'a', 3: 'b' }),
    ])
  })

  test('a volatile default and a rewriting type change ask for a new snapshot', async () => {
    const volatile = await backlog(T, `alter table t add column c float8 default random()`, `insert into t (id) values (1)`)
    expect(volatile.changes.map((change) => change.rewritten)).toEqual([true])
    const using = await backlog(T, `alter table t alter column a type text using upper(a) || id`, `insert into t (id) values (1)`)
    expect(using.changes.map((change) => change.rewritten)).toEqual([true])
  })

  test('vacuum full, truncate and analyze do not', async () => {
    const { changes } = await backlog(
      T,
      'vacuum full t',
      `insert into t values (1, 'a', 'b')`,
      'truncate t',
      'analyze t',
      `insert into t values (2, 'a', 'b')`,
    )
    expect(changes.some((change) => change.rewritten)).toBe(false)
  })

  test('a rename and a swap of two names', async () => {
    const { changes, rows } = await backlog(
      T,
      `insert into t values (1, 'a', 'b')`,
      `alter table t rename a to x; alter table t rename b to a; alter table t rename x to b`,
      `insert into t (id, a, b) values (2, 'third', 'second')`,
    )
    expect(names(changes.at(-1))).toBe('1:id 2:b 3:a')
    expect(rows.map((row) => row.values)).toEqual([
      { 1: '1', 2: 'a', 3: 'b' },
      { 1: '2', 2: 'second', 3: 'third' },
    ])
    expect(changes.some((change) => change.rewritten)).toBe(false)
  })

  test('dropping, and a column that came and went', async () => {
    const { rows } = await backlog(
      T,
      `insert into t values (1, 'a', 'b')`,
      `alter table t add column gone text`,
      `insert into t values (2, 'a', 'b', 'g')`,
      `alter table t drop column gone, drop column a`,
      `insert into t values (3, 'b')`,
    )
    expect(rows.map((row) => row.values)).toEqual([
      { 1: '1', 2: 'a', 3: 'b' },
      { 1: '2', 2: 'a', 3: 'b', 4: 'g' },
      { 1: '3', 3: 'b' },
    ])
  })

  test.each([
    ['renamed', 'alter table t rename extra to more'],
    ['renamed and widened', 'alter table t rename extra to more; alter table t alter more type varchar(9)'],
  ])('a column that is added and then %s, of a table that lost its last column long before', async (_, later) => {
    const { rows } = await backlog(
      `${T}; alter table t drop column b`,
      `insert into t values (1, 'a')`,
      `alter table t add column extra varchar(5)`,
      `insert into t values (2, 'a', 'x')`,
      later,
      `insert into t values (3, 'a', 'y')`,
    )
    expect(rows.map((row) => row.values)).toEqual([
      { 1: '1', 2: 'a' },
      { 1: '2', 2: 'a', 4: 'x' },
      { 1: '3', 2: 'a', 4: 'y' },
    ])
  })

  test('a column dropped and added again under its name: old rows keep the old id, and the table is read again', async () => {
    const { changes, rows } = await backlog(
      T,
      `insert into t values (1, 'a', 'old')`,
      `alter table t drop column b; alter table t add column b text`,
      `insert into t values (2, 'a', 'new')`,
    )
    expect(rows.map((row) => row.values)).toEqual([
      { 1: '1', 2: 'a', 3: 'old' },
      { 1: '2', 2: 'a', 4: 'new' },
    ])
    expect(changes.some((change) => change.rewritten)).toBe(true)
  })

  test('a widened column, and a key that changed', async () => {
    const { changes, rows } = await backlog(
      `create table t (id int primary key, a varchar(5), b text not null)`,
      `insert into t values (1, 'a', 'b')`,
      `alter table t alter a type varchar(50); alter table t drop constraint t_pkey; alter table t add primary key (b)`,
      `insert into t values (2, 'longer than five', 'b2')`,
      `delete from t where b = 'b2'`,
    )
    expect(changes.at(-1)?.table.key).toEqual([3])
    expect(changes.at(-1)?.table.columns[1]?.sourceType).toBe('character varying(50)')
    expect(changes.some((change) => change.rewritten)).toBe(false)
    expect(rows.map((row) => row.op)).toEqual(['c', 'c', 'd'])
  })

  test('a table dropped and created again under its name', async () => {
    await using db = await opened()
    await db.query(T)
    await using source = openTestSource(db.url)
    const { start, tables, identity } = await prepare(source)
    await db.query(`insert into t values (1, 'a', 'b')`)
    await db.query(`drop table t; create table t (b int primary key, id text)`)
    await source.prepare({ from: start, identity, epoch: 1, takeOver: true }, live(), () => {})
    await db.query(`insert into t values (7, 'seven')`)
    const sets = await drain(source, { from: start, known: tables })
    expect(rowsOf(sets).map((row) => row.values)).toEqual([
      { 1: '1', 2: 'a', 3: 'b' },
      { 1: '7', 2: 'seven' },
    ])
    const recreated = schemasOf(sets).at(-1)
    expect(recreated?.rewritten).toBe(true)
    expect(recreated?.table.id).not.toBe(tables[0]?.id)
  })

  test('DDL inside a transaction with rows before and after it', async () => {
    const { changes, rows } = await backlog(
      T,
      `begin; insert into t values (1, 'a', 'b'); alter table t add column c int; insert into t values (2, 'a', 'b', 3); commit`,
    )
    expect(rows.map((row) => row.values)).toEqual([
      { 1: '1', 2: 'a', 3: 'b' },
      { 1: '2', 2: 'a', 3: 'b', 4: '3' },
    ])
    const [, second] = rows
    expect(second !== undefined && changes.at(-1) !== undefined && (changes.at(-1)?.position ?? '') <= second.position).toBe(true)
  })
})

describe('the form of the stream', () => {
  test('a column whose binary form is not understood turns the stream to text at the next start', async () => {
    await using db = await opened()
    await db.query('create table t (id int primary key)')
    await using source = openTestSource(db.url)
    const { start, tables } = await prepare(source)
    const follow = source.follow({ from: start, known: tables, flush: EAGER, heartbeatMs: 0 }, live())[Symbol.asyncIterator]()
    await follow.next()
    await db.query(`alter table t add column v tsquery; insert into t values (1, 'b & a'), (2, null)`)
    await expect(follow.next()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const rows = rowsOf(await drain(source, { from: start, known: tables }))
    expect(rows.map((row) => row.values)).toEqual([
      { 1: '1', 2: "'b' & 'a'" },
      { 1: '2', 2: null },
    ])
  })
})

// ------------------------------------------------------------------------------------------------- any DDL and DML

type Step = { readonly sql: string }
type Model = {
  readonly columns: readonly string[]
  readonly next: number
  readonly ids: readonly number[]
  readonly nextId: number
}

/** Statements that are valid in order; column names are reused on purpose. */
function script(choices: readonly number[]): readonly Step[] {
  let model: Model = { columns: ['a', 'b'], next: 0, ids: [], nextId: 1 }
  const steps: Step[] = []
  for (const choice of choices) {
    const pick = Math.floor(choice / 16)
    const column = model.columns[pick % Math.max(1, model.columns.length)]
    const id = model.ids[pick % Math.max(1, model.ids.length)]
    const fresh = ['a', 'b', 'c', 'd', 'e'].find((name) => !model.columns.includes(name))
    switch (choice % 16) {
      case 0:
        if (fresh === undefined) break
        model = { ...model, columns: [...model.columns, fresh] }
        steps.push({ sql: `alter table t add column ${fresh} text` })
        break
      case 1:
        if (fresh === undefined) break
        model = { ...model, columns: [...model.columns, fresh] }
        steps.push({ sql: `alter table t add column ${fresh} text default 'initial ${steps.length}'` })
        break
      case 2:
        if (column === undefined) break
        model = { ...model, columns: model.columns.filter((name) => name !== column) }
        steps.push({ sql: `alter table t drop column ${column}` })
        break
      case 3:
        if (column === undefined || fresh === undefined) break
        model = { ...model, columns: model.columns.map((name) => (name === column ? fresh : name)) }
        steps.push({ sql: `alter table t rename ${column} to ${fresh}` })
        break
      case 4: {
        const [one, two] = model.columns
        if (one === undefined || two === undefined) break
        model = { ...model, columns: model.columns.map((name) => (name === one ? two : name === two ? one : name)) }
        steps.push({
          sql: `alter table t rename ${one} to x; alter table t rename ${two} to ${one}; alter table t rename x to ${two}`,
        })
        break
      }
      case 5:
        steps.push({ sql: 'vacuum full t' })
        break
      case 6:
        if (id === undefined) break
        model = { ...model, ids: model.ids.filter((other) => other !== id) }
        steps.push({ sql: `delete from t where id = ${id}` })
        break
      case 7:
        if (id === undefined) break
        model = { ...model, ids: [...model.ids.filter((other) => other !== id), model.nextId], nextId: model.nextId + 1 }
        steps.push({ sql: `update t set id = ${model.nextId - 1} where id = ${id}` })
        break
      case 8:
      case 9:
      case 10:
        if (id === undefined || column === undefined) break
        steps.push({ sql: `update t set ${column} = 'u${steps.length}' where id = ${id}` })
        break
      default: {
        const values = model.columns.map((name) => `'${name}${steps.length}'`)
        steps.push({
          sql: `insert into t (${['id', ...model.columns].join(', ')}) values (${[model.nextId, ...values].join(', ')})`,
        })
        model = { ...model, ids: [...model.ids, model.nextId], nextId: model.nextId + 1 }
      }
    }
  }
  return steps
}

/** What a reader of the files would see: the newest row per key, initial values below the position where a column came. */
function current(
  sets: readonly SeenSet[],
  first: SourceTable,
): { readonly rows: Map<string, Record<string, string | null>>; readonly rewritten: boolean } {
  const came = new Map<number, { readonly position: Position; readonly text: string | null }>()
  let table = first
  for (const change of schemasOf(sets)) {
    for (const column of change.table.columns) {
      if (!first.columns.some((known) => known.id === column.id) && !came.has(column.id)) {
        came.set(column.id, { position: change.position, text: column.initial?.text ?? null })
      }
    }
    table = change.table
  }
  const rows = new Map<string, SeenRow>()
  for (const row of rowsOf(sets)) {
    if (row.op === 'd') rows.delete(String(row.values[1]))
    else rows.set(String(row.values[1]), row)
  }
  const shown = [...rows].map(([id, row]): [string, Record<string, string | null>] => [
    id,
    Object.fromEntries(
      table.columns.map((column) => {
        const added = came.get(column.id)
        const initial = added !== undefined && row.position < added.position ? added.text : null
        return [column.name, row.values[column.id] ?? initial]
      }),
    ),
  ])
  return { rows: new Map(shown), rewritten: schemasOf(sets).some((change) => change.rewritten) }
}

describe('any sequence of DDL and DML', () => {
  for (const mode of ['as a backlog', 'live'] as const) {
    test(`the streamed table is the source's table, ${mode}`, { timeout: 120_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat(255), { minLength: 5, maxLength: 25 }), async (choices) => {
          await using db = await opened()
          await db.query('create table t (id int primary key, a text, b text)')
          await using source = openTestSource(db.url)
          const { start, tables } = await prepare(source)
          const [first] = tables
          if (first === undefined) throw new Error('no table')
          const sets: SeenSet[] = []
          let known: readonly SourceTable[] = tables
          const read = async () => {
            const from = sets.at(-1)?.cut ?? start
            try {
              sets.push(...(await drain(source, { from, known })))
            } catch (error) {
              // What cannot be told apart is refused; a live reader never has to.
              if (mode === 'live' || !(error instanceof ConnectorError) || error.code !== 'SCHEMA') throw error
              fc.pre(false)
            }
            const newest = schemasOf(sets).at(-1)
            if (newest !== undefined) known = [newest.table]
          }
          for (const step of script(choices)) {
            await db.query(step.sql)
            if (mode === 'live') await read()
          }
          // A last row, so that the last schema is seen.
          await db.query('insert into t (id) values (-1)')
          await read()
          const expected = await db.query<{ row: Record<string, unknown> }>('select to_jsonb(t) as row from t')
          const wanted = new Map(
            expected.map(({ row }) => [
              String(row.id),
              Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)])),
            ]),
          )
          const seen = current(sets, first)
          // Otherwise a new snapshot replaces what was read so far.
          if (!seen.rewritten) expect(seen.rows).toEqual(wanted)
        }),
        { numRuns: mode === 'live' ? 4 : 12, endOnFailure: true },
      )
    })
  }
})
