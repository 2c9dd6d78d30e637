/** COPY … FROM STDIN over a `pg` client, which has no such call of its own. I/O. */
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { Client, Connection, Submittable } from 'pg'

/** What `pg` gives to a query object of one's own; its published types lack the COPY part. */
type CopyConnection = Connection & {
  readonly stream: Writable
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
  sendCopyFail(message: string): void
  query(text: string): void
}

const CHUNK_BYTES = 256 * 1024

/**
 * Runs the COPY statement and sends the chunks; settles when the server has taken them all. An error of the chunks ends the copy,
 * so that the server keeps nothing, and is thrown as it is; else what the server says.
 */
export function copyIn(client: Client, sql: string, chunks: AsyncIterable<Buffer>): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: unknown = null
    let refused = false
    const query: Submittable & Record<string, unknown> = {
      submit: (connection) => {
        ;(connection as CopyConnection).query(sql)
      },
      handleCopyInResponse: (connection: CopyConnection) => {
        send(connection, chunks, () => refused).catch((error: unknown) => {
          failure = error
          connection.sendCopyFail('the rows could not be read')
        })
      },
      handleError: (error: Error) => {
        refused = true
        reject(failure ?? error)
      },
      handleCommandComplete: () => undefined,
      handleReadyForQuery: () => resolve(),
    }
    client.query(query)
  })
}

async function send(connection: CopyConnection, chunks: AsyncIterable<Buffer>, refused: () => boolean): Promise<void> {
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += CHUNK_BYTES) {
      if (refused()) return
      // The chunk is copied by the socket's queue only when it drains: hand over pieces that nobody writes to again.
      connection.sendCopyFromChunk(Buffer.from(chunk.subarray(at, at + CHUNK_BYTES)))
      if (connection.stream.writableNeedDrain)
        await Promise.race([once(connection.stream, 'drain'), once(connection.stream, 'close')])
    }
  }
  if (!refused()) connection.endCopyFrom()
}
