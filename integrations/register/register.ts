/** Brings one warehouse up to a state of the log: a monotonic diff from the commit recorded in the warehouse itself. */

import { ConnectorError } from '../../connectors/errors.ts'
import type { ObjectStore, Registered, RegisterOutcome, RegisterRequest, Warehouse } from '../../connectors/ports.ts'
import type { FileWriterOptions } from '../land/file-writer.ts'
import type { LogState } from '../land/log/commit.ts'
import type { DirectoryFormatName } from './directory/formats.ts'
import { projectRequest, type Remembered } from './directory/project.ts'
import { behindTables, keptRelations, type Refusals, type RefusedTable, refusalsOf, refusedTables } from './refused.ts'
import { registrationOf } from './registration.ts'

/** How files are written for an engine that reads directories; other engines need none of it. */
export type ProjectionSettings = {
  /** Of the lake in the store. */
  readonly prefix: string
  /** Name of the warehouse's connection. */
  readonly connection: string
  /** Null: not said. */
  readonly format: DirectoryFormatName | null
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
  /** Of registrations before, when they are of one process. */
  readonly remembered?: Remembered
}

export type Registration = RegisterOutcome & {
  /** The commit that the warehouse shows now; null when it shows nothing yet. */
  readonly commit: number | null
  /** The commit that it showed before. */
  readonly before: number | null
  /** True when the warehouse was not asked for anything. */
  readonly upToDate: boolean
  readonly relations: readonly string[]
  /** Tables that the warehouse cannot hold: the others are at the commit, these as they were before. */
  readonly refused: readonly RefusedTable[]
}

/**
 * Calls the warehouse only when the state is newer than what it shows, or for a repair of just that commit, or to
 * show a table of that commit that it could not hold before. A table that it cannot hold keeps no other back. Throws what
 * `Warehouse.register` throws.
 */
export async function registerCommit(options: RegisterCommitOptions, signal: AbortSignal): Promise<Registration> {
  const { integration, schema, state, store, warehouse, dryRun, repair = false } = options
  const shown = await warehouse.registered(integration, schema, signal)
  const before = shown?.commit ?? null
  const unchanged: Registration = {
    statements: [],
    filesAdded: 0,
    filesRemoved: 0,
    commit: before,
    before,
    upToDate: true,
    relations: shown?.relations ?? [],
    refused: [],
  }
  const isNewer = before === null || state.number > before
  if (!isNewer && state.number !== before) return unchanged
  const asked = registrationOf(state, { integration, schema, dialect: warehouse.dialect, store, dryRun })
  if (asked === null) return unchanged
  const refusals = refusalsOf(asked.tables, warehouse)
  const request = { ...asked, tables: asked.tables.filter(({ table }) => !refusals.has(table)) }
  const mends = repair && !isNewer
  const behind = isNewer || mends || shown === null ? [] : behindTables(request.tables, shown)
  if (!isNewer && !mends && behind.length === 0) {
    return { ...unchanged, refused: refusedTables(refusals, keptRelations(new Set(refusals.keys()), shown, request.tables)) }
  }
  stopForShown(warehouse, shown, asked, refusals)
  const ready = await showable(request, { shown, ...options, repair: mends, refusals }, signal)
  const nothing = ready.tables.length === 0 && before === null
  const nothingNew = !isNewer && !mends && behind.every((table) => refusals.has(table))
  const kept = keptRelations(new Set(refusals.keys()), shown, ready.tables)
  const told = refusedTables(refusals, kept)
  if (nothing || nothingNew) return { ...unchanged, refused: told }
  const outcome = await warehouse.register({ ...ready, repair }, signal)
  const relations = [...ready.tables.map((table) => table.relation), ...kept.values()].toSorted()
  return { ...outcome, before, commit: dryRun ? before : state.number, upToDate: false, relations, refused: told }
}

/**
 * A warehouse that takes lists of the lake's files shows what its commit says, and vacuum goes by that: a table that it shows
 * cannot stay behind. So its refusal keeps all of them where they are.
 */
function stopForShown(warehouse: Warehouse, shown: Registered | null, { tables }: RegisterRequest, refusals: Refusals): void {
  if (warehouse.reads === 'directory') return
  const relations = new Set(shown?.relations)
  for (const { table, relation } of tables) {
    const error = refusals.get(table)
    if (error !== undefined && relations.has(relation)) throw error
  }
}

type Showing = RegisterCommitOptions & {
  readonly shown: Registered | null
  readonly repair: boolean
  readonly refusals: Refusals
}

async function showable(request: RegisterRequest, options: Showing, signal: AbortSignal): Promise<RegisterRequest> {
  const { warehouse, store, shown, repair, integration, schema, projection, refusals, remembered } = options
  if (warehouse.reads === 'directory') {
    if (projection === undefined) throw new ConnectorError('INTERNAL', `Nobody said where files for "${warehouse.kind}" go`)
    const { prefix, connection, format, compression, targetFileBytes } = projection
    const place = { prefix, integration, connection, schema }
    const memory = remembered === undefined ? {} : { remembered }
    const written = { format: format ?? 'orc', compression, targetFileBytes } as const
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
