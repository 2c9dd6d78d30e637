/** COPY INTO a stage, with the quirks that Snowflake documents. */
import { readdirSync, readFileSync } from 'node:fs'
import { parquetMetadata } from 'hyparquet'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonRows } from '../../support/parquet-files.ts'
import { openSqlAccount, type SqlAccount } from './account-fixture.ts'

let account: SqlAccount
beforeAll(async () => {
  account = await openSqlAccount()
})
afterAll(() => account[Symbol.asyncDispose]())

const FORMAT = 'FILE_FORMAT = (TYPE = PARQUET)'
const DETAILED = `${FORMAT} HEADER = TRUE DETAILED_OUTPUT = TRUE INCLUDE_QUERY_ID = TRUE`
const copy = (path: string, query: string, options = DETAILED) =>
  account.answer(`COPY INTO @LAKE/${path} FROM (${query}) ${options}`)
const files = (path: string): readonly string[] => {
  try {
    return readdirSync(account.path('lake', path), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(account.path('lake').length + 1))
      .sort()
  } catch {
    return []
  }
}
const content = (key: string): Uint8Array => readFileSync(account.path('lake', key))

test('files are told by name, size and rows; names hold the query id', async () => {
  const query =
    'select 1 as "n", 1.50::number(9,2) as "d", \'x\' as "t", true as "b", \'2024-01-01\'::date as "day", null::varchar as "none"'
  const { columns, rows } = await account.answer(
    `COPY INTO @LAKE/one/ FROM (${query}) ${DETAILED}`,
    [],
    '01234567-0000-4000-8000-000000000000',
  )
  expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual(['FILE_NAME text', 'FILE_SIZE fixed', 'ROW_COUNT fixed'])
  const [key = ''] = files('one')
  expect(key).toMatch(/^one\/data_01234567-0000-4000-8000-000000000000_\d+_\d+_\d+\.snappy\.parquet$/)
  expect(rows).toEqual([[key, String(content(key).length), '1']])
  expect(await jsonRows(content(key))).toEqual([{ n: '1', d: '1.50', t: 'x', b: true, day: '2024-01-01', none: null }])
})

test('without HEADER columns are _COL_n; without DETAILED_OUTPUT there are sums', async () => {
  const { columns, rows } = await copy('plain/', 'select 1 as n, 2 as m', FORMAT)
  expect(columns.map(({ name }) => name)).toEqual(['rows_unloaded', 'input_bytes', 'output_bytes'])
  expect(rows[0]?.[0]).toBe('1')
  const [key = ''] = files('plain')
  expect(key).toBe('plain/data_0_0_0.snappy.parquet')
  expect(Object.keys((await jsonRows(content(key)))[0] ?? {})).toEqual(['_COL_0', '_COL_1'])
})

test('TIMESTAMP_NTZ is written in milliseconds, and what is finer is cut off', async () => {
  await copy(
    'ntz/',
    'select \'2024-02-29 01:02:03.456789\'::timestamp_ntz as "t", \'1969-12-31 23:59:59.999999\'::timestamp_ntz as "u"',
  )
  const [key = ''] = files('ntz')
  expect(await jsonRows(content(key))).toEqual([
    { t: expect.stringContaining('01:02:03.456'), u: expect.stringContaining('23:59:59.999') },
  ])
  expect(JSON.stringify(await jsonRows(content(key)))).not.toContain('789')
  const { schema } = parquetMetadata(Uint8Array.from(content(key)).buffer)
  expect(schema.find(({ name }) => name === 't')?.logical_type).toMatchObject({ type: 'TIMESTAMP', unit: 'MILLIS' })
})

test.each(['ltz', 'tz'])('TIMESTAMP_%s fails with 100171', async (kind) => {
  expect(await account.refusal(`COPY INTO @LAKE/zoned/ FROM (select '2024-01-01'::timestamp_${kind} as t) ${DETAILED}`)).toMatch(
    /^100171 /,
  )
  expect(files('zoned')).toEqual([])
})

test('zero rows make no file', async () => {
  expect((await copy('zero/', 'select 1 as n where false')).rows).toEqual([])
  expect(files('zero')).toEqual([])
})

test('PARTITION BY leaves its column in the files, and NULL is _NULL_', async () => {
  const { rows } = await copy(
    'parts/',
    'select * from (values (1, \'a\'), (2, null), (3, \'a\')) t ("n", "p")',
    `PARTITION BY ('p=' || "p") ${DETAILED}`,
  )
  expect(rows.map(([, , count]) => count).toSorted()).toEqual(['1', '2'])
  const folders = files('parts').map((key) => key.split('/')[1])
  expect(folders.toSorted()).toEqual(['_NULL_', 'p=a'])
  const [key = ''] = files('parts').filter((each) => each.includes('p=a'))
  expect(await jsonRows(content(key))).toEqual([
    { n: '1', p: 'a' },
    { n: '3', p: 'a' },
  ])
})

