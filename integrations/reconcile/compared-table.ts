/** Which columns of a table are compared, and how: the source's description against the schema in the log. Pure. */
import type { Column, SourceColumn, SourceTable, TableSchema } from '../../connectors/change.ts'
import { type LogicalType, typeName } from '../../connectors/logical-type.ts'

export type ComparedColumn = {
  readonly id: number
  /** As the integration calls it. */
  readonly name: string
  readonly physical: string
  /** Both sides are rendered as this type. */
  readonly type: LogicalType
  readonly initial: Column['initial']
  /** Engines print floats in ways of their own: their bits are compared between source and files only. */
  readonly float: boolean
  readonly masked: boolean
}

export type ComparedTable = {
  readonly source: SourceTable
  readonly schema: TableSchema
  readonly columns: readonly ComparedColumn[]
  /** Indexes into `columns`; of a bag, all of them. */
  readonly key: readonly number[]
  readonly bag: boolean
  /** What is not compared, in words. */
  readonly notes: readonly string[]
}

/** `reason`: they cannot be compared now, for a change that one of them has not seen yet. */
export type Comparability = { readonly compared: ComparedTable } | { readonly reason: string }

export function comparedTable(source: SourceTable, schema: TableSchema): Comparability {
  if (source.id !== schema.id) return { reason: 'the source has created it anew; the lake has yet to see that' }
  const live = schema.columns.filter((column) => column.dropped !== true && column.formerTable === undefined)
  const byId = new Map(live.map((column) => [column.id, column]))
  const notes: string[] = []
  const columns: ComparedColumn[] = []
  for (const column of source.columns) {
    const landed = byId.get(column.id)
    byId.delete(column.id)
    const why = landed === undefined ? 'no change has carried it to the lake yet' : difference(column, landed)
    if (landed === undefined || why !== null) notes.push(`column "${column.name}" is not compared: ${why}`)
    else columns.push(compared(column, landed))
  }
  for (const { name } of byId.values()) notes.push(`column "${name}" is not compared: the source no longer has it`)
  for (const { name } of source.withheld ?? []) notes.push(`column "${name}" is not compared: it is excluded`)
  const ids = keyIds(schema)
  const key = source.key.map((id) => columns.findIndex((column) => column.id === id))
  if (ids.join() !== source.key.join()) return { reason: 'its key was changed; the lake has yet to see that' }
  if (key.includes(-1)) return { reason: 'a column of its key was changed; the lake has yet to see that' }
  const bag = key.length === 0
  return { compared: { source, schema, columns, key: bag ? columns.map((_, index) => index) : key, bag, notes } }
}

/** As engines without our rendering of floats compare it: such columns are no part of a bag's key. Keyed tables stay as they are. */
export function asEnginesCompare(table: ComparedTable): ComparedTable {
  if (!table.bag || !table.columns.some(({ float }) => float)) return table
  return { ...table, key: table.columns.flatMap(({ float }, index) => (float ? [] : [index])) }
}

function compared(column: SourceColumn, landed: Column): ComparedColumn {
  const { id, name, type, policy } = column
  const float = type.kind === 'float32' || type.kind === 'float64'
  const { physical, initial } = landed
  return { id, name, physical, type, initial, float, masked: policy?.mask !== undefined }
}

const keyIds = (schema: TableSchema): readonly (number | undefined)[] =>
  schema.key.map((physical) => schema.columns.find((column) => column.physical === physical)?.id)

function difference(column: SourceColumn, landed: Column): string | null {
  if (column.policy?.mask !== landed.policy?.mask) return 'its mask was changed'
  if (rendersAlike(landed.type, column.type)) return null
  return `it is ${typeName(column.type)} in the source and ${typeName(landed.type)} in the lake`
}

const INTEGERS: ReadonlySet<string> = new Set(['int16', 'int32', 'int64'])

/** True when equal values of both types have equal canonical texts. */
function rendersAlike(a: LogicalType, b: LogicalType): boolean {
  if (INTEGERS.has(a.kind) && INTEGERS.has(b.kind)) return true
  if (a.kind === 'decimal' && b.kind === 'decimal') return a.scale === b.scale
  if (a.kind === 'timestamp' && b.kind === 'timestamp') return a.utc === b.utc
  return a.kind === b.kind
}
