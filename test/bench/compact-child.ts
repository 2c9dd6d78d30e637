/**
 * One measured compaction in a process of its own: `node compact-child.ts <directory> <ours|duckdb>`. Prints one JSON line
 * {rows, seconds, cpuSeconds, peakMb}: rows are those read, of base and changes.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { DUCKDB_DIALECT } from '../../connectors/duckdb/dialect.ts'
import { readParquet } from '../../connectors/duckdb/scan.ts'
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import { openLog } from '../../integrations/land/log/log.ts'
import { createParquetWriter } from '../../integrations/land/parquet/writer.ts'
import { compactTable } from '../../integrations/maintain/compact.ts'
import { DEFAULT_MIN_FILES } from '../../integrations/maintain/compaction-plan.ts'
import { announce } from '../../integrations/maintain/intent.ts'
import { relationSql } from '../../integrations/register/view-sql.ts'
import { LAKE, PAYMENT, SCHEMA } from './compact-lake.ts'

const [directory = '', engine = ''] = process.argv.slice(2)
const environment = {
  now: () => new Date(),
  sleep: (ms: number, signal?: AbortSignal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
  random: Math.random,
  log: () => undefined,
}
const signal = AbortSignal.timeout(600_000)
await using store = await openFilesystemStore(directory, environment)
const log = await openLog({ store, ...LAKE, environment, by: 'bench', role: 'maintenance', signal })
const table = log.state().tables[PAYMENT]
if (table?.base == null) throw new Error('no lake')
const files = [...table.base.files, ...table.changes]
const rows = files.reduce((sum, file) => sum + file.rows, 0)
const TARGET_BYTES = 256 * 1024 ** 2

async function ours(): Promise<void> {
  const intent = await announce(log, environment, signal)
  const format = { name: 'parquet', extension: 'parquet', createWriter: createParquetWriter } as const
  const outcome = await compactTable(
    PAYMENT,
    { minFiles: DEFAULT_MIN_FILES, targetFileBytes: TARGET_BYTES, olderThanMs: 0, renew: 'always' },
    {
      store,
      log,
      intent,
      environment,
      format,
      compression: 'zstd',
      targetFileBytes: TARGET_BYTES,
      unstated: () => new Set(),
      onProgress: () => undefined,
      signal,
    },
  )
  if (outcome.renewed === null || outcome.merged.files === 0) throw new Error(JSON.stringify(outcome))
}

/** The same two files by DuckDB: changes in position order, and the rows of the relation with their metadata. */
async function duckdb(): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '1GB', temp_directory: join(directory, 'spill') })
  const connection = await instance.connect()
  const shown = (part: 'base' | 'changes') =>
    files.filter((file) => file.part === part).map((file) => ({ ...file, address: store.address(file.key) }))
  const scans = { base: readParquet(shown('base')), changes: readParquet(shown('changes')) }
  const options = `(format parquet, codec 'zstd', compression_level 1, row_group_size 131072)`
  await connection.run(
    `copy (select * from ${scans.changes} order by _position) to '${join(directory, 'changes.parquet')}' ${options}`,
  )
  const { boundary } = table?.base ?? { boundary: '' as never }
  const { current } = relationSql({ schema: SCHEMA, boundary, baseThrough: boundary }, DUCKDB_DIALECT, scans)
  await connection.run(`copy (${current}) to '${join(directory, 'base.parquet')}' ${options}`)
}

const before = process.cpuUsage()
const started = performance.now()
await (engine === 'duckdb' ? duckdb() : ours())
const seconds = (performance.now() - started) / 1000
const { user, system } = process.cpuUsage(before)
console.log(JSON.stringify({ rows, seconds, cpuSeconds: (user + system) / 1e6, peakMb: process.resourceUsage().maxRSS / 1024 }))
