/** Brings one warehouse up to a state of the log: a monotonic diff from the commit recorded in the warehouse itself. */
import type { RegisterOutcome, Warehouse } from '../../connectors/ports.ts'
import type { LogState } from '../land/log/commit.ts'
import { type RegistrationOptions, registrationOf } from './registration.ts'

export type RegisterOptions = Omit<RegistrationOptions, 'dialect'> & {
  /** Make everything anew and prove every file, although the warehouse says that it is current. */
  readonly repair: boolean
}

export type Registration = RegisterOutcome & {
  /** The commit that the warehouse shows now; null when it shows nothing yet. */
  readonly commit: number | null
  /** The commit that it showed before. */
  readonly before: number | null
  readonly relations: readonly string[]
}

/** Calls the warehouse only when the state is newer than what it shows, or for a repair. Throws what `Warehouse.register` throws. */
export async function registerState(
  warehouse: Warehouse,
  state: LogState,
  options: RegisterOptions,
  signal: AbortSignal,
): Promise<Registration> {
  const shown = await warehouse.registered(options.integration, options.schema, signal)
  const before = shown?.commit ?? null
  const unchanged = { statements: [], filesAdded: 0, filesRemoved: 0, commit: before, before, relations: shown?.relations ?? [] }
  const isNewer = before === null || state.number > before
  if (!isNewer && !(options.repair && state.number === before)) return unchanged
  const request = registrationOf(state, { ...options, dialect: warehouse.dialect })
  if (request === null) return unchanged
  const outcome = await warehouse.register(request, signal)
  const relations = request.tables.map((table) => table.relation)
  return { ...outcome, before, commit: options.dryRun ? before : state.number, relations }
}
