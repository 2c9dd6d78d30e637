/** What a database of the metastore holds now, asked statement by statement. I/O. */
import { ConnectorError } from '../errors.ts'
import type { StoredTable } from '../ports.ts'
import { type HiveClient, rowsOf } from './client/client.ts'
import { toAddress } from './location.ts'
import { identifier, qualified } from './quote.ts'

type Row = readonly (string | null)[]

/** All rows as texts. */
export async function textRows(client: HiveClient, sql: string, signal: AbortSignal): Promise<readonly Row[]> {
  const rows: Row[] = []
  for await (const row of rowsOf(await client.query(sql, signal))) {
    rows.push(row.map((value) => (value === null ? null : String(value))))
  }
  return rows
}

/** Names of tables and views, folded; null when there is no such database. */
export async function tableNames(client: HiveClient, schema: string, signal: AbortSignal): Promise<ReadonlySet<string> | null> {
  const databases = await textRows(client, 'SHOW DATABASES', signal)
  if (!databases.some(([name]) => name?.toLowerCase() === schema.toLowerCase())) return null
  const rows = await textRows(client, `SHOW TABLES IN ${identifier(schema)}`, signal)
  // Spark answers namespace, name, isTemporary; Hive the name.
  return new Set(rows.map((row) => (row.length >= 3 ? row[1] : row[0])?.toLowerCase() ?? ''))
}

export async function tableProperties(
  client: HiveClient,
  schema: string,
  name: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const rows = await textRows(client, `SHOW TBLPROPERTIES ${qualified(schema, name)}`, signal)
  return new Map(rows.map(([key, value]) => [key ?? '', value ?? '']))
}

/** Directories that are partitions of a table of files. */
export async function partitionNames(
  client: HiveClient,
  schema: string,
  table: string,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  return new Set((await partitionsOf(client, schema, table, signal)).map(({ directory }) => directory))
}

type Partition = { readonly column: string; readonly directory: string }

async function partitionsOf(
  client: HiveClient,
  schema: string,
  table: string,
  signal: AbortSignal,
): Promise<readonly Partition[]> {
  const rows = await textRows(client, `SHOW PARTITIONS ${qualified(schema, table)}`, signal)
  return rows.map(([name]) => {
    const [, column = '', directory = ''] = /^([^=]*)=(.*)$/s.exec(name ?? '') ?? []
    return { column, directory }
  })
}

/** Null when the engine does not tell. */
export async function partitionLocation(
  client: HiveClient,
  {
    schema,
    table,
    column,
    directory,
  }: { readonly schema: string; readonly table: string; readonly column: string; readonly directory: string },
  signal: AbortSignal,
): Promise<string | null> {
  const partition = `PARTITION (${identifier(column)}='${directory}')`
  const rows = await textRows(client, `DESCRIBE FORMATTED ${qualified(schema, table)} ${partition}`, signal)
  return detail(rows, 'Location')
}

/** What `DESCRIBE FORMATTED` says behind the columns, of which one may be called so, too; null when it does not. */
function detail(rows: readonly Row[], label: string): string | null {
  const start = rows.findIndex(([name]) => name?.startsWith('# Detailed') === true)
  const found = rows.slice(start + 1).find(([name]) => name?.trim().replace(/:$/, '') === label)
  return found?.[1]?.trim() ?? null
}

/** The commit that a directory is named after: what is moved as a whole shows at either end of the order. */
const commitOf = ({ directory }: Partition): number => Number(/^[a-z]+-(\d+)-/.exec(directory)?.[1] ?? 0)

/** Null when there is no such table. It takes a statement for each partition whose address is asked for. */
export async function storedTable(
  client: HiveClient,
  {
    schema,
    name,
    addressesOf,
  }: { readonly schema: string; readonly name: string; readonly addressesOf: 'none' | 'ends' | 'all' },
  signal: AbortSignal,
): Promise<StoredTable | null> {
  let rows: readonly Row[]
  try {
    rows = await textRows(client, `DESCRIBE FORMATTED ${qualified(schema, name)}`, signal)
  } catch (error) {
    if (error instanceof ConnectorError && error.code === 'NOT_FOUND') return null
    throw error
  }
  const input = detail(rows, 'InputFormat') ?? ''
  const kind = detail(rows, client.dialect === 'hive' ? 'Table Type' : 'Type') ?? ''
  const location = detail(rows, 'Location')
  const properties = await tableProperties(client, schema, name, signal)
  const says = (property: string) => properties.get(property)?.toLowerCase() === 'true'
  const partitions = (await partitionsOf(client, schema, name, signal)).toSorted((a, b) => commitOf(a) - commitOf(b))
  const ends = new Set(partitions.length < 2 ? partitions : [...partitions.slice(0, 1), ...partitions.slice(-1)])
  const addresses = new Map<string, string>()
  for (const each of addressesOf === 'all' ? partitions : addressesOf === 'ends' ? ends : []) {
    const found = await partitionLocation(client, { schema, table: name, ...each }, signal)
    if (found !== null) addresses.set(each.directory, toAddress(found))
  }
  return {
    name,
    format: /orc/i.test(input) ? 'orc' : /parquet/i.test(input) ? 'parquet' : null,
    address: location === null ? null : toAddress(location),
    keepsFiles: kind.startsWith('EXTERNAL') && !says('external.table.purge'),
    discovers: says('discover.partitions'),
    directories: partitions.map(({ directory }) => directory).toSorted(),
    addresses,
  }
}

/** Columns as the engine spells them, partition columns left out; null when there is no such relation. */
export async function describedColumns(
  client: HiveClient,
  schema: string,
  name: string,
  signal: AbortSignal,
): Promise<readonly { readonly name: string; readonly type: string }[] | null> {
  let rows: readonly Row[]
  try {
    rows = await textRows(client, `DESCRIBE ${qualified(schema, name)}`, signal)
  } catch (error) {
    if (error instanceof ConnectorError && error.code === 'NOT_FOUND') return null
    throw error
  }
  const columns: { name: string; type: string }[] = []
  for (const [column, type] of rows) {
    const called = column?.trim() ?? ''
    // What follows is about partitions.
    if (called === '' || called.startsWith('# ')) break
    columns.push({ name: unescaped(called, client.dialect), type: (type ?? '').trim().toUpperCase() })
  }
  return columns
}

/** Hive prints quotes, backslashes and line ends of a name escaped. */
function unescaped(name: string, dialect: HiveClient['dialect']): string {
  if (dialect !== 'hive') return name
  return name.replaceAll(/\\(.)/g, (_, letter: string) => ({ n: '\n', r: '\r', t: '\t' })[letter] ?? letter)
}
