/** Parquet files as foreign files: any writer, every encoding that hyparquet reads. I/O by ranges. */
import { type FileMetaData, parquetSchema, type SchemaElement, type SchemaTree } from 'hyparquet'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { ForeignShape } from '../../../connectors/manifest.ts'
import { readFooter } from '../../land/parquet/inspect-footer.ts'
import { nodeTypeName } from '../../land/parquet/inspect-types.ts'
import type { ParquetChunk } from '../../read/parquet-chunk.ts'
import type { Cells, FileColumn, FileRows, ForeignDataFile, ReadForeign, ReadRange } from './foreign-file.ts'
import { emptyRows } from './orc-data-file.ts'
import { damaged, openNested } from './parquet-nested-column.ts'
import { isStoredExactly, nodeShape, nodeTree, type ParquetWriter, writerOf } from './parquet-node.ts'
import { type PlainColumn, plainCells, plainChunk } from './parquet-plain-column.ts'
import type { Tree } from './tree.ts'

/** Rows that become Arrow data at once. */
const BATCH_ROWS = 16_384
const MAX_GROUP_ROWS = 2 ** 31

/** Throws `FORMAT` for what is no Parquet file, is damaged or encrypted. */
export async function openParquetDataFile(read: ReadRange, size: number, footerHash: () => string): Promise<ForeignDataFile> {
  const { metadata } = await readFooter(read, size)
  const { nodes, writer, columns } = understood(metadata)
  const leaves = nodes.map((node, index) =>
    node.children.length > 0 ? null : { element: node.element, shape: columns[index]?.shape ?? null },
  )
  const opened = { read, size, metadata: withoutAnnotations(metadata), nodes, writer, leaves }
  return {
    rows: Number(metadata.num_rows),
    columns,
    footerHash: footerHash(),
    read: (places, options) => readRows(opened, places, options),
  }
}

/** What the footer's structures mean; those of a damaged one may be anything. */
function understood(metadata: FileMetaData) {
  try {
    const nodes = parquetSchema(metadata).children
    const columns = nodes.map((node): FileColumn => {
      const { name } = node.element
      // Chunks say by their names whose they are.
      const twice = nodes.some((other) => other !== node && other.element.name === name)
      return twice ? { name, shape: null, spelled: 'twice' } : { name, shape: nodeShape(node), spelled: nodeTypeName(node) }
    })
    const rows = metadata.row_groups.map((group) => Number(group.num_rows))
    if (rows.some((each) => !(each >= 0 && each <= MAX_GROUP_ROWS)) || columns.some(({ name }) => typeof name !== 'string')) {
      throw new RangeError('names or numbers of rows that no writer makes')
    }
    if (rows.reduce((sum, each) => sum + each, 0) !== Number(metadata.num_rows)) {
      throw new RangeError(`${metadata.num_rows} rows, which are not those of its row groups`)
    }
    return { nodes, writer: writerOf(metadata), columns }
  } catch (cause) {
    if (cause instanceof ConnectorError) throw cause
    throw new ConnectorError('FORMAT', 'the file is damaged: its footer cannot be understood', { cause })
  }
}

type Opened = {
  readonly read: ReadRange
  readonly size: number
  readonly metadata: FileMetaData
  readonly nodes: readonly SchemaTree[]
  readonly writer: ParquetWriter
  /** With their annotations, and what they hold; null of a group. */
  readonly leaves: readonly ({ readonly element: SchemaElement; readonly shape: ForeignShape | null } | null)[]
}

