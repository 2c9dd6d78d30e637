/** What a registration refuses, and who comes first when there are two. I/O. */
import { ConnectorError } from '../errors.ts'
import type { RegisterRequest } from '../ports.ts'
import { isAboutTable } from '../refused-table.ts'
import { tableNames, tableProperties } from './catalogue.ts'
import type { HiveClient } from './client/client.ts'
import type { ProjectedTable } from './files-table.ts'
import { type Ledger, OWNER, type Owner, readLedger, shown } from './ledger.ts'
import { folded, ledgerName, viewsOf } from './names.ts'

/** Two registrations at once would show each other's leftovers: the second one to get here begins again at its next turn. */
export async function refuseOvertaken(client: HiveClient, owner: Owner, { commit }: Ledger, signal: AbortSignal): Promise<void> {
  const now = await readLedger(client, owner, signal)
  if (now.commit === commit) return
  throw new ConnectorError(
    'UNAVAILABLE',
    `Another registration of "${owner.integration}" in "${owner.schema}" brought it from commit ${commit ?? 'none'} to ${now.commit ?? 'none'} meanwhile. Nothing was shown; register again`,
  )
}

/** Of two registrations at once the quicker one drops what it does not know: that is no fault of a table. */
export async function orOvertaken<Result>(work: () => Promise<Result>, unlessOvertaken: () => Promise<void>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ConnectorError && error.code !== 'ABORTED' && error.recovery !== 'retry') await unlessOvertaken()
    throw error
  }
}

/** A relation of this name that is not ours stays what it is. */
export async function refuseForeign(
  client: HiveClient,
  { schema, integration }: RegisterRequest,
  ledger: Ledger,
  { relation }: Pick<ProjectedTable, 'relation'>,
  signal: AbortSignal,
): Promise<void> {
  if (ledger.tables.has(folded(relation))) return
  for (const view of viewsOf(relation)) {
    if (ledger.names?.has(view) !== true) continue
    const owner = (await tableProperties(client, schema, view, signal)).get(OWNER)
    if (owner !== undefined && shown(owner) === integration) continue
    const whose = owner === undefined ? 'is somebody else’s table' : `already belongs to the integration "${shown(owner)}"`
    throw new ConnectorError(
      'CONFIGURATION',
      `Relation "${schema}.${view}" ${whose}. Give "${integration}" another schema under "register"`,
    )
  }
}

/**
 * Runs a statement. What `IF NOT EXISTS` leaves open: two registrations that make one object at the same moment, and the engine
 * refuses it to one of them. Database and ledger are there then; a table or view says that another registration is at work
 * (`UNAVAILABLE`).
 */
export async function orMadeMeanwhile(
  client: HiveClient,
  sql: string,
  { schema, integration, ledger }: Owner & { readonly ledger: Ledger },
  signal: AbortSignal,
): Promise<void> {
  try {
    await client.statement(sql, signal)
  } catch (error) {
    const [, , name] = /^CREATE [A-Z ]*`([^`]+)`(?:\.`([^`]+)`)?/.exec(sql) ?? []
    const made = name === undefined ? sql.startsWith('CREATE DATABASE') : ledger.names?.has(name) !== true
    if (!made || !isAboutTable(error)) throw error
    const now = await tableNames(client, schema, signal)
    if (now === null || (name !== undefined && !now.has(name))) throw error
    if (name === undefined) return
    const owner = (await tableProperties(client, schema, name, signal)).get(OWNER)
    if (owner === undefined || shown(owner) !== integration) throw error
    if (name === ledgerName(integration)) return
    throw new ConnectorError(
      'UNAVAILABLE',
      `Another registration of "${integration}" in "${schema}" made "${name}" at the same moment. Nothing was shown; register again`,
      { cause: error },
    )
  }
}
