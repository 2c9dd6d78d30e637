import { openMemoryStore } from '../../../connectors/memory/store.ts'
import { logFaultsSuite } from './log-faults.ts'

logFaultsSuite('memory', async () => openMemoryStore({ now: () => new Date(0) }))
