/**
 * A strict S3 endpoint over HTTP/1.1 on a directory: what `README.md` here lists works as Amazon S3 documents it, everything
 * else is refused. Objects are streamed; what was answered survives the end of the process.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { answer, type Course, type Desk, errorReply } from './answer.ts'
import { ConnectionDropped, openBody } from './connection.ts'
import { openCredentials } from './credentials.ts'
import { S3Error } from './errors.ts'
import { type ArmedFault, type Fault, type FaultEffect, openFaults } from './faults.ts'
import { readRequest, type S3Request } from './http-request.ts'
import { isBucketName } from './keys.ts'
import type { Reply } from './reply.ts'
import type { Operation } from './routes.ts'
import { send } from './sender.ts'
import { secondOf } from './service.ts'
import { openStorage, type Storage } from './storage.ts'
import type { Role } from './sts.ts'

export type S3EndpointOptions = {
  /** Keeps everything; created when absent. One endpoint at a time. */
  readonly directory: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Default: us-east-1. Requests signed for another region are refused. */
  readonly region?: string
  /** Default: a free port. */
  readonly port?: number
  /** Default: 127.0.0.1. */
  readonly host?: string
  /** Hosts below this name a bucket. Default: localhost. */
  readonly baseDomain?: string
  /** Created when absent. Default: none. */
  readonly buckets?: readonly string[]
  /** Roles that AssumeRole gives credentials for, at the same address. Default: none. */
  readonly roles?: readonly Role[]
  readonly faults?: readonly Fault[]
  /** How long a client may send nothing in the middle of a body. Default: 20 s, as S3. */
  readonly idleMs?: number
  /** Told of errors that are this endpoint's own, or its disk's; the client sees a 500. Default: they go to standard error. */
  readonly onDefect?: (error: unknown) => void
  readonly now?: () => Date
}

export type RequestRecord = {
  /** Null for what is no operation: a wrong address, a wrong signature. */
  readonly operation: Operation | null
  readonly bucket: string | null
  readonly key: string | null
  /** Of the answer; 0 when there was none. */
  readonly status: number
  /** Of the error, null when there was none. */
  readonly code: string | null
  /** Size of the answer's body. */
  readonly bytesOut: number
  readonly fault: FaultEffect['kind'] | null
}

export interface S3Endpoint extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, for path style and for STS. */
  readonly url: string
  readonly port: number
  readonly region: string
  /** Answered requests, oldest first; the newest 10,000. */
  readonly requests: readonly RequestRecord[]
  arm(fault: Fault): ArmedFault
  clearFaults(): void
  /** Ends connections, waits for what is under way, closes the directory. */
  close(): Promise<void>
}

const MAX_RECORDS = 10_000
const SMALL_BODY_BYTES = 64 * 1024

/**
 * Starts an endpoint; it answers when this returns.
 *
 * @throws Error when the directory is in use or not an endpoint's, a bucket name is not one, or the port is taken.
 */
export async function startS3Endpoint(options: S3EndpointOptions): Promise<S3Endpoint> {
  const wrong = options.buckets?.find((name) => !isBucketName(name))
  if (wrong !== undefined) throw new Error(`Bucket name "${wrong}" does not follow the rules of Amazon S3`)
  const storage = await openStorage(options.directory)
  try {
    const desk = openDesk(options, storage)
    await createBuckets(desk, options.buckets ?? [])
    return await listen(options, desk)
  } catch (error) {
    await storage[Symbol.asyncDispose]()
    throw error
  }
}

function openDesk(options: S3EndpointOptions, storage: Storage): Desk {
  const { region = 'us-east-1', now = () => new Date(), roles = [] } = options
  return {
    service: { storage, region, now, pending: new Map(), writes: new Map() },
    credentials: openCredentials(options.accessKeyId, options.secretAccessKey),
    roles,
    faults: openFaults(options.faults),
  }
}

async function createBuckets({ service }: Desk, names: readonly string[]): Promise<void> {
  for (const bucket of names) {
    await service.storage.publish(({ buckets }) =>
      buckets.has(bucket) ? null : { op: 'create-bucket', bucket, at: secondOf(service.now()) },
    )
  }
}

