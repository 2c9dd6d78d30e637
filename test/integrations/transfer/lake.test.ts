import { describe, expect, test } from 'vitest'
import { type TableName, tableName } from '../../../connectors/change.ts'
import { openDuckdbWarehouse } from '../../../connectors/duckdb/warehouse.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import type { ObjectStore } from '../../../connectors/ports.ts'
import type { TableBatch, TransferColumn, TransferMode } from '../../../connectors/tables.ts'
import { openLander } from '../../../integrations/land/lander.ts'
import { openLog } from '../../../integrations/land/log/log.ts'
import { loadState } from '../../../integrations/land/log/read.ts'
import { createParquetWriter } from '../../../integrations/land/parquet/writer.ts'
import { registerCommit } from '../../../integrations/register/register.ts'
import { contentHash } from '../../../integrations/transfer/content-hash.ts'
import { openLakeReader } from '../../../integrations/transfer/lake-reader.ts'
import { openLakeWriter } from '../../../integrations/transfer/lake-writer.ts'
import { tableReaderContract } from '../../contracts/table-reader.ts'
import { batches, batchOf, COLUMNS, LINES, ROWS } from '../../contracts/table-rows.ts'
import { tableWriterContract } from '../../contracts/table-writer.ts'
import { faultyStore } from '../../support/faulty-store.ts'
import { quietEnvironment } from '../../support/lake.ts'
import { scratch } from '../../support/scratch.ts'
import { linesOf } from '../../support/table-rows.ts'

const signal = new AbortController().signal
const TABLE = tableName('public', 'x')
const PLACE = { prefix: 'raw', integration: 'transfers' }

type Writing = {
  readonly table?: TableName
  readonly columns?: readonly TransferColumn[]
  readonly mode?: TransferMode
  readonly batch?: string | (() => string | null)
  readonly again?: boolean
  readonly fillMissing?: boolean
}

let seed = 1

async function writerOf(store: ObjectStore, writing: Writing = {}) {
  const { table = TABLE, columns = COLUMNS, mode = 'replace', again = false, fillMissing = false } = writing
  const environment = quietEnvironment(seed++)
  const log = await openLog({
    store,
    ...PLACE,
    environment: { ...environment, now: () => new Date() },
    by: 'test',
    role: 'maintenance',
    signal,
  })
  const format = { name: 'parquet', extension: 'parquet', createWriter: createParquetWriter } as const
  const lander = openLander({ store, log, format, compression: 'zstd', targetFileBytes: 1024 ** 2, metadata: new Map() })
  const name = writing.batch ?? `batch ${seed}`
  const batch = typeof name === 'string' ? () => name : name
  const request = { log, lander, table, columns, mode, fillMissing, batch, again, takeRejects: () => [] }
  return openLakeWriter({ ...request, environment: { now: () => new Date() } })
}

async function write(store: ObjectStore, rows: AsyncIterable<TableBatch>, writing: Writing = {}) {
  await using writer = await writerOf(store, writing)
  return await writer.write(rows, signal)
}

async function readerOf(
  store: ObjectStore,
  directory: string,
  columns: readonly string[] | null = null,
  where: string | null = null,
  at?: number,
) {
  const state = await loadState(store, PLACE, { ...(at === undefined ? {} : { at }), signal })
  const known = state.tables[TABLE]
  if (known === undefined) return null
  const warehouse = await openDuckdbWarehouse({}, { ...quietEnvironment(), stateDir: `${directory}/${seed++}` })
  const schema = 'lake'
  const { relations } = await registerCommit({ integration: 'transfers', schema, state, store, warehouse, dryRun: false }, signal)
  const relation = { schema, name: relations.find((name) => name === 'x') ?? '' }
  const request = { warehouse, integration: 'transfers', table: TABLE, relation, schema: known.schema, commit: state.number }
  return openLakeReader({ ...request, estimatedRows: null, columns, where }, signal)
}

