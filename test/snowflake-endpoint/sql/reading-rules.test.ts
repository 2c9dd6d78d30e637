/** How files are read in the worst interpretation of what Snowflake documents: one test for each rule. */
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { StreamKind, TypeKind } from '../../../integrations/land/orc/messages.ts'
import { testBatch } from '../../support/arrow-columns.ts'
import { orcOfParts, writeOrc } from '../../support/orc-files.ts'
import { writeParquet } from '../../support/parquet-files.ts'
import { openSqlAccount, type SqlAccount } from './account-fixture.ts'
import { overFiles, putParquet } from './parquet-objects.ts'

/** What is used of parquetjs-lite, which has no types: it writes data pages V2. */
type Lite = {
  readonly ParquetSchema: new (fields: object) => object
  readonly ParquetWriter: {
    openFile(
      schema: object,
      path: string,
      options: object,
    ): Promise<{ appendRow(row: object): Promise<void>; close(): Promise<void> }>
  }
}
const { ParquetSchema, ParquetWriter } = createRequire(import.meta.url)('parquetjs-lite') as Lite

let account: SqlAccount
beforeAll(async () => {
  account = await openSqlAccount()
  await account.run(
    "ALTER SESSION SET TIMESTAMP_NTZ_OUTPUT_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6'",
    'CREATE FILE FORMAT AS_TEXT TYPE = PARQUET BINARY_AS_TEXT = TRUE',
    'CREATE FILE FORMAT EXACT TYPE = PARQUET BINARY_AS_TEXT = FALSE NULL_IF = ()',
    'CREATE FILE FORMAT ORC TYPE = ORC',
  )
})
afterAll(() => account[Symbol.asyncDispose]())

const text: LogicalType = { kind: 'utf8', format: 'text' }

describe('a file that cannot be read is skipped without a word', () => {
  test.each<readonly [what: string, damage: (bytes: Uint8Array) => Uint8Array]>([
    ['ends early', (bytes) => bytes.subarray(0, bytes.length - 20)],
    ['is empty', () => new Uint8Array(1)],
    ['is text', () => Buffer.from('not a Parquet file')],
    [
      'has a page that does not decompress',
      (bytes) => bytes.map((byte, index) => (index > 30 && index < 400 ? byte ^ 0x5a : byte)),
    ],
  ])('it %s', async (what, damage) => {
    const directory = `damaged ${what}`.replaceAll(' ', '-')
    const good = await putParquet(
      account,
      `${directory}/good.parquet`,
      "select range as n, 'text number ' || range as t from range(200)",
      "COMPRESSION 'zstd'",
    )
    account.put(`${directory}/bad.parquet`, damage(good))
    const table = await overFiles(account, directory, 'n number(19,0) as (value:"n"::number(19,0))')
    expect(await account.rows(`select metadata$filename, count(*), sum(n) from ${table} group by 1`)).toEqual([
      [`${directory}/good.parquet`, '200', '19900'],
    ])
    expect(
      await account.rows(`select count(*) from table(information_schema.external_table_files(table_name => '${table}'))`),
    ).toEqual([['2']])
  })

  test('it is gone from the bucket, or another one lies there: the rows of now are shown', async () => {
    await putParquet(account, 'moving/a.parquet', 'select 1 as n')
    await putParquet(account, 'moving/b.parquet', 'select 2 as n')
    const table = await overFiles(account, 'moving', 'n int as (value:"n"::int)')
    expect(await account.rows(`select n from ${table} order by 1`)).toEqual([['1'], ['2']])
    await putParquet(account, 'moving/b.parquet', 'select 3 as n union all select 4')
    expect(await account.rows(`select n from ${table} order by 1`)).toEqual([['1'], ['3'], ['4']])
    rmSync(account.path('lake', 'moving/b.parquet'))
    expect(await account.rows(`select n from ${table} order by 1`)).toEqual([['1']])
  })
})

