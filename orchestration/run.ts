/** One attempt at running an integration: the log claimed, the lander opened, capture and registration side by side. */
import type { TableName } from '../connectors/change.ts'
import { ConnectorError } from '../connectors/errors.ts'
import type { CaptureEvent } from '../integrations/capture/events.ts'
import { governedSource } from '../integrations/capture/policies/governed-source.ts'
import { replicate } from '../integrations/capture/replicate.ts'
import { commitEvent } from '../integrations/capture/told-log.ts'
import { openLander } from '../integrations/land/lander.ts'
import { type CommitLog, openLog } from '../integrations/land/log/log.ts'
import { heldTables } from '../integrations/register/held-tables.ts'
import { TRANSFER_SYSTEM } from '../integrations/transfer/lake-shape.ts'
import { maskedColumns } from './masked-columns.ts'
import { PARQUET } from './parquet-format.ts'
import { Registrar } from './registrar.ts'
import { planRun } from './run-plan.ts'
import type { ProgressEvent, RunIntegration, RunOptions, RunSummary, TableSummary } from './run-types.ts'
import { schemaPolicies } from './schema-policies.ts'

/** Shortest time between two looks at the catalogue for changes of shape that no row has shown. */
const CATALOGUE_MS = 30_000

export const runIntegration: RunIntegration = async (options, signal, progress) => {
  const { config, source, store, environment } = options
  const started = environment.now().getTime()
  const { prefix } = config.lake
  const log = await openLog({ store, prefix, integration: config.name, environment, by: options.by, signal })
  if (options.dryRun) return planRun(options, log.state(), signal)

  await takeOver(options, log, signal, progress)
  const summary = new Summary(progress)
  const registrar = new Registrar({
    integration: config.name,
    store,
    warehouses: options.warehouses,
    state: () => log.state(),
    environment,
    progress,
  })
  const emit = (event: CaptureEvent): void => {
    summary.take(event)
    if (event.kind === 'commit') registrar.poke()
  }
  const { compression, targetFileBytes } = config.lake
  const lander = openLander({
    store,
    log,
    format: PARQUET,
    compression,
    targetFileBytes,
    metadata: new Map(),
    unstated: maskedColumns,
  })
  const governed = governedSource(source, {
    rules: options.rules,
    recorded: Object.values(log.state().tables).map(({ schema }) => schema),
    warn: (message) => emit({ kind: 'warning', message }),
  })
  const ending = new AbortController()
  const either = AbortSignal.any([signal, ending.signal])
  const stopSweeping = new AbortController()
  const sweeping = sweepBeside(log, config.name, AbortSignal.any([signal, stopSweeping.signal]), progress)
  const watching = registrar.watch(either).catch((error: unknown) => {
    ending.abort(error)
    throw error
  })
  watching.catch(() => undefined)
  const { flush } = config
  const { heartbeatMs, readers, maxSnapshotAgeMs } = config.source
  const outcome = await replicate(
    {
      source: governed,
      log,
      lander,
      mode: options.mode,
      takeOver: options.takeOver,
      flush,
      filesPerHour: flush.filesPerHour,
      heartbeatMs,
      catalogueMs: CATALOGUE_MS,
      readers,
      maxSnapshotAgeMs,
      policies: schemaPolicies(config),
      environment,
      emit,
    },
    either,
  )
    .catch(async (error: unknown) => {
      stopSweeping.abort()
      await sweeping
      throw error
    })
    .finally(() => ending.abort())
  if (outcome === 'stopped') stopSweeping.abort()
  await Promise.all([watching, sweeping])
  // A stop that was asked for still shows what was committed; it must not wait for a warehouse that is away.
  const registered = outcome === 'current' ? await registrar.finish(signal) : []
  const shown = { registered, refused: outcome === 'current' ? registrar.refused() : [] }
  return summary.finish(config.name, log, outcome, shown, (environment.now().getTime() - started) / 1000)
}

