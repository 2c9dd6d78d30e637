/** Marks tables for a new snapshot in the log: beside a run that is at work, or with `--all` in its place. */
import { ConnectorError } from '../connectors/errors.ts'
import { resyncAll, resyncTables } from '../integrations/capture/resync.ts'
import { openLog } from '../integrations/land/log/log.ts'
import type { CommandContext } from './command-context.ts'
import { UsageError } from './exit-codes.ts'
import { openSourceOf } from './scope.ts'
import { integrationNamed, openSession } from './session.ts'

export type ResyncOptions = { readonly integration: string; readonly tables: readonly string[]; readonly all: boolean }

export async function resyncNow(context: CommandContext, { integration: name, tables, all }: ResyncOptions): Promise<void> {
  if (all === tables.length > 0) throw new UsageError('Name the tables as schema.table, or say --all')
  const { configuration, opener, environment, by } = openSession(context)
  const integration = integrationNamed(configuration, name)
  const { signal } = context
  const { prefix, connection } = integration.lake
  await using store = await opener.store(connection)
  const role = all ? 'run' : 'maintenance'
  const log = await openLog({ store, prefix, integration: integration.name, environment, by, role, signal })
  if (log.state().number === 0)
    throw new UsageError(`Integration "${name}" has nothing in the lake yet. "portage run ${name}" copies every table`)
  if (!all) {
    const marked = await resyncTables(log, tables, signal)
    const [what, it] = marked.length === 1 ? ['table is', 'it'] : ['tables are', 'them']
    await context.print(
      `${marked.length} ${what} marked. A run that is at work copies ${it} within seconds; otherwise "portage run ${name}" does`,
    )
    return
  }
  await using source = await openSourceOf(integration, opener, signal)
  // A source that cannot be reached must not fence a run that can reach it, nor one at work be fenced for a slot that it holds.
  if ((await source.health(signal)).active === true) {
    const { slot } = integration.source
    throw new ConnectorError(
      'SLOT_IN_USE',
      `Replication slot "${slot}" is in use: a run is at work, and "--all" replaces the slot. Stop the run first, or copy tables beside it with "portage resync ${name} '*.*'"`,
    )
  }
  await log.claim(signal)
  await resyncAll({ log, source, onWait: (message) => void context.io.stderr.write(`${message}\n`) }, signal)
  const count = Object.keys(log.state().tables).length
  await context.print(
    `${count} ${count === 1 ? 'table is' : 'tables are'} marked, with a new slot. "portage run ${name}" copies ${count === 1 ? 'it' : 'them'} again`,
  )
}
