/** Values that other tools turn into NULL, 0 or another value: refused, or treated as the policy says. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ConnectorError } from '../../../../connectors/errors.ts'
import type { OnBadValue } from '../../../../connectors/ports.ts'
import { type Database, sharedPostgres } from '../../../support/postgres.ts'
import { applySettings, changesOf, type Decoded, decodeChanges, planTable, rowsOf, snapshot } from './wire.ts'

let database: Database

beforeAll(async () => {
  database = await (await sharedPostgres()).createDatabase()
  await applySettings(database.client)
  await database.query('create publication everything for all tables')
})

afterAll(() => database[Symbol.asyncDispose]())

/** Type, value, what the error calls it. */
const AWKWARD = [
  ['numeric(12,2)', 'NaN', 'numeric NaN'],
  ['numeric(20,5)', 'NaN', 'numeric NaN'],
  ['date', 'infinity', 'an infinite date or timestamp'],
  ['date', '-infinity', 'an infinite date or timestamp'],
  ['date', '0001-12-31 BC', 'a date before the year 1 (BC)'],
  ['date', '4714-11-24 BC', 'a date before the year 1 (BC)'],
  ['date', '10000-01-01', 'a date beyond the year 9999'],
  ['date', '5874897-12-31', 'a date beyond the year 9999'],
  ['timestamp', 'infinity', 'an infinite date or timestamp'],
  ['timestamp', '-infinity', 'an infinite date or timestamp'],
  ['timestamp', '0001-12-31 23:59:59.999999 BC', 'a date before the year 1 (BC)'],
  ['timestamp', '10000-01-01 00:00:00', 'a date beyond the year 9999'],
  ['timestamptz', 'infinity', 'an infinite date or timestamp'],
  ['timestamptz', '294276-12-31 23:59:59.999999+00', 'a date beyond the year 9999'],
  ['timestamptz', '4714-11-24 00:00:00+00 BC', 'a date before the year 1 (BC)'],
  ['time', '24:00:00', 'the time 24:00:00'],
] as const

let serial = 0

/** The table's rows through all four ways: COPY and stream, binary and text. */
async function everyWay(type: string, values: readonly string[], onBadValue: OnBadValue): Promise<(() => Promise<Decoded>)[]> {
  const name = `awkward_${++serial}`
  await database.query(`create table ${name} (id int primary key, v ${type})`)
  for (const slot of ['b', 't']) await database.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [name + slot])
  for (const [i, value] of values.entries()) await database.query(`insert into ${name} values (${i + 1}, '${value}')`)
  const planned = await planTable(database.client, name, { onBadValue })
  const binary = await changesOf(database.client, `${name}b`, true)
  const text = await changesOf(database.client, `${name}t`, false)
  for (const slot of ['b', 't']) await database.query('select pg_drop_replication_slot($1)', [name + slot])
  return [
    () => snapshot(database.client, planned),
    () => snapshot(database.client, planned, { asText: true }),
    async () => decodeChanges(binary, planned),
    async () => decodeChanges(text, planned),
  ]
}

describe.each(AWKWARD)('%s %s', (type, value, reason) => {
  test('stops the run by default, and the message says where and how to decide, but not the value', async () => {
    for (const read of await everyWay(type, [value], 'error')) {
      const failure = await read().catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(ConnectorError)
      const { code, message } = failure as ConnectorError
      expect(code).toBe('BAD_VALUE')
      expect(message).toContain(`"public.awkward_${serial}.v"`)
      expect(message).toContain(reason)
      expect(message).toContain('on_bad_value')
      if (!reason.includes(value)) expect(message).not.toContain(value)
    }
  })

  test('null: the value becomes NULL, the row stays', async () => {
    for (const read of await everyWay(type, [value], 'null')) {
      const decoded = await read()
      expect(rowsOf(decoded)).toEqual([{ id: '1', v: null }])
      expect(decoded.rejects).toEqual([])
    }
  })

  test('text: the column is text and holds what Postgres prints', async () => {
    for (const read of await everyWay(type, [value], 'text')) {
      const decoded = await read()
      expect(rowsOf(decoded)).toEqual([{ id: '1', v: value }])
      expect(decoded.batches[0]?.table.columns[1]?.type).toEqual({ kind: 'utf8', format: 'text' })
    }
  })

  test('reject: the row is put aside with its reason and text form, the others arrive', async () => {
    const good = GOOD[type] ?? ''
    const reads = await everyWay(type, [good, value, good], 'reject')
    const [expected] = await database.query<{ v: string }>(`select v::text as v from awkward_${serial} where id = 2`)
    for (const read of reads) {
      const decoded = await read()
      expect(rowsOf(decoded).map(({ id }) => id)).toEqual(['1', '3'])
      expect(rowsOf(decoded).every(({ v }) => v !== null)).toBe(true)
      expect(decoded.rejects).toMatchObject([{ column: 'v', reason, row: { id: '2', v: expected?.v } }])
      expect(decoded.rejects[0]?.position).toMatch(/^0001-[0-9a-f]{16}-[0-9a-f]{8}$/)
    }
  })
})

const GOOD: Readonly<Record<string, string>> = {
  'numeric(12,2)': '-9999999999.99',
  'numeric(20,5)': '123456789012345.00001',
  date: '0001-01-01',
  timestamp: '9999-12-31 23:59:59.999999',
  timestamptz: '0001-01-01 00:00:00+00',
  time: '23:59:59.999999',
}

test('unbounded numeric keeps every digit, NaN and infinities included', async () => {
  const values = [
    '0.1000',
    '12345678901234567890123456789012345678901234567890.12345678901234567890',
    'NaN',
    'Infinity',
    '-Infinity',
  ]
  for (const read of await everyWay('numeric', values, 'error')) expect(rowsOf(await read()).map(({ v }) => v)).toEqual(values)
})

test('float NaN and infinities are values', async () => {
  for (const read of await everyWay('float8', ['NaN', 'Infinity', '-Infinity', '-0'], 'error')) {
    expect(rowsOf(await read()).map(({ v }) => v)).toEqual(['NaN', 'Infinity', '-Infinity', '-0'])
  }
})

test('24:00:00 with a zone and infinite intervals are text and stay', async () => {
  for (const read of await everyWay('timetz', ['24:00:00+02'], 'error')) expect(rowsOf(await read())[0]?.v).toBe('24:00:00+02')
})

test('SQL NULL and JSON null stay different', async () => {
  const name = `awkward_${++serial}`
  await database.query(`create table ${name} (id int primary key, v jsonb)`)
  await database.query(`insert into ${name} values (1, null), (2, 'null')`)
  const planned = await planTable(database.client, name)
  expect(rowsOf(await snapshot(database.client, planned))).toEqual([
    { id: '1', v: null },
    { id: '2', v: 'null' },
  ])
})

test('a key is never made NULL: rows would be taken for one another', async () => {
  await database.query(`create table keyed (id date primary key); insert into keyed values ('infinity')`)
  const planned = await planTable(database.client, 'keyed', { onBadValue: 'null' })
  await expect(snapshot(database.client, planned)).rejects.toThrow(
    /null does not apply to a key.*"on_bad_value: text" or "reject"/,
  )
})
