/**
 * Registration: directories become partitions, the engine counts them, then each view changes by one statement, then the ledger.
 * Interrupted anywhere, views show the old rows or the new ones, and a repeat does what is left. I/O.
 */
import { ConnectorError } from '../errors.ts'
import type { RegisterOutcome, RegisterRequest } from '../ports.ts'
import { describedColumns, partitionLocation, partitionNames, storedTable, tableProperties, textRows } from './catalogue.ts'
import type { HiveClient } from './client/client.ts'
import type { HiveWords } from './dialect.ts'
import { countRows, type FilesPlace, filesName, moveDirectory, type ProjectedTable, partitionColumn } from './files-table.ts'
import { type Ledger, OWNER, type Owner, readLedger, shown } from './ledger.ts'
import { samePlace, toLocation } from './location.ts'
import { folded, ledgerName, refuseNames, viewsOf } from './names.ts'
import { changedTables, type FilesFacts, planRegistration, planRemoval, type WorkingTable } from './registration-plan.ts'
import { refuseMachineZone } from './time-zone.ts'

export type RegisterOptions = {
  readonly client: HiveClient
  /** As messages call it. */
  readonly server: string
  readonly words: HiveWords
  readonly s3Scheme: 's3a' | 's3'
  /** Let the engine count the rows of new directories. */
  readonly proof: boolean
  /** Let the engine count rows and bytes of new directories for its planner. */
  readonly statistics: boolean
}

const NOTHING: RegisterOutcome = { statements: [], filesAdded: 0, filesRemoved: 0 }

/**
 * An older commit than the recorded one changes nothing; the same commit is a repair when something differs. Throws `PROOF`
 * before anything is shown when the engine reads other rows than were written.
 */
export async function register(
  options: RegisterOptions,
  request: RegisterRequest,
  signal: AbortSignal,
): Promise<RegisterOutcome> {
  const { client, words, s3Scheme, statistics } = options
  signal.throwIfAborted()
  refuseNames(request)
  const ledger = await readLedger(client, request, signal)
  if (ledger.commit !== null && ledger.commit > request.commit) return NOTHING
  await refuseForeign(client, request, ledger, signal)
  const place: FilesPlace = { integration: request.integration, schema: request.schema, s3Scheme }
  const input = { request, place, words, ledger, statistics, everything: ledger.commit === request.commit }
  const changed = changedTables(input)
  if (changed.some(({ table }) => table.projected.format === 'orc')) await refuseMachineZone(client, options.server, signal)
  const facts = new Map<string, FilesFacts>()
  for (const table of changed) facts.set(table.table.relation, await factsOf(client, table, input, signal))
  const plan = planRegistration(input, changed, facts)
  const statements = [...plan.prepare, ...plan.statistics, ...plan.show, ...plan.record, ...plan.clean]
  const { filesAdded, filesRemoved } = request.projection ?? NOTHING
  if (request.dryRun) return { statements, filesAdded, filesRemoved }
  const run = async (some: readonly string[]): Promise<void> => {
    for (const statement of some) await client.statement(statement, signal)
  }
  try {
    await run(plan.prepare)
    for (const { table, directories } of plan.added) {
      for (const directory of directories) await settle(client, place, table, directory, signal)
      if (options.proof) await prove(client, place, table, directories, signal)
    }
    await run(plan.statistics)
  } catch (error) {
    // The other one dropped what it did not know.
    if (!signal.aborted && error instanceof ConnectorError && error.recovery !== 'retry') {
      await refuseOvertaken(client, request, ledger, signal)
    }
    throw error
  }
  await refuseOvertaken(client, request, ledger, signal)
  await run(plan.show)
  await run(plan.record)
  await run(plan.clean)
  return { statements, filesAdded, filesRemoved }
}

/** What removal drops: views and tables over files, never a file of the lake. */
export async function unregister(
  client: HiveClient,
  request: Owner & { readonly dryRun: boolean },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const ledger = await readLedger(client, request, signal)
  if (!ledger.exists) return []
  const statements = planRemoval(request, ledger, ledgerName(request.integration))
  if (!request.dryRun) for (const statement of statements) await client.statement(statement, signal)
  return statements
}

