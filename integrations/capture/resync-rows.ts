/**
 * Takes the rows of one table that match a condition again, beside a run: as changes just below the cut of a snapshot. What the
 * source no longer has is not looked at; that takes a snapshot of the whole table.
 */
import {
  METADATA_COLUMNS,
  OPS,
  type Position,
  type Reject,
  type RowBatch,
  type SourceTable,
  type TableName,
} from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { Environment, Source } from '../../connectors/ports.ts'
import type { Lander } from '../land/lander.ts'
import type { FileEntry, LogState, TableState } from '../land/log/commit.ts'
import type { CommitLog } from '../land/log/log.ts'
import { changeBatch, positionAt } from '../land/made-batch.ts'
import { firstRetaken, placeBelow, type RetakenPlace, retakenOrdinal } from '../land/retaken.ts'
import { announce } from '../maintain/intent.ts'
import { sameShape } from './physical-columns.ts'
import type { Filter } from './policies/filter-parse.ts'
import type { PolicyRules } from './policies/rules.ts'

export type ResyncRowsRequest = {
  /** Governed by `matching` rules: it yields the wanted rows only. */
  readonly source: Source
  /** Opened under the role `maintenance`. */
  readonly log: CommitLog
  readonly lander: Lander
  readonly table: TableName
  readonly environment: Pick<Environment, 'now'>
  readonly onWait: (message: string) => void
}

export type ResyncRowsOutcome = {
  readonly table: TableName
  readonly rows: number
  /** Rows that a type cannot hold, put aside. */
  readonly rejects: number
  /** The cut at which the rows were read. */
  readonly at: Position
  /** Null when no row matches: nothing was committed. */
  readonly commit: number | null
}

/** The rules of an integration, and of one table only the rows of which the filter is true as well. */
export function matching(rules: PolicyRules, table: TableName, text: string, filter: Filter): PolicyRules {
  return {
    ...rules,
    filter: (name) => {
      const own = rules.filter(name)
      if (name !== table) return own
      if (own === null) return { text, filter }
      return { text: `(${own.text}) and (${text})`, filter: { kind: 'and', terms: [own.filter, filter] } }
    },
  }
}

/**
 * One commit of maintenance; nobody is fenced. Throws `CONFIGURATION` for a table that cannot be taken in part, `SCHEMA` when its
 * shape is not the newest of the log, `FENCED` when the lake went another way meanwhile: nothing is in the log then.
 */
export async function resyncRows(request: ResyncRowsRequest, signal: AbortSignal): Promise<ResyncRowsOutcome> {
  const { source, log, lander, table, environment, onWait } = request
  const known = standing(log.state(), table)
  await refuseOtherServer(source, log, signal)
  await using snapshot = await source.holdSnapshot(signal, onWait)
  const epoch = log.state().source?.epoch ?? 1
  // Whoever has not prepared the source counts epochs from 1.
  const at = positionAt(placeBelow(snapshot.position).place + 1, 0, epoch)
  const place = placeBelow(at)
  refuseLate(log.state(), known, table, place)
  if (at < (log.state().position ?? at)) throw overtaken(table)
  const { tables } = await source.describe(signal)
  const described = sameAsRecorded(tables, known, place)
  const intent = await announce(log, environment, signal)
  const rejects: Reject[] = []
  let rows = 0
  try {
    for (const chunk of await source.planChunks(described, signal)) {
      const { token } = snapshot
      const onReject = (reject: Reject): void => void rejects.push(reject)
      for await (const batch of source.readChunk({ table: described, chunk, token, position: at, onReject }, signal)) {
        try {
          await lander.appendChanges(retaken(batch, { ...place, row: rows, at: snapshot.openedAt }), known.schema, signal)
          rows += batch.batch.numRows
        } finally {
          batch.release()
        }
        await intent.keepAlive(signal)
      }
      await intent.keepAlive(signal)
    }
  } catch (error) {
    await lander.abort()
    throw error
  }
  await lander.writeRejects(rejects, signal)
  const added = (await lander.takeChanges(signal)).get(table) ?? []
  if (rows === 0) return { table, rows, rejects: rejects.length, at, commit: null }
  intent.assertAlive()
  const commit = await landed(request, { known, place, added, rows, rejects: rejects.length, epoch }, signal)
  return { table, rows, rejects: rejects.length, at, commit }
}

type Landing = {
  readonly known: TableState
  readonly place: RetakenPlace
  readonly added: readonly FileEntry[]
  readonly rows: number
  readonly rejects: number
  readonly epoch: number
}

async function landed(
  { log, lander, table }: ResyncRowsRequest,
  { known, place, added, rows, rejects, epoch }: Landing,
  signal: AbortSignal,
): Promise<number> {
  try {
    const { number } = await log.append((state) => {
      const now = standing(state, table)
      const same =
        now.schema.version === known.schema.version &&
        now.base?.generation === known.base?.generation &&
        state.source?.epoch === epoch
      if (!same) throw overtaken(table)
      refuseLate(state, now, table, place)
      return { kind: 'maintenance', changes: rows, rejects, tables: { [table]: { added } } }
    }, signal)
    return number
  } catch (error) {
    // Refused before anything was put: the files are nobody's.
    const unwritten = error instanceof ConnectorError && REFUSALS.has(error.code)
    if (unwritten) await lander.discard(added, signal).catch(() => undefined)
    throw error
  }
}

