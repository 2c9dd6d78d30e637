/** `portage inspect hive:db.table`: a table by the files that another system wrote. I/O. */
import type { RecordBatch } from 'apache-arrow'
import type { ForeignPartition, ForeignTable } from '../connectors/manifest.ts'
import { openForeignReader } from '../integrations/transfer/foreign/foreign-reader.ts'
import type { CommandContext } from './command-context.ts'
import { UsageError } from './exit-codes.ts'
import { bytesText, counted, countText } from './format/quantities.ts'
import { columnTypes, eachRow, valueJson } from './format/row-text.ts'
import { type Cell, renderTable } from './format/table.ts'
import { printJson } from './output.ts'
import { openSession } from './session.ts'
import { parseAddress } from './transfer/address.ts'
import { findForeignTable, hasLayout } from './transfer/foreign-table.ts'
import { databaseTable, nearer } from './transfer/sources.ts'

export type InspectTableOptions = { readonly table: string; readonly json: boolean; readonly rows: number | null }

export async function inspectTable(context: CommandContext, { table: text, json, rows }: InspectTableOptions): Promise<void> {
  const address = parseAddress(text)
  if (address.kind !== 'table') throw new UsageError(`"${text}": expected connection:database.table`)
  const session = openSession(context, { read: 'connections' })
  const { signal } = context
  await using closing = new AsyncDisposableStack()
  const tables = closing.use(await session.opener.tables(address.connection))
  if (!hasLayout(tables)) {
    throw new UsageError(
      `"${text}": tables of "${tables.kind}" have no files that are looked into; try portage query or transfer --dry-run`,
    )
  }
  const table = databaseTable(tables, address.connection, address.parts)
  try {
    const found = await findForeignTable(session, { connection: address.connection, tables, table, closing }, signal)
    if (rows !== null) return await printRows(context, openForeignReader(found, null).rows(signal), rows)
    if (json) return await printJson(context, manifestJson(found.table))
    for (const line of manifestLines(found.table)) await context.print(line)
  } catch (error) {
    throw await nearer(error, tables, table, address.connection, signal)
  }
}

async function printRows(
  context: CommandContext,
  batches: AsyncIterable<{ readonly batch: RecordBatch; readonly release: () => void }>,
  limit: number,
): Promise<void> {
  let left = limit
  if (left <= 0) return
  for await (const { batch, release } of batches) {
    const types = columnTypes(batch.schema)
    const names = batch.schema.fields.map(({ name }) => JSON.stringify(name))
    const lines: string[] = []
    const some = batch.slice(0, left)
    eachRow(some, (values) => {
      const cells = values.map((value, index) => `${names[index]}:${valueJson(value, types[index] as (typeof types)[number])}`)
      lines.push(`{${cells.join(',')}}`)
    })
    release()
    for (const line of lines) await context.print(line)
    left -= lines.length
    if (left <= 0) return
  }
}

const filesOf = ({ partitions }: ForeignTable) => partitions.flatMap(({ files }) => files)
const total = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0)

/** The whole manifest. Pure. */
export function manifestJson(table: ForeignTable) {
  const files = filesOf(table)
  return {
    format: table.format,
    rows: total(files.map(({ rows }) => rows)),
    bytes: total(files.map(({ size }) => size)),
    owner: table.owner,
    location: table.location,
    schema: table.columns.map(columnJson),
    partitionColumns: table.partitionColumns.map(columnJson),
    partitions: table.partitions.map(({ values, location, columns, files: own }) => ({
      values,
      location,
      ...(columns === undefined ? {} : { schema: columns.map(columnJson) }),
      files: own.map(({ address, size, modified, rows, matchedBy }) => ({
        address,
        size,
        modified: modified.toISOString(),
        rows,
        matchedBy,
      })),
    })),
  }
}

function columnJson({ name, sourceType, comment }: ForeignTable['columns'][number]) {
  return { name, type: sourceType, nullable: true, ...(comment === undefined ? {} : { comment }) }
}

/** Most partitions shown one by one. */
const MOST_PARTITIONS = 40

/** For people. Pure. */
export function manifestLines(table: ForeignTable): readonly string[] {
  const files = filesOf(table)
  const rows = counted(total(files.map((each) => each.rows)), 'row')
  const partitions = table.partitionColumns.length === 0 ? '' : `, ${counted(table.partitions.length, 'partition')}`
  const columns = [
    ...table.columns.map(({ name, sourceType }): Cell[] => [name, sourceType, null]),
    ...table.partitionColumns.map(({ name, sourceType }): Cell[] => [name, sourceType, 'partition']),
  ]
  const shown = table.partitions.slice(0, MOST_PARTITIONS)
  const rest = table.partitions.length - shown.length
  return [
    `${table.format} of ${table.owner}, ${rows}, ${bytesText(total(files.map(({ size }) => size)))}, ${counted(files.length, 'file')}${partitions}, ${table.location}`,
    '',
    ...renderTable(['column', 'type', ''], columns).split('\n'),
    '',
    ...(table.partitions.length === 0
      ? ['no partition']
      : renderTable(
          ['partition', { title: 'files', align: 'right' }, { title: 'rows', align: 'right' }, 'size', 'columns', 'location'],
          shown.map((partition) => partitionCells(table, partition)),
        ).split('\n')),
    ...(rest > 0 ? [`… and ${counted(rest, 'more partition')}; --json has all`] : []),
  ]
}

function partitionCells({ partitionColumns, columns }: ForeignTable, partition: ForeignPartition): readonly Cell[] {
  const { values, files } = partition
  const name = partitionColumns.map((column, index) => `${column.name}=${values[index] ?? 'NULL'}`).join(', ')
  const byPosition = files.filter(({ matchedBy }) => matchedBy === 'position').length
  const notes = [
    ...(partition.columns === undefined ? [] : [`its own ${partition.columns.length} of ${columns.length}`]),
    ...(byPosition === 0 ? [] : [`by position in ${counted(byPosition, 'file')}`]),
  ]
  return [
    name === '' ? '(all)' : name,
    countText(files.length),
    countText(total(files.map(({ rows }) => rows))),
    bytesText(total(files.map(({ size }) => size))),
    notes.length === 0 ? 'of the table' : notes.join(', '),
    partition.location,
  ]
}
