/** Reads source, log and warehouses for a schema plan, and asks each warehouse for its DDL. Executes nothing. I/O. */
import type { LoadedIntegration, RegisterTarget } from '../config/integration.ts'
import type { TableName } from '../connectors/change.ts'
import type { ObjectStore, Registered, Warehouse } from '../connectors/ports.ts'
import { governedSource } from '../integrations/capture/policies/governed-source.ts'
import type { LogState } from '../integrations/land/log/commit.ts'
import { loadState } from '../integrations/land/log/read.ts'
import { tableFolder } from '../integrations/register/directory/keys.ts'
import { otherFormats } from '../integrations/register/directory/other-format.ts'
import { type ProjectionSettings, registerCommit } from '../integrations/register/register.ts'
import { acceptedState, type PlanInput, schemaPlan, type TablePlan } from '../integrations/register/schema-plan.ts'
import type { ComparedWarehouse } from '../integrations/register/warehouse-columns.ts'
import { counted } from './format/quantities.ts'
import { keptBackLines } from './kept-back.ts'
import type { Opener } from './open.ts'
import { policyRules } from './policies.ts'
import { projectionSettings } from './projection-settings.ts'
import { reached } from './reached.ts'
import { schemaPolicies } from './schema-policies.ts'
import { openSourceOf } from './scope.ts'

export type PlannedWarehouse = {
  readonly connection: string
  readonly schema: string
  /** The commit that it shows; null when nothing is registered, or it could not be asked. */
  readonly commit: number | null
  /** What it would run once everything that the plan shows is accepted and copied. */
  readonly ddl: readonly string[]
}

export type IntegrationPlan = {
  readonly integration: string
  /** Newest commit. */
  readonly commit: number
  readonly source: string
  /** True when something waits for `portage apply`, would after the next run, or would stop it. */
  readonly held: boolean
  readonly tables: readonly TablePlan[]
  readonly warehouses: readonly PlannedWarehouse[]
  /** What could not be asked, one line each. */
  readonly problems: readonly string[]
}

/** `deep`: ask for all that a warehouse can say, however long it takes. Throws only when the lake cannot be read; a source or warehouse that is away becomes a problem, and the plan does without it. */
export async function planIntegration(
  integration: LoadedIntegration,
  opener: Opener,
  signal: AbortSignal,
  { deep = false }: { readonly deep?: boolean } = {},
): Promise<IntegrationPlan> {
  const { name, lake, register } = integration
  await using store = await opener.store(lake.connection)
  const place = { prefix: lake.prefix, integration: name }
  const state = await loadState(store, place, { signal })
  const problems: string[] = []
  const attempt = <Result>(what: string, ask: () => Promise<Result>): Promise<Result | null> =>
    reached(problems, what, signal, ask)
  const { connection: core } = integration.source
  const source = await attempt(`source ${core}`, () => readSource(integration, opener, state, problems, signal))
  await using stack = new AsyncDisposableStack()
  const asked: { target: RegisterTarget; compared: ComparedWarehouse; warehouse: Warehouse; commit: number | null }[] = []
  for (const target of register) {
    const { connection, schema } = target
    const found = await attempt(`warehouse ${connection}`, async () => {
      const warehouse = stack.use(await opener.warehouse(connection))
      const shown = await warehouse.registered(name, schema, signal)
      const at = shown?.commit ?? null
      const registered = at === null ? null : at === state.number ? state : await loadState(store, place, { at, signal })
      const kept = keptBackLines(registered ?? state, { integration: name, connection, schema }, warehouse, shown)
      problems.push(...kept.map(({ line }) => line))
      const relations = await warehouse.describe(name, schema, signal, { everyAddress: deep })
      const { projected } = shown ?? {}
      problems.push(...formatLines(name, target, projected))
      const compared = {
        connection,
        schema,
        dialect: warehouse.dialect,
        state: registered,
        relations,
        ...(projected === undefined ? {} : { projected }),
        directoriesAt: (table: TableName) => store.address(tableFolder({ ...place, connection, schema }, table)),
        keptBack: new Set(kept.map(({ table }) => table)),
      }
      return { target, compared, warehouse, commit: at }
    })
    if (found !== null) asked.push(found)
  }
  const warehouses = asked.map(({ compared }) => compared)
  const input: PlanInput = { state, source, policies: schemaPolicies(integration), warehouses }
  const tables = schemaPlan(input)
  const planned: PlannedWarehouse[] = []
  for (const { target, compared, warehouse, commit } of asked) {
    const { connection, schema } = compared
    const shown = { integration: name, schema, store, warehouse, projection: projectionSettings(integration, target) }
    const ddl = await attempt(`warehouse ${connection}`, () => ddlOf(shown, state, acceptedState(input), signal))
    planned.push({ connection, schema, commit, ddl: ddl ?? [] })
  }
  const held = tables.some((table) => table.held)
  return { integration: name, commit: state.number, source: core, held, tables, warehouses: planned, problems }
}

/** A registration at the same commit leaves files as they are, whatever format the YAML asks for by now. */
function formatLines(
  integration: string,
  { connection, schema, format = 'orc' }: RegisterTarget,
  projected: Registered['projected'],
): readonly string[] {
  return [...otherFormats(projected, format)].map(
    ([found, tables]) =>
      `warehouse ${connection} ${schema}: files of ${counted(tables, 'table')} are ${found}, "format: ${format}" is asked for: the next commit, or "portage register ${integration} --repair", writes them anew`,
  )
}

async function readSource(
  integration: LoadedIntegration,
  opener: Opener,
  state: LogState,
  problems: string[],
  signal: AbortSignal,
): Promise<PlanInput['source']> {
  await using source = governedSource(await openSourceOf(integration, opener, signal), {
    rules: policyRules(integration, opener),
    recorded: Object.values(state.tables).map(({ schema }) => schema),
    warn: (message) => problems.push(message),
  })
  return await source.describe(signal)
}

type Target = {
  readonly integration: string
  readonly schema: string
  readonly store: ObjectStore
  readonly warehouse: Warehouse
  readonly projection: ProjectionSettings
}

/** The statements of a registration with everything accepted that one of the log as it is would not run. */
async function ddlOf(target: Target, now: LogState, then: LogState, signal: AbortSignal): Promise<readonly string[]> {
  const statements = async (state: LogState): Promise<readonly string[]> => {
    const next = { ...state, number: now.number + 1 }
    return (await registerCommit({ ...target, state: next, dryRun: true }, signal)).statements
  }
  const without = new Set(await statements(now))
  return (await statements(then)).filter((statement) => !without.has(statement))
}
