/** What the writer decides and refuses: statistics, encodings, stripes, index, metadata, values that ORC cannot hold. */
import {
  Bool,
  type DataType,
  DateDay,
  Decimal,
  Dictionary,
  Field,
  Float64,
  Int8,
  Int32,
  Int64,
  makeData,
  makeVector,
  RecordBatch,
  Schema,
  Struct,
  TimestampMicrosecond,
  Uint16,
  Utf8,
} from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { inspectOrc, readOrcRows } from '../../../../integrations/land/orc/inspect.ts'
import { openOrc } from '../../../../integrations/land/orc/orc-file.ts'
import { decodeStatistics, openStripe } from '../../../../integrations/land/orc/stripe-reader.ts'
import { rangesOf, readOrc, writeOrc } from '../../../support/orc-files.ts'
import { type Plain, plainBatch, plainData } from '../../../support/plain-values.ts'

const schemaOf = (fields: Readonly<Record<string, DataType>>) =>
  new Schema(Object.entries(fields).map(([name, type]) => new Field(name, type, true)))

async function fileStatistics(bytes: Uint8Array) {
  const { tail } = await openOrc(rangesOf(bytes).read, bytes.length)
  return (tail?.footer.statistics ?? []).map((each) => decodeStatistics(each))
}

describe('statistics', () => {
  it('are kept for the file, each stripe and each row group, of every kind', async () => {
    const schema = schemaOf({
      b: new Bool(),
      i: new Int64(),
      f: new Float64(),
      s: new Utf8(),
      d: new Decimal(2, 9, 128),
      dt: new DateDay(),
      t: new TimestampMicrosecond(),
    })
    const columns: Plain[][] = [
      [true, false, null, true],
      [5n, -7n, null, 2n ** 40n],
      [1.5, -2, null, 0.25],
      ['late', 'paid', null, 'ä'],
      [150n, -1n, null, 99999n],
      [0, -10, null, 19000],
      [0n, -1_500_001n, null, 1_600_000_000_123_456n],
    ]
    const { bytes, summary } = await writeOrc(schema, [plainBatch(schema, columns)], { stripeRows: 2 })
    expect(summary.columns).toEqual({
      b: { nulls: 1, min: 'f', max: 't' },
      i: { nulls: 1, min: '-7', max: '1099511627776' },
      f: { nulls: 1, min: '-2', max: '1.5' },
      s: { nulls: 1, min: 'late', max: 'ä' },
      d: { nulls: 1, min: '-0.01', max: '999.99' },
      dt: { nulls: 1, min: '1969-12-22', max: '2022-01-08' },
      t: { nulls: 1, min: '1969-12-31 23:59:58.499999', max: '2020-09-13 12:26:40.123456' },
    })
    const [root, b, i, f, s, d, dt, t] = await fileStatistics(bytes)
    expect(root).toMatchObject({ numberOfValues: 4, hasNull: false })
    expect(b).toMatchObject({ numberOfValues: 3, hasNull: true, bucketStatistics: { count: [2] } })
    expect(i?.intStatistics).toEqual({ minimum: -7n, maximum: 2n ** 40n, sum: 2n ** 40n - 2n })
    expect(f?.doubleStatistics).toEqual({ minimum: -2, maximum: 1.5, sum: -0.25 })
    expect(s?.stringStatistics).toEqual({ minimum: 'late', maximum: 'ä', sum: 10n })
    expect(d?.decimalStatistics).toEqual({ minimum: '-0.01', maximum: '999.99', sum: '1001.48' })
    expect(dt?.dateStatistics).toEqual({ minimum: -10n, maximum: 19000n })
    expect(t?.timestampStatistics).toMatchObject({
      minimumUtc: -1501n,
      minimumNanos: 999_001,
      maximumUtc: 1_600_000_000_123n,
      maximumNanos: 456_001,
    })
    const { tail } = await openOrc(rangesOf(bytes).read, bytes.length)
    expect(tail?.stripeStatistics.map((stripe) => decodeStatistics(stripe[2])?.intStatistics?.maximum)).toEqual([5n, 2n ** 40n])
  })

  it('keep NaN out of the bounds and let the sum say that there is one', async () => {
    const schema = schemaOf({ f: new Float64() })
    const { bytes, summary } = await writeOrc(schema, [plainBatch(schema, [[Number.NaN, 1, 2]])])
    expect((await fileStatistics(bytes))[1]?.doubleStatistics).toEqual({ minimum: 1, maximum: 2, sum: Number.NaN })
    expect(summary.columns.f).toEqual({ nulls: 0 })
  })

  it('leave out a sum beyond 64 bits', async () => {
    const schema = schemaOf({ i: new Int64() })
    const { bytes } = await writeOrc(schema, [plainBatch(schema, [[2n ** 63n - 1n, 1n]])])
    expect((await fileStatistics(bytes))[1]?.intStatistics).toEqual({ minimum: 1n, maximum: 2n ** 63n - 1n })
  })

  it('bound long texts by shorter ones at a character boundary', async () => {
    const schema = schemaOf({ s: new Utf8() })
    const { bytes, summary } = await writeOrc(schema, [
      plainBatch(schema, [['ü'.repeat(2000), '\u{10ffff}'.repeat(400), 'ä'.repeat(600)]]),
    ])
    const found = (await fileStatistics(bytes))[1]?.stringStatistics
    expect(found?.lowerBound).toBe('ä'.repeat(512))
    expect(found?.minimum).toBeUndefined()
    expect(found?.upperBound).toBeUndefined()
    expect(summary.columns.s).toEqual({ nulls: 0 })
  })

  it('leave no trace of unstated columns, below them neither', async () => {
    const inner = new Struct([new Field('pin', new Utf8(), true)])
    const schema = schemaOf({ secret: new Utf8(), nested: inner, open: new Utf8() })
    const columns: Plain[][] = [
      ['hunter2', null],
      [['4711'], ['0815']],
      ['a', 'b'],
    ]
    const unstated = new Set(['secret', 'nested'])
    const { bytes, summary } = await writeOrc(schema, [plainBatch(schema, columns)], { unstated, rowIndexStride: 1 })
    expect(summary.columns).toEqual({ secret: { nulls: 1 }, nested: { nulls: 0 }, open: { nulls: 0, min: 'a', max: 'b' } })
    expect((await fileStatistics(bytes))[1]?.stringStatistics).toBeUndefined()
    // Once each, in the data itself.
    for (const text of ['hunter2', '4711', '0815']) expect(Buffer.from(bytes).toString('latin1').split(text)).toHaveLength(2)
  })
})

