/** The names that columns have in the files of directories. Pure. */
import type { TableSchema } from '../../../connectors/change.ts'

const OTHER = /[^\p{L}\p{N}_]/u
const EVERY_OTHER = /[^\p{L}\p{N}_]/gu

/**
 * Column names that every engine takes in files: what is neither letter nor digit is written `_`. Hive refuses `.` and `:`, loses its
 * place among ORC columns at a `,`, and reads no Parquet whose names hold blanks or brackets. Names of lake files never change, so
 * neither do these.
 */
export function storedSchema(schema: TableSchema): TableSchema {
  const taken = new Set(schema.columns.map(({ physical }) => physical))
  const names = new Map<string, string>()
  for (const { physical } of schema.columns) {
    if (!OTHER.test(physical)) continue
    let name = physical.replaceAll(EVERY_OTHER, '_')
    while (taken.has(name)) name += '_'
    taken.add(name)
    names.set(physical, name)
  }
  const named = (physical: string): string => names.get(physical) ?? physical
  if (names.size === 0) return schema
  const columns = schema.columns.map((column) => ({ ...column, physical: named(column.physical) }))
  return { ...schema, columns, key: schema.key.map(named) }
}
