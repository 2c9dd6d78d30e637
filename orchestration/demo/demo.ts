/**
 * The demo: a real PostgreSQL with a loan book, its snapshot taken while the book is being written to, its changes
 * followed, tables registered in DuckDB, and every row of both sides compared. Through the same entry points as `run`.
 */
import { readdir, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, relative, resolve } from 'node:path'
import pg from 'pg'
import type { Environment, Warehouse } from '../../connectors/ports.ts'
import { type PostgresServer, startPostgres } from '../dev/embedded-postgres.ts'
import { DEV_BUCKET, startDevS3 } from '../dev/s3.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { counted, durationText } from '../format/quantities.ts'
import type { Io } from '../io.ts'
import { type OpenIntegration, openIntegration } from '../open-integration.ts'
import { createProgress } from '../progress.ts'
import { runIntegration } from '../run.ts'
import type { ProgressEvent, RunMode, RunOptions, RunSummary, TableSummary } from '../run-types.ts'
import { integrationNamed } from '../session.ts'
import { VERSION } from '../version.ts'
import { type Comparison, compareTable, isEqual } from './compare.ts'
import { DEMO_INTEGRATION, type DemoLake, type DemoPlaces, demoPlaces, emptyDemo, writeDemoConfig } from './demo-config.ts'
import { lockDemo } from './demo-lock.ts'
import { openDemoConfig } from './demo-opener.ts'
import { bucketLines, nextCommands, reportLines } from './demo-report.ts'
import { loadBook } from './load-book.ts'
import { type BookTable, bookSize, loanBook } from './loan-book.ts'
import { runWorkload, type WorkloadTotals } from './run-workload.ts'
import { workload } from './workload.ts'

export type DemoOptions = {
  readonly io: Io
  readonly signal: AbortSignal
  /** Everything of the demo; emptied first. Default: `.portage/demo`. */
  readonly dir?: string
  /** Of the loan book. Default: 1, about 400,000 rows. */
  readonly scale?: number
  /** Rounds of everyday work while it is followed. Default: 200, about 870 transactions. */
  readonly rounds?: number
  /** How long the work is stretched. Default: 15 s. */
  readonly workMs?: number
  /** A bucket of an S3 endpoint of this process. Default: a directory. */
  readonly lake?: DemoLake
}

const TABLES: readonly BookTable['name'][] = loanBook(0).map(({ name }) => name)

/** Runs the whole story; `EXIT.difference` when source and lake differ at its end. Throws what its parts throw. */
export async function runDemo(options: DemoOptions): Promise<ExitCode> {
  const { io, signal, scale = 1, lake = 'directory' } = options
  const started = Date.now()
  const places = demoPlaces(resolve(options.dir ?? join('.portage', 'demo')), lake)
  const say = (text: string) => io.stdout.write(`${text}\n`)

  await using _lock = await lockDemo(places.dir)
  await using server = await startPostgres({ signal })
  await emptyDemo(places)
  await using endpoint = lake === 'bucket' ? await startDevS3(places.state, undefined) : null
  await writeDemoConfig(places, lake, server.url)
  await using client = await connect(server)
  const { rows: version } = await client.query<{ server_version: string }>('show server_version')
  await say(
    `PostgreSQL ${version[0]?.server_version ?? ''} runs on 127.0.0.1:${server.port} (${durationText(Date.now() - started)})`,
  )
  if (endpoint !== null) await say(`S3 endpoint runs on ${endpoint.url}, bucket "${DEV_BUCKET}"`)

  const loading = Date.now()
  const loaded = await loadBook(client, scale)
  const rows = [...loaded].map(([name, count]) => counted(count, `${name} row`)).join(', ')
  await say(`Loan book loaded: ${rows} (${durationText(Date.now() - loading)})`)

  const setting = openSetting(places, options)
  const first = await followWhileWorking(setting, client, options)
  await say(`Stopped in good order after ${counted(first.work.transactions, 'transaction')}; going on where the commit log ends`)
  const second = await run(setting, io, 'until-current', signal)

  await say('Comparing every row of source and lake')
  await using open = await setting.open(signal)
  const comparisons = await compareAll(client, warehouseOf(open), signal)
  const totals = {
    comparisons,
    tables: addTables([...first.summary.tables, ...second.tables]),
    transactions: first.summary.transactions + second.transactions,
    commits: second.commit ?? 0,
    elapsedMs: Date.now() - started,
  }
  for (const line of ['', ...reportLines(totals), '']) await say(line)
  const file = await largestFile(places.lake)
  await say(`Configuration, ${lake === 'bucket' ? 'bucket' : 'lake'} and views are in ${relative('', places.dir)}. To try next:`)
  for (const command of nextCommands(places, { file, loan: bookSize(scale).loans + 1 })) await say(`  ${command}`)
  if (lake === 'bucket') for (const line of bucketLines(places, totals.commits)) await say(line)
  return comparisons.every(isEqual) ? EXIT.ok : EXIT.difference
}

