import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createPgoutputParser } from '../../../../connectors/postgres/decode/pgoutput.ts'
import { COLUMN_KIND, cellOf } from '../../../../connectors/postgres/decode/tuple.ts'
import { type Database, sharedPostgres } from '../../../support/postgres.ts'
import { changesOf } from './wire.ts'

let database: Database

beforeAll(async () => {
  database = await (await sharedPostgres()).createDatabase()
  await database.query(`create type mood as enum ('sad')`)
  await database.query('create table one (id int primary key, m mood, n numeric(7,2))')
  await database.query(
    'create table two (id int primary key); create table three (id int); alter table three replica identity full',
  )
  await database.query('create publication everything for all tables')
})
beforeEach(() => database.query(`select pg_create_logical_replication_slot('messages', 'pgoutput')`))
afterEach(() => database.query(`select pg_drop_replication_slot('messages')`))
afterAll(() => database[Symbol.asyncDispose]())

test('a transaction arrives as begin, type, relation, changes and commit with LSNs and times', async () => {
  await database.query(`insert into one values (1, 'sad', 1.5)`)
  const messages = await changesOf(database.client, 'messages', false)
  expect(messages.map(({ tag }) => tag)).toEqual(['begin', 'type', 'relation', 'insert', 'commit'])
  const [begin, type, relation, insert, commit] = messages
  if (begin?.tag !== 'begin' || commit?.tag !== 'commit') throw new Error('no transaction')
  expect(begin.finalLsn).toBe(commit.commitLsn)
  expect(commit.endLsn > commit.commitLsn).toBe(true)
  expect(commit.committedAtUs).toBe(begin.committedAtUs)
  expect(Math.abs(Number(begin.committedAtUs / 1000n) - Date.now())).toBeLessThan(60_000)
  expect(type).toMatchObject({ schema: 'public', name: 'mood', xid: 0 })
  expect(relation).toMatchObject({
    relation: {
      schema: 'public',
      name: 'one',
      identity: 'default',
      columns: [
        { name: 'id', typeOid: 23, typmod: -1, key: true },
        { name: 'm', key: false },
        { name: 'n', typeOid: 1700, typmod: ((7 << 16) | 2) + 4, key: false },
      ],
    },
  })
  if (insert?.tag !== 'insert') throw new Error('no insert')
  const { tuple } = insert
  const cell = cellOf(tuple, 2)
  expect(cell.kind).toBe(COLUMN_KIND.text)
  expect(tuple.bytes.buffer.toString('utf8', cell.at, cell.at + cell.length)).toBe('1.50')
  expect(() => cellOf(tuple, 3)).toThrow(/has no column 3/)
})

test('updates and deletes say which old image they carry', async () => {
  await database.query(`insert into two values (1), (2); insert into three values (1)`)
  await changesOf(database.client, 'messages', true)
  await database.query('update two set id = id + 10 where id = 1')
  await database.query('update two set id = id where id = 2')
  await database.query('delete from two where id = 2')
  await database.query('update three set id = 2')
  await database.query('delete from three')
  const changes = (await changesOf(database.client, 'messages', true)).filter(({ tag }) => tag === 'update' || tag === 'delete')
  expect(changes.map((message) => [message.tag, 'oldKind' in message ? message.oldKind : undefined])).toEqual([
    ['update', 'key'],
    ['update', null],
    ['delete', 'key'],
    ['update', 'full'],
    ['delete', 'full'],
  ])
})

test('a truncate names all its relations and options', async () => {
  await database.query('truncate two, three restart identity cascade')
  const messages = await changesOf(database.client, 'messages', true)
  const relations = messages.flatMap((message) => (message.tag === 'relation' ? [message.relation.oid] : []))
  const truncate = messages.find(({ tag }) => tag === 'truncate')
  expect(truncate).toMatchObject({ cascade: true, restartIdentity: true })
  expect(truncate?.tag === 'truncate' ? [...truncate.relationOids].sort() : []).toEqual(relations.sort())
})

test('logical messages, transactional or not, keep prefix and content', async () => {
  await database.query(`select pg_logical_emit_message(false, 'beat', 'now')`)
  await database.query(`select pg_logical_emit_message(true, 'portage', 'é')`)
  const { rows } = await database.client.query<{ data: Buffer }>(
    `select data from pg_logical_slot_get_binary_changes('messages', null, null, 'proto_version', '1', 'publication_names', 'everything', 'messages', 'true')`,
  )
  const parser = createPgoutputParser()
  const messages = rows.map(({ data }) => parser.parse(data)).filter((message) => message.tag === 'message')
  expect(messages.map(({ transactional, prefix, content }) => [transactional, prefix, Buffer.from(content).toString()])).toEqual([
    [false, 'beat', 'now'],
    [true, 'portage', 'é'],
  ])
})

test('messages inside a streamed block of protocol 2 carry the transaction', async () => {
  const parser = createPgoutputParser()
  const xid = Buffer.from([0, 0, 2, 1])
  expect(parser.parse(Buffer.concat([Buffer.from('S'), xid, Buffer.from([1])]))).toEqual({
    tag: 'streamStart',
    xid: 513,
    first: true,
  })
  const truncate = Buffer.concat([Buffer.from('T'), xid, Buffer.from([0, 0, 0, 1, 0, 0, 0, 64, 7])])
  expect(parser.parse(truncate)).toMatchObject({ tag: 'truncate', xid: 513, relationOids: [16_391] })
  expect(parser.parse(Buffer.from('E'))).toEqual({ tag: 'streamStop' })
  const outside = Buffer.from([0x54, 0, 0, 0, 1, 0, 0, 0, 64, 7])
  expect(parser.parse(outside)).toMatchObject({ tag: 'truncate', xid: 0 })
  expect(parser.parse(Buffer.concat([Buffer.from('A'), xid, xid]))).toEqual({ tag: 'streamAbort', xid: 513, subXid: 513 })
})

test('a message that ends too early or is of no known kind is refused', async () => {
  await database.query('insert into two values (77)')
  const { rows } = await database.client.query<{ data: Buffer }>(
    `select data from pg_logical_slot_peek_binary_changes('messages', null, null, 'proto_version', '1', 'publication_names', 'everything')`,
  )
  const parser = createPgoutputParser()
  for (const { data } of rows) {
    for (let length = 1; length < data.length; length++) {
      expect(() => parser.parse(data.subarray(0, length)), `${length} of ${data.toString('latin1')}`).toThrow(
        /ends in the middle/,
      )
    }
  }
  expect(() => parser.parse(Buffer.from('?'))).toThrow(/unknown kind "\?"/)
  expect(() => parser.parse(Buffer.from('I\0\0\0\x01X'))).toThrow(/"X" where "N" was expected/)
})
