import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BufferPool, createBufferPool } from '../../../../connectors/buffer-pool.ts'
import { MAX_BATCH_ROWS, type RowBatch } from '../../../../connectors/change.ts'
import { createCopyDecoder } from '../../../../connectors/postgres/decode/copy-decoder.ts'
import { cutAt } from '../../../../connectors/postgres/decode/position.ts'
import { type Database, sharedPostgres } from '../../../support/postgres.ts'
import { applySettings, copyOut, type Planned, planTable, rowsOf } from './wire.ts'

let database: Database
let planned: Planned
let bytes: Buffer
let expected: Record<string, string | null>[]

const decoderOf = ({ table, plans }: Planned, pool = createBufferPool()) =>
  createCopyDecoder({ table, plans, position: cutAt(1, 0x2an), pool, onReject: () => undefined })

beforeAll(async () => {
  database = await (await sharedPostgres()).createDatabase()
  await applySettings(database.client)
  await database.query(
    /* sql */ `create table ledger (id int primary key, amount numeric(20,4), note text, flag bool, tags text[], at timestamptz)`,
  )
  await database.query(/* sql */ `insert into ledger
    select i, case when i % 7 <> 0 then i * 1.25 end, case when i % 3 <> 0 then repeat('né' || i, i % 40) end, i % 2 = 0,
      array['a', null, i::text], timestamptz '2024-02-29 12:00:00+00' + i * interval '1.000001 s' from generate_series(1, 200) i`)
  planned = await planTable(database.client, 'ledger')
  bytes = Buffer.concat(await copyOut(database.client, 'copy (select * from ledger order by id) to stdout (format binary)'))
  const decoder = decoderOf(planned)
  expected = rowsOf({ batches: [...decoder.push(bytes), ...decoder.finish()], rejects: [] })
})

afterAll(() => database[Symbol.asyncDispose]())

test('bytes may be cut anywhere and are not needed after the call', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 60 }), (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), bytes.length]
      const decoder = decoderOf(planned)
      const batches: RowBatch[] = []
      for (let i = 1; i < places.length; i++) {
        const chunk = Buffer.from(bytes.subarray(places[i - 1], places[i]))
        batches.push(...decoder.push(chunk))
        chunk.fill(0xee)
      }
      batches.push(...decoder.finish())
      expect(rowsOf({ batches, rejects: [] })).toEqual(expected)
    }),
    { numRuns: 60 },
  )
})

test('one byte at a time gives the same rows', () => {
  const decoder = decoderOf(planned)
  const batches = Array.from(bytes, (byte) => decoder.push(Uint8Array.of(byte))).flat()
  expect(rowsOf({ batches: [...batches, ...decoder.finish()], rejects: [] })).toEqual(expected)
  expect(decoder.rows).toBe(200)
})

test('metadata columns say snapshot row and the cut for every row', () => {
  const decoder = decoderOf(planned)
  decoder.push(bytes)
  const [batch] = decoder.finish()
  const rows = batch?.batch.toArray() ?? []
  expect(batch).toMatchObject({ part: 'base', date: null, firstPosition: cutAt(1, 0x2an), lastPosition: cutAt(1, 0x2an) })
  for (const row of [rows[0], rows.at(-1)]) {
    expect(row?.toJSON()).toMatchObject({ _op: 'r', _position: cutAt(1, 0x2an), _source_committed_at: null, _unchanged: null })
  }
})

test('every buffer of a batch has eight readable bytes behind its last value, and clean bits behind its last row', () => {
  const decoder = decoderOf(planned)
  decoder.push(bytes)
  const [batch] = decoder.finish()
  const children = batch?.batch.data.children ?? []
  expect(children).toHaveLength(10)
  for (const { nullBitmap, values, valueOffsets } of children) {
    for (const array of [nullBitmap, values, valueOffsets]) {
      if (!ArrayBuffer.isView(array)) continue
      expect(array.buffer.byteLength - array.byteOffset - array.byteLength).toBeGreaterThanOrEqual(8)
    }
    expect(nullBitmap).toHaveLength(25)
  }
})

test('a released batch gives its buffers to the next one; releasing twice is refused', () => {
  const pool = createBufferPool()
  const seen = new Set<ArrayBuffer>()
  const watched: BufferPool = {
    take(size) {
      const buffer = pool.take(size)
      seen.add(buffer)
      return buffer
    },
    give: pool.give,
    get idleBytes() {
      return pool.idleBytes
    },
  }
  const decode = () => {
    const decoder = decoderOf(planned, watched)
    decoder.push(bytes)
    return decoder.finish()[0]
  }
  const first = decode()
  const needed = seen.size
  first?.release()
  const second = decode()
  expect(seen.size).toBe(needed)
  expect(rowsOf({ batches: second === undefined ? [] : [second], rejects: [] })).toEqual(expected)
  second?.release()
  expect(() => second?.release()).toThrow(/released twice/)
})

