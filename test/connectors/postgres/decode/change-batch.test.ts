/** Changes of a real server's log into batches: TOAST, keys, truncates, rejects. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createBufferPool } from '../../../../connectors/buffer-pool.ts'
import type { Op, Reject } from '../../../../connectors/change.ts'
import { type ChangeBatchBuilder, createChangeBatchBuilder } from '../../../../connectors/postgres/decode/change-batch.ts'
import type { PgoutputMessage } from '../../../../connectors/postgres/decode/pgoutput.ts'
import { encodePosition } from '../../../../connectors/postgres/decode/position.ts'
import { type TransactionStamp, transactionStamp } from '../../../../connectors/postgres/decode/transaction-stamp.ts'
import { sameCells, type Tuple } from '../../../../connectors/postgres/decode/tuple.ts'
import { type Database, sharedPostgres } from '../../../support/postgres.ts'
import { applySettings, changesOf, type Planned, planTable, rowsOf } from './wire.ts'

let database: Database

beforeAll(async () => {
  database = await (await sharedPostgres()).createDatabase()
  await applySettings(database.client)
  await database.query('create publication everything for all tables')
})
beforeEach(() => database.query(`select pg_create_logical_replication_slot('changes', 'pgoutput')`))
afterEach(() => database.query(`select pg_drop_replication_slot('changes')`))
afterAll(() => database[Symbol.asyncDispose]())

/** Out of line as it is: does not compress. */
const LONG = `(select string_agg(md5(i::text), '') from generate_series(1, 400) i)`

const builderOf = ({ table, plans }: Planned, rejects: Reject[] = []): ChangeBatchBuilder =>
  createChangeBatchBuilder({
    table,
    plans,
    mapping: plans.map((_, i) => i),
    pool: createBufferPool(),
    onReject: (reject) => rejects.push(reject),
  })

/** Rows as a follower gives them: a key change is a delete and a moved update. */
function feed(builder: ChangeBatchBuilder, messages: readonly PgoutputMessage[]): void {
  const positions = builder.table.key.map((id) => builder.table.columns.findIndex((column) => column.id === id))
  let stamp: TransactionStamp = transactionStamp(1, 1n, 0n)
  let ordinal = 0
  const add = (op: Op, tuple: Tuple | null, rest: object = {}) =>
    builder.append({ op, stamp, ordinal: ++ordinal, tuple, ...rest })
  for (const message of messages) {
    if (message.tag === 'begin') {
      stamp = transactionStamp(1, message.finalLsn, message.committedAtUs)
      ordinal = 0
    } else if (message.tag === 'insert') add('c', message.tuple)
    else if (message.tag === 'delete') add('d', message.old, { keyOnly: message.oldKind === 'key' })
    else if (message.tag === 'truncate') add('t', null)
    else if (message.tag === 'update') {
      const { old, oldKind, tuple } = message
      const images = { oldFull: oldKind === 'full' ? old : null, oldKey: oldKind === 'key' ? old : null }
      const moved = old !== null && oldKind === 'key' && !sameCells(old, tuple, positions)
      if (moved) add('d', old, { keyOnly: true })
      add('u', tuple, { ...images, moved })
    }
  }
}

const metadata = (builder: ChangeBatchBuilder) => {
  const batch = builder.finish()
  if (batch === null) throw new Error('no rows')
  const rows = batch.batch.toArray().map((row) => row?.toJSON() ?? {})
  return { batch, rows, values: rowsOf({ batches: [batch], rejects: [] }) }
}

