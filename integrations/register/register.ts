/** Brings one warehouse up to a state of the log: a monotonic diff from the commit recorded in the warehouse itself. */
import type { ObjectStore, RegisterOutcome, Warehouse } from '../../connectors/ports.ts'
import type { LogState } from '../land/log/commit.ts'
import { registrationOf } from './registration.ts'

export type RegisterCommitOptions = {
  readonly integration: string
  readonly schema: string
  readonly state: LogState
  readonly store: Pick<ObjectStore, 'address' | 'get'>
  readonly warehouse: Warehouse
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
  const outcome = await warehouse.register(request, signal)
  const relations = request.tables.map((table) => table.relation)
  return { ...outcome, before, commit: dryRun ? before : state.number, upToDate: false, relations }
}
