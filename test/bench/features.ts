/**
 * `npm run bench -- features`: the demo's loan book replayed from Arrow batches into the engine, against reading the same
 * batches only, and from a lake on disk; the memory it then needs; reads of ordinary clients and of one with 10,000 loans and 20,000 payments.
 */
import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import { columnData, parseCanonical, type Value } from '../../connectors/column-values.ts'
import { arrowType, type LogicalType, typeName } from '../../connectors/logical-type.ts'
import { batchRows } from '../../features/arrow-rows.ts'
import { type Engine, openEngine } from '../../features/engine.ts'
import { catchUp } from '../../features/feed.ts'
import { type RowEvent, sourceShape } from '../../features/row-event.ts'
import { clientLoans } from '../../features/views/client-loans.ts'
import { BOOK_TIME, loanBook } from '../../orchestration/demo/loan-book.ts'
import { ROOT } from '../support/sources.ts'
import { featureLake } from './feature-lake.ts'

const ROUNDS = Number(process.env.PORTAGE_BENCH_ROUNDS ?? 5)
const SCALE = Number(process.env.PORTAGE_BENCH_SCALE ?? 1)
const BATCH_ROWS = 16_384
const READS = 20_000
const signal = new AbortController().signal
const BIG_READS = 300

const TEXT: LogicalType = { kind: 'utf8', format: 'text' }
const WHOLE: LogicalType = { kind: 'int64' }
const MONEY: LogicalType = { kind: 'decimal', precision: 12, scale: 2 }
const TIME: LogicalType = { kind: 'timestamp', utc: true }
const METADATA = { _op: TEXT, _position: TEXT, _source_committed_at: TIME, _unchanged: TEXT }
const COLUMNS = {
  loan: { id: WHOLE, client_id: WHOLE, amount: MONEY, status: TEXT, issued_at: TIME },
  payment: { id: WHOLE, loan_id: WHOLE, interest: MONEY, status: TEXT, paid_at: TIME },
} as const
type SourceName = keyof typeof COLUMNS
type Batch = { readonly source: SourceName; readonly batch: RecordBatch }

const position = (commit: number, ordinal: number) =>
  `0001-${commit.toString(16).padStart(16, '0')}-${ordinal.toString(16).padStart(8, '0')}`

/** Every row of the book as an insert, then every third one once more as an update. */
function bookBatches(): readonly Batch[] {
  const tables = loanBook(SCALE)
  return (['loan', 'payment'] as const).flatMap((source) => {
    const table = tables.find(({ name }) => name === source)
    if (table === undefined) throw new Error(`the book has no ${source}`)
    const places = Object.keys(COLUMNS[source]).map((name) => table.columns.indexOf(name))
    const rowOf = (n: number) => {
      const row = table.row(n)
      return places.map((place) => row[place] ?? null)
    }
    const rows = Array.from({ length: table.rows }, (_, index) => ({ op: 'c', row: rowOf(index + 1) }))
    const changed = rows.filter((_, index) => index % 3 === 0).map(({ row }) => ({ op: 'u', row }))
    const all = [...rows, ...changed]
    return Array.from({ length: Math.ceil(all.length / BATCH_ROWS) }, (_, index) => {
      const part = all.slice(index * BATCH_ROWS, (index + 1) * BATCH_ROWS)
      return { source, batch: batchOf(source, part, index + 1) }
    })
  })
}

function batchOf(
  source: SourceName,
  rows: readonly { readonly op: string; readonly row: readonly unknown[] }[],
  commit: number,
): RecordBatch {
  const columns = Object.entries({ ...METADATA, ...COLUMNS[source] })
  const value = (type: LogicalType, cell: unknown): Value =>
    cell === null || cell === undefined ? null : parseCanonical(String(cell).replace('+00', ''), type)
  const values = columns.map(([name, type], index): Value[] => {
    if (name === '_op') return rows.map(({ op }) => op)
    if (name === '_position') return rows.map((_, row) => position(commit, row + 1))
    if (name === '_source_committed_at') return rows.map(() => BigInt(BOOK_TIME) * 1000n)
    return rows.map(({ row }) => value(type, index < 4 ? null : row[index - 4]))
  })
  const fields = columns.map(
    ([name, type]) => new Field(name, arrowType(type), true, new Map([['portage.type', typeName(type)]])),
  )
  const children = columns.map(([, type], index) => columnData(type, values[index] ?? []))
  return new RecordBatch(new Schema(fields), makeData({ type: new Struct(fields), length: rows.length, nullCount: 0, children }))
}

const shapes = { loan: sourceShape(clientLoans, 'loan'), payment: sourceShape(clientLoans, 'payment') }

function replay(batches: readonly Batch[]): Engine {
  const engine = openEngine(clientLoans)
  let events: RowEvent[] = []
  for (const { source, batch } of batches) {
    for (const event of batchRows(source, shapes[source], batch)) {
      // As `catchUp` does on a first read.
      if (events.push(event) < 500) continue
      engine.apply(events)
      events = []
    }
  }
  engine.apply(events)
  return engine
}

function readOnly(batches: readonly Batch[]): number {
  let count = 0
  for (const { source, batch } of batches) {
    for (const event of batchRows(source, shapes[source], batch)) count += event.values.length
  }
  return count
}

function cpuSeconds(run: () => void): number {
  const before = process.cpuUsage()
  run()
  return secondsSince(before)
}

function secondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