test('rows carry op, position, commit time; a truncate row carries nothing else', async () => {
  await database.query('create table plain (id int primary key, v text)')
  await database.query(`insert into plain values (1, 'a'), (2, null)`)
  await database.query(`update plain set v = 'b' where id = 1`)
  await database.query('delete from plain where id = 2')
  await database.query('truncate plain')
  const messages = await changesOf(database.client, 'changes', true)
  const begins = messages.filter((message) => message.tag === 'begin')
  const builder = builderOf(await planTable(database.client, 'plain'))
  feed(builder, messages)
  const { batch, rows } = metadata(builder)
  const place = (transaction: number, ordinal: number) =>
    encodePosition({ epoch: 1, lsn: begins[transaction]?.finalLsn ?? 0n, ordinal })
  expect(rows.map(({ _op, _position, id, v, _unchanged }) => [_op, _position, id, v, _unchanged])).toEqual([
    ['c', place(0, 1), 1, 'a', null],
    ['c', place(0, 2), 2, null, null],
    ['u', place(1, 1), 1, 'b', null],
    ['d', place(2, 1), 2, null, null],
    ['t', place(3, 1), null, null, null],
  ])
  expect(batch).toMatchObject({ part: 'changes', firstPosition: place(0, 1), lastPosition: place(3, 1) })
  const committed = begins[0]?.committedAtUs ?? 0n
  expect(batch.batch.data.children[2]?.values[0]).toBe(committed)
  expect(batch.date).toBe(new Date(Number(committed / 1000n)).toISOString().slice(0, 10))
})

test('an unchanged TOAST value is taken from the earlier row of the same key, through chains and key changes', async () => {
  await database.query('create table toasted (id int primary key, n int, long text)')
  await database.query(`insert into toasted values (1, 0, ${LONG}), (2, 0, 'short')`)
  await database.query('update toasted set n = n + 1')
  await database.query('update toasted set n = n + 1 where id = 1')
  await database.query('update toasted set id = 3 where id = 1')
  await database.query('update toasted set n = 9 where id = 3')
  const builder = builderOf(await planTable(database.client, 'toasted'))
  feed(builder, await changesOf(database.client, 'changes', true))
  expect(builder.pending()).toEqual([])
  const { rows, values } = metadata(builder)
  const [{ long } = { long: '' }] = await database.query<{ long: string }>('select long from toasted where id = 3')
  expect(values.map(({ id, n, long: text }, i) => [rows[i]?._op, id, n, text === long ? 'LONG' : text])).toEqual([
    ['c', '1', '0', 'LONG'],
    ['c', '2', '0', 'short'],
    ['u', '1', '1', 'LONG'],
    ['u', '2', '1', 'short'],
    ['u', '1', '2', 'LONG'],
    ['d', '1', null, null],
    ['u', '3', '2', 'LONG'],
    ['u', '3', '9', 'LONG'],
  ])
  expect(rows.every(({ _unchanged }) => _unchanged === null)).toBe(true)
})

test('what the batch does not hold is pending with its key; it can be filled, the rest is named in _unchanged', async () => {
  await database.query(`create table pending (k text, s int, a text, b bytea, n int, primary key (s, k))`)
  await database.query(
    `insert into pending select 'k' || i, i, ${LONG}, decode(md5('x') || ${LONG}, 'hex'), 0 from generate_series(1, 2) i`,
  )
  await changesOf(database.client, 'changes', true)
  await database.query('update pending set n = n + 1 where s = 1')
  await database.query('update pending set n = n + 1 where s = 1')
  await database.query('update pending set n = n + 1 where s = 2')
  const builder = builderOf(await planTable(database.client, 'pending'))
  feed(builder, await changesOf(database.client, 'changes', true))
  expect(builder.pending()).toEqual([
    { row: 0, columns: [2, 3], key: ['1', 'k1'] },
    { row: 1, columns: [2, 3], key: ['1', 'k1'] },
    { row: 2, columns: [2, 3], key: ['2', 'k2'] },
  ])
  builder.fill(0, 2, Buffer.from('found é'), 'text')
  builder.fill(0, 3, Buffer.from([1, 2, 255]), 'binary')
  builder.fill(2, 2, null, 'text')
  expect(builder.pending()).toEqual([{ row: 2, columns: [3], key: ['2', 'k2'] }])
  const { rows, values } = metadata(builder)
  expect(values.map(({ a, b, n }) => [a, b, n])).toEqual([
    ['found é', '0102ff', '1'],
    ['found é', '0102ff', '2'],
    [null, null, '1'],
  ])
  expect(rows.map(({ _unchanged }) => _unchanged)).toEqual([null, null, 'b'])
})

