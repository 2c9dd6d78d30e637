/** Values and their types as they cross the seam: a wrong type is wrong although the text is right. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ResultColumn } from '../../support/snowflake/engine.ts'
import { openSqlAccount, type SqlAccount } from './account-fixture.ts'

let account: SqlAccount
beforeAll(async () => {
  account = await openSqlAccount()
  await account.run("ALTER SESSION SET TIMEZONE = 'UTC' TIME_OUTPUT_FORMAT = 'HH24:MI:SS.FF9'")
})
afterAll(() => account[Symbol.asyncDispose]())

const typeText = ({ type, precision, scale, length }: ResultColumn): string =>
  type === 'fixed'
    ? `fixed(${precision},${scale})`
    : type === 'text' || type === 'binary'
      ? `${type}(${length})`
      : scale === null
        ? type
        : `${type}(${scale})`

const MAX = 16_777_216

describe('an expression has its value and its type', () => {
  test.each<readonly [sql: string, value: string | null, type: string]>([
    ['1', '1', 'fixed(1,0)'],
    ['-1.50', '-1.50', 'fixed(3,2)'],
    ['0.05', '0.05', 'fixed(2,2)'],
    ['12345678901234567890123456789012345678', '12345678901234567890123456789012345678', 'fixed(38,0)'],
    ['1e3', '1000', 'real'],
    ['1::float / 3', '0.3333333333333333', 'real'],
    ["'NaN'::float", 'NaN', 'real'],
    ["'abc'", 'abc', 'text(3)'],
    ["'abc'::varchar(10)", 'abc', 'text(10)'],
    ["'abc'::string", 'abc', `text(${MAX})`],
    ['null', null, 'text(0)'],
    ['true', '1', 'boolean'],
    ["'no'::boolean", '0', 'boolean'],
    ["'2024-02-29'::date", '19782', 'date'],
    ["'0001-01-01'::date", '-719162', 'date'],
    ["'12:34:56.7'::time", '45296.700000000', 'time(9)'],
    ["'2024-02-29 01:02:03.456789'::timestamp", '1709168523.456789000', 'timestamp_ntz(9)'],
    ["'2024-02-29 01:02:03.456789'::timestamp_ntz(3)", '1709168523.456', 'timestamp_ntz(3)'],
    ["'1969-12-31 23:59:59.999999'::timestamp_ntz(6)", '-0.000001', 'timestamp_ntz(6)'],
    ["'2024-02-29T01:02:03+02:00'::timestamp_ltz", '1709161323.000000000', 'timestamp_ltz(9)'],
    ["to_timestamp_tz('2024-02-29 01:02:03')", '1709168523.000000000 1440', 'timestamp_tz(9)'],
    ["to_binary('00ff', 'HEX')", '00FF', 'binary(8388608)'],
    ['10::number(10,2) + 1.5::number(5,3)', '11.500', 'fixed(12,3)'],
    ['2.50::number(10,2) * 1.25::number(5,2)', '3.1250', 'fixed(15,4)'],
    ['10::number(10,2) / 3', '3.33333333', 'fixed(16,8)'],
    ['-10 / 3', '-3.333333', 'fixed(8,6)'],
    ['7 % 4', '3', 'fixed(1,0)'],
    ['1 + 1.0::float', '2', 'real'],
    ["'3' + 1", '4.00000', 'fixed(19,5)'],
    ["'a' || 1", 'a1', 'text(16777216)'],
    ['round(2.567, 2)', '2.57', 'fixed(4,2)'],
    ['round(-2.5)', '-3', 'fixed(2,0)'],
    ['trunc(-2.57, 1)', '-2.5', 'fixed(2,1)'],
    ['ceil(-2.5)', '-2', 'fixed(2,0)'],
    ['floor(-2.5)', '-3', 'fixed(2,0)'],
    ["to_number('00ff', 'XXXX')", '255', 'fixed(38,0)'],
    ["to_number('fffffffffffffff', 'XXXXXXXXXXXXXXX')", '1152921504606846975', 'fixed(38,0)'],
    ["to_number('1.5', 10, 2)", '1.50', 'fixed(10,2)'],
    ["md5('a')", '0cc175b9c0f1b6a831c399e269772661', 'text(32)'],
    ["split_part('a/b/c', '/', -1)", 'c', `text(${MAX})`],
    ["substr('abc', 0, 2)", 'ab', 'text(2)'],
    ["concat_ws('-', 'a', null, 'b')", null, `text(${MAX})`],
    ["hex_encode('k', 0)", '6b', `text(${MAX})`],
    [
      "to_varchar('2024-02-29 01:02:03.456789'::timestamp_ntz, 'YYYY-MM-DD HH24:MI:SS.FF6')",
      '2024-02-29 01:02:03.456789',
      `text(${MAX})`,
    ],
    ['to_varchar(0.5::number(9,9))', '0.500000000', `text(${MAX})`],
    ["'01:02:03.000004'::time::varchar", '01:02:03.000004000', `text(${MAX})`],
    ["dateadd(month, 1, '2024-01-31'::date)", '19782', 'date'],
    ["datediff('day', '2024-01-01', '2024-03-01')", '60', 'fixed(9,0)'],
    ["date_trunc('month', '2024-03-05 01:02:03'::timestamp_ntz)", '1709251200.000000000', 'timestamp_ntz(9)'],
    ["date_part(epoch_second, '1970-01-02'::date)", '86400', 'fixed(18,0)'],
    ['to_timestamp_ntz(1709168523456789, 6)', '1709168523.456789000', 'timestamp_ntz(9)'],
    [
      "convert_timezone('UTC', 'Europe/Warsaw', '2024-07-01 00:00:00'::timestamp_ntz)",
      '1719799200.000000000',
      'timestamp_ntz(9)',
    ],
    ['coalesce(null, 1, 2.5)', '1.0', 'fixed(2,1)'],
    ["iff(1 > 2, 'x', 'long')", 'long', 'text(4)'],
    ['nullif(1, 1)', null, 'fixed(1,0)'],
    ["decode(2, 1, 'one', 2, 'two')", 'two', 'text(3)'],
    ['greatest(1, null)', null, 'fixed(1,0)'],
    ['div0(1, 0)', '0.000000', 'fixed(7,6)'],
    ["try_to_number('x')", null, 'fixed(38,0)'],
    ["try_cast('x' as date)", null, 'date'],
    ['parse_json(\'{"b":1,"a":[1.50,null]}\')', '{\n  "a": [\n    1.5,\n    null\n  ],\n  "b": 1\n}', 'variant'],
    ["parse_json('12345678901234567890123')", '12345678901234567890123', 'variant'],
    ['parse_json(\'{"a":{"b":[5,6]}}\'):a.b[1]::number(3,1)', '6.0', 'fixed(3,1)'],
    ['parse_json(\'{"a":null}\'):a', 'null', 'variant'],
    ['parse_json(\'{"a":null}\'):a::varchar', null, `text(${MAX})`],
    ['parse_json(\'{"a":null}\'):b', null, 'variant'],
    ["typeof(parse_json('1.5'))", 'DECIMAL', `text(${MAX})`],
    ["to_json(object_construct('a', 1, 'b', null))", '{"a":1}', `text(${MAX})`],
    ["array_size(array_construct(1, 'a', null))", '3', 'fixed(9,0)'],
    ["'2024-01-01'::date::variant::varchar", '2024-01-01', `text(${MAX})`],
    ["typeof('2024-01-01'::date::variant)", 'DATE', `text(${MAX})`],
    ['current_database()', 'DB', `text(${MAX})`],
  ])('%s', async (sql, value, type) => {
    const { columns, rows } = await account.answer(`select ${sql} as x`)
    expect([rows[0]?.[0], columns.map(typeText).join()]).toEqual([value, type])
  })
})

describe('an aggregate has its value and its type', () => {
  const data = "(values (1, 1.5::number(9,2), 'a', true), (2, 2.5, 'b', false), (3, null, 'b', null)) t (n, d, s, f)"
  test.each<readonly [sql: string, value: string | null, type: string]>([
    ['count(*)', '3', 'fixed(18,0)'],
    ['count(d)', '2', 'fixed(18,0)'],
    ['count(distinct s)', '2', 'fixed(18,0)'],
    ['sum(n)', '6', 'fixed(38,0)'],
    ['sum(d)', '4.00', 'fixed(38,2)'],
    ['avg(d)', '2.00000000', 'fixed(38,8)'],
    ['avg(n::float)', '2', 'real'],
    ['min(s)', 'a', 'text(1)'],
    ["listagg(s, '/') within group (order by n desc)", 'b/b/a', `text(${MAX})`],
    ['array_agg(n) within group (order by n)', '[\n  1,\n  2,\n  3\n]', 'array'],
    ['boolor_agg(f)', '1', 'boolean'],
    ['median(n)', '2', 'real'],
    ['max_by(s, n)', 'b', 'text(1)'],
    ['count_if(n > 1)', '2', 'fixed(18,0)'],
    ['sum(9223372036854775807::number(38,0))', '27670116110564327421', 'fixed(38,0)'],
  ])('%s', async (sql, value, type) => {
    const { columns, rows } = await account.answer(`select ${sql} as x from ${data}`)
    expect([rows[0]?.[0], columns.map(typeText).join()]).toEqual([value, type])
  })
})

test('bindings are literals of their types', async () => {
  const { columns, rows } = await account.answer('select ?, :2, ?, ?, ? + 1', [
    { type: 'TEXT', value: "it's" },
    { type: 'FIXED', value: '12.50' },
    { type: 'BOOLEAN', value: 'true' },
    { type: 'TEXT', value: null },
    { type: 'FIXED', value: '9007199254740993' },
  ])
  expect([rows[0]?.[0], rows[0]?.[1]]).toEqual(["it's", '12.50'])
  expect(columns.map(({ type }) => type).slice(0, 2)).toEqual(['text', 'fixed'])
})

test('names of columns are as Snowflake makes them, and unquoted names are upper case', async () => {
  const { columns } = await account.answer(
    'select 1 as a, 2 "b c", count(*), max("x") + 1, t.* from (select 1 "x", 2 y) t group by all',
  )
  expect(columns.map(({ name }) => name)).toEqual(['A', 'b c', 'COUNT(*)', 'MAX("x") + 1', 'x', 'Y'])
})

test('NULLs sort as the greatest value', async () => {
  const from = 'from (values (1), (null), (2)) t (n)'
  expect(await account.rows(`select n ${from} order by n`)).toEqual([['1'], ['2'], [null]])
  expect(await account.rows(`select n ${from} order by n desc`)).toEqual([[null], ['2'], ['1']])
  expect(await account.rows(`select n ${from} order by n desc nulls last`)).toEqual([['2'], ['1'], [null]])
})

test('aliases serve in WHERE, GROUP BY and QUALIFY; columns come first', async () => {
  const from = "from (values (1, 'a'), (2, 'b'), (3, 'b')) t (n, s)"
  expect(await account.rows(`select n * 2 as twice ${from} where twice > 2 order by twice desc`)).toEqual([['6'], ['4']])
  expect(await account.rows(`select upper(s) as s2, count(*) c ${from} group by s2 having c > 1`)).toEqual([['B', '2']])
  expect(
    await account.rows(`select n, row_number() over (partition by s order by n desc) as k ${from} qualify k = 1 order by n`),
  ).toEqual([
    ['1', '1'],
    ['3', '1'],
  ])
})

test('FLATTEN gives elements of arrays and entries of objects, with OUTER also nothing', async () => {
  const from = `from (select 1 id, parse_json('{"k":[10,{"x":"y"}]}') v union all select 2, parse_json('{}')) t`
  expect(
    await account.rows(
      `select id, f.index, f.value ${from}, lateral flatten(input => v:k, outer => true) f order by id, f.index`,
    ),
  ).toEqual([
    ['1', '0', '10'],
    ['1', '1', '{\n  "x": "y"\n}'],
    ['2', null, null],
  ])
  expect(await account.rows(`select f.key, f.path, f.value::varchar ${from}, table(flatten(v)) f`)).toEqual([
    ['k', 'k', '[10,{"x":"y"}]'],
  ])
})

test('RESULT_SCAN shows an earlier result again', async () => {
  await account.answer("select 1 as a, 'x' as b, '2024-01-01'::timestamp_ntz as t")
  expect(await account.rows('select b, a + 1, t from table(result_scan(last_query_id()))')).toEqual([
    ['x', '2', '1704067200.000000000'],
  ])
  await account.answer('show schemas in database db')
  expect(await account.rows('select "name" from table(result_scan(last_query_id())) order by 1')).toEqual([['PUBLIC']])
})

test('a statement that is cancelled ends, and the session goes on', async () => {
  const cancelling = new AbortController()
  const slow =
    "select count(*) from table(generator(rowcount => 900000)) a, table(generator(rowcount => 900000)) b where md5(uuid_string()) like 'zz%'"
  const running = account.session.execute(slow, { bindings: [], queryId: 'cancelled', signal: cancelling.signal })
  cancelling.abort()
  await expect(running).rejects.toThrow()
  expect(await account.rows('select 1')).toEqual([['1']])
})