type Setting = {
  readonly environment: Environment
  readonly open: (signal: AbortSignal) => Promise<OpenIntegration>
  readonly options: (open: OpenIntegration, mode: RunMode) => RunOptions
}

/** What `portage run` would read from the configuration just written. */
function openSetting(places: DemoPlaces, { io }: DemoOptions): Setting {
  const { configuration, environment, opener } = openDemoConfig(places, io)
  const config = integrationNamed(configuration, DEMO_INTEGRATION)
  const claims = { writer: null }
  const by = `portage ${VERSION}, ${hostname()}, pid ${process.pid}`
  return {
    environment,
    open: (signal) => openIntegration(config, opener, signal),
    options: ({ source, rules, store, warehouses }, mode) => ({
      config,
      source,
      rules,
      store,
      warehouses,
      mode,
      takeOver: true,
      dryRun: false,
      environment,
      by,
      claims,
    }),
  }
}

async function run(
  setting: Setting,
  io: Io,
  mode: RunMode,
  signal: AbortSignal,
  listen: (event: ProgressEvent) => void = () => undefined,
): Promise<RunSummary> {
  await using open = await setting.open(signal)
  const progress = createProgress({ output: io.stderr, now: setting.environment.now })
  try {
    return await runIntegration(setting.options(open, mode), signal, (event) => {
      listen(event)
      progress.emit(event)
    })
  } finally {
    progress.close()
  }
}

/** The book is written to from the first rows of the snapshot on; the run is stopped after the last transaction. */
async function followWhileWorking(
  setting: Setting,
  client: pg.Client,
  options: DemoOptions,
): Promise<{ readonly summary: RunSummary; readonly work: WorkloadTotals }> {
  const { scale = 1, rounds = 200, workMs = 15_000 } = options
  const enough = new AbortController()
  const signal = AbortSignal.any([options.signal, enough.signal])
  const copying = Promise.withResolvers<void>()
  const running = run(setting, options.io, 'forever', signal, ({ kind }) => {
    if (kind === 'snapshot') copying.resolve()
  })
  // A run that ends by itself has failed; the work must not wait for it for ever.
  running.catch(() => enough.abort()).finally(() => copying.resolve())
  await copying.promise
  const steps = [...workload({ scale, rounds })]
  const started = Date.now()
  let step = 0
  const work = await runWorkload(client, steps, {
    signal,
    before: async () => {
      const due = started + (step * workMs) / steps.length - Date.now()
      step += 1
      if (due > 0) await setting.environment.sleep(due, signal).catch(() => undefined)
    },
  })
  enough.abort()
  return { summary: await running, work }
}

async function compareAll(client: pg.Client, warehouse: Warehouse, signal: AbortSignal): Promise<readonly Comparison[]> {
  const comparisons: Comparison[] = []
  for (const name of TABLES) {
    const relation = `"${DEMO_INTEGRATION}"."${name}"`
    comparisons.push(await compareTable(client, warehouse, { schema: 'public', name, relation }, signal))
  }
  return comparisons
}

function warehouseOf({ warehouses }: OpenIntegration): Warehouse {
  const [first] = warehouses
  if (first === undefined) throw new Error('The demo has no warehouse')
  return first.warehouse
}

/** Runs report what each of them wrote. */
function addTables(tables: readonly TableSummary[]): readonly TableSummary[] {
  const sums = new Map<string, TableSummary>()
  for (const each of tables) {
    const sum = sums.get(each.table)
    sums.set(each.table, {
      table: each.table,
      snapshotRows: (sum?.snapshotRows ?? 0) + each.snapshotRows,
      changes: (sum?.changes ?? 0) + each.changes,
      files: (sum?.files ?? 0) + each.files,
      bytes: (sum?.bytes ?? 0) + each.bytes,
      rejects: (sum?.rejects ?? 0) + each.rejects,
    })
  }
  return [...sums.values()]
}

async function largestFile(lake: string): Promise<string> {
  const entries = await readdir(lake, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.name.endsWith('.parquet')).map((entry) => join(entry.parentPath, entry.name))
  const sized = await Promise.all(paths.map(async (path) => ({ path, size: (await stat(path)).size })))
  return sized.reduce((largest, each) => (each.size > largest.size ? each : largest), { path: lake, size: -1 }).path
}

async function connect(server: PostgresServer): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}