export async function run(): Promise<void> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const batches = bookBatches()
  const events = batches.reduce((sum, { batch }) => sum + batch.numRows, 0)
  const rounds: { reading: number; replaying: number }[] = []
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({ reading: events / cpuSeconds(() => readOnly(batches)), replaying: events / cpuSeconds(() => replay(batches)) })
  }
  const landed: number[] = []
  let peakMb = 0
  {
    await using lake = await featureLake(COLUMNS, batches)
    for (let round = 0; round < ROUNDS; round++) {
      const started = process.cpuUsage()
      await catchUp(openEngine(clientLoans), lake.reader, lake.tables, null, signal)
      landed.push(events / secondsSince(started))
    }
    peakMb = lonePeakMb(lake.directory)
  }
  collect()
  const before = process.memoryUsage().heapUsed
  const engine = replay(batches)
  collect()
  const heapBytes = process.memoryUsage().heapUsed - before
  const { rows, entities } = engine.statistics()

  const clients = [...engine.entities()]
  const ordinary = timings(READS, (index) => engine.read(clients[(index * 7919) % clients.length] ?? '', BOOK_TIME + index))
  addBigClient(engine)
  const big = timings(BIG_READS, (index) => engine.read('big', BOOK_TIME + index))
  const changing = timings(BIG_READS, (index) => {
    changeBigClient(engine, index)
    engine.read('big', BOOK_TIME + index)
  })

  const reading = middle(rounds.map((each) => each.reading))
  const replaying = middle(rounds.map((each) => each.replaying))
  console.log(`Loan book, ${events} changes to ${rows} rows of ${entities} clients, median of ${ROUNDS}:`)
  console.log(`  reading the batches      ${thousands(reading)} changes per CPU-second`)
  console.log(
    `  replay into the engine   ${thousands(replaying)} changes per CPU-second, ${(replaying / reading).toFixed(2)} of reading`,
  )
  console.log(`  replay from the lake     ${thousands(middle(landed))} changes per CPU-second, Parquet read and decoded`)
  console.log(
    `  memory of the engine     ${Math.round(heapBytes / 2 ** 20)} MiB of heap, ${Math.round(heapBytes / rows)} bytes per row; a process that replays the lake peaks at ${peakMb} MB`,
  )
  console.log(`  read, ordinary client                    ${shownTimes(ordinary, 1)}`)
  console.log(`  read, 10,000 loans and 20,000 payments   ${shownTimes(big, 0)}`)
  console.log(`  the same, after a change each time       ${shownTimes(changing, 0)}`)
  const kept = join(ROOT, '.portage', 'bench')
  await mkdir(kept, { recursive: true })
  const figures = { node: process.version, events, rows, entities, rounds, landed, heapBytes, peakMb, ordinary, big, changing }
  await writeFile(join(kept, 'features.json'), `${JSON.stringify(figures, null, 2)}\n`)
}

function addBigClient(engine: Engine): void {
  const at = position(1_000_000, 1)
  const event = (source: SourceName, values: Readonly<Record<string, string | number>>) => ({
    source,
    op: 'insert' as const,
    position: at,
    key: String(values.id),
    oldKey: null,
    values: shapes[source].columns.map((column) => values[column] ?? null),
  })
  const days = (index: number) => BOOK_TIME - (index % 400) * 86_400_000
  for (let loan = 0; loan < 10_000; loan++) {
    const status = ['active', 'paid', 'overdue'][loan % 3] ?? 'active'
    engine.apply([event('loan', { id: `big${loan}`, client_id: 'big', amount: 100_000 + loan, status, issued_at: days(loan) })])
  }
  for (let payment = 0; payment < 20_000; payment++) {
    const status = ['on_time', 'late', 'reversed'][payment % 3] ?? 'late'
    const loan_id = `big${payment % 10_000}`
    engine.apply([event('payment', { id: `big${payment}`, loan_id, interest: payment, status, paid_at: days(payment) })])
  }
}

function changeBigClient(engine: Engine, index: number): void {
  const values = shapes.payment.columns.map((column) => (column === 'interest' ? index : undefined))
  const key = `big${index}`
  engine.apply([{ source: 'payment', op: 'update', position: position(1_000_001 + index, 1), key, oldKey: null, values }])
}

/** Microseconds. */
/** Of a process that does nothing else. */
function lonePeakMb(directory: string): number {
  const child = fileURLToPath(new URL('feature-replay-child.ts', import.meta.url))
  const printed = JSON.parse(execFileSync(process.execPath, [child, directory], { encoding: 'utf8' })) as { peakMb: number }
  return printed.peakMb
}

type Times = { readonly p50: number; readonly p99: number }

/** Of each call, after a quarter of them unmeasured. */
function timings(count: number, call: (index: number) => unknown): Times {
  for (let index = 0; index < count / 4; index++) call(index)
  const taken = Array.from({ length: count }, (_, index) => {
    const started = performance.now()
    call(index)
    return (performance.now() - started) * 1000
  }).toSorted((a, b) => a - b)
  return { p50: taken[Math.floor(count * 0.5)] ?? 0, p99: taken[Math.floor(count * 0.99)] ?? 0 }
}

const shownTimes = ({ p50, p99 }: Times, digits: number): string => `p50 ${p50.toFixed(digits)} µs, p99 ${p99.toFixed(digits)} µs`

const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
const thousands = (value: number): string => `${Math.round(value / 1000)} k`