test('data pages V2 cannot be read', async () => {
  const path = account.put('v2/a.parquet', new Uint8Array(0))
  const writer = await ParquetWriter.openFile(new ParquetSchema({ n: { type: 'INT64' } }), path, { useDataPageV2: true })
  await writer.appendRow({ n: 1 })
  await writer.close()
  await putParquet(account, 'v2/b.parquet', 'select range as n from range(3)', 'PARQUET_VERSION V1')
  const table = await overFiles(account, 'v2', '')
  expect(await account.rows(`select count(*) from ${table}`)).toEqual([['3']])
})

test('NULLs inside arrays are dropped, and what follows moves up', async () => {
  await putParquet(account, 'arrays/a.parquet', "select [1, null, 3] as a, {'s': ['x', null]} as o, map {'k': 1, 'l': null} as m")
  const table = await overFiles(account, 'arrays', 'a array as (value:"a"::array), b int as (value:"a"[1]::int)')
  expect(await account.rows(`select to_json(a), b, to_json(value:"o"), array_size(a), to_json(value:"m") from ${table}`)).toEqual(
    [['[1,3]', '3', '{"s":["x"]}', '2', '[{"key":"k","value":1},{"key":"l","value":null}]']],
  )
})

test('an integer becomes a timestamp by its size', async () => {
  await putParquet(
    account,
    'integers/a.parquet',
    'select unnest([1700000000, 1700000000000, 1700000000000000, 1700000000000000000, 31535999999]) as t',
  )
  const table = await overFiles(account, 'integers', 't timestamp_ntz as (value:"t"::timestamp_ntz)')
  expect(await account.rows(`select t::varchar from ${table}`)).toEqual([
    ...Array.from({ length: 4 }, () => ['2023-11-14 22:13:20.000000']),
    // Milliseconds of 1970 are seconds of the year 2969.
    ['2969-05-02 23:59:59.000000'],
  ])
})

test('bytes without annotation are text unless BINARY_AS_TEXT is FALSE; bytes that are no text are NULL then', async () => {
  await putParquet(account, 'bytes/a.parquet', "select unnest(['ab'::blob, '\\xFF'::blob]) as b")
  const asText = await overFiles(account, 'bytes', 'b varchar as (value:"b"::varchar)', "FORMAT_NAME = 'AS_TEXT'")
  expect(await account.rows(`select b, typeof(value:"b") from ${asText}`)).toEqual([
    ['ab', 'VARCHAR'],
    [null, null],
  ])
  const binary = await overFiles(account, 'bytes', 'b binary as (value:"b"::binary), h varchar as (value:"b"::varchar)')
  expect(await account.rows(`select b, h, typeof(value:"b") from ${binary}`)).toEqual([
    ['6162', '6162', 'BINARY'],
    ['FF', 'FF', 'BINARY'],
  ])
})

test('paths tell upper from lower case; a wrong one is NULL in every row', async () => {
  await putParquet(account, 'case/a.parquet', 'select 1 as n, 2 as "Mixed"')
  const table = await overFiles(
    account,
    'case',
    'right_one int as (value:"Mixed"::int), wrong int as (value:"mixed"::int), bare int as (value:n::int), absent int as (value:"x"::int)',
  )
  expect(await account.rows(`select right_one, wrong, bare, absent from ${table}`)).toEqual([['2', null, '1', null]])
})

test('a LogicalType without ConvertedType is the stored integer', async () => {
  await putParquet(account, 'logical/a.parquet', "select '2024-02-29 01:02:03.123456789'::timestamp_ns as t")
  const table = await overFiles(account, 'logical', '')
  expect(await account.rows(`select typeof(value:"t"), value:"t"::number(38,0) from ${table}`)).toEqual([
    ['INTEGER', '1709168523123456789'],
  ])
})

