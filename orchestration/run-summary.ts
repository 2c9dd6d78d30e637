/** The last thing `run` prints. */

import type { HeldTable } from '../integrations/register/held-tables.ts'
import type { CommandContext } from './command-context.ts'
import { bytesText, counted, durationText } from './format/quantities.ts'
import { renderTable } from './format/table.ts'
import { printJson } from './output.ts'
import type { RefusedIn, RunSummary } from './run-types.ts'

export async function printSummary(
  context: Pick<CommandContext, 'print' | 'io'>,
  summary: RunSummary,
  { json }: { readonly json: boolean },
): Promise<void> {
  if (json) await printJson(context, summary)
  else for (const line of summaryLines(summary)) await context.print(line)
  await printHeld(context, summary.integration, summary.held)
  await printRefused(context, summary.refused)
  const rejects = summary.tables.filter((table) => table.rejects > 0)
  for (const { table, rejects: rows } of rejects) {
    await context.io.stderr.write(
      `!!! ${counted(rows, 'row')} of ${table} REJECTED: kept with their reason in the lake's rejects/, missing from the table\n`,
    )
  }
}

/** Tells on standard error of every table that is kept back, and how to go on. */
export async function printHeld(
  { io }: Pick<CommandContext, 'io'>,
  integration: string,
  held: readonly HeldTable[],
): Promise<void> {
  for (const table of held) await io.stderr.write(`!!! ${heldText(table)}\n`)
  if (held.length === 0) return
  await io.stderr.write(`!!! "portage plan ${integration}" shows what would change, "portage apply ${integration}" accepts it\n`)
}

/** Tells on standard error of every table that a warehouse cannot hold; each says its cure. */
export async function printRefused({ io }: Pick<CommandContext, 'io'>, refused: readonly RefusedIn[]): Promise<void> {
  for (const table of refused) await io.stderr.write(`!!! ${refusedText(table)}\n`)
}

/** One line. Pure. */
export function refusedText({ connection, table, shown, reason }: RefusedIn): string {
  return `${table} is REFUSED by ${connection}, ${shown ? 'shown as before' : 'not shown'}: ${reason}`
}

/** One line. Pure. */
export function heldText({ table, shown, changes }: HeldTable): string {
  const kept = shown === 0 ? 'not shown' : `shown as of schema version ${shown}`
  return `${table} is HELD, ${kept}: ${changes.join(', ')}`
}

/** Pure. */
export function summaryLines(summary: RunSummary): readonly string[] {
  if (summary.outcome === 'planned') {
    return summary.planned.length === 0 ? ['Nothing would be done'] : [...summary.planned, 'Nothing was changed (--dry-run)']
  }
  const { tables, commits, commit, transactions, registered } = summary
  const table =
    tables.length === 0
      ? []
      : [
          renderTable(
            ['table', 'snapshot rows', 'changes', 'files', 'size', 'rejected'],
            tables.map((each) => [
              each.table,
              each.snapshotRows,
              each.changes,
              each.files,
              bytesText(each.bytes),
              each.rejects === 0 ? null : each.rejects,
            ]),
          ),
        ]
  const done = `${counted(transactions, 'transaction')} in ${counted(commits, 'commit')}, ${durationText(summary.seconds * 1000)}`
  const newest = commit === null ? 'the log is empty' : `newest commit ${commit}`
  const shown = registered.map((each) => `registered in ${each.connection} as ${each.schema}.* at commit ${each.commit}`)
  const state = summary.outcome === 'current' ? 'current' : 'stopped in good order; run again to carry on'
  return [...table, `${summary.integration}: ${done}, ${newest}, ${state}`, ...shown]
}
