/** The rows on which every engine's checksum must come to one result, and that result from the definition alone. */
import { createHash } from 'node:crypto'
import { parseCanonical } from '../../connectors/column-values.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import { type CellValue, testBatch } from './arrow-columns.ts'
import { writeParquet } from './parquet-files.ts'

export type VectorColumn = {
  readonly name: string
  readonly type: LogicalType
  readonly postgres: string
  readonly values: readonly (string | null)[]
}

const utf8 = (format: 'text' | 'json' | 'uuid'): LogicalType => ({ kind: 'utf8', format })

/** Canonical texts; the last row is NULL but for its key. */
export const VECTOR_COLUMNS: readonly VectorColumn[] = [
  {
    name: 'id',
    type: { kind: 'int64' },
    postgres: 'int8',
    values: ['-9223372036854775808', '9223372036854775807', '0', '-1', '9007199254740993', '6'],
  },
  { name: 'flag', type: { kind: 'bool' }, postgres: 'bool', values: ['t', 'f', 't', 'f', 't', null] },
  { name: 'small', type: { kind: 'int16' }, postgres: 'int2', values: ['-32768', '32767', '0', '-1', '7', null] },
  {
    name: 'number',
    type: { kind: 'int32' },
    postgres: 'int4',
    values: ['-2147483648', '2147483647', '0', '-1', '1000000', null],
  },
  {
    name: 'amount',
    type: { kind: 'decimal', precision: 9, scale: 2 },
    postgres: 'numeric(9,2)',
    values: ['-9999999.99', '9999999.99', '0.00', '-0.05', '1.50', null],
  },
  {
    name: 'whole',
    type: { kind: 'decimal', precision: 12, scale: 0 },
    postgres: 'numeric(12,0)',
    values: ['-999999999999', '999999999999', '0', '-1', '10', null],
  },
  {
    name: 'share',
    type: { kind: 'decimal', precision: 18, scale: 18 },
    postgres: 'numeric(18,18)',
    values: [
      '0.000000000000000001',
      '-0.000000000000000001',
      '0.000000000000000000',
      '0.999999999999999999',
      '0.500000000000000000',
      null,
    ],
  },
  {
    name: 'wide',
    type: { kind: 'decimal', precision: 38, scale: 10 },
    postgres: 'numeric(38,10)',
    values: [
      '9999999999999999999999999999.9999999999',
      '-9999999999999999999999999999.9999999999',
      '0.0000000000',
      '-0.0000000001',
      '1.0000000000',
      null,
    ],
  },
  {
    name: 'label',
    type: utf8('text'),
    postgres: 'text',
    values: ['', '\\N', 'a\\b\u001fc\\u', 'zażółć 🐘 \'q\' "d"', 'line\nfeed\ttab', null],
  },
  {
    name: 'doc',
    type: utf8('json'),
    postgres: 'json',
    values: ['null', '{"a": "\\\\u001f",  "b":[1, 2.50]}', '""', '[]', '{"é": "\\n"}', null],
  },
  {
    name: 'token',
    type: utf8('uuid'),
    postgres: 'uuid',
    values: [
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '0123abcd-0000-4000-8000-0123456789ab',
      '0123abcd-0000-4000-8000-0123456789ac',
      '0123abcd-0000-4000-8000-0123456789ad',
      null,
    ],
  },
  { name: 'bytes', type: { kind: 'binary' }, postgres: 'bytea', values: ['', '00', 'fffe00', 'c328', '5c4e1f', null] },
  {
    name: 'born',
    type: { kind: 'date' },
    postgres: 'date',
    values: ['0001-01-01', '9999-12-31', '1970-01-01', '1969-12-31', '2024-02-29', null],
  },
  {
    name: 'seen',
    type: { kind: 'timestamp', utc: true },
    postgres: 'timestamptz',
    values: [
      '0001-01-01 00:00:00.000000',
      '9999-12-31 23:59:59.999999',
      '1970-01-01 00:00:00.000000',
      '1969-12-31 23:59:59.999999',
      '2024-03-31 01:30:00.100000',
      null,
    ],
  },
  {
    name: 'local',
    type: { kind: 'timestamp', utc: false },
    postgres: 'timestamp',
    values: [
      '0001-01-01 00:00:00.000001',
      '9999-12-31 23:59:59.999999',
      '1970-01-01 00:00:00.000000',
      '1582-10-10 12:00:00.000000',
      '2024-10-27 02:30:00.000000',
      null,
    ],
  },
]

export const VECTOR_ROWS = 6

const md5 = (text: string): string => createHash('md5').update(text, 'utf8').digest('hex')
const field = (text: string | null | undefined): string =>
  text === null || text === undefined ? '\\N' : text.replaceAll('\\', '\\\\').replaceAll('\u001f', '\\u')

export type Vector = { readonly row: string; readonly md5: string; readonly key: string }

/** From the definition: each row's text, its MD5, and the MD5 of its key. */
export function vectors(): readonly Vector[] {
  return Array.from({ length: VECTOR_ROWS }, (_, row) => {
    const text = VECTOR_COLUMNS.map(({ values }) => field(values[row])).join('\u001f')
    return { row: text, md5: md5(text), key: md5(field(VECTOR_COLUMNS[0]?.values[row])) }
  })
}

/** From the definition: buckets of one digit, each with its rows and the sum of the leading 60 bits, in order. */
export function vectorSums(): readonly (readonly [string, string, string])[] {
  const sums = new Map<string, { rows: number; sum: bigint }>()
  for (const vector of vectors()) {
    const bucket = vector.key.slice(0, 1)
    const known = sums.get(bucket) ?? { rows: 0, sum: 0n }
    sums.set(bucket, { rows: known.rows + 1, sum: known.sum + BigInt(`0x${vector.md5.slice(0, 15)}`) })
  }
  return [...sums]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([bucket, { rows, sum }]) => [bucket, String(rows), String(sum)] as const)
}

/** The rows as a Parquet file of the lake. */
export async function vectorFile(): Promise<Uint8Array> {
  const columns = VECTOR_COLUMNS.map(({ name, type, values }) => ({
    name,
    type,
    values: values.map((text): CellValue => (text === null ? null : parseCanonical(text, type))),
  }))
  const batch = testBatch(columns)
  return (await writeParquet(batch.schema, [batch])).bytes
}

/** The columns as expressions over a relation of the file's columns; `local` shows how an engine takes the wall clock from it. */
export function vectorColumns(quote: string, local: (value: string) => string = (value) => value) {
  return VECTOR_COLUMNS.map(({ name, type }) => {
    const expression = `t.${quote}${name}${quote}`
    return { expression: type.kind === 'timestamp' && !type.utc ? local(expression) : expression, type }
  })
}