test('timestamps of microseconds that are adjusted to UTC are NTZ, others integers or LTZ: the guard takes all', async () => {
  const instants: readonly (readonly [LogicalType, string])[] = [[{ kind: 'timestamp', utc: true }, 'seen']]
  for (const profile of ['lake', 'hive'] as const) {
    const batch = testBatch(instants.map(([type, name]) => ({ name, type, values: [1_709_168_523_456_789n, -1n, null] })))
    account.put(`stamps/${profile}.parquet`, (await writeParquet(batch.schema, [batch], { profile })).bytes)
  }
  await putParquet(account, 'stamps/micros.parquet', 'select unnest([1709168523456789, -1, null]) as seen')
  const guard = `case typeof(value:"seen") when 'INTEGER' then to_timestamp_ntz(value:"seen"::number, 6) when 'TIMESTAMP_NTZ' then value:"seen"::timestamp_ntz
    when 'TIMESTAMP_LTZ' then convert_timezone('UTC', value:"seen"::timestamp_ltz)::timestamp_ntz end`
  const table = await overFiles(account, 'stamps', `seen timestamp_ntz(6) as (${guard})`)
  const found = await account.rows(
    `select split_part(metadata$filename, '/', 2), max(typeof(value:"seen")), listagg(seen::varchar, ' | ') within group (order by seen) from ${table} group by 1 order by 1`,
  )
  const both = '1969-12-31 23:59:59.999999 | 2024-02-29 01:02:03.456789'
  expect(found.map(([file, , stamps]) => [file, stamps])).toEqual([
    ['hive.parquet', both],
    ['lake.parquet', both],
    ['micros.parquet', both],
  ])
  expect(found.map(([, type]) => type)).toEqual([expect.stringMatching(/^INTEGER$|^TIMESTAMP_LTZ$/), 'TIMESTAMP_NTZ', 'INTEGER'])
})

test('types of values are told by TYPEOF, and casts of what does not fit fail when the row is read', async () => {
  await putParquet(
    account,
    'types/a.parquet',
    "select 1.50::decimal(9,2) as d, 2.00::decimal(9,2) as w, 1.5::double as f, true as b, date '2024-01-01' as day, 'x' as t, null::int as n",
  )
  const table = await overFiles(
    account,
    'types',
    't number(3,0) as (value:"t"::number(3,0)), d number(9,2) as (value:"d"::number(9,2)), s number(1,0) as (value:"d"::number(1,0))',
  )
  const kinds = ['d', 'w', 'f', 'b', 'day', 't', 'n'].map((name) => `typeof(value:"${name}")`)
  expect(await account.rows(`select ${kinds.join(', ')} from ${table}`)).toEqual([
    ['DECIMAL', 'INTEGER', 'DOUBLE', 'BOOLEAN', 'DATE', 'VARCHAR', null],
  ])
  expect(await account.rows(`select d, s from ${table}`)).toEqual([['1.50', '2']])
  expect(await account.refusal(`select t from ${table}`)).toMatch(/^100038 22018/)
})

test(String.raw`the text \N is NULL unless the format says NULL_IF = ()`, async () => {
  const batch = testBatch([{ name: 't', type: text, values: ['\\N', 'a'] }])
  account.put('nulls/a.parquet', (await writeParquet(batch.schema, [batch])).bytes)
  const usual = await overFiles(account, 'nulls', 't varchar as (value:"t"::varchar)')
  expect(await account.rows(`select t from ${usual}`)).toEqual([[null], ['a']])
  const exact = await overFiles(account, 'nulls', 't varchar as (value:"t"::varchar)', "FORMAT_NAME = 'EXACT'")
  expect(await account.rows(`select t from ${exact}`)).toEqual([['\\N'], ['a']])
})

