/** pyarrow (the C++ implementation) as the oracle for Parquet files of ours: values bit by bit, types, statistics. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fileSchema, type Position, type TableName } from '../../connectors/change.ts'
import { decimalText } from '../../connectors/column-values.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import { type CellValue, type TestColumn, testBatch } from '../support/arrow-columns.ts'
import { columnsOf } from '../support/every-type.ts'
import { writeParquet } from '../support/parquet-files.ts'
import { python } from '../support/python.ts'

const SCRIPT = fileURLToPath(new URL('./parquet/values.py', import.meta.url))

type Chunk = {
  nulls: number | null
  ranged: boolean
  min: string | null
  max: string | null
  column_index: boolean
  offset_index: boolean
}
type Found = {
  rows: number
  created_by: string
  types: string[]
  fields: Record<string, string>[]
  columns: unknown[][]
  groups: Chunk[][]
}

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portage-pyarrow-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

/** What pyarrow finds in each file; one start of the interpreter for all of them. */
async function read(files: readonly Uint8Array[]): Promise<readonly Found[]> {
  const paths = await Promise.all(
    files.map(async (bytes, i) => {
      const path = join(directory, `${i}.parquet`)
      await writeFile(path, bytes)
      return path
    }),
  )
  const { stdout } = await python(SCRIPT, paths)
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Found)
}

function exact(type: LogicalType, value: CellValue): unknown {
  if (value === null) return null
  switch (type.kind) {
    case 'float32':
      return Buffer.from(Float32Array.of(value as number).buffer).toString('hex')
    case 'float64':
      return Buffer.from(Float64Array.of(value as number).buffer).toString('hex')
    case 'binary':
      return Buffer.from(value as Uint8Array).toString('hex')
    case 'decimal':
      return decimalText(value as bigint, type.scale)
    case 'bool':
    case 'utf8':
      return value
    default:
      return String(value)
  }
}

const exactColumns = (columns: readonly TestColumn[]) =>
  columns.map(({ type, values }) => values.map((value) => exact(type, value)))

test('every type, pattern of nulls, size and compression is read back bit by bit', async () => {
  const sizes = [0, 1, 7, 8, 9, 63, 64, 65, 255, 256, 257, 700]
  const cases = sizes.flatMap((rows) =>
    (['zstd', 'snappy', 'gzip', 'none'] as const).map((compression) => ({ rows, compression })),
  )
  const files = await Promise.all(
    cases.map(async ({ rows, compression }) => {
      const batch = testBatch(columnsOf(rows))
      return (await writeParquet(batch.schema, [batch], { compression, pageRows: 64, rowGroupRows: 256 })).bytes
    }),
  )
  const found = await read(files)
  for (const [i, { rows, compression }] of cases.entries()) {
    expect(found[i]?.rows, `${rows} rows in ${compression}`).toBe(rows)
    expect(found[i]?.columns, `${rows} rows in ${compression}`).toEqual(exactColumns(columnsOf(rows)))
  }
}, 300_000)

test('files for Hive 3 as well: INT96 timestamps without bounds, decimals in as few bytes as they take', async () => {
  const from = -12_219_292_800_000_000n
  const columns = columnsOf(700).map((column) => {
    if (column.type.kind !== 'timestamp') return column
    return { ...column, values: column.values.map((value) => (typeof value === 'bigint' && value < from ? from : value)) }
  })
  const batch = testBatch(columns)
  const { bytes } = await writeParquet(batch.schema, [batch], { profile: 'hive3', compression: 'snappy', pageRows: 64 })
  const [found] = await read([bytes])
  expect(found?.columns).toEqual(exactColumns(columns))
  for (const [i, { type, values }] of columns.entries()) {
    const chunk = found?.groups[0]?.[i]
    if (type.kind === 'timestamp') expect(chunk).toMatchObject({ ranged: false, column_index: false, offset_index: true })
    if (type.kind === 'decimal') {
      const ranged = values.some((value) => value !== null)
      expect(chunk).toMatchObject({ ranged, column_index: true, offset_index: true })
    }
  }
}, 300_000)

