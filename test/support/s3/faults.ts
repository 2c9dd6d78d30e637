/**
 * Faults on purpose: what a test asks the endpoint to do wrong, and to which request. Pure matching; `endpoint.ts` and
 * `reply.ts` act on it.
 */
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

export type Fault = {
  /** Default: every operation. */
  readonly operation?: Operation | readonly Operation[]
  /** The whole key, or a pattern of it. Default: every key, and requests without one. */
  readonly key?: string | RegExp
  /** The first matching request that is hit. Default: 1. */
  readonly nth?: number
  /** How many matching requests are hit from then on. Default: 1. */
  readonly times?: number
  readonly effect: FaultEffect
}

/** A fault in place: how many requests matched it, how many it hit. */
export type ArmedFault = { readonly fault: Fault; readonly seen: number; readonly hits: number; readonly disarm: () => void }

/** 503 SlowDown, before anything was done. */
export const SLOW_DOWN: FaultEffect = { kind: 'error', when: 'before', status: 503, code: 'SlowDown' }
/** 500 after the request took effect. */
export const LOST_ANSWER: FaultEffect = { kind: 'error', when: 'after', status: 500, code: 'InternalError' }
/** What S3 answers when another operation on the key is under way; nothing was done. */
export const CONFLICT: FaultEffect = { kind: 'error', when: 'before', status: 409, code: 'ConditionalRequestConflict' }

export type FaultPlan = {
  readonly arm: (fault: Fault) => ArmedFault
  readonly clear: () => void
  /** The first armed fault that hits this request; every armed fault that matches counts it. */
  readonly next: (operation: Operation, key: string | null) => FaultEffect | null
}

type Armed = { readonly fault: Fault; seen: number; hits: number }

export function openFaults(initial: readonly Fault[] = []): FaultPlan {
  let armed: Armed[] = []
  const arm = (fault: Fault): ArmedFault => {
    const entry: Armed & { readonly disarm: () => void } = {
      fault,
      seen: 0,
      hits: 0,
      disarm: () => {
        armed = armed.filter((each) => each !== entry)
      },
    }
    armed.push(entry)
    return entry
  }
  for (const fault of initial) arm(fault)
  return {
    arm,
    clear: () => {
      armed = []
    },
    next: (operation, key) => {
      let effect: FaultEffect | null = null
      for (const entry of armed) {
        const { fault } = entry
        if (!matches(fault, operation, key)) continue
        entry.seen += 1
        const first = fault.nth ?? 1
        if (effect !== null || entry.seen < first || entry.seen >= first + (fault.times ?? 1)) continue
        entry.hits += 1
        effect = fault.effect
      }
      return effect
    },
  }
}

function matches(fault: Fault, operation: Operation, key: string | null): boolean {
  const operations: readonly Operation[] | undefined = typeof fault.operation === 'string' ? [fault.operation] : fault.operation
  if (operations !== undefined && !operations.includes(operation)) return false
  if (fault.key === undefined) return true
  if (key === null) return false
  return typeof fault.key === 'string'
    ? fault.key === key
    : new RegExp(fault.key.source, fault.key.flags.replace(/[gy]/g, '')).test(key)
}
