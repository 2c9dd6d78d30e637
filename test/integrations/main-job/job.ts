/** The main job over a real PostgreSQL through the command line, and the proof that the tables in DuckDB are the source's. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { openDuckdbWarehouse } from '../../../connectors/duckdb/warehouse.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { connect } from '../../../connectors/postgres/connect.ts'
import type { ColumnPlan } from '../../../connectors/postgres/decode/column-plan.ts'
import { outputText } from '../../../connectors/postgres/decode/plan-column.ts'
import { quoteTable } from '../../../connectors/postgres/identifiers.ts'
import { postgresOptions } from '../../../connectors/postgres/options.ts'
import { readPlannedTables } from '../../../connectors/postgres/planned-table.ts'
import type { LogState } from '../../../integrations/land/log/commit.ts'
import { loadState, readCommits } from '../../../integrations/land/log/read.ts'
import { relationColumns } from '../../../integrations/register/relation-columns.ts'
import { relationNames } from '../../../integrations/register/relation-names.ts'
import { type Ended, portage } from '../../support/command-line.ts'
import { type Database, sharedPostgres } from '../../support/postgres.ts'
import { TEST_ENVIRONMENT, testScope } from '../../support/postgres-source.ts'
import { type Scratch, scratch } from '../../support/scratch.ts'

const APPLY_EVERYTHING = '{drop_table: apply, recreate_table: apply, drop_column: apply, narrow_column: apply, change_key: apply}'

const PORTAGE = fileURLToPath(new URL('../../../bin/portage.mjs', import.meta.url))

export type JobOptions = {
  /** Default: a fresh database of the shared server. */
  readonly db?: Database
  readonly tables?: readonly string[]
  /** More lines of the integration's YAML. */
  readonly more?: string
  readonly source?: string
  /** More keys of `lake`. */
  readonly lake?: string
  /** More environment variables of the commands. */
  readonly env?: Readonly<Record<string, string>>
  /** `schema_changes` of the integration. Default: everything is applied. */
  readonly schemaChanges?: string
}

export interface Job extends AsyncDisposable {
  readonly db: Database
  readonly root: Scratch
  readonly lake: { readonly prefix: 'raw'; readonly integration: 'job' }
  readonly slot: string
  readonly publication: string
  /** The command line in this process. */
  run(...argv: readonly string[]): Promise<Ended>
  /** `run --until-current`, which must succeed. */
  catchUp(): Promise<Ended>
  /** The command line as a process of its own. */
  spawn(...argv: readonly string[]): Child
  state(): Promise<LogState>
  /** Every way in which the lake and its relations differ from the source, in words; empty when they are equal. */
  differences(): Promise<readonly string[]>
}

export interface Child extends AsyncDisposable {
  readonly process: ChildProcess
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>
  /** Settles when standard error shows the text, or when the process ends. */
  shows(text: string | RegExp): Promise<void>
  stderr(): string
}

export async function openJob(options: JobOptions = {}): Promise<Job> {
  const db = options.db ?? (await (await sharedPostgres()).createDatabase())
  const root = scratch()
  const [slot, publication] = [`s_${db.name}`, `p_${db.name}`]
  root.write(
    'config/connections.yaml',
    `core: {connector: postgres, url: '\${env:CORE_URL}'}\nlake: {connector: filesystem, path: ${root.path('lake')}}\nduck: {connector: duckdb, path: ${root.path('views.duckdb')}}\n`,
  )
  root.write(
    'config/integrations/job.yaml',
    `name: job
source: {connection: core, tables: ${JSON.stringify(options.tables ?? ['public.*'])}, slot: ${slot}, publication: ${publication}${options.source ?? ''}}
lake: {connection: lake${options.lake ?? ''}}
flush: {interval: 100ms}
register: [{connection: duck, schema: job, every: 200ms}]
schema_changes: ${options.schemaChanges ?? APPLY_EVERYTHING}
${options.more ?? ''}`,
  )
  const args = ['--config', root.path('config'), '--state', root.path('state')]
  const env = { CORE_URL: db.url, ...options.env }
  const lake = { prefix: 'raw', integration: 'job' } as const
  const job: Job = {
    db,
    root,
    lake,
    slot,
    publication,
    run: (...argv) => portage([...argv, ...args], { env }),
    async catchUp() {
      const ended = await job.run('run', '--until-current', '--verbose')
      if (ended.code !== 0) throw new Error(`run --until-current ended with ${ended.code}: ${ended.stderr}`)
      return ended
    },
    spawn: (...argv) => openChild([PORTAGE, ...argv, ...args], env),
    async state() {
      await using store = await openFilesystemStore(root.path('lake'), TEST_ENVIRONMENT)
      return await loadState(store, lake, { signal: AbortSignal.timeout(30_000) })
    },
    differences: () => differences(job),
    async [Symbol.asyncDispose]() {
      if (options.db === undefined) await db[Symbol.asyncDispose]()
      root[Symbol.dispose]()
    },
  }
  return job
}