async function listen(options: S3EndpointOptions, desk: Desk): Promise<S3Endpoint> {
  const { host = '127.0.0.1', port: wanted = 0 } = options
  const requests: RequestRecord[] = []
  const underWay = new Set<Promise<void>>()
  const server = createServer({ keepAliveTimeout: 65_000, requestTimeout: 0 })
  const take = (message: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void => {
    const note = (record: RequestRecord): void => {
      requests.push(record)
      if (requests.length > MAX_RECORDS) requests.shift()
    }
    const done: Promise<void> = converse(options, desk, { message, response, expectsContinue, note })
      // The connection broke while an answer was written: the client knows.
      .catch(() => {
        response.destroy()
      })
      .finally(() => {
        underWay.delete(done)
      })
    underWay.add(done)
  }
  server.on('request', (message, response) => take(message, response, false))
  server.on('checkContinue', (message, response) => take(message, response, true))
  server.listen(wanted, host)
  await once(server, 'listening')
  const port = portOf(server)
  let closing: Promise<void> | null = null
  const close = (): Promise<void> => {
    closing ??= (async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
      await Promise.all(underWay)
      await desk.service.storage[Symbol.asyncDispose]()
    })()
    return closing
  }
  return {
    url: `http://${host}:${port}`,
    port,
    region: desk.service.region,
    requests,
    arm: desk.faults.arm,
    clearFaults: desk.faults.clear,
    close,
    [Symbol.asyncDispose]: close,
  }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The endpoint has no port')
  return address.port
}

type Exchange = {
  readonly message: IncomingMessage
  readonly response: ServerResponse
  readonly expectsContinue: boolean
  /** Called before the client can see the answer. */
  readonly note: (record: RequestRecord) => void
}

/** One request and its answer. */
async function converse(
  options: S3EndpointOptions,
  desk: Desk,
  { message, response, expectsContinue, note }: Exchange,
): Promise<void> {
  const requestId = randomBytes(8).toString('hex').toUpperCase()
  const hostId = randomBytes(48).toString('base64')
  const course: Course = { response, operation: null, fault: null, code: null }
  const body = openBody(message, options.idleMs ?? 20_000)
  let waiting = expectsContinue
  let request: S3Request | null = null
  let reply: Reply
  try {
    request = readRequest(message, {
      requestId,
      baseDomain: options.baseDomain ?? 'localhost',
      body: body.chunks,
      wantBody: () => {
        if (waiting) response.writeContinue()
        waiting = false
      },
    })
    reply = await answer(desk, request, course)
  } catch (error) {
    if (error instanceof ConnectionDropped || response.destroyed) {
      note(recordOf(request, course, { status: 0, bytesOut: 0 }))
      response.destroy()
      return
    }
    if (!(error instanceof S3Error)) (options.onDefect ?? console.error)(error)
    reply = errorReply(error, course, { resource: message.url?.split('?')[0] ?? '/', requestId, hostId })
  }
  // What is left of a small body is read first, so that the connection can go on.
  if (!waiting && bodySize(message) <= SMALL_BODY_BYTES && !message.complete) await body.drain().catch(() => undefined)
  const unread = bodySize(message) > 0 && !message.complete
  const headers = {
    ...reply.headers,
    'x-amz-request-id': requestId,
    'x-amz-id-2': hostId,
    server: 'portage-s3',
    ...(unread ? { connection: 'close' } : {}),
  }
  const whole =
    message.method === 'HEAD' && typeof reply.body === 'string' ? { ...reply, headers, body: null } : { ...reply, headers }
  note(recordOf(request, course, { status: reply.status, bytesOut: sizeOf(whole) }))
  await send(response, whole, {
    fault: course.fault,
    beforeEnd: async () => {
      // A client in the middle of its body sees the answer only if the connection outlives what it still sends.
      if (unread && !waiting) await body.drain()
    },
  })
}

function sizeOf({ body }: Reply): number {
  return body === null ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.size
}

/** As announced; infinite when it is not. */
function bodySize({ headers }: IncomingMessage): number {
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : Number.POSITIVE_INFINITY
}

function recordOf(request: S3Request | null, course: Course, sent: Pick<RequestRecord, 'status' | 'bytesOut'>): RequestRecord {
  return {
    operation: course.operation,
    bucket: request?.bucket ?? null,
    key: request?.key ?? null,
    code: course.code,
    fault: course.fault?.kind ?? null,
    ...sent,
  }
}