test('a deleted or truncated key hands nothing on to a row of the same key', async () => {
  await database.query('create table reborn (id int primary key, n int, long text)')
  await database.query(`insert into reborn values (1, 0, ${LONG})`)
  await changesOf(database.client, 'changes', true)
  await database.query('update reborn set n = 1')
  await database.query('delete from reborn')
  await database.query(`insert into reborn values (1, 5, null)`)
  await database.query('update reborn set n = 6')
  const builder = builderOf(await planTable(database.client, 'reborn'))
  feed(builder, await changesOf(database.client, 'changes', true))
  expect(builder.pending().map(({ row }) => row)).toEqual([0])
  const { rows, values } = metadata(builder)
  expect(values.map(({ n, long }) => [n, long])).toEqual([
    ['1', null],
    [null, null],
    ['5', null],
    ['6', null],
  ])
  expect(rows.map(({ _unchanged }) => _unchanged)).toEqual(['long', null, null, null])
})

test('replica identity full gives whole old rows: nothing is pending, deletes are whole images', async () => {
  await database.query('create table whole (id int, n int, long text); alter table whole replica identity full')
  await database.query(`insert into whole values (1, 0, ${LONG})`)
  await changesOf(database.client, 'changes', true)
  await database.query('update whole set n = 1')
  await database.query('delete from whole')
  const builder = builderOf(await planTable(database.client, 'whole'))
  feed(builder, await changesOf(database.client, 'changes', true))
  expect(builder.pending()).toEqual([])
  const { values } = metadata(builder)
  expect(values.map(({ id, n, long }) => [id, n, long?.length])).toEqual([
    ['1', '1', 12_800],
    ['1', '1', 12_800],
  ])
})

test('a key that is stored out of line is taken from the logged old key', async () => {
  await database.query('create table keyed (id text primary key, n int); alter table keyed alter id set storage external')
  await database.query(`insert into keyed select string_agg(md5(i::text), ''), 0 from generate_series(1, 80) i`)
  await changesOf(database.client, 'changes', true)
  await database.query('update keyed set n = 1')
  const builder = builderOf(await planTable(database.client, 'keyed'))
  feed(builder, await changesOf(database.client, 'changes', true))
  expect(builder.rows).toBe(1)
  expect(builder.pending()).toEqual([])
  const { values } = metadata(builder)
  expect(values[0]?.id).toHaveLength(2560)
})

test('a batch after one whose TOAST values were written anew holds every row, whatever its columns had room for', async () => {
  await database.query('create table again (id int primary key, n int, long text)')
  await database.query(`insert into again select i, 0, ${LONG} from generate_series(1, 300) i`)
  await database.query('update again set n = 1')
  const builder = builderOf(await planTable(database.client, 'again'))
  const messages = await changesOf(database.client, 'changes', true)
  for (const _round of [1, 2]) {
    feed(builder, messages)
    const { batch, values } = metadata(builder)
    expect(values).toHaveLength(600)
    expect(new Set(values.map(({ long }) => long?.length))).toEqual(new Set([400 * 32]))
    batch.release()
  }
})

test('a rejected update leaves the removal of its key and nothing else; later rows of the key take no older TOAST value', async () => {
  await database.query('create table judged (id int primary key, due date, long text)')
  await database.query(`insert into judged values (1, '2020-01-01', ${LONG})`)
  await database.query(`update judged set due = 'infinity', long = reverse(long)`)
  await database.query(`update judged set due = '2021-01-01'`)
  const rejects: Reject[] = []
  const builder = builderOf(await planTable(database.client, 'judged', { onBadValue: 'reject' }), rejects)
  feed(builder, await changesOf(database.client, 'changes', true))
  expect(builder.pending()).toEqual([{ row: 2, columns: [2], key: ['1'] }])
  expect(rejects).toHaveLength(1)
  expect(rejects[0]).toMatchObject({ table: 'public.judged', column: 'due', row: { id: '1', due: 'infinity' } })
  expect(rejects[0]?.row.long).toHaveLength(12_800)
  const { values } = metadata(builder)
  expect(values.map(({ id, due, long }) => [id, due, long?.length ?? null])).toEqual([
    ['1', '2020-01-01', 12_800],
    ['1', null, null],
    ['1', '2021-01-01', null],
  ])
})

/** A numeric that PostgreSQL keeps out of line and that no decimal holds. */
const ENDLESS = `(select ('1' || string_agg(lpad((i * 7919 % 10000)::text, 4, '0'), ''))::numeric from generate_series(1, 1500) i)`

