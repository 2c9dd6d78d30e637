/** From what the database holds to what it should show: the statements of one registration, table by table. Pure. */
import { createHash } from 'node:crypto'
import { METADATA_COLUMNS } from '../change.ts'
import { ConnectorError } from '../errors.ts'
import type { ProjectedDirectory, RegisterRequest, StoredTable } from '../ports.ts'
import type { HiveWords } from './dialect.ts'
import {
  addColumns,
  addPartitions,
  computeStatistics,
  createFilesTable,
  dropFilesTable,
  dropPartitions,
  type FilesPlace,
  filesName,
  type ProjectedTable,
  partitionColumn,
  projectedTables,
  resetFilesTable,
  type StoredColumn,
  scansOf,
  storedColumns,
} from './files-table.ts'
import { createLedger, hidden, type Ledger, type LedgerTable, OWNER, recordStatement } from './ledger.ts'
import { filesPrefix, filesTable, folded, historyName, viewsOf } from './names.ts'
import { identifier, properties, qualified, text } from './quote.ts'

/** What is known of the files table of one relation that must change. */
export type FilesFacts = {
  /** Null: there is no such table. */
  readonly partitions: ReadonlySet<string> | null
  /** As the engine describes them; null: they are what the ledger says. */
  readonly columns: readonly StoredColumn[] | null
  /** Format as the engine describes it; absent: what was made is believed. */
  readonly format?: StoredTable['format']
}

export type View = {
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly comment: string | null }[]
  readonly select: string
}

export type WorkingTable = {
  readonly table: ProjectedTable
  readonly views: readonly View[]
  readonly entry: LedgerTable
}

export type PlanInput = {
  readonly request: RegisterRequest
  readonly place: FilesPlace
  readonly words: HiveWords
  readonly ledger: Ledger
  /** Trust nothing that the ledger says: everything is looked at and made again. */
  readonly everything: boolean
  /** Whether the engine is to count new directories for its planner. */
  readonly statistics: boolean
}

/** Tables whose directories or views are not what the ledger says, or whose views or files table are gone. */
export function changedTables({ request, place, ledger, everything }: PlanInput): readonly WorkingTable[] {
  return projectedTables(request).flatMap((table) => {
    const sql = request.relationSql(table, scansOf(place, table))
    const columns = (names: readonly string[]) => names.map((name) => ({ name, comment: sql.comments.get(name) ?? null }))
    const views: readonly View[] = [
      {
        name: folded(historyName(table.relation)),
        columns: columns([...METADATA_COLUMNS, ...sql.columns]),
        select: sql.changes,
      },
      { name: folded(table.relation), columns: columns(sql.columns), select: sql.current },
    ]
    const definition = createHash('sha256').update(JSON.stringify(views)).digest('hex').slice(0, 16)
    const { state, generation, directories } = table.projected
    const width = storedColumns(table.schema).length
    const entry: LedgerTable = { relation: table.relation, state, generation, columns: width, definition }
    const old = ledger.tables.get(folded(table.relation))
    const isThere = (name: string) => ledger.names?.has(folded(name)) === true
    const same =
      !everything &&
      old !== undefined &&
      old.state === state &&
      old.definition === definition &&
      viewsOf(table.relation).every(isThere) &&
      (directories.length === 0 || isThere(filesName(table)))
    return same ? [] : [{ table, views, entry }]
  })
}

/** The statements of one table, in the order in which they run. */
export type TablePlan = {
  readonly table: ProjectedTable
  readonly entry: LedgerTable
  /** Nothing of it can be seen through the views. */
  readonly prepare: readonly string[]
  /** Directories that the engine did not show before: read back and proven. */
  readonly added: readonly ProjectedDirectory[]
  readonly statistics: readonly string[]
  /** One statement per view: old rows before it, new ones after it. */
  readonly show: readonly string[]
  /** What nothing shows any more, nor did until now. */
  readonly clean: readonly string[]
}

/** Throws `SCHEMA` where somebody gave the table that the views read other columns or another format. */
export function planTable(input: PlanInput, working: WorkingTable, known: FilesFacts): TablePlan {
  const { request, place, words, ledger, everything } = input
  const { table, views, entry } = working
  const old = ledger.tables.get(folded(table.relation))
  // Hive takes no ORC table back to another format.
  const isOther = known.format !== undefined && known.format !== table.projected.format
  const fit = isOther ? 'another' : fitOf(table, known, old)
  // A repair makes another table beside this one, unless nobody can read any more which one this is.
  if (fit === 'another' && old?.generation === entry.generation && request.repair !== true) throw changedTable(request, table)
  const partitions = fit === 'another' ? null : known.partitions
  const isThere = (name: string) => partitions?.has(name) === true
  const { directories } = table.projected
  const prepare: string[] = fit === 'another' ? [...dropFilesTable(request.schema, filesName(table))] : []
  if (directories.length > 0) {
    if (partitions === null) prepare.push(createFilesTable(place, table))
    else {
      if (everything) prepare.push(...resetFilesTable(place, table))
      if (typeof fit === 'number') prepare.push(addColumns(place, table, fit, words.cascade))
    }
    const missing = directories.filter(({ name }) => !isThere(name))
    prepare.push(...addPartitions(place, table, missing))
  }
  // A partition that is there may be the leftover of a registration that ended before, or by, its proof.
  const added = directories.filter(({ name, recorded }) => !recorded || !isThere(name))
  // What was shown until now stays for one registration more: a query that read the view before looks for its partitions afterwards.
  const before = everything ? [] : (table.projected.superseded ?? [])
  const named = new Set([...directories.map(({ name }) => name), ...before])
  const unnamed = [...(partitions ?? [])].filter((name) => !named.has(name))
  return {
    table,
    entry,
    prepare,
    added,
    statistics: input.statistics ? added.map((directory) => computeStatistics(place, table, directory)) : [],
    show: views.map((view) => showView(input, view)),
    clean: [...dropPartitions(place, table, unnamed), ...otherGenerations(request, ledger, table, everything ? undefined : old)],
  }
}

