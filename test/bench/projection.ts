/**
 * `npm run bench -- projection`: files for an engine that reads directories, made of a lake's base and change files, as ORC and as
 * Parquet in turn. The limit is the other format: both read the same rows.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
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
const CHILD = fileURLToPath(new URL('projection-child.ts', import.meta.url))

type Round = {
  readonly rows: number
  readonly bytes: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakMb: number
}

export async function run(): Promise<void> {
  const rounds: Record<'orc' | 'parquet', Round[]> = { orc: [], parquet: [] }
  for (let round = 0; round < ROUNDS; round++) {
    const directory = await mkdtemp(join(tmpdir(), 'portage-bench-'))
    try {
      await using store = await openFilesystemStore(directory, { now: () => new Date() })
      await makeLake(store, { rows: ROWS, changes: CHANGES, perCommit: PER_COMMIT })
      for (const format of ['orc', 'parquet'] as const) {
        const { stdout } = await promisify(execFile)(process.execPath, [CHILD, directory, format])
        rounds[format].push(JSON.parse(stdout) as Round)
      }
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
  console.log(`Projection of ${ROWS} rows and ${CHANGES} changes in ${CHANGES / PER_COMMIT} files, median of ${ROUNDS}:`)
  for (const [name, taken] of Object.entries(rounds)) {
    const perSecond = middle(taken.map((round) => round.rows / round.seconds))
    const perCpu = middle(taken.map((round) => round.rows / round.cpuSeconds))
    const perRow = middle(taken.map((round) => round.bytes / round.rows))
    const peak = Math.max(...taken.map((round) => round.peakMb))
    console.log(
      `  ${name.padEnd(8)} ${thousands(perSecond)} rows/s, ${thousands(perCpu)} rows per CPU-second, ${perRow.toFixed(1)} bytes per row, peak ${Math.round(peak)} MB resident`,
    )
  }
  console.log(JSON.stringify(rounds))
}

const thousands = (value: number): string => `${Math.round(value / 1000)} k`

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
}
