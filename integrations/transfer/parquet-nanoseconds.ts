/**
 * DuckDB reads instants in nanoseconds as microseconds and says nothing of what it cuts off. Such columns are looked at before,
 * as they are stored. I/O through the file.
 */
import {
  type AsyncBuffer,
  type FileMetaData,
  type ParquetParsers,
  parquetMetadataAsync,
  parquetRead,
  type SchemaElement,
} from 'hyparquet'
import { ConnectorError } from '../../connectors/errors.ts'
import type { ReadableFile } from '../../connectors/tables.ts'
import { COMPRESSORS } from '../read/parquet-columns.ts'

const GROUP_ROWS = 65_536

/** Throws `BAD_VALUE` when an instant of the wanted columns is finer than a microsecond. `columns` null = all. */
export async function refuseNanoseconds(
  file: ReadableFile,
  columns: readonly string[] | null,
  signal: AbortSignal,
): Promise<void> {
  const buffer = bufferOf(file, signal)
  const metadata = await parquetMetadataAsync(buffer)
  const { schema } = metadata
  const fine = schema.filter(isFineInstant)
  if (fine.length === 0) return
  const [, ...top] = topLevel(schema)
  const nested = fine.find((element) => !top.includes(element))
  if (nested !== undefined) throw refusal(file, nested.name)
  const wanted = fine.filter(({ name }) => columns === null || columns.includes(name))
  for (const { name } of wanted) {
    let found: boolean
    try {
      found = await hasNanoseconds(buffer, metadata, name, signal)
    } catch (cause) {
      if (signal.aborted || cause instanceof ConnectorError) throw cause
      throw new ConnectorError(
        'UNSUPPORTED',
        `File "${file.name}", column "${name}" counts nanoseconds and is packed so that nobody can see whether they are whole microseconds. Write it in microseconds or with ZSTD, or leave the column out with --columns`,
        { cause },
      )
    }
    if (found) throw refusal(file, name)
  }
}

async function hasNanoseconds(file: AsyncBuffer, metadata: FileMetaData, column: string, signal: AbortSignal): Promise<boolean> {
  let found = false
  const timestampFromNanoseconds = (nanoseconds: bigint): null => {
    if (nanoseconds % 1000n !== 0n) found = true
    return null
  }
  let start = 0
  for (const group of metadata.row_groups) {
    const end = start + Number(group.num_rows)
    for (let rowStart = start; rowStart < end && !found; rowStart += GROUP_ROWS) {
      signal.throwIfAborted()
      const rowEnd = Math.min(end, rowStart + GROUP_ROWS)
      const parsers = { timestampFromNanoseconds } as unknown as Partial<ParquetParsers>
      await parquetRead({ file, metadata, columns: [column], rowStart, rowEnd, compressors: COMPRESSORS, parsers })
    }
    start = end
  }
  return found
}

/** INT96 counts nanoseconds, whatever it holds. */
const isFineInstant = ({ type, logical_type: logical }: SchemaElement): boolean =>
  type === 'INT96' || (type === 'INT64' && logical?.type === 'TIMESTAMP' && logical.isAdjustedToUTC && logical.unit === 'NANOS')

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

/** The file as hyparquet reads it. */
export function bufferOf(file: ReadableFile, signal: AbortSignal): AsyncBuffer {
  return {
    byteLength: file.size,
    slice: async (start, end = file.size) => {
      const bytes = await file.read(start < 0 ? file.size + start : start, end, signal)
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
    },
  }
}
