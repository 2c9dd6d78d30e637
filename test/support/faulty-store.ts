/** A store that fails on demand: the proof of what happens between any two calls. */
import { ConnectorError } from '../../connectors/errors.ts'
import type { ObjectStore } from '../../connectors/ports.ts'

export type StoreOperation = 'putIfAbsent' | 'openWriter' | 'write' | 'close' | 'get' | 'head' | 'list' | 'delete'

export type StoreCall = { readonly operation: StoreOperation; readonly key: string; readonly index: number }

/**
 * `reject`: fails, nothing happened. `lose`: happened, but the caller gets an error. `die`: as `reject`, and every later
 * call too (the process is gone). `die-after`: happened, then as `die`. `hold`: happens once the promise settles.
 */
export type Fault =
  | { readonly kind: 'reject' | 'lose' | 'die' | 'die-after'; readonly error?: Error }
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }

export type FaultyStore = ObjectStore & {
  /** Every call so far, in order. */
  readonly calls: readonly StoreCall[]
  dead(): boolean
}

/** Wraps a store; `decide` sees each call before it happens. A null answer lets it through. */
export function faultyStore(store: ObjectStore, decide: (call: StoreCall) => Fault | null): FaultyStore {
  const calls: StoreCall[] = []
  let dead: Error | null = null

  const enter = async (operation: StoreOperation, key: string): Promise<Fault | null> => {
    if (dead !== null) throw dead
    const call = { operation, key, index: calls.length }
    calls.push(call)
    const fault = decide(call)
    if (fault?.kind === 'hold') await fault.until
    if (fault?.kind === 'die' || fault?.kind === 'reject')
      fail(fault, `${fault.kind === 'die' ? 'Killed before' : 'Refused'} ${operation} of "${key}"`)
    return fault
  }
  const leave = (fault: Fault | null, operation: StoreOperation, key: string): void => {
    if (fault?.kind !== 'die-after' && fault?.kind !== 'lose') return
    fail(fault, `${fault.kind === 'lose' ? 'Lost the answer to' : 'Killed after'} ${operation} of "${key}"`)
  }
  const fail = (fault: Exclude<Fault, { kind: 'hold' }>, message: string): never => {
    const error = fault.error ?? new ConnectorError('CONNECTION', message)
    if (fault.kind === 'die' || fault.kind === 'die-after') dead = error
    throw error
  }
  const around = async <T>(operation: StoreOperation, key: string, action: () => Promise<T>): Promise<T> => {
    const fault = await enter(operation, key)
    const result = await action()
    leave(fault, operation, key)
    return result
  }

  return {
    kind: store.kind,
    calls,
    dead: () => dead !== null,
    putIfAbsent: (key, bytes, signal) => around('putIfAbsent', key, () => store.putIfAbsent(key, bytes, signal)),
    get: (key, options) => around('get', key, () => store.get(key, options)),
    head: (key, signal) => around('head', key, () => store.head(key, signal)),
    delete: (keys, signal) => around('delete', keys.join(' '), () => store.delete(keys, signal)),
    async *list(prefix, options) {
      const fault = await enter('list', prefix)
      yield* store.list(prefix, options)
      leave(fault, 'list', prefix)
    },
    async openWriter(key, signal) {
      const fault = await enter('openWriter', key)
      const writer = await store.openWriter(key, signal)
      try {
        leave(fault, 'openWriter', key)
      } catch (error) {
        // Nobody has it who could close it; a process that died would have no open file either.
        await writer.abort()
        throw error
      }
      return {
        key,
        get bytesWritten() {
          return writer.bytesWritten
        },
        write: (chunk) => around('write', key, () => writer.write(chunk)),
        close: () => around('close', key, () => writer.close()),
        // A dead process does not clean up: the object was never published, so dropping it here is the same.
        abort: () => writer.abort(),
        [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
      }
    },
    address: (key) => store.address(key),
    check: (signal) => store.check(signal),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}