export function openChild(argv: readonly string[], env: Readonly<Record<string, string>>): Child {
  const child = spawn(process.execPath, [...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const [out, err]: [string[], string[]] = [[], []]
  child.stdout.on('data', (data: Buffer) => out.push(data.toString()))
  const ended = once(child, 'close').then(([code]) => ({
    code: code as number | null,
    stdout: out.join(''),
    stderr: err.join(''),
  }))
  const listeners = new Set<() => void>()
  child.stderr.on('data', (data: Buffer) => {
    err.push(data.toString())
    for (const listener of listeners) listener()
  })
  const stderr = () => err.join('')
  return {
    process: child,
    ended,
    stderr,
    async shows(text) {
      const seen = Promise.withResolvers<void>()
      const look = () => {
        if (typeof text === 'string' ? stderr().includes(text) : text.test(stderr())) seen.resolve()
      }
      listeners.add(look)
      look()
      await Promise.race([seen.promise, ended])
      listeners.delete(look)
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function differences(job: Job): Promise<readonly string[]> {
  const { db, root, lake } = job
  const signal = AbortSignal.timeout(60_000)
  const found: string[] = []
  const state = await job.state()
  const names = relationNames(Object.values(state.tables).map(({ schema }) => ({ table: schema.table, id: schema.id })))
  await using store = await openFilesystemStore(root.path('lake'), TEST_ENVIRONMENT)
  const named = new Set<string>()
  for await (const { tables } of readCommits(store, lake, { from: 1, signal })) {
    for (const { added } of Object.values(tables))
      for (const { key } of added ?? []) {
        if (named.has(key)) found.push(`file named twice: ${key}`)
        named.add(key)
      }
  }
  for await (const { key } of store.list('raw/job/')) {
    // What the newest run itself gave up is swept by the next one.
    if (!named.has(key) && !key.includes(`-${state.claim}`)) found.push(`unnamed file ${key}`)
  }
  await using warehouse = await openDuckdbWarehouse(
    { path: root.path('views.duckdb') },
    { ...TEST_ENVIRONMENT, stateDir: root.path('state') },
  )
  const query = async (sql: string): Promise<(string | null)[][]> => {
    const { batches } = await warehouse.query(sql, signal)
    const rows: (string | null)[][] = []
    for await (const batch of batches) {
      const vectors = batch.schema.fields.map((_, i) => batch.getChildAt(i))
      for (let row = 0; row < batch.numRows; row++) rows.push(vectors.map((vector) => vector?.get(row) as string | null))
    }
    return rows
  }
  await using session = await connect(postgresOptions.parse({ url: db.url }), { integration: 'test', kind: 'sql', signal })
  const tables = await readPlannedTables(session, testScope('test', { tables: ['public.*'] }))
  for (const { source: described, catalogue, plans } of tables) {
    const { table } = described
    const relation = names.get(table)
    if (relation === undefined) {
      found.push(`${table} is not in the log`)
      continue
    }
    const schema = state.tables[table]?.schema
    const shown = new Map((schema === undefined ? [] : relationColumns(schema)).map(({ column, name }) => [column.id, name]))
    const columns = plans.map((plan) => {
      const name = quoted(plan.column.name)
      return {
        name,
        source: sourceText(plan, name),
        lake: lakeText(plan.column.type, quoted(shown.get(plan.column.id) ?? plan.column.name)),
        float: plan.column.type.kind.startsWith('float'),
      }
    })
    const rows = async (rowsOf: Promise<(string | null)[][]>) =>
      (await rowsOf)
        .map((row) => JSON.stringify(row.map((text, i) => (columns[i]?.float && text !== null ? floatText(text) : text))))
        .toSorted()
    if (columns.length === 0) continue
    const only = catalogue.kind === 'partitioned' ? '' : 'only '
    const source = await rows(
      session.client
        .query<(string | null)[]>({
          text: `select ${columns.map((column) => column.source).join(', ')} from ${only}${quoteTable(catalogue.schema, catalogue.name)}`,
          rowMode: 'array',
        })
        .then((result) => result.rows),
    )
    let held: string[]
    let history: (string | null)[][]
    try {
      held = await rows(
        query(`select ${columns.map((column, i) => `${column.lake} as c${i}`).join(', ')} from job.${quoted(relation)}`),
      )
      history = await query(
        `select count(*)::varchar, count(distinct _position)::varchar from job.${quoted(`${relation}_changes`)} where _op <> 'r'`,
      )
    } catch (error) {
      found.push(`${table}: ${error instanceof Error ? error.message : error} ${error instanceof Error ? error.cause : ''}`)
      continue
    }
    const [onlySource, onlyLake] = [bagMinus(source, held), bagMinus(held, source)]
    if (onlySource.length > 0 || onlyLake.length > 0)
      found.push(
        `${table} (${columns.map((column) => column.name).join(', ')}): ${source.length} rows in the source, ${held.length} in the lake; only source: ${onlySource.slice(0, 3).map(short).join(' ')}; only lake: ${onlyLake.slice(0, 3).map(short).join(' ')}`,
      )
    if (history[0]?.[0] !== history[0]?.[1]) found.push(`${table}: ${history[0]?.[0]} changes at ${history[0]?.[1]} positions`)
  }
  return found
}

const short = (text: string): string => (text.length > 300 ? `${text.slice(0, 300)}…` : text)
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

function floatText(text: string): string {
  const number = Number(text.replace(/^(-?)inf(?:inity)?$/i, '$1Infinity'))
  return Object.is(number, -0) ? '-0' : String(number)
}

function bagMinus(left: readonly string[], right: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const row of right) counts.set(row, (counts.get(row) ?? 0) + 1)
  return left.filter((row) => {
    const count = counts.get(row) ?? 0
    if (count > 0) counts.set(row, count - 1)
    return count === 0
  })
}

function sourceText({ type, column }: ColumnPlan, name: string): string {
  if (type.form === 'array' || type.form === 'composite') return `to_json(${name})::text`
  switch (column.type.kind) {
    case 'timestamp':
      return `(extract(epoch from ${name}) * 1000000)::bigint::text`
    case 'date':
      return `to_char(${name}, 'YYYY-MM-DD')`
    case 'binary':
      return `encode(${name}, 'hex')`
    case 'bool':
      return `${name}::int::text`
    case 'utf8':
      return column.type.format === 'time' ? `to_char(${name}, 'HH24:MI:SS.US')` : outputText(type, name)
    default:
      return `${name}::text`
  }
}

function lakeText(type: LogicalType, name: string): string {
  switch (type.kind) {
    case 'timestamp':
      return `epoch_us(${name})::varchar`
    case 'binary':
      return `lower(hex(${name}))`
    case 'bool':
      return `${name}::int::varchar`
    case 'date':
      return `strftime(${name}, '%Y-%m-%d')`
    default:
      return `${name}::varchar`
  }
}
