/** Decoding alone: COPY bytes and pgoutput tuples of a 16-column payment table, made in memory, → Arrow batches. No server, no disk. */

import { type BufferPool, createBufferPool } from '../../connectors/buffer-pool.ts'
import type { RowBatch, SourceTable } from '../../connectors/change.ts'
import { tableName } from '../../connectors/change.ts'
import { type Bytes, bytesOf } from '../../connectors/postgres/decode/bytes.ts'
import { createChangeBatchBuilder } from '../../connectors/postgres/decode/change-batch.ts'
import { createCopyDecoder } from '../../connectors/postgres/decode/copy-decoder.ts'
import type { PgType } from '../../connectors/postgres/decode/pg-type.ts'
import { planColumn } from '../../connectors/postgres/decode/plan-column.ts'
import { cutAt } from '../../connectors/postgres/decode/position.ts'
import { transactionStamp } from '../../connectors/postgres/decode/transaction-stamp.ts'
import { COLUMN_KIND } from '../../connectors/postgres/decode/tuple.ts'

const ROWS = 500_000
const ROUNDS = 7
const CHUNK_BYTES = 64 * 1024
const NUMERIC_12_2 = ((12 << 16) | 2) + 4

type BenchColumn = {
  readonly name: string
  readonly type: string
  readonly typmod?: number
  readonly write: (row: number) => Buffer | null
}

type Round = (pool: BufferPool) => number

/** Rows per CPU-second and per second, median of the rounds, one JSON line each for COPY and for inserts of the stream. */
export async function run(): Promise<void> {
  const { table, plans } = paymentTable()
  const copy = copyBytes()
  measure('decode copy', copy.length, (pool) => {
    const decoder = createCopyDecoder({ table, plans, position: cutAt(1, 1n), pool, onReject: () => undefined })
    let rows = 0
    for (let at = 0; at < copy.length; at += CHUNK_BYTES) rows += release(decoder.push(copy.subarray(at, at + CHUNK_BYTES)))
    return rows + release(decoder.finish())
  })
  const { bytes, tuples } = insertTuples()
  measure('decode stream', bytes.buffer.length, (pool) => {
    const mapping = plans.map((_, i) => i)
    const builder = createChangeBatchBuilder({ table, plans, mapping, pool, onReject: () => undefined })
    const stamp = transactionStamp(1, 1n, 1_767_225_600_000_000n)
    let rows = 0
    for (let row = 0; row < ROWS; row++) {
      if (!builder.accepts(stamp)) rows += release([builder.finish()])
      const start = tuples[row] ?? 0
      const end = tuples[row + 1] ?? 0
      builder.append({ op: 'c', stamp, ordinal: row + 1, tuple: { bytes, start, end, columns: plans.length } })
    }
    return rows + release([builder.finish()])
  })
}

function release(batches: readonly (RowBatch | null)[]): number {
  let rows = 0
  for (const batch of batches) {
    rows += batch?.batch.numRows ?? 0
    batch?.release()
  }
  return rows
}

