/** Writing Parquet into memory or a temporary file, and reading it back with engines that are not ours. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DuckDBBlobValue,
  type DuckDBConnection,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBInstance,
  DuckDBTimestampTZValue,
  type DuckDBValue,
} from '@duckdb/node-api'
import type { RecordBatch, Schema } from 'apache-arrow'
import type { FileSummary } from '../../integrations/land/file-writer.ts'
import { type Json, type ReadRange, readParquetRows } from '../../integrations/land/parquet/inspect.ts'
import { createParquetWriter, type ParquetWriterOptions } from '../../integrations/land/parquet/writer.ts'
import type { CellValue } from './arrow-columns.ts'

export type WrittenFile = { readonly bytes: Uint8Array; readonly summary: FileSummary }

export async function writeParquet(
  schema: Schema,
  batches: readonly RecordBatch[],
  options: Partial<Omit<ParquetWriterOptions, 'schema' | 'sink'>> = {},
): Promise<WrittenFile> {
  const chunks: Uint8Array[] = []
  const writer = createParquetWriter({
    compression: 'zstd',
    metadata: new Map(),
    ...options,
    schema,
    sink: {
      write: async (chunk) => {
        chunks.push(chunk.slice())
      },
    },
  })
  for (const batch of batches) await writer.append(batch)
  const summary = await writer.finish()
  return { bytes: Buffer.concat(chunks), summary }
}

export const rangesOf =
  (bytes: Uint8Array): ReadRange =>
  async (start, end) =>
    bytes.subarray(start, end)

export async function jsonRows(bytes: Uint8Array): Promise<readonly Readonly<Record<string, Json>>[]> {
  const rows: Readonly<Record<string, Json>>[] = []
  for await (const row of readParquetRows(rangesOf(bytes), bytes.length)) rows.push(row)
  return rows
}

/** A directory and an in-memory DuckDB, both gone at the end of the scope. */
export async function duckdbFiles(): Promise<
  AsyncDisposable & {
    readonly directory: string
    readonly connection: DuckDBConnection
    readonly put: (name: string, bytes: Uint8Array) => Promise<string>
    readonly query: (sql: string) => Promise<Record<string, unknown>[]>
    readonly values: (path: string) => Promise<CellValue[][]>
  }
> {
  const directory = await mkdtemp(join(tmpdir(), 'portage-parquet-'))
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  return {
    directory,
    connection,
    put: async (name, bytes) => {
      const path = join(directory, name)
      await writeFile(path, bytes)
      return path
    },
    query: async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson() as Record<string, unknown>[],
    values: async (path) => {
      const reader = await connection.runAndReadAll(`select * from read_parquet('${path}')`)
      const columns = reader.getColumns()
      return Array.from({ length: reader.columnCount }, (_, i) => (columns[i] ?? []).map(cellOf))
    },
    [Symbol.asyncDispose]: async () => {
      connection.closeSync()
      instance.closeSync()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** DuckDB's value as the one that was put into the Arrow column. */
function cellOf(value: DuckDBValue): CellValue {
  if (value instanceof DuckDBDecimalValue) return value.value
  if (value instanceof DuckDBTimestampTZValue) return value.micros
  if (value instanceof DuckDBDateValue) return value.days
  if (value instanceof DuckDBBlobValue) return new Uint8Array(value.bytes)
  return value as CellValue
}
