/** An online store in this process's memory, for tests and single-process trials. */
import { ConnectorError } from '../errors.ts'
import type { Environment, OnlineEntry, OnlineStore } from '../ports.ts'

/** Entries live in `entries`, which may be shared by several stores. Expiry is judged by `environment.now`. */
export function openMemoryOnlineStore(
  environment: Pick<Environment, 'now'>,
  entries: Map<string, OnlineEntry> = new Map(),
): OnlineStore {
  return {
    async put(added, signal) {
      refuseAborted(signal)
      for (const entry of added) {
        const key = keyOf(entry.view, entry.entity, entry.definition)
        const stored = entries.get(key)
        if (stored === undefined || stored.position <= entry.position) entries.set(key, structuredClone(entry))
      }
    },
    async get(view, entity, definition, signal) {
      refuseAborted(signal)
      const entry = entries.get(keyOf(view, entity, definition))
      if (entry === undefined || expired(entry, environment.now())) return null
      return structuredClone(entry)
    },
    async [Symbol.asyncDispose]() {},
  }
}

function keyOf(view: string, entity: string, definition: string): string {
  return JSON.stringify([view, entity, definition])
}

function expired({ validUntil }: OnlineEntry, now: Date): boolean {
  return validUntil !== null && validUntil.getTime() <= now.getTime()
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new ConnectorError('ABORTED', 'Online store call was aborted', { cause: signal.reason })
}
