/** A transferred table as the log describes it: a bag of rows whose columns are matched by name. Pure. */
import { type Position, type SourceTable, type TableName, type TableSchema, TRANSFERRED_TABLE } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import { type LogicalType, typeName } from '../../connectors/logical-type.ts'
import type { TransferColumn, TransferMode } from '../../connectors/tables.ts'
import { evolve, type SchemaDifference } from '../capture/physical-columns.ts'
import { canWiden } from '../types/widening.ts'

/** `system` of the log's source: nobody's stream. */
export const TRANSFER_SYSTEM = 'transfer'

export type LakeShape = {
  readonly source: SourceTable
  /** The version that the rows are written under; the newest one of the log when nothing changed. */
  readonly schema: TableSchema
  readonly differences: readonly SchemaDifference[]
}

/** `replace`: the table takes the source's columns. */
export function replacedShape(
  table: TableName,
  columns: readonly TransferColumn[],
  known: TableSchema | null,
  at: Position,
): LakeShape {
  const source = sourceTable(table, columns, known)
  const { schema, differences } = evolve(known, source, at)
  return { source, schema, differences }
}

/**
 * `append`: the table keeps its columns; the source has them all, each of a type that widens to the table's. Throws `SCHEMA` naming
 * every column that does not fit.
 */
export function appendedShape(
  table: TableName,
  columns: readonly TransferColumn[],
  known: TableSchema,
  { subject, fillMissing }: { readonly subject: string; readonly fillMissing: boolean },
): LakeShape {
  const live = known.columns.filter(({ dropped }) => !dropped)
  const problems: string[] = []
  const extra = columns.filter(({ name }) => !live.some((column) => column.name === name)).map(({ name }) => `"${name}"`)
  const missing = live.filter(({ name }) => !columns.some((column) => column.name === name)).map(({ name }) => `"${name}"`)
  if (extra.length > 0) problems.push(`it has no column ${extra.join(', ')}: leave them out with --columns`)
  if (missing.length > 0 && !fillMissing)
    problems.push(`the source lacks ${missing.join(', ')}: add them, or let them be NULL with --fill-missing`)
  const placed: TransferColumn[] = []
  for (const column of columns) {
    const target = live.find(({ name }) => name === column.name)
    if (target === undefined) continue
    if (!canWiden(column.type, target.type)) {
      problems.push(`column "${column.name}" is ${typeName(target.type)} there and ${typeName(column.type)} in the source`)
    }
    placed.push({ ...column, type: target.type, sourceType: target.sourceType })
  }
  if (problems.length > 0) throw new ConnectorError('SCHEMA', `${subject} does not take these rows: ${problems.join('; ')}`)
  return { source: sourceTable(table, placed, known), schema: known, differences: [] }
}

/** A column keeps its id by its name; `evolve` gives one of another type a place of its own in files. */
function sourceTable(table: TableName, columns: readonly TransferColumn[], known: TableSchema | null): SourceTable {
  const live = new Map(known?.columns.filter(({ dropped }) => !dropped).map((column) => [column.name, column.id]))
  let last = Math.max(0, ...(known?.columns.map(({ id }) => id) ?? []))
  return {
    table,
    id: TRANSFERRED_TABLE,
    storage: '',
    definition: '',
    columns: columns.map(({ name, type, sourceType, nullable, comment }) => ({
      id: live.get(name) ?? ++last,
      name,
      type,
      sourceType,
      nullable,
      ...(comment === undefined ? {} : { comment }),
    })),
    key: [],
    // Rows are never taken back one by one.
    identity: 'nothing',
  }
}

/** What the table's `storage` says: the batch that was written last, and how. */
export const batchToken = (mode: TransferMode, batch: string): string => `transfer:${mode}:${batch}`

export function batchOf(token: string | null): { readonly mode: TransferMode; readonly batch: string } | null {
  const parts = /^transfer:(replace|append):(.+)$/s.exec(token ?? '')
  return parts === null ? null : { mode: parts[1] as TransferMode, batch: parts[2] ?? '' }
}

export const typesByName = (schema: TableSchema): ReadonlyMap<string, LogicalType> =>
  new Map(schema.columns.filter(({ dropped }) => !dropped).map(({ name, type }) => [name, type]))
