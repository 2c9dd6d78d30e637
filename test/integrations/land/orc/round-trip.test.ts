/** What the writer writes, the reader reads: any schema, any values, any nulls, any cut into batches, groups and stripes. */
import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  Map_,
  Schema,
  Struct,
  TimestampMicrosecond,
  TimestampNanosecond,
  Utf8,
} from 'apache-arrow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readOrc, writeOrc } from '../../../support/orc-files.ts'
import { type Plain, plainBatch } from '../../../support/plain-values.ts'

type Column = { readonly type: DataType; readonly values: fc.Arbitrary<Plain> }

const int = (bits: number) =>
  fc.oneof(fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 }), fc.integer({ min: -3, max: 3 }))
const big = (min: bigint, max: bigint) =>
  fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n, 1n), fc.bigInt({ min: 0n, max: 5n }))

/** Microseconds of years 1 to 9999 but for the one second that ORC cannot hold. */
const micros = big(-62_135_596_800_000_000n, 253_402_300_799_999_999n).filter((value) => value >= 0n || value < -1_000_000n)
const nanos = big(-(2n ** 63n) + 10n ** 9n, 2n ** 63n - 1n).filter((value) => value >= 0n || value < -1_000_000_000n)
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', 'paid', 'late', 'reversed', '日本語', '\u{10ffff}', 'ü'.repeat(700)),
)

const leaves: readonly Column[] = [
  { type: new Bool(), values: fc.boolean() },
  { type: new Int8(), values: int(8) },
  { type: new Int16(), values: int(16) },
  { type: new Int32(), values: int(32) },
  { type: new Int64(), values: big(-(2n ** 63n), 2n ** 63n - 1n) },
  { type: new Float32(), values: fc.float() },
  { type: new Float64(), values: fc.double() },
  { type: new Utf8(), values: text },
  { type: new Binary(), values: fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes).toString('hex')) },
  { type: new Decimal(2, 9, 128), values: big(-999_999_999n, 999_999_999n) },
  { type: new Decimal(0, 18, 128), values: big(-(10n ** 18n) + 1n, 10n ** 18n - 1n) },
  { type: new Decimal(38, 38, 128), values: big(-(10n ** 38n) + 1n, 10n ** 38n - 1n) },
  { type: new DateDay(), values: fc.integer({ min: -719_162, max: 2_932_896 }) },
  { type: new TimestampMicrosecond(), values: micros },
  { type: new TimestampMicrosecond('UTC'), values: micros },
]

const orNull = (values: fc.Arbitrary<Plain>) => fc.option(values, { nil: null, freq: 3 })

const column: fc.Arbitrary<Column> = fc.letrec<{ column: Column }>((tie) => ({
  column: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...leaves),
    tie('column').map(({ type, values }) => ({
      type: new List(new Field('item', type, true)),
      values: fc.array(orNull(values), { maxLength: 4 }),
    })),
    fc.array(tie('column'), { minLength: 1, maxLength: 3 }).map((fields) => ({
      type: new Struct(fields.map(({ type }, i) => new Field(`f${i}`, type, true))),
      values: fc.tuple(...fields.map(({ values }) => orNull(values))) as fc.Arbitrary<Plain>,
    })),
    tie('column').map(({ type, values }) => ({
      type: new Map_(
        new Field('entries', new Struct([new Field('key', new Utf8(), false), new Field('value', type, true)]), false) as never,
      ),
      values: fc.array(fc.tuple(text, orNull(values)), { maxLength: 3 }) as fc.Arbitrary<Plain>,
    })),
  ),
})).column

/** How nulls fall on rows: none, all, alternating, in runs, at random. */
const isNull: readonly ((row: number) => boolean)[] = [
  () => false,
  () => true,
  (row) => row % 2 === 0,
  (row) => Math.floor(row / 13) % 3 === 0,
  (row) => ((row * 2_654_435_761) >>> 7) % 5 === 0,
]

const table = fc
  .array(fc.tuple(column, fc.constantFrom(...isNull)), { minLength: 1, maxLength: 4 })
  .chain((columns) =>
    fc.record({
      schema: fc.constant(new Schema(columns.map(([{ type }], i) => new Field(`c.${i}`, type, true)))),
      /** A few values that repeat over the rows. */
      pool: fc.tuple(...columns.map(([{ values }]) => fc.array(values, { minLength: 1, maxLength: 20 }))),
      nulls: fc.constant(columns.map(([, nulls]) => nulls)),
      rows: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.constantFrom(1, 511, 512, 513, 1500)),
    }),
  )
  .map(({ schema, pool, nulls, rows }) => ({
    schema,
    columns: pool.map((values, c) =>
      Array.from(
        { length: rows },
        (_, row): Plain => (nulls[c]?.(row) ? null : (values[(row * row + c) % values.length] ?? null)),
      ),
    ),
  }))

