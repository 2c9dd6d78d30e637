/** Columns read from Parquet as they lie: every type, every pattern of nulls, every codec, whole, in ranges, in pieces, widened. */
import { createHash } from 'node:crypto'
import { Vector } from 'apache-arrow'
import { describe, expect, test } from 'vitest'
import { type Value, valueReader } from '../../../connectors/column-values.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { ObjectStore } from '../../../connectors/ports.ts'
import type { FileEntry } from '../../../integrations/land/log/commit.ts'
import { type ColumnBatch, type FileColumn, readColumnBatches } from '../../../integrations/read/columns/column-batches.ts'
import { ColumnVector } from '../../../integrations/read/columns/column-vector.ts'
import { type CellValue, type TestColumn, testBatch } from '../../support/arrow-columns.ts'
import { columnsOf } from '../../support/every-type.ts'
import { quietEnvironment } from '../../support/lake.ts'
import { writeParquet } from '../../support/parquet-files.ts'

const signal = new AbortController().signal
const LIMITS = { pageRows: 64, rowGroupRows: 256 }

async function stored(
  columns: readonly TestColumn[],
  options: Parameters<typeof writeParquet>[2] = {},
): Promise<{ readonly store: ObjectStore; readonly file: FileEntry }> {
  const batch = testBatch(columns)
  const { bytes, summary } = await writeParquet(batch.schema, [batch], { ...LIMITS, ...options })
  const store = openMemoryStore(quietEnvironment())
  await store.putIfAbsent('file', bytes)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const file = { key: 'file', format: 'parquet', size: bytes.length, rows: summary.rows, sha256 } as unknown as FileEntry
  return { store, file }
}

const asTheyAre = (columns: readonly TestColumn[]): FileColumn[] =>
  columns.map(({ name, type }) => ({ name, from: type, to: type }))

async function eachBatch(
  { store, file }: { readonly store: ObjectStore; readonly file: FileEntry },
  columns: readonly FileColumn[],
  use: (batch: ColumnBatch) => void,
  verify = true,
): Promise<void> {
  for await (const batch of readColumnBatches({ store, file, columns, verify, signal })) use(batch)
}

const valuesOf = (vector: ColumnVector): Value[] => {
  const read = valueReader(new Vector([vector.data()]))
  return Array.from({ length: vector.rows }, (_, row) => {
    const value = read(row)
    // Bytes lie in the vector, which is filled again.
    return value instanceof Uint8Array ? value.slice() : value
  })
}

/** Floats by their bits: the two zeros differ, NaN equals itself. */
const exact = (values: readonly (Value | CellValue)[]): readonly unknown[] =>
  values.map((value) =>
    Object.is(value, -0) ? 'minus zero' : value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  )

describe('values come back bit for bit', () => {
  test.each(['zstd', 'snappy', 'gzip', 'none'] as const)('%s', async (compression) => {
    for (const rows of [0, 1, 7, 64, 65, 256, 257, 700]) {
      const columns = columnsOf(rows)
      const found = columns.map((): Value[] => [])
      await eachBatch(await stored(columns, { compression }), asTheyAre(columns), (batch) => {
        for (const [index, vector] of batch.columns.entries()) found[index]?.push(...valuesOf(vector))
      })
      expect(found.map(exact)).toEqual(columns.map(({ values }) => exact(values)))
    }
  })

  test('some columns, in another order, without reading the rest', async () => {
    const columns = columnsOf(300)
    const wanted = [columns[40], columns[3], columns[17]].filter((column) => column !== undefined)
    const found = wanted.map((): Value[] => [])
    await eachBatch(
      await stored(columns),
      asTheyAre(wanted),
      (batch) => {
        for (const [index, vector] of batch.columns.entries()) found[index]?.push(...valuesOf(vector))
      },
      false,
    )
    expect(found.map(exact)).toEqual(wanted.map(({ values }) => exact(values)))
  })

  test('ranges and picked rows of batches, put together again', async () => {
    const columns = columnsOf(700)
    const ranges = columns.map(({ type }) => new ColumnVector(type, 1024))
    const picks = columns.map(({ type }) => new ColumnVector(type, 1024))
    const chosen: number[] = []
    let first = 0
    await eachBatch(await stored(columns), asTheyAre(columns), (batch) => {
      const picked = Array.from({ length: batch.rows }, (_, row) => row).filter((row) => (first + row) % 7 !== 2 && row % 31 > 3)
      for (const [index, vector] of batch.columns.entries()) {
        for (let from = 0; from < batch.rows; from += 13)
          ranges[index]?.appendRange(vector, from, Math.min(batch.rows, from + 13))
        picks[index]?.appendPicked(vector, Int32Array.from(picked), picked.length)
      }
      chosen.push(...picked.map((row) => first + row))
      first += batch.rows
    })
    expect(ranges.map((vector) => exact(valuesOf(vector)))).toEqual(columns.map(({ values }) => exact(values)))
    expect(picks.map((vector) => exact(valuesOf(vector)))).toEqual(
      columns.map(({ values }) => exact(chosen.map((row) => values[row] ?? null))),
    )
  })
})

