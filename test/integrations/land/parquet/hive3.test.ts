/** The profile that Hive 3 reads: INT96 timestamps, decimals in as few bytes as their precision takes. */
import { join } from 'node:path'
import fc from 'fast-check'
import { readColumnIndex } from 'hyparquet'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decimalText } from '../../../../connectors/column-values.ts'
import type { LogicalType } from '../../../../connectors/logical-type.ts'
import { inspectParquet } from '../../../../integrations/land/parquet/inspect.ts'
import { readFooter } from '../../../../integrations/land/parquet/inspect-footer.ts'
import { leastBytes } from '../../../../integrations/land/parquet/profile.ts'
import { openForeignReader } from '../../../../integrations/transfer/foreign/foreign-reader.ts'
import { timestampText } from '../../../../integrations/types/canonical-text.ts'
import { type CellValue, type TestColumn, testBatch } from '../../../support/arrow-columns.ts'
import { digits, MICROS_YEAR_9999 } from '../../../support/every-type.ts'
import { foreignLayout, found } from '../../../support/foreign-tables.ts'
import { duckdbFiles, jsonRows, rangesOf, writeParquet } from '../../../support/parquet-files.ts'
import { linesOf } from '../../../support/table-rows.ts'

let files: Awaited<ReturnType<typeof duckdbFiles>>
beforeAll(async () => {
  files = await duckdbFiles()
})
afterAll(() => files[Symbol.asyncDispose]())

const INSTANT: LogicalType = { kind: 'timestamp', utc: true }
const MICROS_1582_10_15 = -12_219_292_800_000_000n
const microsOf = (text: string): bigint => BigInt(Date.parse(`${text.slice(0, 19)}Z`)) * 1000n + BigInt(text.slice(20) || 0)