async function subject() {
  const files = scratch()
  const store = await openFilesystemStore(files.path('lake'), { now: () => new Date() })
  const read = async (at?: number) => {
    await using reader = await readerOf(store, files.path('state'), null, null, at)
    return reader === null ? null : await linesOf(reader)
  }
  return { files, store, read, [Symbol.asyncDispose]: async () => files[Symbol.dispose]() }
}

tableWriterContract('lake', async () => {
  const lake = await subject()
  return {
    modes: ['replace', 'append'],
    open: (mode) => writerOf(lake.store, { mode }),
    read: lake.read,
    [Symbol.asyncDispose]: lake[Symbol.asyncDispose],
  }
})

tableReaderContract('lake', async () => {
  const lake = await subject()
  await write(lake.store, batches())
  const open = async (columns: readonly string[] | null) => {
    const reader = await readerOf(lake.store, lake.files.path('state'), columns)
    if (reader === null) throw new Error('no table')
    return reader
  }
  return { open, [Symbol.asyncDispose]: lake[Symbol.asyncDispose] }
})

describe('a batch is written once', () => {
  test('replace: unless something else was written since', async () => {
    await using lake = await subject()
    expect(await write(lake.store, batches(), { batch: 'a' })).toMatchObject({ rows: 5, repeated: false })
    expect(await write(lake.store, batches(), { batch: 'a' })).toMatchObject({ rows: 0, repeated: true })
    expect(await write(lake.store, batches(), { batch: 'a', again: true })).toMatchObject({ rows: 5, repeated: false })
    await write(lake.store, batches(), { batch: 'b', mode: 'append' })
    expect(await write(lake.store, batches(), { batch: 'a' })).toMatchObject({ rows: 5, repeated: false })
  })

  test('append: whatever was appended since, until the table is replaced', async () => {
    await using lake = await subject()
    const append = (batch: string, again = false) => write(lake.store, batches(), { batch, mode: 'append', again })
    for (const batch of ['a', 'b', 'c']) expect(await append(batch)).toMatchObject({ repeated: false })
    expect(await append('a')).toMatchObject({ repeated: true })
    expect(await append('b')).toMatchObject({ repeated: true })
    expect((await lake.read())?.length).toBe(15)
    expect(await append('b', true)).toMatchObject({ repeated: false })
    await write(lake.store, batches(), { batch: 'd' })
    expect(await append('a')).toMatchObject({ repeated: false })
    expect((await lake.read())?.length).toBe(10)
  })

  test('rows without a name are named by their content when they have passed', async () => {
    await using lake = await subject()
    const append = (rows: typeof ROWS) => {
      const hash = contentHash(COLUMNS)
      return write(lake.store, hash.through(batches(rows)), { batch: hash.value, mode: 'append' })
    }
    expect(await append(ROWS)).toMatchObject({ rows: 5, repeated: false })
    expect(await append(ROWS)).toMatchObject({ rows: 0, repeated: true })
    expect(await append(ROWS.slice(0, 4))).toMatchObject({ rows: 4, repeated: false })
    expect((await lake.read())?.length).toBe(9)
  })
})

test('what was replaced stays readable as of its commit', async () => {
  await using lake = await subject()
  await write(lake.store, batches(ROWS.slice(0, 2)))
  const { number } = await loadState(lake.store, PLACE, { signal })
  await write(lake.store, batches(ROWS.slice(2, 3)), { mode: 'append' })
  await write(lake.store, batches(ROWS.slice(3, 4)))
  expect(await lake.read(number)).toEqual(LINES.slice(0, 2))
  expect(await lake.read()).toEqual(LINES.slice(3, 4))
})