const layout = fc.record({
  compression: fc.constantFrom('none', 'snappy', 'gzip', 'zstd'),
  rowIndexStride: fc.constantFrom(0, 1, 7, 100, 10_000),
  stripeRows: fc.constantFrom(1, 64, 700, 1_000_000),
  batchRows: fc.constantFrom(1, 33, 8192),
  cut: fc.integer({ min: 1, max: 700 }),
})

describe('ORC', () => {
  it('gives back any table, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(table, layout, async ({ schema, columns }, { cut, batchRows, ...options }) => {
        const whole = plainBatch(schema, columns)
        const rows = columns[0]?.length ?? 0
        // Few stripes: a stripe per row of 1,500 says nothing that one of 60 does not.
        const stripeRows = rows > 100 ? Math.max(64, options.stripeRows) : options.stripeRows
        const parts = Array.from({ length: Math.ceil(rows / cut) }, (_, i) => whole.slice(i * cut, (i + 1) * cut))
        const { bytes, summary } = await writeOrc(schema, parts, { ...options, stripeRows })
        expect(summary.rows).toBe(rows)
        expect(summary.bytes).toBe(bytes.length)
        const back = await readOrc(bytes, { batchRows })
        expect(back.rows).toBe(rows)
        if (rows > 0) expect(back.columns).toEqual(columns)
      }),
      { numRuns: 120, interruptAfterTimeLimit: 20_000 },
    )
  }, 60_000)

  it('gives back nanoseconds, and text with the full fraction', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(orNull(nanos), { minLength: 1, maxLength: 50 }), async (values) => {
        const schema = new Schema([new Field('t', new TimestampNanosecond(), true)])
        const { bytes } = await writeOrc(schema, [plainBatch(schema, [values])])
        expect((await readOrc(bytes, { timestamps: 'nanos' })).columns).toEqual([values])
      }),
      { numRuns: 50, interruptAfterTimeLimit: 10_000 },
    )
    const schema = new Schema([new Field('t', new TimestampNanosecond(), true)])
    const { bytes } = await writeOrc(schema, [plainBatch(schema, [[1n, null, -1_500_000_000n, 1_600_000_000_000_000_001n]])])
    expect((await readOrc(bytes, { timestamps: 'text' })).columns).toEqual([
      ['1970-01-01T00:00:00.000000001', null, '1969-12-31T23:59:58.500000', '2020-09-13T12:26:40.000000001'],
    ])
    await expect(readOrc(bytes)).rejects.toMatchObject({ code: 'BAD_VALUE' })
  })

  it('keeps the bits of floats: NaN, both zeros, infinities, the smallest and the largest', async () => {
    const schema = new Schema([new Field('f', new Float64(), true), new Field('g', new Float32(), true)])
    const values = [Number.NaN, 0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, Number.MAX_VALUE, null]
    const singles = [
      Number.NaN,
      0,
      -0,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      2 ** -149,
      3.4028234663852886e38,
      null,
    ]
    const back = await readOrc((await writeOrc(schema, [plainBatch(schema, [values, singles])])).bytes)
    for (const [i, value] of values.entries()) expect(Object.is(back.columns[0]?.[i], value)).toBe(true)
    for (const [i, value] of singles.entries()) expect(Object.is(back.columns[1]?.[i], value)).toBe(true)
  })

  it('gives back texts of a megabyte in small batches, direct and by dictionary', async () => {
    const schema = new Schema([new Field('t', new Utf8(), true)])
    const long = (seed: number) => String.fromCharCode(97 + (seed % 26)).repeat(1_000_000)
    for (const distinct of [80, 2]) {
      const values = Array.from({ length: 80 }, (_, i) => `${i % distinct}${long(i % distinct)}`)
      const { bytes } = await writeOrc(schema, [plainBatch(schema, [values])], { compression: 'zstd' })
      const back = await readOrc(bytes)
      expect(back.columns[0]?.every((value, i) => value === values[i])).toBe(true)
      expect(back.batches.length).toBeGreaterThan(1)
      for (const batch of back.batches) expect(batch.data.children[0]?.values.length).toBeLessThanOrEqual(64 * 1024 * 1024)
    }
  })

  it('gives back structs and lists a hundred levels deep', async () => {
    let type: DataType = new Int32()
    let value: Plain = 7
    for (let i = 0; i < 50; i++) {
      type = new List(new Field('item', new Struct([new Field('s', type, true)]), true))
      value = [[value], null]
    }
    const schema = new Schema([new Field('deep', type, true)])
    const back = await readOrc(
      (await writeOrc(schema, [plainBatch(schema, [[value, null, value]])], { compression: 'zstd' })).bytes,
    )
    expect(back.columns[0]).toEqual([value, null, value])
  })

  it('holds a table of no rows', async () => {
    const schema = new Schema([
      new Field('a', new Int32(), true),
      new Field('b', new List(new Field('item', new Utf8(), true)), true),
    ])
    const { bytes, summary } = await writeOrc(schema, [], { compression: 'zstd' })
    expect(summary).toEqual({ rows: 0, bytes: bytes.length, columns: { a: { nulls: 0 }, b: { nulls: 0 } } })
    expect((await readOrc(bytes)).rows).toBe(0)
  })
})
