/** Every type from the source's row to the warehouse's: by snapshot, by insert and by update alike, as Postgres prints it. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { streamFormat } from '../../../connectors/postgres/decode/column-plan.ts'
import { type Json, readParquetRows } from '../../../integrations/land/parquet/inspect.ts'
import { applySettings, planTable } from '../../connectors/postgres/decode/wire.ts'
import { rangesOf } from '../../support/parquet-files.ts'
import type { Scratch } from '../../support/scratch.ts'
import {
  BINARY_COLUMNS,
  columnName,
  comparableText,
  TYPED_COLUMNS,
  TYPED_ROWS,
  TYPED_TABLE_TYPES,
  type TypedColumn,
  typedInserts,
  typedLake,
  typedSource,
  typedTableSql,
} from '../../support/typed-table.ts'
import { type Job, openJob } from './job.ts'

/** The job with other choices for its columns. */
const reconfigure = ({ root }: Job, more: string) => root.write(INTEGRATION, `${root.read(INTEGRATION)}\n${more}`)
const INTEGRATION = 'config/integrations/job.yaml'

const inserted = 1000

/** The rows of all data files of a kind, by id, as they are stored. */
async function storedRows(root: Scratch, kind: 'base' | 'changes', op: string): Promise<Map<number, Record<string, Json>>> {
  const files = readdirSync(root.path('lake'), { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.parquet') && file.includes(`/${kind}/`),
  )
  const rows = new Map<number, Record<string, Json>>()
  for (const file of files) {
    const bytes = readFileSync(root.path('lake', file))
    for await (const row of readParquetRows(rangesOf(bytes), bytes.length)) if (row._op === op) rows.set(Number(row.id), row)
  }
  return rows
}

/** Values only, without metadata, id and counter. */
const typedValues = (row: Record<string, Json> | undefined, typed: readonly TypedColumn[]) =>
  typed.map(({ type }, i) => [type, row?.[columnName(i)]] as const)

test.each([
  ['binary', BINARY_COLUMNS],
  ['text', TYPED_COLUMNS],
] as const)(
  'every type and extreme lands with equal bytes by snapshot and by %s stream, and reads as Postgres prints it',
  async (form, typed) => {
    await using at = await openJob()
    const { db } = at
    await db.query(TYPED_TABLE_TYPES)
    for (const sql of typedTableSql('public.typed', typed)) await db.query(sql)
    expect(streamFormat((await planTable(db.client, 'typed')).plans)).toBe(form)
    expect(await at.run('run', '--until-current')).toMatchObject({ code: 0 })
    for (const sql of typedInserts('public.typed', inserted, typed)) await db.query(sql)
    await db.query('update public.typed set touched = 1 where id < $1', [inserted])
    expect(await at.run('run', '--until-current')).toMatchObject({ code: 0 })

    const base = await storedRows(at.root, 'base', 'r')
    const created = await storedRows(at.root, 'changes', 'c')
    const updated = await storedRows(at.root, 'changes', 'u')
    for (let row = 0; row <= TYPED_ROWS; row++) {
      const expected = typedValues(base.get(row), typed)
      expect(typedValues(created.get(inserted + row), typed), `row ${row} inserted`).toEqual(expected)
      expect(typedValues(updated.get(row), typed), `row ${row} updated`).toEqual(expected)
      expect(updated.get(row)?._unchanged ?? null).toBeNull()
    }

    await applySettings(db.client)
    const source = await db.query<Record<string, string | null>>(`select ${typedSource(typed)} from public.typed t order by t.id`)
    const query = await at.run('query', `select ${typedLake(typed)} from job.typed order by id`, '--format', 'json')
    expect(query).toMatchObject({ code: 0, stderr: '' })
    const lake = query.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lake).toHaveLength(2 * (TYPED_ROWS + 1))
    for (const [row, values] of source.entries()) {
      for (const [i, column] of typed.entries()) {
        const [expected, found] = [values, lake[row]].map((each) => comparableText(column, each?.[columnName(i)] ?? null))
        if (expected !== found)
          expect([column.type, found?.slice(0, 200), row]).toEqual([column.type, expected?.slice(0, 200), row])
      }
    }
  },
  60_000,
)

const BAD_TABLE = /* sql */ `create table public.bad (
  id int8 primary key, amount numeric(12,2), born date, seen timestamptz, at time, note text);
  insert into public.bad values (1, 1.50, '2000-01-01', '2000-01-01 00:00+00', '12:00', 'a')`

