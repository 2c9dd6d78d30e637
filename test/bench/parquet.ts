/**
 * `npm run bench -- parquet`: Arrow batches → Parquet, in rows per CPU-second of the encoding process, against DuckDB's writer
 * (from its own in-memory table) and parquetjs-lite (from row objects). Contenders take turns; medians of all rounds.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { createParquetWriter } from '../../integrations/land/parquet/writer.ts'
import { testBatch } from '../support/arrow-columns.ts'
import { writeParquet } from '../support/parquet-files.ts'
import { ROOT } from '../support/sources.ts'
import { BATCH_ROWS, PAYMENT_SCHEMA, paymentBatch } from './payments.ts'

const ROUNDS = Number(process.env.PORTAGE_BENCH_ROUNDS ?? 5)
const BATCHES = Math.ceil(Number(process.env.PORTAGE_BENCH_ROWS ?? 1_048_576) / BATCH_ROWS)
/** parquetjs-lite is some seventy times slower: a smaller piece of the same table. */
const LITE_ROWS = 20_000

type Round = { readonly rows: number; readonly cpuSeconds: number; readonly seconds: number; readonly bytes: number }

async function timed(rows: number, run: () => Promise<number>): Promise<Round> {
  const before = process.cpuUsage()
  const started = performance.now()
  const bytes = await run()
  const { user, system } = process.cpuUsage(before)
  return { rows, bytes, cpuSeconds: (user + system) / 1e6, seconds: (performance.now() - started) / 1000 }
}

export async function run(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'portage-bench-'))
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  try {
    const batches = Array.from({ length: BATCHES }, (_, i) => paymentBatch(i * BATCH_ROWS, BATCH_ROWS))
    const rows = BATCHES * BATCH_ROWS
    const ours = (compression: 'zstd' | 'snappy', path?: string) => async (): Promise<number> => {
      const chunks: Uint8Array[] = []
      let bytes = 0
      const sink = {
        write: async (chunk: Uint8Array) => {
          bytes += chunk.length
          if (path !== undefined) chunks.push(chunk)
        },
      }
      const writer = createParquetWriter({ schema: PAYMENT_SCHEMA, sink, compression, metadata: new Map() })
      for (const batch of batches) await writer.append(batch)
      await writer.finish()
      if (path !== undefined) await writeFile(path, Buffer.concat(chunks))
      return bytes
    }
    const source = join(directory, 'ours.parquet')
    const target = join(directory, 'duckdb.parquet')
    await ours('zstd', source)()
    await connection.run(`create table payment as select * from '${source}'`)
    const duckdb = async (): Promise<number> => {
      await connection.run(
        `copy payment to '${target}' (format parquet, codec 'zstd', compression_level 1, row_group_size 131072)`,
      )
      return (await readFile(target)).length
    }
    const lite = liteWriter(join(directory, 'lite.parquet'))
    const rounds: Record<string, Round[]> = {
      'portage, zstd': [],
      'portage, snappy': [],
      'DuckDB, zstd': [],
      'parquetjs-lite, snappy': [],
    }
    for (let round = 0; round < ROUNDS; round++) {
      rounds['portage, zstd']?.push(await timed(rows, ours('zstd')))
      rounds['portage, snappy']?.push(await timed(rows, ours('snappy')))
      rounds['DuckDB, zstd']?.push(await timed(rows, duckdb))
      rounds['parquetjs-lite, snappy']?.push(await timed(LITE_ROWS, lite))
    }
    console.log(`Parquet, payment rows × ${PAYMENT_SCHEMA.fields.length} columns (16 of the source), median of ${ROUNDS}:`)
    for (const [name, taken] of Object.entries(rounds)) {
      const perCpu = middle(taken.map((round) => round.rows / round.cpuSeconds))
      const bytes = middle(taken.map((round) => round.bytes / round.rows))
      console.log(`  ${name.padEnd(24)} ${Math.round(perCpu / 1000)} k rows per CPU-second, ${bytes.toFixed(1)} bytes per row`)
    }
    console.log(`  ${await interoperation(directory)}`)
    const kept = join(ROOT, '.portage', 'bench')
    await mkdir(kept, { recursive: true })
    await writeFile(join(kept, 'parquet.json'), `${JSON.stringify({ node: process.version, rows, rounds }, null, 2)}\n`)
  } finally {
    connection.closeSync()
    instance.closeSync()
    await rm(directory, { recursive: true, force: true })
  }
}

