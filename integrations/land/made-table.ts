/**
 * Tables that Portage makes itself, such as features: no source, no stream. Rows are landed as changes of one commit, so that
 * the table is theirs as a whole or not at all, and its history says what it held before.
 */
import type { Data, RecordBatch } from 'apache-arrow'
import {
  OPS,
  type Op,
  type Position,
  type SourceTable,
  sourceBatchSchema,
  type TableName,
  type TableSchema,
} from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import { evolve } from '../capture/physical-columns.ts'
import type { Lander } from './lander.ts'
import type { Commit, LogState, TableCommit } from './log/commit.ts'
import type { CommitLog } from './log/log.ts'
import { changeBatch, placeOf, positionAt } from './made-batch.ts'
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

/**
 * Durable when it settles; before that nobody sees any of it, and a crash leaves files that the next claim sweeps. Throws `FENCED`
 * when someone else claimed the log.
 */
export async function landRows(landing: Landing, signal: AbortSignal): Promise<Commit> {
  const { log, lander, made, replace, rows, at, source, token } = landing
  const before = log.state()
  const place = before.position === null ? 1 : placeOf(before.position)
  const known = before.tables[made.table]
  const shape = sourceTable(made, known?.schema ?? null)
  const { schema } = evolve(known?.schema ?? null, shape, positionAt(place))
  let ordinal = 0
  const append = async (op: Op, columns: readonly Data[], length: number): Promise<void> => {
    const [firstPosition, lastPosition] = [positionAt(place, ordinal + 1), positionAt(place, ordinal + length)]
    const batch = changeBatch(shape, { op, place, ordinal: ordinal + 1, at }, columns, length)
    const date = at.toISOString().slice(0, 10)
    await lander.appendChanges(
      { table: shape, part: 'changes', batch, date, firstPosition, lastPosition, release: () => undefined },
      schema,
      signal,
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
      ...(known === undefined ? { snapshot: emptyBase(positionAt(place), token) } : { storage: token }),
      added,
    }
    const draft = (state: LogState) => {
      if (state.claim !== log.writer || state.position !== before.position) {
        throw new ConnectorError(
          'FENCED',
          `Table "${made.table}" was taken over by "${state.claim}". This process stops; of what it was writing nothing is visible`,
        )
      }
      return {
        kind: 'changes' as const,
        position: positionAt(place + 1),
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
  const live = previous?.columns.filter(({ dropped }) => !dropped) ?? []
  const ids = new Map(live.map((column) => [column.name, column.id]))
  let last = Math.max(0, ...(previous?.columns.map(({ id }) => id) ?? []))
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

function emptyRow(table: SourceTable): readonly Data[] {
  return sourceBatchSchema(table, 'changes')
    .fields.slice(-table.columns.length)
    .map(({ type }) => nullData(type, 1))
}
