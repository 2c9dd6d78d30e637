/** Publication, slot and what refuses to be prepared. */
import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { PrepareRequest, Source } from '../../../connectors/ports.ts'
import { type Database, sharedPostgres, startTestPostgres } from '../../support/postgres.ts'
import { openTestSource } from '../../support/postgres-source.ts'
import { drain } from '../../support/source-rows.ts'

const live = () => new AbortController().signal
const FIRST: PrepareRequest = { from: null, identity: null, epoch: 1, takeOver: false }
const prepare = (source: Source, request: Partial<PrepareRequest> = {}, onWait: (message: string) => void = () => {}) =>
  source.prepare({ ...FIRST, ...request }, live(), onWait)

async function failure(promise: Promise<unknown>): Promise<ConnectorError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof ConnectorError) return error
    throw error
  }
  throw new Error('nothing failed')
}

async function database(): Promise<Database> {
  return (await sharedPostgres()).createDatabase()
}

/** A login that may replicate and read, and owns nothing. */
async function reader(db: Database): Promise<{ readonly user: string; readonly password: string }> {
  const user = `reader_${db.name}`
  await db.query(`create role ${user} login replication password 'pw'`)
  await db.query(`grant usage on schema public to ${user}`)
  await db.query(`grant select on all tables in schema public to ${user}`)
  return { user, password: 'pw' }
}

describe('publication', () => {
  test('it is made for the tables of the scope and follows the scope', async () => {
    await using db = await database()
    await db.query('create table a (id int primary key); create table b (id int primary key)')
    const published = async () =>
      (
        await db.query<{ tablename: string }>(
          `select tablename from pg_publication_tables where pubname = 'portage_${db.name}' order by 1`,
        )
      ).map((row) => row.tablename)
    await using first = openTestSource(db.url, { scope: { tables: ['public.a'] } })
    await prepare(first)
    expect(await published()).toEqual(['a'])
    await using second = openTestSource(db.url, { scope: { tables: ['public.*', '!public.a'] } })
    await prepare(second)
    expect(await published()).toEqual(['b'])
  })

  test('a new table that cannot be carried is left out of a log that goes on, until it is cured; one named or known is refused', async () => {
    await using db = await database()
    await db.query('create table a (id int primary key)')
    const told: string[] = []
    const environment = { log: (level: string, message: string) => void (level === 'error' && told.push(message)) }
    await using source = openTestSource(db.url, { environment })
    const { start, tables } = await prepare(source)
    const known = tables.map(({ id }) => id)
    await db.query(
      'create table bag (x int); create table taken (id int primary key, _op text); create table good (id int primary key)',
    )
    const named = async () => (await source.describe(live())).tables.map(({ table }) => table)
    expect(await named()).toEqual(['public.a', 'public.good'])
    const again = await prepare(source, { from: start, known })
    expect(again.tables.map(({ table }) => table)).toEqual(['public.a', 'public.good'])
    expect(told).toHaveLength(2)
    expect(told[0]).toMatch(/^Table "public.bag" is left out, the others go on: it has no primary key .* Cure: alter table/)
    // It was not published: the application goes on writing into it.
    await db.query('insert into bag values (1); update bag set x = 2; delete from bag')
    expect((await source.check(live())).map(({ subject }) => subject)).toEqual(
      expect.arrayContaining([expect.stringContaining('bag')]),
    )
    await db.query('alter table bag replica identity full')
    expect(await named()).toEqual(['public.a', 'public.bag', 'public.good'])
    await prepare(source, { from: start, known })
    await db.query('alter table a drop constraint a_pkey')
    expect(await failure(prepare(source, { from: start, known }))).toMatchObject({
      code: 'SOURCE_SETUP',
      message: expect.stringContaining('Table "public.a" has no primary key'),
    })
    await using byName = openTestSource(db.url, { scope: { tables: ['public.*', 'public.taken', '!public.a'] } })
    expect(await failure(prepare(byName, { from: start, known }))).toMatchObject({ message: expect.stringContaining('_op') })
  })

  test('without the privilege the error holds the statement for an owner; afterwards it is accepted', async () => {
    await using db = await database()
    await db.query('create table "Loan" (id int primary key)')
    const login = await reader(db)
    await using source = openTestSource(db.url, { options: login })
    const refused = await failure(prepare(source))
    expect(refused.code).toBe('PRIVILEGE')
    const sql = /run: (create publication .*)$/.exec(refused.message)?.[1] ?? ''
    expect(sql).toContain('"public"."Loan"')
    const problems = await source.check(live())
    expect(problems.filter((problem) => problem.subject.startsWith('Publication'))).not.toHaveLength(0)
    await db.query(sql)
    const { start } = await prepare(source)
    await db.query('insert into "Loan" values (1)')
    expect((await drain(source, { from: start })).flatMap((set) => set.rows)).toHaveLength(1)
    expect((await source.check(live())).filter((problem) => problem.severity === 'error')).toEqual([])
    // What someone else made is not dropped.
    expect(await source.remove({ dryRun: true }, live())).toEqual([
      expect.stringContaining('drop replication slot'),
      expect.stringContaining('keep publication'),
    ])
    await source.remove({ dryRun: false }, live())
    await source[Symbol.asyncDispose]()
    await db.query(`drop owned by ${login.user}; drop role ${login.user}`)
  })

  test('one that would lose changes is refused with its cure', async () => {
    await using db = await database()
    await db.query('create table a (id int primary key, b text)')
    await using source = openTestSource(db.url)
    await db.query(`create publication portage_${db.name} for table a with (publish = 'insert', publish_via_partition_root)`)
    expect((await failure(prepare(source))).message).toContain("set (publish = 'insert, update, delete, truncate')")
    await db.query(
      `drop publication portage_${db.name}; create publication portage_${db.name} for table a where (id > 5) with (publish_via_partition_root)`,
    )
    expect((await failure(prepare(source))).message).toContain('row filter')
    await db.query(
      `drop publication portage_${db.name}; create publication portage_${db.name} for all tables with (publish_via_partition_root)`,
    )
    await prepare(source)
  })
})