/** What belongs to no table of the request: the place itself before all tables, relations that are gone after them. */
export type PlacePlan = {
  readonly setUp: readonly string[]
  readonly gone: {
    readonly relations: readonly string[]
    readonly show: readonly string[]
    readonly clean: readonly string[]
  }
}

export function planPlace({ request, ledger }: Pick<PlanInput, 'request' | 'ledger'>): PlacePlan {
  const { integration, schema } = request
  const wanted = new Set([...request.tables.map(({ relation }) => relation), ...(request.kept ?? [])].map(folded))
  const relations = [...ledger.tables.values()].map(({ relation }) => relation).filter((name) => !wanted.has(folded(name)))
  return {
    setUp: [
      ...(ledger.names === null ? [`CREATE DATABASE IF NOT EXISTS ${identifier(schema)}`] : []),
      ...(ledger.exists ? [] : [createLedger({ integration, schema })]),
    ],
    gone: {
      relations,
      show: relations.flatMap((relation) => dropViews(schema, relation)),
      clean: relations.flatMap((relation) => filesTablesOf(ledger, relation).flatMap((name) => dropFilesTable(schema, name))),
    },
  }
}

export const dropViews = (schema: string, relation: string): readonly string[] =>
  viewsOf(relation).map((name) => `DROP VIEW IF EXISTS ${qualified(schema, name)}`)

/** So many entries of the ledger in one statement. */
const ENTRIES = 50

/** The commit comes last: until then a repeat does all of it. */
export function planRecord(
  { integration, schema, commit }: Pick<RegisterRequest, 'integration' | 'schema' | 'commit'>,
  entries: readonly LedgerTable[],
  gone: readonly string[],
): readonly string[] {
  const owner = { integration, schema }
  const record: string[] = []
  for (let start = 0; start < entries.length; start += ENTRIES) {
    record.push(recordStatement(owner, entries.slice(start, start + ENTRIES), [], null))
  }
  return [...record, recordStatement(owner, [], gone, commit)]
}

/** Everything that a removal drops; never a file. */
export function planRemoval(owner: { readonly schema: string }, ledger: Ledger, ledgerView: string): readonly string[] {
  return [
    ...[...ledger.tables.keys()].flatMap((relation) => dropViews(owner.schema, relation)),
    ...[...ledger.tables.keys()].flatMap((relation) =>
      filesTablesOf(ledger, relation).flatMap((name) => dropFilesTable(owner.schema, name)),
    ),
    // Last: as long as it is there, what was interrupted can be repeated.
    `DROP VIEW IF EXISTS ${qualified(owner.schema, ledgerView)}`,
  ]
}

function changedTable({ integration, schema }: RegisterRequest, table: ProjectedTable): ConnectorError {
  return new ConnectorError(
    'SCHEMA',
    `Table "${schema}.${filesName(table)}" has other columns or another format than it was registered with: somebody changed it. Make it anew beside the old one with "portage register ${integration} --repair"`,
  )
}

/** `true`: the columns are right. A number: so many are, the others are to be appended. `another`: it must be made again. */
function fitOf(
  table: ProjectedTable,
  { partitions, columns }: FilesFacts,
  old: LedgerTable | undefined,
): true | number | 'another' {
  if (partitions === null) return true
  const wanted = storedColumns(table.schema)
  const found = columns ?? wanted.slice(0, old?.columns ?? 0)
  const partition = partitionColumn(table.schema)
  const own = found.filter(({ name }) => name !== partition)
  const equal = own.every(({ name, type }, index) => wanted[index]?.name === name && wanted[index]?.type === type)
  if (!equal || own.length > wanted.length) return 'another'
  return own.length === wanted.length ? true : own.length
}

const filesTablesOf = ({ names }: Ledger, relation: string): readonly string[] =>
  [...(names ?? [])].filter(
    (name) => name.startsWith(filesPrefix(relation)) && /^\d+$/.test(name.slice(filesPrefix(relation).length)),
  )

function otherGenerations(
  request: RegisterRequest,
  ledger: Ledger,
  table: ProjectedTable,
  old: LedgerTable | undefined,
): readonly string[] {
  const kept = [filesName(table), ...(old === undefined ? [] : [filesTable(folded(table.relation), old.generation)])]
  const others = filesTablesOf(ledger, table.relation).filter((name) => !kept.includes(name))
  return others.flatMap((name) => dropFilesTable(request.schema, name))
}

function showView({ request, words, ledger }: PlanInput, { name, columns, select }: View): string {
  const view = qualified(request.schema, name)
  if (words.replaceView === 'alter' && ledger.names?.has(name) === true) return `ALTER VIEW ${view} AS\n${select}`
  const replace = words.replaceView === 'create' ? 'OR REPLACE ' : ''
  const owner = properties([[OWNER, hidden(request.integration)]])
  return `CREATE ${replace}VIEW ${view}${commented(columns)} TBLPROPERTIES (${owner}) AS\n${select}`
}

/** Names are the query's own; listed only where one has a comment. */
function commented(columns: View['columns']): string {
  if (columns.every(({ comment }) => comment === null)) return ''
  const listed = columns.map(({ name, comment }) => `${identifier(name)}${comment === null ? '' : ` COMMENT ${text(comment)}`}`)
  return ` (${listed.join(', ')})`
}
