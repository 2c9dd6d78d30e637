/**
 * A table as a warehouse shows it, but as of a cut: its history relation with everything at or above the cut left out, under the very
 * rules that make the current relation (`register/view-sql.ts`). Pure.
 */
import type { Position, TableSchema } from '../../connectors/change.ts'
import type { Dialect, TableRegistration } from '../../connectors/ports.ts'
import { quoteName, quoteOwnText } from '../register/quote.ts'
import { relationColumns } from '../register/relation-columns.ts'
import { historyName } from '../register/relation-names.ts'
import { relationSql } from '../register/view-sql.ts'

export type ShownColumn = { readonly id: number; readonly name: string }

/** The columns under which the relation shows the schema's live columns. */
export function shownColumns(schema: TableSchema): readonly ShownColumn[] {
  return relationColumns(schema).map(({ column, name }) => ({ id: column.id, name }))
}

/** A `select` of the relation's columns. `target` is the warehouse's schema. */
export function asOfSql(table: TableRegistration, target: string, until: Position, dialect: Dialect): string {
  const quote = (name: string) => quoteName(dialect, name)
  const history = `${quote(target)}.${quote(dialect.landedHistory?.(table.relation) ?? historyName(table.relation))}`
  const [op, position] = [quote('_op'), quote('_position')]
  const columns = relationColumns(table.schema)
  const named = new Map(columns.map(({ column, name }) => [column.physical, name]))
  const shown: TableSchema = {
    ...table.schema,
    columns: columns.map(({ column, name }) => {
      // The relation has the names, types and defaults already.
      const { initial, ...rest } = column
      return { ...rest, name, physical: name }
    }),
    key: table.schema.key.map((physical) => named.get(physical) ?? physical),
  }
  const asShown: Dialect = { ...dialect, column: (physical) => quote(physical) }
  const { boundary, baseThrough } = table
  const scans = {
    base: `(select * from ${history} where ${op} = 'r')`,
    changes: `(select * from ${history} where ${op} <> 'r' and ${position} < ${quoteOwnText(until)})`,
  }
  return relationSql({ schema: shown, boundary, baseThrough }, asShown, scans).current
}
