/** What the engine is fed: changes of rows of a view's sources, decoded. */
import type { ColumnType, FeatureView } from './definition.ts'
import type { Id, Stored } from './values.ts'

/**
 * One change. `position` orders the log as text does. `values` are in the order of `sourceShape(…).columns`; undefined = not
 * carried. An insert carries every column; a delete and a truncate none.
 */
export type RowEvent = {
  readonly source: string
  readonly op: 'insert' | 'update' | 'delete' | 'truncate'
  readonly position: string
  /** `keyOf`; empty for a truncate. */
  readonly key: Id
  /** The key before the change, when it is another one. */
  readonly oldKey: Id | null
  readonly values: readonly (Stored | undefined)[]
}

export type SourceShape = {
  readonly name: string
  readonly columns: readonly string[]
  readonly types: readonly ColumnType[]
  /** Places of the key columns and of the link in `columns`. */
  readonly key: readonly number[]
  readonly link: number
  readonly effective: number | null
  readonly parent: string | null
}

/** Columns of a source in one fixed order. */
export function sourceShape(view: FeatureView, name: string): SourceShape {
  const source = view.sources[name]
  if (source === undefined) throw new Error(`View "${view.name}" has no source "${name}"`)
  const columns = Object.keys(source.columns).toSorted()
  return {
    name,
    columns,
    types: columns.map((column) => source.columns[column] ?? { kind: 'text' }),
    key: source.key.map((column) => columns.indexOf(column)),
    link: columns.indexOf(source.link),
    effective: source.effective === null ? null : columns.indexOf(source.effective),
    parent: source.parent,
  }
}

/** One id per key: the value itself, or a JSON list of the texts of several. */
export function keyOf(parts: readonly Id[]): Id {
  return parts.length === 1 ? (parts[0] ?? '') : JSON.stringify(parts.map(String))
}
