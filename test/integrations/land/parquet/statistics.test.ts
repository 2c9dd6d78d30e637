import { readColumnIndex, readOffsetIndex } from 'hyparquet'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LogicalType } from '../../../../connectors/logical-type.ts'
import { inspectParquet } from '../../../../integrations/land/parquet/inspect.ts'
import { readFooter } from '../../../../integrations/land/parquet/inspect-footer.ts'
import { type CellValue, type TestColumn, testBatch } from '../../../support/arrow-columns.ts'
import { duckdbFiles, rangesOf, type WrittenFile, writeParquet } from '../../../support/parquet-files.ts'

let files: Awaited<ReturnType<typeof duckdbFiles>>
beforeAll(async () => {
  files = await duckdbFiles()
})
afterAll(() => files[Symbol.asyncDispose]())

const write = (columns: readonly TestColumn[], options: Parameters<typeof writeParquet>[2] = {}) => {
  const batch = testBatch(columns)
  return writeParquet(batch.schema, [batch], options)
}

const one = (type: LogicalType, values: readonly CellValue[], options: Parameters<typeof writeParquet>[2] = {}) =>
  write([{ name: 'c', type, values }], options)

async function bounds({ bytes }: WrittenFile): Promise<unknown> {
  const { rowGroups } = await inspectParquet(rangesOf(bytes), bytes.length)
  const { nulls, min, max } = rowGroups[0]?.columns[0] ?? {}
  return { nulls, min, max }
}

/** PLAIN bytes of the chunk's bounds. */
async function rawBounds({ bytes }: WrittenFile) {
  const { bounds: raw } = await readFooter(rangesOf(bytes), bytes.length)
  return raw[0]?.[0]
}

const FLOAT64: LogicalType = { kind: 'float64' }
const TEXT: LogicalType = { kind: 'utf8', format: 'text' }
const BINARY: LogicalType = { kind: 'binary' }
const doubles = (...values: number[]) => Buffer.from(Float64Array.from(values).buffer).toString('hex')
const hex = (bytes: Uint8Array | null | undefined) => (bytes ? Buffer.from(bytes).toString('hex') : bytes)

