/** `portage run`, killed with SIGKILL at random moments of snapshot and stream while the source is being written; then everything is compared. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { openDuckdbWarehouse } from '../../connectors/duckdb/warehouse.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import type { LogState } from '../../integrations/land/log/commit.ts'
import { loadState, readCommits } from '../../integrations/land/log/read.ts'
import { compareTable, isEqual } from '../../orchestration/demo/compare.ts'
import { environment } from '../integrations/capture/capture-harness.ts'
import { type Database, startTestPostgres } from '../support/postgres.ts'
import { python } from '../support/python.ts'
import { type CrashLake, type CrashLakeName, openCrashLake } from './crash-lakes.ts'
import { fill, SCHEMA, startLoad } from './write-load.ts'

const PORTAGE = fileURLToPath(new URL('../../bin/portage.mjs', import.meta.url))
const READER = fileURLToPath(new URL('../services/reader/read_lake.py', import.meta.url))
const TABLES = ['account', 'ledger', 'mark'] as const
const instant = (column: string): string => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')`
const RENDERED = {
  account: `id::text, owner, balance::text, note, ${instant('changed_at')}`,
  ledger: `id::text, account::text, amount::text, ${instant('at')}`,
  mark: 'x::text, label',
} as const
const LAKE = { prefix: 'raw', integration: 'crash' } as const

export type CrashOptions = {
  readonly kills: number
  /** Of the largest table before the load begins. */
  readonly rows: number
  readonly seed: number
  /** Default: filesystem. */
  readonly lake?: CrashLakeName
}

function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

async function configure(dir: string, url: string, lake: CrashLake): Promise<void> {
  await mkdir(join(dir, 'config/integrations'), { recursive: true })
  await writeFile(
    join(dir, 'config/connections.yaml'),
    `core:\n  connector: postgres\n  url: '\${env:SOAK_URL}'\nlake:\n${lake.connection}\nwarehouse:\n  connector: duckdb\n  path: ${join(dir, 'warehouse.duckdb')}\n`,
  )
  await writeFile(
    join(dir, 'config/integrations/crash.yaml'),
    `name: crash\nkind: replicate\nsource: {connection: core, tables: ['public.*']}\nlake: {connection: lake, prefix: raw}\nflush: {interval: 200ms}\nregister:\n  - {connection: warehouse, schema: raw, every: 1s}\n`,
  )
  process.env.SOAK_URL = url
}

const portage = (dir: string, args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [PORTAGE, '--config', join(dir, 'config'), '--state', join(dir, 'state'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })

const isCopying = ({ tables }: LogState): boolean =>
  Object.keys(tables).length === 0 || Object.values(tables).some(({ base, pending }) => base === null || pending !== null)

/** Settles when every table is copied: from then on the run only follows. */
async function copied(store: ObjectStore, signal: AbortSignal): Promise<void> {
  while (isCopying(await loadState(store, LAKE, { signal }))) await delay(250, undefined, { signal })
}

/** Settles when the run says that it holds the log. */
function claimed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    let text = ''
    child.stderr?.on('data', (data: Buffer) => {
      text += data.toString()
      if (/ claim\b/.test(text)) resolve()
    })
  })
}

async function finished(
  child: ChildProcess,
): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout?.on('data', (data: Buffer) => out.push(data))
  child.stderr?.on('data', (data: Buffer) => err.push(data))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }
}

/** What the Python reader prints for a table: rows sorted by their canonical texts, NULL first, one JSON array a line. */
async function digest(database: Database, select: string, table: string): Promise<{ count: number; sha256: string }> {
  const { rows } = await database.client.query<(string | null)[]>({
    text: `select ${select} from public.${table}`,
    rowMode: 'array',
  })
  const order = (a: string | null, b: string | null): number => (a === b ? 0 : a === null ? -1 : b === null ? 1 : a < b ? -1 : 1)
  rows.sort((a, b) => a.reduce((found, text, i) => found || order(text, b[i] ?? null), 0))
  const hash = createHash('sha256')
  for (const row of rows) hash.update(`[${row.map((text) => JSON.stringify(text)).join(', ')}]\n`)
  return { count: rows.length, sha256: hash.digest('hex') }
}

async function query(dir: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const { code, out, err } = await finished(portage(dir, ['query', sql, '--format', 'json']))
  expect(err, 'portage query').toBe('')
  expect(code).toBe(0)
  const text = out.trim()
  return (
    text.startsWith('[')
      ? JSON.parse(text)
      : text
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line))
  ) as Record<string, unknown>[]
}

