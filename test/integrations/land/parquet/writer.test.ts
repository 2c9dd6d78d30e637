import { Dictionary, Field, Int8, Int32, makeData, makeVector, RecordBatch, Schema, Struct, Utf8 } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileSchema, type Position, type TableName } from '../../../../connectors/change.ts'
import type { ConnectorError } from '../../../../connectors/errors.ts'
import type { LogicalType } from '../../../../connectors/logical-type.ts'
import { inspectParquet } from '../../../../integrations/land/parquet/inspect.ts'
import { createParquetWriter } from '../../../../integrations/land/parquet/writer.ts'
import { type CellValue, columnData, type TestColumn, testBatch } from '../../../support/arrow-columns.ts'
import { duckdbFiles, rangesOf, writeParquet } from '../../../support/parquet-files.ts'

let files: Awaited<ReturnType<typeof duckdbFiles>>
beforeAll(async () => {
  files = await duckdbFiles()
})
afterAll(() => files[Symbol.asyncDispose]())

const INT64: LogicalType = { kind: 'int64' }
const TEXT: LogicalType = { kind: 'utf8', format: 'text' }
const TYPES: readonly LogicalType[] = [
  { kind: 'bool' },
  { kind: 'int16' },
  { kind: 'int32' },
  INT64,
  { kind: 'float32' },
  { kind: 'float64' },
  { kind: 'decimal', precision: 9, scale: 2 },
  { kind: 'decimal', precision: 18, scale: 0 },
  { kind: 'decimal', precision: 38, scale: 10 },
  TEXT,
  { kind: 'utf8', format: 'json' },
  { kind: 'binary' },
  { kind: 'date' },
  { kind: 'timestamp', utc: true },
  { kind: 'timestamp', utc: false },
]

const codeOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: ConnectorError) => error.code,
  )

const write = (columns: readonly TestColumn[]) => {
  const batch = testBatch(columns)
  return writeParquet(batch.schema, [batch])
}

describe('the schema', () => {
  const schema = fileSchema(
    {
      table: 'public.t' as TableName,
      id: '1',
      version: 1,
      since: '' as Position,
      key: [],
      identity: 'full',
      columns: TYPES.map((type, i) => ({ id: i + 1, name: `C${i}`, physical: `c${i}`, type, sourceType: 'x', nullable: i > 0 })),
    },
    'base',
  )

  test('has both annotations, in the types that every engine reads alike', async () => {
    const { bytes } = await writeParquet(schema, [], { createdBy: 'portage-lakehouse version 1.2.3 (build abc)' })
    const path = await files.put('schema.parquet', bytes)
    const rows = await files.query(
      `select name, type, type_length, repetition_type, converted_type, precision, scale, logical_type, duckdb_type
       from parquet_schema('${path}')`,
    )
    const lines = rows.map((row) =>
      Object.values(row)
        .map((value) => value ?? '-')
        .join(' | '),
    )
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('../../../golden/parquet-schema.txt')
  })

  test('a file without rows is readable, and names what wrote it', async () => {
    const { bytes, summary } = await writeParquet(schema, [], {
      createdBy: 'portage-lakehouse version 1.2.3 (build abc)',
      metadata: new Map([['portage.commit', '42']]),
    })
    expect(summary.rows).toBe(0)
    const inspected = await inspectParquet(rangesOf(bytes), bytes.length)
    expect(inspected).toMatchObject({ rows: 0, rowGroups: [], createdBy: 'portage-lakehouse version 1.2.3 (build abc)' })
    expect(inspected.metadata).toMatchObject({ 'portage.commit': '42', 'portage.profile': 'lake' })
    const path = await files.put('empty.parquet', bytes)
    expect(await files.query(`select count(*)::int as n from '${path}'`)).toEqual([{ n: 0 }])
  })
})

