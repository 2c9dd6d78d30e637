/**
 * Accepts held changes: one commit of maintenance, which a run that is at work rebases over, then a registration. It names no
 * data file, so it needs no intent before it.
 */
import type { LoadedIntegration } from '../config/integration.ts'
import type { TableName } from '../connectors/change.ts'
import { ConnectorError } from '../connectors/errors.ts'
import type { LogState, TableCommit } from '../integrations/land/log/commit.ts'
import { openLog } from '../integrations/land/log/log.ts'
import { type HeldTable, heldTables } from '../integrations/register/held-tables.ts'
import { registerCommit } from '../integrations/register/register.ts'
import type { CommandContext } from './command-context.ts'
import { EXIT, UsageError } from './exit-codes.ts'
import { printJson } from './output.ts'
import { projectionSettings } from './projection-settings.ts'
import { recordAudit } from './record-audit.ts'
import { printRefused } from './run-summary.ts'
import { integrationNamed, openSession } from './session.ts'

export type ApplyOptions = { readonly integration: string; readonly tables: readonly string[]; readonly json: boolean }

export async function applyHeld(context: CommandContext, { integration: name, tables, json }: ApplyOptions): Promise<void> {
  const { configuration, opener, environment, by } = openSession(context)
  const integration = integrationNamed(configuration, name)
  const { signal } = context
  const { prefix, connection } = integration.lake
  await using store = await opener.store(connection)
  const options = { store, prefix, integration: integration.name, environment, by, role: 'maintenance', signal } as const
  const log = await openLog(options)
  const wanted = chosen(integration, log.state(), tables)
  if (wanted.length > 0) {
    const commit = await log.append(
      (state) => ({ kind: 'maintenance', tables: acceptance(integration.name, state, wanted) }),
      signal,
    )
    for (const { table, newest, changes } of wanted) {
      const details = { table, version: newest, changes: changes.join(', '), commit: commit.number }
      await recordAudit({ store, integration, environment, by }, { event: 'schema.apply', details })
    }
  }
  if (json) await printJson(context, { integration: integration.name, commit: log.state().number, accepted: wanted })
  else for (const line of appliedLines(log.state(), wanted, tables)) await context.print(line)
  if (wanted.length === 0) return
  // Here and now, so that a person who accepts sees it; a run registers at its own cadence what comes later.
  const state = log.state()
  for (const target of integration.register) {
    await using warehouse = await opener.warehouse(target.connection)
    const { schema } = target
    const projection = projectionSettings(integration, target)
    const shown = { integration: integration.name, schema, state, store, warehouse, projection, dryRun: false }
    const { refused, commit } = await registerCommit(shown, signal)
    await printRefused(
      context,
      refused.map((table) => ({ ...table, connection: target.connection })),
    )
    if (refused.length > 0) context.exit(EXIT.failed)
    if (!json && commit !== null)
      await context.print(`registered in ${target.connection} as ${schema}.* at commit ${state.number}`)
  }
}

/** The held tables that were named, or all. Throws `UsageError` for a table that is not in the log. Pure. */
function chosen(integration: LoadedIntegration, state: LogState, tables: readonly string[]): readonly HeldTable[] {
  const unknown = tables.filter((table) => !(table in state.tables))
  if (unknown.length > 0) {
    const known = Object.keys(state.tables).join(', ') || 'none; nothing is in the lake yet'
    throw new UsageError(`Not in integration "${integration.name}": ${unknown.join(', ')}; expected ${known}`)
  }
  return heldTables(state).filter(({ table }) => tables.length === 0 || tables.includes(table))
}

/** Only what was seen is accepted. Throws `SCHEMA` when a table changed once more. */
function acceptance(
  integration: string,
  { tables }: LogState,
  wanted: readonly HeldTable[],
): Readonly<Record<TableName, TableCommit>> {
  const commits = wanted.map(({ table, newest, since }) => {
    const known = tables[table]
    if (known === undefined || known.schema.version !== newest || (known.gone === null) !== (since !== null)) {
      throw new ConnectorError(
        'SCHEMA',
        `Table "${table}" changed again while it was being accepted. Nothing was accepted; look at "portage plan ${integration}" again`,
      )
    }
    const commit: TableCommit = known.gone === null ? { accepted: newest } : { dropped: true }
    return [table, commit] as const
  })
  return Object.fromEntries(commits)
}

function appliedLines(state: LogState, accepted: readonly HeldTable[], named: readonly string[]): readonly string[] {
  const { tables } = state
  if (accepted.length === 0) {
    const others = heldTables(state).map(({ table }) => table)
    return [others.length === 0 ? 'Nothing is held' : `Nothing is held of ${named.join(', ')}; held: ${others.join(', ')}`]
  }
  return accepted.map(({ table, newest, changes }) => {
    const known = tables[table]
    if (known === undefined) return `${table}: accepted (${changes.join(', ')}); its relations leave the warehouses`
    const copying = known.shown === null ? '' : '; shown when it has been copied again'
    return `${table}: schema version ${newest} accepted (${changes.join(', ')})${copying}`
  })
}