const write = async (columns: readonly TestColumn[], options: Parameters<typeof writeParquet>[2] = {}) => {
  const batch = testBatch(columns)
  const { bytes } = await writeParquet(batch.schema, [batch], { compression: 'snappy', ...options, profile: 'hive3' })
  return bytes
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('INT96', () => {
  test.each([
    // Nanoseconds of the day in eight bytes, Julian day in four, little-endian.
    ['1970-01-01 00:00:00.000000', '00000000000000008c3d2500'],
    ['1969-12-31 23:59:59.999999', '18fc4e91944e00008b3d2500'],
    ['1582-10-15 00:00:00.000000', '000000000000000019152300'],
    ['2000-01-01 12:00:00.000000', '0080a7484a27000059682500'],
    ['2026-11-21 21:00:00.123456', '00ea8006c2440000b68e2500'],
    ['9999-12-31 23:59:59.999999', '18fc4e91944e00002cfe5100'],
  ])('%s', async (text, golden) => {
    const bytes = await write([{ name: 'c', type: INSTANT, values: [microsOf(text)], nullable: false }], { compression: 'none' })
    expect(hex(bytes)).toContain(golden)
  })

  test('has no bounds, no column index and no annotation; pages that repeat have a dictionary', async () => {
    const repeated = Array.from({ length: 500 }, (_, i) => (i % 9 === 0 ? null : BigInt(i % 7) * 1_000_000n))
    const empty = repeated.map(() => null)
    const bytes = await write(
      [
        { name: 'c', type: INSTANT, values: repeated },
        { name: 'e', type: INSTANT, values: empty },
      ],
      { pageRows: 64 },
    )
    const { metadata } = await readFooter(rangesOf(bytes), bytes.length)
    for (const [i, chunk] of (metadata.row_groups[0]?.columns ?? []).entries()) {
      expect(chunk.meta_data?.statistics).toEqual({ null_count: i === 0 ? 56n : 500n })
      expect(chunk.column_index_offset).toBeUndefined()
      expect(chunk.offset_index_offset).toBeGreaterThan(0n)
    }
    expect(metadata.row_groups[0]?.columns[0]?.meta_data?.encodings).toContain('PLAIN_DICTIONARY')
    expect(metadata.schema[1]).toEqual({ name: 'c', type: 'INT96', repetition_type: 'OPTIONAL' })
    expect(
      await files.query(`select epoch_us(c)::varchar t from read_parquet('${await files.put('d.parquet', bytes)}')`),
    ).toEqual(repeated.map((value) => ({ t: value === null ? null : String(value) })))
    const { rowGroups } = await inspectParquet(rangesOf(bytes), bytes.length)
    expect(rowGroups[0]?.columns[0]).toMatchObject({ nulls: 56, min: null, max: null })
  })

  test('a day before 1582-10-15 is refused by name; what null rows hold is not looked at', async () => {
    const before = MICROS_1582_10_15 - 1n
    await expect(write([{ name: 'seen_at', type: INSTANT, values: [0n, before] }])).rejects.toMatchObject({
      code: 'BAD_VALUE',
      message: 'Column "seen_at" has a timestamp before 1582-10-15, and Hive 3 and Hive 4 read that from INT96 as different days',
    })
    const batch = testBatch([{ name: 'c', type: INSTANT, values: [null, 5n, null] }], { filler: 0x80 })
    const { bytes } = await writeParquet(batch.schema, [batch], { profile: 'hive3' })
    expect((await jsonRows(bytes)).map(({ c }) => c)).toEqual([null, '1970-01-01T00:00:00.000005000Z', null])
  })
})

describe('decimals', () => {
  test('take as few bytes as their precision', () => {
    const widths = Array.from({ length: 38 }, (_, i) => leastBytes(i + 1))
    expect(widths).toEqual([
      ...[1, 1, 2, 2, 3, 3, 4, 4, 4, 5, 5, 6, 6, 6, 7, 7, 8, 8, 9, 9],
      ...[9, 10, 10, 11, 11, 11, 12, 12, 13, 13, 13, 14, 14, 15, 15, 16, 16, 16],
    ])
  })

  test('of every precision, with bounds and dictionary, read back', async () => {
    const columns = Array.from({ length: 38 }, (_, i): TestColumn => {
      const most = digits(i + 1)
      const cycle = [most, null, -most, 0n, -1n, 1n, most / 3n, -most / 7n]
      const values = Array.from({ length: 400 }, (_, row) => cycle[row % 8] as CellValue)
      return { name: `d${i + 1}`, type: { kind: 'decimal', precision: i + 1, scale: i >> 1 }, values }
    })
    const bytes = await write(columns, { pageRows: 64 })
    expect(await files.values(await files.put('decimals.parquet', bytes))).toEqual(columns.map(({ values }) => values))
    const { metadata } = await readFooter(rangesOf(bytes), bytes.length)
    for (const [i, chunk] of (metadata.row_groups[0]?.columns ?? []).entries()) {
      const { type, type_length: width, converted_type: converted } = metadata.schema[i + 1] ?? {}
      expect({ type, width, converted }).toEqual({ type: 'FIXED_LEN_BYTE_ARRAY', width: leastBytes(i + 1), converted: 'DECIMAL' })
      expect(chunk.meta_data?.encodings).toContain('PLAIN_DICTIONARY')
      const start = Number(chunk.column_index_offset)
      const end = start + Number(chunk.column_index_length)
      const index = readColumnIndex(
        { view: new DataView(Uint8Array.from(bytes.subarray(start, end)).buffer), offset: 0 },
        metadata.schema[i + 1] as never,
      )
      expect(index.min_values).toHaveLength(7)
    }
    for (const precision of [1, 4, 7, 18, 22, 38]) {
      const path = join(files.directory, 'decimals.parquet')
      const type = columns[precision - 1]?.type as Extract<LogicalType, { kind: 'decimal' }>
      const most = decimalText(digits(precision), type.scale)
      const sql = `select count(*)::int n from read_parquet('${path}') where d${precision} = ${most}::decimal(${precision},${type.scale})`
      expect(await files.query(sql)).toEqual([{ n: 50 }])
    }
  })

  test.each([1, 2, 3, 4, 9, 12, 18, 20, 28, 31, 35])(
    'decimal(%i) holds no more digits, in whatever byte they begin',
    async (precision) => {
      const type: LogicalType = { kind: 'decimal', precision, scale: 0 }
      for (const value of [
        digits(precision) + 1n,
        -digits(precision) - 1n,
        2n ** BigInt(leastBytes(precision) * 8),
        -(2n ** 120n),
      ]) {
        if (value > digits(38) || value < -digits(38)) continue
        await expect(write([{ name: 'amount', type, values: [1n, value] }])).rejects.toMatchObject({ code: 'BAD_VALUE' })
      }
    },
  )
})

test('any instants, dates and decimals are read back by DuckDB, hyparquet and our reader of foreign files', async () => {
  const COLUMNS = ['ts timestamp', 'da date', 'd7 decimal(7,2)', 'd30 decimal(30,5)', 's string']
  const cells = fc.tuple(
    fc.option(fc.bigInt({ min: MICROS_1582_10_15, max: MICROS_YEAR_9999 })),
    fc.option(fc.integer({ min: -719_162, max: 2_932_896 })),
    fc.option(fc.bigInt({ min: -digits(7), max: digits(7) })),
    fc.option(fc.bigInt({ min: -digits(30), max: digits(30) })),
    fc.option(fc.string({ unit: 'grapheme-ascii', maxLength: 5 })),
  )
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(cells, { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 3 }), async (rows, times) => {
      const repeated = Array.from({ length: times }, () => rows).flat()
      const values = (at: number): readonly CellValue[] => repeated.map((row) => row[at] as CellValue)
      const bytes = await write(
        [
          { name: 'ts', type: { kind: 'timestamp', utc: false }, values: values(0) },
          { name: 'da', type: { kind: 'date' }, values: values(1) },
          { name: 'd7', type: { kind: 'decimal', precision: 7, scale: 2 }, values: values(2) },
          { name: 'd30', type: { kind: 'decimal', precision: 30, scale: 5 }, values: values(3) },
          { name: 's', type: { kind: 'utf8', format: 'text' }, values: values(4) },
        ],
        { pageRows: 16, rowGroupRows: 64, metadata: new Map([['writer.time.zone', 'UTC']]) },
      )
      const path = await files.put(`any-${run++}.parquet`, bytes)
      const [stamps] = await files.values(path)
      expect(stamps?.map((value) => (value as unknown as { micros: bigint } | null)?.micros ?? null)).toEqual(values(0))
      expect((await files.values(path)).slice(1)).toEqual([1, 2, 3, 4].map(values))
      const shown = (value: CellValue) => (value === null ? null : `${timestampText(value as bigint, 'T')}000Z`)
      expect((await jsonRows(bytes)).map(({ ts }) => ts)).toEqual(values(0).map(shown))
      for (const owner of ['hive', 'spark'] as const) {
        await using reader = openForeignReader(await found(foreignLayout(COLUMNS, { owner }), { '000000_0': bytes }), ['ts'])
        expect(await linesOf(reader)).toEqual(values(0).map((value) => (value === null ? '␀' : timestampText(value as bigint))))
      }
    }),
    { numRuns: 25 },
  )
})
