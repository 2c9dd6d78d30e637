import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { portage } from '../../support/command-line.ts'
import { type Database, sharedPostgres } from '../../support/postgres.ts'
import { type Scratch, scratch } from '../../support/scratch.ts'

let database: Database
let place: Scratch
beforeAll(async () => {
  database = await (await sharedPostgres()).createDatabase()
  await database.query(`
    create type public.state as enum ('open', 'paid');
    create table public.loan (id int8 primary key, status public.state, amount numeric(12,2) not null, raw numeric, made timestamptz,
      tags text[], doc jsonb, note text);
    insert into public.loan
      select i, (array['open', 'paid'])[1 + i % 2]::public.state, i * 1.25, i / 3.0, timestamptz '2026-01-02 03:04:05.678901+02',
        array['a', null, 'b"c'], '{"k": [1, 2.50]}', case when i % 10 <> 0 then E'tab\\t "q", ' || i end
      from generate_series(1, 1000) i;
    create view public.paid as select * from public.loan where status = 'paid'`)
})
afterAll(() => database[Symbol.asyncDispose]())
beforeEach(() => {
  place = scratch()
  place.write(
    'config/connections.yaml',
    `core: {connector: postgres, url: '${database.url}'}\nlake: {connector: filesystem, path: ${place.path('lake')}}\nduckdb: {connector: duckdb}\n`,
  )
  return () => place[Symbol.dispose]()
})

const run = (...argv: readonly string[]) => portage([...argv, '--config', place.path('config'), '--state', place.path('state')])
const transfer = async (...argv: readonly string[]) => {
  const ended = await run('transfer', ...argv)
  if (ended.code !== 0) throw new Error(`exit ${ended.code}: ${ended.stderr}`)
  return ended
}
const query = async (sql: string) => (await run('query', sql)).stdout.trim().split('\n').slice(1).join('\n')
const file = (name: string) => `file:${place.path(name)}`

describe('the two lines of the story', () => {
  test('a condition of the database carries its rows into the lake, where query sees them', async () => {
    const { stdout, stderr } = await transfer('core:public.loan', 'lake:loans', '--where', "status = 'paid'")
    expect(stdout).toContain('core:public.loan → lake:loans: 500 rows')
    expect(stderr).toMatch(/amount +numeric\(12,2\) +decimal\(12,2\)/)
    expect(await query('select count(*), sum(amount), count(note) from loans')).toBe('500,312500.00,500')
    const [row] = await database.query<{ line: string }>(
      `select concat_ws('|', id, status, amount, raw, made at time zone 'UTC', note) as line from public.loan where id = 7`,
    )
    const shown = await query(
      `select concat_ws('|', id, status, amount, raw, made at time zone 'UTC', note) from transfers.loans where id = 7`,
    )
    expect(shown).toBe(`"${row?.line.replaceAll('"', '""')}"`)
  })

  test('a CSV file becomes a table of an integration of its own', async () => {
    place.write('members.csv', 'member_id,name,joined,fee\n1,Ada,2021-03-24,10.50\n2,"Bo, Jr",2022-02-24,\n')
    const { stdout, stderr } = await transfer(file('members.csv'), 'lake:member_risk.members')
    expect(stderr).toContain('CSV: delimiter comma')
    expect(stderr).toMatch(/joined +date +inferred +date/)
    expect(stdout).toContain("portage query --connection duckdb 'select * from member_risk.members limit 10'")
    expect(await query('select * from member_risk.members')).toBe('1,Ada,2021-03-24,10.50\n2,"Bo, Jr",2022-02-24,')
    const again = await transfer(file('members.csv'), 'lake:member_risk.members')
    expect(again.stdout).toContain('nothing was done')
  })
})

test('a dry run shows the plan on standard output and writes nothing', async () => {
  place.write('x.csv', 'id;price;zip\n1;2,50;01234\n')
  const { stdout } = await transfer(file('x.csv'), 'lake:x', '--dry-run')
  expect(stdout).toContain('decimal comma')
  expect(stdout).toMatch(/zip +utf8 +inferred +utf8 +leading zeros/)
  expect(existsSync(place.path('lake'))).toBe(false)
  const json = JSON.parse((await transfer(file('x.csv'), 'core:x', '--create', '--dry-run', '--json')).stdout)
  expect(json).toMatchObject({ dryRun: true, plan: { mode: 'create', estimatedRows: 1 } })
  expect(json.plan.statements.at(-1)).toBe(
    'insert into "public"."x" ("id", "price", "zip") select "id", "price", "zip" from pg_temp.portage_transfer',
  )
  expect(await database.query(`select to_regclass('public.x') as x`)).toEqual([{ x: null }])
})

