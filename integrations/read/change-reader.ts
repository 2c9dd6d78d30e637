/** The lake read back as rows, for features, transfers and tests: `ChangeReader` over an object store and the log. */
import { type Data, Field, makeData, RecordBatch, Schema, Struct, Vector } from 'apache-arrow'
import { type Column, METADATA_COLUMNS, type Position, type TableSchema } from '../../connectors/change.ts'
import { columnData, parseCanonical, type Value, valueReader } from '../../connectors/column-values.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import { arrowType, type LogicalType, typeName } from '../../connectors/logical-type.ts'
import type { ChangeReader, ObjectStore } from '../../connectors/ports.ts'
import type { FileEntry, LogState, TableState } from '../land/log/commit.ts'
import { storedData } from './stored-data.ts'
import { storedGroups } from './stored-groups.ts'

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
  range: Range,
  signal: AbortSignal,
): AsyncGenerator<RecordBatch> {
  if (file.format !== 'parquet') {
    throw new ConnectorError('UNSUPPORTED', `File "${file.key}" is ${file.format}; this reader reads parquet`)
  }
  const whole =
    (range.after === null || file.minPosition > range.after) && (range.before === null || file.maxPosition < range.before)
  const physical = wanted.map((column) => column.physical)
  for await (const group of storedGroups(store, file, physical, signal)) {
    for (let start = 0; start < group.rows; start += BATCH_ROWS) {
      const all = Array.from({ length: Math.min(BATCH_ROWS, group.rows - start) }, (_, index) => start + index)
      const positions = storedData(group.column('_position'), TEXT, all, file.key)
      const rows = whole ? all : rowsInRange(all, positions, range)
      if (rows.length === 0) continue
      const read = (column: ReaderColumn): Data => {
        if (column.physical !== '_position') return storedData(group.column(column.physical), column.type, rows, file.key)
        return rows === all ? positions : chosen(positions, rows, start)
      }
      const stored = wanted.map(read)
      yield batchOf(wanted, withInitials(wanted, stored, schema), rows.length)
    }
  }
}

type Range = { readonly after: Position | null; readonly before: Position | null }

function rowsInRange(rows: readonly number[], positions: Data, { after, before }: Range): readonly number[] {
  const read = valueReader(new Vector([positions]))
  return rows.filter((_, index) => {
    const position = String(read(index))
    return (after === null || position > after) && (before === null || position < before)
  })
}

function chosen(positions: Data, rows: readonly number[], start: number): Data {
  const read = valueReader(new Vector([positions]))
  return columnData(
    TEXT,
    rows.map((row) => read(row - start)),
  )
}

/** Columns that were added with a default show it in rows that are older. */
function withInitials(wanted: readonly ReaderColumn[], stored: readonly Data[], schema: TableSchema): readonly Data[] {
  if (wanted.every(({ column }) => column?.initial === undefined)) return stored
  const [op, position] = ['_op', '_position'].map((name) => {
    const data = stored[wanted.findIndex(({ physical }) => physical === name)]
    return data === undefined ? () => null : valueReader(new Vector([data]))
  }) as [(row: number) => Value, (row: number) => Value]
  return wanted.map((column, index) => {
    const data = stored[index] as Data
    if (column.column?.initial === undefined) return data
    const read = valueReader(new Vector([data]))
    const values = Array.from({ length: data.length }, (_, row) =>
      shownValue(column, read(row), String(op(row)), position(row) as Position, schema),
    )
    return columnData(column.type, values)
  })
}

/** As the views show it: see `integrations/register/view-sql.ts`. */
function shownValue(column: ReaderColumn, stored: Value, op: string, position: Position, schema: TableSchema): Value {
  const initial = column.column?.initial
  if (initial === undefined || position >= initial.before || op === 't') return stored
  if (op === 'd' && schema.key.length > 0 && schema.identity !== 'full') return stored
  return parseCanonical(initial.text, column.type)
}

function batchOf(wanted: readonly ReaderColumn[], children: readonly Data[], length: number): RecordBatch {
  const fields = wanted.map((column) => {
    const metadata = new Map([['portage.type', typeName(column.type)]])
    if (column.column !== null) metadata.set('portage.source_type', column.column.sourceType)
    return new Field(column.name, arrowType(column.type), true, metadata)
  })
  return new RecordBatch(
    new Schema(fields),
    makeData({ type: new Struct(fields), length, nullCount: 0, children: [...children] }),
  )
}
