/**
 * Registration: a monotonic diff from what the account itself says. I/O. Nothing is replaced before it is proven; a crash after any
 * statement leaves what was shown, and the next registration does the rest. So does a table that the account refuses; the others go on.
 */

import { ConnectorError } from '../errors.ts'
import type { Environment, RegisterOutcome, RegisterRequest } from '../ports.ts'
import { attemptTable, type RefusedTables } from '../refused-table.ts'
import { describeColumns, readExternalTables, readViews, refuseForeign, registeredFiles, type SchemaViews } from './account.ts'
import type { SnowflakeClient } from './client.ts'
import { type Ledger, type LedgerTable, ledgerParts, ledgerStatement, leftBehind, upToDate } from './ledger.ts'
import { historyName, ledgerName, qualified, storedName, viewNames } from './names.ts'
import type { SnowflakeOptions, StageOptions } from './options.ts'
import { policiesOf, refusePolicies } from './policies.ts'
import { changeFiles, type FilePhase } from './register-files.ts'
import {
  isOvertaken,
  orphans,
  refuseClash,
  refuseInvalid,
  refuseLarge,
  refuseOvertaken,
  runPreparing,
  runShowing,
} from './register-guards.ts'
import { draftTable, type Findings, type PlanOptions, planTable, type TableDraft, type TablePlan } from './registration-plan.ts'
import { grantStatements } from './relation-views.ts'
import { rolesChanged, setupFingerprint, setupStatements } from './setup.ts'
import { stagePlace } from './stage.ts'
import { dropTable, dropView } from './unregister.ts'

export type RegisterContext = {
  readonly client: SnowflakeClient
  readonly options: Pick<SnowflakeOptions, 'grants' | 'replace'> & { readonly stage: StageOptions }
  readonly environment: Pick<Environment, 'now' | 'log'>
}

const NOTHING: RegisterOutcome = { statements: [], filesAdded: 0, filesRemoved: 0 }

/** Beyond it two processes have the same work, and neither comes to an end. */
const MOST_TIMES = 5

/**
 * An older commit than the recorded one changes nothing; the same one is made and proven anew (a repair) unless it is asked for
 * what differs. What Snowflake refuses of one table leaves that table as it was, and the others go on. Of two at once the one that
 * comes second to the views begins again, from what the first one did.
 */
export async function register(
  context: RegisterContext,
  request: RegisterRequest,
  signal: AbortSignal,
): Promise<RegisterOutcome> {
  for (let time = 1; ; time++) {
    try {
      return await registerOnce(context, request, signal)
    } catch (error) {
      if (!isOvertaken(error) || time === MOST_TIMES) throw error
      context.environment.log('debug', `Registration of "${request.integration}" was overtaken by another one`, { time })
    }
  }
}

async function registerOnce(context: RegisterContext, request: RegisterRequest, signal: AbortSignal): Promise<RegisterOutcome> {
  const { client, options } = context
  const { schema, integration } = request
  refuseClash(request)
  const views = await readViews(client, schema, integration, signal)
  const ledger = views.own
  if (ledger !== null && ledger.commit > request.commit) return NOTHING
  refuseForeign(views, integration, schema, [ledgerName(integration)])
  const planOptions: PlanOptions = {
    stage: stagePlace(options.stage),
    grants: options.grants,
    everything: request.repair ?? ledger?.commit === request.commit,
    exists: (view) => views.owners.get(storedName(view)) === integration,
  }
  const broken = planOptions.everything ? await brokenTables(client, schema, signal) : new Set<string>()
  const refused: RefusedTables = new Map()
  const plans: TablePlan[] = []
  for (const table of request.tables) {
    const plan = await attemptTable(refused, table.table, async () => {
      refuseForeign(views, integration, schema, viewNames(table.relation))
      const draft = draftTable(request, table, ledger, planOptions)
      if (draft === null) return null
      const findings = await find(context, request, draft, { ...planOptions, broken }, signal)
      return planTable(request, draft, findings, planOptions)
    })
    if (plan !== null) plans.push(plan)
  }
  const found: Found = { ledger, views, plans, refused, everything: planOptions.everything }
  const planned = assemble(context, request, found)
  refuseLarge(request, ledgerStatement(schema, planned.ledger([]), context.environment.now(), true))
  // What is refused while it runs is not part of what was done.
  if (!request.dryRun) await run(context, request, found, signal)
  const { filesAdded, filesRemoved, statements } = assemble(context, request, found)
  const outcome = { statements: statements(context.environment.now()), filesAdded, filesRemoved }
  return refused.size === 0 ? outcome : { ...outcome, refused }
}

