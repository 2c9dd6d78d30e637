import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SqlError } from '../../support/snowflake/engine.ts'
import { lex } from '../../support/snowflake/sql/lex.ts'
import { parseStatement } from '../../support/snowflake/sql/parse/statement.ts'
import { openSqlAccount, type SqlAccount } from './account-fixture.ts'

let account: SqlAccount
beforeAll(async () => {
  account = await openSqlAccount()
})
afterAll(() => account[Symbol.asyncDispose]())

const refused = (sql: string): string => {
  try {
    parseStatement(sql)
  } catch (error) {
    if (error instanceof SqlError) return `${error.code} ${error.sqlState} ${error.message.split('\n').at(-1)}`
    throw error
  }
  throw new Error(`"${sql}" was taken`)
}

test.each([
  ['selec 1', 1, 0, 'selec'],
  ['select', 1, 6, '<EOF>'],
  ['select 1 from', 1, 13, '<EOF>'],
  ['select 1\n  fro m', 2, 6, 'm'],
  ['select (1', 1, 9, '<EOF>'],
  ["select 'a", 1, 7, "'"],
  ['select 1;;', 1, 9, ';'],
  ['select 1; select 2', 1, 10, 'select'],
  ['select a from b where', 1, 21, '<EOF>'],
  ['create schema', 1, 13, '<EOF>'],
  ['create schema a.b c', 1, 18, 'c'],
  ['create or replace schema if not exists a', 1, 25, 'if'],
  ["create stage s url = 's3://a/' colour = 'red'", 1, 31, 'colour'],
  ['create external table t (a int as (1)) location = @s/ file_format = (type = parquet) pattern = 1', 1, 95, '1'],
  ['create external table t (a int as (1)) location = @s/', 1, 53, '<EOF>'],
  ['create external table t (a int) location = @s/ file_format = (type = parquet)', 1, 30, ')'],
  ['create table t (a money)', 1, 18, 'money'],
  ['alter external table t add files (1)', 1, 34, '1'],
  ['alter external table t add file (1)', 1, 27, 'file'],
  ['alter session set', 1, 17, '<EOF>'],
  ['show tabels', 1, 5, 'tabels'],
  ['drop everything', 1, 5, 'everything'],
  ['grant everything on schema a to role b', 1, 6, 'everything'],
  ['create function f() returns int as $$1$$', 1, 7, 'function'],
  ['create task t as select 1', 1, 7, 'task'],
  ['copy into t from @s', 1, 10, 't'],
  ['put file:///a @s', 1, 0, 'put'],
  ['execute immediate $$select 1$$', 1, 0, 'execute'],
  ['call f()', 1, 0, 'call'],
  ['with recursive a as (select 1) select 1', 1, 5, 'recursive'],
  ['select * from a match_recognize (x)', 1, 16, 'match_recognize'],
  ['select 1 /* open', 1, 9, '/'],
  ['select 0x10', 1, 7, '0x10'],
  ['explain select 1', 1, 0, 'explain'],
])('%s is refused at its place', (sql, line, position, unexpected) => {
  expect(refused(sql)).toBe(`001003 42000 syntax error line ${line} at position ${position} unexpected '${unexpected}'.`)
})

test.each([
  'SELECT 1;',
  '  -- a remark\n/* and\nanother */ select 1 // the last',
  'select "a""b", \'it\'\'s \\\\ \\n \\u0041\', $$as it is \\n$$',
  'with a (x) as (select 1), b as (select x from a) select * from a natural join b',
  'select a.*, b.* exclude (x) from a join b using (x) left join c on a.y = c.y cross join d',
  'select x:a.b[0]."C d"::varchar, y[\'k\'], z[1]:q from t',
  "select count(distinct a, b), listagg(a, ',') within group (order by b desc nulls last), sum(a) over (partition by b order by c rows between 2 preceding and current row) from t",
  "select a from t where a in (1, 2) and (a, b) not in (select 1, 2) and b not like '%x' escape '!' and c is not distinct from d and e between 1 and 2 or not f",
  'select t.a from (select 1 a) t, lateral flatten(input => t.a, outer => true) f, table(generator(rowcount => 3)) qualify row_number() over (order by 1) = 1',
  "select date '2024-01-01' + interval '1 day, 2 hours', extract(year from current_timestamp), case a when 1 then 2 else 3 end, [1, 2], {'a': 1} from t",
  'select 1 union all select 2 minus select 3 intersect select 4 order by 1 desc nulls first limit 3 offset 1',
  'select top 3 a from t fetch first 2 rows only',
])('%s is taken', (sql) => {
  expect(parseStatement(sql).statement.kind).toBe('query')
})

