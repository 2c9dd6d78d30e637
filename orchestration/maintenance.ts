/** What `compact` and `vacuum` share: a log opened for maintenance, and progress in plain lines. */
import type { LoadedIntegration } from '../config/integration.ts'
import { DURATION, durationMs, SIZE, sizeBytes } from '../config/units.ts'
import type { TableName } from '../connectors/change.ts'
import type { Environment, ObjectStore } from '../connectors/ports.ts'
import { inScope } from '../connectors/table-patterns.ts'
import type { LogState } from '../integrations/land/log/commit.ts'
import { type CommitLog, openLog } from '../integrations/land/log/log.ts'
import type { MaintenanceEvent } from '../integrations/maintain/compact.ts'
import type { CommandContext } from './command-context.ts'
import { UsageError } from './exit-codes.ts'
import { countText } from './format/quantities.ts'
import type { Output } from './io.ts'
import { openSession, type Session } from './session.ts'
import { anyIntegration } from './transfer/lake-integrations.ts'

export type Maintenance = AsyncDisposable & {
  readonly session: Session
  readonly integration: LoadedIntegration
  readonly store: ObjectStore
  readonly log: CommitLog
}

/** Opens the lake and reads its log; nothing is written. Throws `UsageError` when there is nothing in the lake yet. */
export async function openMaintenance(context: CommandContext, name: string | undefined): Promise<Maintenance> {
  const session = openSession(context)
  const integration = await anyIntegration(session, name, context.signal)
  const { environment, by, opener } = session
  await using stack = new AsyncDisposableStack()
  const store = stack.use(await opener.store(integration.lake.connection))
  const { prefix } = integration.lake
  const { signal } = context
  const log = await openLog({ store, prefix, integration: integration.name, environment, by, role: 'maintenance', signal })
  if (log.state().number === 0) {
    throw new UsageError(
      `Integration "${integration.name}" has nothing in the lake yet. "portage run ${integration.name}" begins`,
    )
  }
  const kept = stack.move()
  return { session, integration, store, log, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** Tables of the state that the patterns name, in order; all without patterns. Throws `UsageError` for one that names none. */
export function chosenTables(state: LogState, patterns: readonly string[], integration: string): readonly TableName[] {
  const known = (Object.keys(state.tables) as TableName[]).toSorted()
  if (patterns.length === 0) return known
  const unknown = patterns.filter((pattern) => !known.some((table) => inScope([pattern], table)))
  if (unknown.length > 0) {
    throw new UsageError(`Not in integration "${integration}": ${unknown.join(', ')}; expected ${known.join(', ')}`)
  }
  return known.filter((table) => patterns.some((pattern) => inScope([pattern], table)))
}

/** Milliseconds of `24h`, `90d`. Throws `UsageError` naming the option. */
export function durationOption(option: string, text: string): number {
  const ms = DURATION.test(text) ? durationMs(text) : null
  if (ms !== null) return ms
  throw new UsageError(`${option} "${text}": expected a duration such as 30m, 24h or 90d`)
}

/** Bytes of `256 MiB`. Throws `UsageError` naming the option. */
export function sizeOption(option: string, text: string): number {
  const bytes = SIZE.test(text) ? sizeBytes(text) : null
  if (bytes !== null && bytes > 0) return bytes
  throw new UsageError(`${option} "${text}": expected a size such as 64MiB or 1GB`)
}

const LINE_EVERY_MS = 10_000
const REDRAW_EVERY_MS = 100
const STEPS = { merge: 'merging changes', decide: 'finding current rows', renew: 'writing the base' } as const

export type MaintenanceProgress = { readonly emit: (event: MaintenanceEvent) => void; readonly close: () => void }

/** One line that is redrawn on a terminal, a line every ten seconds elsewhere. Writes to standard error only. */
export function maintenanceProgress(output: Output, environment: Pick<Environment, 'now'>): MaintenanceProgress {
  let shown = environment.now().getTime()
  let drawn = false
  const erase = (): void => {
    if (drawn) void output.write('\r\u001b[K')
    drawn = false
  }
  return {
    emit: ({ table, step, rows, total }) => {
      const now = environment.now().getTime()
      if (now - shown < (output.isTerminal ? REDRAW_EVERY_MS : LINE_EVERY_MS)) return
      shown = now
      const line = `${table}: ${STEPS[step]}, ${countText(rows)} of ${countText(total)} rows`
      erase()
      void output.write(output.isTerminal ? line : `${line}\n`)
      drawn = output.isTerminal
    },
    close: erase,
  }
}
