import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LogicalType } from '../../../../connectors/logical-type.ts'
import { type CellValue, type TestColumn, testBatch } from '../../../support/arrow-columns.ts'
import { columnsOf, digits, INT64_MIN, KINDS, type Kind, MICROS_YEAR_1, MICROS_YEAR_9999 } from '../../../support/every-type.ts'
import { duckdbFiles, jsonRows, writeParquet } from '../../../support/parquet-files.ts'

let files: Awaited<ReturnType<typeof duckdbFiles>>
beforeAll(async () => {
  files = await duckdbFiles()
})
afterAll(() => files[Symbol.asyncDispose]())

const COMPRESSIONS = ['zstd', 'snappy', 'gzip', 'none'] as const
const PAGE_ROWS = 64
const ROW_GROUP_ROWS = 256

describe('every type, with and without nulls', () => {
  const sizes = [
    0,
    1,
    7,
    8,
    9,
    PAGE_ROWS - 1,
    PAGE_ROWS,
    PAGE_ROWS + 1,
    ROW_GROUP_ROWS - 1,
    ROW_GROUP_ROWS,
    ROW_GROUP_ROWS + 1,
    700,
  ]

  test.each(sizes.flatMap((rows) => COMPRESSIONS.map((compression) => [rows, compression] as const)))(
    '%i rows in %s read back by DuckDB and hyparquet',
    async (rows, compression) => {
      const columns = columnsOf(rows)
      const batch = testBatch(columns)
      const limits = { pageRows: PAGE_ROWS, rowGroupRows: ROW_GROUP_ROWS }
      const { bytes, summary } = await writeParquet(batch.schema, [batch], { compression, ...limits })
      expect(summary).toMatchObject({ rows, bytes: bytes.length })
      const path = await files.put(`${rows}.${compression}.parquet`, bytes)
      expect(await files.values(path)).toEqual(columns.map((column) => column.values))
      expect(await jsonRows(bytes)).toEqual(jsonOf(columns))
    },
  )

  test.each([1, 3, 8, 13, 64, 65, 200])(
    'batches of %i rows, sliced and of foreign buffers, make the same table',
    async (size) => {
      const rows = 300
      const columns = columnsOf(rows)
      const whole = testBatch(columns, { spare: 0 })
      const batches = Array.from({ length: Math.ceil(rows / size) }, (_, i) =>
        whole.slice(i * size, Math.min(rows, (i + 1) * size)),
      )
      const { bytes } = await writeParquet(whole.schema, batches, { pageRows: PAGE_ROWS, rowGroupRows: 128 })
      const path = await files.put(`sliced-${size}.parquet`, bytes)
      expect(await files.values(path)).toEqual(columns.map((column) => column.values))
      expect(await jsonRows(bytes)).toEqual(jsonOf(columns))
    },
  )

  test('row groups and pages of the default size, one row less and one more', async () => {
    for (const rows of [32_767, 32_768, 32_769, 131_071, 131_072, 131_073]) {
      const values = Array.from({ length: rows }, (_, i) => (i % 7 === 0 ? null : BigInt(i) * 3n))
      const texts = Array.from({ length: rows }, (_, i) => (i % 5 === 0 ? null : `t${i % 700}`))
      const columns: TestColumn[] = [
        { name: 'n', type: { kind: 'int64' }, values },
        { name: 't', type: { kind: 'utf8', format: 'text' }, values: texts },
      ]
      const batch = testBatch(columns)
      const { bytes } = await writeParquet(batch.schema, [batch])
      const path = await files.put(`${rows}.parquet`, bytes)
      const [n, t] = await files.values(path)
      // `toEqual` on this many values takes seconds.
      expect(n?.every((value, i) => value === values[i]) && n.length === rows).toBe(true)
      expect(t?.every((value, i) => value === texts[i]) && t.length === rows).toBe(true)
    }
  })

  test('a string of 1 MB has a page of its own, its neighbours theirs', async () => {
    const values = ['a', 'b'.repeat(1_000_000), null, 'é'.repeat(700_000), '', 'c'.repeat(2_000_000), 'd']
    for (const dictionary of [false, true]) {
      const batch = testBatch([{ name: 'big', type: { kind: 'utf8', format: 'text' }, values, dictionary }])
      const { bytes, summary } = await writeParquet(batch.schema, [batch])
      expect(await files.values(await files.put('big.parquet', bytes))).toEqual([values])
      expect((await jsonRows(bytes)).map((row) => row.big)).toEqual(values)
      expect(summary.columns.big).toEqual({ nulls: 1, min: '', max: `${'é'.repeat(31)}ê` })
    }
  })

  test('a column may change between plain and dictionary-encoded batches, and outgrow the dictionary', async () => {
    const type: LogicalType = { kind: 'utf8', format: 'text' }
    const parts = [
      { values: Array.from({ length: 500 }, (_, i) => `s${i % 40}`), dictionary: true },
      { values: Array.from({ length: 500 }, (_, i) => (i % 3 === 0 ? null : `s${i % 50}`)), dictionary: false },
      { values: Array.from({ length: 3000 }, (_, i) => (i % 10 === 0 ? null : `many ${i % 2500}`)), dictionary: true },
      { values: Array.from({ length: 40 }, (_, i) => `s${i}`), dictionary: true },
    ]
    const batches = parts.map((part) => testBatch([{ name: 's', type, ...part }]))
    for (const pageRows of [64, 4096]) {
      const { bytes } = await writeParquet((batches[0] as (typeof batches)[0]).schema, batches, { pageRows })
      const expected = parts.flatMap((part) => part.values)
      expect(await files.values(await files.put('mixed.parquet', bytes))).toEqual([expected])
      expect((await jsonRows(bytes)).map((row) => row.s)).toEqual(expected)
    }
  })
})

