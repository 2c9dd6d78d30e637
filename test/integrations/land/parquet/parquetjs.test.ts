/** The oldest reader around: knows neither zstd nor decimals, but opens a SNAPPY file of ours. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CellValue, TestColumn } from '../../../support/arrow-columns.ts'
import { testBatch } from '../../../support/arrow-columns.ts'
import { columnsOf } from '../../../support/every-type.ts'
import { duckdbFiles, writeParquet } from '../../../support/parquet-files.ts'

/** What is used of parquetjs-lite, which has no types. */
type Lite = {
  readonly ParquetReader: {
    readonly openFile: (path: string) => Promise<{
      getCursor(): { next(): Promise<Record<string, unknown> | null> }
      close(): Promise<void>
    }>
  }
}
const { ParquetReader } = createRequire(import.meta.url)('parquetjs-lite') as Lite

/** Its INT64 values come rounded, numbers of dictionaries as text: what can be expected of it. */
function expected({ type }: TestColumn, value: CellValue): unknown {
  if (value === null) return null
  if (type.kind === 'date') return String((value as number) * 86_400_000)
  return String(typeof value === 'bigint' ? Number(value) : value)
}

function found({ type }: TestColumn, value: unknown): unknown {
  if (value === undefined) return null
  if (value instanceof Date) return String(value.getTime())
  return String(type.kind === 'int64' ? Number(value) : value)
}

test('parquetjs-lite reads SNAPPY and GZIP files without decimals', async () => {
  await using files = await duckdbFiles()
  for (const compression of ['snappy', 'gzip', 'none'] as const) {
    for (const rows of [1, 8, 9, 64, 300]) {
      // Its limits: no decimals, timestamps cut to milliseconds, bytes of a dictionary as text, a column of nothing but nulls.
      const unread = ['decimal', 'timestamp', 'binary']
      const columns = columnsOf(rows).filter(({ type, name }) => !unread.includes(type.kind) && !name.endsWith('all'))
      const batch = testBatch(columns)
      const { bytes } = await writeParquet(batch.schema, [batch], { compression, pageRows: 64, rowGroupRows: 128 })
      const path = join(files.directory, `${rows}.${compression}.parquet`)
      await files.put(`${rows}.${compression}.parquet`, bytes)
      const reader = await ParquetReader.openFile(path)
      const cursor = reader.getCursor()
      for (let i = 0; i < rows; i++) {
        const row = await cursor.next()
        const values = columns.map((column) => [column.name, found(column, row?.[column.name])])
        expect(values, `${rows} rows in ${compression}, row ${i}`).toEqual(
          columns.map((column) => [column.name, expected(column, column.values[i] ?? null)]),
        )
      }
      expect(await cursor.next()).toBeNull()
      await reader.close()
    }
  }
})
