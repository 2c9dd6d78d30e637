/** `run` as a command: attempts until the work is done, told to the terminal and to metrics. */
import type { LoadedIntegration } from '../config/integration.ts'
import { ConfigurationError } from '../config/problems.ts'
import type { LoadedTransfer } from '../config/transfer.ts'
import { ConnectorError } from '../connectors/errors.ts'
import type { Environment, ObjectStore, Source } from '../connectors/ports.ts'
import type { CommandContext } from './command-context.ts'
import { EXIT, type ExitCode, recoveryOfAny } from './exit-codes.ts'
import { counted, durationText } from './format/quantities.ts'
import { createRunMetrics } from './metrics.ts'
import { serveMetrics } from './metrics-server.ts'
import { openIntegration } from './open-integration.ts'
import { createProgress } from './progress.ts'
import { reconcileBeside } from './reconcile-beside.ts'
import { type AuditNote, recordAudit, refusedNotes } from './record-audit.ts'
import { retry } from './retry.ts'
import { runIntegration } from './run.ts'
import { printSummary } from './run-summary.ts'
import type { ProgressEvent, RunMode, RunSummary } from './run-types.ts'
import { integrationNamed, openSession, type Session } from './session.ts'
import { transferOf } from './transfer/from-yaml.ts'
import { omissions, refusals } from './unsupported.ts'

export type RunCommandOptions = {
  readonly integration: string | undefined
  readonly mode: RunMode
  /** `host:port`; null = no metrics. */
  readonly metrics: string | null
  readonly dryRun: boolean
  readonly takeOver: boolean
  readonly json: boolean
}

/** Wrong settings should be told soon; a run that has worked survives longer absences, and one without an end almost any. */
const FIRST_DEADLINE_MS = 30_000
const LATER_DEADLINE_MS: Readonly<Record<RunMode, number>> = {
  once: 5 * 60_000,
  'until-current': 5 * 60_000,
  forever: 24 * 3_600_000,
}

/** A slow store or a busy machine alone do not make a run unready. */
const SLACK_MS = 10_000

/** Between two looks at lag and slot, for metrics. */
const HEALTH_EVERY_MS = 5_000

export async function runCommand(context: CommandContext, options: RunCommandOptions): Promise<void> {
  const session = openSession(context)
  const described = session.configuration.transfers.find(({ name }) => name === options.integration)
  if (described !== undefined) return await runTransfer(context, described, options)
  const integration = integrationNamed(session.configuration, options.integration)
  const refused = refusals(integration)
  if (refused.length > 0) throw new ConfigurationError(refused)
  const { heartbeatMs } = integration.source
  const silentMs = heartbeatMs === 0 ? null : 3 * (heartbeatMs + integration.flush.intervalMs) + SLACK_MS
  const metrics = createRunMetrics(integration.name, session.environment.now, { silentMs })
  await using _server =
    options.metrics === null ? null : await serveMetrics({ address: options.metrics, env: context.io.env, metrics })
  const progress = createProgress({ output: context.io.stderr, now: session.environment.now })
  const emit = (event: ProgressEvent): void => {
    metrics.take(event)
    progress.emit(event)
  }
  for (const omitted of omissions(integration)) emit({ kind: 'warning', message: omitted })
  let summary: RunSummary | null
  const ended = new AbortController()
  // Runs that end by themselves are soon over: `portage reconcile` is for after them.
  const proving =
    options.mode === 'forever' && !options.dryRun
      ? reconcileBeside(session, integration, emit, AbortSignal.any([context.signal, ended.signal]))
      : Promise.resolve()
  try {
    summary = await attempts(context, session, integration, options, emit)
  } catch (error) {
    // Asked to stop before there was anything to follow, or while waiting for the next attempt.
    if (!context.signal.aborted || !isAbort(error, context.signal)) throw error
    summary = null
  } finally {
    ended.abort()
    await proving
    progress.close()
  }
  if (summary !== null) await printSummary(context, summary, { json: options.json })
  else await context.io.stderr.write(`${integration.name}: stopped in good order; run again to carry on\n`)
  context.exit(exitOf(summary))
}

