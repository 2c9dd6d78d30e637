/**
 * Failpoints: calls through the ports, by name. A wrapper around a port tells each call's name to the plan and does to it what the
 * plan says, so that nothing in the product knows of it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ConnectorError } from '../../connectors/errors.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import { type Fault, faultyStore, type StoreOperation } from '../support/faulty-store.ts'

/**
 * `reject`: fails, nothing happened. `lose`: happened, the answer is an error. `die`: as reject, and every later call fails too: the
 * process is gone. `die-after`: happened, then as die. `slow`: happens late.
 */
export const FAULTS = ['reject', 'lose', 'die', 'die-after', 'slow'] as const
export type FaultKind = (typeof FAULTS)[number]

export const SLOW_MS = 60

/** The fault strikes at the `nth` call of the failpoint, counted from 1. */
export type Strike = { readonly failpoint: string; readonly nth: number; readonly kind: FaultKind }

export interface FaultPlan {
  /** Calls so far, by failpoint, in the order of their first call. */
  readonly seen: ReadonlyMap<string, number>
  /** True once the strike has happened. */
  struck(): boolean
  /** What becomes of the next call of the failpoint; counts it. */
  decide(failpoint: string): Fault | null
}

/** `strike` null: every call goes through and is counted. */
export function faultPlan(strike: Strike | null): FaultPlan {
  const seen = new Map<string, number>()
  let dead = false
  let struck = false
  return {
    seen,
    struck: () => struck,
    decide(failpoint) {
      const error = new ConnectorError('CONNECTION', `Injected at "${failpoint}"`)
      if (dead) return { kind: 'die', error }
      const nth = (seen.get(failpoint) ?? 0) + 1
      seen.set(failpoint, nth)
      if (strike?.failpoint !== failpoint || strike.nth !== nth) return null
      struck = true
      const { kind } = strike
      if (kind === 'slow') return { kind: 'hold', until: delay(SLOW_MS) }
      dead = kind === 'die' || kind === 'die-after'
      return { kind, error }
    },
  }
}

/** What an object is to the log and to readers, by its key. */
const OBJECTS: readonly (readonly [RegExp, string])[] = [
  [/\/_portage\/[^/]+\/log\//, 'commit'],
  [/\/_portage\/[^/]+\/live\//, 'live list'],
  [/\/base\//, 'base file'],
  [/\/changes\//, 'change file'],
  [/\/rejects\//, 'rejects'],
  [/\/raw\//, 'original'],
]

const objectName = (key: string): string => OBJECTS.find(([pattern]) => pattern.test(`/${key}`))?.[1] ?? 'object'

const VERBS: Readonly<Partial<Record<StoreOperation, string>>> = { putIfAbsent: 'put', openWriter: 'open' }

/** A store whose calls are failpoints: `put commit`, `close base file`, `get change file`, `list`, `delete`, … */
export const storeWithFaults = (store: ObjectStore, plan: FaultPlan): ObjectStore =>
  faultyStore(store, ({ operation, key }) =>
    plan.decide(operation === 'list' ? 'list' : `${VERBS[operation] ?? operation} ${objectName(key)}`),
  )

/**
 * Any port whose named methods answer with promises; `names` gives the failpoint of each. Other members are passed through.
 */
export function portWithFaults<Port extends object>(
  port: Port,
  names: Partial<Record<keyof Port, string>>,
  plan: FaultPlan,
): Port {
  return new Proxy(port, {
    get(target, member, receiver) {
      const value: unknown = Reflect.get(target, member, receiver)
      const failpoint = names[member as keyof Port]
      if (failpoint === undefined || typeof value !== 'function') return value
      return async (...given: readonly unknown[]): Promise<unknown> => {
        const fault = plan.decide(failpoint)
        if (fault?.kind === 'hold') await fault.until
        if (fault?.kind === 'reject' || fault?.kind === 'die') throw fault.error
        const answer: unknown = await value.apply(target, given)
        if (fault?.kind === 'lose' || fault?.kind === 'die-after') throw fault.error
        return answer
      }
    },
  })
}