function measure(bench: string, bytes: number, round: Round): void {
  const pool = createBufferPool()
  const figures: { wall: number; cpu: number }[] = []
  for (let i = 0; i <= ROUNDS; i++) {
    const before = process.cpuUsage()
    const started = process.hrtime.bigint()
    const rows = round(pool)
    if (rows !== ROWS) throw new Error(`decoded ${rows} rows instead of ${ROWS}`)
    const wall = Number(process.hrtime.bigint() - started) / 1e9
    const { user, system } = process.cpuUsage(before)
    // The first round compiles.
    if (i > 0) figures.push({ wall, cpu: (user + system) / 1e6 })
  }
  const median = (of: (figure: { wall: number; cpu: number }) => number) =>
    figures.map(of).sort((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN
  const result = {
    bench,
    rows: ROWS,
    columns: COLUMNS.length,
    mebibytes: Math.round(bytes / 2 ** 20),
    rounds: ROUNDS,
    rowsPerSecond: Math.round(ROWS / median(({ wall }) => wall)),
    rowsPerCpuSecond: Math.round(ROWS / median(({ cpu }) => cpu)),
    peakRssMebibytes: Math.round(process.resourceUsage().maxRSS / 1024),
  }
  process.stdout.write(`${JSON.stringify(result)}\n`)
}

const OIDS: Readonly<Record<string, number>> = {
  int8: 20,
  int4: 23,
  text: 25,
  bpchar: 1042,
  date: 1082,
  timestamptz: 1184,
  numeric: 1700,
  uuid: 2950,
  bool: 16,
}

const pgType = (name: string): PgType => ({
  oid: OIDS[name] ?? 0,
  schema: 'pg_catalog',
  name,
  extension: null,
  form: 'base',
  delimiter: ',',
  hasSend: true,
  output: `pg_catalog.${name}out`,
  element: 0,
  base: 0,
  baseTypmod: -1,
  range: 0,
  attributes: [],
})

function paymentTable() {
  const types = new Map(Object.keys(OIDS).map((name) => [OIDS[name] ?? 0, pgType(name)]))
  const name = tableName('public', 'payment')
  const plans = COLUMNS.map((column, i) =>
    planColumn(
      {
        id: i + 1,
        name: column.name,
        typeOid: OIDS[column.type] ?? 0,
        typmod: column.typmod ?? -1,
        nullable: true,
        sourceType: column.type,
      },
      types,
      { table: name, onBadValue: 'error' },
    ),
  )
  const table: SourceTable = {
    table: name,
    id: '1',
    storage: '1',
    definition: '1',
    columns: plans.map(({ column }) => column),
    key: [1],
    identity: 'default',
  }
  return { table, plans }
}

const MAX_ROW_BYTES = 320

function copyBytes(): Buffer {
  const bytes = Buffer.allocUnsafe(64 + ROWS * MAX_ROW_BYTES)
  let at = bytes.write('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
  for (let row = 0; row < ROWS; row++) {
    at = bytes.writeInt16BE(COLUMNS.length, at)
    for (const column of COLUMNS) {
      const value = column.write(row)
      at = bytes.writeInt32BE(value === null ? -1 : value.length, at)
      if (value !== null) at += value.copy(bytes, at)
    }
  }
  at = bytes.writeInt16BE(-1, at)
  return bytes.subarray(0, at)
}

/** Tuples as pgoutput sends them in binary, one after another; row i is [tuples[i], tuples[i + 1]). */
function insertTuples(): { bytes: Bytes; tuples: Uint32Array } {
  const buffer = Buffer.allocUnsafe(64 + ROWS * MAX_ROW_BYTES)
  const tuples = new Uint32Array(ROWS + 1)
  let at = 0
  for (let row = 0; row < ROWS; row++) {
    tuples[row] = at
    for (const column of COLUMNS) {
      const value = column.write(row)
      buffer[at++] = value === null ? COLUMN_KIND.null : COLUMN_KIND.binary
      if (value === null) continue
      at = buffer.writeInt32BE(value.length, at)
      at += value.copy(buffer, at)
    }
  }
  tuples[ROWS] = at
  return { bytes: bytesOf(buffer.subarray(0, at)), tuples }
}

function int8(value: bigint): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeBigInt64BE(value)
  return buffer
}

function int4(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

/** numeric_send of an amount in cents with two decimals. */
function amount(cents: number): Buffer {
  const whole = Math.floor(cents / 100)
  const digits = [Math.floor(whole / 10_000), whole % 10_000, (cents % 100) * 100]
  let weight = 1
  while (digits.length > 0 && digits[0] === 0) {
    digits.shift()
    weight--
  }
  while (digits.length > 0 && digits.at(-1) === 0) digits.pop()
  const buffer = Buffer.alloc(8 + 2 * digits.length)
  buffer.writeInt16BE(digits.length, 0)
  buffer.writeInt16BE(digits.length === 0 ? 0 : weight, 2)
  buffer.writeUInt16BE(2, 6)
  digits.forEach((digit, i) => {
    buffer.writeInt16BE(digit, 8 + 2 * i)
  })
  return buffer
}

const pick = (row: number, values: readonly string[]): Buffer => Buffer.from(values[row % values.length] ?? '')
const noise = (row: number, salt: number): number => Math.imul(row ^ (salt * 0x9e37), 0x85eb_ca6b) >>> 0
const micros = (row: number, salt: number): Buffer => int8(700_000_000_000_000n + BigInt(noise(row, salt)) * 1000n)

const COLUMNS: readonly BenchColumn[] = [
  { name: 'id', type: 'int8', write: (row) => int8(BigInt(row)) },
  { name: 'loan_id', type: 'int8', write: (row) => int8(BigInt(noise(row, 1) % 167_000)) },
  { name: 'client_id', type: 'int4', write: (row) => int4(noise(row, 2) % 114_000) },
  { name: 'amount', type: 'numeric', typmod: NUMERIC_12_2, write: (row) => amount(noise(row, 3) % 1_000_000_00) },
  { name: 'principal', type: 'numeric', typmod: NUMERIC_12_2, write: (row) => amount(noise(row, 4) % 100_000) },
  { name: 'interest', type: 'numeric', typmod: NUMERIC_12_2, write: (row) => amount(noise(row, 5) % 10_000) },
  { name: 'fee', type: 'numeric', typmod: NUMERIC_12_2, write: (row) => (row % 3 === 0 ? null : amount(noise(row, 6) % 500)) },
  { name: 'currency', type: 'bpchar', typmod: 7, write: (row) => pick(row, ['EUR', 'USD', 'UAH']) },
  { name: 'status', type: 'text', write: (row) => pick(noise(row, 7), ['scheduled', 'paid', 'late', 'cancelled']) },
  { name: 'method', type: 'text', write: (row) => pick(noise(row, 8), ['card', 'transfer', 'cash']) },
  { name: 'due_date', type: 'date', write: (row) => int4(8000 + (row % 3000)) },
  { name: 'paid_at', type: 'timestamptz', write: (row) => (row % 4 === 0 ? null : micros(row, 9)) },
  { name: 'created_at', type: 'timestamptz', write: (row) => micros(row, 10) },
  { name: 'applied', type: 'bool', write: (row) => Buffer.from([row & 1]) },
  { name: 'reference', type: 'uuid', write: (row) => Buffer.concat([int8(BigInt(row)), int8(BigInt(noise(row, 11)))]) },
  { name: 'note', type: 'text', write: (row) => (row % 5 === 0 ? Buffer.from(`payment note number ${row} for the file`) : null) },
]