test('an unchanged value that turns out not to fit rejects its row: the key goes, what the row holds besides is handed on', async () => {
  await database.query('create table unfit (id int primary key, n int, amount numeric, long text)')
  await database.query('alter table unfit alter amount set storage external')
  await database.query(`insert into unfit values (1, 0, ${ENDLESS}, ${LONG}), (2, 0, 2, ${LONG})`)
  await changesOf(database.client, 'changes', true)
  await database.query('update unfit set n = 1, long = reverse(long) where id = 1')
  await database.query('update unfit set n = 2 where id = 1')
  await database.query('update unfit set n = 2 where id = 2')
  const rejects: Reject[] = []
  const options = { amount: { type: { kind: 'decimal', precision: 18, scale: 2 } } } as const
  const builder = builderOf(await planTable(database.client, 'unfit', { onBadValue: 'reject', options }), rejects)
  feed(builder, await changesOf(database.client, 'changes', true))
  expect(builder.pending().map(({ row, columns }) => [row, columns])).toEqual([
    [0, [2]],
    [1, [2]],
    [2, [3]],
  ])
  const [{ amount } = { amount: '' }] = await database.query<{ amount: string }>('select amount::text from unfit where id = 1')
  for (const row of [0, 1]) builder.fill(row, 2, Buffer.from(amount), 'text')
  builder.fill(2, 3, Buffer.from('found'), 'text')
  const { rows, values } = metadata(builder)
  expect(values.map(({ id, n, amount: sum, long }, row) => [rows[row]?._op, id, n, sum, long])).toEqual([
    ['d', '1', null, null, null],
    ['d', '1', null, null, null],
    ['u', '2', '2', '2.00', 'found'],
  ])
  expect(rows.map(({ _unchanged }) => _unchanged)).toEqual([null, null, null])
  expect(rejects.map(({ column, reason, position, row }) => [column, reason, position, row.id, row.n, row.amount])).toEqual(
    ['1', '2'].map((n, row) => ['amount', 'a number with more digits than its precision', rows[row]?._position, '1', n, amount]),
  )
})

test('with whole old rows an unchanged value that does not fit rejects its row, and the removal is a whole old row', async () => {
  for (const key of ['primary key', '']) {
    await database.query(`create table unfit_full (id int ${key}, n int, amount numeric)`)
    await database.query('alter table unfit_full replica identity full, alter amount set storage external')
    await database.query(`insert into unfit_full values (1, 0, ${ENDLESS}), (2, 0, 2)`)
    await database.query('update unfit_full set n = 1 where id = 1')
    await database.query(`update unfit_full set n = 5, amount = 'NaN' where id = 2`)
    const rejects: Reject[] = []
    const options = { amount: { type: { kind: 'decimal', precision: 18, scale: 2 } } } as const
    const builder = builderOf(await planTable(database.client, 'unfit_full', { onBadValue: 'reject', options }), rejects)
    feed(builder, await changesOf(database.client, 'changes', true))
    expect(builder.pending()).toEqual([])
    const { rows, values } = metadata(builder)
    expect(values.map(({ id, n, amount }, row) => [rows[row]?._op, id, n, amount])).toEqual(
      key === ''
        ? [['c', '2', '0', '2.00']]
        : [
            ['c', '2', '0', '2.00'],
            ['d', '1', null, null],
            ['d', '2', '0', '2.00'],
          ],
    )
    expect(rejects.map(({ column, row }) => [column, row.id, row.n])).toEqual([
      ['amount', '1', '0'],
      ['amount', '1', '1'],
      ['amount', '2', '5'],
    ])
    await database.query('drop table unfit_full')
  }
})

