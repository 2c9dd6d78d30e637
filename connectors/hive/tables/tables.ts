/** Tables of Hive or Spark as a place to read from: their layout for those who read files, rows of queries through the server. */
import { ConnectorError } from '../../errors.ts'
import type { ReadRequest, TableAddress, TableReader, Tables, TransferColumn } from '../../tables.ts'
import type { HiveClient } from '../client/client.ts'
import { identifier } from '../quote.ts'
import { logicalTypeOf } from './column-type.ts'
import type { Description } from './describe.ts'
import { ask, describeTable, layoutOf, relationOf, tableSubject } from './layout.ts'
import { resultBatches, resultColumns } from './result-rows.ts'

/** The client is disposed with it. */
export function openHiveTables(client: HiveClient): Tables {
  return {
    kind: 'hive',
    defaultSchema: 'default',
    list: (signal) => listTables(client, signal),
    describe: (table, signal) => describeColumns(client, table, signal),
    layout: (table, signal) => layoutOf(client, table, signal),
    openReader: (request, signal) => openRows(client, request, signal),
    openWriter: async ({ table }) => {
      throw new ConnectorError(
        'UNSUPPORTED',
        `${tableSubject(table)}: tables of Hive and Spark are not written by transfer. Transfer into a lake, and name this connection ` +
          'under "register" of an integration: it then shows the lake\'s tables',
      )
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  }
}

async function listTables(client: HiveClient, signal: AbortSignal): Promise<readonly TableAddress[]> {
  const found: TableAddress[] = []
  for (const [database] of await ask(client, 'SHOW DATABASES', signal)) {
    const schema = String(database)
    for (const row of await ask(client, `SHOW TABLES IN ${identifier(schema)}`, signal)) {
      // Spark: database, name, whether it is temporary.
      if (row[2] !== true) found.push({ schema, name: String(row.length > 1 ? row[1] : row[0]) })
    }
  }
  return found
}

async function describeColumns(
  client: HiveClient,
  table: TableAddress,
  signal: AbortSignal,
): Promise<readonly TransferColumn[] | null> {
  const described = await describeTable(client, table, signal)
  if (described === null) return null
  return [...described.columns, ...described.partitionColumns].map(({ name, type, comment }) => ({
    name,
    type: logicalTypeOf(type, client.dialect) ?? { kind: 'utf8', format: 'json' },
    sourceType: type,
    nullable: true,
    ...(comment === null ? {} : { comment }),
  }))
}

/** The engine evaluates conditions and queries; its rows come through the client. One statement, so one state of the table. */
async function openRows(client: HiveClient, request: ReadRequest, signal: AbortSignal): Promise<TableReader> {
  const subject = request.from.kind === 'table' ? tableSubject(request.from.table) : 'Query'
  const { from } = request
  const described = from.kind === 'table' ? await describeTable(client, from.table, signal) : null
  const sql = selectOf(request, described, subject)
  // Columns are known before rows are: a statement that returns none would be run twice only in part.
  const shape = await client.query(`SELECT * FROM (${sql}\n) portage_rows LIMIT 0`, signal)
  for await (const _ of shape.pages);
  const columns = resultColumns(shape.columns.map(withoutQualifier), client.dialect, subject)
  const partitionTexts = new Set(described?.partitionColumns.filter(({ type }) => isText(type)).map(({ name }) => name))
  return {
    subject,
    columns,
    estimatedRows: null,
    fingerprint: null,
    progress: () => null,
    rows: async function* (abort) {
      yield* resultBatches(await client.query(sql, abort), { columns, subject, partitionTexts })
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/** Hive names columns of `select *` by `table.column`. */
function withoutQualifier<C extends { readonly name: string }>(column: C): C {
  return { ...column, name: column.name.replace(/^portage_rows\./, '') }
}

const isText = (type: string): boolean => /^(?:string|varchar|char)\b/i.test(type)

function selectOf({ from, columns, where }: ReadRequest, described: Description | null, subject: string): string {
  const condition = where === null ? '' : `\nWHERE (\n${where}\n)`
  if (from.kind === 'query') {
    if (columns === null && where === null) return from.sql
    const list = columns === null ? '*' : columns.map(identifier).join(', ')
    return `SELECT ${list} FROM (${from.sql}\n) portage_query${condition}`
  }
  if (described === null) {
    throw new ConnectorError('NOT_FOUND', `Table "${from.table.schema}.${from.table.name}" does not exist in the database`)
  }
  const known = [...described.columns, ...described.partitionColumns].map(({ name }) => name)
  const wanted = columns?.map((name) => known.find((each) => each.toLowerCase() === name.toLowerCase()) ?? name) ?? known
  const absent = wanted.filter((name) => !known.includes(name))
  if (absent.length > 0) {
    const list = absent.map((name) => `"${name}"`).join(', ')
    throw new ConnectorError('SCHEMA', `${subject} has no column ${list}; it has ${known.join(', ')}`)
  }
  return `SELECT ${wanted.map(identifier).join(', ')} FROM ${relationOf(from.table)}${condition}`
}
