/** Loads rows by `COPY … FROM STDIN` in text format over a `pg` client, which has no such call of its own. */
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { Client, Connection, Submittable } from 'pg'
import type { Value } from './loan-book.ts'

const CHUNK_CHARACTERS = 64 * 1024

/** What `pg` gives to a query object of one's own; its published types lack the COPY part. */
type CopyConnection = Connection & {
  readonly stream: Writable
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
  sendCopyFail(message: string): void
  query(text: string): void
}

/** Runs the COPY statement and sends the rows; settles when the server has taken them all. */
export function copyIn(client: Client, sql: string, rows: Iterable<readonly Value[]>): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: Error | null = null
    const query: Submittable & Record<string, unknown> = {
      submit: (connection) => {
        ;(connection as CopyConnection).query(sql)
      },
      handleCopyInResponse: (connection: CopyConnection) => {
        send(connection, rows).catch((error: unknown) => {
          failure ??= error instanceof Error ? error : new Error(String(error))
          connection.sendCopyFail('the rows could not be made')
        })
      },
      handleError: (error: Error) => {
        reject(failure ?? error)
      },
      handleCommandComplete: () => undefined,
      handleReadyForQuery: () => resolve(),
    }
    client.query(query)
  })
}

async function send(connection: CopyConnection, rows: Iterable<readonly Value[]>): Promise<void> {
  let text = ''
  for (const row of rows) {
    text += `${row.map(copyText).join('\t')}\n`
    if (text.length < CHUNK_CHARACTERS) continue
    connection.sendCopyFromChunk(Buffer.from(text))
    text = ''
    if (connection.stream.writableNeedDrain) await once(connection.stream, 'drain')
  }
  connection.sendCopyFromChunk(Buffer.from(text))
  connection.endCopyFrom()
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

/** One value in COPY's text format (PostgreSQL manual, COPY, "Text Format"). */
export function copyText(value: Value): string {
  if (value === null) return '\\N'
  return typeof value === 'string' ? value.replaceAll(/[\\\t\n\r]/g, (found) => ESCAPES[found] ?? found) : String(value)
}