/** Asked to stop, a run has no verdict; one that ends by itself says that warehouses are kept back. */
function exitOf(summary: RunSummary | null): ExitCode {
  if (summary?.outcome !== 'current') return EXIT.ok
  if (summary.refused.length > 0) return EXIT.failed
  return summary.held.length > 0 ? EXIT.held : EXIT.ok
}

/** A file of kind transfer is carried out once, whatever the mode: there is nothing to follow. */
async function runTransfer(
  context: CommandContext,
  described: LoadedTransfer,
  { dryRun, json }: RunCommandOptions,
): Promise<void> {
  const { transferCommand } = await import('./transfer/command.ts')
  const flags = { ...(dryRun ? { dryRun } : {}), ...(json ? { json } : {}) }
  await transferCommand(context, transferOf(described, flags))
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof ConnectorError && error.code === 'ABORTED')
}

function attempts(
  context: CommandContext,
  { environment, opener, by }: Session,
  integration: LoadedIntegration,
  { mode, takeOver, dryRun }: RunCommandOptions,
  emit: (event: ProgressEvent) => void,
): Promise<RunSummary> {
  const { signal } = context
  const claims = { writer: null }
  let worked = false
  let begun = false
  const record = (store: ObjectStore, draft: AuditNote) => recordAudit({ store, integration, environment, by }, draft)
  return retry(
    async ({ progressed }) => {
      await using open = await openIntegration(integration, opener, signal)
      const { source, rules, store, warehouses } = open
      let recorded = Promise.resolve()
      const told = (event: ProgressEvent): void => {
        if (event.kind === 'refused') {
          for (const note of refusedNotes(event, event.tables, context.redaction.redact)) {
            // That it was told matters more than that it could not be recorded.
            recorded = recorded.then(() => record(store, note)).catch(() => undefined)
          }
        }
        if (event.kind === 'commit' && event.commit !== 'claim') {
          worked = true
          // A run that ends by itself writes a heartbeat in every attempt, also in one that fails afterwards.
          if (event.commit !== 'heartbeat' || mode === 'forever') progressed()
        }
        emit(event)
      }
      if (!begun && !dryRun) {
        await record(store, { event: 'run.begin', details: { mode } })
        begun = true
      }
      const options = { config: integration, source, rules, store, warehouses, mode, takeOver, dryRun, environment, by, claims }
      let summary: RunSummary
      const ended = new AbortController()
      const watching = dryRun
        ? Promise.resolve()
        : watchHealth(source, environment, emit, AbortSignal.any([signal, ended.signal]))
      try {
        summary = await runIntegration(options, signal, told)
      } catch (error) {
        if (!dryRun && recoveryOfAny(error) !== 'retry') {
          const code = error instanceof ConnectorError ? error.code : 'UNKNOWN'
          // What failed matters more than that it could not be recorded.
          await record(store, { event: 'run.fail', details: { code } }).catch(() => undefined)
        }
        throw error
      } finally {
        ended.abort()
        await Promise.all([watching, recorded])
      }
      const { outcome, commit, commits, transactions } = summary
      // The signal has been used up by a graceful stop; what was done is recorded all the same.
      if (!dryRun) await record(store, { event: 'run.end', details: { outcome, commit, commits, transactions } })
      return summary
    },
    {
      environment,
      signal,
      deadlineMs: () => (worked ? LATER_DEADLINE_MS[mode] : FIRST_DEADLINE_MS),
      onAttempt: ({ attempt, error, pauseMs }) => {
        const text = context.redaction.redact(error instanceof Error ? error.message : String(error))
        emit({ kind: 'attempt', attempt, error: text, pauseMs })
      },
      onGiveUp: ({ attempts: count, forMs }) => {
        const text = `giving up after ${counted(count, 'attempt')}: nothing has worked for ${durationText(forMs)}`
        emit({ kind: 'warning', message: text })
      },
    },
  )
}

/** Emits the source's health until the signal; one that cannot be asked is not the run's problem. */
async function watchHealth(
  source: Source,
  environment: Environment,
  emit: (event: ProgressEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await environment.sleep(HEALTH_EVERY_MS, signal)
      emit({ kind: 'health', health: await source.health(signal) })
    } catch (error) {
      if (!signal.aborted) environment.log('debug', 'The source did not tell its health', { error: String(error) })
    }
  }
}