/** What is used of parquetjs-lite, which has no types. */
type Lite = {
  readonly ParquetSchema: new (fields: Readonly<Record<string, object>>) => object
  readonly ParquetWriter: {
    readonly openFile: (
      schema: object,
      path: string,
    ) => Promise<{ appendRow(row: object): Promise<void>; close(): Promise<void> }>
  }
  readonly ParquetReader: {
    readonly openFile: (path: string) => Promise<{
      getCursor(): { next(): Promise<Record<string, unknown> | null> }
      close(): Promise<void>
    }>
  }
}

const lite = createRequire(import.meta.url)('parquetjs-lite') as Lite

function liteWriter(path: string): () => Promise<number> {
  const type = (name: string) => ({ type: name, compression: 'SNAPPY', optional: true })
  // No decimals: amounts as doubles.
  const schema = new lite.ParquetSchema({
    id: type('INT64'),
    loan_id: type('INT64'),
    client_id: type('INT64'),
    amount: type('DOUBLE'),
    principal: type('DOUBLE'),
    interest: type('DOUBLE'),
    currency: type('UTF8'),
    status: type('UTF8'),
    method: type('UTF8'),
    reference: type('UTF8'),
    note: type('UTF8'),
    created_at: type('TIMESTAMP_MICROS'),
    paid_at: type('TIMESTAMP_MICROS'),
    due_date: type('DATE'),
    attempt: type('INT32'),
    is_reversed: type('BOOLEAN'),
  })
  const rows = Array.from({ length: LITE_ROWS }, (_, i) => ({
    id: i + 1,
    loan_id: (i * 7919) % 167_000,
    client_id: (i * 104_729) % 114_000,
    amount: (i % 9000) / 100,
    principal: (i % 8000) / 100,
    interest: (i % 1000) / 100,
    currency: i % 5 < 3 ? 'EUR' : 'PLN',
    status: i % 7 === 0 ? 'late' : 'on_time',
    method: i % 3 === 0 ? 'card' : 'transfer',
    reference: `PAY-${(i * 2_654_435_761).toString(36).padStart(12, '0')}`,
    ...(i % 5 < 3 ? {} : { note: `instalment ${i % 36} of 36, see ${i % 9973}` }),
    created_at: 1_700_000_000_000_000 + i * 1_234_567,
    ...(i % 10 === 0 ? {} : { paid_at: 1_700_000_000_000_000 + i * 1_300_000 }),
    due_date: new Date((19_000 + (i % 720)) * 86_400_000),
    attempt: i % 4,
    is_reversed: i % 50 === 0,
  }))
  return async () => {
    const writer = await lite.ParquetWriter.openFile(schema, path)
    for (const row of rows) await writer.appendRow(row)
    await writer.close()
    return (await readFile(path)).length
  }
}

/** Whether parquetjs-lite opens a SNAPPY file of ours (without decimals, which it lacks), and what becomes of 2^53 + 1 in its own. */
async function interoperation(directory: string): Promise<string> {
  const numbers = Array.from({ length: 1000 }, (_, i) => (i % 7 === 0 ? null : BigInt(i)))
  const texts = numbers.map((value) => (value === null ? null : `t${value % 9n}`))
  const batch = testBatch([
    { name: 'n', type: { kind: 'int64' }, values: numbers },
    { name: 't', type: { kind: 'utf8', format: 'text' }, values: texts },
  ])
  const ours = join(directory, 'sample.parquet')
  await writeFile(ours, (await writeParquet(batch.schema, [batch], { compression: 'snappy' })).bytes)
  const reader = await lite.ParquetReader.openFile(ours)
  const cursor = reader.getCursor()
  let equal = 0
  for (const [i, number] of numbers.entries()) {
    const row = await cursor.next()
    const [n, t] = [row?.n ?? null, row?.t ?? null]
    if (String(n) === String(number) && t === texts[i]) equal++
  }
  await reader.close()
  const wide = join(directory, 'wide.parquet')
  const writer = await lite.ParquetWriter.openFile(new lite.ParquetSchema({ n: { type: 'INT64' } }), wide)
  await writer.appendRow({ n: '9007199254740993' })
  await writer.close()
  return `parquetjs-lite reads ${equal} of 1000 rows of a SNAPPY file of ours; of INT64 9007199254740993 it writes ${await firstValue(wide)}`
}

async function firstValue(path: string): Promise<string> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const reader = await connection.runAndReadAll(`select n::varchar as n from '${path}'`)
    return String(reader.value(0, 0))
  } catch {
    return 'nothing readable'
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number

if (import.meta.main) await run()