describe('any table', () => {
  const cell = (kind: Kind): fc.Arbitrary<CellValue> => {
    switch (kind.type.kind) {
      case 'bool':
        return fc.boolean()
      case 'int16':
        return fc.integer({ min: -32_768, max: 32_767 })
      case 'int32':
        return fc.integer()
      case 'int64':
        return fc.bigInt({ min: INT64_MIN, max: 2n ** 63n - 1n })
      case 'float32':
        return fc.float()
      case 'float64':
        return fc.double()
      case 'decimal':
        return fc.bigInt({ min: -digits(kind.type.precision), max: digits(kind.type.precision) })
      case 'utf8':
        return fc.string({ unit: 'binary', maxLength: 40 })
      case 'binary':
        return fc.uint8Array({ maxLength: 40 })
      case 'date':
        return fc.integer({ min: -719_162, max: 2_932_896 })
      case 'timestamp':
        return fc.bigInt({ min: MICROS_YEAR_1, max: MICROS_YEAR_9999 })
    }
  }
  const column = fc.constantFrom(...KINDS).chain((kind) =>
    fc.record({
      kind: fc.constant(kind),
      pool: fc.array(fc.option(cell(kind), { freq: 6 }), { minLength: 1, maxLength: 60 }),
      stride: fc.integer({ min: 1, max: 59 }),
    }),
  )

  test('is read back by DuckDB and hyparquet as it was, whatever its batches, pages and row groups', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(column, { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 0, max: 130 }), { minLength: 1, maxLength: 4 }),
        fc.constantFrom(...COMPRESSIONS),
        fc.constantFrom(8, 16, 64, 4096),
        fc.constantFrom(64, 1000, 1_000_000),
        async (specifications, batchRows, compression, pageRows, pageBytes) => {
          const rows = batchRows.reduce((sum, count) => sum + count, 0)
          const columns = specifications.map(({ kind, pool, stride }, i) => ({
            name: `c${i}`,
            type: kind.type,
            values: Array.from({ length: rows }, (_, row) => pool[(row * stride) % pool.length] as CellValue),
            ...(kind.dictionary ? { dictionary: true } : {}),
          }))
          let from = 0
          const batches = batchRows.map((count) => {
            const slice = columns.map((each) => ({ ...each, values: each.values.slice(from, from + count) }))
            from += count
            return testBatch(slice)
          })
          const schema = (batches[0] as (typeof batches)[0]).schema
          const { bytes } = await writeParquet(schema, batches, { compression, pageRows, pageBytes, rowGroupRows: 96 })
          expect(await files.values(await files.put('any.parquet', bytes))).toEqual(columns.map((each) => each.values))
          expect(await jsonRows(bytes)).toEqual(jsonOf(columns))
        },
      ),
      { numRuns: 60 },
    )
  })
})

/** Rows as `portage inspect --rows` prints them, rendered independently of the code under test. */
function jsonOf(columns: readonly TestColumn[]): readonly Record<string, unknown>[] {
  const rows = columns[0]?.values.length ?? 0
  return Array.from({ length: rows }, (_, i) =>
    Object.fromEntries(columns.map((column) => [column.name, cellJson(column.type, column.values[i] ?? null)])),
  )
}

function cellJson(type: LogicalType, value: CellValue): unknown {
  if (value === null) return null
  const padded = (date: Date) => date.toISOString().slice(0, 19)
  switch (type.kind) {
    case 'int64':
      return String(value)
    case 'decimal': {
      const text = (value as bigint)
        .toString()
        .replace('-', '')
        .padStart(type.scale + 1, '0')
      const sign = (value as bigint) < 0n ? '-' : ''
      return `${sign}${text.slice(0, text.length - type.scale)}.${text.slice(text.length - type.scale)}`
    }
    case 'float32':
    case 'float64':
      return Number.isFinite(value) ? value : String(value)
    case 'binary':
      return Buffer.from(value as Uint8Array).toString('hex')
    case 'date':
      return padded(new Date((value as number) * 86_400_000)).slice(0, 10)
    case 'timestamp': {
      const micros = value as bigint
      const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n
      return `${padded(new Date(Number((micros - fraction) / 1000n)))}.${fraction.toString().padStart(6, '0')}Z`
    }
    default:
      return value
  }
}
