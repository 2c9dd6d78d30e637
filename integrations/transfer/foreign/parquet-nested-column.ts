/** Nested columns, and flat ones in encodings of their own, as `hyparquet` reads them: held against their own words before. I/O by ranges. */
import { type FileMetaData, type OffsetIndex, parquetRead, type SchemaTree } from 'hyparquet'
import { readOffsetIndex } from 'hyparquet/src/indexes.js'
import { ConnectorError } from '../../../connectors/errors.ts'
import { COMPRESSORS } from '../../land/parquet/inspect.ts'
import { thriftEnd } from '../../land/parquet/thrift-scan.ts'
import type { ReadRange } from './foreign-file.ts'
import { type DataPage, soundPages } from './parquet-pages.ts'

export type NestedFile = { readonly read: ReadRange; readonly size: number; readonly metadata: FileMetaData }

export type NestedColumn = {
  readonly node: SchemaTree
  readonly group: number
  /** Rows of the groups before. */
  readonly start: number
}

/** Values of rows [from, to) of the group, as they are stored. */
export type ReadNested = (from: number, to: number) => Promise<readonly unknown[]>

/** `piecewise`: reading some rows takes no more than the pages that hold them. */
export type OpenedNested = { readonly piecewise: boolean; readonly read: ReadNested }

/** Reads the column's chunks, as they are stored, and looks through their pages. Throws `FORMAT`. */
export async function openNested(file: NestedFile, column: NestedColumn): Promise<OpenedNested> {
  const name = column.node.element.name
  const own = (file.metadata.row_groups[column.group]?.columns ?? []).filter(
    ({ meta_data }) => meta_data?.path_in_schema?.[0] === name,
  )
  const parts: Part[] = []
  for (const chunk of own) parts.push(...(await partsOf(file, column, chunk)))
  const piecewise = own.every(({ offset_index_offset, offset_index_length }) => offset_index_offset && offset_index_length)
  return { piecewise, read: (from, to) => readRows(file, { column, parts, from, to }) }
}

/** Bytes of the file from `start` on. */
type Part = { readonly start: number; readonly bytes: Uint8Array }

async function partsOf(
  { read, metadata }: NestedFile,
  { node, group }: NestedColumn,
  chunk: FileMetaData['row_groups'][number]['columns'][number],
): Promise<readonly Part[]> {
  const { meta_data: meta, offset_index_offset: indexAt, offset_index_length: indexLength } = chunk
  if (meta === undefined) return []
  const start = Number(meta.dictionary_page_offset || meta.data_page_offset)
  const bytes = await read(start, start + Number(meta.total_compressed_size))
  const index = indexAt && indexLength ? await read(Number(indexAt), Number(indexAt) + indexLength) : null
  try {
    const leaf = leafOf(node, meta.path_in_schema)
    if (leaf.element.type !== meta.type) throw new RangeError(`${meta.type} under a schema that says ${leaf.element.type}`)
    const pages = soundPages(bytes, { meta, ...leaf, width: leaf.element.type_length ?? 0, compressors: COMPRESSORS })
    const rows = pages.reduce((sum, page) => sum + page.rows, 0)
    const expected = Number(metadata.row_groups[group]?.num_rows)
    if (rows !== expected) throw new RangeError(`${rows} rows instead of ${expected}`)
    if (index === null) return [{ start, bytes }]
    requireIndex(index, pages, start)
    return [
      { start, bytes },
      { start: Number(indexAt), bytes: index },
    ]
  } catch (cause) {
    throw damaged(node.element.name, cause)
  }
}

function leafOf(column: SchemaTree, path: readonly string[]) {
  let node = column
  const nodes = [node]
  for (const name of path.slice(1)) {
    const child = node.children.find(({ element }) => element.name === name)
    if (child === undefined) throw new RangeError('a column that the schema has not')
    node = child
    nodes.push(node)
  }
  const repetitions = nodes.map(({ element }) => element.repetition_type)
  return {
    element: node.element,
    maxDefinition: repetitions.filter((each) => each !== 'REQUIRED').length,
    maxRepetition: repetitions.filter((each) => each === 'REPEATED').length,
  }
}

/** An index that is wrong would give rows the values of others. */
function requireIndex(bytes: Uint8Array, pages: readonly DataPage[], start: number): void {
  thriftEnd(bytes, 0)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const locations: OffsetIndex['page_locations'] = readOffsetIndex({ view, offset: 0 }).page_locations
  let row = 0
  const same =
    locations.length === pages.length &&
    pages.every((page, index) => {
      const location = locations[index]
      const fits = Number(location?.offset) === start + page.at && Number(location?.first_row_index) === row
      row += page.rows
      return fits
    })
  if (!same) throw new RangeError('the index of its pages is wrong')
}

type Request = NestedColumn & { readonly parts: readonly Part[]; readonly from: number; readonly to: number }

async function readRows(
  { read, size, metadata }: NestedFile,
  { column: { node, start }, parts, from, to }: { readonly column: NestedColumn } & Omit<Request, keyof NestedColumn>,
): Promise<readonly unknown[]> {
  const { name } = node.element
  const [rowStart, rowEnd] = [start + from, start + to]
  const values: unknown[] = new Array(to - from)
  let filled = 0
  // A range that fails must not reject: hyparquet leaves others of its promises alone when one does.
  let failed: unknown = null
  const slice = async (first: number, end = size): Promise<ArrayBuffer> => {
    try {
      const part = parts.find((each) => first >= each.start && end <= each.start + each.bytes.length)
      const bytes = part === undefined ? await read(first, end) : part.bytes.subarray(first - part.start, end - part.start)
      return new Uint8Array(bytes).buffer
    } catch (error) {
      failed ??= error
      return new ArrayBuffer(0)
    }
  }
  try {
    await parquetRead({
      file: { byteLength: size, slice },
      metadata,
      columns: [name],
      rowStart,
      rowEnd,
      utf8: false,
      geoparquet: false,
      useOffsetIndex: true,
      compressors: COMPRESSORS,
      parsers: { timestampFromNanoseconds: (nanos: bigint) => nanos },
      onChunk: ({ columnData, rowStart: first }) => {
        for (let i = 0; i < columnData.length; i++) {
          const row = first - rowStart + i
          if (row < 0 || row >= values.length) continue
          values[row] = columnData[i]
          filled++
        }
      },
    })
  } catch (cause) {
    throw failed ?? damaged(name, cause)
  }
  if (failed !== null) throw failed
  if (filled < values.length) throw damaged(name, undefined)
  return values
}

/** The cause's own words tell nothing to who has the file. */
export function damaged(column: string, cause: unknown): ConnectorError {
  if (cause instanceof ConnectorError) return cause
  return new ConnectorError('FORMAT', `column "${column}" cannot be read as Parquet: the file is damaged`, { cause })
}
