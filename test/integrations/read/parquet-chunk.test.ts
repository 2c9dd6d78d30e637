/** The forward cursor over Parquet pages, against the values that were written: every type, pattern of nulls, codec and page size. */
import { parquetMetadata } from 'hyparquet'
import { expect, test } from 'vitest'
import { canonicalText } from '../../../connectors/column-values.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { FileEntry } from '../../../integrations/land/log/commit.ts'
import { storedGroups } from '../../../integrations/read/stored-groups.ts'
import { storedCells } from '../../../integrations/reconcile/cells.ts'
import { fieldsOf, RowText } from '../../../integrations/reconcile/row-text.ts'
import { type CellValue, type TestColumn, testBatch } from '../../support/arrow-columns.ts'
import { columnsOf } from '../../support/every-type.ts'
import { writeParquet } from '../../support/parquet-files.ts'

const KEY = 'f.parquet'
const signal = AbortSignal.timeout(60_000)

const entryOf = (bytes: Uint8Array) => ({ key: KEY, size: bytes.length, format: 'parquet' }) as unknown as FileEntry

/** Each column as texts, through the cursor. */
async function read(bytes: Uint8Array, columns: readonly { readonly name: string; readonly type: LogicalType }[]) {
  const store = openMemoryStore({ now: () => new Date() })
  await store.putIfAbsent(KEY, bytes)
  const texts = new Map(columns.map(({ name }) => [name, [] as (string | null)[]]))
  const out = new RowText()
  const names = columns.map(({ name }) => name)
  for await (const group of storedGroups(store, entryOf(bytes), names, signal)) {
    for (const { name, type } of columns) {
      const column = group.column(name)
      if (column === null) throw new ConnectorError('FORMAT', `no column ${name}`)
      const write = storedCells(type, column)
      for (let row = 0; row < group.rows; row++) {
        out.reset()
        write(row, out)
        texts.get(name)?.push(fieldsOf(out.bytes.slice(0, out.length))[0] ?? null)
      }
    }
  }
  return texts
}

function expected(value: CellValue, type: LogicalType): string | null {
  if (value === null) return null
  if (type.kind !== 'float32' && type.kind !== 'float64') return canonicalText(value, type)
  if (Number.isNaN(value)) return 'NaN'
  const bytes = Buffer.alloc(type.kind === 'float32' ? 4 : 8)
  if (type.kind === 'float32') bytes.writeFloatBE(value as number)
  else bytes.writeDoubleBE(value as number)
  return bytes.toString('hex')
}

const check = async (bytes: Uint8Array, columns: readonly TestColumn[]) => {
  const texts = await read(bytes, columns)
  for (const { name, type, values } of columns) {
    expect([name, texts.get(name)]).toEqual([name, values.map((value) => expected(value, type))])
  }
}

test.each(['zstd', 'snappy', 'gzip', 'none'] as const)('every type with every pattern of nulls, %s', async (compression) => {
  const columns = columnsOf(500)
  const batch = testBatch(columns)
  const { bytes } = await writeParquet(batch.schema, [batch], { compression })
  await check(bytes, columns)
})

test('many pages and row groups, dictionaries that were given up half-way', async () => {
  const rows = 9_000
  const columns: TestColumn[] = [
    {
      name: 'few',
      type: { kind: 'utf8', format: 'text' },
      values: Array.from({ length: rows }, (_, i) => (i % 5 === 0 ? null : `v${i % 3}`)),
    },
    {
      name: 'many',
      type: { kind: 'utf8', format: 'text' },
      values: Array.from({ length: rows }, (_, i) => (i < 2000 ? `v${i % 7}` : `value ${i}`)),
    },
    {
      name: 'long',
      type: { kind: 'int64' },
      values: Array.from({ length: rows }, (_, i) => (i % 11 === 0 ? null : BigInt(i) << 20n)),
    },
  ]
  const batch = testBatch(columns)
  const { bytes } = await writeParquet(batch.schema, [batch], { pageBytes: 4096, rowGroupRows: 4000 })
  expect(parquetMetadata(new Uint8Array(bytes).buffer).row_groups.length).toBeGreaterThan(1)
  await check(bytes, columns)
})

test('a damaged page is an error that names the column, never other values or a loop', async () => {
  const columns = columnsOf(300)
  const batch = testBatch(columns)
  const { bytes } = await writeParquet(batch.schema, [batch])
  const whole = await read(bytes, columns)
  let refused = 0
  for (let step = 0; step < 60; step++) {
    const broken = new Uint8Array(bytes)
    const at = Math.floor((broken.length * step) / 60)
    broken[at] = (broken[at] ?? 0) ^ (1 << (step % 8))
    await read(broken, columns).then(
      (texts) => expect(texts.size).toBe(whole.size),
      (error: unknown) => {
        refused++
        expect(error).toMatchObject({ name: 'ConnectorError', code: expect.stringMatching(/^(FORMAT|CORRUPT)$/) })
      },
    )
  }
  expect(refused).toBeGreaterThan(10)
})
