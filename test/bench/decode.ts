/** Decoding alone: COPY bytes of a 16-column payment table, made in memory, → Arrow batches. No server, no disk. */
import type { SourceTable } from '../../connectors/change.ts'
import { tableName } from '../../connectors/change.ts'
import { createBufferPool } from '../../connectors/postgres/decode/buffer-pool.ts'
import { createCopyDecoder } from '../../connectors/postgres/decode/copy-decoder.ts'
import type { PgType } from '../../connectors/postgres/decode/pg-type.ts'
import { planColumn } from '../../connectors/postgres/decode/plan-column.ts'
import { cutAt } from '../../connectors/postgres/decode/position.ts'

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

/** Rows per CPU-second and per second, median of the rounds, as one JSON line. */
export async function run(): Promise<void> {
  const { table, plans, bytes } = paymentTable()
  const pool = createBufferPool()
  const figures: { wall: number; cpu: number }[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const cpu = process.cpuUsage()
    const started = process.hrtime.bigint()
    const decoder = createCopyDecoder({ table, plans, position: cutAt(1, 1n), pool, onReject: () => undefined })
    let rows = 0
    const take = (batches: ReturnType<typeof decoder.push>) => {
      for (const batch of batches) {
        rows += batch.batch.numRows
        batch.release()
      }
    }
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) take(decoder.push(bytes.subarray(at, at + CHUNK_BYTES)))
    take(decoder.finish())
    if (rows !== ROWS) throw new Error(`decoded ${rows} rows instead of ${ROWS}`)
    const wall = Number(process.hrtime.bigint() - started) / 1e9
    const { user, system } = process.cpuUsage(cpu)
    // The first round compiles.
    if (round > 0) figures.push({ wall, cpu: (user + system) / 1e6 })
  }
  const median = (pick: (figure: { wall: number; cpu: number }) => number) =>
    figures.map(pick).sort((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN
  const result = {
    bench: 'decode',
    rows: ROWS,
    columns: plans.length,
    mebibytes: Math.round(bytes.length / 2 ** 20),
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
  return { table, plans, bytes: copyBytes() }
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
