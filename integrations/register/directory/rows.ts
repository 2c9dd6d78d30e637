/** Rows of lake files in the columns of the newest schema, a batch at a time. I/O through the store. */
import { type Data, type RecordBatch, type Schema, Vector } from 'apache-arrow'
import { fileSchema, METADATA_COLUMNS, METADATA_TYPES, type Position, type TableSchema } from '../../../connectors/change.ts'
import { columnData, valueReader } from '../../../connectors/column-values.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import type { ObjectStore, RegisteredFile } from '../../../connectors/ports.ts'
import { batchOf } from '../../land/batch-of.ts'
import { storedData } from '../../read/stored-data.ts'
import { storedGroups } from '../../read/stored-groups.ts'

export type RowsRequest = {
  readonly store: Pick<ObjectStore, 'get'>
  readonly schema: TableSchema
  /** The same columns under the names that they are written with. */
  readonly stored: TableSchema
  readonly files: readonly RegisteredFile[]
  /** Only rows above `after` and below `before`; null: no such limit. */
  readonly after: Position | null
  readonly before: Position | null
}

const BATCH_ROWS = 32_768
const TEXT: LogicalType = { kind: 'utf8', format: 'text' }

/** A batch with the highest position in it. */
export type PlacedRows = { readonly batch: RecordBatch; readonly last: Position }

/** The columns of every directory file; parts differ in nothing that is written. */
export const directorySchema = (schema: TableSchema): Schema => fileSchema(schema, 'changes')

/**
 * Yields rows file by file, those of older schema versions widened. Memory: a row group as stored and a batch. Throws `PROOF`
 * when a file is not what the commit says.
 */
export async function* directoryRows(request: RowsRequest, signal: AbortSignal): AsyncGenerator<PlacedRows> {
  const { store, schema, stored, files, after, before } = request
  const target = directorySchema(stored)
  const columns = [
    ...METADATA_COLUMNS.map((name) => ({ name: name as string, type: METADATA_TYPES[name] })),
    ...schema.columns.map(({ physical, type }) => ({ name: physical, type })),
  ]
  const names = columns.map(({ name }) => name)
  for (const file of files) {
    const isInside =
      file.minPosition !== undefined &&
      file.maxPosition !== undefined &&
      (after === null || file.minPosition > after) &&
      (before === null || file.maxPosition < before)
    let read = 0
    const groups = storedGroups(store, file, names, signal)
    for (;;) {
      const next = await proven(schema, file, () => groups.next())
      if (next.done) break
      const group = next.value
      for (let start = 0; start < group.rows; start += BATCH_ROWS) {
        const all = Array.from({ length: Math.min(BATCH_ROWS, group.rows - start) }, (_, index) => start + index)
        const { rows, positions, last } = await proven(schema, file, async () => {
          const stored = storedData(group.column('_position'), TEXT, all, file.key)
          return { positions: stored, ...wanted(all, stored, isInside ? null : { after, before }) }
        })
        read += all.length
        if (rows.length === 0 || last === null) continue
        const children = await proven(schema, file, async () =>
          columns.map(({ name, type }): Data => {
            if (name === '_position' && rows === all) return positions
            return name === '_position' ? textData(positions, rows, start) : storedData(group.column(name), type, rows, file.key)
          }),
        )
        yield { batch: batchOf(target, children, rows.length), last }
      }
    }
    if (read !== file.rows) {
      throw differs(schema, `"${file.key}" holds ${read} rows, the commit says ${file.rows}`)
    }
  }
}

type Window = Pick<RowsRequest, 'after' | 'before'>

function wanted(
  all: readonly number[],
  positions: Data,
  window: Window | null,
): { readonly rows: readonly number[]; readonly last: Position | null } {
  const read = valueReader(new Vector([positions]))
  let last: Position | null = null
  const rows: number[] = []
  for (let index = 0; index < all.length; index++) {
    const position = String(read(index)) as Position
    if (window !== null && !isWithin(position, window)) continue
    if (last === null || position > last) last = position
    rows.push(all[index] as number)
  }
  return { rows: rows.length === all.length ? all : rows, last }
}

const isWithin = (position: Position, { after, before }: Window): boolean =>
  (after === null || position > after) && (before === null || position < before)

/** Of what was read already: the cursor only goes forward. */
function textData(positions: Data, rows: readonly number[], start: number): Data {
  const read = valueReader(new Vector([positions]))
  return columnData(
    TEXT,
    rows.map((row) => read(row - start)),
  )
}

async function proven<Result>(schema: TableSchema, file: RegisteredFile, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof ConnectorError)) throw error
    if (error.recovery === 'retry' || error.code === 'ABORTED' || error.code === 'STORE') throw error
    throw differs(schema, `"${file.key}" cannot be read`, error)
  }
}

function differs({ table }: TableSchema, what: string, cause?: unknown): ConnectorError {
  return new ConnectorError(
    'PROOF',
    `Files of "${table}" differ from the commit: ${what}. Nothing was registered; compare the files with the log, or take the table anew with "portage resync <integration> ${table}"`,
    { cause },
  )
}
