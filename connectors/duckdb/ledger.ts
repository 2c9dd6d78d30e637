/** What is registered, kept in the warehouse itself: tables of the schema `portage`. */
import type { Position } from '../change.ts'
import type { Registered, RegisteredFile, RegisterRequest } from '../ports.ts'
import type { Database } from './instance.ts'
import { text } from './quote.ts'

/** Schema of Portage's own tables and of the views that hold file lists. */
export const LEDGER_SCHEMA = 'portage'

const INSERT_ROWS = 1_000

export const LEDGER_DDL: readonly string[] = [
  `create schema if not exists ${LEDGER_SCHEMA}`,
  `create table if not exists ${LEDGER_SCHEMA}.registered (integration varchar, "schema" varchar, "commit" bigint, position varchar, registered_at timestamptz, primary key (integration, "schema"))`,
  `create table if not exists ${LEDGER_SCHEMA}.relations (integration varchar, "schema" varchar, relation varchar, source_table varchar, definition varchar, primary key ("schema", relation))`,
  `create table if not exists ${LEDGER_SCHEMA}.files (integration varchar, "schema" varchar, relation varchar, part varchar, key varchar, address varchar, size bigint, sha256 varchar, row_count bigint)`,
  `create table if not exists ${LEDGER_SCHEMA}.behind (integration varchar, "schema" varchar, relation varchar, "commit" bigint, primary key ("schema", relation))`,
]

export type Owner = { readonly integration: string; readonly schema: string }
/** `recent`: those of `changes` that the relation of current rows needs beside `renewed`. */
export const PARTS = ['base', 'changes', 'renewed', 'recent'] as const
export type Part = (typeof PARTS)[number]

/** A relation as registered before: its definition and, per part, its files by address. */
export type LedgerRelation = {
  readonly relation: string
  readonly definition: string
  readonly files: Readonly<Record<Part, ReadonlyMap<string, string>>>
}

export type Ledger = {
  readonly commit: number | null
  /** Relations that show an earlier commit, and which. */
  readonly behind: ReadonlyMap<string, number>
  readonly relations: ReadonlyMap<string, LedgerRelation>
  /** Relations of the same schema that another integration owns: name → integration. */
  readonly foreign: ReadonlyMap<string, string>
}

export const EMPTY_LEDGER: Ledger = { commit: null, behind: new Map(), relations: new Map(), foreign: new Map() }

/** Whether Portage made this database. */
export const hasLedger = (database: Database): Promise<boolean> => hasTable(database, 'registered')

async function hasTable(database: Database, name: string): Promise<boolean> {
  const found = await database.rows(
    `select 1 from duckdb_tables() where schema_name = ${text(LEDGER_SCHEMA)} and table_name = ${text(name)}`,
  )
  return found.length > 0
}

export async function readRegistered(database: Database, owner: Owner): Promise<Registered | null> {
  const rows = await database.rows(`select "commit" from ${LEDGER_SCHEMA}.registered where ${ownedBy(owner)}`)
  const commit = rows[0]?.[0]
  if (commit === undefined) return null
  const relations = await database.rows(
    `select relation from ${LEDGER_SCHEMA}.relations where ${ownedBy(owner)} order by relation`,
  )
  const behind = await readBehind(database, owner)
  return {
    commit: Number(commit),
    relations: relations.map((row) => String(row[0])),
    ...(behind.size === 0 ? {} : { behind }),
  }
}

/** Files that were made before anything could be behind lack the table. */
async function readBehind(database: Database, owner: Owner): Promise<ReadonlyMap<string, number>> {
  if (!(await hasTable(database, 'behind'))) return new Map()
  const rows = await database.rows(`select relation, "commit" from ${LEDGER_SCHEMA}.behind where ${ownedBy(owner)}`)
  return new Map(rows.map(([relation, commit]) => [String(relation), Number(commit)]))
}

/** Every schema that an integration registered into, in the order of their names. */
export async function readSchemas(database: Database): Promise<readonly string[]> {
  const rows = await database.rows(`select distinct "schema" from ${LEDGER_SCHEMA}.registered order by 1`)
  return rows.map((row) => String(row[0]))
}