/** Runs the story; throws at the first thing that does not hold. */
export async function crashRun({ kills, rows, seed, lake: place = 'filesystem' }: CrashOptions): Promise<void> {
  const random = seeded(seed)
  const dir = await mkdtemp(join(tmpdir(), 'portage-crash-'))
  console.log(`seed ${seed}, ${rows} rows, lake on ${place}`)
  await using server = await startTestPostgres({ settings: { fsync: 'off' } })
  await using database = await server.createDatabase()
  await database.client.query(SCHEMA)
  await fill(database.client, rows)
  await using lake = await openCrashLake(place, dir, seeded(seed + 1))
  const { store } = lake
  await configure(dir, database.url, lake)
  const signal = AbortSignal.timeout(3_600_000)
  {
    await using load = startLoad(database.url, { writers: 2, rows: rows, random })
    let copying = 0
    for (let kill = 1; kill <= kills; kill++) {
      // Every other run has tables to copy, so that its end falls into a snapshot; the others end while they follow.
      const copies = kill % 2 === 1
      if (copies && (await loadState(store, LAKE, { signal })).number > 0) {
        const marked = await finished(portage(dir, ['resync', 'crash', 'public.account', 'public.mark']))
        expect(marked.code, marked.err).toBe(0)
      }
      const child = portage(dir, ['run', 'crash'])
      const end = finished(child)
      // Most runs die after their claim, some while they start: the pause begins there or at once.
      const early = random() < 0.2
      if (!early) await Promise.race([claimed(child), end])
      if (!early && !copies) await Promise.race([copied(store, signal), end])
      const pause = Math.floor(random() * (copies ? 1500 : 2500))
      await Promise.race([delay(pause), end])
      child.kill('SIGKILL')
      const { code, err } = await end
      expect(code, `run ${kill} ended by itself: ${err}`).toBeNull()
      const state = await loadState(store, LAKE, { signal })
      const underWay = isCopying(state)
      if (underWay) copying++
      console.log(
        `kill ${kill}, ${pause} ms after its ${early ? 'start' : 'claim'}, at commit ${state.number}${underWay ? ', snapshot under way' : ''}, ${load.transactions} transactions`,
      )
    }
    console.log(`${copying} of ${kills} kills fell into a snapshot`)
    await load.stop()
  }
  const last = await finished(portage(dir, ['--verbose', 'run', 'crash', '--until-current', '--json']))
  expect(last.code, last.err).toBe(0)

  const warehouse = await openDuckdbWarehouse(
    { path: join(dir, 'warehouse.duckdb') },
    { ...environment, stateDir: join(dir, 'state') },
  )
  for (const table of TABLES) {
    const compared = await compareTable(
      database.client,
      warehouse,
      { schema: 'public', name: table, relation: `raw.${table}` },
      signal,
    )
    expect(isEqual(compared), JSON.stringify(compared)).toBe(true)
  }
  await warehouse[Symbol.asyncDispose]()

  const held = await database.query<{ n: number }>('select count(*)::int as n from ledger')
  const inserted = await query(dir, `select count(*)::int as n, count(distinct id)::int as ids from raw.ledger`)
  expect(inserted[0]).toEqual({ n: held[0]?.n, ids: held[0]?.n })
  for (const table of TABLES) {
    const [each] = await query(
      dir,
      `select count(*)::int as n, count(distinct _position)::int as positions from raw.${table}_changes where _op <> 'r'`,
    )
    expect(each?.n, `${table}: a change is in two live files`).toBe(each?.positions)
  }

  const named = new Set<string>()
  let commits = 0
  for await (const { tables } of readCommits(store, LAKE, { from: 1, signal })) {
    commits++
    for (const { added } of Object.values(tables)) for (const { key } of added ?? []) named.add(key)
  }
  const unnamed: string[] = []
  for await (const { key } of store.list('raw/crash/')) if (!named.has(key)) unnamed.push(key)
  expect(unnamed).toEqual([])

  const { stdout } = await python(READER, [await lake.files(), LAKE.integration, '--prefix', LAKE.prefix, '--newest', '--digest'])
  const rebuilt = JSON.parse(stdout) as { tables: Record<string, { rows: { count: number; sha256: string } }> }
  for (const table of TABLES) {
    expect(rebuilt.tables[`public.${table}`]?.rows, `Python reader, ${table}`).toEqual(
      await digest(database, RENDERED[table], table),
    )
  }
  console.log(`${commits} commits, ${named.size} files; source = lake = Python reader\n${lake.report()}`)
  await rm(dir, { recursive: true, force: true })
}
