/** Files that Hive and Spark wrote themselves: every value as the engine's own SELECT shows it. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { openForeignReader } from '../../../integrations/transfer/foreign/foreign-reader.ts'
import { foreignLayout, found } from '../../support/foreign-tables.ts'
import { linesOf } from '../../support/table-rows.ts'

const bytesOf = (name: string) => new Uint8Array(readFileSync(new URL(`../../support/foreign-files/${name}`, import.meta.url)))

/**
 * create table every (…) stored as orc | parquet; insert into every select …: the types in this order, their limits, NULL, and days before
 * the calendar changed.
 */
const COLUMNS = [
  'id int',
  'bo boolean',
  'ti tinyint',
  'si smallint',
  'b bigint',
  'f float',
  'd double',
  'd9 decimal(9,2)',
  'd38 decimal(38,10)',
  's string',
  'v varchar(12)',
  'c char(6)',
  'bi binary',
  'da date',
  'ts timestamp',
  'a array<int>',
  'm map<string,decimal(10,2)>',
  'st struct<x:int,y:array<date>>',
]

/** What `select * from every order by id` said in each engine, nested values in our JSON: of a map in the order of the file. */
const rowsOf = (map: string) => [
  `1 | t | 127 | 32767 | 9223372036854775807 | 0.10000000149011612 | 1.7976931348623157e+308 | 9999999.99 | 9999999999999999999999999999.9999999999 | ünï 𝄞 text | varchar | ch     | 6279746573 | 9999-12-31 | 9999-12-31 23:59:59.999999 | [1,null,3] | ${map} | {"x":1,"y":["0001-01-01","2026-01-02"]}`,
  '2 | f | -128 | -32768 | -9223372036854775807 | -1.5 | -0.1 | -0.01 | -0.0000000001 |  |  |        |  | 0001-01-01 | 0001-01-01 00:00:00.000000 | ␀ | ␀ | {"x":2,"y":["0001-01-01","2026-01-02"]}',
  '3 | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀',
  '4 | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | 12.50 | ␀ | tab\tx | ␀ | ä      | ␀ | 1582-10-04 | 1969-12-31 23:59:58.500000 | [7] | ␀ | ␀',
]
const ROWS = {
  hive: rowsOf('[["b",1.50],["a",null]]'),
  spark: rowsOf('[["a",null],["b",1.50]]'),
}

for (const owner of ['hive', 'spark'] as const) {
  for (const format of ['orc', 'parquet'] as const) {
    test(`${format} of ${owner}: every type, its limits, NULL and days before 1582-10-15`, async () => {
      const table = await found(foreignLayout(COLUMNS, { owner, format }), { '000000_0': bytesOf(`${owner}.${format}`) })
      expect(table.table.partitions[0]?.files).toMatchObject([{ rows: 4, matchedBy: 'name' }])
      await using reader = openForeignReader(table, null)
      expect([...(await linesOf(reader))].sort()).toEqual(ROWS[owner])
    })
  }
}

test('a table of one engine over files of the other: what was written counts, not how the reader guesses', async () => {
  for (const format of ['orc', 'parquet'] as const) {
    const table = await found(foreignLayout(COLUMNS, { owner: 'hive', format }), { part: bytesOf(`spark.${format}`) })
    await using reader = openForeignReader(table, null)
    expect([...(await linesOf(reader))].sort()).toEqual(ROWS.spark)
  }
})

describe('INT96 of a Hive in New York', () => {
  const WALL = [
    '1 | 0001-01-01 00:00:00.000000',
    // In the ten days that the calendar left out Hive itself shows another day.
    '2 | 1582-10-04 23:00:00.500000',
    '3 | 1883-11-18 12:01:00.000000',
    '4 | 2026-03-08 03:30:00.123456',
    '5 | 2026-07-01 00:00:00.000000',
    '6 | 1969-12-31 20:00:00.000000',
    '7 | 1910-01-01 12:00:00.000000',
    '8 | 1582-10-15 00:00:00.000000',
    '9 | 1800-01-01 05:00:00.000000',
  ]
  const files = { '000000_0': bytesOf('hive-new-york.parquet') }

  test('is the wall clock that was written, for Hive', async () => {
    const table = await found(foreignLayout(['id int', 'da date', 'ts timestamp']), files)
    await using reader = openForeignReader(table, ['id', 'ts'])
    expect(await linesOf(reader)).toEqual(WALL)
  })

  test('is the instant, for Spark', async () => {
    const table = await found(foreignLayout(['id int', 'da date', 'ts timestamp'], { owner: 'spark' }), files)
    await using reader = openForeignReader(table, ['ts', 'id'])
    const lines = await linesOf(reader)
    expect(lines[3]).toBe('2026-03-08 07:30:00.123456 | 4')
    expect(lines[2]).toBe('1883-11-18 16:57:02.000000 | 3')
  })
})

test('CHAR has its blanks where the table says CHAR, VARCHAR is cut, as both engines show them', async () => {
  const files = { '000000_0': bytesOf('hive-char.orc') }
  const read = async (columns: readonly string[]) => {
    await using reader = openForeignReader(await found(foreignLayout(columns, { format: 'orc' }), files), null)
    return (await linesOf(reader)).map((line) => line.split(' | ').map((cell) => `[${cell}]`))
  }
  expect(await read(['c char(5)', 'v varchar(5)', 's string'])).toEqual([['[ab   ]', '[ab   ]', '[ab ]']])
  expect(await read(['c string', 'v varchar(3)', 's char(4)'])).toEqual([['[ab]', '[ab ]', '[ab  ]']])
})

test('columns without names are the table`s by position, in both ways of matching', async () => {
  const files = { 'HIVE_UNION_SUBDIR_1/000000_0': bytesOf('hive-unnamed.orc') }
  for (const by of ['name', 'position'] as const) {
    const table = await found(foreignLayout(['a int', 'b string'], { format: 'orc', matching: { orc: by } }), files)
    expect(table.table.partitions[0]?.files).toMatchObject([{ matchedBy: 'position', names: ['_col0', '_col1'] }])
    await using reader = openForeignReader(table, ['b', 'a'])
    expect(await linesOf(reader)).toEqual(['deep | 1'])
  }
})

test('LZ4 of Parquet, in Hadoop`s frame and without', async () => {
  for (const name of ['spark-lz4-hadoop.parquet', 'spark-lz4-raw.parquet']) {
    const table = await found(foreignLayout(['id int', 's string'], { owner: 'spark' }), { part: bytesOf(name) })
    await using reader = openForeignReader(table, null)
    const lines = await linesOf(reader)
    expect(lines).toHaveLength(50)
    expect(lines[49]).toBe(`49 | ${'text 1 '.repeat(20)}`)
  }
})
