/**
 * `npm run bench -- orc`: Arrow batches → ORC and back, in rows per CPU-second, against our own Parquet writer in this process
 * and pyarrow's ORC writer and reader (one thread) in its own. Two tables: payments, and one that is hard to encode. In turn;
 * medians of all rounds.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Field, Float64, Int64, type RecordBatch, Schema, Table, TimestampMicrosecond, tableToIPC, Utf8 } from 'apache-arrow'
import type { FileWriter } from '../../integrations/land/file-writer.ts'
import { openOrc } from '../../integrations/land/orc/orc-file.ts'
import { createOrcWriter } from '../../integrations/land/orc/orc-writer.ts'
import { createParquetWriter } from '../../integrations/land/parquet/writer.ts'
import { plainBatch } from '../support/plain-values.ts'
import { pythonEnvironment } from '../support/python.ts'
import { ROOT } from '../support/sources.ts'
import { BATCH_ROWS, PAYMENT_SCHEMA, paymentBatch } from './payments.ts'

const ROUNDS = Number(process.env.PORTAGE_BENCH_ROUNDS ?? 5)
const BATCHES = Math.ceil(Number(process.env.PORTAGE_BENCH_ROWS ?? 1_048_576) / BATCH_ROWS)
const SCRIPT = fileURLToPath(new URL('./orc-pyarrow.py', import.meta.url))
/** Rows of the file that is read: the batches over and over. */
const READ_ROWS = 5_000_000
const READ_COLUMNS = { payments: ['id', 'amount'], hard: ['hash', 'moment'] }

type Round = { readonly rows: number; readonly cpuSeconds: number; readonly bytes: number }
type Codec = 'zstd' | 'snappy' | 'none'

async function timed(rows: number, run: () => Promise<number>): Promise<Round> {
  const before = process.cpuUsage()
  const bytes = await run()
  const { user, system } = process.cpuUsage(before)
  return { rows, bytes, cpuSeconds: (user + system) / 1e6 }
}

async function encode(
  make: typeof createOrcWriter,
  schema: Schema,
  batches: readonly RecordBatch[],
  compression: Codec,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  const sink = {
    write: async (chunk: Uint8Array) => {
      parts.push(chunk)
    },
  }
  const writer: FileWriter = make({ schema, sink, compression, metadata: new Map() })
  for (const batch of batches) await writer.append(batch)
  await writer.finish()
  return Buffer.concat(parts)
}

async function decode(bytes: Uint8Array, columns: readonly string[]): Promise<number> {
  const file = await openOrc(async (start, end) => bytes.subarray(start, end), bytes.length)
  let rows = 0
  for await (const batch of file.read({ columns })) rows += batch.numRows
  return rows
}