test('round trip: database, lake, Parquet, lake, CSV, database, equal to the last value', async () => {
  await transfer('core:loan', 'lake:a')
  await transfer('lake:a', file('a.parquet'))
  await transfer(file('a.parquet'), 'lake:other.b')
  await transfer('lake:other.b', file('b.csv.gz'))
  await database.query('create table public.copy (like public.loan)')
  await transfer(file('b.csv.gz'), 'core:copy', '--mode', 'append', '--json')
  expect(await database.query('select * from public.loan except all select * from public.copy')).toEqual([])
  expect(await database.query('select count(*)::int as n from public.copy')).toEqual([{ n: 1000 }])
  await transfer('core:public.copy', 'core:public.copy2', '--create')
  expect(
    await database.query(
      'select * from public.loan except all select id, status::public.state, amount, raw, made, tags, doc, note from public.copy2',
    ),
  ).toEqual([])
  await transfer('core:public.paid', 'core:copy2', '--mode', 'replace')
  expect(await database.query('select count(*)::int as n from public.copy2')).toEqual([{ n: 500 }])
  await database.query('drop table public.copy, public.copy2')
})

test('a query is a source, and columns come in the order asked for', async () => {
  await transfer(
    'core:select status, count(*) as n, max(amount) as top from public.loan group by 1',
    file('q.csv'),
    '--columns',
    'n,status',
  )
  expect(readFileSync(place.path('q.csv'), 'utf8').split('\n').toSorted()).toEqual(['', '500,open', '500,paid', 'n,status'])
})

test('conditions on files and lake tables', async () => {
  place.write('x.csv', 'id,name,day\n1,a,2026-01-01\n2,b,2026-02-01\n3,,2026-03-01\n')
  await transfer(file('x.csv'), 'lake:x', '--where', "day > '2026-01-15'", '--columns', 'name,id')
  expect(await query('select * from transfers.x')).toBe('b,2\n,3')
  await transfer('lake:x', file('y.parquet'), '--where', 'name is null')
  await transfer(file('y.parquet'), file('z.csv'), '--where', 'id = 3')
  expect(readFileSync(place.path('z.csv'), 'utf8')).toBe('name,id\n,3\n')
  expect(readdirSync(place.path('state/transfer'))).toEqual([])
})

test('append takes each batch once, checks columns, and keeps the target’s types', async () => {
  place.write('may.csv', 'id,amount\n1,5\n')
  place.write('june.csv', 'id,amount\n2,7.25\n')
  await transfer(file('june.csv'), 'lake:s.visits', '--mode', 'append')
  const may = () => transfer(file('may.csv'), 'lake:s.visits', '--mode', 'append')
  expect((await may()).stderr).toMatch(/amount +decimal\(18,2\) +target/)
  expect((await may()).stdout).toContain('nothing was done')
  expect(await query('select * from s.visits order by id')).toBe('1,5.00\n2,7.25')
  await transfer('core:select 3 as id, 9.99::numeric(18,2) as amount', 'lake:s.visits', '--mode', 'append', '--batch', 'july')
  const named = await transfer(
    'core:select 4 as id, 9.99::numeric(18,2) as amount',
    'lake:s.visits',
    '--mode',
    'append',
    '--batch',
    'july',
  )
  expect(named.stdout).toContain('nothing was done')
  place.write('bad.csv', 'id,amout\n1,5\n')
  const { code, stderr } = await run('transfer', file('bad.csv'), 'lake:s.visits', '--mode', 'append')
  expect([code, stderr]).toEqual([1, expect.stringContaining('has no column "amout"')])
  const earlier = await run('query', 'select * from s.visits', '--at', '2', '--integration', 's')
  expect(earlier.stdout).toBe('id,amount\n2,7.25\n')
})

