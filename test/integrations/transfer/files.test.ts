import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openParquetTable } from '../../../connectors/duckdb/parquet-table.ts'
import { createLocalFile, openLocalFile } from '../../../connectors/filesystem/local-file.ts'
import type { TransferColumn } from '../../../connectors/tables.ts'
import { openCsvReader } from '../../../integrations/transfer/csv/csv-reader.ts'
import { type FileForm, openFileWriter } from '../../../integrations/transfer/file-writers.ts'
import { tableReaderContract } from '../../contracts/table-reader.ts'
import { batches, COLUMNS } from '../../contracts/table-rows.ts'
import { tableWriterContract } from '../../contracts/table-writer.ts'
import { scratch } from '../../support/scratch.ts'
import { linesOf, strict } from '../../support/table-rows.ts'

const signal = new AbortController().signal
const types = new Map(COLUMNS.map(({ name, type }) => [name, type]))

function writerOf(path: string, form: FileForm, columns: readonly TransferColumn[] = COLUMNS) {
  return openFileWriter({
    name: path,
    form,
    columns,
    compression: 'zstd',
    createdBy: 'test',
    create: () => createLocalFile(path),
  })
}

async function readerOf(path: string, form: FileForm, columns: readonly string[] | null = null) {
  if (form === 'parquet') {
    const reader = await openParquetTable(
      { path, name: path, columns, where: null, fingerprint: null, spill: `${path}.spill` },
      signal,
    )
    // Parquet keeps the bytes of a text, not what it is.
    return { ...reader, columns: reader.columns.map((column) => ({ ...column, type: types.get(column.name) ?? column.type })) }
  }
  const file = await openLocalFile(path)
  try {
    return await openCsvReader({ file, declared: { types, assumeUtc: true }, columns, badValues: strict, sha256: 'x' }, signal)
  } catch (error) {
    await file[Symbol.asyncDispose]()
    throw error
  }
}

for (const form of ['csv', 'csv.gz', 'parquet'] as const) {
  tableWriterContract(form, async () => {
    const files = scratch()
    const path = files.path(`x.${form}`)
    return {
      modes: ['replace'],
      open: async () => writerOf(path, form),
      read: async () => {
        if (!existsSync(path)) return null
        await using reader = await readerOf(path, form)
        return await linesOf(reader)
      },
      [Symbol.asyncDispose]: async () => files[Symbol.dispose](),
    }
  })

  tableReaderContract(form, async () => {
    const files = scratch()
    const path = files.path(`x.${form}`)
    await writerOf(path, form).write(batches(), signal)
    return { open: (columns) => readerOf(path, form, columns), [Symbol.asyncDispose]: async () => files[Symbol.dispose]() }
  })
}

test('nothing is left beside the file, whether it was finished or not', async () => {
  using files = scratch({ 'x.csv': 'before' })
  async function* broken(): AsyncGenerator<never> {
    yield* []
    throw new Error('no rows')
  }
  await expect(writerOf(files.path('x.csv'), 'csv').write(broken(), signal)).rejects.toThrow('no rows')
  expect([readdirSync(files.dir), files.read('x.csv')]).toEqual([['x.csv'], 'before'])
  await writerOf(files.path('deep/x.csv'), 'csv').write(batches([]), signal)
  expect(readdirSync(files.path('deep'))).toEqual(['x.csv'])
})

test('CSV is RFC 4180: a null is nothing, an empty text is quoted', async () => {
  using files = scratch()
  const columns = COLUMNS.filter(({ name }) => name === 'name' || name === 'Odd "name"')
  const { batchOf } = await import('../../contracts/table-rows.ts')
  async function* rows() {
    const values = [
      ['', null],
      ['a,b', 'c"d'],
      ['e\nf', 'g'],
    ] as const
    yield { batch: batchOf(values, columns), release: () => undefined }
  }
  await writerOf(files.path('x.csv'), 'csv', columns).write(rows(), signal)
  expect(readFileSync(files.path('x.csv'), 'utf8')).toBe('name,"Odd ""name"""\n"",\n"a,b","c""d"\n"e\nf",g\n')
})

test('a file that changes while it is read is an error', async () => {
  using files = scratch({ 'x.csv': `a\n${'1\n'.repeat(10)}` })
  await using file = await openLocalFile(files.path('x.csv'))
  await file.read(0, 4, signal)
  files.write('x.csv', `a\n${'1\n'.repeat(11)}`)
  await expect(file.read(4, 8, signal)).rejects.toThrow('was changed while it was read')
})

test('a directory and a missing file are told from files', async () => {
  using files = scratch()
  await expect(openLocalFile(files.dir)).rejects.toThrow('a directory; name one file in it')
  await expect(openLocalFile(files.path('no.csv'))).rejects.toThrow('does not exist')
  await expect(createLocalFile(files.dir)).rejects.toThrow('is a directory')
})
