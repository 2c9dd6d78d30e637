/** Postgres is the oracle: whatever the column, COPY and pgoutput, binary and text, give what Postgres itself prints. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { streamFormat } from '../../../../connectors/postgres/decode/column-plan.ts'
import { outputText } from '../../../../connectors/postgres/decode/plan-column.ts'
import { type Database, sharedPostgres } from '../../../support/postgres.ts'
import { EXACT_TYPES, type RandomType, randomType } from './random-types.ts'
import { applySettings, changesOf, decodeChanges, type Planned, planTable, rowsOf, snapshot } from './wire.ts'

let database: Database

beforeAll(async () => {
  database = await (await sharedPostgres()).createDatabase()
  await applySettings(database.client)
  for (const extension of ['hstore', 'citext', 'ltree']) await database.query(`create extension ${extension}`)
  await database.query(`create type mood as enum ('sad', 'it''s "fine", ok', 'ü')`)
  await database.query('create type textrange as range (subtype = text)')
  await database.query('create publication everything for all tables')
  for (const slot of ['binary_slot', 'text_slot'])
    await database.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [slot])
})

afterAll(() => database[Symbol.asyncDispose]())

/** How Postgres renders the canonical text of a column. */
function oracle({ column, type }: Planned['plans'][number]): string {
  const name = `"${column.name}"`
  const output = outputText(type, name)
  const logical = column.type
  if (type.form === 'array') {
    const shifted = `to_jsonb(array_remove(array[array_lower(${name},1),array_lower(${name},2)],null))`
    return `case when array_lower(${name},1) <> 1 then '{"lower":' || replace(${shifted}::text, ' ', '') || ',"values":' || to_json(${name})::text || '}' else to_json(${name})::text end`
  }
  if (type.form === 'composite') return `to_json(${name})::text`
  switch (logical.kind) {
    case 'date':
      return `to_char(${name}, 'YYYY-MM-DD')`
    case 'timestamp':
      return `to_char(${name}, 'YYYY-MM-DD HH24:MI:SS.US')`
    case 'binary':
      return `encode(${name}, 'hex')`
    case 'utf8':
      return logical.format === 'time' ? `to_char(${name}, 'HH24:MI:SS.US')` : output
    default:
      return output
  }
}

let serial = 0

async function compare(types: readonly RandomType[], rows: readonly (readonly string[])[]): Promise<void> {
  const name = `t${++serial}`
  for (const statement of new Set(types.flatMap(({ ddl }) => ddl))) await database.query(statement)
  const columns = types.map((type, i) => `c${i} ${type.sql}`)
  await database.query(`create table ${name} (id int primary key, ${columns.join(', ')})`)
  const values = rows.map((row, i) => `(${[i + 1, ...row].join(', ')})`)
  await database.query(`insert into ${name} values ${values.join(', ')}`)
  const planned = await planTable(database.client, name)
  const list = planned.plans.map((plan) => `${oracle(plan)} as "${plan.column.name}"`)
  const expected = await database.query(`select ${list.join(', ')} from ${name} order by ${name}.id`)
  expect(rowsOf(await snapshot(database.client, planned)), 'binary COPY').toEqual(expected)
  expect(rowsOf(await snapshot(database.client, planned, { asText: true })), 'text COPY').toEqual(expected)
  const binary = await changesOf(database.client, 'binary_slot', true)
  if (streamFormat(planned.plans) === 'binary') {
    expect(rowsOf(decodeChanges(binary, planned)), 'binary stream').toEqual(expected)
  }
  const text = await changesOf(database.client, 'text_slot', false)
  expect(rowsOf(decodeChanges(text, planned)), 'text stream').toEqual(expected)
  await database.query(`drop table ${name}`)
}

for (const [i, type] of EXACT_TYPES.entries()) {
  test(`every value of ${type.sql} (${i}) arrives as Postgres prints it`, async () => {
    const values = fc.sample(type.value, { numRuns: 60, seed: 20_261_121 + i })
    await compare(
      [type],
      [...values, 'null'].map((value) => [value]),
    )
  })
}

test('random tables arrive as Postgres prints them, from snapshot and stream alike', async () => {
  const table = fc.array(randomType, { minLength: 1, maxLength: 8 }).chain((types) =>
    fc.tuple(
      fc.constant(types),
      fc.array(fc.tuple(...types.map(({ value }) => fc.option(value, { nil: 'null', freq: 5 }))), {
        minLength: 1,
        maxLength: 8,
      }),
    ),
  )
  await fc.assert(
    fc.asyncProperty(table, ([types, rows]) => compare(types, rows)),
    { numRuns: 60, endOnFailure: true },
  )
}, 120_000)