type Found = {
  readonly ledger: Ledger | null
  readonly views: SchemaViews
  readonly plans: readonly TablePlan[]
  /** Grows while it runs. */
  readonly refused: RefusedTables
  readonly everything: boolean
}

/** Of some table functions of INFORMATION_SCHEMA Snowflake returns no more rows; of this one nobody says. */
const MOST_LISTED = 10_000

/** External tables that nothing but their replacement brings back, as Snowflake keeps their names. */
async function brokenTables(client: SnowflakeClient, schema: string, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const found = await readExternalTables(client, schema, signal)
  return new Set(found.flatMap(({ name, invalid }) => (invalid === null ? [] : [name])))
}

async function find(
  { client, options }: RegisterContext,
  { schema }: RegisterRequest,
  { asks, old }: TableDraft,
  { stage, everything, broken }: PlanOptions & { readonly broken: ReadonlySet<string> },
  signal: AbortSignal,
): Promise<Findings> {
  const files: Record<string, ReadonlySet<string> | null> = {}
  const columns: Record<string, NonNullable<Awaited<ReturnType<typeof describeColumns>>>> = {}
  const policies = new Map<string, Awaited<ReturnType<typeof policiesOf>>>()
  const nameOf = (part: keyof LedgerTable['parts']) => qualified(schema, old?.parts[part]?.name ?? '')
  for (const part of asks.files) {
    const { name = '', files: known = 0 } = old?.parts[part] ?? {}
    const listed = broken.has(name) ? null : await registeredFiles(client, nameOf(part), stage, signal)
    // A list that may have been cut is no list: what it leaves out would stay registered for ever.
    files[part] = listed?.size === MOST_LISTED && known !== MOST_LISTED ? null : listed
  }
  for (const part of asks.columns) {
    const found = await describeColumns(client, 'EXTERNAL TABLE', nameOf(part), signal)
    if (found === null) files[part] = null
    else columns[part] = found
  }
  for (const view of asks.policies) {
    const found = await policiesOf(client, schema, view, signal)
    refusePolicies(schema, view, found, options.replace || everything)
    policies.set(view, found)
  }
  return { files, columns, policies }
}

/** All that a registration does beside its tables, and what comes of all of it. */
type Registration = {
  readonly setup: readonly string[]
  readonly drop: readonly string[]
  readonly files: (plans: readonly TablePlan[]) => FilePhase
  readonly plans: readonly TablePlan[]
  /** Roles that may select from what does not change otherwise. */
  readonly granted: readonly string[]
  readonly gone: readonly string[]
  readonly ledger: (orphans: readonly string[]) => Ledger
  readonly known: boolean
  readonly filesAdded: number
  readonly filesRemoved: number
  readonly statements: (now: Date) => readonly string[]
}

/** Of the tables that are not refused. */
function assemble({ options }: RegisterContext, request: RegisterRequest, found: Found): Registration {
  const { schema, integration, kept = [] } = request
  const { ledger, refused, everything } = found
  const known = found.views.owners.get(storedName(ledgerName(integration))) === integration
  const plans = found.plans.filter(({ table }) => !refused.has(table.table))
  const wanted = new Set([...kept, ...request.tables.map(({ relation }) => relation)])
  const gone = [...(ledger?.tables.values() ?? [])].filter(({ relation }) => !wanted.has(relation))
  const tables = entries(request, found)
  const retired = [
    ...plans.flatMap((plan) => plan.retired),
    ...gone.flatMap((table) => ledgerParts(table).map(([, { name }]) => name)),
  ]
  const fingerprint = setupFingerprint(options)
  const again = everything || ledger?.stage !== fingerprint
  const setup = (secrets: boolean) => (again ? setupStatements(schema, integration, options, { secrets }) : [])
  const drop = (ledger?.retired ?? []).map((name) => dropTable(schema, name))
  const existing = existingTables(ledger, schema)
  const files = (some: readonly TablePlan[]): FilePhase => ({
    plans: some,
    integration,
    stage: stagePlace(options.stage),
    existing,
  })
  const same = [...tables.values()].filter((entry) => entry.relations === ledger?.tables.get(entry.relation)?.relations)
  const granted = ledger !== null && rolesChanged(ledger.stage, options) ? same : []
  const grants = granted.flatMap(({ relation }) =>
    [relation, historyName(relation)].flatMap((name) => grantStatements(schema, name, options.grants)),
  )
  const dropped = gone.flatMap(({ relation }) => viewNames(relation).map((name) => dropView(schema, name)))
  const next = (orphans: readonly string[]): Ledger => ({
    integration,
    commit: request.commit,
    position: request.position,
    stage: fingerprint,
    tables,
    retired: [...new Set([...retired, ...orphans])],
  })
  return {
    setup: setup(true),
    drop,
    files,
    plans,
    granted: grants,
    gone: dropped,
    known,
    ledger: next,
    filesAdded: plans.reduce((sum, plan) => sum + plan.filesAdded, 0),
    filesRemoved:
      plans.reduce((sum, plan) => sum + plan.filesRemoved, 0) +
      gone.flatMap((table) => ledgerParts(table)).reduce((sum, [, part]) => sum + part.files, 0),
    statements: (now) => [
      ...setup(false),
      ...drop,
      ...plans.flatMap((plan) => plan.prepare),
      ...changeFiles.statements(files(plans)),
      ...grants,
      ...plans.flatMap((plan) => plan.show),
      ...dropped,
      ledgerStatement(schema, next([]), now, known),
      ...plans.flatMap((plan) => plan.tidy),
    ],
  }
}

