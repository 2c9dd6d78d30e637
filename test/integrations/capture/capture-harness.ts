/** Runs capture over the memory source and store, and reads the lake back through the change reader with rules of its own. */
import { setTimeout as delay } from 'node:timers/promises'
import { zstdDecompressSync } from 'node:zlib'
import { parquetReadObjects } from 'hyparquet'
import type { Position, TableName } from '../../../connectors/change.ts'
import type { MemoryDatabase } from '../../../connectors/memory/database.ts'
import { createMemorySource } from '../../../connectors/memory/source.ts'
import type { Environment, ObjectStore, Source } from '../../../connectors/ports.ts'
import type { CaptureEvent } from '../../../integrations/capture/events.ts'
import { type ReplicationOptions, replicate } from '../../../integrations/capture/replicate.ts'
import { openLander } from '../../../integrations/land/lander.ts'
import { openLog } from '../../../integrations/land/log/log.ts'
import { loadState, readCommits } from '../../../integrations/land/log/read.ts'
import { createParquetWriter } from '../../../integrations/land/parquet/writer.ts'
import { openChangeReader } from '../../../integrations/read/change-reader.ts'

export const LAKE = { prefix: 'raw', integration: 'test' } as const

export const environment: Environment = {
  now: () => new Date(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
  random: Math.random,
  log: () => undefined,
  stateDir: '.portage',
}

export type RunOptions = Partial<
  Pick<ReplicationOptions, 'mode' | 'readers' | 'flush' | 'catalogueMs' | 'maxSnapshotAgeMs' | 'takeOver' | 'policies'>
> & {
  readonly chunkRows?: number
  readonly maxSetRows?: number
  readonly onEvent?: (event: CaptureEvent) => void
  readonly signal?: AbortSignal
  /** Puts something in front of the source. */
  readonly before?: (source: Source) => Source
}

/** One attempt of a run, as `orchestration/run.ts` makes it. */
export async function runCapture(
  database: MemoryDatabase,
  store: ObjectStore,
  options: RunOptions = {},
): Promise<'current' | 'stopped'> {
  const {
    chunkRows = 7,
    maxSetRows = 5,
    onEvent = () => undefined,
    signal = AbortSignal.timeout(20_000),
    before,
    ...rest
  } = options
  await using plain = createMemorySource({ database, chunkRows, maxSetRows })
  const source = before?.(plain) ?? plain
  const log = await openLog({ store, ...LAKE, environment, by: 'test', signal })
  await log.claim(signal)
  await log.sweep(signal)
  const format = { name: 'parquet', extension: 'parquet', createWriter: createParquetWriter } as const
  const lander = openLander({ store, log, format, compression: 'zstd', targetFileBytes: 1 << 20, metadata: new Map() })
  return await replicate(
    {
      source,
      log,
      lander,
      mode: 'until-current',
      takeOver: true,
      flush: { intervalMs: 1, rows: 10, bytes: 1 << 20 },
      filesPerHour: 0,
      heartbeatMs: 5,
      catalogueMs: 5,
      readers: 2,
      maxSnapshotAgeMs: 60_000,
      environment,
      emit: onEvent,
      ...rest,
    },
    signal,
  )
}

type Row = Readonly<Record<string, unknown>>

/** The current rows that the lake's files and the log say, by newest position per key (or as a signed bag), as sorted JSON lines. */
export async function lakeRows(store: ObjectStore, table: string): Promise<string[]> {
  const signal = AbortSignal.timeout(20_000)
  const state = await loadState(store, LAKE, { signal })
  const found = state.tables[table as TableName]
  if (!found) throw new Error(`no table ${table}`)
  await using reader = openChangeReader({ store, state: async () => state })
  const rows: Row[] = []
  for await (const batch of reader.read({ table: table as TableName, after: null, before: null }, signal)) {
    for (const row of batch) rows.push(row.toJSON())
  }
  const position = (row: Row): Position => String(row._position) as Position
  const truncated =
    rows
      .filter((row) => row._op === 't')
      .map(position)
      .toSorted()
      .at(-1) ?? ''
  const names = found.schema.columns.filter((column) => !column.dropped).map(({ name }) => name)
  const key = found.schema.key.map((physical) => found.schema.columns.find((column) => column.physical === physical)?.name ?? '')
  const alive = rows.filter((row) => row._op !== 't' && position(row) > truncated)
  const values = (row: Row): string => JSON.stringify(Object.fromEntries(names.map((name) => [name, plain(row[name])])))
  if (key.length === 0) return bag(alive, values)
  const newest = new Map<string, Row>()
  for (const row of alive.toSorted((a, b) => (position(a) < position(b) ? -1 : 1))) {
    newest.set(JSON.stringify(key.map((name) => plain(row[name]))), row)
  }
  return [...newest.values()]
    .filter((row) => row._op !== 'd')
    .map(values)
    .toSorted()
}

function bag(rows: readonly Row[], values: (row: Row) => string): string[] {
  const counts = new Map<string, number>()
  for (const row of rows) counts.set(values(row), (counts.get(values(row)) ?? 0) + (row._op === 'd' ? -1 : 1))
  return [...counts].flatMap(([row, count]) => Array.from({ length: count }, () => row)).toSorted()
}

const plain = (value: unknown): unknown =>
  typeof value === 'bigint' || typeof value === 'number' ? String(value) : (value ?? null)

/** The same of the source. */
export function sourceRows(database: MemoryDatabase, table: string): string[] {
  const description = database.tables().find((each) => each.table === table)
  const names = description?.columns.map(({ name }) => name) ?? []
  return database
    .contents(table)
    .map((row) => JSON.stringify(Object.fromEntries(names.map((name) => [name, plain(row[name])]))))
    .toSorted()
}

/** Every data object that no commit ever named: what a crash left and the next run did not sweep. */
export async function unnamedFiles(store: ObjectStore): Promise<string[]> {
  const signal = AbortSignal.timeout(20_000)
  const named = new Set<string>()
  for await (const { tables } of readCommits(store, LAKE, { from: 1, signal })) {
    for (const { added } of Object.values(tables)) for (const { key } of added ?? []) named.add(key)
  }
  const found: string[] = []
  for await (const { key } of store.list(`${LAKE.prefix}/${LAKE.integration}/`)) if (!named.has(key)) found.push(key)
  return found
}

/** Rows of live change files by position: every change must be in exactly one. */
export async function changePositions(store: ObjectStore, table: string): Promise<string[]> {
  const signal = AbortSignal.timeout(20_000)
  const state = await loadState(store, LAKE, { signal })
  const positions: string[] = []
  for (const { key, size } of state.tables[table as TableName]?.changes ?? []) {
    const file = await store.get(key, { range: { start: 0, end: size }, signal })
    if (file === null) throw new Error(`missing ${key}`)
    const buffer = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer
    const rows = await parquetReadObjects({
      file: buffer,
      columns: ['_position'],
      compressors: { ZSTD: (input) => zstdDecompressSync(input) },
    })
    positions.push(...rows.map((row) => String(row._position)))
  }
  return positions.toSorted()
}