describe('encodings', () => {
  const encodingsOf = async (bytes: Uint8Array) =>
    (await inspectOrc(rangesOf(bytes).read, bytes.length)).rowGroups.map(({ columns }) => columns[0]?.encodings[0])

  it('use a dictionary where it takes fewer bytes, and not elsewhere', async () => {
    const schema = schemaOf({ s: new Utf8() })
    const few = Array.from({ length: 12_000 }, (_, i) => ['card', 'transfer', 'direct_debit'][i % 3] as string)
    const many = Array.from({ length: 12_000 }, (_, i) => `PAY-${i * 7919}`)
    for (const [values, encoding] of [
      [few, 'DICTIONARY_V2'],
      [many, 'DIRECT_V2'],
    ] as const) {
      const { bytes } = await writeOrc(schema, [plainBatch(schema, [values])])
      expect(await encodingsOf(bytes)).toEqual([encoding])
      expect((await readOrc(bytes)).columns).toEqual([values])
    }
  })

  it('give a dictionary up when later row groups do not repeat, without losing what was collected', async () => {
    const schema = schemaOf({ s: new Utf8() })
    const values = Array.from({ length: 40_000 }, (_, i) => (i < 10_000 ? `s${i % 5}` : i % 97 === 0 ? null : `row ${i} of many`))
    const { bytes, summary } = await writeOrc(schema, [plainBatch(schema, [values])], { compression: 'zstd' })
    expect(await encodingsOf(bytes)).toEqual(['DIRECT_V2'])
    expect(summary.columns.s).toMatchObject({ min: 'row 10000 of many', max: 's4' })
    expect((await readOrc(bytes)).columns).toEqual([values])
    const found = await readOrc(bytes, { where: { column: 's', op: '=', value: 's3' } })
    expect(found.rows).toBe(10_000)
  })

  it('take dictionary-encoded batches, each with a dictionary of its own', async () => {
    const type = new Dictionary(new Utf8(), new Int32())
    const schema = schemaOf({ s: type })
    const batch = (entries: string[], indices: number[]) => {
      const dictionary = makeVector(plainData(new Utf8(), entries))
      const data = makeData({ type, length: indices.length, data: Int32Array.from(indices), dictionary } as never)
      return new RecordBatch(
        schema,
        makeData({ type: new Struct(schema.fields), length: indices.length, nullCount: 0, children: [data] }),
      )
    }
    const { bytes } = await writeOrc(schema, [batch(['c', 'u'], [0, 1, 1]), batch(['u', 'd', 'c'], [0, 1, 2])])
    expect((await readOrc(bytes)).columns).toEqual([['c', 'u', 'u', 'u', 'd', 'c']])
  })
})

