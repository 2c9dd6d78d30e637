/** `link` and `unlink`: external tables over files that another system wrote and keeps writing. */
import { ConnectorError } from '../connectors/errors.ts'
import type { ForeignTable } from '../connectors/manifest.ts'
import type { LinkedName, RegisterOutcome, Warehouse } from '../connectors/ports.ts'
import { directoryLayout } from '../integrations/transfer/foreign/directory-layout.ts'
import { findFiles } from '../integrations/transfer/foreign/manifest.ts'
import type { CommandContext } from './command-context.ts'
import { UsageError } from './exit-codes.ts'
import { counted } from './format/quantities.ts'
import { printJson } from './output.ts'
import { openSession, type Session } from './session.ts'
import { type Address, parseAddress } from './transfer/address.ts'
import { connectorOf } from './transfer/connections.ts'
import { findForeignTable, hasLayout, placeFinder } from './transfer/foreign-table.ts'
import { databaseTable } from './transfer/sources.ts'

export type LinkOptions = {
  readonly from: string
  readonly to: string
  readonly replace: boolean
  readonly dryRun: boolean
  readonly json: boolean
}

export async function linkNow(context: CommandContext, { from, to, replace, dryRun, json }: LinkOptions): Promise<void> {
  const session = openSession(context, { read: 'connections' })
  const { signal } = context
  const target = await targetOf(session, to)
  await using closing = new AsyncDisposableStack()
  const tell = (text: string): Promise<void> => context.io.stderr.write(`link: ${text}\n`)
  await tell('reading the footers of the files')
  const table = await foreignTable(session, from, closing, signal)
  const { files, rows } = sizeOf(table)
  await tell(
    `${counted(files, 'file')}, ${counted(rows, 'row')}; ${dryRun ? 'planning' : 'registering and counting what is new'}`,
  )
  const warehouse = closing.use(await session.opener.warehouse(target.connection))
  const link = capable(warehouse, target.connection, 'link')
  const outcome = await link({ table, as: target.name, replace, dryRun }, signal)
  if (json) return printJson(context, { from: table.subject, to, dryRun, ...sizeOf(table), ...outcome })
  for (const line of outcomeLines({ subject: table.subject, to, dryRun }, sizeOf(table), outcome)) await context.print(line)
}

export type UnlinkOptions = { readonly table: string; readonly dryRun: boolean; readonly json: boolean }

export async function unlinkNow(context: CommandContext, { table, dryRun, json }: UnlinkOptions): Promise<void> {
  const session = openSession(context, { read: 'connections' })
  const target = await targetOf(session, table)
  await using warehouse = await session.opener.warehouse(target.connection)
  const unlink = capable(warehouse, target.connection, 'unlink')
  const statements = await unlink({ table: target.name, dryRun }, context.signal)
  if (json) return printJson(context, { table, dryRun, statements })
  for (const statement of statements) await context.print(statement)
  await context.print(dryRun ? 'Dry run: nothing was dropped' : `${table}: dropped; the files stay as they are`)
}

function capable<Method extends 'link' | 'unlink'>(
  warehouse: Warehouse,
  connection: string,
  method: Method,
): NonNullable<Warehouse[Method]> {
  const found = warehouse[method]
  if (found !== undefined) return found as NonNullable<Warehouse[Method]>
  throw new ConnectorError(
    'UNSUPPORTED',
    `Connection "${connection}" (${warehouse.kind}) shows no tables of other systems. Snowflake does; for others carry the rows: portage transfer`,
  )
}

/** `connection:schema.table` or `connection:database.schema.table`. Throws `UsageError`. */
async function targetOf(
  { configuration }: Session,
  text: string,
): Promise<{ readonly connection: string; readonly name: LinkedName }> {
  const address = parseAddress(text)
  const expected = `${text}: expected connection:schema.table of a warehouse`
  if (address.kind !== 'table' || address.parts.length < 2 || address.parts.length > 3) throw new UsageError(expected)
  const connector = await connectorOf(configuration, address.connection)
  if (connector.openWarehouse === undefined) throw new UsageError(`${expected}; "${address.connection}" is a ${connector.name}`)
  const [name = '', schema = '', database = null] = address.parts.toReversed()
  return { connection: address.connection, name: { database, schema, name } }
}

const DIRECTORY = /^s3:\/\/[^/]+\/(?:.*\/)?$/i

async function foreignTable(
  session: Session,
  from: string,
  closing: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<ForeignTable> {
  if (DIRECTORY.test(from)) {
    const find = placeFinder(session, '', closing)
    const at = await find(from, `Directory "${from}"`)
    return (await findFiles(await directoryLayout(at, signal), find, signal)).table
  }
  const address: Address = parseAddress(from)
  if (address.kind !== 'table') {
    throw new UsageError(
      `${from}: expected a table of a connection that keeps files (hive:raw.visits), or s3://bucket/directory/ with a slash at its end`,
    )
  }
  const { connection, parts } = address
  const connector = await connectorOf(session.configuration, connection)
  const tables = connector.openTables === undefined ? null : closing.use(await session.opener.tables(connection))
  if (tables === null || !hasLayout(tables)) {
    throw new UsageError(`${from}: a connection of "${connector.name}" does not say where its tables keep their files; hive does`)
  }
  const table = databaseTable(tables, connection, parts)
  return (await findForeignTable(session, { connection, tables, table, closing }, signal)).table
}

type Size = { readonly format: string; readonly partitions: number; readonly files: number; readonly rows: number }

function sizeOf({ format, partitions, partitionColumns }: ForeignTable): Size {
  const files = partitions.flatMap((partition) => partition.files)
  const rows = files.reduce((sum, file) => sum + file.rows, 0)
  return { format, partitions: partitionColumns.length === 0 ? 0 : partitions.length, files: files.length, rows }
}

/** Pure. */
export function outcomeLines(
  { subject, to, dryRun }: { readonly subject: string; readonly to: string; readonly dryRun: boolean },
  { format, partitions, files, rows }: Size,
  { statements, filesAdded, filesRemoved }: RegisterOutcome,
): readonly string[] {
  const parts = partitions === 0 ? '' : ` in ${counted(partitions, 'partition')}`
  const size = `${counted(files, `${format} file`)}${parts}, ${counted(rows, 'row')}`
  if (dryRun) return [`${subject} → ${to}: ${size}`, ...statements.map((sql) => `\n${sql}`), '\nDry run: nothing was changed']
  const change = filesAdded + filesRemoved === 0 ? 'up to date' : `${filesAdded} added, ${filesRemoved} removed`
  return [`${subject} → ${to}: ${size}; ${change}`]
}
