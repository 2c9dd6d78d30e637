/** A `ChangeReader` over rows in memory: for tests of what reads the lake, and the oracle of the real one. */
import { Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import type { Position, TableName, TableSchema } from '../change.ts'
import { columnData, parseCanonical, type Value } from '../column-values.ts'
import { ConnectorError } from '../errors.ts'
import { arrowType, type LogicalType, typeName } from '../logical-type.ts'
import type { ChangeReader } from '../ports.ts'
import type { LakeRow } from './warehouse.ts'

/** A table as the lake holds it: `base` and `changes` in position order. */
export type MemoryLakeTable = {
  readonly schema: TableSchema
  readonly boundary: Position
  readonly base: readonly LakeRow[]
  readonly changes: readonly LakeRow[]
}

export type MemoryLake = { readonly tables: ReadonlyMap<TableName, MemoryLakeTable>; readonly head: Position | null }

const TEXT: LogicalType = { kind: 'utf8', format: 'text' }
const BATCH_ROWS = 1_000

/** `lake` is looked at anew by each call. */
export function openMemoryChangeReader(lake: () => MemoryLake): ChangeReader {
  return {
    schema: async (table) => lake().tables.get(table)?.schema ?? null,
    head: async () => lake().head,
    read: async function* ({ table, after, before, columns }, signal) {
      const found = lake().tables.get(table)
      if (found === undefined) {
        throw new ConnectorError('NOT_FOUND', `Table "${table}" is not in the lake: expected one of the integration's tables`)
      }
      const inside = ({ position }: LakeRow) => (after === null || position > after) && (before === null || position < before)
      const rows = [...found.base, ...found.changes.filter((row) => row.position > found.boundary)].filter(inside)
      for (let start = 0; start < rows.length; start += BATCH_ROWS) {
        signal.throwIfAborted()
        yield batchOf(found.schema, rows.slice(start, start + BATCH_ROWS), columns)
      }
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

function batchOf(schema: TableSchema, rows: readonly LakeRow[], names: readonly string[] | undefined): RecordBatch {
  const live = schema.columns.filter((column) => !column.dropped).toSorted((a, b) => a.id - b.id)
  const absent = names?.find((name) => !live.some((column) => column.name === name))
  if (absent !== undefined) throw new ConnectorError('NOT_FOUND', `Column "${absent}" is not in "${schema.table}"`)
  const columns: { readonly name: string; readonly type: LogicalType; readonly value: (row: LakeRow) => Value }[] = [
    { name: '_op', type: TEXT, value: (row) => row.op },
    { name: '_position', type: TEXT, value: (row) => row.position },
    { name: '_source_committed_at', type: { kind: 'timestamp', utc: true }, value: (row) => row.committedAt },
    { name: '_unchanged', type: TEXT, value: (row) => row.unchanged },
  ]
  for (const column of live.filter(({ name }) => names === undefined || names.includes(name))) {
    const { initial, type, physical } = column
    const value = (row: LakeRow): Value => {
      const bare = row.op === 't' || (row.op === 'd' && schema.key.length > 0 && schema.identity !== 'full')
      if (initial !== undefined && row.position < initial.before && !bare) return parseCanonical(initial.text, type)
      return row.values[physical] ?? null
    }
    columns.push({ name: column.name, type, value })
  }
  const fields = columns.map(
    ({ name, type }) => new Field(name, arrowType(type), true, new Map([['portage.type', typeName(type)]])),
  )
  const children = columns.map(({ type, value }) => columnData(type, rows.map(value)))
  const data = makeData({ type: new Struct(fields), length: rows.length, nullCount: 0, children })
  return new RecordBatch(new Schema(fields), data)
}
