/** `resync --where`: takes the rows of one table that match a condition again, at once, beside a run that may be at work. */
import type { TableName } from '../connectors/change.ts'
import type { Source } from '../connectors/ports.ts'
import { type Filter, parseFilter } from '../integrations/capture/policies/filter-parse.ts'
import { compileFilter } from '../integrations/capture/policies/filter-rows.ts'
import { governedSource } from '../integrations/capture/policies/governed-source.ts'
import { matching, resyncRows } from '../integrations/capture/resync-rows.ts'
import { openLander } from '../integrations/land/lander.ts'
import { openLog } from '../integrations/land/log/log.ts'
import type { CommandContext } from './command-context.ts'
import { UsageError } from './exit-codes.ts'
import { counted } from './format/quantities.ts'
import { maskedColumns } from './masked-columns.ts'
import { printJson } from './output.ts'
import { PARQUET } from './parquet-format.ts'
import { policyRules } from './policies.ts'
import { recordAudit } from './record-audit.ts'
import { openSourceOf } from './scope.ts'
import { integrationNamed, openSession } from './session.ts'

export type ResyncRowsOptions = {
  readonly integration: string
  readonly tables: readonly string[]
  readonly where: string
  readonly all: boolean
  readonly json: boolean
}

export async function resyncRowsNow(context: CommandContext, options: ResyncRowsOptions): Promise<void> {
  const { tables, where, all, json } = options
  const [only, ...more] = tables
  if (all || only === undefined || more.length > 0) throw new UsageError('--where is of one table: name it as schema.table')
  const parsed = parseFilter(where)
  if ('problem' in parsed) throw new UsageError(`--where: ${parsed.problem}`)
  const { filter } = parsed
  const table = only as TableName
  const { configuration, opener, environment, by } = openSession(context)
  const integration = integrationNamed(configuration, options.integration)
  const { name, lake } = integration
  const { prefix, compression, targetFileBytes } = lake
  const { signal } = context
  await using store = await opener.store(lake.connection)
  const log = await openLog({ store, prefix, integration: name, environment, by, role: 'maintenance', signal })
  const state = log.state()
  if (state.number === 0)
    throw new UsageError(`Integration "${name}" has nothing in the lake yet. "portage run ${name}" copies every table`)
  if (!(table in state.tables))
    throw new UsageError(`"${only}" is not in the log; expected one of ${Object.keys(state.tables).toSorted().join(', ')}`)
  const say = (message: string): void => void context.io.stderr.write(`${message}\n`)
  await using plain = await openSourceOf(integration, opener, signal)
  await refuseMisfit(plain, table, filter, signal)
  const source = governedSource(plain, {
    rules: matching(policyRules(integration, opener), table, where, filter),
    recorded: Object.values(state.tables).map(({ schema }) => schema),
    warn: say,
  })
  const metadata = new Map<string, string>()
  const lander = openLander({ store, log, format: PARQUET, compression, targetFileBytes, metadata, unstated: maskedColumns })
  const outcome = await resyncRows({ source, log, lander, table, environment, onWait: say }, signal)
  const { rows, rejects, commit } = outcome
  // Not the condition: it may hold values of rows.
  await recordAudit({ store, integration, environment, by }, { event: 'resync.rows', details: { table, rows, rejects, commit } })
  if (json) return await printJson(context, outcome)
  const kept = rejects === 0 ? '' : `; ${counted(rejects, 'row')} put aside among the rejects`
  await context.print(
    commit === null
      ? `No row of "${only}" matches in the source; nothing was written${kept}`
      : `${counted(rows, 'row')} of "${only}" taken again, commit ${commit}${kept}. Warehouses show ${rows === 1 ? 'it' : 'them'} with the next commit of the run, or after "portage register ${name}"`,
  )
}

/** Refuses a condition that the columns of the source do not take. A table that is not there is refused later. */
async function refuseMisfit(source: Source, table: TableName, filter: Filter, signal: AbortSignal): Promise<void> {
  const found = (await source.describe(signal)).tables.find((each) => each.table === table)
  const compiled = found === undefined ? null : compileFilter(filter, found)
  if (compiled !== null && 'problem' in compiled) throw new UsageError(`--where: ${compiled.problem}`)
}
