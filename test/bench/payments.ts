/** A deterministic payment table as the Arrow batches of a snapshot: 16 source columns behind the metadata columns. */
import {
  Bool,
  type Data,
  DateDay,
  Decimal,
  type Dictionary,
  Field,
  Int32,
  Int64,
  makeData,
  makeVector,
  RecordBatch,
  Schema,
  Struct,
  TimestampMicrosecond,
  Utf8,
} from 'apache-arrow'
import { metadataFields } from '../../connectors/change.ts'

export const BATCH_ROWS = 65_536

const FIELDS: readonly Field[] = [
  new Field('id', new Int64(), true),
  new Field('loan_id', new Int64(), true),
  new Field('client_id', new Int64(), true),
  new Field('amount', new Decimal(2, 12, 128), true),
  new Field('principal', new Decimal(2, 12, 128), true),
  new Field('interest', new Decimal(2, 12, 128), true),
  new Field('currency', new Utf8(), true),
  new Field('status', new Utf8(), true),
  new Field('method', new Utf8(), true),
  new Field('reference', new Utf8(), true),
  new Field('note', new Utf8(), true),
  new Field('created_at', new TimestampMicrosecond('UTC'), true),
  new Field('paid_at', new TimestampMicrosecond('UTC'), true),
  new Field('due_date', new DateDay(), true),
  new Field('attempt', new Int32(), true),
  new Field('is_reversed', new Bool(), true),
]

export const PAYMENT_SCHEMA = new Schema([...metadataFields('base'), ...FIELDS])

/** mulberry32: the same table in every run. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const START_MICROS = 1_700_000_000_000_000n

/** Rows [first, first + rows) of the table. */
export function paymentBatch(first: number, rows: number): RecordBatch {
  const random = generator(first + 1)
  const pick = (values: readonly string[]) => values[Math.floor(random() * values.length)] as string
  const each = <T>(make: (row: number) => T): T[] => Array.from({ length: rows }, (_, i) => make(first + i))
  const interest = each(() => Math.floor(random() * 5_000))
  const principal = each(() => Math.floor(random() * 90_000))
  const field = (name: string) => PAYMENT_SCHEMA.fields.find((candidate) => candidate.name === name) as Field
  const constant = (name: string, text: string): Data =>
    makeData({
      type: field(name).type as Dictionary,
      length: rows,
      data: new Int32Array(rows),
      dictionary: makeVector(texts([text])),
    })
  const empty = new Uint8Array((rows + 7) >> 3)
  const children: Data[] = [
    constant('_op', 'r'),
    constant('_position', '0000-00000000016b3748-00000000'),
    makeData({
      type: new TimestampMicrosecond('UTC'),
      length: rows,
      nullCount: rows,
      nullBitmap: empty,
      data: new BigInt64Array(rows),
    } as never),
    makeData({
      type: field('_unchanged').type as Dictionary,
      length: rows,
      nullCount: rows,
      nullBitmap: empty,
      data: new Int32Array(rows),
      dictionary: makeVector(texts([''])),
    }),
    longs(
      new Int64(),
      each((row) => BigInt(row + 1)),
    ),
    longs(
      new Int64(),
      each(() => BigInt(Math.floor(random() * 167_000) + 1)),
    ),
    longs(
      new Int64(),
      each(() => BigInt(Math.floor(random() * 114_000) + 1)),
    ),
    decimals(interest.map((value, i) => value + (principal[i] as number))),
    decimals(principal),
    decimals(interest),
    texts(each(() => pick(['EUR', 'EUR', 'EUR', 'PLN', 'MXN']))),
    texts(each(() => pick(['on_time', 'on_time', 'on_time', 'late', 'reversed']))),
    texts(each(() => pick(['card', 'transfer', 'direct_debit', 'cash', 'wallet']))),
    texts(each((row) => `PAY-${(row * 2_654_435_761).toString(36).padStart(12, '0')}`)),
    texts(each((row) => (random() < 0.6 ? null : `instalment ${row % 36} of 36, see ${row % 9973}`))),
    longs(
      new TimestampMicrosecond('UTC'),
      each((row) => START_MICROS + BigInt(row) * 1_234_567n + BigInt(Math.floor(random() * 1e6))),
    ),
    longs(
      new TimestampMicrosecond('UTC'),
      each((row) => (random() < 0.1 ? null : START_MICROS + BigInt(row) * 1_300_000n + BigInt(Math.floor(random() * 1e9)))),
    ),
    makeData({ type: new DateDay(), length: rows, data: Int32Array.from(each((row) => 19_000 + (row % 720))) } as never),
    makeData({ type: new Int32(), length: rows, data: Int32Array.from(each(() => Math.floor(random() * 4))) }),
    makeData({ type: new Bool(), length: rows, data: bits(each(() => random() < 0.02)) } as never),
  ]
  return new RecordBatch(
    PAYMENT_SCHEMA,
    makeData({ type: new Struct(PAYMENT_SCHEMA.fields), length: rows, nullCount: 0, children }),
  )
}

function bits(values: readonly boolean[]): Uint8Array {
  const bytes = new Uint8Array((values.length + 7) >> 3)
  for (const [i, value] of values.entries()) if (value) bytes[i >> 3] = (bytes[i >> 3] as number) | (1 << (i & 7))
  return bytes
}

const validity = (values: readonly unknown[]) => {
  const nullCount = values.filter((value) => value === null).length
  return nullCount === 0 ? { nullCount } : { nullCount, nullBitmap: bits(values.map((value) => value !== null)) }
}

function longs(type: Int64 | TimestampMicrosecond, values: readonly (bigint | null)[]): Data {
  const data = BigInt64Array.from(values, (value) => value ?? 0n)
  return makeData({ type, length: values.length, ...validity(values), data } as never)
}

function decimals(values: readonly number[]): Data {
  const data = new Uint32Array(values.length * 4)
  for (const [i, value] of values.entries()) data[i * 4] = value
  return makeData({ type: new Decimal(2, 12, 128), length: values.length, nullCount: 0, data } as never)
}

function texts(values: readonly (string | null)[]): Data {
  const parts = values.map((value) => Buffer.from(value ?? ''))
  const valueOffsets = new Int32Array(values.length + 1)
  for (const [i, part] of parts.entries()) valueOffsets[i + 1] = (valueOffsets[i] as number) + part.length
  const data = new Uint8Array((valueOffsets[values.length] as number) + 16)
  for (const [i, part] of parts.entries()) data.set(part, valueOffsets[i] as number)
  return makeData({ type: new Utf8(), length: values.length, ...validity(values), valueOffsets, data } as never)
}
