/** Loads rows by `COPY … FROM STDIN` in text format. */
import type { Client } from 'pg'
import { copyIn } from '../../connectors/postgres/tables/copy-in.ts'
import type { Value } from './loan-book.ts'

const CHUNK_CHARACTERS = 64 * 1024

/** Runs the COPY statement and sends the rows; settles when the server has taken them all. */
export const copyRows = (client: Client, sql: string, rows: Iterable<readonly Value[]>): Promise<void> =>
  copyIn(client, sql, textChunks(rows))

async function* textChunks(rows: Iterable<readonly Value[]>): AsyncGenerator<Buffer> {
  let text = ''
  for (const row of rows) {
    text += `${row.map(copyText).join('\t')}\n`
    if (text.length < CHUNK_CHARACTERS) continue
    yield Buffer.from(text)
    text = ''
  }
  yield Buffer.from(text)
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

/** One value in COPY's text format (PostgreSQL manual, COPY, "Text Format"). */
export function copyText(value: Value): string {
  if (value === null) return '\\N'
  return typeof value === 'string' ? value.replaceAll(/[\\\t\n\r]/g, (found) => ESCAPES[found] ?? found) : String(value)
}
