/** `reconcile`: opens everything, compares, prints what was found, and leaves a word in the audit trail. Keys go to the terminal only. */
import type { LoadedIntegration } from '../config/integration.ts'
import { didYouMean } from '../config/problems.ts'
import type { TableName } from '../connectors/change.ts'
import type { Environment } from '../connectors/ports.ts'
import { governedSource } from '../integrations/capture/policies/governed-source.ts'
import { loadState } from '../integrations/land/log/read.ts'
import { type ReconcileEvent, reconcile } from '../integrations/reconcile/reconcile.ts'
import type { ReconcileReport } from '../integrations/reconcile/report.ts'
import type { CommandContext } from './command-context.ts'
import { EXIT, UsageError } from './exit-codes.ts'
import { durationText } from './format/quantities.ts'
import type { Opener } from './open.ts'
import { openIntegration } from './open-integration.ts'
import { printJson } from './output.ts'
import { reconcileProgress } from './reconcile-progress.ts'
import { printReport, reconcileNote } from './reconcile-report.ts'
import { recordAudit } from './record-audit.ts'
import { retry } from './retry.ts'
import { openSourceOf } from './scope.ts'
import { integrationNamed, openSession } from './session.ts'

export type ReconcileCommandOptions = {
  readonly integration: string | undefined
  readonly tables: readonly string[] | null
  /** As it was written: `5%` or `0.05`. */
  readonly sample: string | null
  readonly deep: boolean
  readonly json: boolean
}

export type ReconcileScope = {
  readonly tables: readonly string[] | null
  readonly sample: number
  readonly deep: boolean
  readonly onEvent: (event: ReconcileEvent) => void
}

/** Passing failures are tried again for so long. */
const DEADLINE_MS = 30_000
/** How long the lake or a warehouse may stand still, beside its own rhythm. */
const PATIENCE_MS = 120_000

export async function reconcileNow(context: CommandContext, options: ReconcileCommandOptions): Promise<void> {
  const sample = share(options.sample)
  const { configuration, opener, environment, by } = openSession(context)
  const integration = integrationNamed(configuration, options.integration)
  const progress = reconcileProgress(context.io, environment)
  const { tables, deep } = options
  const { signal } = context
  const report = await retry(
    () =>
      reconcileIntegration(integration, { opener, environment, by }, { tables, sample, deep, onEvent: progress.emit }, signal),
    {
      environment,
      signal,
      deadlineMs: () => DEADLINE_MS,
      onAttempt: ({ error, pauseMs }) => {
        const text = context.redaction.redact(error instanceof Error ? error.message : String(error))
        progress.emit({ kind: 'wait', message: `${text}. Next attempt in ${durationText(pauseMs)}` })
      },
    },
  )
  progress.close()
  if (options.json) await printJson(context, report)
  else await printReport(context, report)
  if (report.verdict === 'different') context.exit(EXIT.difference)
  else if (report.verdict !== 'equal') context.exit(EXIT.failed)
}

/** Compares one integration and records the outcome, without keys. Throws `UsageError` for a table that it does not have. */
export async function reconcileIntegration(
  integration: LoadedIntegration,
  tools: { readonly opener: Opener; readonly environment: Environment; readonly by: string },
  scope: ReconcileScope,
  signal: AbortSignal,
): Promise<ReconcileReport> {
  const { opener, environment, by } = tools
  const lake = { prefix: integration.lake.prefix, integration: integration.name }
  await using open = await openIntegration(integration, opener, signal)
  const { store, warehouses } = open
  const state = await loadState(store, lake, { signal })
  const unknown = (scope.tables ?? []).find((table) => !(table in state.tables))
  if (unknown !== undefined) {
    const hint = didYouMean(unknown, Object.keys(state.tables))
    throw new UsageError(`Integration "${integration.name}" has no table "${unknown}" in the lake${hint}`)
  }
  const recorded = Object.values(state.tables).map(({ schema }) => schema)
  const governed = (source: typeof open.source) => governedSource(source, { rules: open.rules, recorded, warn: () => {} })
  const report = await reconcile(
    {
      store,
      lake,
      source: governed(open.source),
      openSource: async () => governed(await openSourceOf(integration, opener, signal)),
      warehouses,
      tables: scope.tables as readonly TableName[] | null,
      sample: scope.sample,
      deep: scope.deep,
      readers: integration.source.readers,
      maxSnapshotAgeMs: integration.source.maxSnapshotAgeMs,
      patienceMs: PATIENCE_MS + 3 * integration.flush.intervalMs + 2 * integration.source.heartbeatMs,
      environment,
      onEvent: scope.onEvent,
    },
    signal,
  )
  await recordAudit({ store, integration, environment, by }, reconcileNote(report))
  return report
}

function share(text: string | null): number {
  if (text === null) return 1
  const match = /^(\d+(?:\.\d+)?|\.\d+)(%?)$/.exec(text)
  const number = match === null ? Number.NaN : Number(match[1]) / (match[2] === '%' ? 100 : 1)
  if (number > 0 && number <= 1) return number
  throw new UsageError(`--sample "${text}" is no share of the keys; expected more than 0 and at most 100%, such as 5% or 0.05`)
}
