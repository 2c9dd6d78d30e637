/** What a source has, as `discover` prints it. */
import type { DiscoveredTable, Source } from '../connectors/ports.ts'
import type { CommandContext } from './command-context.ts'
import { bytesText } from './format/quantities.ts'
import type { Opener } from './open.ts'
import { printRows } from './output.ts'
import { openSession } from './session.ts'

export type DiscoverOptions = { readonly connection: string; readonly tables: readonly string[]; readonly json: boolean }

export async function discover(context: CommandContext, { connection, tables, json }: DiscoverOptions): Promise<void> {
  const { opener } = openSession(context, { read: 'connections' })
  await using source = await openForDiscovery(opener, connection, tables)
  const found = await source.discover(context.signal)
  const rows = found.map(tableRow)
  await printRows(context, rows, {
    json,
    columns: [
      { title: 'table', cell: (row) => row.table },
      { title: 'rows (about)', cell: (row) => row.rows },
      { title: 'size', cell: (row) => bytesText(row.bytes) },
      { title: 'columns', cell: (row) => row.columns.length },
      { title: 'key', cell: (row) => (row.key.length === 0 ? 'none' : row.key.join(', ')) },
      { title: 'replica identity', cell: (row) => row.identity },
      { title: 'advice', cell: (row) => row.advice.length || null },
    ],
    none: `No table of connection "${connection}" matches ${tables.join(' ')}`,
  })
  if (json) return
  for (const row of rows) {
    for (const { column, problem, cure } of row.advice) {
      await context.print(`${row.table}${column === null ? '' : `.${column}`}: ${problem}. ${cure}`)
    }
  }
}

/** A source that is only looked at: no publication or slot of that name needs to exist. */
export function openForDiscovery(opener: Opener, connection: string, tables: readonly string[]): Promise<Source> {
  return opener.source(connection, {
    integration: 'discover',
    publication: 'portage_discover',
    slot: 'portage_discover',
    tables,
    onBadValue: 'error',
    columns: new Map(),
    maxSnapshotAgeMs: 0,
  })
}

function tableRow({ table, estimatedRows, bytes, columns, key, identity, advice, comment }: DiscoveredTable) {
  const names = new Map(columns.map(({ id, name }) => [id, name]))
  return {
    table: String(table),
    rows: estimatedRows,
    bytes,
    key: key.map((id) => names.get(id) ?? String(id)),
    identity,
    ...(comment === undefined ? {} : { comment }),
    columns: columns.map(({ name, sourceType, nullable }) => ({ name, type: sourceType, nullable })),
    advice,
  }
}
