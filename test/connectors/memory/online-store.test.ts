import { openMemoryOnlineStore } from '../../../connectors/memory/online-store.ts'
import type { OnlineEntry } from '../../../connectors/ports.ts'
import { onlineStoreContract } from '../../contracts/online-store.ts'

onlineStoreContract('memory', async () => {
  const now = new Date('2026-03-01T12:00:00Z')
  const entries = new Map<string, OnlineEntry>()
  const open = () => openMemoryOnlineStore({ now: () => now }, entries)
  const store = open()
  return {
    store,
    another: async () => open(),
    past: now,
    future: new Date(now.getTime() + 1),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
})
