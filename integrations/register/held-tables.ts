/** Tables that warehouses do not show as they are in the lake, and why. Pure. */
import type { Position, TableName } from '../../connectors/change.ts'
import type { LogState, TableState } from '../land/log/commit.ts'
import { schemaChanges } from './schema-changes.ts'
import { acceptedSchema } from './schema-policy.ts'

export type HeldTable = {
  readonly table: TableName
  /** Schema version that warehouses show; 0 = they do not show the table. */
  readonly shown: number
  readonly newest: number
  /** From here on the source's rows are landed and not shown; null when the table is gone. */
  readonly since: Position | null
  /** What waits, in words. */
  readonly changes: readonly string[]
}

/** Every table that waits for `apply`, in the order of names. */
export function heldTables(state: LogState): readonly HeldTable[] {
  return Object.entries(state.tables)
    .flatMap(([table, each]) => heldTable(table as TableName, each) ?? [])
    .toSorted((a, b) => (a.table < b.table ? -1 : 1))
}

/** Null when nothing of the table waits. */
export function heldTable(table: TableName, state: TableState): HeldTable | null {
  const { gone, accepted, schema, shown } = state
  const newest = schema.version
  const waiting = accepted < newest ? schemaChanges(acceptedSchema(state), schema).map(({ text }) => text) : []
  if (gone !== null) return { table, shown: accepted, newest, since: null, changes: [...waiting, 'table dropped'] }
  return accepted < newest ? { table, shown: accepted, newest, since: shown?.until ?? schema.since, changes: waiting } : null
}
