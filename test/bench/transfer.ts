/**
 * `npm run bench -- transfer`: a CSV file into a lake (types inferred, every value checked, hashed, committed) against DuckDB
 * writing it as Parquet with one thread. `PORTAGE_BENCH_MB` sets the file's size: memory must not follow it.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROUNDS = Number(process.env.PORTAGE_BENCH_ROUNDS ?? 3)
const MEGABYTES = Number(process.env.PORTAGE_BENCH_MB ?? 256)
const CHILD = fileURLToPath(new URL('transfer-child.ts', import.meta.url))
const ENGINES = ['duckdb', 'portage'] as const

type Round = { readonly seconds: number; readonly cpuSeconds: number; readonly peakMb: number }

export async function run(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'portage-bench-'))
  try {
    const file = join(directory, 'payments.csv')
    const rows = await writePayments(file, MEGABYTES * 1024 ** 2)
    const rounds: Record<(typeof ENGINES)[number], Round[]> = { duckdb: [], portage: [] }
    for (let round = 0; round < ROUNDS; round++) {
      for (const engine of ENGINES) {
        const place = join(directory, `${engine}-${round}`)
        await mkdir(place)
        const { stdout } = await promisify(execFile)(process.execPath, [CHILD, engine, file, place])
        rounds[engine].push(JSON.parse(stdout) as Round)
        await rm(place, { recursive: true })
      }
    }
    console.log(`CSV of ${MEGABYTES} MiB, ${rows} rows × 10 columns, to Parquet, median of ${ROUNDS}:`)
    for (const engine of ENGINES) {
      const perSecond = middle(rounds[engine].map(({ seconds }) => rows / seconds))
      const perCpu = middle(rounds[engine].map(({ cpuSeconds }) => rows / cpuSeconds))
      const peak = Math.max(...rounds[engine].map(({ peakMb }) => peakMb))
      console.log(
        `  ${engine.padEnd(8)} ${kilo(perSecond)} rows/s, ${kilo(perCpu)} rows per CPU-second, peak ${Math.round(peak)} MB resident`,
      )
    }
    console.log(JSON.stringify(rounds))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Rows like a bank's export: numbers, decimals, dates, timestamps, repeated words, and a note with quotes. */
async function writePayments(path: string, bytes: number): Promise<number> {
  const file = createWriteStream(path)
  let written = 0
  let row = 0
  let text = 'id,member,date,category,amount,method,merchant,foreign,note,at\n'
  const categories = ['Utilities', 'Travel', 'Food']
  while (written < bytes) {
    for (let n = 0; n < 10_000; n++) {
      row++
      const day = String((row % 28) + 1).padStart(2, '0')
      const amount = `${(row * 7919) % 10_000}.${String(row % 100).padStart(2, '0')}`
      const at = `2025-01-${day} 03:04:05.${String(row % 1_000_000).padStart(6, '0')}`
      text += `${row},${(row * 31) % 100_000},2025-03-${day},${categories[row % 3]},${amount},Card,Shop ${row % 500},${row & 1},"a ""quoted"" note ${row % 7}",${at}\n`
    }
    written += text.length
    if (!file.write(text)) await once(file, 'drain')
    text = ''
  }
  file.end()
  await once(file, 'close')
  return row
}

const kilo = (value: number): string => `${Math.round(value / 1000)} k`
const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