/** Claims the log, unless someone else did since our last attempt: a retry never takes back what another run took over. */
async function takeOver(
  options: RunOptions,
  log: CommitLog,
  signal: AbortSignal,
  progress: (event: ProgressEvent) => void,
): Promise<void> {
  const { config, source, claims } = options
  if (log.state().source?.system === TRANSFER_SYSTEM) {
    throw new ConnectorError(
      'CONFIGURATION',
      `Integration "${config.name}" of this lake holds tables that "portage transfer" made; a run would mix its rows with them. Give the integration another name or lake.prefix`,
    )
  }
  const holder = log.state().claim
  if (claims.writer !== null && holder !== claims.writer) {
    throw new ConnectorError(
      'FENCED',
      `Commit log of integration "${config.name}" was taken over by "${holder}" since the last attempt. This run stops and has acknowledged nothing more; run again only to take it back`,
    )
  }
  // A run that cannot work must not fence one that can: reach the source, read what is to be copied, look at the slot.
  await source.describe(signal)
  if (!options.takeOver && (await source.health(signal)).active === true) {
    throw new ConnectorError(
      'SLOT_IN_USE',
      `Replication slot "${config.source.slot}" is in use by another run. Stop that run, or start this one without --no-take-over to take its place`,
    )
  }
  progress({ kind: 'step', step: 'claim' })
  const commit = await log.claim(signal)
  claims.writer = log.writer
  progress(commitEvent(commit))
}

/**
 * Beside the run, which must not wait for a listing of everything it ever wrote. What fails here is left for the next run;
 * a stop ends it.
 */
async function sweepBeside(
  log: CommitLog,
  integration: string,
  signal: AbortSignal,
  progress: (event: ProgressEvent) => void,
): Promise<void> {
  progress({ kind: 'step', step: 'sweep' })
  try {
    const swept = await log.sweep(signal)
    if (swept.length > 0)
      progress({ kind: 'warning', message: `Deleted ${swept.length} files that an interrupted run had left unnamed` })
  } catch (error) {
    if (signal.aborted) return
    const reason = error instanceof Error ? error.message : String(error)
    progress({ kind: 'warning', message: `Files that an interrupted run of "${integration}" left could not be swept: ${reason}` })
  }
}

/** Adds up what the events say, and passes them on. */
class Summary {
  readonly #progress: (event: ProgressEvent) => void
  readonly #tables = new Map<TableName, { -readonly [Key in keyof TableSummary]: TableSummary[Key] }>()
  #commits = 0
  #transactions = 0

  constructor(progress: (event: ProgressEvent) => void) {
    this.#progress = progress
  }

  take(event: CaptureEvent): void {
    if (event.kind === 'follow') this.#transactions = event.transactions
    if (event.kind === 'rejects') this.#table(event.table).rejects += event.rows
    if (event.kind === 'commit') {
      this.#commits++
      for (const { table, rows, files, bytes } of event.tables) {
        const total = this.#table(table)
        if (event.commit === 'snapshot') total.snapshotRows += rows
        else total.changes += rows
        total.files += files
        total.bytes += bytes
      }
    }
    this.#progress(event)
  }

  finish(
    integration: string,
    log: CommitLog,
    outcome: 'current' | 'stopped',
    { registered, refused }: Pick<RunSummary, 'registered' | 'refused'>,
    seconds: number,
  ): RunSummary {
    const { number, position, through } = log.state()
    return {
      integration,
      outcome,
      commit: number === 0 ? null : number,
      position,
      through,
      commits: this.#commits,
      transactions: this.#transactions,
      seconds,
      tables: [...this.#tables.values()].toSorted((a, b) => (a.table < b.table ? -1 : 1)),
      registered,
      held: registered.length === 0 ? [] : heldTables(log.state()),
      refused,
      planned: [],
    }
  }

  #table(table: TableName): { -readonly [Key in keyof TableSummary]: TableSummary[Key] } {
    let found = this.#tables.get(table)
    if (found === undefined) {
      found = { table, snapshotRows: 0, changes: 0, files: 0, bytes: 0, rejects: 0 }
      this.#tables.set(table, found)
    }
    return found
  }
}
