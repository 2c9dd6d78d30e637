/** The rows that every `TableReader` and `TableWriter` must carry: each logical type, its limits, and NULL. */
import { makeData, RecordBatch, type Schema, Struct } from 'apache-arrow'
import { columnData, type Value } from '../../connectors/column-values.ts'
import { type LogicalType, typeName } from '../../connectors/logical-type.ts'
import type { TableBatch, TransferColumn } from '../../connectors/tables.ts'
import { batchSchema } from '../../integrations/transfer/csv/csv-rows.ts'

const column = (name: string, type: LogicalType, sourceType: string): TransferColumn => ({
  name,
  type,
  sourceType,
  nullable: true,
})

export const COLUMNS: readonly TransferColumn[] = [
  column('id', { kind: 'int64' }, 'bigint'),
  column('small', { kind: 'int32' }, 'integer'),
  column('amount', { kind: 'decimal', precision: 38, scale: 4 }, 'numeric(38,4)'),
  column('name', { kind: 'utf8', format: 'text' }, 'text'),
  column('doc', { kind: 'utf8', format: 'json' }, 'json'),
  column('ok', { kind: 'bool' }, 'boolean'),
  column('day', { kind: 'date' }, 'date'),
  column('wall', { kind: 'timestamp', utc: false }, 'timestamp without time zone'),
  column('instant', { kind: 'timestamp', utc: true }, 'timestamp with time zone'),
  column('ratio', { kind: 'float64' }, 'double precision'),
  column('Odd "name"', { kind: 'utf8', format: 'text' }, 'text'),
]

const BIG = 10n ** 37n + 1n
export const ROWS: readonly (readonly Value[])[] = [
  [1n, 1, 12345n, 'plain', '{"a": 1}', true, 0, 0n, 0n, 0.1, 'x'],
  [
    2n ** 63n - 1n,
    2 ** 31 - 1,
    BIG,
    'tab\t "quote" back\\slash\nnew\r\nline, comma',
    '[]',
    false,
    2932896,
    253402300799999999n,
    253402300799999999n,
    1e300,
    'ünïcödé 𝄞',
  ],
  [-(2n ** 63n), -(2 ** 31), -BIG, '', '"\\u00e9"', true, -719162, -1n, -1n, -5e-324, '\\N'],
  [null, null, null, null, null, null, null, null, null, null, null],
  [0n, 0, 0n, 'NULL', 'null', false, 20000, 1_700_000_000_123_456n, 1_700_000_000_123_456n, -0, ' blank '],
]

/** In batches of two. */
export async function* batches(rows: readonly (readonly Value[])[] = ROWS): AsyncGenerator<TableBatch> {
  for (let at = 0; at < rows.length; at += 2) yield { batch: batchOf(rows.slice(at, at + 2)), release: () => undefined }
}

export function batchOf(rows: readonly (readonly Value[])[], columns: readonly TransferColumn[] = COLUMNS): RecordBatch {
  const schema: Schema = batchSchema(columns)
  const children = columns.map(({ type }, index) =>
    columnData(
      type,
      rows.map((row) => row[index] ?? null),
    ),
  )
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: rows.length, nullCount: 0, children }))
}

export const shapeOf = (columns: readonly TransferColumn[]): readonly string[] =>
  columns.map(({ name, type }) => `${name}: ${typeName(type)}`)

/** As `linesOf` shows them. */
export const LINES: readonly string[] = [
  '1 | 1 | 1.2345 | plain | {"a": 1} | t | 1970-01-01 | 1970-01-01 00:00:00.000000 | 1970-01-01 00:00:00.000000 | 0.1 | x',
  '9223372036854775807 | 2147483647 | 1000000000000000000000000000000000.0001 | tab\t "quote" back\\slash\nnew\r\nline, comma | [] | f | 9999-12-31 | 9999-12-31 23:59:59.999999 | 9999-12-31 23:59:59.999999 | 1e+300 | ünïcödé 𝄞',
  '-9223372036854775808 | -2147483648 | -1000000000000000000000000000000000.0001 |  | "\\u00e9" | t | 0001-01-01 | 1969-12-31 23:59:59.999999 | 1969-12-31 23:59:59.999999 | -5e-324 | \\N',
  '␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀',
  '0 | 0 | 0.0000 | NULL | null | f | 2024-10-04 | 2023-11-14 22:13:20.123456 | 2023-11-14 22:13:20.123456 | -0 |  blank ',
]
