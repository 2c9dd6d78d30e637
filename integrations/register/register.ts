/** Brings one warehouse up to a state of the log: a monotonic diff from the commit recorded in the warehouse itself. */

import type { TableName } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { ObjectStore, Registered, RegisterOutcome, RegisterRequest, Warehouse } from '../../connectors/ports.ts'
import type { RefusedTables } from '../../connectors/refused-table.ts'
import type { FileWriterOptions } from '../land/file-writer.ts'
import type { LogState } from '../land/log/commit.ts'
import type { DirectoryFormatName } from './directory/formats.ts'
import { projectRequest } from './directory/project.ts'
import { behindTables, engineRefusal, keptRelations, type RefusedTable, refusalsOf, refusedTables } from './refused.ts'
import { registrationOf } from './registration.ts'
import { type Remembered, recall, remember } from './remembered.ts'

/** How files are written for an engine that reads directories; other engines need none of it. */
export type ProjectionSettings = {
  /** Of the lake in the store. */
  readonly prefix: string
  /** Name of the warehouse's connection. */
  readonly connection: string
  /** Null: not said. */
  readonly format: DirectoryFormatName | null
  /** A table's own, where tables differ; null: as `format` says. `recorded` is that of the files that are shown now, or null. */
  readonly formatOf?: (table: TableName, recorded: DirectoryFormatName | null) => DirectoryFormatName | null
  readonly compression: FileWriterOptions['compression']
  readonly targetFileBytes: number
}

export type RegisterCommitOptions = {
  readonly integration: string
  readonly schema: string
  readonly state: LogState
  readonly store: ObjectStore
  readonly warehouse: Warehouse
  /** Absent: the warehouse takes lists of files. */
  readonly projection?: ProjectionSettings
  readonly dryRun: boolean
  /** Make everything anew and prove every file, although the warehouse says that it is current. Default: false. */
  readonly repair?: boolean
  /** Of registrations before, when they are of one process. Absent: every refused table is tried. */
  readonly remembered?: Remembered
}

export type Registration = Omit<RegisterOutcome, 'refused'> & {
  /** The commit that the warehouse shows now; null when it shows nothing yet. */
  readonly commit: number | null
  /** The commit that it showed before. */
  readonly before: number | null
  /** True when the warehouse was not asked for anything. */
  readonly upToDate: boolean
  readonly relations: readonly string[]
  /** Tables that the warehouse cannot hold, or refused: the others are at the commit, these as they were before. */
  readonly refused: readonly RefusedTable[]
}

/** Another registration of the integration that was quicker may have done all of it: the warehouse is asked again. */
const ATTEMPTS = 5

/**
 * Calls the warehouse only when the state is newer than what it shows, or for a repair of just that commit, or to
 * show a table of that commit that it does not show as it is. A table that it cannot hold keeps no other back. Throws what
 * `Warehouse.register` throws.
 */
export async function registerCommit(options: RegisterCommitOptions, signal: AbortSignal): Promise<Registration> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await registerOnce(options, signal)
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof ConnectorError) || error.code !== 'UNAVAILABLE') throw error
    }
  }
}

async function registerOnce(options: RegisterCommitOptions, signal: AbortSignal): Promise<Registration> {
  const { integration, schema, state, warehouse, dryRun, repair = false, remembered } = options
  const shown = await warehouse.registered(integration, schema, signal)
  const unchanged = unchangedSince(shown)
  const turn = turnOf(options, shown)
  if (turn === null) return unchanged
  const { asked, refusals, behind } = turn
  if (behind?.length === 0) return { ...unchanged, refused: toldOf(turn) }
  const tables = asked.tables.filter(({ table }) => !refusals.has(table))
  const request = { ...asked, tables, kept: [...keptOf(turn).values()] }
  const ready = await showable(request, { ...options, shown, repair, refusals }, signal)
  const nothing = ready.tables.length === 0 && shown === null
  if (nothing || behind?.every((table) => refusals.has(table))) return { ...unchanged, refused: toldOf(turn) }
  const { refused, ...outcome } = await warehouse.register({ ...ready, repair }, signal)
  const said = new Map([...(refused ?? [])].map(([table, error]) => [table, engineRefusal(integration, table, error)] as const))
  if (remembered !== undefined) remember(remembered, said, ready.tables, shown)
  for (const [table, error] of said) refusals.set(table, error)
  const made = ready.tables.filter(({ table }) => !refusals.has(table)).map(({ relation }) => relation)
  const relations = [...made, ...keptOf(turn).values()].toSorted()
  const { before } = unchanged
  return { ...outcome, before, commit: dryRun ? before : state.number, upToDate: false, relations, refused: toldOf(turn) }
}

