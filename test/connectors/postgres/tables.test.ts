import { expect, test } from 'vitest'
import { postgresOptions } from '../../../connectors/postgres/options.ts'
import { openPostgresTables } from '../../../connectors/postgres/tables/tables.ts'
import type { ReadRequest, Tables, WriteRequest } from '../../../connectors/tables.ts'
import { tableReaderContract } from '../../contracts/table-reader.ts'
import { batches, batchOf, COLUMNS } from '../../contracts/table-rows.ts'
import { tableWriterContract } from '../../contracts/table-writer.ts'
import { type Database, sharedPostgres } from '../../support/postgres.ts'
import { linesOf, strict } from '../../support/table-rows.ts'

const signal = new AbortController().signal
const ADDRESS = { schema: 'public', name: 'x' }

async function opened(): Promise<AsyncDisposable & { readonly database: Database; readonly tables: Tables }> {
  const database = await (await sharedPostgres()).createDatabase()
  const tables = openPostgresTables(postgresOptions.parse({ url: database.url }))
  return {
    database,
    tables,
    [Symbol.asyncDispose]: async () => {
      await tables[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

const reading = (request: Partial<ReadRequest> = {}): ReadRequest => ({
  from: { kind: 'table', table: ADDRESS },
  columns: null,
  where: null,
  badValues: strict,
  ...request,
})
const writing = (request: Partial<WriteRequest> = {}): WriteRequest => ({
  table: ADDRESS,
  columns: COLUMNS,
  mode: 'replace',
  create: true,
  fillMissing: false,
  ...request,
})

async function filled() {
  const subject = await opened()
  await using writer = await subject.tables.openWriter(writing(), signal)
  await writer.write(batches(), signal)
  return subject
}

tableReaderContract('postgres', async () => {
  const { tables, [Symbol.asyncDispose]: dispose } = await filled()
  return { open: (columns) => tables.openReader(reading({ columns }), signal), [Symbol.asyncDispose]: dispose }
})

tableWriterContract('postgres', async () => {
  const { tables, [Symbol.asyncDispose]: dispose } = await opened()
  return {
    modes: ['replace', 'append'],
    open: (mode) => tables.openWriter(writing({ mode }), signal),
    read: async () => {
      if ((await tables.describe(ADDRESS, signal)) === null) return null
      await using reader = await tables.openReader(reading(), signal)
      return await linesOf(reader)
    },
    [Symbol.asyncDispose]: dispose,
  }
})

test('a query and a condition are read, whatever comments they end with', async () => {
  await using subject = await filled()
  const from = { kind: 'query', sql: 'select id, name from public.x -- all of it' } as const
  await using reader = await subject.tables.openReader(reading({ from, where: 'id = 1 /* one */ -- row' }), signal)
  expect(await linesOf(reader)).toEqual(['1 | plain'])
})

test('a name without its schema is told as such', async () => {
  await using subject = await filled()
  const from = { kind: 'query', sql: 'select id from x' } as const
  const cure = 'Name tables, functions and types of your own with their schema'
  await expect(subject.tables.openReader(reading({ from }), signal)).rejects.toThrow(cure)
  const where = reading({ where: 'mine(id)' })
  await expect(subject.tables.openReader(where, signal)).rejects.toThrow(cure)
})

test.each([
  ['a second statement', 'select 1 as a; drop table public.x'],
  ['a second statement behind a closed parenthesis', 'select 1 as a) q; drop table public.x; select * from (select 1'],
  ['a statement that writes', 'delete from public.x returning id'],
  ['a statement that writes inside', 'with gone as (delete from public.x returning id) select * from gone'],
  ['a function that writes', "select nextval('public.s') as a"],
  ['an end of the transaction', 'select 1 as a) q; commit; drop table public.x; --'],
])('%s in a query is refused, and nothing was done', async (_, sql) => {
  await using subject = await filled()
  await subject.database.query('create sequence public.s')
  const read = async () => {
    await using reader = await subject.tables.openReader(reading({ from: { kind: 'query', sql } }), signal)
    return await linesOf(reader)
  }
  await expect(read()).rejects.toThrow()
  expect(await subject.database.query('select count(*)::int as n from public.x')).toEqual([{ n: 5 }])
  expect(await subject.database.query('select is_called from public.s')).toEqual([{ is_called: false }])
})

test('what the server would round, read in its own way or cut is refused before anything is written, all at once', async () => {
  await using subject = await opened()
  await subject.database.query(
    `create table public.x (id int4, amount numeric(38,2), wall timestamptz, instant timestamp, ratio float4, day text, name int8)`,
  )
  const columns = COLUMNS.filter(({ name }) => ['id', 'amount', 'wall', 'instant', 'ratio', 'day', 'name'].includes(name))
  const error = await subject.tables.openWriter(writing({ columns }), signal).catch((thrown: unknown) => thrown as Error)
  expect(String(error)).toMatch(
    /"id": int64 is wider than int4.*"amount": decimal\(38,4\) would be rounded to 2 decimals.*"name": utf8 would be read.*"wall": timestamp\(us\) has no time zone.*"instant": timestamp\(us,UTC\) is an instant.*"ratio": float64 is not exact/,
  )
  expect(String(error)).not.toContain('"day"')
})

test('columns are matched by name; missing and extra ones are named', async () => {
  await using subject = await opened()
  await subject.database.query(
    'create table public.x (id int8, must text not null, may text, made int8 generated always as (id * 2) stored)',
  )
  const [id, , , name] = COLUMNS
  if (id === undefined || name === undefined) throw new Error('columns')
  const open = (request: Partial<WriteRequest>) => subject.tables.openWriter(writing(request), signal)
  await expect(open({ columns: [id, name] })).rejects.toThrow(
    'it has no column "name": leave them out with --columns; the source lacks "must", which may not be null',
  )
  await subject.database.query(`alter table public.x alter must set default 'm'`)
  await expect(open({ columns: [id] })).rejects.toThrow(
    'the source lacks "must", "may": let them have their default or NULL with --fill-missing',
  )
  await using writer = await open({ columns: [id], fillMissing: true })
  async function* one() {
    yield { batch: batchOf([[7n]], [id as (typeof COLUMNS)[number]]), release: () => undefined }
  }
  await writer.write(one(), signal)
  expect(await subject.database.query('select * from public.x')).toEqual([{ id: '7', must: 'm', may: null, made: '14' }])
})

test('a value that the table refuses is told by row and column, never by itself; nothing is changed', async () => {
  await using subject = await opened()
  await subject.database.query(`create table public.x (name varchar(6)); insert into public.x values ('before')`)
  const columns = COLUMNS.filter(({ name }) => name === 'name')
  async function* rows() {
    yield { batch: batchOf([['fits'], ['secret value']], columns), release: () => undefined }
  }
  await using writer = await subject.tables.openWriter(writing({ columns }), signal)
  const error = await writer.write(rows(), signal).catch((thrown: unknown) => thrown as Error)
  expect(String(error)).toContain('row 2, column "name": the server refuses a value (SQLSTATE 22001)')
  expect(String(error)).not.toContain('secret')
  expect(await subject.database.query('select name from public.x')).toEqual([{ name: 'before' }])
})

test('a broken constraint is named; nothing is changed', async () => {
  await using subject = await opened()
  await subject.database.query('create table public.x (id int8 primary key)')
  const columns = COLUMNS.filter(({ name }) => name === 'id')
  async function* twice() {
    yield { batch: batchOf([[5n], [5n]], columns), release: () => undefined }
  }
  await using writer = await subject.tables.openWriter(writing({ columns, mode: 'append' }), signal)
  await expect(writer.write(twice(), signal)).rejects.toThrow('constraint "x_pkey"')
  expect(await subject.database.query('select * from public.x')).toEqual([])
})

test('replace deletes where other tables refer to the table, keeps privileges, and says so', async () => {
  await using subject = await opened()
  await subject.database.query(
    `create table public.x (id int8 primary key); create table public.y (x int8 references public.x); insert into public.x values (1)`,
  )
  const columns = COLUMNS.filter(({ name }) => name === 'id')
  async function* one() {
    yield { batch: batchOf([[2n]], columns), release: () => undefined }
  }
  await using writer = await subject.tables.openWriter(writing({ columns }), signal)
  expect(writer.plan.notes.join('\n')).toContain('deleted, not truncated')
  await writer.write(one(), signal)
  expect(await subject.database.query('select id from public.x')).toEqual([{ id: '2' }])
})

test('a trigger that keeps rows away does not do so silently', async () => {
  await using subject = await opened()
  await subject.database.query(
    `create table public.x (id int8);
     create function public.f() returns trigger language plpgsql as 'begin return null; end';
     create trigger t before insert on public.x for each row execute function public.f()`,
  )
  const columns = COLUMNS.filter(({ name }) => name === 'id')
  async function* one() {
    yield { batch: batchOf([[2n]], columns), release: () => undefined }
  }
  await using writer = await subject.tables.openWriter(writing({ columns }), signal)
  await expect(writer.write(one(), signal)).rejects.toThrow('took 0 of 1 rows')
})

test('the least privileges suffice, and a missing one is named', async () => {
  await using subject = await opened()
  const role = `r_${subject.database.name}`
  await subject.database.query(
    `create table public.x (id int8); create role ${role} login password 'p'; grant usage on schema public to ${role}`,
  )
  const url = new URL(subject.database.url)
  url.username = role
  url.password = 'p'
  await using tables = openPostgresTables(postgresOptions.parse({ url: url.href }))
  const columns = COLUMNS.filter(({ name }) => name === 'id')
  async function* one() {
    yield { batch: batchOf([[2n]], columns), release: () => undefined }
  }
  await expect(tables.openWriter(writing({ columns, mode: 'append' }), signal)).rejects.toThrow('grant insert on "public"."x"')
  await subject.database.query(`grant insert on public.x to ${role}`)
  {
    await using writer = await tables.openWriter(writing({ columns, mode: 'append' }), signal)
    await writer.write(one(), signal)
  }
  await expect(tables.openWriter(writing({ columns }), signal)).rejects.toThrow('grant truncate on "public"."x"')
  await subject.database.query(`grant truncate on public.x to ${role}`)
  await using writer = await tables.openWriter(writing({ columns }), signal)
  await writer.write(one(), signal)
  expect(await subject.database.query('select id from public.x')).toEqual([{ id: '2' }])
  await subject.database.query(`drop owned by ${role}; drop role ${role}`)
})

test('rows that a policy hides are an error, not a gap', async () => {
  await using subject = await opened()
  const role = `r_${subject.database.name}`
  await subject.database.query(
    `create table public.x (id int8); alter table public.x enable row level security;
     create role ${role} login password 'p'; grant select on public.x to ${role}`,
  )
  const url = new URL(subject.database.url)
  url.username = role
  url.password = 'p'
  await using tables = openPostgresTables(postgresOptions.parse({ url: url.href }))
  await expect(tables.openReader(reading(), signal)).rejects.toThrow('row-level security')
  await subject.database.query(`drop owned by ${role}; drop role ${role}`)
})
