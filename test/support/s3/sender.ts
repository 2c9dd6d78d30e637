/** Replies onto the wire, whole or as a fault wants them. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { FaultEffect } from './faults.ts'
import type { Reply } from './reply.ts'

const SLOW_SLICE_BYTES = 16 * 1024

export type Sending = {
  readonly fault: FaultEffect | null
  /** Between the last byte of the answer and its end, which may close the connection. */
  readonly beforeEnd: () => Promise<void>
}

/** Sends a reply, and closes what it holds in any case. */
export async function send(response: ServerResponse, reply: Reply, { fault, beforeEnd }: Sending): Promise<void> {
  const { body } = reply
  try {
    const changed = fault === null ? reply : tampered(reply, fault)
    const length = typeof changed.body === 'string' ? Buffer.byteLength(changed.body) : (changed.body?.size ?? null)
    response.writeHead(changed.status, {
      ...(length === null && changed.status !== 204 && changed.status !== 304 ? { 'content-length': '0' } : {}),
      ...changed.headers,
      ...(length === null ? {} : { 'content-length': String(length) }),
    })
    const source =
      changed.body === null ? [] : typeof changed.body === 'string' ? [Buffer.from(changed.body)] : changed.body.read()
    await stream(response, source, fault)
    response.flushHeaders()
    await beforeEnd()
    if (fault?.kind === 'truncate-body' && changed.body !== null) {
      // Lets what was written reach the client before the connection ends.
      response.socket?.destroySoon()
    } else {
      response.end()
    }
  } finally {
    if (body !== null && typeof body !== 'string') body[Symbol.dispose]()
  }
}

async function stream(
  response: ServerResponse,
  source: AsyncIterable<Buffer> | Iterable<Buffer>,
  fault: FaultEffect | null,
): Promise<void> {
  let sent = 0
  for await (const chunk of source) {
    for (const piece of fault?.kind === 'slow-body' ? slices(chunk) : [chunk]) {
      if (response.destroyed) return
      const allowed = fault?.kind === 'truncate-body' ? piece.subarray(0, Math.max(fault.bytes - sent, 0)) : piece
      if (fault?.kind === 'corrupt-body' && sent === 0 && allowed.length > 0) allowed[0] = (allowed[0] ?? 0) ^ 1
      sent += allowed.length
      if (allowed.length > 0 && !response.write(allowed)) {
        const waiting = new AbortController()
        await Promise.race(
          ['drain', 'close'].map((event) => once(response, event, { signal: waiting.signal }).catch(() => undefined)),
        )
        waiting.abort()
      }
      if (fault?.kind === 'slow-body') await delay((piece.length / fault.bytesPerSecond) * 1000)
      if (allowed.length < piece.length) return
    }
  }
}

function* slices(chunk: Buffer): Generator<Buffer> {
  for (let at = 0; at < chunk.length; at += SLOW_SLICE_BYTES) yield chunk.subarray(at, at + SLOW_SLICE_BYTES)
}

/** Another ETag of the same form, in the header and in documents. */
function tampered(reply: Reply, fault: FaultEffect): Reply {
  if (fault.kind !== 'wrong-etag') return reply
  const wrong = (text: string) =>
    text.replace(/[0-9a-f]{32}/, (etag) =>
      etag
        .split('')
        .reverse()
        .join('')
        .replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
    )
  const { etag } = reply.headers
  return {
    ...reply,
    headers: etag === undefined ? reply.headers : { ...reply.headers, etag: wrong(etag) },
    body: typeof reply.body === 'string' ? reply.body.replace(/<ETag>[^<]*<\/ETag>/g, wrong) : reply.body,
  }
}