test('ORC: columns by the names in the file, binary as hex, timestamps and dates with their types', async () => {
  const batch = testBatch([
    { name: '_col0', type: { kind: 'int64' }, values: [9_007_199_254_740_993n, null] },
    { name: '_col1', type: { kind: 'binary' }, values: [Uint8Array.of(0, 255), null] },
    { name: '_col2', type: { kind: 'timestamp', utc: false }, values: [1_709_168_523_456_789n, null] },
    { name: '_col3', type: { kind: 'date' }, values: [19_782, null] },
    { name: '_col4', type: { kind: 'decimal', precision: 20, scale: 3 }, values: [12_345n, null] },
    { name: '_col5', type: text, values: ['é"\\', null] },
  ])
  account.put('orc/a', (await writeOrc(batch.schema, [batch])).bytes)
  account.put('orc/damaged', (await writeOrc(batch.schema, [batch])).bytes.subarray(0, 100))
  const columns =
    'n number(19,0) as (value:"_col0"::number(19,0)), b varchar as (value:"_col1"::varchar), t timestamp_ntz as (value:"_col2"::timestamp_ntz), d date as (value:"_col3"::date), x number(20,3) as (value:"_col4"::number(20,3)), s varchar as (value:"_col5"::varchar), named int as (value:"n"::int)'
  const table = await overFiles(account, 'orc', columns, "FORMAT_NAME = 'ORC'")
  expect(
    await account.rows(
      `select n, b, t::varchar, d, x, s, named, metadata$filename, metadata$file_row_number from ${table} order by 9`,
    ),
  ).toEqual([
    ['9007199254740993', '00FF', '2024-02-29 01:02:03.456789', '19782', '12.345', 'é"\\', null, 'orc/a', '1'],
    [null, null, null, null, null, null, null, 'orc/a', '2'],
  ])
  expect(
    await account.rows(
      `select typeof(value:"_col1"), typeof(value:"_col2"), typeof(value:"_col3"), typeof(value:"_col0") from ${table} limit 1`,
    ),
  ).toEqual([['VARCHAR', 'TIMESTAMP_NTZ', 'DATE', 'INTEGER']])
})

test('ORC: a union is {tag, value}', async () => {
  const bytes = orcOfParts({
    types: [
      { kind: TypeKind.STRUCT, subtypes: [1], fieldNames: ['u'] },
      { kind: TypeKind.UNION, subtypes: [2, 3] },
      { kind: TypeKind.INT },
      { kind: TypeKind.STRING },
    ],
    rows: 5,
    streams: [
      // Row 3 is null; tags 0 1 0 1.
      [StreamKind.PRESENT, 1, [0xff, 0b1101_1000]],
      [StreamKind.DATA, 1, [0xfc, 0, 1, 0, 1]],
      [StreamKind.DATA, 2, [0xfe, 10, 12]],
      [StreamKind.DATA, 3, [...Buffer.from('abc')]],
      [StreamKind.LENGTH, 3, [0xfe, 1, 2]],
    ],
  })
  account.put('unions/a', bytes)
  const table = await overFiles(account, 'unions', '', "FORMAT_NAME = 'ORC'")
  expect(await account.rows(`select to_json(value:"u") from ${table} order by metadata$file_row_number`)).toEqual([
    ['{"tag":0,"value":5}'],
    ['{"tag":1,"value":"a"}'],
    [null],
    ['{"tag":0,"value":6}'],
    ['{"tag":1,"value":"bc"}'],
  ])
})

test('keys with characters of paths and patterns are found, and shown as they are', async () => {
  const key = 'odd/date=2024-01-01/a b%[1]*?é.parquet'
  await putParquet(account, 'odd/x.parquet', 'select 1 as n')
  account.put(key, await putParquet(account, 'odd/x.parquet', 'select 1 as n'))
  const table = await overFiles(account, 'odd', '')
  expect(await account.rows(`select metadata$filename, value from ${table} order by 1`)).toEqual([
    [key, '{\n  "n": 1\n}'],
    ['odd/x.parquet', '{\n  "n": 1\n}'],
  ])
})
