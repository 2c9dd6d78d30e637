/**
 * A lake table as the target of a transfer. The table has a log like any other's: an `intent` announces the writer, then its files
 * are landed, then one commit makes all rows visible at once. Transfers fence nobody: writers of other tables of the log go on.
 */
import { type TableName, TRANSFERRED_TABLE } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import { typeName } from '../../connectors/logical-type.ts'
import type { Environment } from '../../connectors/ports.ts'
import type { RejectedRow, TableBatch, TableWriter, TransferColumn, TransferMode, WriteOutcome } from '../../connectors/tables.ts'
import type { SchemaDifference } from '../capture/physical-columns.ts'
import type { Lander } from '../land/lander.ts'
import type { FileEntry, LogState, TableCommit, TableState } from '../land/log/commit.ts'
import type { CommitLog } from '../land/log/log.ts'
import { placeOf, positionAt } from '../land/made-batch.ts'
import { eachBatch } from './file-writers.ts'
import { baseRows, insertedRows, type LakeRows } from './lake-batches.ts'
import { appendedShape, batchOf, batchToken, type LakeShape, replacedShape, TRANSFER_SYSTEM } from './lake-shape.ts'

export type LakeWriterRequest = {
  /** Opened under the role `maintenance`. */
  readonly log: CommitLog
  readonly lander: Lander
  readonly table: TableName
  readonly columns: readonly TransferColumn[]
  readonly mode: TransferMode
  readonly fillMissing: boolean
  /** Names the rows: the same batch is written once. Asked for again after the last row, when it was null before. */
  readonly batch: () => string | null
  /** Write although the same batch was written before. */
  readonly again: boolean
  /** Rows put aside so far and not yet kept; called between batches and at the end. */
  readonly takeRejects: () => readonly RejectedRow[]
  readonly environment: Pick<Environment, 'now'>
}

/**
 * Looks at the log, writes nothing. Throws `SCHEMA` when rows cannot be appended to what is there, `CONFIGURATION` when the log is
 * that of a replication.
 */
export function openLakeWriter(request: LakeWriterRequest): TableWriter {
  const { log, table, columns, mode } = request
  const state = log.state()
  refuseOthers(state, log.lake.integration, table)
  const known = state.tables[table]
  const subject = `Lake table "${log.lake.integration}.${table}"`
  const place = Math.max(request.environment.now().getTime() * 1000, state.position === null ? 1 : placeOf(state.position))
  // A table without a base cannot be appended to: its first rows become one.
  const appends = mode === 'append' && known?.base !== null && known !== undefined
  const shape = appends
    ? appendedShape(table, columns, known.schema, { subject, fillMissing: request.fillMissing })
    : replacedShape(table, columns, known?.schema ?? null, positionAt(place))
  const writer = new LakeWriter({ ...request, subject, shape, known: known ?? null, place, appends })
  return {
    subject,
    plan: {
      existing: known === undefined || known.base === null ? null : liveColumns(known),
      types: shape.source.columns.map(({ type }) => typeName(type)),
      notes: [
        appends
          ? 'append: rows are added by one commit'
          : 'replace: one commit; what was there stays readable as of earlier commits',
        ...(known === undefined ? [] : shape.differences.map(differenceText)),
      ],
      statements: [],
    },
    write: (rows, signal) => writer.write(rows, signal),
    [Symbol.asyncDispose]: () => request.lander.abort(),
  }
}

const liveColumns = ({ schema }: TableState) =>
  schema.columns.filter(({ dropped }) => !dropped).map(({ name, type }) => ({ name, type: typeName(type) }))

function differenceText(difference: SchemaDifference): string {
  switch (difference.kind) {
    case 'add_column':
      return `column "${difference.column}" is added`
    case 'drop_column':
      return `column "${difference.column}" is dropped`
    case 'widen_column':
    case 'retype_column':
      return `column "${difference.column}" changes from ${difference.from} to ${difference.to}`
    default:
      return difference.kind.replace('_', ' ')
  }
}

/** The log of a replication has a claim; one of a transfer never. */
function refuseOthers(state: LogState, integration: string, table: TableName): void {
  const known = state.tables[table]
  if (state.claim === null && (known === undefined || known.schema.id === TRANSFERRED_TABLE)) return
  throw new ConnectorError(
    'CONFIGURATION',
    `Integration "${integration}" of this lake is written by "portage run"; a transfer would mix its rows with the source's. Name another: lake:<integration>.<table>`,
  )
}

type Writing = LakeWriterRequest & {
  readonly subject: string
  readonly shape: LakeShape
  readonly known: TableState | null
  readonly place: number
  readonly appends: boolean
}

class LakeWriter {
  readonly #writing: Writing
  #rejects = 0

  constructor(writing: Writing) {
    this.#writing = writing
  }

