/** Columns of a lake file as Arrow data, against the values that were written. */
import { Vector } from 'apache-arrow'
import { expect, test } from 'vitest'
import { type Value, valueReader } from '../../../connectors/column-values.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { FileEntry } from '../../../integrations/land/log/commit.ts'
import { storedData } from '../../../integrations/read/stored-data.ts'
import { storedGroups } from '../../../integrations/read/stored-groups.ts'
import { type TestColumn, testBatch } from '../../support/arrow-columns.ts'
import { columnsOf } from '../../support/every-type.ts'
import { writeParquet } from '../../support/parquet-files.ts'

const KEY = 'f.parquet'
const signal = AbortSignal.timeout(60_000)

/** Values of the rows that `wanted` keeps, as `typeOf` says, batch by batch. */
async function read(
  columns: readonly TestColumn[],
  typeOf: (column: TestColumn) => LogicalType,
  wanted: (row: number) => boolean = () => true,
): Promise<ReadonlyMap<string, readonly Value[]>> {
  const batch = testBatch(columns)
  const { bytes } = await writeParquet(batch.schema, [batch], { pageRows: 64, rowGroupRows: 256, compression: 'zstd' })
  const store = openMemoryStore({ now: () => new Date() })
  await store.putIfAbsent(KEY, bytes)
  const entry = { key: KEY, size: bytes.length, format: 'parquet' } as unknown as FileEntry
  const found = new Map(columns.map(({ name }) => [name, [] as Value[]]))
  const names = columns.map(({ name }) => name)
  let before = 0
  for await (const group of storedGroups(store, entry, names, signal)) {
    for (let start = 0; start < group.rows; start += 100) {
      const rows = Array.from({ length: Math.min(100, group.rows - start) }, (_, index) => start + index).filter((row) =>
        wanted(before + row),
      )
      for (const column of columns) {
        const data = storedData(group.column(column.name), typeOf(column), rows, KEY)
        expect(data.length).toBe(rows.length)
        const value = valueReader(new Vector([data]))
        found.get(column.name)?.push(...rows.map((_, index) => value(index)))
      }
    }
    before += group.rows
  }
  return found
}

test('every type with every pattern of nulls, whole and in part', async () => {
  const columns = columnsOf(600)
  const all = await read(columns, ({ type }) => type)
  const some = await read(
    columns,
    ({ type }) => type,
    (row) => row % 7 === 2 || (row > 300 && row < 420),
  )
  for (const { name, values } of columns) {
    expect([name, all.get(name)]).toEqual([name, values])
    expect([name, some.get(name)]).toEqual([name, values.filter((_, row) => row % 7 === 2 || (row > 300 && row < 420))])
  }
})

test('narrower columns of older files are widened, and a column that a file lacks is null', async () => {
  const values = [null, 1n, -1n, 12_345n, -99_999n]
  const decimal = (precision: number, scale: number): LogicalType => ({ kind: 'decimal', precision, scale })
  for (const [from, precision] of [
    ['INT32', 9],
    ['INT64', 18],
    ['bytes', 38],
  ] as const) {
    const found = await read([{ name: from, type: decimal(precision, 2), values }], () => decimal(38, 5))
    expect(found.get(from)).toEqual(values.map((value) => (value === null ? null : value * 1000n)))
  }
  const small = await read([{ name: 'n', type: { kind: 'int32' }, values: [null, -7, 2 ** 31 - 1] }], () => ({ kind: 'int64' }))
  expect(small.get('n')).toEqual([null, -7n, 2n ** 31n - 1n])
  const single = await read([{ name: 'f', type: { kind: 'float32' }, values: [null, 0.5, Number.NaN] }], () => ({
    kind: 'float64',
  }))
  expect(single.get('f')).toEqual([null, 0.5, Number.NaN])
  const nothing = storedData(null, { kind: 'utf8', format: 'text' }, [0, 1], KEY)
  expect([nothing.length, nothing.nullCount]).toEqual([2, 2])
})

test('another type than the log says is refused by name', async () => {
  const column = { name: 'n', type: { kind: 'int64' }, values: [1n] } as const
  await expect(read([column], () => ({ kind: 'utf8', format: 'text' }))).rejects.toThrow(
    'Column "n" of "f.parquet" is INT64, which is no utf8',
  )
})
