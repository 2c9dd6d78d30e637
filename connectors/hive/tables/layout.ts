/** Asks a server where a table keeps its files, and refuses tables whose files are not their rows. I/O through the client. */
import { ConnectorError } from '../../errors.ts'
import type { ColumnMatching, ForeignColumn, ForeignLayout, ForeignPlace } from '../../manifest.ts'
import type { TableAddress } from '../../tables.ts'
import { type HiveClient, type HiveValue, rowsOf } from '../client/client.ts'
import { dialectProblem } from '../dialect-problem.ts'
import { qualified } from '../quote.ts'
import { type Owner, shapeOf } from './column-type.ts'
import { type DescribedColumn, type Description, readDescription } from './describe.ts'
import { partitionSpec, partitionValues } from './partition-name.ts'
import { formatOf, refusalOf } from './refusals.ts'

/** Partitions that are asked for at the same time. */
const AT_ONCE = 4

const WHOLE_TYPES = 'spark.sql.debug.maxToStringFields=1000000'

export const tableSubject = ({ schema, name }: TableAddress): string => `Table "${schema}.${name}"`

export const relationOf = ({ schema, name }: TableAddress): string => qualified(schema, name)

/** Null: there is no such table. */
export async function describeTable(client: HiveClient, table: TableAddress, signal: AbortSignal): Promise<Description | null> {
  // Else Spark leaves out what a struct has beyond its 25th field.
  if (client.dialect === 'spark') await client.statement(`SET ${WHOLE_TYPES}`, signal)
  let rows: readonly (readonly HiveValue[])[]
  try {
    rows = await ask(client, `DESCRIBE FORMATTED ${relationOf(table)}`, signal)
  } catch (error) {
    if (error instanceof ConnectorError && error.code === 'NOT_FOUND') return null
    throw error
  }
  return readDescription(rows, tableSubject(table))
}

/**
 * One statement for the table, one for each partition. Null: there is no such table. Throws `UNSUPPORTED` with the way out for views,
 * transactional tables, those of Iceberg, Delta and Hudi, and files that are neither ORC nor Parquet.
 */
export async function layoutOf(client: HiveClient, table: TableAddress, signal: AbortSignal): Promise<ForeignLayout | null> {
  const subject = tableSubject(table)
  const described = await describeTable(client, table, signal)
  if (described === null) return null
  const refused = refusalOf(described, subject)
  if (refused !== null) throw refused
  const format = formatOf(described, subject)
  const location = locationOf(described, subject)
  const owner = client.dialect
  const foreign = (columns: readonly DescribedColumn[]) => columns.map((column) => foreignColumn(column, owner))
  const columns = foreign(described.columns)
  const partitionColumns = foreign(described.partitionColumns)
  const partitions = partitionColumns.length === 0 ? [{ values: [], location }] : await places(client, table, described, signal)
  return {
    subject,
    owner,
    format,
    location,
    columns,
    partitionColumns,
    partitions,
    matching: await matchingOf(client, described, signal),
    ...(described.comment === null ? {} : { comment: described.comment }),
  }
}

async function places(
  client: HiveClient,
  table: TableAddress,
  described: Description,
  signal: AbortSignal,
): Promise<readonly ForeignPlace[]> {
  const subject = tableSubject(table)
  const names = described.partitionColumns.map(({ name }) => name)
  const listed = (await ask(client, `SHOW PARTITIONS ${relationOf(table)}`, signal)).map(([name]) => String(name))
  const found: ForeignPlace[] = []
  for (let at = 0; at < listed.length; at += AT_ONCE) {
    const some = listed.slice(at, at + AT_ONCE).map(async (name): Promise<ForeignPlace> => {
      const values = partitionValues(name, names, subject)
      const sql = `DESCRIBE FORMATTED ${relationOf(table)} PARTITION ${partitionSpec(names, values)}`
      const partition = `${subject}, partition ${name}`
      const own = readDescription(await whilePresent(ask(client, sql, signal), partition), partition)
      requireFormat(own, described, partition)
      const place = { values, location: locationOf(own, partition) }
      if (client.dialect === 'spark' || sameColumns(own.columns, described.columns)) return place
      return { ...place, columns: own.columns.map((column) => foreignColumn(column, 'hive')) }
    })
    found.push(...(await Promise.all(some)))
  }
  return found
}

/** It was listed a moment ago. */
async function whilePresent<T>(asked: Promise<T>, partition: string): Promise<T> {
  try {
    return await asked
  } catch (error) {
    if (!(error instanceof ConnectorError) || error.code !== 'NOT_FOUND') throw error
    throw new ConnectorError('CORRUPT', `${partition} was dropped while the table was read. Run again when nobody changes it`, {
      cause: error,
    })
  }
}

/** A partition keeps the format that the table had when it was made. */
function requireFormat(own: Description, { provider, ...table }: Description, subject: string): void {
  const [expected, found] = [formatOf({ ...table, provider }, subject), formatOf({ ...own, provider }, subject)]
  if (expected === found) return
  throw new ConnectorError(
    'UNSUPPORTED',
    `${subject} is ${found}, the table is ${expected}. Write the partition anew (insert overwrite … partition …), then read the table`,
  )
}

function locationOf({ location }: Description, subject: string): string {
  if (location !== null) return location
  throw new ConnectorError('UNSUPPORTED', `${subject} has no location: it is no table of files`)
}

function foreignColumn({ name, type, comment }: DescribedColumn, owner: Owner): ForeignColumn {
  const shape = shapeOf(type, owner)
  const logical = shape?.kind === 'value' ? shape.type : null
  return { name, sourceType: type, type: logical, shape, ...(comment === null ? {} : { comment }) }
}

/** Types in their spelling; Spark keeps the case of names, which means nothing. */
function sameColumns(own: readonly DescribedColumn[], table: readonly DescribedColumn[]): boolean {
  return (
    own.length === table.length &&
    own.every(({ name, type }, i) => name.toLowerCase() === table[i]?.name.toLowerCase() && type === table[i]?.type)
  )
}

const POSITIONAL = 'orc.force.positional.evolution'

/**
 * Hive 4 matches columns of ORC by position, by a setting of the session that no table overrides; Spark by name. Throws `CONFIGURATION` when
 * the server is not of the connection's dialect: values would be taken for those of the other.
 */
async function matchingOf(client: HiveClient, { parameters }: Description, signal: AbortSignal): Promise<ColumnMatching> {
  const parquet = parameters.get('parquet.column.index.access')?.toLowerCase() === 'true' ? 'position' : 'name'
  const rows = await ask(client, `set ${POSITIONAL}`, signal)
  const problem = dialectProblem(client.dialect, rows)
  if (problem !== null) throw new ConnectorError('CONFIGURATION', `The server ${problem.what}. ${problem.cure}`)
  const answer = rows.flat().map(String).join('=')
  return { orc: /=true$/i.test(answer) ? 'position' : 'name', parquet: client.dialect === 'hive' ? parquet : 'name' }
}

/** Every row of an answer that is short. */
export async function ask(client: HiveClient, sql: string, signal: AbortSignal): Promise<readonly (readonly HiveValue[])[]> {
  const rows: (readonly HiveValue[])[] = []
  for await (const row of rowsOf(await client.query(sql, signal))) rows.push(row)
  return rows
}