test('a file is read under a wider type, and a column that it lacks is null', async () => {
  const widenings: readonly (readonly [LogicalType, LogicalType, readonly CellValue[], readonly CellValue[]])[] = [
    [{ kind: 'int16' }, { kind: 'int32' }, [-32_768, null, 7], [-32_768, null, 7]],
    [{ kind: 'int16' }, { kind: 'int64' }, [-32_768, null, 7], [-32_768n, null, 7n]],
    [{ kind: 'int32' }, { kind: 'int64' }, [-(2 ** 31), 2 ** 31 - 1, null], [-(2n ** 31n), 2n ** 31n - 1n, null]],
    [{ kind: 'float32' }, { kind: 'float64' }, [Math.fround(0.1), Number.NaN, -0], [Math.fround(0.1), Number.NaN, -0]],
    [
      { kind: 'decimal', precision: 9, scale: 2 },
      { kind: 'decimal', precision: 38, scale: 10 },
      [-999_999_999n, null, 1n],
      [-99_999_999_900_000_000n, null, 100_000_000n],
    ],
    [
      { kind: 'decimal', precision: 18, scale: 0 },
      { kind: 'decimal', precision: 19, scale: 1 },
      [-(10n ** 18n) + 1n, 0n, null],
      [-(10n ** 19n) + 10n, 0n, null],
    ],
    [
      { kind: 'decimal', precision: 20, scale: 0 },
      { kind: 'decimal', precision: 38, scale: 18 },
      [-(10n ** 20n) + 1n, 0n, null],
      [(-(10n ** 20n) + 1n) * 10n ** 18n, 0n, null],
    ],
    [{ kind: 'utf8', format: 'uuid' }, { kind: 'utf8', format: 'text' }, ['a', null, ''], ['a', null, '']],
  ]
  const columns: TestColumn[] = widenings.map(([type, , values], index) => ({ name: `c${index}`, type, values }))
  const wanted: FileColumn[] = widenings.map(([from, to], index) => ({ name: `c${index}`, from, to }))
  wanted.push({ name: 'later', from: null, to: { kind: 'decimal', precision: 38, scale: 0 } })
  await eachBatch(await stored(columns), wanted, (batch) => {
    expect(batch.columns.map((vector) => exact(valuesOf(vector)))).toEqual([
      ...widenings.map(([, , , values]) => exact(values)),
      [null, null, null],
    ])
  })
})

describe('what is wrong is told', () => {
  const column: TestColumn = { name: 'n', type: { kind: 'int32' }, values: Array.from({ length: 500 }, (_, i) => i) }
  const nothing = () => undefined

  test('a narrower type', async () => {
    const narrow: FileColumn = { name: 'n', from: { kind: 'int32' }, to: { kind: 'int16' } }
    await expect(eachBatch(await stored([column]), [narrow], nothing)).rejects.toThrow(
      'Column "n" of "file" is int32 in the file',
    )
  })

  test('another number of rows, another checksum, a missing object', async () => {
    const made = await stored([column])
    const wrong = (change: Partial<FileEntry>) => ({ ...made, file: { ...made.file, ...change } })
    await expect(eachBatch(wrong({ rows: 499 }), asTheyAre([column]), nothing)).rejects.toThrow('has 500 rows, the log says 499')
    await expect(eachBatch(wrong({ sha256: '0'.repeat(64) }), asTheyAre([column]), nothing)).rejects.toThrow('another checksum')
    await expect(eachBatch(wrong({ key: 'none' }), asTheyAre([column]), nothing)).rejects.toThrow('"none" is missing')
    await expect(eachBatch(wrong({ format: 'orc' }), asTheyAre([column]), nothing)).rejects.toThrow('is orc')
  })

  test('any byte changed: an error, never other values', async () => {
    const { store, file } = await stored([column], { compression: 'none' })
    const bytes = (await store.get('file')) ?? new Uint8Array()
    for (let at = 0; at < bytes.length; at += 37) {
      const damaged = bytes.slice()
      damaged[at] = (damaged[at] ?? 0) ^ 0x5a
      const other = openMemoryStore(quietEnvironment())
      await other.putIfAbsent('file', damaged)
      await expect(eachBatch({ store: other, file }, asTheyAre([column]), nothing), `byte ${at}`).rejects.toMatchObject({
        code: expect.stringMatching(/CORRUPT|FORMAT/),
      })
    }
  })
})
