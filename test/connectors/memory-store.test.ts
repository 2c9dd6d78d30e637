import { openMemoryStore } from '../../connectors/memory/store.ts'
import { objectStoreContract } from '../contracts/object-store.ts'

objectStoreContract(
  'memory',
  async () => {
    const store = openMemoryStore({ now: () => new Date(0) })
    return { store, another: async () => store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
  },
  { holdsObjectsInMemory: true },
)
