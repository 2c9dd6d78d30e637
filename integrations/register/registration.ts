/** From the log's state to what a warehouse is asked to show. Pure. */
import type { Position, TableName } from '../../connectors/change.ts'
import type { Dialect, ObjectStore, RegisteredFile, RegisterRequest } from '../../connectors/ports.ts'
import type { FileEntry, LogState, TableState } from '../land/log/commit.ts'
import { type ShownTable, shownTable } from '../land/log/shown.ts'
import { relationNames } from './relation-names.ts'
import { relationSql } from './view-sql.ts'

export type RegistrationOptions = {
  readonly integration: string
  readonly schema: string
  readonly dialect: Dialect
  /** How engines address an object of the lake, and how those read it that cannot. */
  readonly store: Pick<ObjectStore, 'address' | 'get'>
  readonly dryRun: boolean
}

/**
 * A request for every table that there is something to show of; null before the first base is complete and nothing was followed.
 * A table that is kept back is shown as of its last accepted schema version.
 */
export function registrationOf(state: LogState, options: RegistrationOptions): RegisterRequest | null {
  const { integration, schema, dialect, store, dryRun } = options
  const address = (key: string) => store.address(key)
  // Tables still under way take their names already, so that completing one renames nothing.
  const names = stateRelationNames(state, dialect)
  const tables = Object.entries(state.tables).flatMap(([name, each]) => {
    const table = name as TableName
    const relation = names.get(table)
    const shown = shownTable(each)
    if (shown === null || relation === undefined) return []
    return [
      {
        table,
        relation,
        schema: shown.schema,
        boundary: shown.base.boundary,
        baseThrough: highest(shown.base.boundary, shown.base.files),
        base: shown.base.files.map((file) => registered(file, address)),
        changes: shown.changes.map((file) => registered(file, address)),
        ...renewedOf(shown, address),
        ...(shown.until === null ? {} : { until: shown.until }),
      },
    ]
  })
  const position = state.position ?? newestBoundary(state)
  if (position === null) return null
  return {
    integration,
    schema,
    commit: state.number,
    position,
    tables: tables.toSorted((a, b) => (a.relation < b.relation ? -1 : 1)),
    relationSql: (table, scans) => relationSql(table, dialect, scans),
    readObject: (key, range, signal) => store.get(key, { range, signal }),
    dryRun,
  }
}

/** Names of the relations of every table of the log, those that are not shown yet included. */
export function stateRelationNames(
  state: LogState,
  dialect: Pick<Dialect, 'relationNames'> = {},
): ReadonlyMap<TableName, string> {
  const tables = Object.entries(state.tables).map(([table, each]) => ({
    table: table as TableName,
    // A table created again keeps the name of the one that is still shown.
    id: (each.shown === null ? undefined : each.versions[each.shown.version])?.id ?? each.schema.id,
  }))
  return relationNames(tables, dialect)
}

function renewedOf(
  { base, changes }: Pick<ShownTable, 'base' | 'changes'>,
  address: ObjectStore['address'],
): Pick<RegisterRequest['tables'][number], 'renewed'> {
  if (base.renewed === undefined) return {}
  const { boundary, files } = base.renewed
  const recent = changes.filter(({ maxPosition }) => maxPosition > boundary)
  const all = (entries: readonly FileEntry[]) => entries.map((file) => registered(file, address))
  return { renewed: { boundary, files: all(files), recent: all(recent) } }
}

function registered(file: FileEntry, address: ObjectStore['address']): RegisteredFile {
  const { key, size, sha256, rows, format, minPosition, maxPosition, columns } = file
  return { key, address: address(key), size, sha256, rows, format, minPosition, maxPosition, columns }
}

function highest(boundary: Position, files: readonly FileEntry[]): Position {
  return files.reduce((top, file) => (file.maxPosition > top ? file.maxPosition : top), boundary)
}

function newestBoundary(state: LogState): Position | null {
  const boundaries = Object.values(state.tables).flatMap((table: TableState) =>
    table.base === null ? [] : [table.base.boundary],
  )
  return boundaries.toSorted().at(-1) ?? null
}
