/** Floats have many ways to go wrong by one unit: many of them, against the server. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { float4Text, float8Text, parseFloat4 } from '../../../../connectors/postgres/decode/float-text.ts'
import { type Database, sharedPostgres } from '../../../support/postgres.ts'

let database: Database
beforeAll(async () => {
  database = await (await sharedPostgres()).createDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())

const scratch = new DataView(new ArrayBuffer(8))

async function printed(type: 'float4' | 'float8', values: readonly number[]): Promise<string[]> {
  const rows = await database.query<{ text: string }>(
    `select (v::${type})::text as text from unnest($1::text[]) with ordinality u(v, n) order by n`,
    [values.map(spelled)],
  )
  return rows.map(({ text }) => text)
}

const spelled = (value: number): string =>
  Object.is(value, -0) ? '-0' : Number.isFinite(value) ? value.toExponential(20) : String(value)

const single = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map((bits) => {
  scratch.setInt32(0, bits)
  return scratch.getFloat32(0)
})
const powers = Array.from({ length: 277 }, (_, i) => 2 ** (i - 149))

test('float4 is printed as Postgres prints it and reads back to the same number', async () => {
  const values = [...fc.sample(single, { numRuns: 20_000, seed: 4 }), ...powers, ...powers.map((power) => -power), 7.038531e-26]
    .map(Math.fround)
    .filter((value) => !Number.isNaN(value))
  const expected = await printed('float4', values)
  const wrong = values.filter((value, i) => float4Text(value) !== expected[i])
  expect(wrong.map((value) => [value, float4Text(value), expected[values.indexOf(value)]])).toEqual([])
  expect(expected.filter((text, i) => !Object.is(parseFloat4(text), values[i]))).toEqual([])
})

test('float8 is printed as Postgres prints it and reads back to the same number', async () => {
  const values = [
    ...fc.sample(fc.double({ noNaN: true }), { numRuns: 20_000, seed: 8 }),
    ...fc.sample(fc.double({ min: 2 ** 53, max: 2 ** 100, noNaN: true }), { numRuns: 10_000, seed: 9 }),
    ...Array.from({ length: 2098 }, (_, i) => 2 ** (i - 1074)),
    ...Array.from({ length: 5000 }, (_, i) => 2 ** 54 + i * 4),
  ]
  const expected = await printed('float8', values)
  const wrong = values.filter((value, i) => float8Text(value) !== expected[i])
  expect(wrong.map((value) => [value, float8Text(value), expected[values.indexOf(value)]])).toEqual([])
  expect(expected.filter((text, i) => !Object.is(Number(text), values[i]))).toEqual([])
})