/** What the ledger will say of each table. */
function entries(request: RegisterRequest, { ledger, plans, refused }: Found): ReadonlyMap<string, LedgerTable> {
  const changed = new Map(plans.map((plan) => [plan.table.relation, plan.entry]))
  const stays = (relation: string) => {
    const old = ledger?.tables.get(relation)
    return ledger === null || old === undefined ? [] : [[relation, leftBehind(old, ledger)] as const]
  }
  return new Map([
    ...request.tables.flatMap(({ relation, table }) => {
      if (refused.has(table)) return stays(relation)
      const entry = changed.get(relation) ?? ledger?.tables.get(relation)
      return entry === undefined ? [] : [[relation, upToDate(entry)] as const]
    }),
    ...(request.kept ?? []).flatMap(stays),
  ])
}

async function run(context: RegisterContext, request: RegisterRequest, found: Found, signal: AbortSignal): Promise<void> {
  const { client, environment } = context
  const { schema } = request
  const { refused, views } = found
  const repeatable = (sql: string) => client.run(sql, { signal, repeatable: true })
  const { setup, drop, files, plans } = assemble(context, request, found)
  for (const sql of [...setup, ...drop]) await repeatable(sql)
  for (const plan of plans) {
    await attemptTable(refused, plan.table.table, async () => {
      for (const sql of plan.prepare) await runPreparing(client, request, sql, signal)
      await changeFilesOf(client, files([plan]), request, plan.entry, signal)
    })
  }
  const tables = plans.length > 0 ? await readExternalTables(client, schema, signal) : []
  const prepared = assemble(context, request, found)
  refuseInvalid(tables, prepared.ledger([]))
  if (plans.length > 0) await refuseOvertaken(client, request, views.stamp, signal)
  for (const sql of prepared.granted) await repeatable(sql)
  for (const plan of prepared.plans) {
    await attemptTable(refused, plan.table.table, async () => {
      for (const sql of plan.show) await runShowing(client, request, sql, signal)
    })
  }
  const done = assemble(context, request, found)
  for (const sql of done.gone) await repeatable(sql)
  const ledger = done.ledger(orphans(tables, request, done.ledger([])))
  await repeatable(ledgerStatement(schema, ledger, environment.now(), done.known))
  for (const sql of done.plans.flatMap((plan) => plan.tidy)) await client.run(sql, { signal, repeatable: false })
}

async function changeFilesOf(
  client: SnowflakeClient,
  phase: FilePhase,
  request: RegisterRequest,
  entry: LedgerTable,
  signal: AbortSignal,
): Promise<void> {
  try {
    await changeFiles.run(client, phase, request, signal)
  } catch (error) {
    // A table that lost its stage refuses every change of its files.
    if (error instanceof ConnectorError && error.code === 'STATEMENT') {
      const tables = new Map([[entry.relation, entry]])
      refuseInvalid(await readExternalTables(client, request.schema, signal), { integration: request.integration, tables })
    }
    throw error
  }
}

const existingTables = (ledger: Ledger | null, schema: string): ReadonlySet<string> =>
  new Set(
    [...(ledger?.tables.values() ?? [])].flatMap((table) => ledgerParts(table).map(([, { name }]) => qualified(schema, name))),
  )
