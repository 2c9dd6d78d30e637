/**
 * Faults on purpose: what a test asks the endpoint to do wrong, and to which request. Pure matching; `answer.ts` and
 * `sender.ts` act on it.
 */
import { type Armed, type ArmedFaults, armFaults, isNamed, isOneOf, type Strike } from '../armed-faults.ts'

/** What a request is for. */
export type RequestKind =
  | 'login'
  | 'renewal'
  | 'heartbeat'
  | 'logout'
  | 'query'
  | 'result'
  | 'chunk'
  | 'abort'
  | 'monitoring'
  | 'telemetry'

/** `before`: nothing was done. `after`: it took effect, and its answer is lost or wrong. */
export type When = 'before' | 'after'

/**
 * What happens to a request. `status` answers with an HTTP error, `reset` drops the connection, `stall` says nothing (for
 * `ms`, else until the client leaves). `failure` is an answer with `success: false`. `session-expired` asks for a new session
 * token, `session-gone` ends the session. `truncate` closes after so many bytes of an answer that promised more, `corrupt`
 * changes one bit, `slow` paces it, `content-type` says that it is something else (with another body, when given), `without`
 * leaves fields of `data` out.
 */
export type FaultEffect =
  | { readonly kind: 'status'; readonly when: When; readonly status: number; readonly retryAfterSeconds?: number }
  | { readonly kind: 'reset'; readonly when: When }
  | { readonly kind: 'stall'; readonly when: When; readonly ms?: number }
  | { readonly kind: 'failure'; readonly when: When; readonly code: string; readonly sqlState: string; readonly message: string }
  | { readonly kind: 'session-expired'; readonly when: When }
  | { readonly kind: 'session-gone'; readonly when: When }
  | { readonly kind: 'truncate'; readonly bytes: number }
  | { readonly kind: 'corrupt' }
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  | { readonly kind: 'content-type'; readonly contentType: string; readonly body?: string }
  | { readonly kind: 'without'; readonly fields: readonly string[] }

export type Fault = Strike<FaultEffect> & {
  /** Default: every kind. */
  readonly request?: RequestKind | readonly RequestKind[]
  /** Of the statement's text. Default: every statement, and requests without one. */
  readonly sql?: string | RegExp
}

/** A fault in place: how many requests matched it, how many it hit. */
export type ArmedFault = Armed<Fault>

/** 503, before anything was done. */
export const UNAVAILABLE: FaultEffect = { kind: 'status', when: 'before', status: 503 }
/** The statement ran, and its answer is lost. */
export const LOST_ANSWER: FaultEffect = { kind: 'reset', when: 'after' }
/** The session token is not accepted any more; the statement did not run. */
export const EXPIRED: FaultEffect = { kind: 'session-expired', when: 'before' }
/** What a storage service answers for a URL whose time is over. */
export const CHUNK_GONE: FaultEffect = { kind: 'status', when: 'before', status: 403 }
/** A page of a proxy instead of the answer. */
export const PROXY_PAGE: FaultEffect = {
  kind: 'content-type',
  contentType: 'text/html; charset=utf-8',
  body: '<html><body>Sign in to continue</body></html>',
}

export type Faults = ArmedFaults<Fault, FaultEffect, { readonly kind: RequestKind; readonly sql: string | null }>

export const openFaults = (initial: readonly Fault[] = []): Faults =>
  armFaults((fault, { kind, sql }) => isOneOf(fault.request, kind) && isNamed(fault.sql, sql), initial)
