/** Directories of files as tables: partitions, columns, and what is no table. */
import { describe, expect, test } from 'vitest'
import { typeName } from '../../../connectors/logical-type.ts'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { TransferColumn } from '../../../connectors/tables.ts'
import { directoryLayout } from '../../../integrations/transfer/foreign/directory-layout.ts'
import { findFiles } from '../../../integrations/transfer/foreign/manifest.ts'
import { batchOf } from '../../contracts/table-rows.ts'
import { writeOrc } from '../../support/orc-files.ts'
import { writeParquet } from '../../support/parquet-files.ts'

const signal = new AbortController().signal
const column = (name: string, type: TransferColumn['type']): TransferColumn => ({ name, type, sourceType: '', nullable: true })
const BATCH = batchOf([[1n, 'a']], [column('Id', { kind: 'int64' }), column('label', { kind: 'utf8', format: 'text' })])

async function directory(files: readonly string[], format: 'orc' | 'parquet' = 'parquet') {
  const store = openMemoryStore({ now: () => new Date() })
  const { bytes } = await (format === 'orc' ? writeOrc : writeParquet)(BATCH.schema, [BATCH])
  for (const file of files) await store.putIfAbsent(`visits/${file}`, bytes)
  return { store, prefix: 'visits/' }
}

describe.each(['orc', 'parquet'] as const)('%s', (format) => {
  test('partitions come from directories, with the narrowest type; columns from the newest file', async () => {
    const at = await directory(
      [
        'dt=2026-01-01/n=1/000000_0',
        'dt=2026-01-02/n=__HIVE_DEFAULT_PARTITION__/HIVE_UNION_SUBDIR_1/000000_0',
        'dt=2026-01-02/n=12/x',
        'dt=2026-01-02/n=12/_SUCCESS',
      ],
      format,
    )
    const layout = await directoryLayout(at, signal)
    expect(layout.format).toBe(format)
    expect(layout.columns.map(({ name, type }) => `${name} ${type === null ? '' : typeName(type)}`)).toEqual([
      'Id int64',
      'label utf8',
    ])
    expect(layout.partitionColumns.map(({ name, sourceType }) => `${name} ${sourceType}`)).toEqual(['dt date', 'n bigint'])
    const { table } = await findFiles(
      layout,
      async (location) => ({ ...at, prefix: location.slice(at.store.address('').length) }),
      signal,
    )
    expect(table.partitions.map(({ values, files }) => [values, files.map(({ rows, names }) => [rows, names])])).toEqual([
      [['2026-01-01', '1'], [[1, ['Id', 'label']]]],
      [['2026-01-02', '12'], [[1, ['Id', 'label']]]],
      [['2026-01-02', null], [[1, ['Id', 'label']]]],
    ])
  })
})

test('what is no table of files is refused with a reason', async () => {
  const layout = async (files: readonly string[]) => directoryLayout(await directory(files), signal)
  await expect(layout([])).rejects.toThrow('holds no files of data')
  await expect(layout(['a/dt=1/x', 'dt=1/x'])).rejects.toThrow('is no table')
  await expect(layout(['dt=1/x', 'hour=1/x'])).rejects.toThrow('lies under other directories than dt=…')
  await expect(layout(['delta_0000001_0000001/bucket_0'])).rejects.toThrow('transactional')
  await expect(layout(['_delta_log/0.json'])).rejects.toThrow('Delta Lake')
  const text = await directory([])
  await text.store.putIfAbsent('visits/a.csv', Buffer.from('id,label\n'))
  await expect(directoryLayout(text, signal)).rejects.toThrow('neither Parquet nor ORC')
})

test('texts that a date or number would not give back stay texts', async () => {
  const layout = await directoryLayout(await directory(['code=007/x', 'code=12/x']), signal)
  expect(layout.partitionColumns.map(({ sourceType }) => sourceType)).toEqual(['string'])
})
