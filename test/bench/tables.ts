/** Small files of many tables that change a little: change files per hour and the age of what is landed, with and without a limit. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import { readCommits } from '../../integrations/land/log/read.ts'
import type { CaptureJob } from './capture-child.ts'
import { type BenchServer, measureCapture, startBenchServer } from './capture-server.ts'

const TABLES = 200
const SECONDS = Number(process.env.PORTAGE_BENCH_SECONDS ?? 120)
/** Updates per second, each of another table. */
const RATE = 100
const LIMITS = [0, 20_000]

export async function run(): Promise<void> {
  for (const filesPerHour of LIMITS) await measure(filesPerHour)
}

async function measure(filesPerHour: number): Promise<void> {
  await using server = await startBenchServer()
  for (let n = 0; n < TABLES; n++) {
    await server.client.query(
      `create table t${n} (id int8 primary key, body text); insert into t${n} select n, 'x' from generate_series(1, 100) n`,
    )
  }
  const lake = await mkdtemp(join(tmpdir(), 'portage-bench-'))
  const changes = SECONDS * RATE
  const job: CaptureJob = {
    url: server.url,
    integration: 'tables',
    tables: ['public.*'],
    lake,
    readers: 2,
    part: 'follow',
    filesPerHour,
  }
  await measureCapture(job)
  const measured = await measureCapture({ ...job, heartbeatMs: 60_000, untilRows: changes }, () => void load(server, changes))
  const figures = await countFiles(lake)
  await rm(lake, { recursive: true })
  const perHour = Math.round((figures.files / SECONDS) * 3600)
  console.log(
    `${TABLES} tables, ${RATE} changes/s for ${SECONDS} s, files_per_hour ${filesPerHour === 0 ? 'unlimited' : filesPerHour}: ` +
      `${figures.commits} commits, ${figures.files} files, ${perHour} files per hour, longest pause between commits ${figures.longestS.toFixed(1)} s, ` +
      `${measured.cpuSeconds.toFixed(1)} s CPU, peak ${measured.peakMb.toFixed(0)} MB`,
  )
  console.log(JSON.stringify({ bench: 'tables', filesPerHour, seconds: SECONDS, ...figures, measured }))
}

async function load({ client }: BenchServer, changes: number): Promise<void> {
  const started = performance.now()
  for (let n = 0; n < changes; n++) {
    await client.query(`update t${(n * 7) % TABLES} set body = $1 where id = $2`, [`n ${n}`, 1 + (n % 100)])
    const early = started + (n * 1000) / RATE - performance.now()
    if (early > 20) await delay(early)
  }
}

async function countFiles(
  lake: string,
): Promise<{ readonly commits: number; readonly files: number; readonly longestS: number }> {
  await using store = await openFilesystemStore(lake, { now: () => new Date() })
  let [commits, files, longestS, last] = [0, 0, 0, 0]
  const signal = new AbortController().signal
  for await (const commit of readCommits(store, { prefix: 'raw', integration: 'tables' }, { from: 1, signal })) {
    if (commit.kind !== 'changes') continue
    const at = Date.parse(commit.createdAt)
    if (last > 0) longestS = Math.max(longestS, (at - last) / 1000)
    last = at
    commits++
    files += Object.values(commit.tables).reduce((sum, { added = [] }) => sum + added.length, 0)
  }
  return { commits, files, longestS }
}
