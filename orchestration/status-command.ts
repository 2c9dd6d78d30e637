/** `status` for people and programs. */
import type { CommandContext } from './command-context.ts'
import { bytesText, counted, durationText } from './format/quantities.ts'
import { renderTable } from './format/table.ts'
import { printJson } from './output.ts'
import { openSession } from './session.ts'
import { type IntegrationStatus, integrationStatus, type TableStatus } from './status.ts'
import { anyIntegration, transferIntegrations } from './transfer/lake-integrations.ts'

export async function printStatus(
  context: CommandContext,
  { integration, json }: { readonly integration: string | undefined; readonly json: boolean },
): Promise<void> {
  const session = openSession(context)
  const { configuration, opener, environment } = session
  const { signal } = context
  const unread: string[] = []
  const wanted =
    integration === undefined
      ? [...configuration.integrations, ...(await transferIntegrations(session, signal, (problem) => unread.push(problem)))]
      : [await anyIntegration(session, integration, signal)]
  const all: IntegrationStatus[] = []
  for (const each of wanted) {
    const status = await integrationStatus(each, opener, context.signal)
    all.push({ ...status, problems: status.problems.map(context.redaction.redact) })
  }
  if (json) return printJson(context, all)
  if (all.length === 0) await context.print('No integrations. "portage init --from postgres://…" writes one')
  for (const problem of unread) await context.print(`!!! ${context.redaction.redact(problem)}`)
  for (const [index, status] of all.entries()) {
    if (index > 0) await context.print('')
    for (const line of statusLines(status, environment.now())) await context.print(line)
  }
}

/** Pure. */
export function statusLines(status: IntegrationStatus, now: Date): readonly string[] {
  const { integration, commit, lastCommitAt, by, through, source, registered, tables, problems, rejects } = status
  const ago = (iso: string): string => `${durationText(now.getTime() - Date.parse(iso))} ago`
  const lines = [
    commit === null || lastCommitAt === null
      ? `${integration}: nothing committed yet. "portage run ${integration}" begins`
      : `${integration}: commit ${commit}, ${ago(lastCommitAt)}, by ${by}`,
  ]
  if (through !== null) lines.push(`  through   ${through} (${ago(through)})`)
  if (source !== null) lines.push(`  source    ${healthText(source)}`)
  for (const { connection, schema, commit: shown } of registered) {
    const behind = shown === null || commit === null || shown >= commit ? '' : `, ${counted(commit - shown, 'commit')} behind`
    lines.push(`  shown in  ${connection} ${schema}: ${shown === null ? 'nothing yet' : `commit ${shown}${behind}`}`)
  }
  if (rejects > 0) lines.push(`  !!! ${counted(rejects, 'row')} REJECTED: see the lake's rejects/`)
  const held = tables.filter((table) => table.held.length > 0)
  if (held.length > 0) {
    const names = held.map(({ table }) => table).join(', ')
    lines.push(`  !!! HELD: ${names}. "portage plan ${integration}" shows what, "portage apply ${integration}" accepts it`)
  }
  lines.push(...problems.map((problem) => `  !!! ${problem}`))
  const pays = tables.filter(({ compact }) => compact)
  if (pays.length > 0) {
    const [first] = pays
    const named = pays.length === 1 && first !== undefined ? first.table : counted(pays.length, 'table')
    lines.push(`  files     "portage compact ${integration}" pays for ${named}`)
  }
  if (tables.length > 0) lines.push('', ...tableLines(tables))
  return lines
}

function tableLines(tables: readonly TableStatus[]): readonly string[] {
  const titles = ['table', 'snapshot', 'base rows', 'changes', 'files', 'small', 'size', 'schema', 'position', 'held']
  const rows = tables.map((table) => [
    table.table,
    table.chunks === null ? table.snapshot : `${table.snapshot} ${table.chunks.done}/${table.chunks.planned}`,
    table.baseRows,
    table.changeRows,
    table.files,
    table.smallFiles,
    bytesText(table.bytes),
    `v${table.schemaVersion}`,
    table.position,
    table.held.length === 0 ? null : table.held.join(', '),
  ])
  return renderTable(titles, rows).split('\n')
}

function healthText({ retainedBytes, lagBytes, walStatus, active }: NonNullable<IntegrationStatus['source']>): string {
  const parts = [
    active === null ? null : active ? 'slot in use' : 'slot idle',
    walStatus === null ? null : `log ${walStatus}`,
    lagBytes === null ? null : `${bytesText(lagBytes)} behind`,
    retainedBytes === null ? null : `${bytesText(retainedBytes)} retained`,
  ]
  const known = parts.filter((part) => part !== null)
  return known.length === 0 ? 'reachable; no slot' : known.join(', ')
}
