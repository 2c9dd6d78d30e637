/** `vacuum`: deletes files that nothing needs any more, and lets old changes leave the history when told to. */
import type { LoadedIntegration } from '../config/integration.ts'
import type { Position, TableName } from '../connectors/change.ts'
import type { LogState } from '../integrations/land/log/commit.ts'
import { cutsBefore, dropHistory, droppable, type HistoryOutcome } from '../integrations/maintain/drop-history.ts'
import { announce } from '../integrations/maintain/intent.ts'
import type { Verdict } from '../integrations/maintain/needed.ts'
import { type VacuumOutcome, vacuum } from '../integrations/maintain/vacuum.ts'
import type { CommandContext } from './command-context.ts'
import { EXIT, UsageError } from './exit-codes.ts'
import { bytesText, counted, countText, durationText } from './format/quantities.ts'
import { renderTable } from './format/table.ts'
import { madeFromHistory, type Shown, shownInWarehouses } from './history-readers.ts'
import { type Maintenance, maintenanceProgress, openMaintenance } from './maintenance.ts'
import { maskedColumns } from './masked-columns.ts'
import { printJson } from './output.ts'
import { PARQUET } from './parquet-format.ts'
import { recordAudit } from './record-audit.ts'

export type VacuumOptions = {
  readonly integration: string | undefined
  readonly graceMs: number
  /** Drop changes older than this from the history; null: what the YAML says. */
  readonly dropHistoryMs: number | null
  readonly despiteReaders: boolean
  readonly dryRun: boolean
  readonly json: boolean
}

/** By YAML, history is shortened when it is this much longer than asked for: each time a base is written anew. */
const RETENTION_SLACK = 0.1

export async function vacuumNow(context: CommandContext, options: VacuumOptions): Promise<void> {
  await using maintenance = await openMaintenance(context, options.integration)
  const { integration, store, log, session } = maintenance
  const { signal } = context
  const shown = await shownInWarehouses(integration, session.opener, signal)
  const unknown = shown.filter(({ commit }) => commit === null)
  if (unknown.length > 0) return await refuse(context, integration, unknown, options.json)
  const history = await shortenHistory(context, maintenance, shown, options)
  const { environment } = session
  const { graceMs, dryRun } = options
  await log.refresh(signal)
  const needs = { followers: shown, pinned: [], keys: new Map<string, string>() }
  const outcome = await vacuum({ store, log, needs, directories: shown, graceMs, environment, dryRun, signal })
  const deleted = outcome.verdicts.filter(({ action }) => action === 'delete')
  if (!dryRun && deleted.length > 0) {
    const details = { files: deleted.length, bytes: sizeOf(deleted), below: outcome.below, grace: durationText(graceMs) }
    await recordAudit({ store, integration, environment, by: session.by }, { event: 'vacuum', details })
  }
  await print(context, history, outcome, options)
}

async function refuse(
  context: CommandContext,
  { name }: LoadedIntegration,
  unknown: readonly Shown[],
  json: boolean,
): Promise<void> {
  const reasons = unknown.map(({ by, why }) => `${by} cannot say what it shows: ${context.redaction.redact(why ?? '')}`)
  context.exit(EXIT.failed)
  if (json) return await printJson(context, { deleted: [], kept: [], history: [], below: null, refused: reasons })
  await context.print('Nothing was deleted, because nobody can tell which files are still needed:')
  for (const reason of reasons) await context.print(`  ${reason}`)
  await context.print(`Make it reachable, "portage register ${name}" from here, or take it out of "register"`)
}

