/**
 * `npm run bench -- snapshot|follow`: the limit and ours in turn, several rounds, medians and their ratio. The raw figures
 * are kept in `.portage/bench/`. Absolute figures drift between machines and moments; the ratio is what counts.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bytesText, countText } from '../../orchestration/format/quantities.ts'
import { renderTable } from '../../orchestration/format/table.ts'
import { ROOT } from '../support/sources.ts'
import { follow } from './follow.ts'
import { median } from './measure.ts'
import { snapshot } from './snapshot.ts'

/** Rows (or changes) per second of wall time, and of our CPU time. */
export type BenchRound = {
  readonly limit: number
  readonly ours: number
  readonly perCpuSecond: number
  readonly peakBytes: number
}

export type ScenarioOptions = {
  readonly rows: number
  readonly rounds: number
  readonly readers: number
  readonly rowsPerTransaction: number
  readonly say: (done: readonly BenchRound[]) => Promise<void> | void
}

export type Scenario = (options: ScenarioOptions) => Promise<readonly BenchRound[]>

const SCENARIOS: Readonly<Record<string, { readonly run: Scenario; readonly rows: number }>> = {
  snapshot: { run: snapshot, rows: 2_000_000 },
  follow: { run: follow, rows: 500_000 },
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    readers: { type: 'string', default: '1' },
    'rows-per-transaction': { type: 'string', default: '10' },
  },
})
const [name = ''] = positionals
const scenario = SCENARIOS[name]
if (scenario === undefined) {
  process.stderr.write(
    'Usage: npm run bench -- snapshot|follow [--rows N] [--rounds N] [--readers N] [--rows-per-transaction N]\n',
  )
  process.exitCode = 2
} else {
  const options = {
    rows: Number(values.rows ?? scenario.rows),
    rounds: Number(values.rounds),
    readers: Number(values.readers),
    rowsPerTransaction: Number(values['rows-per-transaction']),
  }
  const done = await scenario.run({
    ...options,
    say: (rounds) => void process.stderr.write(`${line(rounds.length, rounds.at(-1))}\n`),
  })
  const middle = (of: (round: BenchRound) => number) => median(done.map(of))
  const ratio = middle((round) => round.ours / round.limit)
  process.stdout.write(
    `${renderTable(
      ['scenario', 'limit, rows/s', 'ours, rows/s', 'ratio', 'rows per CPU-second', 'peak memory'],
      [
        [
          name,
          Math.round(middle((round) => round.limit)),
          Math.round(middle((round) => round.ours)),
          ratio.toFixed(2),
          Math.round(middle((round) => round.perCpuSecond)),
          bytesText(middle((round) => round.peakBytes)),
        ],
      ],
    )}\n`,
  )
  const dir = join(ROOT, '.portage', 'bench')
  await mkdir(dir, { recursive: true })
  const raw = {
    scenario: name,
    at: new Date().toISOString(),
    cpus: cpus().length,
    node: process.version,
    ...options,
    rounds: done,
  }
  await writeFile(join(dir, `${name}-${raw.at.replaceAll(/[:.]/g, '-')}.json`), `${JSON.stringify(raw, null, 2)}\n`)
}

function line(round: number, last: BenchRound | undefined): string {
  if (last === undefined) return ''
  const { limit, ours, peakBytes } = last
  return `round ${round}: limit ${countText(Math.round(limit))}/s, ours ${countText(Math.round(ours))}/s, ratio ${(ours / limit).toFixed(2)}, ${bytesText(peakBytes)}`
}
