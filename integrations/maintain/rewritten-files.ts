/** Column vectors → data files of a target size, for maintenance: the same bytes of values, a new place. I/O through the store. */
import { fileSchema, type Position, type TableSchema } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { ObjectStore, ObjectWriter } from '../../connectors/ports.ts'
import { batchOf } from '../land/batch-of.ts'
import type { FileFormat } from '../land/data-file.ts'
import { statedColumns } from '../land/data-file.ts'
import type { FileWriter, FileWriterOptions } from '../land/file-writer.ts'
import type { FileEntry } from '../land/log/commit.ts'
import { openObjectFile } from '../land/object-file.ts'
import { BATCH_ROWS, type ColumnBatch } from '../read/columns/column-batches.ts'
import { ColumnVector } from '../read/columns/column-vector.ts'
import { compareRows, positionAt } from './position-bytes.ts'
import { POSITION } from './table-columns.ts'

export type RewriteOptions = {
  readonly store: ObjectStore
  readonly format: FileFormat
  readonly compression: FileWriterOptions['compression']
  readonly schema: TableSchema
  readonly part: 'base' | 'changes'
  /** A fresh key for each file. */
  readonly key: () => string
  readonly targetFileBytes: number
  readonly metadata: ReadonlyMap<string, string>
  readonly unstated: ReadonlySet<string>
  readonly signal: AbortSignal
  /** Told of every file that was published. */
  readonly onFile: (entry: FileEntry) => void
}

/** Rows in the order in which they were appended. Memory: one row group and one batch. */
export interface RewrittenFiles {
  appendRange(batch: ColumnBatch, from: number, to: number): Promise<void>
  /** Rows of the batch by number, ascending. */
  appendPicked(batch: ColumnBatch, picked: Int32Array, count: number): Promise<void>
  /** Publishes what is open; entries of all files, in order. */
  close(): Promise<readonly FileEntry[]>
  /** Leaves no open file; published ones stay for the caller to delete. */
  abort(): Promise<void>
}

type OpenFile = { readonly object: ObjectWriter; readonly writer: FileWriter; min: Position; max: Position }

/** Batches of at least so many rows are written where they lie, smaller ones are gathered first. */
const DIRECT_ROWS = 8_192

export function rewriteFiles(options: RewriteOptions): RewrittenFiles {
  const { store, format, compression, schema, part, metadata, unstated } = options
  const target = fileSchema(schema, part)
  const entries: FileEntry[] = []
  let gathered: ColumnVector[] | null = null
  let open: OpenFile | null = null

  const openFile = async (): Promise<OpenFile> => {
    const make = (sink: ObjectWriter): FileWriter =>
      format.createWriter({ schema: target, sink, compression, metadata, unstated })
    const { object, writer } = await openObjectFile(store, options.key(), make, options.signal)
    return { object, writer, min: '' as Position, max: '' as Position }
  }

  const write = async (columns: readonly ColumnVector[], rows: number): Promise<void> => {
    const positions = columns[POSITION]
    if (positions === undefined) throw new ConnectorError('INTERNAL', `Rows of "${schema.table}" are written without positions`)
    open ??= await openFile()
    await open.writer.append(
      batchOf(
        target,
        columns.map((column) => column.data()),
        rows,
      ),
    )
    const [min, max] = bounds(positions, rows)
    if (open.min === '' || min < open.min) open.min = min
    if (max > open.max) open.max = max
    if (open.writer.bytes >= options.targetFileBytes) await finish()
  }

  const flush = async (): Promise<void> => {
    const rows = gathered?.[0]?.rows ?? 0
    if (gathered === null || rows === 0) return
    await write(gathered, rows)
    for (const column of gathered) column.clear()
  }

  const gather = (batch: ColumnBatch): readonly ColumnVector[] => {
    gathered ??= batch.columns.map(({ type }) => new ColumnVector(type, BATCH_ROWS))
    return gathered
  }

  const finish = async (): Promise<void> => {
    if (open === null) return
    const { object, writer, min, max } = open
    const summary = await writer.finish()
    const { key, size, sha256 } = await object.close()
    open = null
    const { rows } = summary
    const columns = statedColumns(summary)
    const { name } = format
    const entry: FileEntry = {
      key,
      part,
      size,
      sha256,
      rows,
      format: name,
      profile: 'lake',
      schemaVersion: schema.version,
      minPosition: min,
      maxPosition: max,
      columns,
    }
    entries.push(entry)
    options.onFile(entry)
  }

  return {
    async appendRange(batch, from, to) {
      if (from === 0 && to === batch.rows && to >= DIRECT_ROWS && (gathered?.[0]?.rows ?? 0) === 0) {
        await write(batch.columns, to)
        return
      }
      const columns = gather(batch)
      for (let start = from; start < to; ) {
        const end = Math.min(to, start + BATCH_ROWS - (columns[0]?.rows ?? 0))
        for (const [index, column] of columns.entries()) column.appendRange(columnOf(batch, index), start, end)
        start = end
        if (columns[0]?.rows === BATCH_ROWS) await flush()
      }
    },
    async appendPicked(batch, picked, count) {
      const columns = gather(batch)
      for (let start = 0; start < count; ) {
        const end = Math.min(count, start + BATCH_ROWS - (columns[0]?.rows ?? 0))
        const some = picked.subarray(start, end)
        for (const [index, column] of columns.entries()) column.appendPicked(columnOf(batch, index), some, end - start)
        start = end
        if (columns[0]?.rows === BATCH_ROWS) await flush()
      }
    },
    async close() {
      await flush()
      await finish()
      return entries
    },
    async abort() {
      await open?.object.abort()
      open = null
    },
  }
}

function columnOf(batch: ColumnBatch, index: number): ColumnVector {
  const column = batch.columns[index]
  if (column === undefined) throw new ConnectorError('INTERNAL', `Batch has no column ${index + 1}`)
  return column
}

function bounds(positions: ColumnVector, rows: number): readonly [Position, Position] {
  let [low, high] = [0, 0]
  for (let row = 1; row < rows; row++) {
    if (sameAsBefore(positions, row)) continue
    if (compareRows(positions, row, high) > 0) high = row
    else if (compareRows(positions, row, low) < 0) low = row
  }
  return [positionAt(positions, low), positionAt(positions, high)]
}

/** Snapshot rows share their position: told by the last bytes, where others differ first. */
function sameAsBefore({ offsets, bytes }: ColumnVector, row: number): boolean {
  const before = offsets[row - 1] as number
  const start = offsets[row] as number
  const length = (offsets[row + 1] as number) - start
  if (start - before !== length) return false
  for (let i = length - 1; i >= 0; i--) if (bytes[start + i] !== bytes[before + i]) return false
  return true
}
