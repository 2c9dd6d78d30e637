/** Columns whose values must leave no trace in statistics. Pure. */
import type { TableSchema } from '../connectors/change.ts'

/** Physical names of the columns that are masked. */
export function maskedColumns(schema: TableSchema): ReadonlySet<string> {
  return new Set(schema.columns.filter(({ policy }) => policy?.mask !== undefined).map(({ physical }) => physical))
}
