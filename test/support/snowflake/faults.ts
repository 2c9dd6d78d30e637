/**
 * Faults on purpose: what a test asks the endpoint to do wrong, and to which request. Pure matching; `answer.ts` and
 * `sender.ts` act on it.
 */

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

export type Fault = {
  /** Default: every kind. */
  readonly request?: RequestKind | readonly RequestKind[]
  /** Of the statement's text. Default: every statement, and requests without one. */
  readonly sql?: string | RegExp
  /** The first matching request that is hit. Default: 1. */
  readonly nth?: number
  /** How many matching requests are hit from then on. Default: 1. */
  readonly times?: number
  readonly effect: FaultEffect
}

/** A fault in place: how many requests matched it, how many it hit. */
export type ArmedFault = { readonly fault: Fault; readonly seen: number; readonly hits: number; readonly disarm: () => void }

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

export type Faults = {
  readonly arm: (fault: Fault) => ArmedFault
  readonly clear: () => void
  /** The first armed fault that hits this request; every armed fault that matches counts it. */
  readonly next: (kind: RequestKind, sql: string | null) => FaultEffect | null
}

type Armed = { readonly fault: Fault; seen: number; hits: number }

export function openFaults(initial: readonly Fault[] = []): Faults {
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
    next: (kind, sql) => {
      let effect: FaultEffect | null = null
      for (const entry of armed) {
        const { fault } = entry
        if (!matches(fault, kind, sql)) continue
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

function matches(fault: Fault, kind: RequestKind, sql: string | null): boolean {
  const kinds: readonly RequestKind[] | undefined = typeof fault.request === 'string' ? [fault.request] : fault.request
  if (kinds !== undefined && !kinds.includes(kind)) return false
  if (fault.sql === undefined) return true
  if (sql === null) return false
  return typeof fault.sql === 'string'
    ? fault.sql === sql
    : new RegExp(fault.sql.source, fault.sql.flags.replace(/[gy]/g, '')).test(sql)
}
