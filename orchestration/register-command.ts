/** Brings the warehouses of an integration to the newest commit; needs the lake, not the source. */
import { loadState } from '../integrations/land/log/read.ts'
import { heldTables } from '../integrations/register/held-tables.ts'
import { type Registration, registerCommit } from '../integrations/register/register.ts'
import type { CommandContext } from './command-context.ts'
import { EXIT, UsageError } from './exit-codes.ts'
import { counted } from './format/quantities.ts'
import { printRows } from './output.ts'
import { projectionSettings } from './projection-settings.ts'
import { recordAudit, refusedNotes } from './record-audit.ts'
import { printHeld, printRefused } from './run-summary.ts'
import { openSession } from './session.ts'
import { anyIntegration } from './transfer/lake-integrations.ts'

export type RegisterCommandOptions = {
  readonly integration: string | undefined
  readonly repair: boolean
  readonly dryRun: boolean
  readonly json: boolean
}

export async function registerNow(context: CommandContext, options: RegisterCommandOptions): Promise<void> {
  const session = openSession(context)
  const { opener, environment, by } = session
  const integration = await anyIntegration(session, options.integration, context.signal)
  if (integration.register.length === 0) {
    throw new UsageError(`Integration "${integration.name}" names no warehouse. Add "register:" to ${integration.file}`)
  }
  const { repair, dryRun, json } = options
  const { signal } = context
  const { name, lake } = integration
  await using store = await opener.store(lake.connection)
  const state = await loadState(store, { prefix: lake.prefix, integration: name }, { signal })
  const rows = []
  for (const target of integration.register) {
    const { connection, schema } = target
    const projection = projectionSettings(integration, target)
    await using warehouse = await opener.warehouse(connection)
    const outcome = await registerCommit(
      { integration: name, schema, state, store, warehouse, projection, dryRun, repair },
      signal,
    )
    const register = { event: 'register', details: { connection, schema, commit: outcome.commit, repair } } as const
    const notes = [...(outcome.upToDate ? [] : [register]), ...refusedNotes(target, outcome.refused, context.redaction.redact)]
    if (!dryRun) for (const note of notes) await recordAudit({ store, integration, environment, by }, note)
    rows.push({ connection, schema, newest: state.number, ...outcome })
  }
  await printRows(context, rows, {
    json,
    columns: [
      { title: 'warehouse', cell: (row) => row.connection },
      { title: 'schema', cell: (row) => row.schema },
      { title: 'before', cell: (row) => row.before },
      { title: 'commit', cell: (row) => row.commit },
      { title: 'files added', cell: (row) => row.filesAdded },
      { title: 'removed', cell: (row) => row.filesRemoved },
      { title: 'relations', cell: (row) => row.relations.length },
      { title: '', cell: (row) => upToDateText(row, dryRun) },
    ],
    none: '',
  })
  const held = heldTables(state)
  await printHeld(context, name, held)
  const refused = rows.flatMap(({ connection, refused: tables }) => tables.map((table) => ({ ...table, connection })))
  await printRefused(context, refused)
  if (refused.length > 0) context.exit(EXIT.failed)
  else if (held.length > 0) context.exit(EXIT.held)
  if (json || !dryRun) return
  for (const { connection, statements } of rows) {
    for (const statement of statements) await context.print(`\n-- ${connection}\n${statement}`)
  }
}

function upToDateText({ upToDate, refused }: Pick<Registration, 'upToDate' | 'refused'>, dryRun: boolean): string | null {
  if (refused.length > 0) return `${counted(refused.length, 'table')} refused`
  return upToDate ? 'up to date' : dryRun ? 'dry run' : null
}