describe('tables that cannot be carried', () => {
  test('each is named with its cure, all at once', async () => {
    await using db = await database()
    await db.query(`create table reserved (id int primary key, _op text);
      create table keyless (id int);
      create table hidden (id int primary key);
      alter table hidden replica identity nothing;
      create unlogged table fast (id int primary key)`)
    await using source = openTestSource(db.url)
    const refused = await failure(prepare(source))
    expect(refused.code).toBe('SCHEMA')
    for (const name of ['reserved', 'keyless', 'hidden', 'fast']) expect(refused.message).toContain(`"public.${name}"`)
    const problems = (await source.check(live())).filter((problem) => problem.subject.startsWith('Table'))
    expect(problems.map((problem) => problem.subject).sort()).toEqual(
      ['fast', 'hidden', 'keyless', 'reserved'].map((name) => `Table "public.${name}"`),
    )
    expect(problems.find((problem) => problem.subject.includes('keyless'))?.cure).toContain('replica identity full')
    expect(await db.query(`select 1 from pg_publication`)).toEqual([])
  })
})

describe('replication slot', () => {
  test('a creation that waits names the open transaction, and ends with it', async () => {
    await using db = await database()
    await db.query('create table a (id int primary key)')
    const holder = await db.connect()
    await holder.query(`set application_name = 'night batch'; begin; insert into a values (1)`)
    const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid')
    await using source = openTestSource(db.url)
    const told = Promise.withResolvers<string>()
    const prepared = prepare(source, {}, told.resolve)
    const message = await told.promise
    expect(message).toContain(`pid ${rows[0]?.pid}`)
    expect(message).toContain('night batch')
    await holder.query('commit')
    expect((await prepared).start).toMatch(/^0001-/)
  })

  test('a creation that waits can be given up, and leaves no slot', async () => {
    await using db = await database()
    await db.query('create table a (id int primary key)')
    const holder = await db.connect()
    await holder.query('begin; insert into a values (1)')
    await using source = openTestSource(db.url)
    const stop = new AbortController()
    const told = Promise.withResolvers<string>()
    const prepared = failure(source.prepare(FIRST, stop.signal, told.resolve))
    await told.promise
    stop.abort()
    expect((await prepared).code).toBe('ABORTED')
    await expect
      .poll(() => db.query('select slot_name from pg_replication_slots where database = current_database()'))
      .toEqual([])
    await holder.query('rollback')
  })

  test('one that was advanced by someone else is ahead; one of another plugin is refused', async () => {
    await using db = await database()
    await db.query('create table a (id int primary key)')
    await using source = openTestSource(db.url)
    const { start } = await prepare(source)
    await db.query('insert into a values (1)')
    await db.query(`select pg_replication_slot_advance('portage_${db.name}', pg_current_wal_lsn())`)
    const ahead = await failure(prepare(source, { from: start }))
    expect(ahead.code).toBe('SLOT_AHEAD')
    expect(ahead.message).toContain('portage resync')
    await db.query(`select pg_drop_replication_slot('portage_${db.name}')`)
    await db.query(`select pg_create_logical_replication_slot('portage_${db.name}', 'test_decoding')`).catch(() => undefined)
  })

  test('one that the server gave up is lost', async () => {
    await using server = await startTestPostgres({
      settings: { max_slot_wal_keep_size: '1MB', wal_keep_size: '0', max_wal_size: '32MB' },
    })
    await using db = await server.createDatabase()
    await db.query('create table a (id int primary key)')
    await using source = openTestSource(db.url)
    const { start } = await prepare(source)
    for (let i = 0; i < 4; i++) {
      await db.query('select pg_switch_wal()')
      await db.query(`insert into a values (${i})`)
    }
    await db.query('checkpoint')
    expect((await source.health(live())).walStatus).toBe('lost')
    const lost = await failure(prepare(source, { from: start }))
    expect(lost.code).toBe('SLOT_LOST')
    expect(lost.message).toContain('max_slot_wal_keep_size')
    const follow = source.follow({ from: start, known: [], flush: { intervalMs: 1, rows: 1, bytes: 1 }, heartbeatMs: 0 }, live())
    expect((await failure(follow[Symbol.asyncIterator]().next())).code).toBe('SLOT_LOST')
  })
})

