/**
 * `portage register`, a process of its own, killed with SIGKILL at each thing that it does in Hive or Spark and in the bucket, with a
 * reader beside it. Asked before are one DuckDB: what it shows over the same lake are the two states that there are.
 */
import { expect } from 'vitest'
import { openDuckdbWarehouse } from '../../../connectors/duckdb/warehouse.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import { openHiveClient } from '../../../connectors/hive/client/client.ts'
import { hiveOptions } from '../../../connectors/hive/options.ts'
import { hiveWarehouse } from '../../../connectors/hive/warehouse.ts'
import type { Registered, Warehouse } from '../../../connectors/ports.ts'
import { s3Options } from '../../../connectors/s3/options.ts'
import { openS3Store } from '../../../connectors/s3/store.ts'
import { loadState } from '../../../integrations/land/log/read.ts'
import { directoryObject } from '../../../integrations/register/directory/keys.ts'
import { directoriesOf, parseState } from '../../../integrations/register/directory/state.ts'
import { registerCommit } from '../../../integrations/register/register.ts'
import { openChild } from '../../integrations/main-job/job.ts'
import { portage } from '../command-line.ts'
import { sharedPostgres } from '../postgres.ts'
import { queryRows } from '../query-rows.ts'
import { type Moment, openMoments } from '../relay/moments.ts'
import { startObjectRelay } from '../relay/object-relay.ts'
import { startStatementRelay } from '../relay/statement-relay.ts'
import { startS3Endpoint } from '../s3/endpoint.ts'
import { scratch } from '../scratch.ts'
import type { ServerS3 } from '../services/java-server.ts'
import { hiveEnvironment } from './environment.ts'

export type KilledOptions = {
  readonly dialect: 'hive' | 'spark'
  /** `bucket`: of our S3 endpoint, and objects are moments, too. `directory`: on this machine. */
  readonly lake: 'bucket' | 'directory'
  readonly format: 'orc' | 'parquet'
  readonly start: (options: { readonly s3: ServerS3 }) => Promise<AsyncDisposable & { readonly port: number }>
  /** Every so many moments one kill. Default: each. */
  readonly stride?: number
  /** The first of them, counted from 0, which is the default. */
  readonly first?: number
  readonly tell?: (line: string) => void
}

export type KilledOutcome = {
  /** Moments of one registration. */
  readonly moments: number
  readonly kills: number
  /** Answers that the reader beside had, and how many of them were the old state and the new one. */
  readonly answers: number
}

const KEYS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
const NAME = 'killed'
const PORTAGE = new URL('../../../bin/portage.mjs', import.meta.url).pathname

/** Everything that a registration can have to change: a column more, a bag, another type, a table that goes and one that comes. */
const BEFORE = /* sql */ `create table loan (id int8 primary key, status text); create table visit (id int8, status text);
  create table card (id int8 primary key, status text); create table grade (id int4 primary key, status text);
  alter table visit replica identity full;
  insert into loan values (1, 'a'), (2, 'b'), (3, 'c'); insert into visit values (7, 'x'), (7, 'x');
  insert into card values (1, 'gone'); insert into grade values (1, 'low'), (2, 'high')`
const MIDDLE = /* sql */ `update loan set status = 'b' where id = 1; insert into visit values (7, 'x'); update grade set status = 'mid' where id = 1`
const AFTER = /* sql */ `alter table loan add column note text; update loan set note = 'n' where id = 2; delete from loan where id = 3;
  insert into loan values (4, 'd', null); delete from visit where ctid in (select ctid from visit limit 2); insert into visit values (8, 'y');
  alter table grade alter column id type int8; insert into grade values (5000000000, 'far'); drop table card;
  create table client (id int8 primary key, status text); insert into client values (1, 'k')`
const COLUMNS = ['id', 'status']
const HISTORY = ['_op', '_position', ...COLUMNS]
const RELATIONS = ['loan', 'visit', 'grade', 'card', 'client'].flatMap((name) => [name, `${name}_changes`])

