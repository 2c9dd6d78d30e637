/** A notifier that remembers, for tests. */
import { ConnectorError } from '../errors.ts'
import type { Notice, Notifier } from '../ports.ts'

export type MemoryNotifier = Notifier & { readonly notices: readonly Notice[] }

/** Appends to `notices`, which may be shared by several notifiers. */
export function openMemoryNotifier(notices: Notice[] = []): MemoryNotifier {
  let closed = false
  return {
    notices,
    async notify(notice, signal) {
      if (signal.aborted) throw new ConnectorError('ABORTED', `Notice "${notice.title}" was aborted`, { cause: signal.reason })
      if (closed) throw new ConnectorError('INTERNAL', `Notice "${notice.title}" was sent through a closed notifier`)
      notices.push(structuredClone(notice))
    },
    async [Symbol.asyncDispose]() {
      closed = true
    },
  }
}
