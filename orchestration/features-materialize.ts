/** `portage features materialize`: the values of all entities as a table of the lake and its warehouses, once or again and again. */
import { ConnectorError, recoveryOf } from '../connectors/errors.ts'
import type { Warehouse } from '../connectors/ports.ts'
import type { FeatureView } from '../features/definition.ts'
import { instantText } from '../features/instant.ts'
import { refusedError } from '../integrations/register/refused.ts'
import { registerCommit } from '../integrations/register/register.ts'
import type { CommandContext } from './command-context.ts'
import { EXIT } from './exit-codes.ts'
import { type FeatureLake, openFeatureLake } from './features-lake.ts'
import { openReplay } from './features-replay.ts'
import { type Claims, type FeatureTable, openFeatureTable, type Written } from './features-table.ts'
import { findView } from './features-view.ts'
import { counted } from './format/quantities.ts'
import { projectionSettings } from './projection-settings.ts'
import { recordAudit } from './record-audit.ts'
import { retry } from './retry.ts'

export type MaterializeOptions = {
  readonly view: string
  readonly integration: string | undefined
  /** Milliseconds since 1970; null = the time of each turn. */
  readonly asOf: number | null
  /** Null = once. */
  readonly everyMs: number | null
  /** In the warehouses. */
  readonly schema: string
  readonly json: boolean
}

/** A command that has to end says soon that the lake is away; one that goes on waits for it. */
const ONCE_DEADLINE_MS = 60_000
const FOREVER_DEADLINE_MS = 24 * 3_600_000

export async function materializeFeatures(context: CommandContext, options: MaterializeOptions): Promise<void> {
  const { signal } = context
  const view = await findView(options.view)
  await using lake = await openFeatureLake(context, view, options.integration)
  const { environment } = lake.session
  const claims: Claims = { writer: null }
  const say = (text: string) => context.io.stderr.write(`${context.redaction.redact(text)}\n`)
  try {
    await retry(({ progressed }) => turns(context, { view, lake, options, claims, progressed }), {
      environment,
      signal,
      deadlineMs: () => (options.everyMs === null ? ONCE_DEADLINE_MS : FOREVER_DEADLINE_MS),
      onAttempt: ({ error, pauseMs }) =>
        void say(`${error instanceof Error ? error.message : String(error)}; again in ${Math.round(pauseMs / 1000)} s`),
    })
  } catch (error) {
    const asked = signal.aborted && (error === signal.reason || (error instanceof ConnectorError && error.code === 'ABORTED'))
    if (!asked || options.everyMs === null) throw error
    await say(`${view.name}: stopped in good order`)
    context.exit(EXIT.ok)
  }
}

type Turns = {
  readonly view: FeatureView
  readonly lake: FeatureLake
  readonly options: MaterializeOptions
  readonly claims: Claims
  readonly progressed: () => void
}

async function turns(context: CommandContext, { view, lake, options, claims, progressed }: Turns): Promise<void> {
  const { signal } = context
  const { environment } = lake.session
  await using stack = new AsyncDisposableStack()
  const warehouses = new Map<string, Warehouse>()
  for (const { connection } of lake.integration.register) {
    if (!warehouses.has(connection)) warehouses.set(connection, stack.use(await lake.session.opener.warehouse(connection)))
  }
  const replay = openReplay(view, lake)
  const table = await openFeatureTable(lake, view, claims, signal)
  for (let first = true; ; first = false) {
    const { engine, position } = await replay.newest(signal)
    const asOf = options.asOf ?? environment.now().getTime()
    const written = await table.write(engine, asOf, position, signal)
    progressed()
    if (first && written.commit !== null) await record(lake, { view: view.name, asOf, position, commit: written.commit })
    const shown = await register(context, { table, lake, warehouses, options })
    const entities = engine.statistics().entities
    if (first || written.commit !== null) await tell(context, { view, asOf, position, entities, written, shown, options })
    if (options.everyMs === null) return
    await environment.sleep(options.everyMs, signal)
  }
}

function record(
  { session, store, integration }: FeatureLake,
  made: { readonly view: string; readonly asOf: number; readonly position: string; readonly commit: number },
): Promise<void> {
  const { environment, by } = session
  const details = { view: made.view, as_of: instantText(made.asOf), position: made.position, commit: made.commit }
  return recordAudit({ store, integration, environment, by }, { event: 'features.materialize', details })
}

type Registering = {
  readonly table: FeatureTable
  readonly lake: FeatureLake
  readonly warehouses: ReadonlyMap<string, Warehouse>
  readonly options: MaterializeOptions
}

/** Connections that show the newest commit. While it goes on, one that is away is told of and tried again at the next turn. */
async function register(context: CommandContext, { table, lake, warehouses, options }: Registering): Promise<readonly string[]> {
  const { store } = lake
  const shown: string[] = []
  for (const [connection, warehouse] of warehouses) {
    const { integration } = table
    const target = lake.integration.register.find((each) => each.connection === connection) ?? { connection }
    const projection = projectionSettings(lake.integration, target)
    const request = { integration, schema: options.schema, state: table.state(), store, warehouse, projection, dryRun: false }
    try {
      const { refused } = await registerCommit(request, context.signal)
      for (const each of refused) throw refusedError(each)
      shown.push(connection)
    } catch (error) {
      if (options.everyMs === null || recoveryOf(error) !== 'retry' || context.signal.aborted) throw error
      const reason = error instanceof Error ? error.message : String(error)
      await context.io.stderr.write(context.redaction.redact(`Registration in "${connection}" is late: ${reason}\n`))
    }
  }
  return shown
}

type Told = {
  readonly view: FeatureView
  readonly asOf: number
  readonly position: string
  readonly entities: number
  readonly written: Written
  readonly shown: readonly string[]
  readonly options: MaterializeOptions
}

async function tell(context: CommandContext, { view, asOf, position, entities, written, shown, options }: Told): Promise<void> {
  const { commit, inserted, updated, deleted } = written
  if (options.json) {
    const outcome = { view: view.name, as_of: instantText(asOf), position, entities, ...written, registered: shown }
    return context.print(JSON.stringify(outcome))
  }
  const relation = `${options.schema}.${view.name}`
  const where = shown.length === 0 ? 'no warehouse is named under "register:"' : `${relation} in ${shown.join(', ')}`
  const what =
    commit === null
      ? 'already there'
      : `commit ${commit}: ${inserted} written${updated + deleted === 0 ? '' : `, ${updated} changed, ${deleted} gone`}`
  await context.print(`${view.name} at ${instantText(asOf)}: ${counted(entities, view.entity.name)}, ${what}; ${where}`)
}
