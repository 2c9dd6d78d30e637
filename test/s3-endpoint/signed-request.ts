/** Requests made by hand: Signature Version 4 from the sending side, independent of the endpoint's own code, and every way to get it wrong. */
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'

export type Keys = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }

export const KEYS: Keys = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
export const UNSIGNED = 'UNSIGNED-PAYLOAD'

export type Answer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Of the error document, null without one. */
  readonly code: string | null
}

export type Wanted = {
  readonly method?: string
  /** Encoded path and query. */
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | string
  /** The x-amz-content-sha256. Default: that of the body. */
  readonly payload?: string
  readonly at?: Date
  readonly region?: string
  readonly service?: string
  readonly keys?: Keys
  /** Headers sent but not signed. */
  readonly unsigned?: Readonly<Record<string, string>>
  /** Last changes before sending, after signing. */
  readonly tamper?: (request: { target: string; headers: Record<string, string>; body: Buffer }) => void
}

export const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text).digest()
export const amzDate = (at: Date): string => `${at.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`

export type Signed = { readonly signature: string; readonly key: Buffer; readonly scope: string; readonly date: string }

export function signingKey(secret: string, date: string, region: string, service: string): Buffer {
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, date.slice(0, 8)), region), service), 'aws4_request')
}

function sign(canonical: string, wanted: Wanted, date: string): Signed {
  const { region = 'us-east-1', service = 's3', keys = KEYS } = wanted
  const key = signingKey(keys.secretAccessKey, date, region, service)
  const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`
  return { key, scope, date, signature: hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`).toString('hex') }
}

function canonical(wanted: Wanted, target: string, headers: Readonly<Record<string, string>>, payload: string): string {
  const [path = '', query = ''] = target.split('?')
  const names = Object.keys(headers).sort()
  const pairs = query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .sort()
  const lines = names.map((name) => `${name}:${headers[name]}\n`)
  return [wanted.method ?? 'GET', path, pairs.join('&'), lines.join(''), names.join(';'), payload].join('\n')
}

/** Headers of a request that is signed in its Authorization header. */
export function signedHeaders(url: string, wanted: Wanted): { headers: Record<string, string>; signed: Signed } {
  const { keys = KEYS, body = '' } = wanted
  const date = amzDate(wanted.at ?? new Date())
  const payload = wanted.payload ?? sha256(body)
  const headers: Record<string, string> = {
    host: new URL(url).host,
    'x-amz-content-sha256': payload,
    'x-amz-date': date,
    ...(keys.sessionToken === undefined ? {} : { 'x-amz-security-token': keys.sessionToken }),
    ...wanted.headers,
  }
  const signed = sign(canonical(wanted, wanted.target, headers, payload), wanted, date)
  const names = Object.keys(headers).sort().join(';')
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${signed.scope}, SignedHeaders=${names}, Signature=${signed.signature}`
  return { headers, signed }
}

/** A presigned target: everything in the query. */
export function presign(url: string, wanted: Wanted & { readonly expires: number | string }): string {
  const { keys = KEYS, region = 'us-east-1', service = 's3' } = wanted
  const date = amzDate(wanted.at ?? new Date())
  const headers = { host: new URL(url).host, ...wanted.headers }
  const parameters = {
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${keys.accessKeyId}/${date.slice(0, 8)}/${region}/${service}/aws4_request`,
    'X-Amz-Date': date,
    'X-Amz-Expires': String(wanted.expires),
    'X-Amz-SignedHeaders': Object.keys(headers).sort().join(';'),
  }
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  const target = `${wanted.target}${wanted.target.includes('?') ? '&' : '?'}${query.join('&')}`
  const { signature } = sign(canonical(wanted, target, headers, UNSIGNED), wanted, date)
  return `${target}&X-Amz-Signature=${signature}`
}

/** Signs, tampers, sends. */
export async function call(url: string, wanted: Wanted): Promise<Answer> {
  const { headers } = signedHeaders(url, wanted)
  const body = Buffer.from(wanted.body ?? '')
  const sent = { target: wanted.target, headers: { ...headers, ...wanted.unsigned }, body }
  wanted.tamper?.(sent)
  return await send(url, { method: wanted.method ?? 'GET', ...sent })
}

export type Raw = {
  readonly method: string
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | string
}

/** Sends as it is. A body without a length of its own gets one. */
export async function send(url: string, { method, target, headers = {}, body = '' }: Raw): Promise<Answer> {
  const { hostname, port } = new URL(url)
  const bytes = Buffer.from(body)
  const names = Object.keys(headers)
  const sized =
    names.includes('content-length') || names.includes('transfer-encoding') || (bytes.length === 0 && method !== 'PUT')
  const request = httpRequest({
    hostname,
    port,
    method,
    path: target,
    headers: { ...headers, ...(sized ? {} : { 'content-length': bytes.length }) },
    agent: false,
  })
  request.end(bytes)
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const answer = Buffer.concat(chunks)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: answer,
    code: /<Error.*?><Code>(\w+)<\/Code>|<Code>(\w+)<\/Code>/s.exec(answer.toString('utf8'))?.slice(1).find(Boolean) ?? null,
  }
}

export type ChunkedOptions = {
  readonly chunks: readonly Buffer[]
  /** Trailing headers; with them the payload kind ends in -TRAILER. */
  readonly trailers?: Readonly<Record<string, string>>
  readonly signed: boolean
  readonly tamper?: (parts: string[]) => void
}

/** An aws-chunked PUT: the chunk signatures hang on the signature of the headers. */
export async function callChunked(
  url: string,
  wanted: Wanted,
  { chunks, trailers, signed, tamper }: ChunkedOptions,
): Promise<Answer> {
  const size = chunks.reduce((sum, { length }) => sum + length, 0)
  const payload = signed
    ? `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailers === undefined ? '' : '-TRAILER'}`
    : 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
  const put: Wanted = {
    ...wanted,
    method: 'PUT',
    payload,
    headers: {
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': String(size),
      ...(trailers === undefined ? {} : { 'x-amz-trailer': Object.keys(trailers).join(',') }),
      ...wanted.headers,
    },
  }
  const { headers, signed: seed } = signedHeaders(url, put)
  const parts: string[] = []
  let previous = seed.signature
  for (const chunk of [...chunks, Buffer.alloc(0)]) {
    const text = ['AWS4-HMAC-SHA256-PAYLOAD', seed.date, seed.scope, previous, sha256(''), sha256(chunk)].join('\n')
    previous = hmac(seed.key, text).toString('hex')
    const data = chunk.length === 0 ? '' : `${chunk.toString('latin1')}\r\n`
    parts.push(`${chunk.length.toString(16)}${signed ? `;chunk-signature=${previous}` : ''}\r\n${data}`)
  }
  const lines = Object.entries(trailers ?? {}).map(([name, value]) => `${name}:${value}`)
  parts.push(...lines.map((line) => `${line}\r\n`))
  if (signed && trailers !== undefined) {
    const text = ['AWS4-HMAC-SHA256-TRAILER', seed.date, seed.scope, previous, sha256(`${lines.join('\n')}\n`)].join('\n')
    parts.push(`x-amz-trailer-signature:${hmac(seed.key, text).toString('hex')}\r\n`)
  }
  parts.push('\r\n')
  tamper?.(parts)
  return await send(url, { method: 'PUT', target: put.target, headers, body: Buffer.from(parts.join(''), 'latin1') })
}
