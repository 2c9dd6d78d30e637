/**
 * What a long log costs: start-up, status, registration and one more commit after 100, 1,000 and 10,000 commits of real
 * change files, without compaction or (PORTAGE_BENCH_COMPACT=500) with it. Objects read are counted; times are of one process, warm disk cache.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Position, TableName, TableSchema } from '../../connectors/change.ts'
import { openDuckdbWarehouse } from '../../connectors/duckdb/warehouse.ts'
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import { recordBatch } from '../../connectors/memory/arrow-batch.ts'
import type { Environment, ObjectStore } from '../../connectors/ports.ts'
import { sourceTableOf } from '../../integrations/capture/physical-columns.ts'
import { openLander } from '../../integrations/land/lander.ts'
import { type CommitLog, openLog } from '../../integrations/land/log/log.ts'
import { createParquetWriter } from '../../integrations/land/parquet/writer.ts'
import { compactTable } from '../../integrations/maintain/compact.ts'
import { announce } from '../../integrations/maintain/intent.ts'
import { registerCommit } from '../../integrations/register/register.ts'
import { tableStatuses } from '../../orchestration/status.ts'

const COMMITS = (process.env.PORTAGE_BENCH_COMMITS ?? '100,1000,10000').split(',').map(Number)
/** `portage compact` after so many commits; 0 = never. */
const COMPACT_EVERY = Number(process.env.PORTAGE_BENCH_COMPACT ?? 0) || Number.POSITIVE_INFINITY
const TABLES = 20
const CHANGED_PER_COMMIT = 2
const COLUMNS = 16

const LAKE = { prefix: 'raw', integration: 'bench' }
const FORMAT = { name: 'parquet', extension: 'parquet', createWriter: createParquetWriter } as const
const signal = new AbortController().signal

const at = (number: number, ordinal = 0): Position =>
  `0001-${number.toString(16).padStart(16, '0')}-${ordinal.toString(16).padStart(8, '0')}` as Position

function schemaOf(index: number): TableSchema {
  return {
    table: `public.table_${index}` as TableName,
    id: String(index),
    version: 1,
    since: at(0),
    columns: Array.from({ length: COLUMNS }, (_, n) => ({
      id: n + 1,
      name: `column_${n}`,
      physical: `column_${n}`,
      type: n % 2 === 0 ? ({ kind: 'int64' } as const) : ({ kind: 'utf8', format: 'text' } as const),
      sourceType: n % 2 === 0 ? 'bigint' : 'text',
      nullable: n > 0,
    })),
    key: ['column_0'],
    identity: 'default',
  }
}

/** Counts what is read. */
function counted(store: ObjectStore): ObjectStore & { reset(): void; readonly gets: number; readonly bytes: number } {
  const count = { gets: 0, bytes: 0 }
  return {
    ...store,
    get: async (key, options) => {
      const bytes = await store.get(key, options)
      count.gets++
      count.bytes += bytes?.length ?? 0
      return bytes
    },
    [Symbol.asyncDispose]: async () => {},
    reset: () => Object.assign(count, { gets: 0, bytes: 0 }),
    get gets() {
      return count.gets
    },
    get bytes() {
      return count.bytes
    },
  }
}

async function timed<T>(action: () => Promise<T>): Promise<{ readonly ms: number; readonly result: T }> {
  const started = performance.now()
  const result = await action()
  return { ms: performance.now() - started, result }
}

export async function run(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'portage-bench-'))
  const environment: Environment = {
    now: () => new Date(),
    sleep: async () => {},
    random: Math.random,
    log: () => undefined,
    stateDir: join(root, 'state'),
  }
  await using plain = await openFilesystemStore(join(root, 'lake'), environment)
  const store = counted(plain)
  const open = () => openLog({ store, ...LAKE, environment, by: 'bench', signal })
  const log = await open()
  await log.claim(signal)
  const schemas = Array.from({ length: TABLES }, (_, index) => schemaOf(index))
  const [begun] = schemas.map(({ table }) => table)
  if (begun === undefined) throw new Error('No table')
  await log.append(
    () => ({ kind: 'schema', position: at(0), tables: Object.fromEntries(schemas.map((schema) => [schema.table, { schema }])) }),
    signal,
  )
  const empty = { generation: 1, start: { storage: 's', plan: [{ id: 'all', from: null, to: null, by: 'x' }] } }
  await log.append(
    () => ({
      kind: 'snapshot',
      tables: Object.fromEntries(
        schemas.map(({ table }) => [table, { snapshot: { ...empty, done: { all: at(0) }, complete: true } }]),
      ),
    }),
    signal,
  )
  for (const wanted of COMMITS) {
    const writing = await timed(async () => {
      for (let next = log.state().number; next < wanted; ) {
        next = Math.min(wanted, next + COMPACT_EVERY)
        await fill(log, store, schemas, next)
        if (COMPACT_EVERY < Number.POSITIVE_INFINITY) await compact(store, environment)
        await log.refresh(signal)
      }
    })
    await measure(wanted, writing.ms, { store, environment, open, root, log, schemas })
  }
  await rm(root, { recursive: true })
}

