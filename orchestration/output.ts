/** Tables on standard output, for people or for programs. */
import type { CommandContext } from './command-context.ts'
import { type Cell, renderTable } from './format/table.ts'

/** A column for people; `--json` prints the rows as they are. */
export type OutputColumn<Row> = { readonly title: string; readonly cell: (row: Row) => Cell }

/** `none` is said instead of an empty table. */
export async function printRows<Row extends object>(
  { print }: Pick<CommandContext, 'print'>,
  rows: readonly Row[],
  { json, columns, none }: { readonly json: boolean; readonly columns: readonly OutputColumn<Row>[]; readonly none: string },
): Promise<void> {
  if (json) return printJson({ print }, rows)
  if (rows.length === 0) return print(none)
  await print(
    renderTable(
      columns.map(({ title }) => title),
      rows.map((row) => columns.map(({ cell }) => cell(row))),
    ),
  )
}

/** 64-bit integers as strings, dates as ISO-8601. */
export async function printJson({ print }: Pick<CommandContext, 'print'>, value: unknown): Promise<void> {
  await print(JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item), 2))
}
