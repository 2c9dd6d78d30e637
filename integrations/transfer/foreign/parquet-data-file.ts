/** Parquet files as foreign files: any writer, every encoding that hyparquet reads. I/O by ranges. */
import { type FileMetaData, parquetRead, parquetSchema, type SchemaElement, type SchemaTree } from 'hyparquet'
import { ConnectorError } from '../../../connectors/errors.ts'
import { COMPRESSORS } from '../../land/parquet/inspect.ts'
import { readFooter } from '../../land/parquet/inspect-footer.ts'
import { nodeTypeName } from '../../land/parquet/inspect-types.ts'
import type { Cells, FileColumn, FileRows, ForeignDataFile, ReadForeign, ReadRange } from './foreign-file.ts'
import { emptyRows } from './orc-data-file.ts'
import { nodeShape, nodeTree, type ParquetWriter, writerOf } from './parquet-node.ts'

/** Rows that become Arrow data at once. */
const BATCH_ROWS = 16_384

/** Throws `FORMAT` for what is no Parquet file, is damaged or encrypted. */
export async function openParquetDataFile(read: ReadRange, size: number, footerHash: () => string): Promise<ForeignDataFile> {
  const { metadata } = await readFooter(read, size)
  const nodes = parquetSchema(metadata).children
  const writer = writerOf(metadata)
  const columns = nodes.map(
    (node): FileColumn => ({ name: node.element.name, shape: nodeShape(node), spelled: nodeTypeName(node) }),
  )
  return {
    rows: Number(metadata.num_rows),
    columns,
    footerHash: footerHash(),
    read: (places, options) => readRows({ read, size, metadata: withoutAnnotations(metadata), nodes, writer }, places, options),
  }
}

type Opened = {
  readonly read: ReadRange
  readonly size: number
  readonly metadata: FileMetaData
  readonly nodes: readonly SchemaTree[]
  readonly writer: ParquetWriter
}

/** A row group at a time, column by column: memory is the values of one group. */
async function* readRows(opened: Opened, places: readonly number[], { owner, signal }: ReadForeign): AsyncGenerator<FileRows> {
  const { metadata, nodes, writer } = opened
  if (places.length === 0) {
    yield* emptyRows(Number(metadata.num_rows), signal)
    return
  }
  const readers = nodes.map((node) => nodeTree(node, { writer, owner }))
  let start = 0
  for (const group of metadata.row_groups) {
    const rows = Number(group.num_rows)
    const columns = new Map<number, readonly unknown[]>()
    for (const place of new Set(places)) {
      signal.throwIfAborted()
      columns.set(place, await readColumn(opened, place, start, start + rows))
    }
    for (let at = 0; at < rows; at += BATCH_ROWS) {
      const found = places.map((place): Cells => {
        const values = columns.get(place) ?? []
        const tree = readers[place] as (stored: unknown) => ReturnType<Cells['at']>
        return { data: null, at: (row) => tree(values[at + row]) }
      })
      yield { rows: Math.min(BATCH_ROWS, rows - at), columns: found }
    }
    start += rows
  }
}

async function readColumn(
  { read, size, metadata, nodes }: Opened,
  place: number,
  rowStart: number,
  rowEnd: number,
): Promise<readonly unknown[]> {
  const name = nodes[place]?.element.name ?? ''
  const values: unknown[] = new Array(rowEnd - rowStart)
  let filled = 0
  try {
    await parquetRead({
      file: { byteLength: size, slice: async (start, end = size) => new Uint8Array(await read(start, end)).buffer },
      metadata,
      columns: [name],
      rowStart,
      rowEnd,
      utf8: false,
      geoparquet: false,
      compressors: COMPRESSORS,
      parsers: { timestampFromNanoseconds: (nanos: bigint) => nanos },
      onChunk: ({ columnData, rowStart: first }) => {
        for (let i = 0; i < columnData.length; i++) {
          const row = first - rowStart + i
          if (row >= 0 && row < values.length) values[row] = columnData[i]
        }
        filled += columnData.length
      },
    })
  } catch (cause) {
    if (cause instanceof ConnectorError) throw cause
    throw damaged(name, cause)
  }
  if (filled < values.length) throw damaged(name, undefined)
  return values
}

function damaged(column: string, cause: unknown): ConnectorError {
  return new ConnectorError('FORMAT', `column "${column}" cannot be read as Parquet: the file is damaged`, { cause })
}

/** The schema without annotations, so that values come as they are stored, and lists and maps as the groups they are made of. */
function withoutAnnotations(metadata: FileMetaData): FileMetaData {
  const schema = metadata.schema.map((element): SchemaElement => {
    const { converted_type: _converted, logical_type: _logical, ...plain } = element
    return plain
  })
  return { ...metadata, schema }
}
