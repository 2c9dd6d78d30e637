/**
 * One measured run of capture in a process of its own: `node capture-child.ts <options as JSON>`. Prints one JSON line
 * {rows, seconds, cpuSeconds, peakMb, at}: wall time from the first to the last row's commit, CPU and peak resident memory of the process,
 * and when the last commit was made. With `untilRows` it follows until so many rows are committed, and prints "current" when it has caught up first.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import type { Environment, SourceScope } from '../../connectors/ports.ts'
import { postgres } from '../../connectors/postgres/connector.ts'
import { replicate } from '../../integrations/capture/replicate.ts'
import { openLander } from '../../integrations/land/lander.ts'
import { openLog } from '../../integrations/land/log/log.ts'
import { createParquetWriter } from '../../integrations/land/parquet/writer.ts'

export type CaptureJob = {
  readonly url: string
  readonly integration: string
  readonly tables: readonly string[]
  readonly lake: string
  readonly readers: number
  readonly part: 'snapshot' | 'follow'
  /** Default: 200. */
  readonly heartbeatMs?: number
  /** Default: 20,000. */
  readonly filesPerHour?: number
  /** Default: what is there when it starts. */
  readonly untilRows?: number
}

export type Measured = {
  readonly rows: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakMb: number
  /** Milliseconds since 1970. */
  readonly at: number
}

const job = JSON.parse(process.argv[2] ?? '') as CaptureJob
const environment: Environment = {
  now: () => new Date(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
  random: Math.random,
  log: () => undefined,
  stateDir: job.lake,
}
const scope: SourceScope = {
  integration: job.integration,
  publication: `portage_${job.integration}`,
  slot: `portage_${job.integration}`,
  tables: job.tables,
  onBadValue: 'error',
  columns: new Map(),
  maxSnapshotAgeMs: 900_000,
}
const ending = new AbortController()
const signal = AbortSignal.any([AbortSignal.timeout(600_000), ending.signal])
await using store = await openFilesystemStore(job.lake, environment)
const options = postgres.options.parse({ url: job.url })
const source = await postgres.openSource?.(options, scope, environment)
if (source === undefined) throw new Error('The postgres connector opens no source')
const log = await openLog({ store, prefix: 'raw', integration: job.integration, environment, by: 'bench', signal })
await log.claim(signal)
const format = { name: 'parquet', extension: 'parquet', createWriter: createParquetWriter } as const
const lander = openLander({ store, log, format, compression: 'zstd', targetFileBytes: 256 * 1024 ** 2, metadata: new Map() })

let rows = 0
let first: { readonly at: number; readonly cpu: NodeJS.CpuUsage } | null = null
let last = { seconds: 0, cpuSeconds: 0, at: 0 }
let told = false
const begin = (): void => {
  first ??= { at: performance.now(), cpu: process.cpuUsage() }
}
await replicate(
  {
    source,
    log,
    lander,
    mode: job.untilRows === undefined ? 'until-current' : 'forever',
    takeOver: true,
    flush: { intervalMs: 5000, rows: 500_000, bytes: 64 * 1024 ** 2 },
    filesPerHour: job.filesPerHour ?? 20_000,
    heartbeatMs: job.heartbeatMs ?? 200,
    catalogueMs: 30_000,
    readers: job.readers,
    maxSnapshotAgeMs: 900_000,
    environment,
    emit: (event) => {
      if (job.part === 'snapshot' ? event.kind === 'snapshot' : event.kind === 'step' && event.step === 'follow') begin()
      if (event.kind === 'follow' && event.current && job.untilRows !== undefined && !told) {
        told = true
        console.log('current')
      }
      if (event.kind !== 'commit' || event.commit !== (job.part === 'snapshot' ? 'snapshot' : 'changes') || first === null) return
      rows += event.tables.reduce((sum, table) => sum + table.rows, 0)
      const { user, system } = process.cpuUsage(first.cpu)
      last = { seconds: (performance.now() - first.at) / 1000, cpuSeconds: (user + system) / 1e6, at: Date.now() }
      if (job.untilRows !== undefined && rows >= job.untilRows) ending.abort()
    },
  },
  signal,
)
await source[Symbol.asyncDispose]()
const measured: Measured = { rows, ...last, peakMb: process.resourceUsage().maxRSS / 1024 }
console.log(JSON.stringify(measured))
