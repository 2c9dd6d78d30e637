/** The demo's loan book on a real PostgreSQL: features from the stream, from the lake of `portage run`, and by SQL on both sides. */
import { expect, test } from 'vitest'
import type { Position, TableName } from '../../connectors/change.ts'
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import type { Source } from '../../connectors/ports.ts'
import { type Engine, openEngine } from '../../features/engine.ts'
import { catchUp, changeSetFeed } from '../../features/feed.ts'
import { asofColumns } from '../../features/sql/asof.ts'
import { postgres } from '../../features/sql/dialect.ts'
import { sqlScript } from '../../features/sql/script.ts'
import { compact } from '../../features/values.ts'
import { clientLoans } from '../../features/views/client-loans.ts'
import { loadState } from '../../integrations/land/log/read.ts'
import { openChangeReader } from '../../integrations/read/change-reader.ts'
import { copyRows } from '../../orchestration/demo/copy-in.ts'
import { copyStatement } from '../../orchestration/demo/load-book.ts'
import { BOOK_DDL, BOOK_TIME, loanBook } from '../../orchestration/demo/loan-book.ts'
import { runWorkload } from '../../orchestration/demo/run-workload.ts'
import { workload } from '../../orchestration/demo/workload.ts'
import { featureValues } from '../../orchestration/features-sql.ts'
import { portage } from '../support/command-line.ts'
import { quietEnvironment } from '../support/lake.ts'
import { type Database, sharedPostgres } from '../support/postgres.ts'
import { openTestSource } from '../support/postgres-source.ts'
import { scratch } from '../support/scratch.ts'

const SCALE = 0.004
const signal = new AbortController().signal

async function fillBook(database: Database): Promise<void> {
  for (const table of loanBook(SCALE)) {
    const rows = Array.from({ length: table.rows }, (_, index) => table.row(index + 1))
    await copyRows(database.client, copyStatement(table.name, table.columns), rows[Symbol.iterator]())
  }
}

/** Everything that the source streams from `start` up to its head at the call. */
async function liveEngine(
  source: Source,
  start: Position,
  known: Awaited<ReturnType<Source['prepare']>>['tables'],
): Promise<Engine> {
  const engine = openEngine(clientLoans)
  const feed = changeSetFeed(engine)
  const head = await source.head(signal)
  const flush = { intervalMs: 20, rows: 10_000, bytes: 1 << 20 }
  for await (const set of source.follow({ from: start, known, flush, heartbeatMs: 20 }, AbortSignal.timeout(60_000))) {
    feed(set)
    for (const { release } of set.batches) release()
    if (set.cut !== null && set.cut >= head) return engine
  }
  return engine
}

/** The generated function over the tables as they are. */
async function postgresAnswers(database: Database, asOf: number): Promise<ReadonlyMap<string, unknown>> {
  for (const table of ['loan', 'payment']) {
    await database.query(`create view ${table}_changes as
      select 'r'::text as _op, '1'::text as _position, null::timestamptz as _source_committed_at, null::text as _unchanged, * from ${table}`)
  }
  await database.query(sqlScript(postgres, clientLoans))
  const whole = new Set(asofColumns(postgres, clientLoans).flatMap(({ name, type }) => (type === postgres.double ? [] : [name])))
  const rows = await database.query("select * from client_loans__asof($1, '1')", [asOf])
  return new Map(
    rows.map((row) => {
      const exact = Object.entries(row).map(([name, value]) => [
        name,
        whole.has(name) && value !== null ? compact(BigInt(value as string)) : value,
      ])
      return [String(row.entity), featureValues(clientLoans, Object.fromEntries(exact))] as const
    }),
  )
}

test('features from the live stream, from the lake and by SQL are the same for every client of the loan book', async () => {
  await using database = await (await sharedPostgres()).createDatabase()
  await database.query(BOOK_DDL)
  await using live = openTestSource(database.url, {
    scope: { slot: `${database.name}_live`, publication: `${database.name}_live` },
  })
  const { start, tables } = await live.prepare({ from: null, identity: null, epoch: 1, takeOver: false }, signal, () => undefined)
  await fillBook(database)

  using at = scratch()
  at.write(
    'config/connections.yaml',
    `core: {connector: postgres, url: '${database.url}'}\nlake: {connector: filesystem, path: ${at.dir}/lake}\n`,
  )
  at.write(
    'config/integrations/book.yaml',
    `name: book\nsource: {connection: core, tables: [public.loan, public.payment]}\nlake: {connection: lake}\n`,
  )
  const args = ['--config', `${at.dir}/config`, '--state', `${at.dir}/state`]
  const replicate = async () => expect(await portage(['run', '--until-current', ...args])).toMatchObject({ code: 0 })
  await replicate()
  await runWorkload(database.client, workload({ scale: SCALE, rounds: 20 }), { signal })
  await replicate()

  const streamed = await liveEngine(live, start, tables)
  await using store = await openFilesystemStore(at.path('lake'), quietEnvironment())
  const reader = openChangeReader({ store, state: () => loadState(store, { prefix: 'raw', integration: 'book' }, { signal }) })
  const landed = openEngine(clientLoans)
  await catchUp(landed, reader, new Map(['loan', 'payment'].map((name) => [name, `public.${name}` as TableName])), null, signal)

  const clients = [...streamed.entities()].toSorted()
  expect(clients.length).toBeGreaterThan(100)
  expect([...landed.entities()].toSorted()).toEqual(clients)
  const asOf = BOOK_TIME + 86_400_000
  const answers = await postgresAnswers(database, asOf)
  expect([...answers.keys()].toSorted()).toEqual(clients)
  for (const client of clients) {
    const values = streamed.read(client, asOf)
    expect(landed.read(client, asOf)).toEqual(values)
    expect(answers.get(client)).toEqual(values)
  }
  const verified = await portage([
    'features',
    'verify',
    'client_loans',
    '--at',
    new Date(asOf).toISOString(),
    '--sample',
    '100000',
    '--json',
    ...args,
  ])
  expect(JSON.parse(verified.stdout)).toMatchObject({
    compared: clients.length,
    differing: [],
    entities: { engine: clients.length, sql: clients.length },
  })
  expect(verified.code).toBe(0)
}, 180_000)
