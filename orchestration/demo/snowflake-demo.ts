/**
 * The demo with Snowflake: the loan book in a bucket of our S3 endpoint, shown by the local Snowflake endpoint, asked as an analyst asks,
 * held against PostgreSQL while everything changes, and then mistreated. What is done to it are commands that a user would type.
 */
import { join, resolve } from 'node:path'
import type pg from 'pg'
import type { ObjectStore, Warehouse } from '../../connectors/ports.ts'
import { startPostgres } from '../dev/embedded-postgres.ts'
import { DEV_BUCKET, startDevS3 } from '../dev/s3.ts'
import { type DevSnowflake, startDevSnowflake } from '../dev/snowflake.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { counted, durationText } from '../format/quantities.ts'
import { renderTable } from '../format/table.ts'
import type { Io } from '../io.ts'
import { analystQuestions, historyQuestion } from './analyst.ts'
import { connectDemo, type DemoCommands, openDemoCommands, openDemoPorts } from './demo-commands.ts'
import { DEMO_INTEGRATION, demoPlaces, emptyDemo, writeSnowflakeConfig } from './demo-config.ts'
import { lockDemo } from './demo-lock.ts'
import { loadBook } from './load-book.ts'
import { bookSize } from './loan-book.ts'
import { runWorkload } from './run-workload.ts'
import { faultsOfStory } from './snowflake-faults.ts'
import { textRows } from './text-rows.ts'
import { workload } from './workload.ts'

export type SnowflakeDemoOptions = {
  readonly io: Io
  readonly signal: AbortSignal
  /** Everything of the demo; emptied first. Default: `.portage/demo`. */
  readonly dir?: string
  /** Of the loan book. Default: 0.02, about 8,000 rows. */
  readonly scale?: number
  /** Rounds of everyday work. Default: 40, about 170 transactions. */
  readonly rounds?: number
}

const MOST_ROWS = 6

/** Runs the whole story; `EXIT.difference` when anything in it is not as it should be. Throws what its parts throw. */
export async function runSnowflakeDemo(options: SnowflakeDemoOptions): Promise<ExitCode> {
  const { io, signal, scale = 0.02, rounds = 40 } = options
  const started = Date.now()
  const places = demoPlaces(resolve(options.dir ?? join('.portage', 'demo')), 'bucket')
  await using _lock = await lockDemo(places.dir)
  await using server = await startPostgres({ signal })
  await emptyDemo(places)
  await using s3 = await startDevS3(places.state, undefined)
  await using snowflake = await startDevSnowflake(places.state, undefined)
  await writeSnowflakeConfig(places, server.url, snowflake.connection)
  await using client = await connectDemo(server.url)
  const story = openDemoCommands(io, places)
  await story.say(
    `PostgreSQL runs on 127.0.0.1:${server.port}, an S3 endpoint on ${s3.url} (bucket "${DEV_BUCKET}"), a Snowflake endpoint on ${snowflake.url}`,
  )
  const loaded = await loadBook(client, scale)
  await story.say(`Loan book loaded: ${[...loaded].map(([name, count]) => counted(count, `${name} row`)).join(', ')}`)

  await story.expect((await story.portage('check')).code === EXIT.ok, 'nothing is missing')
  await story.portage('run', DEMO_INTEGRATION, '--until-current')
  const work = await runWorkload(client, workload({ scale, rounds }), { signal })
  await story.say(
    `\n${counted(work.transactions, 'transaction')} of work: inserts, updates, deletes, a truncate, new keys, a new column`,
  )
  await story.portage('run', DEMO_INTEGRATION, '--until-current')
  await equalNow(story, 'after inserts, updates, deletes and DDL')
  await story.portage('compact', DEMO_INTEGRATION, '--renew', 'always')
  await story.portage('register', DEMO_INTEGRATION)
  await equalNow(story, 'after a compaction')

  await using ports = await openDemoPorts(places, io)
  const teller = { story, client, signal, ...ports }
  await analystSession(teller, bookSize(scale).loans + 1)
  await unloadBack(teller)
  await damagedFile(teller)
  await survivedFaults(teller, snowflake)
  await missingGrant(teller, snowflake)
  await equalNow(story, 'in the end')

  const failures = story.failures()
  await story.say(
    `\n${durationText(Date.now() - started)} · ${failures.length === 0 ? 'everything as it should be' : `WRONG: ${failures.join('; ')}`}`,
  )
  await story.say('Again, to try things oneself: npx --no portage dev up --snowflake')
  return failures.length === 0 ? EXIT.ok : EXIT.difference
}

type Teller = {
  readonly story: DemoCommands
  readonly client: pg.Client
  readonly warehouse: Warehouse
  readonly store: ObjectStore
  readonly signal: AbortSignal
}

async function equalNow({ portage, expect }: DemoCommands, when: string): Promise<void> {
  const { code } = await portage('reconcile', DEMO_INTEGRATION)
  await expect(code === EXIT.ok, `PostgreSQL, lake and Snowflake are equal ${when}`)
}

