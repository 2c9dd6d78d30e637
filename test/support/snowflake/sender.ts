/** Replies onto the wire, whole or as a fault wants them. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { FaultEffect } from './faults.ts'
import { isObject } from './http-request.ts'
import type { Reply } from './reply.ts'

const SLOW_SLICE_BYTES = 4 * 1024

export async function send(response: ServerResponse, reply: Reply, fault: FaultEffect | null): Promise<void> {
  const { status, headers, body } = tampered(reply, fault)
  response.writeHead(status, {
    ...headers,
    ...(fault?.kind === 'status' && fault.retryAfterSeconds !== undefined
      ? { 'retry-after': String(fault.retryAfterSeconds) }
      : {}),
    'content-length': String(body.length),
  })
  if (fault?.kind === 'truncate') {
    response.write(body.subarray(0, fault.bytes))
    // Lets what was written reach the client before the connection ends.
    response.socket?.destroySoon()
    return
  }
  if (fault?.kind === 'slow') await trickle(response, body, fault.bytesPerSecond)
  response.end(fault?.kind === 'slow' ? undefined : body)
  if (!response.writableFinished && !response.destroyed) await Promise.race([once(response, 'finish'), once(response, 'close')])
}

async function trickle(response: ServerResponse, body: Buffer, bytesPerSecond: number): Promise<void> {
  for (let at = 0; at < body.length && !response.destroyed; at += SLOW_SLICE_BYTES) {
    const slice = body.subarray(at, at + SLOW_SLICE_BYTES)
    response.write(slice)
    await delay((slice.length / bytesPerSecond) * 1000)
  }
}

function tampered(reply: Reply, fault: FaultEffect | null): Reply {
  switch (fault?.kind) {
    case 'content-type': {
      const { 'content-encoding': encoding, ...headers } = reply.headers
      const own = fault.body !== undefined || encoding === undefined ? headers : { ...headers, 'content-encoding': encoding }
      return {
        ...reply,
        headers: { ...own, 'content-type': fault.contentType },
        body: fault.body === undefined ? reply.body : Buffer.from(fault.body),
      }
    }
    case 'corrupt': {
      const body = Buffer.from(reply.body)
      const middle = Math.floor(body.length / 2)
      body[middle] = (body[middle] ?? 0) ^ 1
      return { ...reply, body }
    }
    case 'without':
      return { ...reply, body: without(reply.body, fault.fields) }
    default:
      return reply
  }
}

function without(body: Buffer, fields: readonly string[]): Buffer {
  const answer: unknown = JSON.parse(body.toString('utf8'))
  if (!isObject(answer) || !isObject(answer.data)) return body
  const kept = Object.entries(answer.data).filter(([name]) => !fields.includes(name))
  return Buffer.from(JSON.stringify({ ...answer, data: Object.fromEntries(kept) }))
}
