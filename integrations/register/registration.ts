/** From the log's state to what a warehouse is asked to show. Pure. */
import type { Position, TableName } from '../../connectors/change.ts'
import type { Dialect, ObjectStore, RegisteredFile, RegisterRequest } from '../../connectors/ports.ts'
import type { FileEntry, LogState, TableState } from '../land/log/commit.ts'
import { relationNames } from './relation-names.ts'
import { relationSql } from './view-sql.ts'

export type RegistrationOptions = {
  readonly integration: string
  readonly schema: string
  readonly dialect: Dialect
  /** How the engine addresses an object of the lake. */
  readonly address: ObjectStore['address']
  readonly dryRun: boolean
}

/** A request for every table whose base is complete; null before the first is and nothing was followed. */
export function registrationOf(state: LogState, options: RegistrationOptions): RegisterRequest | null {
  const { integration, schema, dialect, address, dryRun } = options
  // Tables still under way take their names already, so that completing one renames nothing.
  const all = Object.entries(state.tables).map(([table, each]) => ({ table: table as TableName, id: each.schema.id }))
  const names = relationNames(all)
  const tables = Object.entries(state.tables).flatMap(([name, each]) => {
    const table = name as TableName
    const relation = names.get(table)
    if (each.base === null || relation === undefined) return []
    return [
      {
        table,
        relation,
        schema: each.schema,
        boundary: each.base.boundary,
        baseThrough: highest(each.base.boundary, each.base.files),
        base: each.base.files.map((file) => registered(file, address)),
        changes: each.changes.map((file) => registered(file, address)),
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
    dryRun,
  }
}

function registered(file: FileEntry, address: ObjectStore['address']): RegisteredFile {
  const { key, size, sha256, rows, format } = file
  return { key, address: address(key), size, sha256, rows, format }
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
