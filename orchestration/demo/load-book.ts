/** Creates the loan book's tables and fills them. I/O. */
import type { Client } from 'pg'
import { copyRows } from './copy-in.ts'
import { BOOK_CONSTRAINTS, BOOK_DDL, type BookTable, loanBook, type Value } from './loan-book.ts'

/** Loads the whole book into an empty database, all or nothing; returns the rows per table. */
export async function loadBook(client: Client, scale: number): Promise<ReadonlyMap<BookTable['name'], number>> {
  await client.query('begin')
  await client.query(BOOK_DDL)
  const loaded = new Map<BookTable['name'], number>()
  for (const table of loanBook(scale)) {
    await copyRows(client, copyStatement(table.name, table.columns), rowsOf(table))
    loaded.set(table.name, table.rows)
  }
  await client.query(BOOK_CONSTRAINTS)
  await client.query('commit')
  return loaded
}

export function copyStatement(table: string, columns: readonly string[]): string {
  return /* sql */ `copy ${table} (${columns.join(', ')}) from stdin`
}

function* rowsOf(table: BookTable): Generator<readonly Value[]> {
  for (let n = 1; n <= table.rows; n += 1) yield table.row(n)
}
