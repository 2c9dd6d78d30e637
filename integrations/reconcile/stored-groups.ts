/** Row groups of a lake file as columns of stored values, by ranged reads: no rows, no annotations applied. I/O through the store. */
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { type Compressors, parquetMetadataAsync, parquetRead, type SchemaElement } from 'hyparquet'
import { ConnectorError } from '../../connectors/errors.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import type { FileEntry } from '../land/log/commit.ts'
import { objectBuffer } from '../read/parquet-columns.ts'
import type { StoredColumn } from './cells.ts'

const COMPRESSORS: Compressors = {
  ZSTD: (input, length) => exactLength(zstdDecompressSync(input), length),
  GZIP: (input, length) => exactLength(gunzipSync(input), length),
}

/** A column that the file lacks is null. */
export type StoredGroup = {
  readonly rows: number
  readonly column: (physical: string) => { readonly values: StoredColumn; readonly scale: number } | null
}

/**
 * The columns of a file, a row group at a time. Throws `CORRUPT` or `FORMAT` when the bytes are not the file that the log
 * records, `UNSUPPORTED` for other formats than Parquet.
 */
export async function* storedGroups(
  store: ObjectStore,
  file: FileEntry,
  columns: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<StoredGroup> {
  if (file.format !== 'parquet')
    throw new ConnectorError('UNSUPPORTED', `File "${file.key}" is ${file.format}; reconcile reads parquet`)
  const buffer = objectBuffer(store, file.key, file.size, signal)
  const metadata = await understood(file, () => parquetMetadataAsync(buffer))
  const elements = new Map(metadata.schema.slice(1).map((element) => [element.name, element]))
  const present = columns.filter((name) => elements.has(name))
  const raw = { ...metadata, schema: metadata.schema.map(withoutAnnotation) }
  let start = 0
  for (const group of metadata.row_groups) {
    signal.throwIfAborted()
    const rows = Number(group.num_rows)
    const parts = new Map<string, { readonly at: number; readonly values: StoredColumn }[]>()
    if (present.length > 0) {
      await understood(file, () =>
        parquetRead({
          file: buffer,
          metadata: raw,
          columns: present,
          rowStart: start,
          rowEnd: start + rows,
          compressors: COMPRESSORS,
          utf8: false,
          onChunk: ({ columnName, columnData, rowStart }) => {
            const known = parts.get(columnName)
            const part = { at: rowStart - start, values: columnData as StoredColumn }
            if (known === undefined) parts.set(columnName, [part])
            else known.push(part)
          },
        }),
      )
    }
    const read = new Map(present.map((name) => [name, joined(file, parts.get(name) ?? [], rows)]))
    yield {
      rows,
      column: (physical) => {
        const values = read.get(physical)
        return values === undefined ? null : { values, scale: elements.get(physical)?.scale ?? 0 }
      },
    }
    start += rows
  }
}

function joined(
  file: FileEntry,
  parts: readonly { readonly at: number; readonly values: StoredColumn }[],
  rows: number,
): StoredColumn {
  const [only] = parts
  if (parts.length === 1 && only !== undefined && only.values.length === rows) return only.values
  const values = new Array<unknown>(rows)
  let filled = 0
  for (const part of parts) {
    for (let i = 0; i < part.values.length; i++) values[part.at + i] = part.values[i]
    filled += part.values.length
  }
  if (filled !== rows)
    throw new ConnectorError('FORMAT', `File "${file.key}" holds ${filled} values where its row group has ${rows} rows`)
  return values
}

async function understood<T>(file: FileEntry, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof ConnectorError) throw error
    throw new ConnectorError('FORMAT', `File "${file.key}" cannot be read as Parquet: it is damaged or of another format`, {
      cause: error,
    })
  }
}

function withoutAnnotation({ converted_type, logical_type, ...plain }: SchemaElement): SchemaElement {
  return plain
}

function exactLength(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new RangeError(`page of ${bytes.length} bytes, expected ${length}`)
  return bytes
}