test('a token knows its line and its place in it', () => {
  const [, , third] = lex("a\n 'b\nc' d")
  expect([third?.text, third?.line, third?.position]).toEqual(['D', 3, 3])
})

const WORDS =
  'select from where create table external stage alter add files show drop insert into values ( ) , . ; = + * :: : @ [ ] 1 2.5 \'x\' "Y" a b as union group by order null case when then end with join on in like'.split(
    ' ',
  )

test('junk never succeeds: every text is a statement of known words, or refused with a code', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string({ maxLength: 40 }),
        fc.array(fc.constantFrom(...WORDS), { maxLength: 14 }).map((words) => words.join(' ')),
      ),
      async (sql) => {
        const first =
          sql
            .trim()
            .split(/[^A-Za-z(]/)[0]
            ?.toLowerCase() ?? ''
        try {
          await account.answer(sql)
          expect(first).toMatch(/^(?:\(*select|with|show|values|create|alter|drop|insert)/)
        } catch (error) {
          if (!(error instanceof SqlError)) throw error
          expect(error.code).toMatch(/^\d{6}$/)
          // What DuckDB would say is never the answer.
          expect(error.code).not.toBe('000603')
        }
      },
    ),
    { numRuns: 400 },
  )
})

test.each([
  ['select nvl3(1, 2, 3)', '002140 42601'],
  ['select duckdb_version()', '002140 42601'],
  ["select read_text('/etc/hostname')", '002140 42601'],
  ["select * from read_csv('/etc/hostname')", '002141 42601'],
  ['select * from table(duckdb_settings())', '002141 42601'],
  ["select upper(distinct 'a')", '001003 42000'],
  ['select upper()', '000938 22023'],
  ['select row_number()', '001003 42000'],
  ['select a from (select 1 b)', '000904 42000'],
  ['select b from (select 1 b) x, (select 2 b) y', '002028 42601'],
  ['select "b" from (select 1 b)', '000904 42000'],
  ['select y.b from (select 1 b) x', '000904 42000'],
  ['select * from nobody', '002003 42S02'],
  ['select * from nowhere.nobody', '002003 02000'],
  ['select 1 + true', '001065 22023'],
  ["select 'a'::date", '100040 22007'],
  ["select 'a'::number", '100038 22018'],
  ["select '1_000'::number", '100038 22018'],
  ["select '0x10'::float", '100038 22018'],
  ['select distinct a from (select 1 a, 2 b) order by b', '001008 22023'],
  ['select 12345::number(3, 0)', '100039 22003'],
  ["select 'abcd'::varchar(3)", '100078 22000'],
  ['select 1 / 0', '100051 22012'],
  ["select parse_json('{')", '100069 22P02'],
  ['select (select 1 union all select 2)', '090150 22000'],
  ['select a, count(*) from (select 1 a, 2 b) group by b', '000979 42601'],
  ["select to_timestamp_ntz('later')", '100035 22007'],
  ['select ?', '001003 42000'],
  ['alter session set quoted_identifiers_ignore_case = true', '001006 22023'],
  ["alter session set timezone = 'Europe/Warsaw'", '001006 22023'],
  ['alter session set nothing = 1', '001008 22023'],
  ['use schema nowhere', '002043 02000'],
  ['use warehouse none', '002043 02000'],
  ['use role nobody', '003013 42501'],
])('%s is refused by name', async (sql, code) => {
  expect(await account.refusal(sql)).toMatch(new RegExp(`^${code} `))
})

test.each([
  ["LIST '@db.\"Sch\".stage/a b/it''s (1)~.parquet'", ['DB', 'Sch', 'STAGE'], "a b/it's (1)~.parquet"],
  ['LIST @stage/date=2024-01-01/x%20y+z.parquet', ['STAGE'], 'date=2024-01-01/x%20y+z.parquet'],
  ['LIST @"a/b"', ['a/b'], ''],
])('%s names a stage and a path', (sql, parts, path) => {
  const { statement } = parseStatement(sql)
  if (statement.kind !== 'list') throw new Error(statement.kind)
  expect([statement.stage.name.parts.map(({ text }) => text), statement.stage.path]).toEqual([parts, path])
})
