/** Rows out of an account through a bucket: every type, the contract of readers, `Warehouse.unload`, and unloads that fail. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { snowflakeOptions } from '../../../connectors/snowflake/options.ts'
import { openTablesOf } from '../../../connectors/snowflake/tables/tables.ts'
import { openSnowflakeWarehouse } from '../../../connectors/snowflake/warehouse.ts'
import type { ReadRequest, RejectedRow } from '../../../connectors/tables.ts'
import { objectBuffer, readParquetColumns } from '../../../integrations/read/parquet-columns.ts'
import { tableReaderContract } from '../../contracts/table-reader.ts'
import { shapeOf } from '../../contracts/table-rows.ts'
import { jsonRows } from '../../support/parquet-files.ts'
import { accountEnvironment, LIVE, openTestAccount, type TestAccount } from '../../support/snowflake-account.ts'
import { lenient, linesOf, strict } from '../../support/table-rows.ts'

const signal = new AbortController().signal
let account: TestAccount

beforeAll(async () => {
  account = await openTestAccount()
  await account.rows(`CREATE TABLE typed (
    id NUMBER(38,0), small NUMBER(10,0), amount NUMBER(38,4), name VARCHAR, doc VARIANT, ok BOOLEAN, day DATE,
    wall TIMESTAMP_NTZ(6), instant TIMESTAMP_TZ(6), ratio FLOAT, "Odd ""name""" VARCHAR)`)
  await account.rows(`INSERT INTO typed SELECT 1, 1, 1.2345, 'plain', PARSE_JSON('{"a": 1}'), TRUE, '1970-01-01'::DATE,
    '1970-01-01 00:00:00'::TIMESTAMP_NTZ, '1970-01-01 00:00:00+00:00'::TIMESTAMP_TZ, 0.1::FLOAT, 'x'`)
  await account.rows(`INSERT INTO typed SELECT 9223372036854775807, 2147483647, 1000000000000000000000000000000000.0001,
    'tab\\t "quote" back\\\\slash\\nnew\\r\\nline, comma', PARSE_JSON('[]'), FALSE, '9999-12-31'::DATE,
    '9999-12-31 23:59:59.999999'::TIMESTAMP_NTZ, '9999-12-31 23:59:59.999999+00:00'::TIMESTAMP_TZ, 1e300::FLOAT, 'ünïcödé 𝄞'`)
  await account.rows(`INSERT INTO typed SELECT -9223372036854775808, -2147483648, -1000000000000000000000000000000000.0001, '',
    PARSE_JSON('"é"'), TRUE, '0001-01-01'::DATE, '1969-12-31 23:59:59.999999'::TIMESTAMP_NTZ,
    '1969-12-31 23:59:59.999999+00:00'::TIMESTAMP_TZ, -1.5::FLOAT, '\\\\N'`)
  await account.rows('INSERT INTO typed SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL')
})
afterAll(() => account?.[Symbol.asyncDispose]())

let places = 0

function exchange(): NonNullable<ReadRequest['exchange']> {
  places += 1
  return {
    store: account.store,
    prefix: `raw/_unload/${places}/`,
    parquet: ({ key, size }, columns, abort) =>
      readParquetColumns(objectBuffer(account.store, key, size, abort), key, columns, { groupRows: 1000, signal: abort }),
  }
}

const tablesOf = (unload: object = {}) =>
  openTablesOf(snowflakeOptions.parse({ ...account.connection, unload }), accountEnvironment('.'))

async function lines(
  from: ReadRequest['from'],
  more: Partial<ReadRequest> = {},
  unload: object = {},
): Promise<readonly string[]> {
  await using tables = tablesOf(unload)
  await using reader = await tables.openReader(
    { from, columns: null, where: null, badValues: strict, exchange: exchange(), ...more },
    signal,
  )
  return await linesOf(reader)
}

const query = (sql: string): ReadRequest['from'] => ({ kind: 'query', sql })
const typed = (): ReadRequest['from'] => ({
  kind: 'table',
  table: { database: account.database, schema: account.schema, name: 'typed' },
})

const SHAPE = [
  'id: decimal(38,0)',
  'small: int64',
  'amount: decimal(38,4)',
  'name: utf8',
  'doc: utf8(json)',
  'ok: bool',
  'day: date',
  'wall: timestamp(us)',
  'instant: timestamp(us,UTC)',
  'ratio: float64',
  'Odd "name": utf8',
]
/** JSON loses its own spelling. */
const SHOWN = [
  '1 | 1 | 1.2345 | plain | {"a":1} | t | 1970-01-01 | 1970-01-01 00:00:00.000000 | 1970-01-01 00:00:00.000000 | 0.1 | x',
  '9223372036854775807 | 2147483647 | 1000000000000000000000000000000000.0001 | tab\t "quote" back\\slash\nnew\r\nline, comma | [] | f | 9999-12-31 | 9999-12-31 23:59:59.999999 | 9999-12-31 23:59:59.999999 | 1e+300 | ünïcödé 𝄞',
  '-9223372036854775808 | -2147483648 | -1000000000000000000000000000000000.0001 |  | "é" | t | 0001-01-01 | 1969-12-31 23:59:59.999999 | 1969-12-31 23:59:59.999999 | -1.5 | \\N',
  '␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀',
]

