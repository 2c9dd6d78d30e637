/**
 * One measured projection in a process of its own: `node projection-child.ts <directory> <orc|parquet>`. Prints one JSON line
 * {rows, bytes, seconds, cpuSeconds, peakMb}.
 */
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import { DIALECTS } from '../../connectors/hive/dialect.ts'
import { loadState } from '../../integrations/land/log/read.ts'
import { projectRequest } from '../../integrations/register/directory/project.ts'
import { registrationOf } from '../../integrations/register/registration.ts'
import { LAKE } from './compact-lake.ts'

const [directory = '', format = 'orc'] = process.argv.slice(2)
const signal = AbortSignal.timeout(1_200_000)
await using store = await openFilesystemStore(directory, { now: () => new Date() })
const state = await loadState(store, LAKE, { signal })
const place = { ...LAKE, connection: format, schema: 'raw' }
const about = { integration: LAKE.integration, schema: 'raw', dialect: DIALECTS.hive, store, dryRun: false }
const request = registrationOf(state, about)
if (request === null) throw new Error('no lake')

const before = process.cpuUsage()
const started = performance.now()
const made = await projectRequest(
  request,
  null,
  {
    store,
    place,
    warehouse: { dialect: DIALECTS.hive },
    format: format === 'parquet' ? 'parquet' : 'orc',
    compression: 'zstd',
    targetFileBytes: 256 * 1024 ** 2,
    repair: false,
  },
  signal,
)
const seconds = (performance.now() - started) / 1000
const { user, system } = process.cpuUsage(before)
const rows = made.tables.flatMap(({ projected }) => projected?.directories ?? []).reduce((sum, each) => sum + each.rows, 0)
let bytes = 0
for await (const { key, size } of store.list(`${LAKE.prefix}/`, { signal }))
  if (key.includes(`/hive/${format}.raw/`)) bytes += size
const peakMb = process.resourceUsage().maxRSS / 1024
console.log(JSON.stringify({ rows, bytes, seconds, cpuSeconds: (user + system) / 1e6, peakMb }))
