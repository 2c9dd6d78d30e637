/**
 * Registration: directories become partitions, the engine counts them, then each view changes by one statement, then the ledger.
 * Interrupted anywhere, views show the old rows or the new ones, and a repeat does what is left. A table that the engine refuses
 * keeps its views and its entry in the ledger; the others go on. I/O.
 */
import { ConnectorError } from '../errors.ts'
import type { RegisterOutcome, RegisterRequest } from '../ports.ts'
import { attemptTable, isAboutTable, type RefusedTables } from '../refused-table.ts'
import { describedColumns, partitionLocation, partitionNames, storedTable, textRows } from './catalogue.ts'
import type { HiveClient } from './client/client.ts'
import type { HiveWords } from './dialect.ts'
import { countRows, type FilesPlace, filesName, moveDirectory, type ProjectedTable, partitionColumn } from './files-table.ts'
import { type Ledger, type Owner, readLedger } from './ledger.ts'
import { samePlace, toLocation } from './location.ts'
import { folded, ledgerName, refuseNames } from './names.ts'
import { orMadeMeanwhile, orOvertaken, refuseForeign, refuseOvertaken } from './register-guards.ts'
import {
  changedTables,
  dropViews,
  type FilesFacts,
  type PlacePlan,
  type PlanInput,
  planPlace,
  planRecord,
  planRemoval,
  planTable,
  type TablePlan,
  type WorkingTable,
} from './registration-plan.ts'
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
  const place: FilesPlace = { integration: request.integration, schema: request.schema, s3Scheme }
  const everything = request.repair ?? ledger.commit === request.commit
  const input: PlanInput = { request, place, words, ledger, statistics, everything }
  const changed = changedTables(input)
  if (changed.some(({ table }) => table.projected.format === 'orc')) await refuseMachineZone(client, options.server, signal)
  const refused: RefusedTables = new Map()
  const plans: TablePlan[] = []
  for (const working of changed) {
    const plan = await attemptTable(refused, working.table.table, async () => {
      await refuseForeign(client, request, ledger, working.table, signal)
      return planTable(input, working, await factsOf(client, working, input, signal))
    })
    if (plan !== null) plans.push(plan)
  }
  const registration: Registration = { options, request, ledger, place, placePlan: planPlace(input), plans, refused }
  const { filesAdded, filesRemoved } = request.projection ?? NOTHING
  if (!request.dryRun) await run(registration, signal)
  return { statements: statementsOf(registration), filesAdded, filesRemoved, refused }
}

type Registration = {
  readonly options: RegisterOptions
  readonly request: RegisterRequest
  readonly ledger: Ledger
  readonly place: FilesPlace
  readonly placePlan: PlacePlan
  readonly plans: readonly TablePlan[]
  /** By what the engine said, while it runs too. */
  readonly refused: RefusedTables
}

/** Those of tables that were not refused. */
function statementsOf({ request, placePlan, plans, refused }: Registration): readonly string[] {
  const done = plans.filter(({ table }) => !refused.has(table.table))
  const all = (of: (plan: TablePlan) => readonly string[]) => done.flatMap(of)
  const { setUp, gone } = placePlan
  const shown = [...all(({ show }) => show), ...gone.show]
  const record = planRecord(request, entriesOf(done), gone.relations)
  const before = [...setUp, ...all(({ prepare }) => prepare), ...all(({ statistics }) => statistics)]
  return [...before, ...shown, ...gone.clean, ...record, ...all(({ clean }) => clean)]
}

const entriesOf = (plans: readonly TablePlan[]) => plans.map(({ entry }) => entry)

async function run(
  { options, request, ledger, place, placePlan, plans, refused }: Registration,
  signal: AbortSignal,
): Promise<void> {
  const { client, proof } = options
  const execute = async (some: readonly string[]): Promise<void> => {
    for (const statement of some) await orMadeMeanwhile(client, statement, { ...request, ledger }, signal)
  }
  const unlessOvertaken = () => refuseOvertaken(client, request, ledger, signal)
  const { setUp, gone } = placePlan
  await execute(setUp)
  const prepared: TablePlan[] = []
  for (const plan of plans) {
    const { table, added } = plan
    const prepare = async () => {
      await execute(plan.prepare)
      for (const directory of added) await settle(client, place, table, directory, signal)
      if (proof && added.length > 0) await prove(client, place, table, added, signal)
      await execute(plan.statistics)
      return plan
    }
    const done = await attemptTable(refused, table.table, () => orOvertaken(prepare, unlessOvertaken))
    if (done !== null) prepared.push(done)
  }
  await unlessOvertaken()
  const shown: TablePlan[] = []
  for (const plan of prepared) if (await show(client, plan, { request, ledger, refused }, signal)) shown.push(plan)
  await execute(gone.show)
  // The ledger is all that knows of them.
  await execute(gone.clean)
  await execute(planRecord(request, entriesOf(shown), gone.relations))
  for (const { clean } of shown) await execute(clean)
}

/**
 * False: the table is refused and shown as it was. A table whose second view alone is refused would show two commits, of which vacuum
 * knows one: that ends the registration.
 */
async function show(
  client: HiveClient,
  { table, show: [first = '', ...others] }: TablePlan,
  { request, ledger, refused }: Pick<Registration, 'request' | 'ledger' | 'refused'>,
  signal: AbortSignal,
): Promise<boolean> {
  const began = await attemptTable(refused, table.table, async () => {
    await orMadeMeanwhile(client, first, { ...request, ledger }, signal)
    return true
  })
  if (began === null) return false
  try {
    for (const statement of others) await orMadeMeanwhile(client, statement, { ...request, ledger }, signal)
    return true
  } catch (error) {
    if (!isAboutTable(error) || ledger.tables.has(folded(table.relation))) throw error
    for (const statement of dropViews(request.schema, table.relation)) await client.statement(statement, signal)
    refused.set(table.table, error)
    return false
  }
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

async function factsOf(
  client: HiveClient,
  { table, entry }: WorkingTable,
  { request, ledger, everything }: PlanInput,
  signal: AbortSignal,
): Promise<FilesFacts> {
  const name = filesName(table)
  if (ledger.names?.has(name) !== true) return { partitions: null, columns: null }
  const old = ledger.tables.get(folded(table.relation))
  // Columns may have been appended by a registration that ended before it was recorded.
  const known = !everything && old?.generation === entry.generation && old.columns === entry.columns
  const columns = known ? null : await describedColumns(client, request.schema, name, signal)
  const stored = everything ? await storedTable(client, { schema: request.schema, name, addressesOf: 'none' }, signal) : null
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