describe('the writer', () => {
  it('ends stripes by size and by rows, and keeps key-value metadata', async () => {
    const schema = schemaOf({ i: new Int64() })
    const values = Array.from({ length: 60_000 }, (_, i) => BigInt(Math.imul(i, 2_654_435_761)))
    const metadata = new Map([
      ['portage.commit', '42'],
      ['名前', 'ü'],
    ])
    const { bytes } = await writeOrc(schema, [plainBatch(schema, [values])], { stripeBytes: 80_000, metadata })
    const found = await inspectOrc(rangesOf(bytes).read, bytes.length)
    expect(found.rowGroups.map(({ rows }) => rows)).toEqual([20_000, 20_000, 20_000])
    expect(found.metadata).toEqual({ 'portage.commit': '42', 名前: 'ü' })
    expect((await readOrc(bytes)).columns).toEqual([values])
  })

  it('writes UTC, the proleptic calendar and version 0.12, and kind 18 only when it is asked to', async () => {
    const schema = schemaOf({ t: new TimestampMicrosecond('UTC') })
    const batch = plainBatch(schema, [[1n]])
    for (const [instants, type] of [
      [false, 'timestamp(ns)'],
      [true, 'timestamp(ns,UTC)'],
    ] as const) {
      const { bytes } = await writeOrc(schema, [batch], { instants })
      const found = await inspectOrc(rangesOf(bytes).read, bytes.length)
      expect(found).toMatchObject({
        format: 'orc',
        rows: 1,
        version: '0.12',
        calendar: 'proleptic',
        schema: [{ name: 't', type, nullable: true }],
      })
      expect(found.rowGroups[0]?.writerTimezone).toBe('UTC')
      const { tail } = await openOrc(rangesOf(bytes).read, bytes.length)
      const stripe = tail === null ? null : await openStripe(rangesOf(bytes).read, tail, 0)
      expect(stripe?.footer.writerTimezone).toBe('UTC')
    }
  })

  it('refuses what ORC cannot hold, and nothing can follow', async () => {
    const decimal = schemaOf({ d: new Decimal(2, 5, 128) })
    await expect(writeOrc(decimal, [plainBatch(decimal, [[100_000n]])])).rejects.toMatchObject({ code: 'BAD_VALUE' })
    const moment = schemaOf({ t: new TimestampMicrosecond() })
    const late = plainBatch(moment, [[-1n]])
    await expect(writeOrc(moment, [late])).rejects.toThrow(/last second before 1970/)
    const { bytes } = await writeOrc(moment, [late], { epochSecond: 'late' })
    expect((await readOrc(bytes)).columns).toEqual([[999_999n]])
    const varchar = new Schema([new Field('v', new Utf8(), true, new Map([['orc.type', 'varchar(3)']]))])
    expect((await readOrc((await writeOrc(varchar, [plainBatch(varchar, [['äöü']])])).bytes)).columns).toEqual([['äöü']])
    await expect(writeOrc(varchar, [plainBatch(varchar, [['äöü!']])])).rejects.toMatchObject({ code: 'BAD_VALUE' })
    expect(() => schemaOf({ u: new Uint16() })).not.toThrow()
    await expect(writeOrc(schemaOf({ u: new Uint16() }), [])).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    const other = schemaOf({ d: new Utf8() })
    await expect(writeOrc(decimal, [plainBatch(other, [['x']])])).rejects.toMatchObject({ code: 'INTERNAL' })
  })

  it('shows rows as JSON without loss', async () => {
    const schema = schemaOf({
      i8: new Int8(),
      i: new Int64(),
      d: new Decimal(2, 9, 128),
      f: new Float64(),
      t: new TimestampMicrosecond(),
    })
    const { bytes } = await writeOrc(schema, [
      plainBatch(schema, [
        [-1, null],
        [2n ** 60n, 1n],
        [-5n, 100n],
        [Number.NaN, 0.5],
        [1n, null],
      ]),
    ])
    const rows: unknown[] = []
    for await (const row of readOrcRows(rangesOf(bytes).read, bytes.length, { limit: 2 })) rows.push(row)
    expect(rows).toEqual([
      { i8: -1, i: '1152921504606846976', d: '-0.05', f: 'NaN', t: '1970-01-01T00:00:00.000001' },
      { i8: null, i: '1', d: '1.00', f: 0.5, t: null },
    ])
  })
})