function unchangedSince(shown: Registered | null): Registration {
  const before = shown?.commit ?? null
  const nothing = { statements: [], filesAdded: 0, filesRemoved: 0, refused: [] }
  return { ...nothing, commit: before, before, upToDate: true, relations: shown?.relations ?? [] }
}

/** What a registration has to do. */
type Turn = {
  readonly shown: Registered | null
  readonly asked: RegisterRequest
  /** Known before the warehouse is asked, and what is added while it works. */
  readonly refusals: RefusedTables
  /** Tables that alone are to be brought forward; null: whatever differs. */
  readonly behind: readonly TableName[] | null
}

/** Null: there is nothing to show, or only older things. */
function turnOf(options: RegisterCommitOptions, shown: Registered | null): Turn | null {
  const { integration, schema, state, store, warehouse, dryRun, repair = false, remembered } = options
  if (shown !== null && shown.commit > state.number) return null
  const asked = registrationOf(state, { integration, schema, dialect: warehouse.dialect, store, dryRun })
  if (asked === null) return null
  const refusals = refusalsOf(asked.tables, warehouse)
  if (remembered !== undefined) recall(remembered, refusals, asked.tables, shown)
  const isWhole = shown === null || shown.commit < state.number || repair
  const tables = asked.tables.filter(({ table }) => !refusals.has(table))
  return { shown, asked, refusals, behind: isWhole ? null : behindTables(tables, shown) }
}

const keptOf = ({ shown, asked, refusals }: Turn): ReadonlyMap<TableName, string> =>
  keptRelations(new Set(refusals.keys()), shown, asked.tables)

const toldOf = (turn: Turn): readonly RefusedTable[] => refusedTables(turn.refusals, keptOf(turn))

type Showing = RegisterCommitOptions & {
  readonly shown: Registered | null
  readonly repair: boolean
  readonly refusals: RefusedTables
}

/** The request with files that the warehouse can read; what it cannot hold of them is added to the refusals. */
async function showable(request: RegisterRequest, options: Showing, signal: AbortSignal): Promise<RegisterRequest> {
  const { warehouse, store, shown, repair, integration, schema, projection, refusals, remembered } = options
  if (warehouse.reads === 'directory') {
    if (projection === undefined) throw new ConnectorError('INTERNAL', `Nobody said where files for "${warehouse.kind}" go`)
    const { prefix, connection, format, formatOf, compression, targetFileBytes } = projection
    const place = { prefix, integration, connection, schema }
    const memory = remembered === undefined ? {} : { remembered: remembered.values }
    const own = formatOf === undefined ? {} : { formatOf }
    const written = { format: format ?? 'orc', ...own, compression, targetFileBytes } as const
    const made = { store, place, warehouse, ...written, repair, refusals, ...memory }
    return await projectRequest(request, shown, made, signal)
  }
  const format = projection?.format ?? null
  const files = request.tables.flatMap(({ base, changes }) => [...base, ...changes])
  if (format === null || files.every((file) => file.format === format)) return request
  throw new ConnectorError(
    'CONFIGURATION',
    `Warehouse "${projection?.connection}" reads the lake's own files: "format: ${format}" under "register" cannot be carried out. Leave it out`,
  )
}
