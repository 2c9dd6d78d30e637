/**
 * Registration: a monotonic diff from what the account itself says. I/O. Nothing is replaced before it is proven; a crash after any
 * statement leaves what was shown, and the next registration does the rest.
 */

import { ConnectorError } from '../errors.ts'
import type { Environment, RegisterOutcome, RegisterRequest } from '../ports.ts'
import { describeColumns, readExternalTables, readViews, refuseForeign, registeredFiles, type SchemaViews } from './account.ts'
import type { SnowflakeClient } from './client.ts'
import { type Ledger, type LedgerTable, ledgerParts, ledgerStatement } from './ledger.ts'
import { historyName, ledgerName, qualified, storedName, viewNames } from './names.ts'
import type { SnowflakeOptions, StageOptions } from './options.ts'
import { policiesOf, refusePolicies } from './policies.ts'
import { changeFiles, type FilePhase } from './register-files.ts'
import { orphans, refuseClash, refuseInvalid, refuseLarge, refuseOvertaken, runShowing } from './register-guards.ts'
import { draftTable, type Findings, type PlanOptions, planTable, type TableDraft, type TablePlan } from './registration-plan.ts'
import { grantStatements } from './relation-views.ts'
import { rolesChanged, setupFingerprint, setupStatements } from './setup.ts'
import { stagePlace } from './stage.ts'
import { dropTable, dropView } from './unregister.ts'

export type RegisterContext = {
  readonly client: SnowflakeClient
  readonly options: Pick<SnowflakeOptions, 'grants' | 'replace'> & { readonly stage: StageOptions }
  readonly environment: Pick<Environment, 'now'>
}

const NOTHING: RegisterOutcome = { statements: [], filesAdded: 0, filesRemoved: 0 }

