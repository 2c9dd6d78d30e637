import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDuckdbWarehouse } from '../../../connectors/duckdb/warehouse.ts'
import { type Comparison, compareTable, isEqual } from '../../../orchestration/demo/compare.ts'
import { comparedColumns, compareKeys, sameValue } from '../../../orchestration/demo/comparison-sql.ts'
import { createEnvironment } from '../../../orchestration/environment.ts'
import { type Database, sharedPostgres } from '../../support/postgres.ts'

let dir = ''
let database: Database
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'portage-compare-'))
  database = await (await sharedPostgres()).createDatabase()
  await database.query(/* sql */ `
    create table "Odd ""name" (
      id bigint, part text, amount numeric(12,2), score double precision, ok boolean, at timestamptz, wall timestamp, born date,
      raw bytea, doc jsonb, primary key (part, id));
    insert into "Odd ""name" values
      (9, 'a', 1.10, 0.1, true, '2026-01-01 00:00:00.000001+00', '1960-01-01', '1916-02-29', '\\x00ff', '{"a": 1}'),
      (10, 'a', -0.05, 1e300, false, null, null, null, null, 'null'),
      (1, 'Z', null, 'NaN', null, '1969-12-31 23:59:59.999999+00', '2026-01-01', '9999-12-31', '', null),
      (1, 'é', 0, '-Infinity', true, null, null, null, null, '[]'),
      (1, '🦊', 0, '-0', true, null, null, null, null, '[]')`)
})
afterEach(async () => {
  await database[Symbol.asyncDispose]()
  await rm(dir, { recursive: true, force: true })
})

/** The rows above as a warehouse shows them, after the given statements. */
async function compare(...statements: readonly string[]): Promise<Comparison> {
  const path = join(dir, 'lake.duckdb')
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  const setUp = [
    // The warehouse asks its own ledger which schemas it shows.
    'create schema portage',
    'create table portage.registered ("schema" varchar)',
    "insert into portage.registered values ('main')",
    `create table odd (id bigint, part varchar, amount decimal(12,2), score double, ok boolean, "at" timestamp, wall timestamp, born date, raw blob, doc varchar, extra int)`,
    `insert into odd values
      (9, 'a', 1.10, 0.1, true, '2026-01-01 00:00:00.000001', '1960-01-01', '1916-02-29', '\\x00\\xff'::blob, '{"a": 1}', 1),
      (10, 'a', -0.05, 1e300, false, null, null, null, null, 'null', 1),
      (1, 'Z', null, 'NaN', null, '1969-12-31 23:59:59.999999', '2026-01-01', '9999-12-31', '', null, 1),
      (1, 'é', 0, '-Infinity', true, null, null, null, null, '[]', 1),
      (1, '🦊', 0, '-0.0'::double, true, null, null, null, null, '[]', 1)`,
  ]
  for (const sql of [...setUp, ...statements]) await connection.run(sql)
  connection.closeSync()
  instance.closeSync()
  const environment = createEnvironment({ stateDir: dir, level: 'silent', redact: (text) => text })
  await using warehouse = await openDuckdbWarehouse({ path }, environment)
  return await compareTable(
    database.client,
    warehouse,
    { schema: 'public', name: 'Odd "name', relation: 'odd' },
    new AbortController().signal,
  )
}

test('equal rows are equal, whatever their types and order of keys', async () => {
  const comparison = await compare()
  expect(comparison).toMatchObject({ rows: { source: 5, lake: 5 }, onlySource: 0, onlyLake: 0, differing: 0, keys: [] })
  expect(isEqual(comparison)).toBe(true)
})

test('every kind of difference is counted with its key', async () => {
  const comparison = await compare(
    "delete from odd where part = 'Z'",
    "update odd set amount = 0.01 where part = 'é'",
    'update odd set id = 11 where id = 10',
  )
  expect(comparison).toMatchObject({ rows: { source: 5, lake: 4 }, onlySource: 2, onlyLake: 1, differing: 1 })
  expect(comparison.keys).toEqual(['1,Z', '1,é', '10,a', '11,a'])
  expect(isEqual(comparison)).toBe(false)
})

test.each([
  ['update odd set "at" = "at" + interval 1 microsecond where id = 9', '9,a'],
  ['update odd set score = 0.10000000000000002 where id = 9', '9,a'],
  ['update odd set doc = null where id = 10', '10,a'],
  ["update odd set raw = null where part = 'Z'", '1,Z'],
  ["update odd set score = 5e-324 where part = '🦊'", '1,🦊'],
])('a difference in one value is found: %s', async (statement, key) => {
  expect(await compare(statement)).toMatchObject({ differing: 1, keys: [key] })
})

test('a table without rows in the lake differs in every row', async () => {
  expect(await compare('delete from odd')).toMatchObject({ rows: { source: 5, lake: 0 }, onlySource: 5 })
})

test('a table that the source lacks is named', async () => {
  const never = { query: () => Promise.reject(new Error('not asked')) }
  const missing = compareTable(
    database.client,
    never,
    { schema: 'public', name: 'gone', relation: 'gone' },
    new AbortController().signal,
  )
  await expect(missing).rejects.toThrow('Table "public.gone" is not in the source')
})

test('keys compare as the queries order them', () => {
  const columns = comparedColumns([
    { name: 'part', type: 'text', key: true },
    { name: 'id', type: 'bigint', key: true },
  ])
  expect(compareKeys(columns, ['a', '9'], ['a', '10'])).toBeLessThan(0)
  expect(compareKeys(columns, ['é', '1'], ['z', '1'])).toBeGreaterThan(0)
  expect(compareKeys(columns, ['\u{1F98A}', '1'], ['\uFFFD', '1'])).toBeGreaterThan(0)
  expect(compareKeys(columns, ['a', '9007199254740993'], ['a', '9007199254740992'])).toBeGreaterThan(0)
})

test('floats of single precision are equal when they are the same float', () => {
  const [real] = comparedColumns([{ name: 'f', type: 'real', key: false }])
  expect(real && sameValue(real, '0.1', '0.10000000149011612')).toBe(true)
  expect(real && sameValue(real, 'Infinity', 'inf')).toBe(true)
})
