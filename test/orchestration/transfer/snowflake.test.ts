/** `portage transfer` out of Snowflake, as a user meets it: into a lake, a file and PostgreSQL; what fails leaves nothing. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { portage } from '../../support/command-line.ts'
import { sharedPostgres } from '../../support/postgres.ts'
import { type Scratch, scratch } from '../../support/scratch.ts'
import { openTestAccount, type TestAccount } from '../../support/snowflake-account.ts'

let account: TestAccount
let made: Scratch

beforeAll(async () => {
  account = await openTestAccount()
  await account.rows('CREATE TABLE loan (id NUMBER(18,0), amount NUMBER(12,2), status VARCHAR, issued_at TIMESTAMP_NTZ(6))')
  await account.rows(`INSERT INTO loan SELECT 1, 1.05, 'paid', '2026-01-02 03:04:05.123456'::TIMESTAMP_NTZ`)
  await account.rows(`INSERT INTO loan SELECT 2, -7, 'late', NULL`)
  await account.rows(`INSERT INTO loan SELECT 3, NULL, 'paid', '1969-12-31 23:59:59.999999'::TIMESTAMP_NTZ`)
  made = scratch({
    'config/connections.yaml': stringify({
      snowflake: { connector: 'snowflake', ...account.connection },
      lake: { connector: 's3', ...account.lake },
      duck: { connector: 'duckdb' },
      core: { connector: 'postgres', url: `\${env:CORE}` },
    }),
  })
})
afterAll(async () => {
  made?.[Symbol.dispose]()
  await account?.[Symbol.asyncDispose]()
})

const run = (...argv: readonly string[]) =>
  portage([...argv, '--config', made.path('config'), '--state', made.path('state')], { env: { CORE: core } })
let core = 'postgres://nobody@127.0.0.1:1/none'

async function unloaded(): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const { key } of account.store.list('raw/_unload/')) keys.push(key)
  return keys
}

const loan = () => `snowflake:${account.database.toLowerCase()}.${account.schema.toLowerCase()}.loan`

test('a table into a lake: exact, shown by a warehouse, once', async () => {
  const argv = [
    'transfer',
    loan(),
    'lake:loans',
    '--where',
    "status = 'paid'",
    '--columns',
    'id,amount,issued_at',
    '--register',
    'duck',
  ]
  const first = await run(...argv)
  expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining('2 rows') })
  const { stdout } = await run('query', 'select * from transfers.loans order by id', '--format', 'csv', '--connection', 'duck')
  expect(stdout).toBe('id,amount,issued_at\n1,1.05,2026-01-02T03:04:05.123456\n3,,1969-12-31T23:59:59.999999\n')
  expect((await run(...argv)).stdout).toContain('the same rows were transferred before')
  expect(await unloaded()).toEqual([])
})

test('by the values of a column: rows of a value lie together, also those of NULL; of nothing but an unload', async () => {
  const argv = ['--partition-by', 'ISSUED_AT', '--no-register']
  const times = await run('transfer', loan(), 'lake:parted', ...argv)
  expect(times.stderr).toContain('Partition by a date, a number or a short text')
  const file = made.path('parted.csv')
  expect(await run('transfer', loan(), `file:${file}`, '--partition-by', 'AMOUNT', '--via', 'lake')).toMatchObject({ code: 0 })
  expect(
    readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(',')[1]),
  ).toEqual(['amount', '-7.00', '1.05', '', undefined])
  const wrong = await run('transfer', `file:${file}`, 'lake:parted', '--partition-by', 'amount', '--no-register')
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('is not unloaded') })
  expect(await unloaded()).toEqual([])
})

test('a query into a file, through a bucket that is named', async () => {
  const sql = `snowflake:select upper(status) as word, count(*) as n from ${account.schema}.loan group by 1 order by 1`
  const target = `file:${made.path('words.csv')}`
  expect(await run('transfer', sql, target, '--via', 'lake')).toMatchObject({ code: 0 })
  const lines = readFileSync(made.path('words.csv'), 'utf8').trim().split('\n')
  expect(lines.toSorted()).toEqual(['LATE,1', 'PAID,2', 'word,n'])
  expect((await run('transfer', sql, target, '--via', 'duck')).stderr).toContain('--via duck: expected one of lake')
})

test('into PostgreSQL', async () => {
  await using database = await (await sharedPostgres()).createDatabase()
  core = database.url
  expect(await run('transfer', loan(), 'core:public.loan', '--create')).toMatchObject({ code: 0 })
  const rows = await database.query('select id::text, amount::text, issued_at::text from public.loan order by id')
  expect(JSON.stringify(rows)).toContain('2026-01-02 03:04:05.123456')
})

test('a dry run shows columns and unloads nothing', async () => {
  const { code, stdout } = await run('transfer', loan(), 'lake:dry', '--dry-run')
  expect(code).toBe(0)
  expect(stdout).toContain('NUMBER(12,2)')
  expect(stdout).toContain('decimal(12,2)')
  expect((await account.rows(`SHOW STAGES IN SCHEMA ${account.schema}`)).length).toBeLessThanOrEqual(1)
})

test('what is not there is named with the nearest, and what Snowflake does not take with the way', async () => {
  const absent = await run('transfer', loan().replace(/loan$/, 'loann'), 'lake:x')
  expect(absent.stderr).toContain('does not exist in the database')
  expect(absent.stderr).toMatch(/did you mean "?.*loan/i)
  expect((await run('transfer', 'snowflake:loan', 'lake:x')).stderr).toContain('expected schema.table or database.schema.table')
  const into = await run('transfer', 'lake:loans', `snowflake:${account.schema}.copy`)
  expect(into.code).toBe(1)
  expect(into.stderr).toContain('--register')
})

test('an unload that fails when files are written: repeated, and none of them is read twice; in vain, nothing is left', async () => {
  account.engine?.failUnload(1)
  const repeated = await run('transfer', loan(), 'lake:broken', '--register', 'duck')
  expect(repeated).toMatchObject({ code: 0, stdout: expect.stringContaining('3 rows') })
  expect(await unloaded()).toEqual([])
  if (account.engine === null) return
  account.engine.failUnload(1, 100)
  const vain = await run('transfer', loan(), 'lake:vain', '--no-register')
  expect(vain.code).toBe(1)
  expect(await unloaded()).toEqual([])
  expect((await run('status', 'transfers')).stdout).not.toContain('vain')
})

test('files that a killed transfer left are named by check, and touch no table', async () => {
  made.write(
    'config/integrations/x.yaml',
    stringify({ name: 'x', source: { connection: 'core', tables: ['public.*'] }, lake: { connection: 'lake' }, register: [] }),
  )
  await account.store.putIfAbsent('raw/_unload/20260101T000000-x/data.parquet', new Uint8Array([1, 2, 3]))
  const { stdout } = await run('check', 'x')
  expect(stdout).toContain('1 file (3 B) of unloads')
  await account.store.delete(['raw/_unload/20260101T000000-x/data.parquet'])
})
