/** An object store in this process's memory, for tests and dry runs. Same contract as the durable ones, without durability. */
import { createHash } from 'node:crypto'
import { ConnectorError } from '../errors.ts'
import { checkKey, checkReadKey } from '../object-key.ts'
import type { Environment, ObjectStore, ObjectWriter } from '../ports.ts'

type Entry = { readonly bytes: Uint8Array; readonly modified: Date }

export function openMemoryStore(environment: Pick<Environment, 'now'>): ObjectStore {
  const objects = new Map<string, Entry>()
  const put = (key: string, bytes: Uint8Array): 'created' | 'exists' => {
    if (objects.has(key)) return 'exists'
    objects.set(key, { bytes, modified: environment.now() })
    return 'created'
  }
  return {
    kind: 'memory',
    async putIfAbsent(key, bytes, signal) {
      enter(key, signal)
      return put(key, new Uint8Array(bytes))
    },
    async openWriter(key, signal) {
      enter(key, signal)
      return openMemoryWriter(key, put, signal)
    },
    async get(key, options = {}) {
      checkReadKey(key)
      throwIfAborted(`Object "${key}"`, options.signal)
      const entry = objects.get(key)
      if (entry === undefined) return null
      return options.range === undefined ? entry.bytes.slice() : entry.bytes.slice(options.range.start, options.range.end)
    },
    async head(key, signal) {
      checkReadKey(key)
      throwIfAborted(`Object "${key}"`, signal)
      const entry = objects.get(key)
      return entry === undefined ? null : { key, size: entry.bytes.length, modified: entry.modified }
    },
    async *list(prefix, options = {}) {
      const after = options.after ?? ''
      for (const key of [...objects.keys()].filter((each) => each.startsWith(prefix) && each > after).sort()) {
        throwIfAborted(`Listing of "${prefix}"`, options.signal)
        const entry = objects.get(key)
        if (entry !== undefined) yield { key, size: entry.bytes.length, modified: entry.modified }
      }
    },
    async delete(keys, signal) {
      for (const key of keys) {
        enter(key, signal)
        objects.delete(key)
      }
    },
    address: (key) => `memory://${key}`,
    check: async () => [],
    [Symbol.asyncDispose]: async () => undefined,
  }
}

function openMemoryWriter(
  key: string,
  put: (key: string, bytes: Uint8Array) => 'created' | 'exists',
  signal: AbortSignal | undefined,
): ObjectWriter {
  const chunks: Uint8Array[] = []
  let size = 0
  let state: 'open' | 'closed' | 'aborted' = 'open'
  const enterOpen = (doing: string) => {
    if (state !== 'open') throw new ConnectorError('INTERNAL', `Object "${key}": ${doing} after it was ${state}`)
    if (signal?.aborted === true) state = 'aborted'
    throwIfAborted(`Object "${key}"`, signal)
  }
  const discard = async () => {
    if (state === 'open') state = 'aborted'
    chunks.length = 0
  }
  return {
    key,
    get bytesWritten() {
      return size
    },
    async write(chunk) {
      enterOpen('write')
      // Not `slice`: a Buffer's shares its memory.
      chunks.push(new Uint8Array(chunk))
      size += chunk.length
    },
    async close() {
      enterOpen('publish')
      const bytes = new Uint8Array(Buffer.concat(chunks))
      state = 'aborted'
      if (put(key, bytes) === 'exists') {
        throw new ConnectorError('STORE', `Object "${key}" already exists. Objects are written once`)
      }
      state = 'closed'
      return { key, size, sha256: createHash('sha256').update(bytes).digest('hex') }
    },
    abort: discard,
    [Symbol.asyncDispose]: discard,
  }
}

function enter(key: string, signal: AbortSignal | undefined): void {
  checkKey(key)
  throwIfAborted(`Object "${key}"`, signal)
}

function throwIfAborted(subject: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new ConnectorError('ABORTED', `${subject}: aborted`, { cause: signal.reason })
}
