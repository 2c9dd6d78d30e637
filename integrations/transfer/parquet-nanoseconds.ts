/**
 * DuckDB reads instants in nanoseconds as microseconds and says nothing of what it cuts off. Such columns are looked at before,
 * as they are stored. I/O through the file.
 */
import { type AsyncBuffer, parquetMetadataAsync, type SchemaElement } from 'hyparquet'
import { ConnectorError } from '../../connectors/errors.ts'
import type { ReadableFile } from '../../connectors/tables.ts'
import { readParquetColumns } from '../read/parquet-columns.ts'

const GROUP_ROWS = 65_536
const STORED = { kind: 'int64' } as const

/** Throws `BAD_VALUE` when an instant of the wanted columns is finer than a microsecond. `columns` null = all. */
export async function refuseNanoseconds(
  file: ReadableFile,
  columns: readonly string[] | null,
  signal: AbortSignal,
): Promise<void> {
  const buffer = bufferOf(file, signal)
  const { schema } = await parquetMetadataAsync(buffer)
  const fine = schema.filter(isFineInstant)
  if (fine.length === 0) return
  const [, ...top] = topLevel(schema)
  const nested = fine.find((element) => !top.includes(element))
  if (nested !== undefined) throw refusal(file, nested.name)
  const wanted = fine.filter(({ name }) => columns === null || columns.includes(name)).map(({ name }) => ({ name, type: STORED }))
  for await (const group of readParquetColumns(buffer, file.name, wanted, { groupRows: GROUP_ROWS, signal })) {
    for (const [name, values] of group.columns) {
      if (values.some((value) => value !== null && (value as bigint) % 1000n !== 0n)) throw refusal(file, name)
    }
  }
}

const isFineInstant = ({ type, logical_type: logical }: SchemaElement): boolean =>
  type === 'INT64' && logical?.type === 'TIMESTAMP' && logical.isAdjustedToUTC && logical.unit === 'NANOS'

/** The root and its children, without what lies below those. */
function topLevel(schema: readonly SchemaElement[]): readonly SchemaElement[] {
  const found: SchemaElement[] = []
  let skip = 0
  for (const [index, element] of schema.entries()) {
    if (skip > 0) {
      skip += (element.num_children ?? 0) - 1
      continue
    }
    found.push(element)
    if (index > 0) skip = element.num_children ?? 0
  }
  return found
}

function refusal(file: ReadableFile, column: string): ConnectorError {
  return new ConnectorError(
    'BAD_VALUE',
    `File "${file.name}", column "${column}": a timestamp has nanoseconds, which a timestamp of microseconds cannot hold. Round them where the file is made, or leave the column out with --columns`,
  )
}

function bufferOf(file: ReadableFile, signal: AbortSignal): AsyncBuffer {
  return {
    byteLength: file.size,
    slice: async (start, end = file.size) => {
      const bytes = await file.read(start < 0 ? file.size + start : start, end, signal)
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
    },
  }
}