test('names are as people write them, types as Snowflake spells them', async () => {
  await using tables = tablesOf()
  const found = await tables.describe({ database: account.database, schema: account.schema, name: 'TYPED' }, signal)
  expect(shapeOf(found ?? [])).toEqual(SHAPE)
  expect(found?.map(({ name, sourceType }) => `${name} ${sourceType}`)).toEqual([
    'id NUMBER(38,0)',
    'small NUMBER(10,0)',
    'amount NUMBER(38,4)',
    'name VARCHAR',
    'doc VARIANT',
    'ok BOOLEAN',
    'day DATE',
    'wall TIMESTAMP_NTZ(6)',
    'instant TIMESTAMP_TZ(6)',
    'ratio FLOAT',
    'Odd "name" VARCHAR',
  ])
})

test('conditions and columns are the account’s own SQL; a condition may look at columns that are not wanted', async () => {
  expect(await lines(typed(), { columns: ['name', 'ID'], where: "day = '1970-01-01' -- the first" })).toEqual(['plain | 1'])
  await expect(lines(typed(), { columns: ['nobody'] })).rejects.toThrow('has no column "nobody"; it has id, small')
  await expect(lines(typed(), { where: 'no such column' })).rejects.toThrow()
})

test('policies: offsets and fractions as text, milliseconds cut by name, hex, times', async () => {
  const sql = `SELECT '2026-01-02 03:04:05.123456+02:00'::TIMESTAMP_TZ AS zoned, '2026-01-02 03:04:05.123456'::TIMESTAMP_NTZ AS wall,
    '03:04:05.123456'::TIME AS clock, TO_BINARY('00FF', 'HEX') AS bytes, 12::NUMBER(38,0) AS n`
  expect(await lines(query(sql))).toEqual([
    '2026-01-02 01:04:05.123456 | 2026-01-02 03:04:05.123456 | 03:04:05.123456 | 00ff | 12',
  ])
  const text = { timestamps: 'text', zoned: 'text', time: 'text', binary: 'hex', integers: 'int64' }
  // The endpoint keeps the instant only.
  const zoned = LIVE ? '2026-01-02 03:04:05.123456000 +02:00' : '2026-01-02 01:04:05.123456000 +00:00'
  expect(await lines(query(sql), {}, text)).toEqual([`${zoned} | 2026-01-02 03:04:05.123456000 | 03:04:05.123456000 | 00ff | 12`])
  expect((await lines(query(sql), {}, { timestamps: 'milliseconds' }))[0]?.split(' | ')[1]).toBe('2026-01-02 03:04:05.123000')
})

