/**
 * Faults on purpose: what a test asks the endpoint to do wrong, and to which request. Pure matching; `endpoint.ts` and
 * `reply.ts` act on it.
 */
import { type Armed, type ArmedFaults, armFaults, isNamed, isOneOf, type Strike } from '../armed-faults.ts'
import type { Operation } from './routes.ts'

/**
 * What happens to a request. `before`: nothing was done. `after`: it took effect and its answer is lost or wrong.
 * `reset` drops the connection, `stall` says nothing (for `ms`, else until the client leaves). `error` answers with an
 * error document; `error-in-body` does so under status 200, as CompleteMultipartUpload and CopyObject may.
 * `wrong-etag` answers with another ETag, `corrupt-body` flips one bit, `truncate-body` closes after so many bytes of an
 * answer that promised more, `slow-body` paces it, `drop-upload` drops the connection after so many bytes of the request.
 */
export type FaultEffect =
  | {
      readonly kind: 'error'
      readonly when: 'before' | 'after'
      readonly status: number
      readonly code: string
      readonly retryAfterSeconds?: number
    }
  | { readonly kind: 'reset'; readonly when: 'before' | 'after' }
  | { readonly kind: 'stall'; readonly when: 'before' | 'after'; readonly ms?: number }
  | { readonly kind: 'error-in-body'; readonly code: string }
  | { readonly kind: 'wrong-etag' }
  | { readonly kind: 'corrupt-body' }
  | { readonly kind: 'truncate-body'; readonly bytes: number }
  | { readonly kind: 'slow-body'; readonly bytesPerSecond: number }
  | { readonly kind: 'drop-upload'; readonly bytes: number }

export type Fault = Strike<FaultEffect> & {
  /** Default: every operation. */
  readonly operation?: Operation | readonly Operation[]
  /** The whole key, or a pattern of it. Default: every key, and requests without one. */
  readonly key?: string | RegExp
}

/** A fault in place: how many requests matched it, how many it hit. */
export type ArmedFault = Armed<Fault>

/** 503 SlowDown, before anything was done. */
export const SLOW_DOWN: FaultEffect = { kind: 'error', when: 'before', status: 503, code: 'SlowDown' }
/** 500 after the request took effect. */
export const LOST_ANSWER: FaultEffect = { kind: 'error', when: 'after', status: 500, code: 'InternalError' }
/** What S3 answers when another operation on the key is under way; nothing was done. */
export const CONFLICT: FaultEffect = { kind: 'error', when: 'before', status: 409, code: 'ConditionalRequestConflict' }

export type FaultPlan = ArmedFaults<Fault, FaultEffect, { readonly operation: Operation; readonly key: string | null }>

export const openFaults = (initial: readonly Fault[] = []): FaultPlan =>
  armFaults((fault, { operation, key }) => isOneOf(fault.operation, operation) && isNamed(fault.key, key), initial)
