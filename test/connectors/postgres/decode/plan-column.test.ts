/** Which type a column gets, how it is selected, which wire form it allows, what the configuration may change. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { typeName } from '../../../../connectors/logical-type.ts'
import type { ColumnOptions, OnBadValue } from '../../../../connectors/ports.ts'
import { streamFormat } from '../../../../connectors/postgres/decode/column-plan.ts'
import { initialValue } from '../../../../connectors/postgres/decode/initial-value.ts'
import { type Database, sharedPostgres } from '../../../support/postgres.ts'
import { applySettings, planTable, rowsOf, snapshot } from './wire.ts'

let database: Database

beforeAll(async () => {
  database = await (await sharedPostgres()).createDatabase()
  await applySettings(database.client)
  for (const extension of ['hstore', 'citext', 'cube']) await database.query(`create extension ${extension}`)
  await database.query(
    `create type mood as enum ('sad'); create domain price as numeric(9,3); create type pair as (a int, b mood)`,
  )
})
afterAll(() => database[Symbol.asyncDispose]())

const TYPE_TABLE: readonly (readonly [declared: string, logical: string])[] = [
  ['boolean', 'bool'],
  ['smallint', 'int16'],
  ['integer', 'int32'],
  ['bigint', 'int64'],
  ['oid', 'int64'],
  ['xid8', 'utf8'],
  ['real', 'float32'],
  ['double precision', 'float64'],
  ['numeric(12,2)', 'decimal(12,2)'],
  ['numeric(38,0)', 'decimal(38,0)'],
  ['numeric(39,2)', 'utf8'],
  ['numeric', 'utf8'],
  ['numeric(3,-2)', 'decimal(5,0)'],
  ['numeric(2,5)', 'decimal(5,5)'],
  ['price', 'decimal(9,3)'],
  ['text', 'utf8'],
  ['character varying(20)', 'utf8'],
  ['character(5)', 'utf8'],
  ['citext', 'utf8'],
  ['name', 'utf8'],
  ['uuid', 'utf8(uuid)'],
  ['bytea', 'binary'],
  ['date', 'date'],
  ['time without time zone', 'utf8(time)'],
  ['time with time zone', 'utf8(timetz)'],
  ['timestamp without time zone', 'timestamp(us)'],
  ['timestamp with time zone', 'timestamp(us,UTC)'],
  ['json', 'utf8(json)'],
  ['jsonb', 'utf8(json)'],
  ['integer[]', 'utf8(json)'],
  ['pair', 'utf8(json)'],
  ['mood', 'utf8'],
  ['interval', 'utf8(interval)'],
  ['hstore', 'utf8'],
  ['int4range', 'utf8'],
  ['inet', 'utf8'],
  ['bit varying', 'utf8'],
  ['xml', 'utf8'],
  ['money', 'utf8'],
  ['cube', 'utf8'],
]

test('every type gets its place in the type table', async () => {
  const columns = TYPE_TABLE.map(([declared], i) => `c${i} ${declared}`)
  await database.query(`create table everything (${columns.join(', ')})`)
  const { plans } = await planTable(database.client, 'everything')
  expect(plans.map(({ column }) => [column.sourceType, typeName(column.type)])).toEqual(TYPE_TABLE)
})

test('only types whose send form is not understood are selected as text, and force the stream into text', async () => {
  await database.query('create table forms (id int, price money, dims cube, tags hstore[], cubes cube[], acl aclitem)')
  const { plans } = await planTable(database.client, 'forms')
  expect(plans.map(({ copyFormat, streamBinary }) => [copyFormat, streamBinary])).toEqual([
    ['binary', true],
    ['text', false],
    ['text', false],
    ['binary', true],
    ['text', false],
    // Has no send function: pgoutput sends text for it even in binary.
    ['text', true],
  ])
  expect(plans[0]?.select).toBe('"id"')
  expect(plans[2]?.select).toBe('pg_catalog.textin(public.cube_out("dims"::"public"."cube"))')
  expect(streamFormat(plans)).toBe('text')
  expect(streamFormat(plans.slice(0, 1))).toBe('binary')
})

test('unusual column names are quoted', async () => {
  await database.query('create table named ("Größe ""x""" int, "select" money)')
  await database.query(`insert into named values (5, '1')`)
  const planned = await planTable(database.client, 'named')
  expect(planned.plans[0]?.select).toBe('"Größe ""x"""')
  expect(rowsOf(await snapshot(database.client, planned))).toEqual([{ 'Größe "x"': '5', select: '$1.00' }])
})

const option = (type: ColumnOptions['type'], onBadValue?: OnBadValue): ColumnOptions => ({
  ...(type === undefined ? {} : { type }),
  ...(onBadValue === undefined ? {} : { onBadValue }),
})

test('the configuration may widen, give unbounded numeric a scale, carry bytes as hex and anything as text', async () => {
  await database.query(`create table chosen (a int2, b int4, c float4, d numeric, e bytea, f timestamptz, g int8, h text)`)
  await database.query(
    `insert into chosen values (1, -2, 0.1, 1.50, '\\xdeadbeef', '2024-01-02 03:04:05.006+00', 9007199254740993, '{"a":1}')`,
  )
  const planned = await planTable(database.client, 'chosen', {
    options: {
      a: option({ kind: 'int64' }),
      b: option({ kind: 'int64' }),
      c: option({ kind: 'float64' }),
      d: option({ kind: 'decimal', precision: 20, scale: 4 }),
      e: option({ kind: 'utf8', format: 'hex' }),
      f: option({ kind: 'utf8', format: 'text' }),
      g: option({ kind: 'utf8', format: 'text' }),
      h: option({ kind: 'utf8', format: 'json' }),
    },
  })
  const expected = [
    {
      a: '1',
      b: '-2',
      c: '0.10000000149011612',
      d: '1.5000',
      e: 'deadbeef',
      f: '2024-01-02 03:04:05.006+00',
      g: '9007199254740993',
      h: '{"a":1}',
    },
  ]
  expect(rowsOf(await snapshot(database.client, planned))).toEqual(expected)
  expect(rowsOf(await snapshot(database.client, planned, { asText: true }))).toEqual(expected)
})

test('a value that does not fit the chosen decimal is refused, never cut or divided', async () => {
  await database.query(`create table cut (id int primary key, v numeric)`)
  const type = { kind: 'decimal', precision: 5, scale: 2 } as const
  const cases = [
    ['1.005', 'more fractional digits than its scale'],
    ['0.00000001', 'more fractional digits than its scale'],
    ['1000.00', 'more digits than its precision'],
    ['-1e30', 'more digits than its precision'],
    ['1e60', 'more digits than its precision'],
    ['Infinity', 'an infinite numeric'],
    ['-Infinity', 'an infinite numeric'],
    ['NaN', 'numeric NaN'],
  ] as const
  for (const [value, reason] of cases) {
    await database.query(`truncate cut; insert into cut values (1, 999.99), (2, ${`'${value}'`})`)
    const planned = await planTable(database.client, 'cut', { options: { v: option(type) } })
    for (const asText of [false, true]) {
      await expect(snapshot(database.client, planned, { asText }), value).rejects.toThrow(reason)
    }
    const lenient = await planTable(database.client, 'cut', { options: { v: option(type, 'null') } })
    expect(rowsOf(await snapshot(database.client, lenient)).map(({ v }) => v)).toEqual(['999.99', null])
  }
})

test('a type that a column cannot become is refused at plan time with what is possible', async () => {
  await database.query('create table refused (v timestamptz)')
  await expect(planTable(database.client, 'refused', { options: { v: option({ kind: 'int64' }) } })).rejects.toThrow(
    /"public\.refused\.v" is timestamp with time zone \(timestamp\(us,UTC\)\) and cannot be carried as int64.*utf8 for anything/,
  )
})

test('the policy text makes exactly the columns with awkward values text', async () => {
  await database.query('create table cautious (a numeric(5,2), b date, c timestamp, d time, e int, f float8, g timetz, h bool)')
  const { plans } = await planTable(database.client, 'cautious', { onBadValue: 'text' })
  expect(plans.map(({ column }) => typeName(column.type))).toEqual([
    'utf8',
    'utf8',
    'utf8',
    'utf8',
    'int32',
    'float64',
    'utf8(timetz)',
    'bool',
  ])
})

test('the constant default of an added column is read in the canonical rendering', async () => {
  await database.query('create table grown (id int primary key)')
  await database.query('insert into grown values (1)')
  const defaults: readonly (readonly [type: string, value: string, canonical: string])[] = [
    ['int', '7', '7'],
    ['numeric(9,3)', '1.5', '1.500'],
    ['text', 'a "b", {c} \\ NULL', 'a "b", {c} \\ NULL'],
    ['text', '', ''],
    ['bool', 'true', 't'],
    ['date', '2024-02-29', '2024-02-29'],
    ['timestamptz', '2024-02-29 01:02:03.4+02', '2024-02-28 23:02:03.400000'],
    ['time', '01:02:03', '01:02:03.000000'],
    ['bytea', '\\xdead', 'dead'],
    ['int[]', '{1,NULL,3}', '[1,null,3]'],
    ['text[]', '{"a,b",c}', '["a,b","c"]'],
    ['box', '(1,2),(0,0)', '(1,2),(0,0)'],
    ['box[]', '{(1,2),(0,0);(3,3),(1,1)}', '["(1,2),(0,0)","(3,3),(1,1)"]'],
    ['pair', '(1,sad)', '{"a":1,"b":"sad"}'],
    ['price', '2', '2.000'],
    ['jsonb', '{"a": [1, 2]}', '{"a": [1, 2]}'],
    ['float4', '0.1', '0.1'],
    ['interval', '1 year 2 days', 'P1Y2D'],
  ]
  for (const [i, [type, value]] of defaults.entries()) {
    await database.query(`alter table grown add column c${i} ${type} default '${value.replaceAll("'", "''")}'`)
  }
  const { table, plans } = await planTable(database.client, 'grown')
  const missing = await database.query<{ attnum: number; missing: string | null }>(
    `select attnum, attmissingval::text as missing from pg_attribute where attrelid = 'grown'::regclass and attnum > 1 order by attnum`,
  )
  const found = plans.slice(1).map((plan, i) => {
    const text = missing[i]?.missing ?? null
    // A domain with constraints is written into the rows instead.
    return text === null ? 'rewritten' : initialValue(table.table, plan, text).text
  })
  expect(found).toEqual(
    defaults.map(([type, , canonical], i) => (missing[i]?.missing === null && type === 'price' ? 'rewritten' : canonical)),
  )
  const [plan] = plans
  expect(plan && initialValue(table.table, plan, null)).toEqual({ text: null })
})

test('an awkward constant default follows the policy of its column', async () => {
  await database.query(
    `create table late (id int); insert into late values (1); alter table late add column due date default 'infinity'`,
  )
  const strict = await planTable(database.client, 'late')
  const plan = strict.plans[1]
  if (plan === undefined) throw new Error('no plan')
  expect(() => initialValue(strict.table.table, plan, '{infinity}')).toThrow(/on_bad_value/)
  expect(initialValue(strict.table.table, { ...plan, onBadValue: 'null' }, '{infinity}')).toEqual({ text: null })
  expect(initialValue(strict.table.table, { ...plan, onBadValue: 'reject' }, '{infinity}')).toEqual({
    text: null,
    unfit: true,
  })
})