describe('a dictionary', () => {
  const encodings = async (columns: readonly TestColumn[]) => {
    const { bytes } = await write(columns)
    const { rowGroups } = await inspectParquet(rangesOf(bytes), bytes.length)
    return rowGroups.map((group) => group.columns.map((column) => column.encodings.includes('PLAIN_DICTIONARY')))
  }
  const of = (type: LogicalType, values: CellValue[]): TestColumn => ({ name: 'c', type, values })
  const rows = 5000

  test('is used for repeated values and left where it does not pay', async () => {
    const repeated = Array.from({ length: rows }, (_, i) => BigInt(i % 100))
    const unique = Array.from({ length: rows }, (_, i) => BigInt(i))
    expect(await encodings([of(INT64, repeated)])).toEqual([[true]])
    expect(await encodings([of(INT64, unique)])).toEqual([[false]])
    expect(await encodings([of(TEXT, repeated.map(String))])).toEqual([[true]])
    expect(await encodings([of(TEXT, ['a', 'b', 'c'])])).toEqual([[false]])
    expect(
      await encodings([
        of(
          INT64,
          Array.from({ length: rows }, () => null),
        ),
      ]),
    ).toEqual([[false]])
  })

  test('that comes with the batch is kept, also for one value', async () => {
    const constant = {
      name: '_op',
      type: TEXT,
      values: Array.from({ length: rows }, () => 'r'),
      dictionary: true,
      nullable: false,
    }
    expect(await encodings([constant])).toEqual([[true]])
    const { bytes } = await write([constant])
    expect(bytes.length).toBeLessThan(1200)
  })

  test('with 1,025 values is too large', async () => {
    const values = (distinct: number) => Array.from({ length: 20_000 }, (_, i) => BigInt((i * 31) % distinct))
    expect(await encodings([of(INT64, values(1024))])).toEqual([[true]])
    expect(await encodings([of(INT64, values(1025))])).toEqual([[false]])
  })
})

describe('what cannot be written is refused', () => {
  const decimal = (precision: number): LogicalType => ({ kind: 'decimal', precision, scale: 2 })

  test.each([9, 12, 18, 20, 38])('a decimal of more than %i digits, without naming the value', async (precision) => {
    const over = 10n ** BigInt(precision)
    for (const value of [over, -over, 2n ** 127n - 1n]) {
      const attempt = write([{ name: 'amount', type: decimal(precision), values: [0n, null, value] }])
      await expect(attempt).rejects.toThrow(new RegExp(`"amount" is decimal\\(${precision},2\\).*more than ${precision} digits`))
      expect(await codeOf(attempt)).toBe('BAD_VALUE')
      await attempt.catch((error: Error) => expect(error.message).not.toContain(String(value)))
    }
    const most = over - 1n
    await expect(write([{ name: 'amount', type: decimal(precision), values: [most, -most, null] }])).resolves.toBeDefined()
  })

  test('garbage under a null is not a value', async () => {
    const batch = testBatch([{ name: 'amount', type: decimal(9), values: [1n, null, 3n] }], { filler: 0x7f })
    await expect(writeParquet(batch.schema, [batch])).resolves.toBeDefined()
  })

  test('a null in a column declared not null', async () => {
    const column = { name: 'k', type: INT64, values: [1n, null], nullable: false }
    await expect(write([column])).rejects.toThrow('"k" is declared not null')
  })

  test('a batch of another schema', async () => {
    const batch = testBatch([{ name: 'a', type: INT64, values: [1n] }])
    const other = testBatch([{ name: 'b', type: INT64, values: [1n] }])
    const wider = testBatch([
      { name: 'a', type: INT64, values: [1n] },
      { name: 'b', type: INT64, values: [1n] },
    ])
    const changed = testBatch([{ name: 'a', type: { kind: 'int32' }, values: [1] }])
    for (const wrong of [other, wider, changed]) {
      await expect(writeParquet(batch.schema, [wrong])).rejects.toThrow('differs from the file')
    }
  })

  test('types outside the table, by column', () => {
    const schema = new Schema([new Field('age', new Int8(), true)])
    const options = { schema, compression: 'none', metadata: new Map(), sink: { write: async () => {} } } as const
    expect(() => createParquetWriter(options)).toThrow(/"age".*Int8/)
  })

  test('buffers that are too short, and dictionary indices out of range', async () => {
    const schema = new Schema([new Field('n', new Int32(), true)])
    const short = makeData({
      type: new Struct(schema.fields),
      length: 5,
      children: [makeData({ type: new Int32(), length: 5, data: new Int32Array(3) })],
    })
    await expect(writeParquet(schema, [new RecordBatch(schema, short)])).rejects.toThrow(
      '"n" of the record batch: its values hold 3, expected 5',
    )
    const type = new Dictionary(new Utf8(), new Int32())
    const entries = makeVector(columnData({ name: 's', type: TEXT, values: ['x'] }, new Utf8()))
    for (const index of [1, -1]) {
      const child = makeData({ type, length: 1, data: Int32Array.of(index), dictionary: entries } as never)
      const coded = new Schema([new Field('s', type, true)])
      const batch = new RecordBatch(coded, makeData({ type: new Struct(coded.fields), length: 1, children: [child] }))
      await expect(writeParquet(coded, [batch])).rejects.toThrow('"s" has a dictionary index outside its 1 entries')
    }
  })

  test('anything after an error or after the end', async () => {
    const batch = testBatch([{ name: 'a', type: INT64, values: [1n] }])
    let full = false
    const writer = createParquetWriter({
      schema: batch.schema,
      compression: 'none',
      metadata: new Map(),
      sink: {
        write: async () => {
          if (full) throw new Error('disk full')
        },
      },
    })
    await writer.append(batch)
    full = true
    await expect(writer.finish()).rejects.toThrow('disk full')
    await expect(writer.finish()).rejects.toThrow('Parquet writer is failed')
    await expect(writer.append(batch)).rejects.toThrow('Parquet writer is failed')
  })
})