const ABSENT = /table not found|table_or_view_not_found|does not exist|is not there/i

/** Rows by relation, or that it is not there. */
type Shown = ReadonlyMap<string, string>

const signal = new AbortController().signal

/** Kills at moments `first`, `first` + `stride` …; throws when anything is not as it was or as it is to be. */
export async function killRegistrations(options: KilledOptions): Promise<KilledOutcome> {
  const { dialect, start, stride = 1, first = 0, tell = () => {} } = options
  await using stack = new AsyncDisposableStack()
  const root = stack.use(scratch())
  const endpoint = stack.use(await startS3Endpoint({ ...KEYS, directory: root.path('endpoint'), buckets: ['lake'] }))
  const server = stack.use(await start({ s3: { url: endpoint.url, ...KEYS } }))
  const db = stack.use(await (await sharedPostgres()).createDatabase())
  const moments = openMoments()
  const objects = stack.use(await startObjectRelay(endpoint, moments))
  const statements = stack.use(await startStatementRelay(server, moments))

  const secrets = { access_key_id: KEYS.accessKeyId, secret_access_key: KEYS.secretAccessKey }
  const isBucket = options.lake === 'bucket'
  const bucket = { connector: 's3', bucket: 'lake', ...secrets }
  const store = stack.use(
    isBucket
      ? openS3Store(s3Options.parse({ bucket: 'lake', endpoint: endpoint.url, ...secrets }), hiveEnvironment)
      : await openFilesystemStore(root.path('lake'), hiveEnvironment),
  )
  const session = dialect === 'hive' ? { 'hive.resultset.use.unique.column.names': 'false' } : {}
  const engine = hiveOptions.parse({ host: '127.0.0.1', port: server.port, dialect, session, proof: false })
  const open = (): Warehouse => hiveWarehouse(openHiveClient(engine, hiveEnvironment), engine)
  const warehouse = stack.use(open())
  const beside = stack.use(open())

  root.write(
    'config/connections.yaml',
    `core: {connector: postgres, url: '${db.url}'}
lake: ${JSON.stringify(isBucket ? { ...bucket, endpoint: `http://127.0.0.1:${objects.port}` } : { connector: 'filesystem', path: root.path('lake') })}
engine: {connector: hive, dialect: ${dialect}, host: 127.0.0.1, port: ${statements.port}}
`,
  )
  const configure = (register: string): void =>
    root.write(
      `config/integrations/${NAME}.yaml`,
      `name: ${NAME}
source: {connection: core, tables: ['public.*'], slot: s_${db.name}, publication: p_${db.name}}
lake: {connection: lake}
register: [${register}]
schema_changes: {drop_table: apply}
`,
    )
  const places = ['--config', root.path('config'), '--state', root.path('state')]
  const command = async (...argv: readonly string[]): Promise<void> => {
    const { code, stderr, stdout } = await portage([...argv, ...places])
    expect([argv[0], code, code === 0 ? '' : stdout + stderr]).toEqual([argv[0], 0, ''])
  }
  const run = () => command('run', NAME, '--once')

  configure('')
  await db.client.query(BEFORE)
  await run()
  await db.client.query(MIDDLE)
  await run()
  const lake = { prefix: 'raw', integration: NAME }
  const old = await loadState(store, lake, { signal })
  await db.client.query(AFTER)
  await run()
  await command('compact', NAME, '--renew', 'always', '--min-files', '2')
  const now = await loadState(store, lake, { signal })

  const oracle = stack.use(
    await openDuckdbWarehouse({ path: root.path('oracle.duckdb') }, { ...hiveEnvironment, stateDir: root.path('state') }),
  )
  const told: Shown[] = []
  for (const [schema, state] of Object.entries({ before: old, after: now })) {
    const registered = await registerCommit({ integration: NAME, schema, state, store, warehouse: oracle, dryRun: false }, signal)
    const there = [...registered.relations].flatMap((relation) => [relation, `${relation}_changes`])
    told.push(await rowsBy(oracle, schema, there))
  }
  const [before = new Map(), after = new Map()] = told
  expect([before.get('card'), after.get('card')]).toEqual(['card | ␀ | ␀ | 1 | gone\n', 'absent'])
  expect(after.get('loan')).toMatch(/1 \| b\n.*2 \| b\n.*4 \| d\n$/)

  const projection = {
    prefix: 'raw',
    connection: 'engine',
    format: options.format,
    compression: 'zstd',
    targetFileBytes: 1 << 26,
  } as const
  const prepared = async (schema: string): Promise<Registered> => {
    await registerCommit({ integration: NAME, schema, state: old, store, warehouse, projection, dryRun: false }, signal)
    configure(`{connection: engine, schema: ${schema}, format: ${options.format}}`)
    const known = await warehouse.registered(NAME, schema, signal)
    if (known === null) throw new Error('nothing is registered')
    return known
  }
  /** Its exit code, null after SIGKILL. */
  const ended = async (at: number | null) => {
    await using child = openChild([PORTAGE, 'register', NAME, ...places], {})
    moments.watch(child.process, at)
    const { code, stderr } = await child.ended
    moments.rest()
    return { code, stderr }
  }

  await prepared('whole')
  expect(await ended(null)).toEqual({ code: 0, stderr: '' })
  const steps: readonly Moment[] = [...moments.seen]
  expect(await shownIn(warehouse, 'whole')).toEqual(after)
  tell(`${dialect}: ${steps.length} moments`)

  let [kills, answers] = [0, 0]
  for (let at = first; at < steps.length; at += stride) {
    const begun = performance.now()
    const schema = `k${at}`
    const { projected } = await prepared(schema)
    const reading = new AbortController()
    const read = readBeside(beside, { schema, before, after }, reading.signal)
    const end = await ended(at).finally(() => reading.abort())
    const answered = await read
    expect(end.code, end.stderr).toBeNull()
    const moment = moments.seen.at(at)
    const said = `killed ${moment?.kind} moment ${at}: ${moment?.what.slice(0, 200)}`
    answers += answered.count
    expect(answered.wrong, said).toEqual([])
    const left = await shownIn(warehouse, schema)
    for (const [relation, rows] of left)
      expect([before.get(relation), after.get(relation)], `${relation}, ${said}`).toContain(rows)
    await command('register', NAME)
    expect(await shownIn(warehouse, schema), said).toEqual(after)
    expect(await leftovers(schema, projected), said).toEqual([])
    kills += 1
    tell(
      `${at} ${moment?.kind} ${moment?.what.slice(0, 70).replaceAll('\n', ' ')}: ${answered.count} answers, ${Math.round(performance.now() - begun)} ms`,
    )
  }
  return { moments: steps.length, kills, answers }

  /** Tables, views, partitions and directories that nothing names; what was shown before the kill is kept for readers. */
  async function leftovers(schema: string, shownBefore: Registered['projected']): Promise<readonly string[]> {
    const found: string[] = []
    const known = await warehouse.registered(NAME, schema, signal)
    const kept = namesIn(shownBefore)
    const named = namesIn(known?.projected)
    const relations = new Set((known?.relations ?? []).flatMap((relation) => [relation, `${relation}_changes`]))
    const tables = new Map<string, string>()
    for (const relation of known?.relations ?? []) {
      for (const projected of [known?.projected, shownBefore]) {
        const generation = parseState(projected?.get(relation) ?? '')?.generation
        if (generation !== undefined) tables.set(`portage_files__${relation}__${generation}`, relation)
      }
    }
    for (const name of await firstColumn(dialect === 'hive' ? 0 : 1, `show tables in ${schema}`)) {
      if (name === `portage_ledger__${NAME}` || relations.has(name)) continue
      if (!tables.has(name)) {
        found.push(name)
        continue
      }
      for (const partition of await firstColumn(0, `show partitions ${schema}.${name}`)) {
        const directory = partition.slice(partition.indexOf('=') + 1)
        if (!named.has(directory) && !kept.has(directory)) found.push(`${name} ${partition}`)
      }
    }
    for await (const { key } of store.list(`raw/${NAME}/`, { signal })) {
      const object = directoryObject(lake, key)
      if (object === null || object.target !== `engine.${schema}`) continue
      if (!named.has(object.directory) && !kept.has(object.directory)) found.push(key)
    }
    return found
  }

  async function firstColumn(index: number, sql: string): Promise<readonly string[]> {
    return (await queryRows(warehouse, sql)).map((line) => line.split(' | ')[index] ?? '')
  }
}

const namesIn = (projected: Registered['projected']): ReadonlySet<string> =>
  new Set(
    [...(projected?.values() ?? [])].flatMap((text) => {
      const state = parseState(text)
      return state === null ? [] : directoriesOf(state)
    }),
  )

function selectOf({ dialect: { quote } }: Warehouse, schema: string, relation: string): string {
  const wanted = relation.endsWith('_changes') ? HISTORY : COLUMNS
  const texts = HISTORY.map(
    (name) => `cast(${wanted.includes(name) ? quote + name + quote : 'null'} as string) as ${quote}${name}${quote}`,
  )
  return `select '${relation}' as relation, ${texts.join(', ')} from ${schema}.${relation}`
}

/** By one query: engines take seconds for one of ten. */
async function rowsBy(warehouse: Warehouse, schema: string, relations: readonly string[]): Promise<Shown> {
  const selects = relations.map((relation) => selectOf(warehouse, schema, relation))
  const lines = await queryRows(warehouse, selects.join(' union all '))
  const shown = new Map(RELATIONS.map((relation) => [relation, relations.includes(relation) ? '' : 'absent']))
  for (const line of lines) {
    const [relation = ''] = line.split(' | ')
    shown.set(relation, `${shown.get(relation)}${line}\n`)
  }
  return shown
}

/** Relations that are not there are `absent`; one may be dropped meanwhile, by the server at the last statement of who died. */
async function shownIn(warehouse: Warehouse, schema: string): Promise<Shown> {
  for (let attempt = 1; ; attempt++) {
    const names = new Set((await queryRows(warehouse, `show tables in ${schema}`)).flatMap((line) => line.split(' | ')))
    try {
      return await rowsBy(
        warehouse,
        schema,
        RELATIONS.filter((name) => names.has(name)),
      )
    } catch (error) {
      if (attempt === 3 || !isAbsence(error)) throw error
    }
  }
}

const isAbsence = (error: unknown): boolean =>
  error instanceof ConnectorError && error.code === 'STATEMENT' && ABSENT.test(`${error.message} ${String(error.cause)}`)

type Read = { readonly count: number; readonly wrong: readonly string[] }

/** Asks for relation after relation until it is stopped, or one answer is wrong. */
async function readBeside(
  warehouse: Warehouse,
  { schema, before, after }: { readonly schema: string; readonly before: Shown; readonly after: Shown },
  stop: AbortSignal,
): Promise<Read> {
  const wrong: string[] = []
  let count = 0
  while (!stop.aborted && wrong.length === 0) {
    for (const relation of ['loan', 'visit', 'grade', 'loan_changes']) {
      if (stop.aborted) break
      const found = await rowsBy(warehouse, schema, [relation]).then(
        (shown) => shown.get(relation),
        (error: unknown) => String(error),
      )
      count += 1
      if (found !== before.get(relation) && found !== after.get(relation)) wrong.push(`${relation}, answer ${count}: ${found}`)
    }
  }
  return { count, wrong }
}
