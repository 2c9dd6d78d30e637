/**
 * `npm run bench -- compact`: change files merged and the base renewed, in rows read per second, against DuckDB writing the same
 * rows from the same files (the limit: two threads, 1 GB, no log, no checksums). Each round works on a lake as runs leave it.
 */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import { makeLake } from './compact-lake.ts'

const ROUNDS = Number(process.env.PORTAGE_BENCH_ROUNDS ?? 3)
const ROWS = Number(process.env.PORTAGE_BENCH_ROWS ?? 5_000_000)
const CHANGES = Math.ceil(ROWS / 5)
const PER_COMMIT = 10_000
const CHILD = fileURLToPath(new URL('compact-child.ts', import.meta.url))

type Round = { readonly rows: number; readonly seconds: number; readonly cpuSeconds: number; readonly peakMb: number }

export async function run(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'portage-bench-'))
  try {
    const made = join(directory, 'made')
    await using store = await openFilesystemStore(made, { now: () => new Date() })
    await makeLake(store, { rows: ROWS, changes: CHANGES, perCommit: PER_COMMIT })
    const rounds: Record<'DuckDB' | 'portage', Round[]> = { DuckDB: [], portage: [] }
    for (let round = 0; round < ROUNDS; round++) {
      for (const engine of ['DuckDB', 'portage'] as const) {
        const lake = join(directory, `round-${round}`)
        await cp(made, lake, { recursive: true })
        const { stdout } = await promisify(execFile)(process.execPath, [CHILD, lake, engine === 'DuckDB' ? 'duckdb' : 'ours'])
        rounds[engine].push(JSON.parse(stdout) as Round)
        await rm(lake, { recursive: true, force: true })
      }
    }
    console.log(`Compaction of ${ROWS} rows and ${CHANGES} changes in ${CHANGES / PER_COMMIT} files, median of ${ROUNDS}:`)
    for (const [name, taken] of Object.entries(rounds)) {
      const perSecond = middle(taken.map((round) => round.rows / round.seconds))
      const perCpu = middle(taken.map((round) => round.rows / round.cpuSeconds))
      const peak = Math.max(...taken.map((round) => round.peakMb))
      console.log(
        `  ${name.padEnd(8)} ${thousands(perSecond)} rows/s, ${thousands(perCpu)} rows per CPU-second, peak ${Math.round(peak)} MB resident`,
      )
    }
    const ratio = middle(rounds.portage.map((round, index) => (rounds.DuckDB[index] as Round).seconds / round.seconds))
    console.log(`  ratio to DuckDB: ${ratio.toFixed(2)}`)
    console.log(JSON.stringify(rounds))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const thousands = (value: number): string => `${Math.round(value / 1000)} k`

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
}