  async write(rows: AsyncIterable<TableBatch>, signal: AbortSignal): Promise<WriteOutcome> {
    const { log, lander, subject, batch } = this.#writing
    const named = batch()
    if (named !== null && (await this.#wasWritten(named, signal))) return repeated(rows)
    await log.append(() => ({ kind: 'intent' }), signal)
    const files = await (this.#writing.appends ? this.#appendRows(rows, signal) : this.#replaceRows(rows, signal))
    const count = files.reduce((sum, file) => sum + file.rows, 0)
    const bytes = files.reduce((sum, file) => sum + file.size, 0)
    const token = batch()
    if (token === null) throw new ConnectorError('INTERNAL', `${subject} was given rows without a name of their batch`)
    if (named === null && (await this.#wasWritten(token, signal))) {
      await lander.discard(files, signal)
      return { rows: 0, bytes: 0, repeated: true, commit: log.state().number }
    }
    if (this.#writing.appends && count === 0) return { rows: 0, bytes: 0, repeated: false, commit: log.state().number, files: 0 }
    try {
      const { number } = await log.append((state) => this.#draft(state, files, token, count), signal)
      return { rows: count, bytes, repeated: false, commit: number, files: files.length }
    } catch (error) {
      // Refused before anything was put: the files are nobody's.
      if (error instanceof ConnectorError && error.code === 'FENCED') await lander.discard(files, signal).catch(() => undefined)
      throw error
    }
  }

  async #replaceRows(rows: AsyncIterable<TableBatch>, signal: AbortSignal): Promise<readonly FileEntry[]> {
    const { lander, shape, known } = this.#writing
    const generation = nextGeneration(known)
    const lake = this.#lakeRows()
    const writing = this.#keepRejects.bind(this)
    async function* base() {
      for await (const each of rows) {
        yield baseRows(lake, each)
        await writing(signal)
      }
    }
    const files = await lander.writeBase({ schema: shape.schema, generation, part: 'transfer' }, base(), signal)
    await this.#keepRejects(signal)
    return files
  }

  async #appendRows(rows: AsyncIterable<TableBatch>, signal: AbortSignal): Promise<readonly FileEntry[]> {
    const { lander, shape, table, environment } = this.#writing
    const lake = this.#lakeRows()
    const at = environment.now()
    let ordinal = 1
    await eachBatch(rows, signal, async (each) => {
      if (each.batch.numRows === 0) return
      await lander.appendChanges(insertedRows(lake, each, ordinal, at), shape.schema, signal)
      ordinal += each.batch.numRows
      await this.#keepRejects(signal)
    })
    await this.#keepRejects(signal)
    return (await lander.takeChanges(signal)).get(table) ?? []
  }

  #lakeRows(): LakeRows {
    const { shape, columns, place } = this.#writing
    return { table: shape.source, types: columns.map(({ type }) => type), place }
  }

  async #keepRejects(signal: AbortSignal): Promise<void> {
    const { takeRejects, lander, table, place } = this.#writing
    const rejects = takeRejects()
    this.#rejects += rejects.length
    await lander.writeRejects(
      rejects.map(({ column, place: where, reason, row }) => ({
        table,
        column,
        position: positionAt(place),
        reason: where === null ? reason : `${where}: ${reason}`,
        row,
      })),
      signal,
    )
  }

  /** Whether the log says that the batch stands in the table. */
  async #wasWritten(batch: string, signal: AbortSignal): Promise<boolean> {
    const { log, table, known, again, appends } = this.#writing
    if (again || known === null) return false
    if (!appends) return known.storage === batchToken('replace', batch)
    const written = new Set<string>()
    for await (const { tables } of log.commits({ from: 1 }, signal)) {
      const change = tables[table]
      if (change?.dropped || change?.snapshot?.start !== undefined) written.clear()
      const token = batchOf(change?.snapshot?.start?.storage ?? change?.storage ?? null)
      if (token !== null) written.add(token.batch)
    }
    return written.has(batch)
  }

  #draft(state: LogState, files: readonly FileEntry[], batch: string, rows: number) {
    const { log, shape, table, known, place, appends, mode, environment } = this.#writing
    const now = state.tables[table]
    refuseOthers(state, log.lake.integration, table)
    // Readers that went on from the log's position would never see rows from before it.
    const late = appends && state.position !== null && state.position > positionAt(place)
    if (
      late ||
      (now?.schema.version ?? 0) !== (known?.schema.version ?? 0) ||
      nextGeneration(now ?? null) !== nextGeneration(known)
    ) {
      throw new ConnectorError(
        'FENCED',
        `Lake "${log.lake.integration}" was written by another transfer while this one was preparing rows of "${table}"; nothing of this one was kept. Run it again`,
      )
    }
    const token = batchToken(mode, batch)
    const schema = shape.schema === known?.schema ? {} : { schema: shape.schema }
    const cut = positionAt(place)
    const start = { storage: token, plan: [{ id: 'transfer', from: null, to: null, by: 'whole' }] }
    const replaced = {
      snapshot: { generation: nextGeneration(now ?? null), start, done: { transfer: cut }, complete: true },
      ...(now === undefined || now.changes.length === 0 ? {} : { removed: now.changes.map(({ key }) => key) }),
    }
    const change: TableCommit = { ...schema, ...(appends ? { storage: token } : replaced), added: files }
    const after = positionAt(place + 1)
    return {
      kind: 'maintenance' as const,
      position: state.position !== null && state.position > after ? state.position : after,
      source: { system: TRANSFER_SYSTEM, timeline: 1, database: log.lake.integration, version: 'portage transfer', epoch: 1 },
      through: environment.now().toISOString(),
      transactions: 1,
      changes: appends ? rows : 0,
      rejects: this.#rejects,
      tables: { [table]: change },
    }
  }
}

const nextGeneration = (table: TableState | null): number =>
  Math.max(table?.base?.generation ?? 0, table?.pending?.generation ?? 0) + 1

/** The rows are not even asked for. */
async function repeated(rows: AsyncIterable<TableBatch>): Promise<WriteOutcome> {
  await rows[Symbol.asyncIterator]().return?.()
  return { rows: 0, bytes: 0, repeated: true }
}