export async function readLedger(database: Database, owner: Owner): Promise<Ledger> {
  const registered = await readRegistered(database, owner)
  const relations = new Map<string, { relation: string; definition: string; files: Record<Part, Map<string, string>> }>()
  const foreign = new Map<string, string>()
  const rows = await database.rows(
    `select integration, relation, definition from ${LEDGER_SCHEMA}.relations where "schema" = ${text(owner.schema)}`,
  )
  for (const row of rows) {
    const [integration, relation, definition] = row.map(String) as [string, string, string]
    if (integration === owner.integration) {
      relations.set(relation, { relation, definition, files: noFiles() })
    } else foreign.set(relation.toLowerCase(), integration)
  }
  const files = await database.rows(`select relation, part, address, sha256 from ${LEDGER_SCHEMA}.files where ${ownedBy(owner)}`)
  for (const row of files) {
    const [relation, part, address, sha256] = row.map(String) as [string, Part, string, string]
    relations.get(relation)?.files[part].set(address, sha256)
  }
  return { commit: registered?.commit ?? null, behind: registered?.behind ?? new Map(), relations, foreign }
}

const noFiles = () => ({
  base: new Map<string, string>(),
  changes: new Map<string, string>(),
  renewed: new Map<string, string>(),
  recent: new Map<string, string>(),
})

/** Addresses that views read and that are none of the request's: of relations that are kept, and of other owners. */
export async function addressesBeside(database: Database, request: RegisterRequest): Promise<ReadonlySet<string>> {
  const named = ["''", ...request.tables.map(({ relation }) => text(relation))].join(', ')
  const rows = await database.rows(
    `select distinct address from ${LEDGER_SCHEMA}.files where not (${ownedBy(request)} and relation in (${named}))`,
  )
  return new Set(rows.map(([address]) => String(address)))
}

export function recordCommit(owner: Owner, commit: number, position: Position, at: Date): string {
  const values = [text(owner.integration), text(owner.schema), String(commit), text(position), text(at.toISOString())]
  return `insert or replace into ${LEDGER_SCHEMA}.registered values (${values.join(', ')})`
}

/** Statements that make the relations which are behind exactly these. */
export function recordBehind(owner: Owner, behind: ReadonlyMap<string, number>): readonly string[] {
  const of = `${text(owner.integration)}, ${text(owner.schema)}`
  const rows = [...behind].map(([relation, commit]) => `(${of}, ${text(relation)}, ${commit})`)
  return [
    `delete from ${LEDGER_SCHEMA}.behind where ${ownedBy(owner)}`,
    ...(rows.length === 0 ? [] : [`insert into ${LEDGER_SCHEMA}.behind values ${rows.join(', ')}`]),
  ]
}

export function recordRelation(owner: Owner, relation: string, table: string, definition: string): string {
  const values = [owner.integration, owner.schema, relation, table, definition].map(text)
  return `insert or replace into ${LEDGER_SCHEMA}.relations values (${values.join(', ')})`
}

/** Statements that make the recorded files of one part exactly these. */
export function recordFiles(
  owner: Owner,
  relation: string,
  part: Part,
  change: { readonly added: readonly RegisteredFile[]; readonly removed: readonly string[] },
): readonly string[] {
  const statements: string[] = []
  const of = `${ownedBy(owner)} and relation = ${text(relation)} and part = ${text(part)}`
  for (const removed of slices(change.removed)) {
    statements.push(`delete from ${LEDGER_SCHEMA}.files where ${of} and address in (${removed.map(text).join(', ')})`)
  }
  for (const added of slices(change.added)) {
    const rows = added.map((file) => {
      const texts = [owner.integration, owner.schema, relation, part, file.key, file.address].map(text)
      return `(${texts.join(', ')}, ${file.size}, ${text(file.sha256)}, ${file.rows})`
    })
    statements.push(`insert into ${LEDGER_SCHEMA}.files values ${rows.join(', ')}`)
  }
  return statements
}

export function forgetRelation(owner: Owner, relation: string): readonly string[] {
  const of = `${ownedBy(owner)} and relation = ${text(relation)}`
  return [`delete from ${LEDGER_SCHEMA}.relations where ${of}`, `delete from ${LEDGER_SCHEMA}.files where ${of}`]
}

export function forgetCommit(owner: Owner): string {
  return `delete from ${LEDGER_SCHEMA}.registered where ${ownedBy(owner)}`
}

const ownedBy = (owner: Owner): string => `integration = ${text(owner.integration)} and "schema" = ${text(owner.schema)}`

function* slices<T>(items: readonly T[]): Iterable<readonly T[]> {
  for (let start = 0; start < items.length; start += INSERT_ROWS) yield items.slice(start, start + INSERT_ROWS)
}
