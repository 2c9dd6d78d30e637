/** One HTTP request as S3 sees it: address, parameters and headers decoded once, bytes kept for signatures. */
import type { IncomingMessage } from 'node:http'
import { S3Error } from './errors.ts'

export type S3Request = {
  readonly method: string
  /** Path without query, as it was sent. */
  readonly rawPath: string
  /** Decoded path, always beginning with a slash. */
  readonly path: string
  /** Decoded parameters in the order sent; a parameter without `=` has an empty value. */
  readonly query: readonly (readonly [string, string])[]
  /** Lower-case names; several of one name are joined by commas. Values hold one byte per character. */
  readonly headers: ReadonlyMap<string, string>
  /** Null when the request is for the service itself. */
  readonly bucket: string | null
  readonly key: string | null
  readonly requestId: string
  readonly body: AsyncIterable<Buffer>
  /** Answers `Expect: 100-continue`: called when the body is wanted. */
  readonly wantBody: () => void
}

export type RequestFrame = Pick<S3Request, 'requestId' | 'wantBody' | 'body'> & {
  /** Hosts below it name a bucket. */
  readonly baseDomain: string
}

/** @throws S3Error `InvalidURI` when path or query are no UTF-8, `InvalidRequest` without a Host header. */
export function readRequest(message: IncomingMessage, { requestId, wantBody, body, baseDomain }: RequestFrame): S3Request {
  const target = message.url ?? '/'
  const mark = target.indexOf('?')
  const rawPath = mark === -1 ? target : target.slice(0, mark)
  const path = decode(rawPath, target)
  if (!path.startsWith('/')) throw new S3Error('InvalidURI', "Couldn't parse the specified URI.", { URI: target })
  const headers = joinHeaders(message.rawHeaders)
  const { bucket, key } = address(path, headers.get('host') ?? '', baseDomain)
  return {
    method: message.method ?? '',
    rawPath,
    path,
    query: mark === -1 ? [] : readQuery(target.slice(mark + 1), target),
    headers,
    bucket,
    key,
    requestId,
    body,
    wantBody,
  }
}

/** The value of a parameter, null when absent; the first of several. */
export function parameter(request: S3Request, name: string): string | null {
  return request.query.find(([each]) => each === name)?.[1] ?? null
}

/** A header, or the parameter that a presigned address carries in its place. */
export function header(request: S3Request, name: string): string | null {
  const value = request.headers.get(name)
  if (value !== undefined || !name.startsWith('x-amz-')) return value ?? null
  return request.query.find(([each]) => each.toLowerCase() === name)?.[1] ?? null
}

/** A header whose bytes are UTF-8, as text. */
export function textHeader(request: S3Request, name: string): string | null {
  const value = request.headers.get(name)
  return value === undefined ? null : Buffer.from(value, 'latin1').toString('utf8')
}

/** Virtual-hosted style when the host is below the base domain, path style otherwise. */
function address(path: string, host: string, baseDomain: string): { bucket: string | null; key: string | null } {
  const name = host.replace(/:\d+$/, '').toLowerCase()
  const suffix = `.${baseDomain}`
  const inHost = name.endsWith(suffix) ? name.slice(0, -suffix.length) : null
  const rest = path.slice(1)
  if (inHost !== null) return { bucket: inHost, key: rest === '' ? null : rest }
  const slash = rest.indexOf('/')
  const bucket = slash === -1 ? rest : rest.slice(0, slash)
  const key = slash === -1 ? '' : rest.slice(slash + 1)
  return { bucket: bucket === '' ? null : bucket, key: key === '' ? null : key }
}

function readQuery(text: string, target: string): readonly (readonly [string, string])[] {
  return text
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=')
      const name = equals === -1 ? pair : pair.slice(0, equals)
      const value = equals === -1 ? '' : pair.slice(equals + 1)
      return [decode(name.replaceAll('+', ' '), target), decode(value.replaceAll('+', ' '), target)] as const
    })
}

function decode(text: string, target: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new S3Error('InvalidURI', "Couldn't parse the specified URI.", { URI: target }, { cause })
  }
}

function joinHeaders(raw: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase()
    const value = (raw[index + 1] ?? '').trim()
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before},${value}`)
  }
  return headers
}