test('a batch holds one UTC date and the builder starts anew after each', async () => {
  await database.query('create table dated (id int primary key)')
  await database.query('insert into dated values (1)')
  const [insert] = (await changesOf(database.client, 'changes', true)).filter((message) => message.tag === 'insert')
  const builder = builderOf(await planTable(database.client, 'dated'))
  const evening = transactionStamp(1, 10n, 1_767_225_599_999_999n)
  const midnight = transactionStamp(1, 11n, 1_767_225_600_000_000n)
  expect([evening.date, midnight.date]).toEqual(['2025-12-31', '2026-01-01'])
  builder.append({ op: 'c', stamp: evening, ordinal: 1, tuple: insert?.tuple ?? null })
  expect(builder.accepts(evening)).toBe(true)
  expect(builder.accepts(midnight)).toBe(false)
  expect(() => builder.append({ op: 'c', stamp: midnight, ordinal: 1, tuple: null })).toThrow(/does not accept/)
  expect(builder.finish()?.date).toBe('2025-12-31')
  expect(builder.finish()).toBeNull()
  builder.append({ op: 'c', stamp: midnight, ordinal: 1, tuple: insert?.tuple ?? null })
  expect(builder.finish()?.date).toBe('2026-01-01')
})

test('columns may arrive in another order, and one that does not arrive is NULL', async () => {
  await database.query('create table mapped (id int primary key, a text, b text)')
  await database.query(`insert into mapped values (1, 'A', 'B')`)
  const { table, plans } = await planTable(database.client, 'mapped')
  const swapped = { ...table, columns: [table.columns[0], table.columns[2], table.columns[1]] as typeof table.columns }
  const builder = createChangeBatchBuilder({
    table: swapped,
    plans: [plans[0], plans[2], plans[1]] as typeof plans,
    mapping: [0, -1, 1],
    pool: createBufferPool(),
    onReject: () => undefined,
  })
  feed(builder, await changesOf(database.client, 'changes', true))
  expect(metadata(builder).values).toEqual([{ id: '1', a: null, b: 'B' }])
})

test('a batch of many rows grows without losing one', async () => {
  await database.query('create table grown (id int primary key, b bool, v text)')
  await database.query(
    `insert into grown select i, i % 3 = 0, case when i % 5 <> 0 then 'v' || i end from generate_series(1, 5000) i`,
  )
  const builder = builderOf(await planTable(database.client, 'grown'))
  feed(builder, await changesOf(database.client, 'changes', true))
  const { values } = metadata(builder)
  expect(values).toEqual(
    Array.from({ length: 5000 }, (_, i) => ({
      id: String(i + 1),
      b: (i + 1) % 3 === 0 ? 't' : 'f',
      v: (i + 1) % 5 === 0 ? null : `v${i + 1}`,
    })),
  )
})

test('a composite value logged before its type grew keeps the attributes it had', async () => {
  await database.query('create type spot as (x int, y text)')
  await database.query(`create table spots (id int primary key, at spot, list spot[])`)
  await database.query(`insert into spots values (1, row(1, 'a'), array[row(2, null)::spot])`)
  await database.query('alter type spot add attribute z bool')
  await database.query(`insert into spots values (2, row(1, 'a', true), array[row(2, null, false)::spot])`)
  const planned = await planTable(database.client, 'spots')
  const expected = [
    { id: '1', at: '{"x":1,"y":"a"}', list: '[{"x":2,"y":null}]' },
    { id: '2', at: '{"x":1,"y":"a","z":true}', list: '[{"x":2,"y":null,"z":false}]' },
  ]
  await database.query(`select pg_copy_logical_replication_slot('changes', 'again')`)
  for (const [slot, binary] of [
    ['changes', true],
    ['again', false],
  ] as const) {
    const builder = builderOf(planned)
    feed(builder, await changesOf(database.client, slot, binary))
    expect(metadata(builder).values).toEqual(expected)
  }
  await database.query(`select pg_drop_replication_slot('again')`)
  await database.query('alter type spot drop attribute x')
  await database.query('update spots set id = 3 where id = 2')
  const shrunk = builderOf(planned)
  const messages = await changesOf(database.client, 'changes', true)
  expect(() => feed(shrunk, messages)).toThrow(/"public\.spot" has another type at attribute 1/)
  const regrown = await planTable(database.client, 'spots')
  await database.query(`alter type spot add attribute w int`)
  await database.query(`update spots set id = 4 where id = 3`)
  const later = await changesOf(database.client, 'changes', true)
  expect(() => feed(builderOf(regrown), later)).toThrow(/"public\.spot" has 2 attributes, but a value has 3/)
})