test('large strings, default pages and row groups are read back', async () => {
  const rows = 131_073
  const columns: TestColumn[] = [
    { name: 'n', type: { kind: 'int64' }, values: Array.from({ length: rows }, (_, i) => (i % 7 === 0 ? null : BigInt(i) * 3n)) },
    {
      name: 't',
      type: { kind: 'utf8', format: 'text' },
      values: Array.from({ length: rows }, (_, i) =>
        i % 50_000 === 9 ? 'é'.repeat(600_000) : i % 5 === 0 ? null : `t${i % 700}`,
      ),
    },
  ]
  const batch = testBatch(columns)
  const [found] = await read([(await writeParquet(batch.schema, [batch])).bytes])
  const expected = exactColumns(columns)
  // `toEqual` on this many values takes seconds.
  for (const [i, column] of expected.entries())
    expect(column.every((value, row) => found?.columns[i]?.[row] === value)).toBe(true)
}, 300_000)

test('types, names of the source, statistics and indexes are understood', async () => {
  const physical: readonly (readonly [LogicalType, string, string, readonly CellValue[], Partial<Chunk>])[] = [
    [{ kind: 'bool' }, 'bool', 'boolean', [true, false], { min: 'False', max: 'True' }],
    [{ kind: 'int16' }, 'int16', 'smallint', [-5, 7], { min: '-5', max: '7' }],
    [
      { kind: 'int64' },
      'int64',
      'bigint',
      [-(2n ** 63n), 2n ** 63n - 1n],
      { min: String(-(2n ** 63n)), max: String(2n ** 63n - 1n) },
    ],
    [{ kind: 'float64' }, 'double', 'float8', [-1.5, 2], { min: '-1.5', max: '2.0' }],
    [
      { kind: 'decimal', precision: 12, scale: 2 },
      'decimal128(12, 2)',
      'numeric(12,2)',
      [-105n, 99n],
      { min: '-1.05', max: '0.99' },
    ],
    [{ kind: 'decimal', precision: 38, scale: 0 }, 'decimal128(38, 0)', 'numeric(38)', [-(10n ** 37n), 3n], { ranged: true }],
    [{ kind: 'utf8', format: 'json' }, 'string', 'jsonb', ['{}', '[]'], { min: '[]', max: '{}' }],
    [{ kind: 'binary' }, 'binary', 'bytea', [Uint8Array.of(0x80), Uint8Array.of(1)], { min: "b'\\x01'", max: "b'\\x80'" }],
    [{ kind: 'date' }, 'date32[day]', 'date', [-719_162, 2_932_896], { min: '0001-01-01', max: '9999-12-31' }],
    [
      { kind: 'timestamp', utc: true },
      'timestamp[us, tz=UTC]',
      'timestamptz',
      [0n, 1n],
      { max: '1970-01-01 00:00:00.000001+00:00' },
    ],
    [{ kind: 'timestamp', utc: false }, 'timestamp[us, tz=UTC]', 'timestamp', [0n, 1n], { min: '1970-01-01 00:00:00+00:00' }],
  ]
  const schema = fileSchema(
    {
      table: 'public.t' as TableName,
      id: '1',
      version: 1,
      since: '' as Position,
      key: [],
      identity: 'full',
      columns: physical.map(([type, , sourceType], i) => ({
        id: i + 1,
        name: `Name ${i}`,
        physical: `c${i}`,
        type,
        sourceType,
        nullable: true,
      })),
    },
    'changes',
  )
  const text: LogicalType = { kind: 'utf8', format: 'text' }
  const batch = testBatch([
    { name: '_op', type: text, values: ['c', 'd'], dictionary: true, nullable: false },
    { name: '_position', type: text, values: ['0000-a', '0000-b'], nullable: false },
    { name: '_source_committed_at', type: { kind: 'timestamp', utc: true }, values: [5n, 6n] },
    { name: '_unchanged', type: text, values: [null, null], dictionary: true },
    ...physical.map(([type, , , values], i) => ({ name: `c${i}`, type, values })),
  ])
  const [found] = await read([
    (await writeParquet(schema, [batch], { createdBy: 'portage-lakehouse version 1.2.3 (build abc)' })).bytes,
  ])
  expect(found?.created_by).toBe('portage-lakehouse version 1.2.3 (build abc)')
  expect(found?.types).toEqual(['string', 'string', 'timestamp[us, tz=UTC]', 'string', ...physical.map(([, arrow]) => arrow)])
  expect(found?.fields[4]).toMatchObject({ 'portage.id': '1', 'portage.name': 'Name 0', 'portage.source_type': 'boolean' })
  const [chunks = []] = found?.groups ?? []
  expect(chunks[3]).toMatchObject({ nulls: 2, ranged: false, column_index: true, offset_index: true })
  for (const [i, [, , , , statistics]] of physical.entries()) {
    expect(chunks[i + 4]).toMatchObject({ nulls: 0, column_index: true, offset_index: true, ...statistics })
  }
}, 300_000)