test('MAX_FILE_SIZE makes several files, whose rows are all of them', async () => {
  const rows = 'select row_number() over (order by 1) as "n", md5(uuid_string()) as "t" from table(generator(rowcount => 20000))'
  const { rows: told } = await copy('many/', rows, `${DETAILED} MAX_FILE_SIZE = 200000`)
  expect(told.length).toBeGreaterThan(2)
  expect(told.reduce((sum, [, , count]) => sum + Number(count), 0)).toBe(20_000)
  expect(told.every(([, size]) => Number(size) < 300_000)).toBe(true)
  expect(files('many')).toEqual(told.map(([name]) => name).toSorted())
})

test('an unload that fails leaves what it wrote, and its repeat writes beside it', async () => {
  account.engine.failUnload(1)
  const rows = 'select row_number() over (order by 1) as "n", md5(uuid_string()) as "t" from table(generator(rowcount => 20000))'
  await expect(copy('broken/', rows, `${DETAILED} MAX_FILE_SIZE = 200000`)).rejects.toThrow(/370001/)
  const left = files('broken')
  expect(left).toHaveLength(1)
  const { rows: told } = await copy('broken/', rows, `${DETAILED} MAX_FILE_SIZE = 200000`)
  expect(files('broken')).toHaveLength(told.length + 1)
  expect(files('broken')).toContain(left[0])
})

test('files that are there already are not overwritten unasked; OVERWRITE deletes no other', async () => {
  await copy('again/', 'select 1 as "n"', FORMAT)
  account.put('again/data_0_0_9.snappy.parquet', Buffer.from('old'))
  expect(await account.refusal(`COPY INTO @LAKE/again/ FROM (select 2 as "n") ${FORMAT}`)).toMatch(/^001030 22000/)
  await copy('again/', 'select 2 as "n"', `${FORMAT} OVERWRITE = TRUE`)
  expect(files('again')).toEqual(['again/data_0_0_0.snappy.parquet', 'again/data_0_0_9.snappy.parquet'])
})

describe('VARIANT, TIME, BINARY and tables', () => {
  test('are written as text, time of day and bytes; a table is unloaded by its name', async () => {
    await account.run(
      "CREATE TABLE SHOWN AS SELECT parse_json('{\"b\":1,\"a\":[1]}') v, '01:02:03.5'::time t, to_binary('00FF') b",
    )
    await account.answer(`COPY INTO @LAKE/shown/ FROM SHOWN ${DETAILED}`)
    const [key = ''] = files('shown')
    expect(await jsonRows(content(key))).toMatchObject([{ V: '{"b":1,"a":[1]}', B: '00ff' }])
    expect(await account.rows('select "name" from table(result_scan(last_query_id()))').catch(() => [])).toEqual([])
  })
})

test.each([
  [`COPY INTO @LAKE/x/ FROM (select 1 n) FILE_FORMAT = (TYPE = CSV)`, '000002'],
  [`COPY INTO @LAKE/x/ FROM (select 1 n) PARTITION BY (n) ${FORMAT} OVERWRITE = TRUE`, '001008'],
  [`COPY INTO @LAKE/x/ FROM (select 1 n) ${FORMAT} INCLUDE_QUERY_ID = TRUE SINGLE = TRUE`, '001008'],
  [`COPY INTO @NOWHERE/x/ FROM (select 1 n) ${FORMAT}`, '002003'],
  [`COPY INTO @LAKE/x/ FROM NOBODY ${FORMAT}`, '002003'],
])('%s is refused', async (sql, code) => {
  expect(await account.refusal(sql)).toMatch(new RegExp(`^${code} `))
})

test('LIST shows names with the bucket, sizes and times; REMOVE takes files away', async () => {
  await copy('listed/', 'select 1 as "n"', FORMAT)
  const { columns, rows } = await account.answer('LIST @LAKE/listed/')
  expect(columns.map(({ name }) => name)).toEqual(['name', 'size', 'md5', 'last_modified'])
  expect(rows.map(([name]) => name)).toEqual(['s3://lake/listed/data_0_0_0.snappy.parquet'])
  expect((await account.rows('REMOVE @LAKE/listed/')).map(([, result]) => result)).toEqual(['removed'])
  expect(await account.rows('LIST @LAKE/listed/')).toEqual([])
})