describe('row groups', () => {
  test('end by rows and by bytes, and leave memory', async () => {
    const values = Array.from({ length: 1000 }, (_, i) => 'x'.repeat(1000) + i)
    const batch = testBatch([{ name: 's', type: TEXT, values }])
    const byBytes = await writeParquet(batch.schema, [batch, batch], { rowGroupBytes: 256 * 1024, compression: 'none' })
    const inspected = await inspectParquet(rangesOf(byBytes.bytes), byBytes.bytes.length)
    expect(inspected.rowGroups.length).toBeGreaterThanOrEqual(8)
    expect(inspected.rowGroups.every((group) => group.bytes < 300 * 1024)).toBe(true)
    expect(inspected.rowGroups.reduce((sum, group) => sum + group.rows, 0)).toBe(2000)
  })

  test('buffers may be reused as soon as append settles', async () => {
    const first = testBatch([{ name: 's', type: TEXT, values: ['aaaa', 'bbbb'] }])
    const { bytes } = await (async () => {
      const chunks: Uint8Array[] = []
      const writer = createParquetWriter({
        schema: first.schema,
        compression: 'none',
        metadata: new Map(),
        sink: {
          write: async (chunk) => {
            chunks.push(chunk.slice())
          },
        },
      })
      await writer.append(first)
      for (const { values, valueOffsets } of first.data.children) {
        ;(values as Uint8Array).fill(0x7a)
        valueOffsets.fill(0)
      }
      await writer.finish()
      return { bytes: Buffer.concat(chunks) }
    })()
    expect(await files.values(await files.put('reused.parquet', bytes))).toEqual([['aaaa', 'bbbb']])
  })

  test('rows and bytes are counted as they come', async () => {
    const batch = testBatch([{ name: 'n', type: INT64, values: Array.from({ length: 1000 }, (_, i) => BigInt(i * i)) }])
    let written = 0
    const writer = createParquetWriter({
      schema: batch.schema,
      compression: 'none',
      metadata: new Map(),
      rowGroupRows: 1600,
      sink: {
        write: async (chunk) => {
          written += chunk.length
        },
      },
    })
    await writer.append(batch)
    expect([writer.rows, written]).toEqual([1000, 0])
    expect(writer.bytes).toBeGreaterThanOrEqual(8000)
    await writer.append(batch)
    expect(writer.rows).toBe(2000)
    expect(writer.bytes).toBeGreaterThan(10_000)
    const summary = await writer.finish()
    expect(summary).toMatchObject({ rows: 2000, bytes: written })
  })
})