export async function run(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'portage-bench-'))
  try {
    const payments = Array.from({ length: BATCHES }, (_, i) => paymentBatch(i * BATCH_ROWS, BATCH_ROWS))
    const hard = Array.from({ length: BATCHES }, (_, i) => hardBatch(i * BATCH_ROWS, BATCH_ROWS))
    const kept: Record<string, unknown> = { node: process.version, rows: BATCHES * BATCH_ROWS }
    kept.payments = await contest(directory, 'payments', PAYMENT_SCHEMA, payments)
    kept.hard = await contest(directory, 'hard', HARD_SCHEMA, hard)
    const target = join(ROOT, '.portage', 'bench')
    await mkdir(target, { recursive: true })
    await writeFile(join(target, 'orc.json'), `${JSON.stringify(kept, null, 2)}\n`)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function contest(directory: string, name: keyof typeof READ_COLUMNS, schema: Schema, batches: readonly RecordBatch[]) {
  const rows = batches.length * BATCH_ROWS
  const columns = READ_COLUMNS[name]
  const arrow = join(directory, `${name}.arrow`)
  await writeFile(arrow, tableToIPC(new Table(batches as RecordBatch[]), 'stream'))
  const rounds: Record<string, Round[]> = {}
  const take = (contender: string, round: Round) => {
    rounds[contender] ??= []
    rounds[contender]?.push(round)
  }
  const file = join(directory, `${name}.orc`)
  const large = await largeFile(join(directory, `${name}-large.orc`), schema, batches)
  for (let round = 0; round < ROUNDS; round++) {
    for (const codec of ['zstd', 'snappy', 'none'] as const) {
      take(`write ORC, ${codec}`, await timed(rows, async () => (await encode(createOrcWriter, schema, batches, codec)).length))
      take(`write ORC, ${codec}, pyarrow`, await pyarrow(['write', arrow, file, codec]))
    }
    take(
      'write Parquet, zstd',
      await timed(rows, async () => (await encode(createParquetWriter, schema, batches, 'zstd')).length),
    )
    take(`read ${columns.join(', ')}`, await timed(large.rows, () => decode(large.bytes, columns)))
    take(`read ${columns.join(', ')}, pyarrow`, await pyarrow(['read', large.file, ...columns]))
    take(
      'read all',
      await timed(large.rows, () =>
        decode(
          large.bytes,
          schema.fields.map(({ name: each }) => each),
        ),
      ),
    )
    take('read all, pyarrow', await pyarrow(['read', large.file]))
  }
  console.log(`ORC, ${name}: ${rows} rows × ${schema.fields.length} columns, median of ${ROUNDS}:`)
  for (const [contender, taken] of Object.entries(rounds)) {
    const perCpu = middle(taken.map((round) => round.rows / round.cpuSeconds))
    const size = contender.startsWith('write')
      ? `, ${middle(taken.map((round) => round.bytes / round.rows)).toFixed(1)} bytes per row`
      : ''
    console.log(`  ${contender.padEnd(30)} ${String(Math.round(perCpu / 1000)).padStart(6)} k rows per CPU-second${size}`)
  }
  const rate = (contender: string) => middle((rounds[contender] ?? []).map((round) => round.rows / round.cpuSeconds))
  console.log(`  ORC / Parquet writer: ${(rate('write ORC, zstd') / rate('write Parquet, zstd')).toFixed(2)}`)
  return rounds
}

async function largeFile(file: string, schema: Schema, batches: readonly RecordBatch[]) {
  const times = Math.ceil(READ_ROWS / (batches.length * BATCH_ROWS))
  const bytes = await encode(createOrcWriter, schema, Array<readonly RecordBatch[]>(times).fill(batches).flat(), 'zstd')
  await writeFile(file, bytes)
  return { file, bytes, rows: times * batches.length * BATCH_ROWS }
}

/** pyarrow's own CPU time, without its start. */
async function pyarrow(args: readonly string[]): Promise<Round> {
  const { stdout } = await promisify(execFile)(await pythonEnvironment(), [SCRIPT, ...args], {
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  })
  return JSON.parse(stdout) as Round
}

/** Random 64-bit numbers, jumping times, doubles of full precision, distinct texts. */
const HARD_SCHEMA = new Schema([
  new Field('hash', new Int64(), true),
  new Field('moment', new TimestampMicrosecond('UTC'), true),
  new Field('ratio', new Float64(), true),
  new Field('text', new Utf8(), true),
])

function hardBatch(first: number, rows: number): RecordBatch {
  const each = <T>(make: (row: number) => T): T[] => Array.from({ length: rows }, (_, i) => make(first + i))
  const scrambled = (row: number) => BigInt.asIntN(64, BigInt(row + 1) * 0x9e3779b97f4a7c15n)
  return plainBatch(HARD_SCHEMA, [
    each(scrambled),
    each((row) => 1_600_000_000_000_000n + BigInt.asUintN(47, scrambled(row))),
    each((row) => Math.sin(row) * 1e6),
    each((row) => (row % 9 === 0 ? null : `${BigInt.asUintN(64, scrambled(row)).toString(16)}-${row}`)),
  ])
}

const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