describe('chunk statistics', () => {
  test.each<[string, LogicalType, CellValue[], unknown]>([
    ['bool', { kind: 'bool' }, [true, null, true], { nulls: 1, min: true, max: true }],
    ['int16', { kind: 'int16' }, [5, -7, null, 3], { nulls: 1, min: -7, max: 5 }],
    ['int64', { kind: 'int64' }, [2n ** 40n, -(2n ** 40n), 1n, -1n], { nulls: 0, min: `${-(2n ** 40n)}`, max: `${2n ** 40n}` }],
    [
      'int64 of one upper word',
      { kind: 'int64' },
      [2n ** 31n, 2n ** 32n - 1n, 1n],
      { nulls: 0, min: '1', max: `${2n ** 32n - 1n}` },
    ],
    ['decimal in INT64', { kind: 'decimal', precision: 12, scale: 2 }, [-105n, 99n], { nulls: 0, min: '-1.05', max: '0.99' }],
    [
      'decimal in FIXED_LEN_BYTE_ARRAY',
      { kind: 'decimal', precision: 38, scale: 0 },
      [-(10n ** 30n), 10n ** 37n, 5n, -5n, 2n ** 64n],
      { nulls: 0, min: `${-(10n ** 30n)}`, max: `${10n ** 37n}` },
    ],
    ['text, by bytes', TEXT, ['b', 'Z', 'é', 'a', null, ''], { nulls: 1, min: '', max: 'é' }],
    [
      'text that differs late',
      TEXT,
      ['same start 2', 'same start 10', 'same start 1'],
      { nulls: 0, min: 'same start 1', max: 'same start 2' },
    ],
    [
      'binary, unsigned',
      BINARY,
      [Uint8Array.of(0x7f), Uint8Array.of(0x80), Uint8Array.of(0)],
      { nulls: 0, min: '00', max: '80' },
    ],
    ['date', { kind: 'date' }, [0, -1, 20_000], { nulls: 0, min: '1969-12-31', max: '2024-10-04' }],
    [
      'timestamp',
      { kind: 'timestamp', utc: true },
      [0n, -1n],
      { nulls: 0, min: '1969-12-31T23:59:59.999999Z', max: '1970-01-01T00:00:00.000000Z' },
    ],
    ['only nulls', { kind: 'int32' }, [null, null], { nulls: 2, min: null, max: null }],
  ])('%s', async (_, type, values, expected) => {
    expect(await bounds(await one(type, values))).toEqual(expected)
    // The same from dictionary pages, which bound their entries.
    const repeated = Array.from({ length: 40 }, () => values).flat()
    expect(await bounds(await one(type, repeated))).toMatchObject({ min: (expected as { min: unknown }).min })
  })

  test('a NaN leaves no bounds: it is greatest to some engines and unordered to others', async () => {
    expect(await bounds(await one(FLOAT64, [Number.NaN, 2, -3, null]))).toEqual({ nulls: 1, min: null, max: null })
    expect(await bounds(await one(FLOAT64, [Number.NaN, Number.NaN]))).toEqual({ nulls: 0, min: null, max: null })
  })

  test('zeros are written as -0 and +0', async () => {
    const zeros = await rawBounds(await one(FLOAT64, [0, 0]))
    expect([hex(zeros?.min), hex(zeros?.max)]).toEqual([doubles(-0), doubles(0)])
    const negative = await rawBounds(await one(FLOAT64, [-0, -5]))
    expect([hex(negative?.min), hex(negative?.max)]).toEqual([doubles(-5), doubles(0)])
    expect(await bounds(await one(FLOAT64, [Number.POSITIVE_INFINITY, 1]))).toMatchObject({ min: 1, max: 'Infinity' })
  })

  test('long text is shortened to whole characters, and the maximum is raised', async () => {
    const long = await bounds(await one(TEXT, ['a'.repeat(100), 'z'.repeat(100)]))
    expect(long).toEqual({ nulls: 0, min: 'a'.repeat(64), max: `${'z'.repeat(63)}{` })
    const accents = await bounds(await one(TEXT, ['é'.repeat(100)]))
    expect(accents).toEqual({ nulls: 0, min: 'é'.repeat(32), max: `${'é'.repeat(31)}ê` })
    const wide = await bounds(await one(TEXT, [`a${'€'.repeat(50)}`]))
    expect(wide).toEqual({ nulls: 0, min: `a${'€'.repeat(21)}`, max: `a${'€'.repeat(20)}₭` })
    const highest = await bounds(await one(TEXT, [`b${'\u{10ffff}'.repeat(50)}`]))
    expect(highest).toEqual({ nulls: 0, min: `b${'\u{10ffff}'.repeat(15)}`, max: 'c' })
    const surrogates = await bounds(await one(TEXT, ['\ud7ff'.repeat(50)]))
    expect(surrogates).toMatchObject({ max: `${'\ud7ff'.repeat(20)}\ue000` })
  })

  test('a maximum that cannot be raised is left out, with the column index', async () => {
    for (const [type, value] of [
      [BINARY, new Uint8Array(100).fill(0xff)],
      [TEXT, '\u{10ffff}'.repeat(50)],
    ] as const) {
      const file = await one(type, [value, type === BINARY ? Uint8Array.of(1) : 'a'])
      expect(await bounds(file)).toEqual({ nulls: 0, min: null, max: null })
      const { rowGroups } = await inspectParquet(rangesOf(file.bytes), file.bytes.length)
      expect(rowGroups[0]?.columns[0]).toMatchObject({ columnIndex: false, offsetIndex: true })
      expect(file.summary.columns).toEqual({ c: { nulls: 0 } })
    }
  })

  test('columns named as unstated leave only their null count', async () => {
    const secret = { name: 'secret', type: TEXT, values: ['find me', null, 'and me'] }
    const open = { name: 'open', type: TEXT, values: ['x', 'y', 'z'] }
    const { bytes, summary } = await write([secret, open], { compression: 'zstd', unstated: new Set(['secret']) })
    expect(summary.columns).toEqual({ secret: { nulls: 1 }, open: { nulls: 0, min: 'x', max: 'z' } })
    const { rowGroups } = await inspectParquet(rangesOf(bytes), bytes.length)
    expect(rowGroups[0]?.columns[0]).toMatchObject({ nulls: 1, min: null, max: null, columnIndex: false, offsetIndex: true })
    const footer = Buffer.from(bytes).readUInt32LE(bytes.length - 8)
    expect(Buffer.from(bytes.subarray(-8 - footer)).includes('me')).toBe(false)
  })

  test('DuckDB reads the same bounds', async () => {
    const values = Array.from({ length: 300 }, (_, i) => BigInt(i) - 100n)
    const texts = values.map((value) => (value % 3n === 0n ? null : `t${value}`))
    const file = await write(
      [
        { name: 'n', type: { kind: 'int64' }, values },
        { name: 't', type: TEXT, values: texts },
      ],
      { rowGroupRows: 128 },
    )
    const path = await files.put('statistics.parquet', file.bytes)
    const metadata = await files.query(
      `select path_in_schema p, stats_min_value mn, stats_max_value mx, stats_null_count::int as missing, num_values::int as n
       from parquet_metadata('${path}') order by row_group_id, column_id`,
    )
    expect(metadata).toEqual([
      { p: 'n', mn: '-100', mx: '27', missing: 0, n: 128 },
      { p: 't', mn: 't-1', mx: 't8', missing: 43, n: 128 },
      { p: 'n', mn: '28', mx: '155', missing: 0, n: 128 },
      { p: 't', mn: 't100', mx: 't98', missing: 42, n: 128 },
      { p: 'n', mn: '156', mx: '199', missing: 0, n: 44 },
      { p: 't', mn: 't157', mx: 't199', missing: 15, n: 44 },
    ])
    expect(file.summary).toMatchObject({
      columns: { n: { nulls: 0, min: '-100', max: '199' }, t: { nulls: 100, min: 't-1', max: 't98' } },
    })
  })
})