test('a replaced table takes other columns, types and orders', async () => {
  await using lake = await subject()
  await write(lake.store, batches())
  const columns: readonly TransferColumn[] = [
    { name: 'name', type: { kind: 'int64' }, sourceType: 'bigint', nullable: true },
    { name: 'id', type: { kind: 'int64' }, sourceType: 'bigint', nullable: true },
  ]
  async function* rows() {
    yield { batch: batchOf([[1n, 2n]], columns), release: () => undefined }
  }
  await using writer = await writerOf(lake.store, { columns })
  expect(writer.plan.notes).toContain('column "name" changes from utf8 to int64')
  await writer.write(rows(), signal)
  expect(await lake.read()).toHaveLength(1)
})

test('appended rows must fit the table: every problem is named; narrower types widen', async () => {
  await using lake = await subject()
  await write(lake.store, batches())
  const [id, small] = COLUMNS
  if (id === undefined || small === undefined) throw new Error('columns')
  const other: readonly TransferColumn[] = [
    { ...id, type: { kind: 'float64' } },
    { ...small, name: 'extra' },
  ]
  await expect(writerOf(lake.store, { columns: other, mode: 'append' })).rejects.toThrow(
    /has no column "extra".*the source lacks "small".*column "id" is int64 there and float64 in the source/,
  )
  const narrow: readonly TransferColumn[] = [{ ...id, type: { kind: 'int16' } }]
  async function* rows() {
    yield { batch: batchOf([[-7]], narrow), release: () => undefined }
  }
  await using writer = await writerOf(lake.store, { columns: narrow, mode: 'append', fillMissing: true })
  await writer.write(rows(), signal)
  expect(await lake.read()).toContain(['-7', ...Array.from({ length: 10 }, () => '␀')].join(' | '))
})

test('the log of a replication is refused', async () => {
  await using lake = await subject()
  const log = await openLog({ store: lake.store, ...PLACE, environment: quietEnvironment(seed++), by: 'run', signal })
  await log.claim(signal)
  await expect(writerOf(lake.store)).rejects.toThrow('is written by "portage run"')
})

test('transfers into different tables of one log do not stop each other', async () => {
  await using lake = await subject()
  const tables = ['a', 'b', 'x'].map((name) => tableName('public', name))
  const writers = await Promise.all(tables.map((table) => writerOf(lake.store, { table })))
  await Promise.all(writers.map((writer) => writer.write(batches(), signal)))
  const { tables: written } = await loadState(lake.store, PLACE, { signal })
  expect(Object.keys(written).toSorted()).toEqual(tables)
  expect(await lake.read()).toHaveLength(5)
})

test('of two that replace one table at the same time one is told to run again, and leaves nothing', async () => {
  await using lake = await subject()
  const [first, second] = [await writerOf(lake.store), await writerOf(lake.store)]
  await first.write(batches(ROWS.slice(0, 1)), signal)
  await expect(second.write(batches(ROWS.slice(1, 2)), signal)).rejects.toMatchObject({ code: 'FENCED' })
  expect(await lake.read()).toEqual(LINES.slice(0, 1))
})

describe('killed at any call to the store', () => {
  test.each(['replace', 'append'] as const)(
    '%s: the table is the old one or the new one, and a repeat makes it the new one',
    async (mode) => {
      for (let at = 0; ; at++) {
        await using lake = await subject()
        await write(lake.store, batches(ROWS.slice(0, 2)), { batch: 'old' })
        const dying = faultyStore(lake.store, ({ index }) => (index === at ? { kind: at % 2 === 0 ? 'die' : 'die-after' } : null))
        const done = await write(dying, batches(ROWS.slice(2, 5)), { batch: 'new', mode }).then(
          () => true,
          () => false,
        )
        const made = mode === 'replace' ? LINES.slice(2, 5) : LINES
        expect([LINES.slice(0, 2), made]).toContainEqual(await lake.read())
        await write(lake.store, batches(ROWS.slice(2, 5)), { batch: 'new', mode })
        expect(await lake.read(), `killed at call ${at}`).toEqual(made)
        if (done && !dying.dead()) break
      }
    },
  )
})
