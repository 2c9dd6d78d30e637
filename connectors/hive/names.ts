/** Names of what a registration makes in a database of the metastore, and which names it can hold. Pure. */
import type { TableSchema } from '../change.ts'
import { ConnectorError } from '../errors.ts'
import type { RegisterRequest, TableRegistration } from '../ports.ts'

/** The metastore keeps names in lower case. */
export const folded = (name: string): string => name.toLowerCase()

/** Tables over the files of one relation; the number rises when their columns change otherwise than by some more. */
export const filesTable = (relation: string, generation: number): string => `${filesPrefix(relation)}${generation}`
export const filesPrefix = (relation: string): string => `portage_files__${folded(relation)}__`

/** The view whose properties say what is registered. */
export const ledgerName = (integration: string): string => `portage_ledger__${folded(integration)}`

export const historyName = (relation: string): string => `${relation}_changes`

export const viewsOf = (relation: string): readonly string[] => [relation, historyName(relation)].map(folded)

const RELATION = /^[A-Za-z0-9_]+$/
/** Hive's parser refuses the two in the name of a column, whatever the quotes. */
const COLUMN = /^[^.:]*$/
const OWN = /^portage_(?:files|ledger)__/

/** `SCHEMA` for names that the metastore cannot hold; null: it can. */
export const refusal = ({ table, relation, schema }: TableRegistration): ConnectorError | null =>
  refusedRelation(table, relation) ?? refusedColumns(schema)

/** Throws `CONFIGURATION` for a database whose name the metastore cannot hold, and what `refusal` says. */
export function refuseNames({ schema, tables }: RegisterRequest): void {
  if (!RELATION.test(schema)) {
    throw new ConnectorError(
      'CONFIGURATION',
      `Database "${schema}" cannot be in a Hive metastore: expected letters, digits and _. Give another "schema" under "register"`,
    )
  }
  for (const table of tables) {
    const error = refusal(table)
    if (error !== null) throw error
  }
}

function refusedRelation(table: string, relation: string): ConnectorError | null {
  if (RELATION.test(relation) && !OWN.test(relation)) return null
  return new ConnectorError(
    'SCHEMA',
    `Table "${table}" cannot be shown as "${relation}" in a Hive metastore: expected letters, digits and _, and names that begin with portage_files__ or portage_ledger__ are Portage's own. Rename it, or leave it out with "!${table}" under "source.tables" of a new integration`,
  )
}

function refusedColumns({ table, columns }: TableSchema): ConnectorError | null {
  const wrong = columns.find(({ name, dropped }) => dropped !== true && !COLUMN.test(name))
  if (wrong === undefined) return null
  return new ConnectorError(
    'SCHEMA',
    `Column "${wrong.name}" of "${table}" cannot be in a Hive metastore: expected a name without . and :. Give it another with "columns: {${table}.${wrong.name}: {rename: …}}"`,
  )
}