describe('the page index', () => {
  const pages = async ({ bytes }: WrittenFile, column = 0) => {
    const { metadata } = await readFooter(rangesOf(bytes), bytes.length)
    const chunk = metadata.row_groups[0]?.columns[column]
    const element = metadata.schema[column + 1]
    const slice = (offset: bigint | undefined, length: number | undefined) => ({
      view: new DataView(new Uint8Array(bytes.slice(Number(offset), Number(offset) + (length ?? 0))).buffer),
      offset: 0,
    })
    if (chunk === undefined || element === undefined) throw new Error('no such column')
    return {
      offsets: readOffsetIndex(slice(chunk.offset_index_offset, chunk.offset_index_length)).page_locations,
      index:
        chunk.column_index_offset === undefined
          ? null
          : readColumnIndex(slice(chunk.column_index_offset, chunk.column_index_length), element),
      data: chunk.meta_data,
    }
  }

  test('names each page, its first row, its nulls and bounds', async () => {
    const values = Array.from({ length: 40 }, (_, i) => (i >= 16 && i < 24 ? null : i * 10))
    const { offsets, index, data } = await pages(await one({ kind: 'int32' }, values, { pageRows: 8 }))
    expect(offsets.map((page) => Number(page.first_row_index))).toEqual([0, 8, 16, 24, 32])
    expect(Number(offsets[0]?.offset)).toBe(Number(data?.data_page_offset))
    for (const [i, page] of offsets.slice(1).entries()) {
      const before = offsets[i]
      expect(Number(page.offset)).toBe(Number(before?.offset) + (before?.compressed_page_size ?? 0))
    }
    expect(index).toMatchObject({ null_pages: [false, false, true, false, false], boundary_order: 'ASCENDING' })
    expect(index?.null_counts?.map(Number)).toEqual([0, 0, 8, 0, 0])
    expect([index?.min_values[1], index?.max_values[1], index?.min_values[4], index?.max_values[4]]).toEqual([80, 150, 320, 390])
  })

  test('says whether the bounds are in order', async () => {
    const orderOf = async (values: number[]) =>
      (await pages(await one({ kind: 'int32' }, values, { pageRows: 8 }))).index?.boundary_order
    const rising = Array.from({ length: 24 }, (_, i) => i)
    expect(await orderOf(rising)).toBe('ASCENDING')
    expect(await orderOf(rising.toReversed())).toBe('DESCENDING')
    expect(await orderOf(rising.map((value) => ((value * 11) % 24 < 8 && value < 8 ? 99 : value)))).toBe('UNORDERED')
  })

  test('is left out for a column with a NaN', async () => {
    const values = Array.from({ length: 24 }, (_, i) => (i === 3 ? Number.NaN : i))
    const { index, offsets } = await pages(await one(FLOAT64, values, { pageRows: 8 }))
    expect(index).toBeNull()
    expect(offsets).toHaveLength(3)
    const mixed = await pages(await one(FLOAT64, values.with(3, 3), { pageRows: 8 }))
    expect(mixed.index?.min_values).toEqual([-0, 8, 16])
  })
})

