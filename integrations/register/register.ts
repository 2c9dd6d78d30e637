/** Brings one warehouse up to a state of the log: a monotonic diff from the commit recorded in the warehouse itself. */

import { ConnectorError } from '../../connectors/errors.ts'
import type { ObjectStore, Registered, RegisterOutcome, RegisterRequest, Warehouse } from '../../connectors/ports.ts'
import type { FileWriterOptions } from '../land/file-writer.ts'
import type { LogState } from '../land/log/commit.ts'
import { projectRequest } from './directory/project.ts'
import { registrationOf } from './registration.ts'

/** How files are written for an engine that reads directories; other engines need none of it. */
export type ProjectionSettings = {
  /** Of the lake in the store. */
  readonly prefix: string
  /** Name of the warehouse's connection. */
  readonly connection: string
  /** Null: not said. */
  readonly format: 'orc' | 'parquet' | null
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
}

export type Registration = RegisterOutcome & {
  /** The commit that the warehouse shows now; null when it shows nothing yet. */
  readonly commit: number | null
  /** The commit that it showed before. */
  readonly before: number | null
  /** True when the warehouse was not asked for anything. */
  readonly upToDate: boolean
  readonly relations: readonly string[]
}

/**
 * Calls the warehouse only when the state is newer than what it shows, or for a repair of just that commit. Throws what
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
  }
  const isNewer = before === null || state.number > before
  if (!isNewer && !(repair && state.number === before)) return unchanged
  const request = registrationOf(state, { integration, schema, dialect: warehouse.dialect, store, dryRun })
  if (request === null || (request.tables.length === 0 && before === null)) return unchanged
  const ready = await showable(request, { shown, ...options, repair: repair && !isNewer }, signal)
  const outcome = await warehouse.register({ ...ready, repair }, signal)
  const relations = request.tables.map((table) => table.relation)
  return { ...outcome, before, commit: dryRun ? before : state.number, upToDate: false, relations }
}

type Showing = RegisterCommitOptions & { readonly shown: Registered | null; readonly repair: boolean }

async function showable(request: RegisterRequest, options: Showing, signal: AbortSignal): Promise<RegisterRequest> {
  const { warehouse, store, shown, repair, integration, schema, projection } = options
  if (warehouse.reads === 'directory') {
    if (projection === undefined) throw new ConnectorError('INTERNAL', `Nobody said where files for "${warehouse.kind}" go`)
    const { prefix, connection, format, compression, targetFileBytes } = projection
    const place = { prefix, integration, connection, schema }
    const made = { store, place, warehouse, format: format ?? 'orc', compression, targetFileBytes, repair }
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
