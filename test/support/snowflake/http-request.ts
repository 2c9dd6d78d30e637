/** Requests off the wire: bodies are JSON, gzip or plain. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { badRequest } from './reply.ts'

const unzip = promisify(gunzip)
const MAX_BODY_BYTES = 64 * 1024 ** 2

export type JsonObject = { readonly [name: string]: unknown }

export type ApiRequest = {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** Empty when there was none. */
  readonly body: JsonObject
}

/** @throws Refusal for a body that is too large, wrongly packed, or no JSON object. */
export async function readRequest(message: IncomingMessage): Promise<ApiRequest> {
  const url = new URL(message.url ?? '/', 'http://endpoint')
  return {
    method: message.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: message.headers,
    body: await readBody(message),
  }
}

async function readBody(message: IncomingMessage): Promise<JsonObject> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of message as AsyncIterable<Buffer>) {
    size += piece.length
    if (size > MAX_BODY_BYTES) throw badRequest('the body is larger than 64 MiB')
    pieces.push(piece)
  }
  if (size === 0) return {}
  const text = await unpacked(Buffer.concat(pieces), message.headers['content-encoding'])
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw badRequest('the body is not JSON')
  }
  if (!isObject(value)) throw badRequest('the body is not a JSON object')
  return value
}

async function unpacked(bytes: Buffer, encoding: string | undefined): Promise<string> {
  if (encoding === undefined || encoding === 'identity') return bytes.toString('utf8')
  if (encoding !== 'gzip') throw badRequest(`content-encoding "${encoding}"; gzip is understood`)
  try {
    return (await unzip(bytes, { maxOutputLength: MAX_BODY_BYTES })).toString('utf8')
  } catch {
    throw badRequest('the body is not gzip, or larger than 64 MiB')
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @throws Refusal when the field is there and no string. */
export function optionalText(object: JsonObject, name: string): string | null {
  const value = object[name]
  if (value === undefined || value === null) return null
  if (typeof value !== 'string') throw badRequest(`field "${name}" is not a string`)
  return value
}