test('what does not fit is put aside with its column; never a value in an error', async () => {
  const sql = 'SELECT 1::NUMBER(38,0) AS id UNION ALL SELECT 99999999999999999999::NUMBER(38,0)'
  const failure = await lines(query(sql), {}, { integers: 'int64' }).catch((error: unknown) => String(error))
  expect(failure).toContain('column "id": a value does not fit int64')
  expect(failure).not.toContain('99999')
  const rejected: RejectedRow[] = []
  expect(await lines(query(sql), { badValues: lenient(rejected) }, { integers: 'int64' })).toEqual(['1'])
  expect(rejected.map(({ column, row }) => [column, row.id])).toEqual([['id', '99999999999999999999']])
})

test('no rows leave no files, and are no error', async () => {
  expect(await lines(typed(), { where: 'FALSE' })).toEqual([])
})

test('a table that is not there, and a query that is none, are said so', async () => {
  const absent = { kind: 'table', table: { database: account.database, schema: account.schema, name: 'nobody' } } as const
  await expect(lines(absent)).rejects.toThrow('does not exist in the database')
  await expect(lines(query('SELECT * FROM nobody'))).rejects.toThrow()
  await using tables = tablesOf()
  const listed = await tables.list(signal)
  expect(listed.some(({ schema, name }) => schema === account.schema && name === 'TYPED')).toBe(true)
})

test('a place that the stage does not show is refused before anything is unloaded', async () => {
  const other = { ...account.connection, stage: { ...(account.connection.stage as object), url: 's3compat://elsewhere/x/' } }
  await using tables = openTablesOf(
    snowflakeOptions.parse({ ...other, stage: { ...other.stage, endpoint: '127.0.0.1:1' } }),
    accountEnvironment('.'),
  )
  await using reader = await tables.openReader(
    { from: query('SELECT 1 AS a'), columns: null, where: null, badValues: strict, exchange: exchange() },
    signal,
  )
  await expect(linesOf(reader)).rejects.toThrow('outside the stage')
})

test('a warehouse unloads a query as Parquet files under a fresh prefix, with sizes, rows and checksums', async () => {
  await using warehouse = await openSnowflakeWarehouse(
    snowflakeOptions.parse({ ...account.connection, unload: { schema: `${account.database}.${account.schema}` } }),
    accountEnvironment('.'),
  )
  const sql = `SELECT id, wall FROM ${account.schema}.typed WHERE id = 1`
  const files = await warehouse.unload({ sql, store: account.store, prefix: 'raw/out/' }, signal)
  expect(files.map(({ rows, format }) => [rows, format])).toEqual([[1, 'parquet']])
  const bytes = await account.store.get(files[0]?.key ?? '')
  expect(await jsonRows(bytes ?? new Uint8Array())).toEqual([{ id: '1', wall: '0' }])
  await expect(warehouse.unload({ sql, store: account.store, prefix: 'raw/out' }, signal)).rejects.toThrow('fresh prefix')
})

test('partitions of an unload: rows of a value together, in their order, NULL last and as it is', async () => {
  const by = async (partitionBy: string) =>
    (await lines(query(`SELECT id, name, ok FROM ${account.schema}.typed`), { partitionBy })).map((line) => line.split(' | ')[2])
  expect(await by('OK')).toEqual(['f', 't', 't', '␀'])
  expect((await lines(typed(), { partitionBy: 'day' })).map((line) => line.split(' | ')[6])).toEqual([
    '0001-01-01',
    '1970-01-01',
    '9999-12-31',
    '␀',
  ])
  await expect(by('nobody')).rejects.toThrow('has no column "nobody" to partition by; it has id, name, ok')
  await expect(lines(typed(), { partitionBy: 'doc' })).rejects.toThrow('its values are no names of directories')
})

tableReaderContract('a Snowflake table', async () => {
  const tables = tablesOf({ integers: 'int64' })
  return {
    shows: { shape: SHAPE.with(0, 'id: int64'), lines: SHOWN },
    open: (columns) =>
      tables.openReader({ from: typed(), columns, where: null, badValues: strict, exchange: exchange() }, signal),
    [Symbol.asyncDispose]: () => tables[Symbol.asyncDispose](),
  }
})