test('a predicate selects the same rows with statistics and without', async () => {
  const rows = 2000
  const spread = (i: number) => (i * 7919) % rows
  const columns: TestColumn[] = [
    { name: 'i', type: { kind: 'int64' }, values: Array.from({ length: rows }, (_, i) => BigInt(i)) },
    {
      name: 's',
      type: TEXT,
      values: Array.from({ length: rows }, (_, i) => (i % 9 === 0 ? null : `${'k'.repeat(70)}${i % 40}`)),
    },
    { name: 'f', type: FLOAT64, values: Array.from({ length: rows }, (_, i) => (i % 11 === 0 ? Number.NaN : spread(i) / 3)) },
    { name: 'z', type: FLOAT64, values: Array.from({ length: rows }, (_, i) => (i < 1000 ? -0 : 0)) },
    {
      name: 'd',
      type: { kind: 'decimal', precision: 30, scale: 3 },
      values: Array.from({ length: rows }, (_, i) => BigInt(spread(i)) * 10n ** 20n),
    },
    {
      name: 't',
      type: { kind: 'timestamp', utc: true },
      values: Array.from({ length: rows }, (_, i) => BigInt(i) * 3_600_000_000n),
    },
    { name: 'b', type: BINARY, values: Array.from({ length: rows }, (_, i) => new Uint8Array(80).fill(i % 256)) },
  ]
  const limits = { pageRows: 64, rowGroupRows: 256 }
  const stated = await files.put('stated.parquet', (await write(columns, limits)).bytes)
  const unstated = await files.put(
    'unstated.parquet',
    (await write(columns, { ...limits, unstated: new Set(columns.map((column) => column.name)) })).bytes,
  )
  const predicates = [
    'i = 777',
    'i between 250 and 260',
    'i < 0',
    `s = '${'k'.repeat(70)}7'`,
    `s > '${'k'.repeat(70)}5'`,
    's is null',
    'f > 600',
    "f = 'nan'::double",
    'f is not null and f < 3',
    'z = 0',
    'z < 0',
    'd >= 150000000000000000000',
    "t >= timestamptz '1970-03-01 00:00:00+00'",
    "b >= '\\xFE'::blob",
    "b = repeat('\\x07'::blob, 80)",
  ]
  for (const predicate of predicates) {
    const select = (path: string) => files.query(`select i from '${path}' where ${predicate} order by i`)
    const [with_, without] = [await select(stated), await select(unstated)]
    expect([predicate, with_]).toEqual([predicate, without])
  }
})
