/** `compact`: merges change files and renews bases of an integration, beside a run that may be at work. */
import type { TableName } from '../connectors/change.ts'
import { type CompactionOutcome, compactTable } from '../integrations/maintain/compact.ts'
import { type CompactionPolicy, planCompaction } from '../integrations/maintain/compaction-plan.ts'
import { announce } from '../integrations/maintain/intent.ts'
import type { CommandContext } from './command-context.ts'
import { bytesText, counted, countText } from './format/quantities.ts'
import { chosenTables, type Maintenance, maintenanceProgress, openMaintenance } from './maintenance.ts'
import { maskedColumns } from './masked-columns.ts'
import { printRows } from './output.ts'
import { PARQUET } from './parquet-format.ts'
import { recordAudit } from './record-audit.ts'

export type CompactOptions = {
  readonly integration: string | undefined
  /** Patterns; empty: every table. */
  readonly tables: readonly string[]
  readonly minFiles: number
  /** Default: the lake's. */
  readonly targetFileBytes: number | null
  readonly olderThanMs: number
  readonly renew: CompactionPolicy['renew']
  readonly dryRun: boolean
  readonly json: boolean
}

export async function compactNow(context: CommandContext, options: CompactOptions): Promise<void> {
  await using maintenance = await openMaintenance(context, options.integration)
  const { integration, log } = maintenance
  const targetFileBytes = options.targetFileBytes ?? integration.lake.targetFileBytes
  const policy = { minFiles: options.minFiles, targetFileBytes, olderThanMs: options.olderThanMs, renew: options.renew }
  const tables = chosenTables(log.state(), options.tables, integration.name)
  const planned = plans(maintenance, tables, policy)
  if (options.dryRun) return await printPlans(context, planned, options.json)
  const worthwhile = planned.filter(({ merges, renews }) => merges.files > 0 || renews !== null)
  const outcomes = worthwhile.length === 0 ? [] : await compactAll(context, maintenance, worthwhile, policy)
  await printOutcomes(context, outcomes, options.json)
}

type Planned = {
  readonly table: TableName
  readonly merges: { readonly files: number; readonly groups: number; readonly rows: number }
  readonly renews: { readonly rows: number; readonly changes: number } | null
  readonly why: string | null
}

function plans({ log, session }: Maintenance, tables: readonly TableName[], policy: CompactionPolicy): readonly Planned[] {
  const state = log.state()
  const rowsOf = (files: readonly { readonly rows: number }[]): number => files.reduce((sum, { rows }) => sum + rows, 0)
  return tables.flatMap((table) => {
    const current = state.tables[table]
    if (current === undefined) return []
    const at = { position: state.position, now: session.environment.now() }
    const { merges, renewal, unrenewed } = planCompaction(log.lake, current, at, policy)
    const files = merges.flatMap((group) => group.files)
    const renews = renewal === null ? null : { rows: rowsOf(renewal.base), changes: rowsOf(renewal.changes) }
    return [{ table, merges: { files: files.length, groups: merges.length, rows: rowsOf(files) }, renews, why: unrenewed }]
  })
}

async function compactAll(
  context: CommandContext,
  { session, integration, store, log }: Maintenance,
  tables: readonly Planned[],
  policy: CompactionPolicy,
): Promise<readonly CompactionOutcome[]> {
  const { signal } = context
  const { environment, by } = session
  const progress = maintenanceProgress(context.io.stderr, environment)
  const outcomes: CompactionOutcome[] = []
  try {
    const intent = await announce(log, environment, signal)
    for (const { table } of tables) {
      const outcome = await compactTable(table, policy, {
        store,
        log,
        intent,
        environment,
        format: PARQUET,
        compression: integration.lake.compression,
        targetFileBytes: policy.targetFileBytes,
        unstated: maskedColumns,
        onProgress: progress.emit,
        signal,
      })
      outcomes.push(outcome)
    }
  } finally {
    progress.close()
    if (outcomes.length > 0) {
      const total = (of: (outcome: CompactionOutcome) => number): number => outcomes.reduce((sum, each) => sum + of(each), 0)
      const details = {
        commit: log.state().number,
        tables: outcomes.length,
        merged: total(({ merged }) => merged.files),
        into: total(({ merged }) => merged.into),
        renewed: outcomes.filter(({ renewed }) => renewed !== null).length,
        givenUp: outcomes.filter(({ givenUp }) => givenUp !== null).length,
      }
      await recordAudit({ store, integration, environment, by }, { event: 'compact', details })
    }
  }
  return outcomes
}

async function printPlans(context: CommandContext, planned: readonly Planned[], json: boolean): Promise<void> {
  await printRows(context, planned, {
    json,
    columns: [
      { title: 'table', cell: (row) => row.table },
      {
        title: 'would merge',
        cell: ({ merges }) => (merges.files === 0 ? null : `${counted(merges.files, 'file')} (${counted(merges.rows, 'row')})`),
      },
      {
        title: 'would renew',
        cell: ({ renews }) => (renews === null ? null : `${countText(renews.rows)} rows + ${counted(renews.changes, 'change')}`),
      },
      { title: 'base stays because', cell: (row) => row.why },
    ],
    none: 'No tables yet',
  })
}

async function printOutcomes(context: CommandContext, outcomes: readonly CompactionOutcome[], json: boolean): Promise<void> {
  await printRows(context, outcomes, {
    json,
    columns: [
      { title: 'table', cell: (row) => row.table },
      {
        title: 'merged',
        cell: ({ merged }) => (merged.files === 0 ? null : `${counted(merged.files, 'file')} into ${countText(merged.into)}`),
      },
      { title: 'base', cell: ({ renewed }) => (renewed === null ? null : counted(renewed.rows, 'row')) },
      { title: 'written', cell: (row) => bytesText(row.bytesWritten) },
      { title: 'remark', cell: (row) => (row.givenUp === null ? row.why : `given up: ${row.givenUp}`) },
    ],
    none: 'Nothing to compact: no table has enough small files or changes. "portage compact --dry-run" tells why',
  })
}