type Input = { readonly request: RegisterRequest; readonly ledger: Ledger; readonly everything: boolean }

async function factsOf(
  client: HiveClient,
  { table, entry }: WorkingTable,
  { request, ledger, everything }: Input,
  signal: AbortSignal,
): Promise<FilesFacts> {
  const name = filesName(table)
  if (ledger.names?.has(name) !== true) return { partitions: null, columns: null }
  const old = ledger.tables.get(folded(table.relation))
  // Columns may have been appended by a registration that ended before it was recorded.
  const known = !everything && old?.generation === entry.generation && old.columns === entry.columns
  const columns = known ? null : await describedColumns(client, request.schema, name, signal)
  const stored = everything ? await storedTable(client, request.schema, name, signal) : null
  if (stored !== null) return { partitions: new Set(stored.directories), columns, format: stored.format }
  return { partitions: await partitionNames(client, request.schema, name, signal), columns }
}

/** `IF NOT EXISTS` says nothing of a partition that is there with another location: what counts is what can be read back. */
async function settle(
  client: HiveClient,
  place: FilesPlace,
  table: ProjectedTable,
  directory: ProjectedTable['projected']['directories'][number],
  signal: AbortSignal,
): Promise<void> {
  const wanted = toLocation(directory.address, place.s3Scheme)
  const asked = {
    schema: place.schema,
    table: filesName(table),
    column: partitionColumn(table.schema),
    directory: directory.name,
  }
  const found = await partitionLocation(client, asked, signal)
  if (found !== null && samePlace(found, wanted)) return
  await client.statement(moveDirectory(place, table, directory), signal)
  const now = await partitionLocation(client, asked, signal)
  if (now !== null && samePlace(now, wanted)) return
  throw new ConnectorError(
    'PROOF',
    `Partition "${directory.name}" of "${place.schema}.${asked.table}" is at "${now}", expected "${wanted}". Nothing was shown; drop the table and register with --repair`,
  )
}

async function prove(
  client: HiveClient,
  place: FilesPlace,
  table: ProjectedTable,
  directories: ProjectedTable['projected']['directories'],
  signal: AbortSignal,
): Promise<void> {
  const rows = await textRows(client, countRows(place, table, directories), signal)
  const counted = new Map(rows.map(([, directory, count]) => [directory, Number(count)]))
  const wrong = directories.filter(({ name, rows: expected }) => (counted.get(name) ?? 0) !== expected)
  const [first] = wrong
  if (first === undefined) return
  throw new ConnectorError(
    'PROOF',
    `Directory "${first.address}" of "${table.table}" has ${first.rows} rows; ${client.dialect} reads ${counted.get(first.name) ?? 0}${wrong.length > 1 ? `, and ${wrong.length - 1} more differ` : ''}. Nothing was shown; see whether the engine reaches the lake, then register again`,
  )
}

/** Two registrations at once would show each other's leftovers: the second one to get here begins again at its next turn. */
async function refuseOvertaken(client: HiveClient, owner: Owner, { commit }: Ledger, signal: AbortSignal): Promise<void> {
  const now = await readLedger(client, owner, signal)
  if (now.commit === commit) return
  throw new ConnectorError(
    'UNAVAILABLE',
    `Another registration of "${owner.integration}" in "${owner.schema}" brought it from commit ${commit ?? 'none'} to ${now.commit ?? 'none'} meanwhile. Nothing was shown; register again`,
  )
}

/** A relation of this name that is not ours stays what it is. */
async function refuseForeign(client: HiveClient, request: RegisterRequest, ledger: Ledger, signal: AbortSignal): Promise<void> {
  for (const { relation } of request.tables) {
    if (ledger.tables.has(folded(relation))) continue
    for (const view of viewsOf(relation)) {
      if (ledger.names?.has(view) !== true) continue
      const owner = (await tableProperties(client, request.schema, view, signal)).get(OWNER)
      if (owner !== undefined && shown(owner) === request.integration) continue
      const whose = owner === undefined ? 'is somebody else’s table' : `already belongs to the integration "${shown(owner)}"`
      throw new ConnectorError(
        'CONFIGURATION',
        `Relation "${request.schema}.${view}" ${whose}. Give "${request.integration}" another schema under "register"`,
      )
    }
  }
}
