/** One request from signature to reply, with the fault that hits it and the document of what went wrong. */
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { ConnectionDropped, droppedBody } from './connection.ts'
import type { Credentials } from './credentials.ts'
import { type ErrorText, errorDocument, S3Error } from './errors.ts'
import type { FaultEffect, FaultPlan } from './faults.ts'
import type { S3Request } from './http-request.ts'
import { HANDLERS } from './operations/handlers.ts'
import type { Reply } from './reply.ts'
import { type Operation, operationOf } from './routes.ts'
import type { Service } from './service.ts'
import { authenticate } from './signature.ts'
import { answerTokenRequest, isTokenRequest, type Role } from './sts.ts'

export type Desk = {
  readonly service: Service
  readonly credentials: Credentials
  readonly roles: readonly Role[]
  readonly faults: FaultPlan
}

/** What becomes known of a request on its way. */
export type Course = {
  readonly response: ServerResponse
  operation: Operation | null
  fault: FaultEffect | null
  /** Of the error that it was answered with. */
  code: string | null
}

/** @throws ConnectionDropped when a fault ended the connection. */
export async function answer(desk: Desk, request: S3Request, course: Course): Promise<Reply> {
  const { service, credentials, roles, faults } = desk
  const { region, now } = service
  if (isTokenRequest(request)) {
    course.operation = 'AssumeRole'
    course.fault = faults.next({ operation: 'AssumeRole', key: null })
    return await faulty(course, request, (each) => answerTokenRequest({ credentials, roles, region, now }, each))
  }
  const auth = authenticate(request, { credentials, region, service: 's3', now })
  const operation = operationOf(request)
  course.operation = operation
  course.fault = faults.next({ operation, key: request.key })
  return await faulty(course, request, (each) => HANDLERS[operation](service, each, auth))
}

type Place = { readonly resource: string; readonly requestId: string; readonly hostId: string }

/** The document of an error; defects of this endpoint are 500s. */
export function errorReply(error: unknown, course: Course, place: Place): Reply {
  const known =
    error instanceof S3Error ? error : new S3Error('InternalError', 'We encountered an internal error. Please try again.')
  course.code = known.code
  if (known.code === 'NotModified') return { status: 304, headers: known.headers, body: null }
  return documentReply(known, { status: known.status, headers: known.headers, place })
}

function documentReply(
  error: ErrorText,
  reply: { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly place: Place },
): Reply {
  return {
    status: reply.status,
    headers: { 'content-type': 'application/xml', ...reply.headers },
    body: errorDocument(error, reply.place),
  }
}

async function faulty(course: Course, request: S3Request, work: (request: S3Request) => Promise<Reply>): Promise<Reply> {
  const { fault } = course
  if (fault === null) return await work(request)
  const before = 'when' in fault && fault.when === 'before' ? await strike(course, request, fault) : null
  if (before !== null) return before
  const { socket } = course.response
  const body = fault.kind === 'drop-upload' ? droppedBody(request.body, fault.bytes, () => socket?.destroy()) : request.body
  const reply = await work({ ...request, body })
  const after = 'when' in fault && fault.when === 'before' ? null : await strike(course, request, fault)
  if (after === null) return reply
  if (reply.body !== null && typeof reply.body !== 'string') reply.body[Symbol.dispose]()
  return after
}

/** Does what the fault says in place of a reply; null when it leaves the reply to be sent. */
async function strike(course: Course, request: S3Request, fault: FaultEffect): Promise<Reply | null> {
  const { response } = course
  switch (fault.kind) {
    case 'reset':
      response.socket?.resetAndDestroy()
      throw new ConnectionDropped()
    case 'stall': {
      const gone = new AbortController()
      response.once('close', () => gone.abort())
      await delay(fault.ms ?? 2 ** 31 - 1, undefined, { signal: gone.signal }).catch(() => {
        throw new ConnectionDropped()
      })
      return null
    }
    case 'error':
    case 'error-in-body': {
      course.code = fault.code
      const seconds = fault.kind === 'error' ? fault.retryAfterSeconds : undefined
      return documentReply(
        { code: fault.code, message: 'A fault that a test asked for.' },
        {
          status: fault.kind === 'error' ? fault.status : 200,
          headers: seconds === undefined ? {} : { 'retry-after': String(seconds) },
          place: { resource: request.path, requestId: request.requestId, hostId: request.requestId },
        },
      )
    }
    case 'wrong-etag':
    case 'corrupt-body':
    case 'truncate-body':
    case 'slow-body':
    case 'drop-upload':
      return null
    default:
      throw new Error(`${fault satisfies never}`)
  }
}