/** Through the driver, each answer beside PostgreSQL's own. */
async function analystSession({ story, client, warehouse, signal }: Teller, loan: number): Promise<void> {
  await story.say('\nAn analyst asks, through the driver:')
  for (const { title, snowflake, postgres } of analystQuestions(DEMO_INTEGRATION, loan)) {
    const { names, rows } = await textRows(warehouse, snowflake, signal)
    const expected = await client.query<(string | null)[]>({ text: postgres, rowMode: 'array' })
    await shown(story, snowflake, names, rows)
    await story.expect(
      rows.length > 0 && JSON.stringify(rows) === JSON.stringify(expected.rows),
      `${title}: as PostgreSQL answers`,
    )
  }
  const sql = historyQuestion(DEMO_INTEGRATION, loan)
  const { names, rows } = await textRows(warehouse, sql, signal)
  await shown(story, sql, names, rows)
  const operations = rows.map(([operation]) => operation)
  await story.expect(
    operations[0] === 'c' && operations.includes('u'),
    `the history of loan ${loan}, by position: made, then changed`,
  )
}

async function shown(
  { say }: DemoCommands,
  sql: string,
  names: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): Promise<void> {
  await say(`\n${sql};`)
  for (const line of renderTable(names, rows.slice(0, MOST_ROWS)).split('\n')) await say(`  ${line}`)
}

/** The other way: rows leave Snowflake through the bucket, and the lake has them as a table of its own. */
async function unloadBack({ story, client, warehouse, signal }: Teller): Promise<void> {
  const columns = 'id,client_id,amount,rate,status,issued_at,due_date'
  const where = "status = 'overdue'"
  const { code } = await story.portage(
    'transfer',
    `snowflake:${DEMO_INTEGRATION}.loan`,
    'lake:copies.overdue',
    '--columns',
    columns,
    '--where',
    where,
    '--register',
    'snowflake',
  )
  const asked = await textRows(warehouse, 'SELECT COUNT(*), SUM(amount), MAX(TO_VARCHAR(issued_at)) FROM copies.overdue', signal)
  const { rows } = await client.query<(string | null)[]>({
    text: `select count(*)::text, sum(amount)::text, to_char(max(issued_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') from loan where ${where}`,
    rowMode: 'array',
  })
  const same = (text: string | null | undefined): string => (text ?? '').slice(0, 26)
  const equal = (rows[0] ?? []).every((value, index) => same(value) === same(asked.rows[0]?.[index]))
  await story.expect(code === EXIT.ok && equal, 'the rows that came out of Snowflake are those of PostgreSQL, to the microsecond')
}

/** Snowflake leaves out what it cannot read, without a word. */
async function damagedFile({ story, client, warehouse, store, signal }: Teller): Promise<void> {
  const prefix = `raw/${DEMO_INTEGRATION}/public.loan/base/`
  const keys: string[] = []
  for await (const { key } of store.list(prefix, { signal })) keys.push(key)
  const key = keys.at(-1) ?? ''
  const bytes = (await store.get(key, { signal })) ?? new Uint8Array()
  const damaged = Buffer.from(bytes)
  damaged.fill(0xff, 4, Math.min(4096, damaged.length - 16))
  const swap = async (content: Uint8Array): Promise<void> => {
    await store.delete([key], signal)
    await store.putIfAbsent(key, content, signal)
  }
  await swap(damaged)
  const { rows } = await textRows(warehouse, `SELECT COUNT(*) FROM ${DEMO_INTEGRATION}.loan`, signal)
  const truth = await client.query<{ count: string }>('select count(*) from loan')
  await story.say(
    `\nA file of the bucket is damaged. The analyst's query succeeds, and says ${rows[0]?.[0]} loans; PostgreSQL has ${truth.rows[0]?.count}`,
  )
  const { code, text } = await story.portage('register', DEMO_INTEGRATION, '--repair')
  await story.expect(
    code === EXIT.failed && text.includes(key.split('/').at(-1) ?? ''),
    'the proof catches it and names the file',
  )
  await swap(bytes)
  await story.expect(
    (await story.quietly('register', DEMO_INTEGRATION, '--repair')).code === EXIT.ok,
    'with the file as it was the proof passes',
  )
}

/** Each fault strikes in the middle of a registration that makes everything anew. */
async function survivedFaults({ story }: Teller, { endpoint }: DevSnowflake): Promise<void> {
  await story.say('\nFaults, each in the middle of "portage register --repair":')
  const outcomes: (readonly [string, string, string])[] = []
  let survived = 0
  const faults = faultsOfStory()
  for (const { name, fault } of faults) {
    const armed = endpoint.arm(fault)
    const { code, text } = await story.quietly('register', DEMO_INTEGRATION, '--repair')
    armed.disarm()
    // What may not be sent twice ends the command; the next one carries on.
    const again = code === EXIT.ok ? code : (await story.quietly('register', DEMO_INTEGRATION, '--repair')).code
    const ok = again === EXIT.ok && armed.hits > 0
    if (ok) survived += 1
    outcomes.push([
      name,
      counted(armed.hits, 'time'),
      ok ? (code === EXIT.ok ? 'survived' : 'said so; the next registration carried on') : lastLine(text),
    ])
  }
  for (const line of renderTable(['fault', 'struck', ''], outcomes).split('\n')) await story.say(`  ${line}`)
  await story.expect(survived === faults.length, `${survived} of ${counted(faults.length, 'fault')} survived`)
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''

async function missingGrant({ story }: Teller, snowflake: DevSnowflake): Promise<void> {
  const { revoke, grant, names } = snowflake.privilege
  await snowflake.asAdministrator(revoke)
  await story.say(`\nAn administrator takes a privilege away: ${revoke}`)
  const { code, text } = await story.portage('check')
  await story.expect(
    code === EXIT.failed && names.every((name) => text.includes(name)),
    '"check" names what is missing, with the SQL for an administrator',
  )
  await snowflake.asAdministrator(grant)
}
