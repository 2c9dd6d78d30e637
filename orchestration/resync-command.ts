/** Marks tables for a new snapshot in the log; the next `run` copies them. A run that is at work is fenced by the claim. */
import type { TableName } from '../connectors/change.ts'
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
  const log = await openLog({ store, prefix, integration: integration.name, environment, by, signal })
  if (log.state().number === 0)
    throw new UsageError(`Integration "${name}" has nothing in the lake yet. "portage run ${name}" copies every table`)
  if (all) {
    await using source = await openSourceOf(integration, opener, signal)
    // A source that cannot be reached must not fence a run that can reach it.
    await source.identity(signal)
    await log.claim(signal)
    await resyncAll({ log, source, onWait: (message) => void context.io.stderr.write(`${message}\n`) }, signal)
  } else {
    const unknown = tables.filter((table) => !(table in log.state().tables))
    if (unknown.length > 0) {
      throw new UsageError(
        `Not in integration "${name}": ${unknown.join(', ')}; expected ${Object.keys(log.state().tables).join(', ')}`,
      )
    }
    await log.claim(signal)
    await resyncTables(log, tables as readonly TableName[], signal)
  }
  const count = all ? Object.keys(log.state().tables).length : tables.length
  await context.print(
    `${count} ${count === 1 ? 'table is' : 'tables are'} marked. "portage run ${name}" copies ${count === 1 ? 'it' : 'them'} again`,
  )
}
