/** The request's side of a connection: bodies with a limit of patience, and how to part with one that is not wanted. */
import type { IncomingMessage } from 'node:http'
import { S3Error } from './errors.ts'

const MAX_UNREAD_BYTES = 16 * 1024 ** 2

/** The connection was ended on purpose; there is nobody to answer. */
export class ConnectionDropped extends Error {
  override readonly name = 'ConnectionDropped'
}

export type Body = {
  /** @throws S3Error `RequestTimeout` when nothing arrives for too long. */
  readonly chunks: AsyncIterable<Buffer>
  /** Reads what is left and nobody wants, up to a limit; then the connection ends. */
  readonly drain: () => Promise<void>
}

export function openBody(message: IncomingMessage, idleMs: number): Body {
  const source: AsyncIterator<Buffer> = message[Symbol.asyncIterator]()
  const next = async (): Promise<IteratorResult<Buffer>> => {
    const { promise: impatient, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      reject(
        new S3Error(
          'RequestTimeout',
          'Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.',
        ),
      )
    }, idleMs)
    try {
      return await Promise.race([source.next(), impatient])
    } finally {
      clearTimeout(timer)
    }
  }
  return {
    // Not the stream's own iterator: leaving that one early destroys the stream, and with it the way to answer.
    chunks: { [Symbol.asyncIterator]: () => ({ next }) },
    drain: async () => {
      for (let unread = 0; unread <= MAX_UNREAD_BYTES; ) {
        const { done, value } = await next()
        if (done === true) return
        unread += value.length
      }
      message.destroy()
    },
  }
}

/** The first bytes of a body, then the connection is gone. */
export async function* droppedBody(source: AsyncIterable<Buffer>, bytes: number, drop: () => void): AsyncGenerator<Buffer> {
  let left = bytes
  for await (const chunk of source) {
    if (chunk.length > left) break
    left -= chunk.length
    yield chunk
  }
  drop()
  throw new ConnectionDropped()
}