async function compact(store: ObjectStore, environment: Environment): Promise<void> {
  const log = await openLog({ store, ...LAKE, environment, by: 'bench', role: 'maintenance', signal })
  const intent = await announce(log, environment, signal)
  const policy = { minFiles: 8, targetFileBytes: 2 ** 28, olderThanMs: 0, renew: 'auto' } as const
  const unstated = () => new Set<string>()
  const target = { format: FORMAT, compression: 'zstd', targetFileBytes: 2 ** 28, unstated } as const
  for (const table of Object.keys(log.state().tables) as TableName[]) {
    await compactTable(table, policy, { store, log, intent, environment, ...target, onProgress: () => undefined, signal })
  }
}

async function fill(log: CommitLog, store: ObjectStore, schemas: readonly TableSchema[], until: number): Promise<void> {
  const lander = openLander({ store, log, format: FORMAT, compression: 'zstd', targetFileBytes: 2 ** 28, metadata: new Map() })
  while (log.state().number < until) {
    const number = log.state().number + 1
    for (let n = 0; n < CHANGED_PER_COMMIT; n++) {
      const schema = schemas[(number * CHANGED_PER_COMMIT + n) % TABLES]
      if (schema === undefined) throw new Error('No schema')
      const table = sourceTableOf(schema, { storage: 's', definition: 'd' })
      const values = new Map(
        table.columns.map(({ id }) => [id, id % 2 === 1 ? BigInt(number * 7 + id) : `value ${number} of column ${id}`]),
      )
      const position = at(number, n + 1)
      const change = { op: 'c' as const, position, committedAt: new Date(Date.UTC(2026, 0, 1)), unchanged: [], values }
      const batch = recordBatch(table, 'changes', [change])
      await lander.appendChanges(
        { table, part: 'changes', batch, date: '2026-01-01', firstPosition: position, lastPosition: position, release: () => {} },
        schema,
      )
    }
    const files = await lander.takeChanges(signal)
    const tables = Object.fromEntries([...files].map(([table, added]) => [table, { added }]))
    await log.append(() => ({ kind: 'changes', position: at(number + 1), tables, changes: CHANGED_PER_COMMIT }), signal)
  }
}

type Bench = {
  readonly store: ReturnType<typeof counted>
  readonly environment: Environment
  readonly open: () => Promise<CommitLog>
  readonly root: string
  readonly log: CommitLog
  readonly schemas: readonly TableSchema[]
}

async function measure(commits: number, writingMs: number, bench: Bench): Promise<void> {
  const { store, environment, open, root, log, schemas } = bench
  store.reset()
  const start = await timed(open)
  const { gets, bytes } = store
  const status = await timed(async () => tableStatuses((await open()).state(), { lake: LAKE, targetFileBytes: 2 ** 28 }))
  await using warehouse = await openDuckdbWarehouse({ path: join(root, `views-${commits}.duckdb`) }, environment)
  const register = () =>
    registerCommit({ integration: 'bench', schema: 'bench', state: log.state(), store, warehouse, dryRun: false }, signal)
  const first = await timed(register)
  await fill(log, store, schemas, log.state().number + 1)
  const next = await timed(register)
  const files = Object.values(log.state().tables).reduce((sum, { changes }) => sum + changes.length, 0)
  const sweep = await timed(async () => {
    const other = await open()
    await other.claim(signal)
    return other.sweep(signal)
  })
  await log.refresh(signal)
  await log.claim(signal)
  const figures = {
    commits,
    files,
    appendMs: round(writingMs / commits),
    startMs: round(start.ms),
    startObjects: gets,
    startKb: Math.round(bytes / 1024),
    statusMs: round(status.ms),
    claimAndSweepMs: round(sweep.ms),
    registerFirstMs: round(first.ms),
    registerNextMs: round(next.ms),
    rssMb: Math.round(process.memoryUsage().rss / 1024 ** 2),
  }
  console.log(
    Object.entries(figures)
      .map(([name, value]) => `${name} ${value}`)
      .join(' · '),
  )
  console.log(JSON.stringify({ bench: 'commits', ...figures }))
}

const round = (ms: number): number => Math.round(ms * 10) / 10
