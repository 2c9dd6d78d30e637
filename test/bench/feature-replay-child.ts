/** A replay of the bench's lake in a process of its own: `node feature-replay-child.ts <directory>`. Prints {"peakMb": n}. */

import type { TableName } from '../../connectors/change.ts'
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import { openEngine } from '../../features/engine.ts'
import { catchUp } from '../../features/feed.ts'
import { clientLoans } from '../../features/views/client-loans.ts'
import { loadState } from '../../integrations/land/log/read.ts'
import { openChangeReader } from '../../integrations/read/change-reader.ts'
import { quietEnvironment } from '../support/lake.ts'
import { LAKE_PLACE } from './feature-lake.ts'

const signal = new AbortController().signal
await using store = await openFilesystemStore(process.argv[2] ?? '', quietEnvironment())
await using reader = openChangeReader({ store, state: () => loadState(store, LAKE_PLACE, { signal }) })
const tables = new Map(['loan', 'payment'].map((name) => [name, `public.${name}` as TableName]))
await catchUp(openEngine(clientLoans), reader, tables, null, signal)
console.log(JSON.stringify({ peakMb: Math.round(process.resourceUsage().maxRSS / 1024) }))