test('rejected rows are kept with line and reason: in the lake, or in a file', async () => {
  place.write('x.csv', `id,n\n${'1,1\n'.repeat(20)}2,secret\n3,1,9\n4,4\n`)
  const types = ['--types', 'n=int64', '--on-bad-value', 'reject']
  const { stdout } = await transfer(file('x.csv'), 'lake:x', ...types, '--keep-original')
  expect(stdout).toContain('REJECTED 2 rows')
  expect(await query('select count(*) from transfers.x')).toBe('21')
  const lake = readdirSync(place.path('lake/raw/transfers'), { recursive: true, encoding: 'utf8' })
  const rejects = lake.find((name) => /^rejects\/.*jsonl$/.test(name))
  const lines = readFileSync(place.path('lake/raw/transfers', rejects ?? ''), 'utf8')
    .trim()
    .split('\n')
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { table: 'public.x', column: 'n', reason: 'line 22: is no int64', row: { id: '2', n: 'secret' } },
    { table: 'public.x', column: '', reason: 'line 23: has 3 fields, expected 2' },
  ])
  const kept = lake.find((name) => name.endsWith('/x.csv'))
  expect(readFileSync(place.path('lake/raw/transfers', kept ?? ''), 'utf8')).toBe(place.read('x.csv'))
  expect((await run('status', 'transfers')).stdout).toContain('2 rows REJECTED')
  await transfer(file('x.csv'), file('y.csv'), ...types, '--rejects', place.path('r.jsonl'))
  expect(place.read('r.jsonl').trim().split('\n')).toHaveLength(2)
})

test('a bad row is an error with file, line and column, not the value; what was there stays', async () => {
  place.write('x.csv', 'id\n1\n')
  await transfer(file('x.csv'), 'lake:x')
  place.write('x.csv', `id\n${'1\n'.repeat(100)}secret\n`)
  const { code, stdout, stderr } = await run('transfer', file('x.csv'), 'lake:x', '--types', 'id=int64')
  expect(code).toBe(1)
  expect(stderr).toContain('x.csv", line 102, column "id": the value is no int64')
  expect(stdout + stderr).not.toContain('secret')
  expect(await query('select * from transfers.x')).toBe('1')
})

test('tables that transfers made have a status, can be registered again and compacted', async () => {
  for (let n = 0; n < 3; n++) {
    place.write('x.csv', `n\n${n}\n${n}\n`)
    await transfer(file('x.csv'), 'lake:x', '--mode', 'append', '--no-register')
  }
  expect((await run('status')).stdout).toContain('transfers: commit 6')
  expect((await run('register', 'transfers')).stdout).toContain('duckdb')
  expect((await run('compact', 'transfers', '--min-files', '2')).code).toBe(0)
  expect((await run('register', 'transfers')).code).toBe(0)
  expect(await query('select n, count(*) from transfers.x group by 1 order by 1')).toBe('0,2\n1,2\n2,2')
  place.write('x.csv', 'n\n3\n')
  await transfer(file('x.csv'), 'lake:x', '--mode', 'append')
  expect(await query('select sum(n), count(*) from transfers.x')).toBe('9,7')
  await transfer(file('x.csv'), 'lake:x', '--mode', 'replace', '--again')
  expect(await query('select n, count(*) from transfers.x group by 1')).toBe('3,1')
  expect((await run('register', 'transfer')).stderr).toContain('(did you mean "transfers"?)')
})

describe('what is wrong is told with the next thing to type', () => {
  test.each([
    ['a file without its scheme', ['members.csv', 'lake:x'], 'a file is written file:members.csv'],
    ['a misspelled connection', ['cora:loan', 'lake:x'], '(did you mean "core"?)'],
    ['a misspelled table', ['core:public.laon', 'lake:x'], '(did you mean "public.loan"?)'],
    ['a misspelled lake table', ['lake:nothing', 'file:x.csv'], 'this lake has no integration "transfers"'],
    ['a misspelled column', ['core:loan', 'lake:x', '--columns', 'id,statsu'], 'has no column "statsu"; it has id, status'],
    ['a wrong condition', ['core:loan', 'lake:x', '--where', 'nope = 1'], 'column "nope" does not exist'],
    ['a table that is to be overwritten without a word', ['core:loan', 'core:paid_copy'], 'let it be created with --create'],
    ['an existing table without a mode', ['core:paid', 'core:loan'], '--mode append keeps them, --mode replace does not'],
    ['a file to append to', ['core:loan', 'file:x.csv', '--mode', 'append'], 'a file is replaced as a whole'],
    ['a file of no known form', ['core:loan', 'file:x.xlsx'], 'ends in .csv, .csv.gz or .parquet'],
    ['CSV options for a table', ['core:loan', 'lake:x', '--delimiter', ';'], '--delimiter is for CSV files'],
    ['a query to write to', ['core:loan', 'core:select 1'], 'a query can only be read from'],
    ['a type that does not exist', ['file:x.csv', 'lake:x', '--types', 'a=decimal(99,2)'], 'expected text, int16'],
    ['a bucket that nobody knows', ['s3://nowhere/x.csv', 'lake:x'], 'no connection of connections.yaml has that bucket'],
    ['a lake as the name of a database', ['core:loan', 'duckdb:x'], 'takes no tables'],
    ['the same on both sides', ['core:loan', 'core:loan'], 'Source and target are the same'],
    ['a URL with a password', ['postgres://u:secret@h/db', 'lake:x'], 'is a URL'],
    ['no file at all', ['file:nothing.csv', 'lake:x'], 'does not exist'],
  ])('%s', async (_, argv, message) => {
    const { code, stdout, stderr } = await run('transfer', ...argv)
    expect(stderr).toContain(message)
    expect(code).toBeGreaterThan(0)
    expect(stdout + stderr).not.toContain('secret')
  })
})

