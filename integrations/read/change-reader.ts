/** The lake read back as rows, for features, transfers and tests: `ChangeReader` over an object store and the log. */
import { Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import { type Column, METADATA_COLUMNS, type Position, type TableSchema } from '../../connectors/change.ts'
import { columnData, parseCanonical, type Value } from '../../connectors/column-values.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import { arrowType, type LogicalType, typeName } from '../../connectors/logical-type.ts'
import type { ChangeReader, ObjectStore } from '../../connectors/ports.ts'
import type { FileEntry, LogState, TableState } from '../land/log/commit.ts'
import { objectBuffer, readParquetColumns } from './parquet-columns.ts'

const BATCH_ROWS = 16_384
const TEXT: LogicalType = { kind: 'utf8', format: 'text' }
const METADATA_TYPES: readonly LogicalType[] = [TEXT, TEXT, { kind: 'timestamp', utc: true }, TEXT]

export type ReaderColumn = {
  readonly name: string
  readonly physical: string
  readonly type: LogicalType
  readonly column: Column | null
}

/**
 * `state` gives the log's newest state at each call. Batches hold the metadata columns, then the table's columns under their
 * source names in source order, of the newest version's types; rows older than a column show the default it was added with.
 */
export function openChangeReader(options: {
  readonly store: ObjectStore
  readonly state: (signal: AbortSignal) => Promise<LogState>
}): ChangeReader {
  return {
    schema: async (table, signal) => (await options.state(signal)).tables[table]?.schema ?? null,
    head: async (signal) => (await options.state(signal)).position,
    read: async function* (request, signal) {
      const state = (await options.state(signal)).tables[request.table]
      if (state === undefined) {
        throw new ConnectorError(
          'NOT_FOUND',
          `Table "${request.table}" is not in the lake: expected one of the integration's tables`,
        )
      }
      const wanted = readerColumns(state.schema, request.columns)
      for (const file of filesBetween(state, request.after, request.before)) {
        const lowest = file.part === 'changes' ? (state.base?.boundary ?? null) : null
        const after = later(lowest, request.after)
        yield* readFile(options.store, file, state.schema, wanted, { after, before: request.before }, signal)
      }
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

/** Base files, then change files in position order, without those that lie wholly outside the range. */
function filesBetween(state: TableState, after: Position | null, before: Position | null): readonly FileEntry[] {
  const inside = (file: FileEntry, from: Position | null) =>
    (from === null || file.maxPosition > from) && (before === null || file.minPosition < before)
  const changes = state.changes.toSorted((a, b) => (a.minPosition < b.minPosition ? -1 : a.minPosition > b.minPosition ? 1 : 0))
  return [
    ...(state.base?.files ?? []).filter((file) => inside(file, after)),
    ...changes.filter((file) => inside(file, later(state.base?.boundary ?? null, after))),
  ]
}

const later = (a: Position | null, b: Position | null): Position | null => (a === null || (b !== null && b > a) ? b : a)

function readerColumns(schema: TableSchema, names: readonly string[] | undefined): readonly ReaderColumn[] {
  const live = schema.columns.filter((column) => !column.dropped).toSorted((a, b) => a.id - b.id)
  const absent = names?.find((name) => !live.some((column) => column.name === name))
  if (absent !== undefined) {
    throw new ConnectorError(
      'NOT_FOUND',
      `Column "${absent}" is not in "${schema.table}"; it has ${live.map((each) => each.name).join(', ')}`,
    )
  }
  const metadata = METADATA_COLUMNS.map((name, index) => ({
    name,
    physical: name,
    type: METADATA_TYPES[index] ?? TEXT,
    column: null,
  }))
  const chosen = live.filter((column) => names === undefined || names.includes(column.name))
  return [...metadata, ...chosen.map((column) => ({ name: column.name, physical: column.physical, type: column.type, column }))]
}

async function* readFile(
  store: ObjectStore,
  file: FileEntry,
  schema: TableSchema,
  wanted: readonly ReaderColumn[],
  range: { readonly after: Position | null; readonly before: Position | null },
  signal: AbortSignal,
): AsyncGenerator<RecordBatch> {
  if (file.format !== 'parquet') {
    throw new ConnectorError('UNSUPPORTED', `File "${file.key}" is ${file.format}; this reader reads parquet`)
  }
  const columns = wanted.map((column) => ({ name: column.physical, type: column.type }))
  const buffer = objectBuffer(store, file.key, file.size, signal)
  for await (const group of readParquetColumns(buffer, file.key, columns, { groupRows: BATCH_ROWS, signal })) {
    const positions = group.columns.get('_position') ?? []
    const ops = group.columns.get('_op') ?? []
    const rows: number[] = []
    for (let row = 0; row < group.rows; row++) {
      const position = positions[row] as Position
      if ((range.after === null || position > range.after) && (range.before === null || position < range.before)) rows.push(row)
    }
    if (rows.length === 0) continue
    const values = wanted.map((column) => {
      const stored = group.columns.get(column.physical) ?? []
      return rows.map((row) => shownValue(column, stored[row] ?? null, String(ops[row]), positions[row] as Position, schema))
    })
    yield batchOf(wanted, values, rows.length)
  }
}

/** As the views show it: see `integrations/register/view-sql.ts`. */
function shownValue(column: ReaderColumn, stored: Value, op: string, position: Position, schema: TableSchema): Value {
  const initial = column.column?.initial
  if (initial === undefined || position >= initial.before || op === 't') return stored
  if (op === 'd' && schema.key.length > 0 && schema.identity !== 'full') return stored
  return parseCanonical(initial.text, column.type)
}

function batchOf(wanted: readonly ReaderColumn[], values: readonly (readonly Value[])[], length: number): RecordBatch {
  const fields = wanted.map((column) => {
    const metadata = new Map([['portage.type', typeName(column.type)]])
    if (column.column !== null) metadata.set('portage.source_type', column.column.sourceType)
    return new Field(column.name, arrowType(column.type), true, metadata)
  })
  const children = wanted.map((column, index) => columnData(column.type, values[index] ?? []))
  return new RecordBatch(new Schema(fields), makeData({ type: new Struct(fields), length, nullCount: 0, children }))
}
