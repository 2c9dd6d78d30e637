/**
 * Tables that Portage makes itself, such as features: no source, no stream. Rows are landed as changes of one commit, so that
 * the table is theirs as a whole or not at all, and its history says what it held before.
 */
import { type Data, Field, makeData, RecordBatch, Schema, Struct, Vector } from 'apache-arrow'
import {
  OPS,
  type Op,
  type Position,
  type SourceTable,
  sourceBatchSchema,
  type TableName,
  type TableSchema,
} from '../../connectors/change.ts'
import { columnData } from '../../connectors/column-values.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import { evolve } from '../capture/physical-columns.ts'
import type { Lander } from './lander.ts'
import type { Commit, LogState, TableCommit } from './log/commit.ts'
import type { CommitLog } from './log/log.ts'
import { nullData } from './projection.ts'

export type MadeColumn = {
  readonly name: string
  readonly type: LogicalType
  readonly nullable: boolean
  readonly comment?: string
}

export type MadeTable = {
  readonly table: TableName
  readonly columns: readonly MadeColumn[]
  /** Names, in key order. */
  readonly key: readonly string[]
  readonly comment?: string
}

/** Rows of one kind; the batch has the table's columns in its order, and nothing else. */
export type MadeRows = { readonly op: 'insert' | 'update' | 'delete'; readonly batch: RecordBatch }

export type Landing = {
  /** Claimed. */
  readonly log: CommitLog
  readonly lander: Lander
  readonly made: MadeTable
  /** The table holds only these rows from now on. Else they are changes to what it holds. */
  readonly replace: boolean
  readonly rows: Iterable<MadeRows> | AsyncIterable<MadeRows>
  /** `_source_committed_at` of the rows, and `through` of the commit. */
  readonly at: Date
  readonly source: NonNullable<Commit['source']>
  /** What the rows were made from; stands in the log as the table's `storage`. */
  readonly token: string
}

/** Row positions are `0001-<place>-<ordinal>`; each landing takes the next place. */
const EPOCH = '0001'
const position = (place: number, ordinal: number): Position =>
  `${EPOCH}-${place.toString(16).padStart(16, '0')}-${ordinal.toString(16).padStart(8, '0')}` as Position
const placeOf = (cut: Position): number => Number.parseInt(cut.split('-')[1] ?? '', 16)

/** Durable when it settles; before that nobody sees any of it, and a crash leaves files that the next claim sweeps. */
export async function landRows(landing: Landing, signal: AbortSignal): Promise<Commit> {
  const { log, lander, made, replace, rows, at, source, token } = landing
  const before = log.state()
  const place = before.position === null ? 1 : placeOf(before.position)
  const known = before.tables[made.table]
  const shape = sourceTable(made, known?.schema ?? null)
  const { schema } = evolve(known?.schema ?? null, shape, position(place, 0))
  let ordinal = 0
  const append = async (op: Op, columns: readonly Data[], length: number): Promise<void> => {
    const [firstPosition, lastPosition] = [position(place, ordinal + 1), position(place, ordinal + length)]
    const batch = changeBatch(shape, { op, columns, length, at, positions: (row) => position(place, ordinal + 1 + row) })
    const date = at.toISOString().slice(0, 10)
    await lander.appendChanges(
      { table: shape, part: 'changes', batch, date, firstPosition, lastPosition, release: () => undefined },
      schema,
    )
    ordinal += length
  }
  try {
    if (replace && known !== undefined) await append(OPS.truncate, emptyRow(shape), 1)
    for await (const { op, batch } of rows) {
      signal.throwIfAborted()
      if (batch.numRows > 0) await append(OPS[op], batch.data.children, batch.numRows)
    }
    const added = (await lander.takeChanges(signal)).get(made.table) ?? []
    const change: TableCommit = {
      ...(schema === known?.schema ? {} : { schema }),
      ...(known === undefined ? { snapshot: emptyBase(position(place, 0), token) } : { storage: token }),
      added,
    }
    const draft = (state: LogState) => {
      if (state.position !== before.position)
        throw new ConnectorError('INTERNAL', `Table "${made.table}" was written by someone else meanwhile`)
      return {
        kind: 'changes' as const,
        position: position(place + 1, 0),
        source,
        through: at.toISOString(),
        transactions: 1,
        changes: ordinal,
        tables: { [made.table]: change },
      }
    }
    return await log.append(draft, signal)
  } catch (error) {
    await lander.abort()
    throw error
  }
}

/** A base of no rows, complete: the table can be read, and all its rows are changes. */
function emptyBase(cut: Position, storage: string): NonNullable<TableCommit['snapshot']> {
  const start = { storage, plan: [{ id: 'empty', from: null, to: null, by: 'nothing' }] }
  return { generation: 1, start, done: { empty: cut }, complete: true }
}

/** A column keeps its id by its name; one of another type is another column in files. */
function sourceTable({ table, columns, key, comment }: MadeTable, previous: TableSchema | null): SourceTable {
  const ids = new Map(previous?.columns.map((column) => [column.name, column.id]))
  let last = Math.max(0, ...ids.values())
  const numbered = columns.map(({ name, type, nullable, comment: note }) => {
    const id = ids.get(name) ?? ++last
    return { id, name, type, sourceType: type.kind, nullable, ...(note === undefined ? {} : { comment: note }) }
  })
  const keyIds = key.map((name) => numbered.find((column) => column.name === name)?.id ?? 0)
  return {
    table,
    id: '1',
    storage: '',
    definition: '',
    columns: numbered,
    key: keyIds,
    identity: 'default',
    ...(comment === undefined ? {} : { comment }),
  }
}

type ChangeRows = {
  readonly op: Op
  readonly columns: readonly Data[]
  readonly length: number
  readonly at: Date
  readonly positions: (row: number) => Position
}

function changeBatch(table: SourceTable, { op, columns, length, at, positions }: ChangeRows): RecordBatch {
  const { fields } = sourceBatchSchema(table, 'changes')
  const micros = BigInt(at.getTime()) * 1000n
  const [opType, , , unchangedType] = fields.map(({ type }) => type)
  const word = (texts: readonly string[]) => new Vector([columnData({ kind: 'utf8', format: 'text' }, texts)])
  const codes = () => new Int32Array(length + 2).subarray(0, length)
  const allNull = new Uint8Array((length >> 3) + 9).subarray(0, (length + 7) >> 3)
  const metadata = [
    makeData({ type: opType, length, nullCount: 0, data: codes(), dictionary: word([op]) } as never),
    columnData(
      { kind: 'utf8', format: 'text' },
      Array.from({ length }, (_, row) => positions(row)),
    ),
    columnData(
      { kind: 'timestamp', utc: true },
      Array.from({ length }, () => micros),
    ),
    makeData({
      type: unchangedType,
      length,
      nullCount: length,
      nullBitmap: allNull,
      data: codes(),
      dictionary: word([]),
    } as never),
  ] as readonly Data[]
  const children = [...metadata, ...columns]
  // The fields repeat the types of their data, so that Arrow finds dictionaries again.
  const typed = fields.map(
    (field, index) => new Field(field.name, children[index]?.type ?? field.type, field.nullable, field.metadata),
  )
  return new RecordBatch(new Schema(typed), makeData({ type: new Struct(typed), length, nullCount: 0, children }))
}

function emptyRow(table: SourceTable): readonly Data[] {
  return sourceBatchSchema(table, 'changes')
    .fields.slice(-table.columns.length)
    .map(({ type }) => nullData(type, 1))
}