/** An older commit than the recorded one changes nothing; the same one is made and proven anew (a repair). */
export async function register(
  context: RegisterContext,
  request: RegisterRequest,
  signal: AbortSignal,
): Promise<RegisterOutcome> {
  const { client, options } = context
  const { schema, integration } = request
  refuseClash(request)
  const views = await readViews(client, schema, integration, signal)
  const ledger = views.own
  if (ledger !== null && ledger.commit > request.commit) return NOTHING
  refuseForeign(views, integration, schema, [
    ledgerName(integration),
    ...request.tables.flatMap(({ relation }) => viewNames(relation)),
  ])
  const planOptions: PlanOptions = {
    stage: stagePlace(options.stage),
    grants: options.grants,
    everything: request.repair === true || ledger?.commit === request.commit,
    exists: (view) => views.owners.get(storedName(view)) === integration,
  }
  const broken = planOptions.everything ? await brokenTables(client, schema, signal) : new Set<string>()
  const plans: TablePlan[] = []
  for (const table of request.tables) {
    const draft = draftTable(request, table, ledger, planOptions)
    if (draft === null) continue
    const findings = await find(context, request, draft, { ...planOptions, broken }, signal)
    plans.push(planTable(request, draft, findings, planOptions))
  }
  const registration = assemble(context, request, { ledger, views, plans })
  refuseLarge(request, ledgerStatement(schema, registration.ledger([]), context.environment.now(), true))
  const outcome = { filesAdded: registration.filesAdded, filesRemoved: registration.filesRemoved }
  if (request.dryRun) return { statements: registration.statements(context.environment.now()), ...outcome }
  await run(context, request, registration, views.stamp, signal)
  return { statements: registration.statements(context.environment.now()), ...outcome }
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

/** All that a registration does, in its order. */
type Registration = {
  readonly setup: { readonly run: readonly string[]; readonly shown: readonly string[] }
  readonly drop: readonly string[]
  readonly prepare: readonly string[]
  readonly files: FilePhase
  readonly show: readonly string[]
  readonly ledger: (orphans: readonly string[]) => Ledger
  readonly known: boolean
  readonly tidy: readonly string[]
  readonly filesAdded: number
  readonly filesRemoved: number
  readonly statements: (now: Date) => readonly string[]
}

function assemble(
  { options }: RegisterContext,
  request: RegisterRequest,
  found: { readonly ledger: Ledger | null; readonly views: SchemaViews; readonly plans: readonly TablePlan[] },
): Registration {
  const { schema, integration } = request
  const { ledger, plans } = found
  const known = found.views.owners.get(storedName(ledgerName(integration))) === integration
  const wanted = new Map(request.tables.map((table) => [table.relation, table]))
  const gone = [...(ledger?.tables.values() ?? [])].filter(({ relation }) => !wanted.has(relation))
  const changed = new Map(plans.map((plan) => [plan.table.relation, plan.entry]))
  const tables = new Map(
    request.tables.flatMap(({ relation }) => {
      const entry = changed.get(relation) ?? ledger?.tables.get(relation)
      return entry === undefined ? [] : [[relation, entry] as const]
    }),
  )
  const retired = [
    ...plans.flatMap((plan) => plan.retired),
    ...gone.flatMap((table) => ledgerParts(table).map(([, { name }]) => name)),
  ]
  const fingerprint = setupFingerprint(options)
  const again = ledger?.stage !== fingerprint || ledger.commit === request.commit || request.repair === true
  const setup = {
    run: again ? setupStatements(schema, integration, options, { secrets: true }) : [],
    shown: again ? setupStatements(schema, integration, options, { secrets: false }) : [],
  }
  const drop = (ledger?.retired ?? []).map((name) => dropTable(schema, name))
  const prepare = plans.flatMap((plan) => plan.prepare)
  const files: FilePhase = { plans, integration, stage: stagePlace(options.stage), existing: existingTables(ledger, schema) }
  const kept = [...tables.values()].filter((entry) => entry.relations === ledger?.tables.get(entry.relation)?.relations)
  const granted = ledger !== null && rolesChanged(ledger.stage, options) ? kept : []
  const show = [
    ...granted.flatMap(({ relation }) =>
      [relation, historyName(relation)].flatMap((name) => grantStatements(schema, name, options.grants)),
    ),
    ...plans.flatMap((plan) => plan.show),
    ...gone.flatMap(({ relation }) => viewNames(relation).map((name) => dropView(schema, name))),
  ]
  const tidy = plans.flatMap((plan) => plan.tidy)
  const next = (orphans: readonly string[]): Ledger => ({
    integration,
    commit: request.commit,
    position: request.position,
    stage: fingerprint,
    tables,
    retired: [...new Set([...retired, ...orphans])],
  })
  return {
    setup,
    drop,
    prepare,
    files,
    show,
    known,
    tidy,
    ledger: next,
    filesAdded: plans.reduce((sum, plan) => sum + plan.filesAdded, 0),
    filesRemoved:
      plans.reduce((sum, plan) => sum + plan.filesRemoved, 0) +
      gone.flatMap((table) => ledgerParts(table)).reduce((sum, [, part]) => sum + part.files, 0),
    statements: (now) => [
      ...setup.shown,
      ...drop,
      ...prepare,
      ...changeFiles.statements(files),
      ...show,
      ledgerStatement(schema, next([]), now, known),
      ...tidy,
    ],
  }
}

async function run(
  { client, environment }: RegisterContext,
  request: RegisterRequest,
  registration: Registration,
  stamp: string,
  signal: AbortSignal,
): Promise<void> {
  const { schema } = request
  const repeatable = (sql: string) => client.run(sql, { signal, repeatable: true })
  for (const sql of [...registration.setup.run, ...registration.drop]) await repeatable(sql)
  for (const sql of registration.prepare) await client.run(sql, { signal, repeatable: sql.startsWith('CREATE OR REPLACE') })
  const next = registration.ledger([])
  try {
    await changeFiles.run(client, registration.files, request, signal)
  } catch (error) {
    // A table that lost its stage refuses every change of its files.
    if (error instanceof ConnectorError && error.code === 'STATEMENT')
      refuseInvalid(await readExternalTables(client, schema, signal), next)
    throw error
  }
  const changed = registration.files.plans.length > 0
  const found = changed ? await readExternalTables(client, schema, signal) : []
  refuseInvalid(found, next)
  if (changed) await refuseOvertaken(client, request, stamp, signal)
  for (const sql of registration.show) await runShowing(client, request, sql, signal)
  const ledger = registration.ledger(orphans(found, request, next))
  await repeatable(ledgerStatement(schema, ledger, environment.now(), registration.known))
  for (const sql of registration.tidy) await client.run(sql, { signal, repeatable: false })
}

const existingTables = (ledger: Ledger | null, schema: string): ReadonlySet<string> =>
  new Set(
    [...(ledger?.tables.values() ?? [])].flatMap((table) => ledgerParts(table).map(([, { name }]) => qualified(schema, name))),
  )