test('a batch ends at MAX_BATCH_ROWS rows and no row is lost', async () => {
  await database.query(`create table many (id int primary key, v text)`)
  await database.query(`insert into many select i, 'v' || i from generate_series(1, ${MAX_BATCH_ROWS + 3}) i`)
  const many = await planTable(database.client, 'many')
  const chunks = await copyOut(database.client, 'copy (select * from many order by id) to stdout (format binary)')
  const decoder = decoderOf(many)
  const batches = chunks.flatMap((chunk) => decoder.push(chunk))
  batches.push(...decoder.finish())
  expect(batches.map(({ batch }) => batch.numRows)).toEqual([MAX_BATCH_ROWS, 3])
  expect(rowsOf({ batches, rejects: [] }).every(({ id, v }, i) => id === String(i + 1) && v === `v${i + 1}`)).toBe(true)
})

test('an empty table gives no batch', async () => {
  const decoder = decoderOf(planned)
  const chunks = await copyOut(database.client, 'copy (select * from ledger where false) to stdout (format binary)')
  expect(chunks.flatMap((chunk) => decoder.push(chunk))).toEqual([])
  expect(decoder.finish()).toEqual([])
})

test('a stream without its trailer, with a foreign header or with another number of fields is refused', () => {
  const cut = decoderOf(planned)
  cut.push(bytes.subarray(0, bytes.length - 2))
  expect(() => cut.finish()).toThrow(/without its trailer after 200 rows/)
  const foreign = Buffer.from(bytes)
  foreign.write('CSV', 0)
  expect(() => decoderOf(planned).push(foreign)).toThrow(/no PGCOPY signature/)
  const oids = Buffer.from(bytes)
  oids.writeUInt32BE(1 << 16, 11)
  expect(() => decoderOf(planned).push(oids)).toThrow(/object ids/)
  const fields = Buffer.from(bytes)
  fields.writeInt16BE(3, 19)
  expect(() => decoderOf(planned).push(fields)).toThrow(/a row of 3 fields instead of 6/)
  expect(() => decoderOf(planned).push(Buffer.concat([bytes, Buffer.from([1])]))).toThrow(/behind its trailer/)
})

test('a value of the wrong width is refused instead of being read as another one', () => {
  const nulls = Buffer.alloc(20, 0xff)
  const row = Buffer.concat([bytes.subarray(0, 19), Buffer.from([0, 6, 0, 0, 0, 3, 1, 2, 3]), nulls, Buffer.from([0xff, 0xff])])
  expect(() => decoderOf(planned).push(row)).toThrow(/not a value of its type/)
})

test('a value larger than many chunks arrives whole', async () => {
  await database.query(`create table wide (id int primary key, v text)`)
  await database.query(`insert into wide values (1, repeat('0123456789', 2000000)), (2, 'small')`)
  const wide = await planTable(database.client, 'wide')
  const decoder = decoderOf(wide)
  const all = Buffer.concat(await copyOut(database.client, 'copy (select * from wide order by id) to stdout (format binary)'))
  const batches: RowBatch[] = []
  for (let at = 0; at < all.length; at += 65_536) batches.push(...decoder.push(all.subarray(at, at + 65_536)))
  batches.push(...decoder.finish())
  const rows = rowsOf({ batches, rejects: [] })
  expect(rows[0]?.v).toBe('0123456789'.repeat(2_000_000))
  expect(rows[1]).toEqual({ id: '2', v: 'small' })
})

test('wide rows close a batch by bytes, long before it has many rows', async () => {
  await database.query(`create table bulky (id int primary key, v text)`)
  await database.query(`insert into bulky select i, repeat('x', 1000000) from generate_series(1, 40) i`)
  const bulky = await planTable(database.client, 'bulky')
  const decoder = decoderOf(bulky)
  const chunks = await copyOut(database.client, 'copy (select * from bulky order by id) to stdout (format binary)')
  const batches = [...chunks.flatMap((chunk) => decoder.push(chunk)), ...decoder.finish()]
  expect(batches.map(({ batch }) => batch.numRows)).toEqual([17, 17, 6])
})
