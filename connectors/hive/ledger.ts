/** What is registered, as the properties of one view of the database say. Pure but for the two reads at its end. */
import type { Registered } from '../ports.ts'
import { tableNames, tableProperties } from './catalogue.ts'
import type { HiveClient } from './client/client.ts'
import { ledgerName } from './names.ts'
import { properties, qualified } from './quote.ts'

export type Owner = { readonly integration: string; readonly schema: string }

export type LedgerTable = {
  readonly relation: string
  /** `TableProjection.state`. */
  readonly state: string
  readonly generation: number
  /** Columns of the table of files. */
  readonly columns: number
  /** Of the texts of both views. */
  readonly definition: string
}

export type Ledger = {
  readonly exists: boolean
  readonly commit: number | null
  /** By folded relation. */
  readonly tables: ReadonlyMap<string, LedgerTable>
  /** Tables and views of the database, folded; null: there is no database. */
  readonly names: ReadonlySet<string> | null
}

const COMMIT = 'portage.commit'
const TABLE = 'portage.table.'
export const OWNER = 'portage.integration'

/** Hexadecimal: Spark hides the value of a property when it reads a word such as `token` or `url` in it. */
export const hidden = (name: string): string => Buffer.from(name).toString('hex')
export const shown = (hex: string): string => Buffer.from(hex, 'hex').toString()

/** One statement that brings ledger and commit to what was done, at once. */
export function recordStatement(
  owner: Owner,
  tables: readonly LedgerTable[],
  gone: readonly string[],
  commit: number | null,
): string {
  const entries: (readonly [string, string])[] = [
    ...tables.map((table) => [TABLE + hidden(table.relation), encode(table)] as const),
    ...gone.map((relation) => [TABLE + hidden(relation), ''] as const),
    ...(commit === null ? [] : [[COMMIT, String(commit)] as const]),
  ]
  return `ALTER VIEW ${qualified(owner.schema, ledgerName(owner.integration))} SET TBLPROPERTIES (${properties(entries)})`
}

export function createLedger(owner: Owner): string {
  const name = qualified(owner.schema, ledgerName(owner.integration))
  return `CREATE VIEW IF NOT EXISTS ${name} TBLPROPERTIES (${properties([[OWNER, hidden(owner.integration)]])}) AS SELECT 'its properties are what Portage registered here' AS \`about\``
}

const encode = ({ generation, columns, definition, state }: LedgerTable): string =>
  `${generation} ${columns} ${definition} ${state}`

function decode(relation: string, value: string): LedgerTable | null {
  const parts = /^(\d+) (\d+) ([0-9a-f]+) (.*)$/s.exec(value)
  const [, generation, columns, definition, state] = parts ?? []
  if (definition === undefined || state === undefined) return null
  return { relation, generation: Number(generation), columns: Number(columns), definition, state }
}

export async function readLedger(client: HiveClient, owner: Owner, signal: AbortSignal): Promise<Ledger> {
  const names = await tableNames(client, owner.schema, signal)
  const ledger = ledgerName(owner.integration)
  if (names === null || !names.has(ledger)) return { exists: false, commit: null, tables: new Map(), names }
  const found = await tableProperties(client, owner.schema, ledger, signal)
  const tables = new Map<string, LedgerTable>()
  for (const [name, value] of found) {
    if (!name.startsWith(TABLE) || value === '') continue
    const relation = shown(name.slice(TABLE.length))
    const table = decode(relation, value)
    if (table !== null) tables.set(relation.toLowerCase(), table)
  }
  const commit = found.get(COMMIT)
  return { exists: true, commit: commit === undefined ? null : Number(commit), tables, names }
}

export async function readRegistered(client: HiveClient, owner: Owner, signal: AbortSignal): Promise<Registered | null> {
  const { commit, tables } = await readLedger(client, owner, signal)
  if (commit === null) return null
  const entries = [...tables.values()].toSorted((a, b) => (a.relation < b.relation ? -1 : 1))
  return {
    commit,
    relations: entries.map(({ relation }) => relation),
    projected: new Map(entries.map(({ relation, state }) => [relation, state])),
  }
}