/** A row group at a time. Flat columns take no more memory than they do in the file; others the values of some pages, or of the group. */
async function* readRows(opened: Opened, places: readonly number[], options: ReadForeign): AsyncGenerator<FileRows> {
  const { metadata, nodes, writer } = opened
  if (places.length === 0) {
    yield* emptyRows(Number(metadata.num_rows), options.signal)
    return
  }
  const trees = nodes.map((node) => nodeTree(node, { writer, owner: options.owner }))
  let start = 0
  for (const [index, group] of metadata.row_groups.entries()) {
    const rows = Number(group.num_rows)
    const columns: ReadColumn[] = []
    for (const place of places) {
      options.signal.throwIfAborted()
      const tree = trees[place] as ReadTree
      columns.push(
        (await plainColumn(opened, index, place, tree)) ?? (await nestedColumn(opened, { place, start, group: index }, tree)),
      )
    }
    for (let at = 0; at < rows; at += BATCH_ROWS) {
      options.signal.throwIfAborted()
      const some = Math.min(BATCH_ROWS, rows - at)
      const cells: Cells[] = []
      for (const column of columns) cells.push(await column(at, some))
      yield { rows: some, columns: cells }
    }
    start += rows
  }
}

type ReadTree = (stored: unknown) => Tree
/** Rows [at, at + rows) of the group, in order. */
type ReadColumn = (at: number, rows: number) => Promise<Cells>

/** Null: it is nested, or its pages are of a kind that only hyparquet reads. */
async function plainColumn(
  { read, metadata, nodes, leaves, writer }: Opened,
  group: number,
  place: number,
  tree: ReadTree,
): Promise<ReadColumn | null> {
  const node = nodes[place]
  if (node === undefined || node.children.length > 0) return null
  const { rows, meta } = chunkOf(metadata, group, node.element.name)
  const [element, shape] = [leaves[place]?.element, leaves[place]?.shape]
  if (meta === undefined || element === undefined || !shape) return null
  const start = Number(meta.dictionary_page_offset || meta.data_page_offset)
  const bytes = await read(start, start + Number(meta.total_compressed_size))
  const chunk = plainChunkOf({ element, meta, rows, bytes, subject: `column "${element.name}"` })
  if (chunk === null) return null
  const kind = { element, shape, exact: isStoredExactly(element, writer) }
  return async (at, some) => plainCells(chunk, kind, tree, { start: at, rows: some, subject: 'the file' })
}

function plainChunkOf(column: PlainColumn): ParquetChunk | null {
  const { element, meta, rows } = column
  try {
    if (meta.type !== element.type) throw new RangeError(`${meta.type} under a schema that says ${element.type}`)
    if (Number(meta.num_values) !== rows) throw new RangeError(`${meta.num_values} values in ${rows} rows`)
    return plainChunk(column)
  } catch (cause) {
    throw damaged(element.name, cause)
  }
}

function chunkOf(metadata: FileMetaData, group: number, name: string) {
  const found = metadata.row_groups[group]
  const meta = found?.columns.find((column) => column.meta_data?.path_in_schema?.[0] === name)?.meta_data
  return { rows: Number(found?.num_rows ?? 0), meta }
}

/** Piece by piece where only the pages that are needed have to be turned into values, else the whole group at once. */
async function nestedColumn(
  opened: Opened,
  { place, start, group }: { readonly place: number; readonly start: number; readonly group: number },
  tree: ReadTree,
): Promise<ReadColumn> {
  const rows = Number(opened.metadata.row_groups[group]?.num_rows ?? 0)
  const { piecewise, read } = await openNested(opened, { node: opened.nodes[place] as SchemaTree, group, start })
  const step = piecewise ? BATCH_ROWS : rows
  let piece: { readonly from: number; readonly values: readonly unknown[] } = { from: 0, values: [] }
  return async (at, some) => {
    if (at >= piece.from + piece.values.length) {
      piece = { from: at, values: await read(at, Math.min(rows, at + Math.max(step, some))) }
    }
    const { from, values } = piece
    return { data: null, owned: true, at: (row) => tree(values[at - from + row]) }
  }
}

/** The schema without annotations, so that values come as they are stored, and lists and maps as the groups they are made of. */
function withoutAnnotations(metadata: FileMetaData): FileMetaData {
  const schema = metadata.schema.map((element): SchemaElement => {
    const { converted_type: _converted, logical_type: _logical, ...plain } = element
    return plain
  })
  return { ...metadata, schema }
}