/** Row 1 and what else is in the relation, as JSON lines. */
const badRows = async (at: Job) => {
  const { stdout } = await at.run('query', 'select * from job.bad order by id', '--format', 'json')
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const rejectLines = ({ root }: Job) =>
  readdirSync(root.path('lake'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.includes('/rejects/') && file.endsWith('.jsonl'))
    .flatMap((file) => root.read('lake', file).trim().split('\n'))
    .map((line) => JSON.parse(line))

test('a value that does not fit stops snapshot and stream, unshown and unacknowledged; another policy lets it in', async () => {
  await using at = await openJob()
  const { db } = at
  await db.query(BAD_TABLE)
  await db.query(`insert into public.bad (id, born) values (2, '54321-06-07')`)
  const snapshot = await at.run('run', '--until-current')
  expect(snapshot.code).toBe(1)
  expect(snapshot.stderr).toMatch(/"public\.bad\.born" \(date\) holds a date beyond the year 9999, .*on_bad_value: error/)
  expect(snapshot.stdout + snapshot.stderr).not.toContain('54321')

  await db.query('delete from public.bad where id = 2')
  expect(await at.run('run', '--until-current')).toMatchObject({ code: 0 })
  await db.query(`insert into public.bad (id, seen) values (3, '2001-01-01'), (4, '54321-06-07 00:00+00'), (5, 'infinity')`)
  const [before] = await db.query<{ lsn: string }>(`select pg_current_wal_lsn()::text as lsn`)
  await db.query(`insert into public.bad (id) values (6)`)
  const stream = await at.run('run', '--until-current')
  expect(stream.code).toBe(1)
  expect(stream.stderr).toMatch(/"public\.bad\.seen" \(timestamp with time zone\) holds a date beyond the year 9999/)
  expect(stream.stdout + stream.stderr).not.toContain('54321')
  expect(
    await db.query('select 1 from pg_replication_slots where slot_name = $1 and confirmed_flush_lsn < $2::pg_lsn', [
      at.slot,
      before?.lsn,
    ]),
  ).toHaveLength(1)

  reconfigure(at, `columns: {public.bad.seen: {on_bad_value: 'null'}}\n`)
  expect(await at.run('run', '--until-current')).toMatchObject({ code: 0 })
  expect((await badRows(at)).map(({ id, seen }) => [id, seen])).toEqual([
    ['1', '2000-01-01T00:00:00.000000Z'],
    ['3', '2001-01-01T00:00:00.000000Z'],
    ['4', null],
    ['5', null],
    ['6', null],
  ])
})

test('reject keeps a row aside with its reason, leaves no older version of it, and is told until someone looks', async () => {
  await using at = await openJob({ more: 'on_bad_value: reject\ncolumns: {public.full.born: {on_bad_value: text}}\n' })
  const { db } = at
  await db.query(BAD_TABLE)
  await db.query(`insert into public.bad (id, amount) values (2, 2), (3, 'NaN'), (4, 4)`)
  await db.query('create table public.full (id int8 primary key, amount numeric(12,2), born date)')
  await db.query('alter table public.full replica identity full')
  await db.query(`insert into public.full values (1, 1, '0044-03-15 BC'), (2, 2, 'infinity'), (3, 3, '2000-01-01')`)
  const snapshot = await at.run('run', '--until-current')
  expect(snapshot.code).toBe(0)
  expect(snapshot.stderr).toContain('!!! 1 row of public.bad REJECTED')
  await db.query(`insert into public.bad (id, at, born) values (5, '24:00', 'infinity')`)
  await db.query(`update public.bad set amount = 'NaN' where id = 2`)
  await db.query(`update public.full set amount = 'NaN' where id <= 2`)
  await db.query('delete from public.full where id = 2')
  await db.query(`update public.full set amount = 10 where id = 1`)
  const stream = await at.run('run', '--until-current', '--json')
  expect(stream.code).toBe(0)
  expect(stream.stderr).toMatch(/REJECTED 1 row of public\.bad because of column amount/)
  expect(stream.stderr).toContain('!!! 2 rows of public.bad REJECTED')
  expect(stream.stderr).toContain('!!! 2 rows of public.full REJECTED')
  expect(JSON.parse(stream.stdout).tables).toMatchObject([
    { table: 'public.bad', rejects: 2 },
    { table: 'public.full', rejects: 2 },
  ])
  expect(rejectLines(at).map(({ table, column, reason, row }) => [table, column, reason, row.id])).toEqual([
    ['public.bad', 'amount', 'numeric NaN', '3'],
    ['public.bad', 'born', 'an infinite date or timestamp', '5'],
    ['public.bad', 'amount', 'numeric NaN', '2'],
    ['public.full', 'amount', 'numeric NaN', '1'],
    ['public.full', 'amount', 'numeric NaN', '2'],
  ])
  expect((await badRows(at)).map(({ id }) => id)).toEqual(['1', '4'])
  const full = await at.run('query', 'select * from job.full order by id', '--format', 'csv')
  expect(full.stdout).toBe('id,amount,born\n1,10.00,0044-03-15 BC\n3,3.00,2000-01-01\n')
  expect((await at.run('status')).stdout).toContain('!!! 5 rows REJECTED')
  expect(JSON.parse((await at.run('status', '--json')).stdout)).toMatchObject([{ rejects: 5 }])
})

test('under reject a column added with a default that does not fit takes a new copy: older rows are put aside, not shown with NULL', async () => {
  await using at = await openJob({ more: 'on_bad_value: reject\n' })
  const { db } = at
  await db.query(`create table public.term (id int8 primary key, name text); insert into public.term values (1, 'a'), (2, 'b')`)
  await at.catchUp()
  await db.query(`alter table public.term add column until date default 'infinity'`)
  await db.query(
    `insert into public.term values (3, 'c', '2030-01-01'); update public.term set until = '2031-01-01' where id = 2`,
  )
  await at.catchUp()
  const shown = await at.run('query', 'select id, until from job.term order by id', '--format', 'csv')
  expect(shown.stdout).toBe('id,until\n2,2031-01-01\n3,2030-01-01\n')
  expect(rejectLines(at).map(({ column, row }) => [column, row.id])).toEqual([['until', '1']])
  expect((await at.run('reconcile')).code).toBe(0)
})

test('a column that becomes text by policy is read anew, so that older rows keep their value', async () => {
  await using at = await openJob()
  const { db } = at
  await db.query(BAD_TABLE)
  await at.run('run', '--until-current')
  await db.query(`insert into public.bad (id, amount, born) values (2, 'NaN', '-infinity')`)
  expect(await at.run('run', '--until-current')).toMatchObject({ code: 1 })
  reconfigure(at, 'on_bad_value: text\n')
  const text = await at.run('run', '--until-current')
  expect(text).toMatchObject({ code: 0 })
  expect((await badRows(at)).map(({ amount, born, at: clock }) => [amount, born, clock])).toEqual([
    ['1.50', '2000-01-01', '12:00:00'],
    ['NaN', '-infinity', null],
  ])
})