describe('check', () => {
  test('a server that is not set up: every problem at once, each with its cure', async () => {
    await using server = await startTestPostgres({
      settings: { wal_level: 'replica', max_replication_slots: '1', max_wal_senders: '1' },
    })
    await using db = await server.createDatabase()
    await db.query('create table a (id int primary key)')
    await db.query(`create role poor login password 'pw'`)
    await using source = openTestSource(db.url, {
      options: { user: 'poor', password: 'pw' },
      scope: { tables: ['public.*', 'absent.*'] },
    })
    const problems = await source.check(live())
    const subjects = problems.map((problem) => problem.subject)
    expect(problems.every((problem) => problem.cure !== '' && problem.problem !== '')).toBe(true)
    expect(subjects).toEqual(
      expect.arrayContaining([
        expect.stringContaining('PostgreSQL at'),
        'User "poor"',
        'max_replication_slots',
        'max_wal_senders',
        'Pattern "absent.*"',
        'Table "public.a"',
        expect.stringContaining('Publication'),
      ]),
    )
    expect(problems.map((problem) => problem.problem).join()).toContain('wal_level=replica')
  })

  test('a wrong password is one problem', async () => {
    const server = await sharedPostgres()
    await using source = openTestSource(server.url, { options: { password: 'wrong' } })
    expect(await source.check(live())).toMatchObject([
      { severity: 'error', cure: expect.stringContaining('config/connections.yaml') },
    ])
  })
})

describe('discover', () => {
  test('tables with keys, sizes and advice', async () => {
    await using db = await database()
    await db.query(`create table b (n numeric, at timestamptz, twice int generated always as (1) stored);
      alter table b replica identity full;
      insert into b select 1.5, case when i % 2 = 0 then 'infinity' else now() end from generate_series(1, 100) i;
      create table a (id int primary key, amount numeric(12,2));
      analyze`)
    await using source = openTestSource(db.url)
    const tables = await source.discover(live())
    expect(tables.map((table) => [table.table, table.key, table.identity])).toEqual([
      ['public.a', [1], 'default'],
      ['public.b', [], 'full'],
    ])
    expect(tables[1]?.estimatedRows).toBe(100)
    expect(tables[1]?.bytes).toBeGreaterThan(0)
    expect(tables[0]?.advice).toEqual([])
    expect(tables[1]?.advice.map((advice) => advice.column)).toEqual([null, 'twice', 'n', 'at'])
    expect(tables[1]?.columns.map((column) => column.name)).toEqual(['n', 'at'])
  })
})