const REFUSALS: ReadonlySet<string> = new Set(['FENCED', 'CONFIGURATION', 'SCHEMA'])

/** The table as it must stand in the log, when rows of it are taken and when they are committed. */
function standing(state: LogState, table: TableName): TableState {
  const found = state.tables[table]
  const refused = (problem: string, cure: string): ConnectorError =>
    new ConnectorError('CONFIGURATION', `Rows of "${table}" cannot be taken again by a condition: ${problem}. ${cure}`)
  if (found === undefined)
    throw refused('it is not in the log', `Expected one of ${Object.keys(state.tables).toSorted().join(', ')}`)
  const { schema, base, pending, shown, gone } = found
  if (state.position === null || base === null || pending !== null)
    throw refused('a copy of all of it is still to come', 'Let "portage run" complete it first')
  if (schema.key.length === 0) throw refused('it has no key', 'Run "portage resync" without --where: all of it is copied again')
  if (gone !== null) throw refused('the source no longer has it', 'Leave it out under tables, or create it again')
  if (shown !== null) throw refused('a change of its shape waits to be accepted', 'Run "portage plan" and "portage apply" first')
  return found
}

async function refuseOtherServer(source: Source, log: CommitLog, signal: AbortSignal): Promise<void> {
  const [now, then] = [await source.identity(signal), log.state().source]
  if (then !== null && now.system === then.system && now.timeline === then.timeline && now.database === then.database) return
  throw new ConnectorError(
    'SOURCE_CHANGED',
    `The source is not the server that the log was written from, or was restored since: expected ${then?.system}, timeline ${then?.timeline}; found ${now.system}, timeline ${now.timeline}. Run "portage resync <integration> --all"`,
  )
}

/** The rows must lie above everything that stands for the base, and where nobody else has taken rows again. */
function refuseLate(state: LogState, { base, changes }: TableState, table: TableName, place: RetakenPlace): void {
  const first = firstRetaken(place)
  const through = [base?.boundary, base?.renewed?.boundary, ...(base?.files ?? []).map(({ maxPosition }) => maxPosition)]
  const covered = through.some((position) => position !== undefined && position >= first)
  const taken = changes.some(({ minPosition }) => minPosition === first)
  if (covered || taken || state.position === null) throw overtaken(table)
}

const overtaken = (table: TableName): ConnectorError =>
  new ConnectorError(
    'FENCED',
    `The lake's copy of "${table}" was made anew at or after the moment at which its rows were read; nothing of them was kept. Run it again`,
  )

/** The description, when rows of it are rows of the log's newest schema version, which held before the place. */
function sameAsRecorded(tables: readonly SourceTable[], { schema }: TableState, place: RetakenPlace): SourceTable {
  const found = tables.find(({ table }) => table === schema.table)
  const first = firstRetaken(place)
  const early = schema.since > first || schema.columns.some(({ initial }) => initial !== undefined && initial.before > first)
  if (found !== undefined && !early && sameShape(schema, found) && policiesOf(schema) === policiesOf(found)) return found
  throw new ConnectorError(
    'SCHEMA',
    `Table "${schema.table}" of the source has not the shape that the log has last recorded (version ${schema.version}). Let "portage run" catch up, then run this again`,
  )
}

/** What hides columns: a mask that the log does not know means other values. */
function policiesOf({ columns, withheld = [] }: Pick<SourceTable, 'columns' | 'withheld'> | TableState['schema']): string {
  const live = columns.filter((column) => !('dropped' in column && column.dropped === true))
  const masks = live.map(({ id, policy }) => JSON.stringify([id, policy?.mask ?? null])).toSorted()
  return `${masks.join()} ${withheld.map(({ id }) => id).toSorted((a, b) => a - b)}`
}

/** Snapshot rows as updates at positions of their own. All of them were seen at one moment, hence on one date. */
function retaken(
  rows: RowBatch,
  { epoch, place, row, at }: RetakenPlace & { readonly row: number; readonly at: Date },
): RowBatch {
  const { table, batch, release } = rows
  const length = batch.numRows
  const [ordinal, last] = [retakenOrdinal(row), retakenOrdinal(row + Math.max(0, length - 1))]
  const columns = batch.data.children.slice(METADATA_COLUMNS.length)
  return {
    table,
    part: 'changes',
    batch: changeBatch(table, { op: OPS.update, epoch, place, ordinal, at }, columns, length),
    date: at.toISOString().slice(0, 10),
    firstPosition: positionAt(place, ordinal, epoch),
    lastPosition: positionAt(place, last, epoch),
    release,
  }
}
