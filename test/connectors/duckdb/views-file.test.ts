import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Column, Position, TableName, TableSchema } from '../../../connectors/change.ts'
import { openDatabase } from '../../../connectors/duckdb/instance.ts'
import { openDuckdbWarehouse } from '../../../connectors/duckdb/warehouse.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import type { LakeRow } from '../../../connectors/memory/warehouse.ts'
import type { Environment, ObjectStore, RegisterRequest, TableRegistration, Warehouse } from '../../../connectors/ports.ts'
import { relationSql } from '../../../integrations/register/view-sql.ts'
import { quietEnvironment } from '../../support/lake.ts'
import { lakeRow, writeLakeFile } from '../../support/lake-files.ts'
import { batchLines, queryRows } from '../../support/query-rows.ts'

const signal = new AbortController().signal
const cut = (number: number): Position => `0001-${String(number).padStart(16, '0')}-00000000` as Position
const READ = { access: 'read', threads: null, memoryLimit: null, temporaryDirectory: null } as const

function column(id: number, name: string, type: Column['type'], comment?: string): Column {
  return { id, name, physical: name, type, sourceType: type.kind, nullable: true, ...(comment ? { comment } : {}) }
}

const SCHEMA: TableSchema = {
  table: 'public.loan' as TableName,
  id: '1',
  version: 1,
  since: cut(1),
  key: ['id'],
  identity: 'default',
  comment: "it's a loan",
  columns: [
    column(1, 'id', { kind: 'int64' }),
    column(2, 'due', { kind: 'timestamp', utc: false }, 'wall clock'),
    column(3, 'seen', { kind: 'timestamp', utc: true }),
  ],
}
const NOON = 1_767_268_800_000_000n

