/** Which columns a relation shows, under which names. Pure. */
import { type Column, METADATA_COLUMNS, type TableSchema } from '../../connectors/change.ts'

export type RelationColumn = { readonly column: Column; readonly name: string }

/**
 * The columns of both relations of a table: as the source orders them (by id), dropped ones left out, under the source's
 * names. Engines compare names without case, so a name that equals an earlier one but for case gets `_<id>` appended.
 */
export function relationColumns(schema: TableSchema): readonly RelationColumn[] {
  const live = schema.columns.filter((column) => !column.dropped).toSorted((a, b) => a.id - b.id)
  const exact = new Set(live.map((column) => column.name.toLowerCase()))
  const taken = new Set<string>(METADATA_COLUMNS)
  return live.map((column) => {
    let name = column.name
    while (taken.has(name.toLowerCase())) {
      name = `${name}_${column.id}`
      while (exact.has(name.toLowerCase())) name = `${name}_`
    }
    taken.add(name.toLowerCase())
    return { column, name }
  })
}

/** A name for a helper column that no column of the table has. */
export function helperName(schema: TableSchema, wanted: string): string {
  const taken = new Set(schema.columns.flatMap((column) => [column.physical.toLowerCase(), column.name.toLowerCase()]))
  let name = wanted
  while (taken.has(name)) name = `${name}_`
  return name
}
