/** Which table or view a name means. I/O. */
import { ConnectorError } from '../../errors.ts'
import type { TableAddress } from '../../tables.ts'
import type { SnowflakeAnswer, SnowflakeClient } from '../client.ts'
import { quoted } from './unload-plan.ts'

export type Relation = { readonly database: string; readonly schema: string; readonly name: string }

export const relationSql = ({ database, schema, name }: Relation): string => [database, schema, name].map(quoted).join('.')
export const relationText = ({ database, schema, name }: Relation): string => `${database}.${schema}.${name}`

/** Tables and views of a database, as this role sees them; `name` narrows them, its case and wildcards do not matter. */
export async function listRelations(
  client: SnowflakeClient,
  { database, name }: { readonly database: string; readonly name: string | null },
  signal: AbortSignal,
): Promise<readonly Relation[]> {
  const like = name === null ? '' : ` LIKE '${name.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
  const answer = await client.run(`SHOW OBJECTS${like} IN DATABASE ${quoted(database)}`, { signal, repeatable: true })
  const cell = cellsOf(answer)
  return answer.rows.map((row) => ({
    database: cell(row, 'database_name'),
    schema: cell(row, 'schema_name'),
    name: cell(row, 'name'),
  }))
}

function cellsOf({ columns }: SnowflakeAnswer): (row: readonly (string | null)[], name: string) => string {
  const places = new Map(columns.map((column, index) => [column.name.toLowerCase(), index]))
  return (row, name) => row[places.get(name) ?? -1] ?? ''
}

/** Throws `CONFIGURATION` when neither the address nor the connection names a database. */
export async function currentDatabase(client: SnowflakeClient, signal: AbortSignal): Promise<string> {
  const { rows } = await client.run('SELECT CURRENT_DATABASE()', { signal, repeatable: true })
  const name = rows[0]?.[0] ?? null
  if (name !== null) return name
  throw new ConnectorError(
    'CONFIGURATION',
    'No database: write database.schema.table, or give the connection in config/connections.yaml a "database" that its role may use (GRANT USAGE ON DATABASE … TO ROLE …)',
  )
}

/**
 * The relation of that name: as it is written, else the only one that differs in case alone, because most names of an account are
 * upper-case and few people write them so. Null when there is none. Throws `SCHEMA` when several differ in case alone.
 */
export async function findRelation(
  client: SnowflakeClient,
  { database, schema, name }: TableAddress,
  signal: AbortSignal,
): Promise<Relation | null> {
  const inDatabase = database ?? (await currentDatabase(client, signal))
  const found = await objectsOf(client, inDatabase, name, signal)
  const alike = found.filter((each) => equal(each.schema, schema) && equal(each.name, name))
  const exact = alike.find((each) => each.schema === schema && each.name === name)
  if (exact !== undefined || alike.length <= 1) return exact ?? alike[0] ?? null
  throw new ConnectorError(
    'SCHEMA',
    `"${schema}.${name}" may be ${alike.map(relationText).join(' or ')}: write the name as it is, upper or lower case`,
  )
}

const equal = (a: string, b: string): boolean => a.toUpperCase() === b.toUpperCase()

/** A database is not listed before it is used: its name is tried as it is written, then in upper case. */
async function objectsOf(
  client: SnowflakeClient,
  database: string,
  name: string,
  signal: AbortSignal,
): Promise<readonly Relation[]> {
  try {
    return await listRelations(client, { database, name }, signal)
  } catch (error) {
    const upper = database.toUpperCase()
    const absent = error instanceof ConnectorError && ['NOT_FOUND', 'PRIVILEGE', 'STATEMENT'].includes(error.code)
    if (!absent || upper === database) throw error
    return listRelations(client, { database: upper, name }, signal)
  }
}