test('a transfer never writes into the log of a replication', async () => {
  place.write(
    'config/integrations/loans.yaml',
    "name: loans\nsource: {connection: core, tables: ['public.*']}\nlake: {connection: lake}\n",
  )
  const { code, stderr } = await run('transfer', 'core:loan', 'lake:loans.loan')
  expect([code, stderr]).toEqual([2, expect.stringContaining('is written by "portage run"')])
})

test('gzip and other encodings are read as they are', async () => {
  writeFileSync(place.path('x.csv.gz'), gzipSync(Buffer.from('straße;ort\nÄ;ß\n', 'latin1')))
  await transfer(file('x.csv.gz'), 'lake:x')
  expect(await query('select "straße" from transfers.x')).toBe('Ä')
})

test('a file of kind transfer is run by its name, and listed', async () => {
  place.write('x.csv', 'id;price\n1;2,50\n')
  place.write(
    'config/integrations/prices.yaml',
    `name: prices\nkind: transfer\nfrom: '${file('x.csv')}'\nto: lake:shop.prices\ncsv: {types: {price: 'decimal(9,2)'}}\n`,
  )
  expect((await run('list')).stdout).toMatch(/prices.*lake:shop\.prices/)
  expect((await run('run', 'prices', '--dry-run')).stdout).toMatch(/price +decimal\(9,2\) +declared/)
  const { code, stdout } = await run('run', 'prices', '--once')
  expect([code, stdout]).toEqual([0, expect.stringContaining('1 row')])
  expect(await query('select * from shop.prices')).toBe('1,2.50')
})

test('a replication never takes over the log of transfers', async () => {
  await transfer('core:loan', 'lake:books.loan')
  place.write(
    'config/integrations/books.yaml',
    "name: books\nsource: {connection: core, tables: ['public.loan']}\nlake: {connection: lake}\n",
  )
  const { code, stderr } = await run('run', 'books', '--once')
  expect([code, stderr]).toEqual([2, expect.stringContaining('holds tables that "portage transfer" made')])
})

test.each([
  ['an Excel workbook', Buffer.from('PK\u0003\u0004rest'), 'a ZIP archive or an Excel workbook'],
  ['JSON', Buffer.from('[{"a": 1}]'), 'begins like JSON'],
  ['a zstd file', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0]), 'packed with zstd'],
  ['a truncated Parquet file', Buffer.from('PAR1....'), 'cannot be read as Parquet'],
])('%s is recognised and refused', async (_, bytes, message) => {
  writeFileSync(place.path('x.csv'), bytes)
  const { code, stderr } = await run('transfer', file('x.csv'), 'lake:x')
  expect([code, stderr]).toEqual([1, expect.stringContaining(message)])
})

test('what is named Parquet and is none is no CSV file of a few lines, unless somebody says so', async () => {
  place.write('page.parquet', 'id,error\n1,not found\n')
  place.write('nothing.parquet', '')
  for (const name of ['page.parquet', 'nothing.parquet']) {
    const { code, stderr } = await run('transfer', file(name), 'lake:page')
    expect([code, stderr]).toEqual([1, expect.stringContaining('does not begin with "PAR1"')])
  }
  await transfer(file('page.parquet'), 'lake:page', '--header')
  expect(await query('select error from page')).toBe('not found')
})

test('what transfers made is removed like any other integration, after being told', async () => {
  place.write('x.csv', 'id\n1\n')
  await transfer(file('x.csv'), 'lake:gone.x')
  expect((await run('remove', 'gone', '--data')).stdout).toMatch(/will:[\s\S]*delete \d+ objects[\s\S]*Nothing was removed/)
  expect(await query('select * from gone.x')).toBe('1')
  expect(await run('remove', 'gone', '--data', '--yes')).toMatchObject({ code: 0, stdout: expect.stringContaining('Removed') })
  expect((await run('status')).stdout).not.toContain('gone')
  await transfer(file('x.csv'), 'lake:gone.x')
  expect(await query('select * from gone.x')).toBe('1')
})