/** Lets old changes leave the history of every table that has some. Throws `UsageError` when they are still read. */
async function shortenHistory(
  context: CommandContext,
  maintenance: Maintenance,
  shown: readonly Shown[],
  options: VacuumOptions,
): Promise<readonly HistoryOutcome[]> {
  const { integration, store, log, session } = maintenance
  const { retention } = integration
  const age = options.dropHistoryMs ?? retention?.changesMs ?? null
  if (age === null) return []
  const { signal } = context
  const { environment, by } = session
  const now = environment.now().getTime()
  const slack = options.dropHistoryMs === null ? age * RETENTION_SLACK : 0
  const moments = [new Date(now - age), new Date(now - age - slack)] as const
  const [cut, due] = await cutsBefore(log.commits({ from: 1 }, signal), moments)
  const tables = tablesWithChanges(log.state(), due)
  if (tables.length === 0) return []
  const told = options.despiteReaders || (options.dropHistoryMs === null && retention?.despiteReaders === true)
  if (!told) await refuseReaders(maintenance, shown, signal)
  if (options.dryRun) {
    return tables.map((table) => {
      const current = log.state().tables[table]
      const files = current === undefined ? [] : droppable(current, cut)
      const whole = typeof files === 'string' ? [] : files.filter(({ maxPosition }) => cut !== null && maxPosition <= cut)
      return { table, from: cut, changes: whole.reduce((sum, { rows }) => sum + rows, 0), files: whole.length, why: null }
    })
  }
  const progress = maintenanceProgress(context.io.stderr, environment)
  const outcomes: HistoryOutcome[] = []
  try {
    const intent = await announce(log, environment, signal)
    for (const table of tables) {
      const outcome = await dropHistory(table, cut, {
        store,
        log,
        intent,
        environment,
        format: PARQUET,
        compression: integration.lake.compression,
        targetFileBytes: integration.lake.targetFileBytes,
        unstated: maskedColumns,
        onProgress: progress.emit,
        signal,
      })
      outcomes.push(outcome)
      if (outcome.from === null) continue
      const details = { table, from: outcome.from, changes: outcome.changes, files: outcome.files, commit: log.state().number }
      await recordAudit({ store, integration, environment, by }, { event: 'history.drop', details })
    }
  } finally {
    progress.close()
  }
  return outcomes
}

function tablesWithChanges(state: LogState, cut: Position | null): readonly TableName[] {
  const names = (Object.keys(state.tables) as TableName[]).toSorted()
  return names.filter((table) => {
    const current = state.tables[table]
    return current !== undefined && typeof droppable(current, cut) !== 'string'
  })
}

async function refuseReaders({ integration, store }: Maintenance, shown: readonly Shown[], signal: AbortSignal): Promise<void> {
  const features = await madeFromHistory(integration, store, signal)
  const readers = [
    ...shown
      .filter(({ relations }) => relations > 0)
      .map(({ by, relations }) => `${by} shows it (${counted(relations, 'table')})`),
    ...features.map((name) => `feature table "${name}" is made from it`),
  ]
  if (readers.length === 0) return
  throw new UsageError(
    `The history of "${integration.name}" is still read: ${readers.join('; ')}. Nothing was dropped and nothing deleted. They will see it begin later with --despite-readers (or "retention: {despite_readers: true}")`,
  )
}

const sizeOf = (verdicts: readonly Verdict[]): number => verdicts.reduce((sum, { size }) => sum + size, 0)

async function print(
  context: CommandContext,
  history: readonly HistoryOutcome[],
  { verdicts, below }: VacuumOutcome,
  { dryRun, json }: VacuumOptions,
): Promise<void> {
  const deleted = verdicts.filter(({ action }) => action === 'delete')
  const kept = verdicts.filter(({ action }) => action === 'keep' || action === 'foreign')
  if (json) {
    const files = (some: readonly Verdict[]) => some.map(({ key, size, reason }) => ({ key, size, reason }))
    return await printJson(context, { dryRun, history, deleted: files(deleted), kept: files(kept), below })
  }
  for (const { table, from, changes, files, why } of history) {
    const left = `${counted(changes, 'change')} in ${counted(files, 'file')}`
    await context.print(
      from === null
        ? `${table}: history stays, ${why}`
        : `${table}: history ${dryRun ? 'would begin' : 'begins'} at ${from}; ${left} ${dryRun ? 'would leave' : 'left'} it`,
    )
  }
  if (dryRun) for (const { key, size, reason } of deleted) await context.print(`${key}  ${bytesText(size)}  ${reason}`)
  const groups = Map.groupBy([...deleted, ...kept], ({ action, reason }) => `${action}\n${summary(reason)}`)
  const rows = [...groups].map(([name, some]) => {
    const [action, reason] = name.split('\n')
    const verb = action === 'delete' ? (dryRun ? 'would delete' : 'deleted') : 'kept'
    return [verb, countText(some.length), bytesText(sizeOf(some)), reason ?? '']
  })
  if (rows.length === 0) await context.print('Nothing to delete: every data file is part of the newest state')
  else await context.print(renderTable(['', 'files', 'size', 'because'], rows))
  if (below !== null) {
    await context.print(`Commits before ${below} ${dryRun ? 'could' : 'can'} no longer be queried with --at`)
  }
}

/** One line for all replaced files, whichever commit it was. */
const summary = (reason: string): string => reason.replace(/^replaced by commit \d+$/, 'replaced by later commits')
