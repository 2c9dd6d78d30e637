/**
 * Failpoints: calls through the ports, by name. A wrapper around a port tells each call's name to the plan and does to it what the
 * plan says, so that nothing in the product knows of it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ConnectorError } from '../../connectors/errors.ts'
import type { ObjectStore, ObjectWriter } from '../../connectors/ports.ts'

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
  /** Runs the call as the plan wants it. */
  around<T>(failpoint: string, call: () => Promise<T>): Promise<T>
}

/** `strike` null: every call goes through and is counted. */
export function faultPlan(strike: Strike | null): FaultPlan {
  const seen = new Map<string, number>()
  let dead = false
  let struck = false
  const failure = (failpoint: string): ConnectorError => new ConnectorError('CONNECTION', `Injected at "${failpoint}"`)
  return {
    seen,
    struck: () => struck,
    async around(failpoint, call) {
      if (dead) throw failure(failpoint)
      const nth = (seen.get(failpoint) ?? 0) + 1
      seen.set(failpoint, nth)
      const kind = strike?.failpoint === failpoint && strike.nth === nth ? strike.kind : null
      struck ||= kind !== null
      if (kind === 'slow') await delay(SLOW_MS)
      if (kind === 'die' || kind === 'die-after') dead = true
      if (kind === 'reject' || kind === 'die') throw failure(failpoint)
      const answer = await call()
      if (kind === 'lose' || kind === 'die-after') throw failure(failpoint)
      return answer
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

/** A store whose calls are failpoints: `put commit`, `close base file`, `get change file`, `list`, `delete`, … */
export function storeWithFaults(store: ObjectStore, plan: FaultPlan): ObjectStore {
  const at = <T>(verb: string, key: string, call: () => Promise<T>): Promise<T> => plan.around(`${verb} ${objectName(key)}`, call)
  return {
    kind: store.kind,
    putIfAbsent: (key, bytes, signal) => at('put', key, () => store.putIfAbsent(key, bytes, signal)),
    get: (key, options) => at('get', key, () => store.get(key, options)),
    head: (key, signal) => at('head', key, () => store.head(key, signal)),
    delete: (keys, signal) => at('delete', keys[0] ?? '', () => store.delete(keys, signal)),
    async *list(prefix, options) {
      await plan.around('list', async () => undefined)
      yield* store.list(prefix, options)
    },
    async openWriter(key, signal): Promise<ObjectWriter> {
      const writer = await at('open', key, () => store.openWriter(key, signal))
      return {
        key,
        get bytesWritten() {
          return writer.bytesWritten
        },
        write: (chunk) => at('write', key, () => writer.write(chunk)),
        close: () => at('close', key, () => writer.close()),
        abort: () => writer.abort(),
        [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
      }
    },
    address: (key) => store.address(key),
    check: (signal) => store.check(signal),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

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
      return (...given: readonly unknown[]) => plan.around(failpoint, async () => (await value.apply(target, given)) as unknown)
    },
  })
}