describe('the views file of a DuckDB warehouse', () => {
  let directory: string
  let path: string
  let environment: Environment
  let store: ObjectStore
  let warehouse: Warehouse
  let files = 0
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portage-views-'))
    path = join(directory, 'warehouse.duckdb')
    environment = { ...quietEnvironment(), stateDir: directory }
    store = await openFilesystemStore(join(directory, 'lake'), environment)
    warehouse = await openDuckdbWarehouse({}, environment)
  })
  afterEach(() => rm(directory, { recursive: true }))

  const loan = async (rows: readonly LakeRow[], more: Partial<TableRegistration> = {}): Promise<TableRegistration> => {
    const key = `raw/${++files}.parquet`
    const file = { ...(await writeLakeFile(store, key, SCHEMA, 'base', rows)), address: store.address(key) }
    const base = { boundary: cut(5), baseThrough: cut(5), base: [file], changes: [] }
    return { table: SCHEMA.table, relation: 'loan', schema: SCHEMA, ...base, ...more }
  }
  const ids = (...numbers: readonly number[]) =>
    numbers.map((id) => lakeRow('r', cut(5), { id: BigInt(id), due: NOON, seen: NOON }))
  const request = (
    commit: number,
    tables: readonly TableRegistration[],
    more: Partial<RegisterRequest> = {},
  ): RegisterRequest => ({
    integration: 'loans',
    schema: 'raw',
    commit,
    position: cut(commit),
    tables,
    relationSql: (table, scans) => relationSql(table, warehouse.dialect, scans),
    readObject: (key, range, signal) => store.get(key, { range, signal }),
    dryRun: false,
    ...more,
  })
  const failure = async (promise: Promise<unknown>): Promise<ConnectorError> => {
    const error: unknown = await promise.then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(ConnectorError)
    return error as ConnectorError
  }

  test('a session in another time zone sees the same wall clocks and the same instants', async () => {
    await warehouse.register(request(1, [await loan(ids(1))]), signal)
    await using database = await openDatabase(path, READ)
    const seen = new Set<string>()
    for (const zone of ['UTC', 'America/New_York', 'Asia/Kathmandu']) {
      await database.run(`set TimeZone = '${zone}'`)
      const [row] = await database.rows('select typeof(due), due::varchar, typeof(seen), epoch_us(seen) from raw.loan')
      seen.add(JSON.stringify(row))
    }
    expect([...seen]).toEqual([JSON.stringify(['TIMESTAMP', '2026-01-01 12:00:00', 'TIMESTAMP WITH TIME ZONE', String(NOON)])])
  })

  test('relations are found without their schema and carry the comments of the source', async () => {
    await warehouse.register(request(1, [await loan(ids(1))]), signal)
    expect(await queryRows(warehouse, 'select id from loan')).toEqual(['1'])
    expect(await queryRows(warehouse, `select comment from duckdb_views() where view_name = 'loan'`)).toEqual(["it's a loan"])
    const columns = `select table_name, comment from duckdb_columns() where column_name = 'due' and schema_name = 'raw'`
    expect(await queryRows(warehouse, columns)).toEqual(['loan | wall clock', 'loan_changes | wall clock'])
  })

  test('a reader that began before a registration finishes on what it began with', async () => {
    const many = Array.from({ length: 30_000 }, (_, index) => index)
    await warehouse.register(request(1, [await loan(ids(...many))]), signal)
    const before = await warehouse.query('select id from raw.loan', signal)
    const batches = before.batches[Symbol.asyncIterator]()
    await batches.next()
    await warehouse.register(request(2, [await loan(ids(7))]), signal)
    let rows = 0
    for (let next = await batches.next(); !next.done; next = await batches.next()) rows += next.value.numRows
    expect(rows).toBeGreaterThan(20_000)
    expect(await queryRows(warehouse, 'select id from raw.loan')).toEqual(['7'])
  })

  test('registrations at the same time wait for each other and all are kept', async () => {
    const table = await loan(ids(1))
    const schemas = ['a', 'b', 'c', 'd']
    await Promise.all(schemas.map((schema) => warehouse.register(request(1, [table], { integration: schema, schema }), signal)))
    for (const schema of schemas) expect(await queryRows(warehouse, `select id from ${schema}.loan`)).toEqual(['1'])
  })

  test('a file that someone has open for writing is told with its holder, and is tried again', async () => {
    await warehouse.register(request(1, [await loan(ids(1))]), signal)
    const holder = spawn(process.execPath, [join(import.meta.dirname, 'hold-file.ts'), path], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await once(holder.stdout, 'data')
    const exited = once(holder, 'exit')
    const next = request(2, [await loan(ids(2))])
    const failure = await warehouse.register(next, signal).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining(`process ${holder.pid}, `) })
    await expect(warehouse.query('select 1', signal)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    holder.stdin.end()
    await exited
    await warehouse.register(next, signal)
    expect(await queryRows(warehouse, 'select id from raw.loan')).toEqual(['2'])
  })

  test('a registration waits for the lock of another process', async () => {
    const holder = spawn(process.execPath, [join(import.meta.dirname, 'hold-lock.ts'), path], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await once(holder.stdout, 'data')
    const exited = once(holder, 'exit')
    let waits = 0
    const sleep: Environment['sleep'] = async () => {
      waits++
      holder.stdin.end()
      await exited
    }
    const patient = await openDuckdbWarehouse({}, { ...environment, sleep })
    await patient.register(request(1, [await loan(ids(1))]), signal)
    expect(waits).toBe(1)
    expect(await queryRows(warehouse, 'select id from raw.loan')).toEqual(['1'])
  })

  test('a lock that is never released ends in TIMEOUT', async () => {
    const holder = spawn(process.execPath, [join(import.meta.dirname, 'hold-lock.ts'), path], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await once(holder.stdout, 'data')
    try {
      const error = await failure(warehouse.register(request(1, [await loan(ids(1))]), signal))
      expect([error.code, error.message.includes(path)]).toEqual(['TIMEOUT', true])
    } finally {
      const exited = once(holder, 'exit')
      holder.stdin.end()
      await exited
    }
  })

  test('what a killed registration left beside the file is no obstacle and nothing is left afterwards', async () => {
    await writeFile(`${path}.next`, 'half a file')
    await writeFile(`${path}.next.wal`, 'half a log')
    await warehouse.register(request(1, [await loan(ids(1))]), signal)
    expect((await readdir(directory)).toSorted()).toEqual(['lake', 'warehouse.duckdb', 'warehouse.duckdb.lock'])
  })

  test('a damaged views file is told with its cure, by every call', async () => {
    await writeFile(path, 'this is no database, but it is long enough to be looked at as one'.repeat(100))
    for (const call of [
      () => warehouse.registered('loans', 'raw', signal),
      () => warehouse.query('select 1', signal),
      async () => warehouse.register(request(1, [await loan(ids(1))]), signal),
    ]) {
      const error = await failure(call())
      expect([error.code, error.message.includes('portage register')]).toEqual(['CORRUPT', true])
    }
    expect(await warehouse.check(signal)).toHaveLength(1)
  })

  test('a database of someone else is neither read nor replaced', async () => {
    {
      await using database = await openDatabase(path, { ...READ, access: 'write' })
      await database.run('create table mine as select 42 as answer')
    }
    for (const call of [
      () => warehouse.query('select 1', signal),
      async () => warehouse.register(request(1, [await loan(ids(1))]), signal),
    ]) {
      const error = await failure(call())
      expect([error.code, error.message.includes(path)]).toEqual(['CONFIGURATION', true])
    }
    await using database = await openDatabase(path, READ)
    expect(await database.rows('select answer from mine')).toEqual([[42]])
  })

  test('a query before the first registration says what to run', async () => {
    const error = await failure(warehouse.query('select 1', signal))
    expect([error.code, error.message.includes('portage register')]).toEqual(['NOT_FOUND', true])
  })

  test('a table with files that DuckDB cannot read is refused by name', async () => {
    const table = await loan(ids(1))
    const orc = { ...table, base: table.base.map((file) => ({ ...file, format: 'orc' as const })) }
    const { refused } = await warehouse.register(request(1, [orc]), signal)
    const error = { code: 'UNSUPPORTED', message: expect.stringContaining('public.loan') as string }
    expect([...(refused ?? [])]).toEqual([['public.loan', expect.objectContaining(error)]])
  })

  test('a table of somebody else under the name of one relation keeps no other back, and none of its own in halves', async () => {
    const loans = await loan(ids(1))
    const cards = await loan(ids(2), { relation: 'card', table: 'public.card' as TableName })
    await warehouse.register(request(1, [cards]), signal)
    {
      await using database = await openDatabase(path, { ...READ, access: 'write' })
      await database.run('create table raw.loan_changes as select 1 as one')
    }
    const both = request(2, [loans, { ...cards, base: [...cards.base, ...loans.base] }])
    const { refused } = await warehouse.register(both, signal)
    const message = expect.stringContaining('loan_changes') as string
    expect([...(refused ?? [])]).toEqual([['public.loan', expect.objectContaining({ code: 'STATEMENT', message })]])
    expect(await queryRows(warehouse, 'select id from raw.card')).toEqual(['1', '2'])
    expect(await warehouse.registered('loans', 'raw', signal)).toEqual({ commit: 2, relations: ['card'] })
    await expect(queryRows(warehouse, 'select * from raw.loan')).rejects.toMatchObject({ code: 'STATEMENT' })
    {
      await using database = await openDatabase(path, { ...READ, access: 'write' })
      await database.run('drop table raw.loan_changes')
    }
    await warehouse.register({ ...both, repair: false }, signal)
    expect(await queryRows(warehouse, 'select id from raw.loan')).toEqual(['1'])
  })

  test('only what changed is made anew', async () => {
    const loans = await loan(ids(1))
    const cards = await loan(ids(2), { relation: 'card', table: 'public.card' as TableName })
    await warehouse.register(request(1, [loans, cards]), signal)
    const grown = { ...cards, changes: (await loan([lakeRow('c', cut(9), { id: 3n })])).base }
    const { statements } = await warehouse.register(request(2, [loans, grown]), signal)
    expect(statements.map((statement) => statement.slice(0, 60))).toEqual([
      'create schema if not exists "raw"',
      'create or replace view portage."raw.card.changes" as select ',
    ])
    expect(await queryRows(warehouse, 'select id from raw.card')).toEqual(['2', '3'])
  })

  test('hundreds of files make one relation', async () => {
    const tables = await Promise.all(Array.from({ length: 300 }, (_, index) => loan(ids(index))))
    const table = { ...(await loan(ids(1000))), base: tables.flatMap((each) => each.base) }
    const { filesAdded } = await warehouse.register(request(1, [table]), signal)
    expect(filesAdded).toBe(300)
    expect(await queryRows(warehouse, 'select count(*), sum(id) from raw.loan')).toEqual(['300 | 44850'])
  })

  test('an unload writes every row, says what it wrote, and refuses a prefix in use', async () => {
    await warehouse.register(request(1, [await loan(ids(1, 2, 3))]), signal)
    const sql = 'select id, due, seen from raw.loan order by id -- the last line is a comment;'
    const written = await warehouse.unload({ sql, store, prefix: 'out/a' }, signal)
    expect(written.map(({ key, rows, format }) => ({ key, rows, format }))).toEqual([
      { key: 'out/a/part-00000.parquet', rows: 3, format: 'parquet' },
    ])
    const bytes = await readFile(written[0]?.address ?? '')
    expect(bytes.length).toBe(written[0]?.size)
    const again = await warehouse.query(`select * from '${written[0]?.address}' order by id`, signal)
    const lines: string[] = []
    for await (const batch of again.batches) lines.push(...batchLines(batch))
    expect(lines[2]).toBe('3 | 2026-01-01 12:00:00.000000 | 2026-01-01 12:00:00.000000')
    expect((await failure(warehouse.unload({ sql, store, prefix: 'out/a' }, signal))).code).toBe('STORE')
    expect((await failure(warehouse.unload({ sql: 'select nothing', store, prefix: 'out/b' }, signal))).code).toBe('STATEMENT')
    expect(await readdir(join(directory, 'duckdb'))).toEqual([])
  })

  test('a query that is stopped half-way says so and lets the file go', async () => {
    await warehouse.register(request(1, [await loan(ids(1))]), signal)
    const stop = new AbortController()
    const result = await warehouse.query('select a.range from range(100000000) a', stop.signal)
    const batches = result.batches[Symbol.asyncIterator]()
    await batches.next()
    stop.abort()
    const error = await failure((async () => batches.next())())
    expect(error.code).toBe('ABORTED')
  })
})
