/** `plan` for people and programs. */
import { isSettled, type TablePlan } from '../integrations/register/schema-plan.ts'
import type { CommandContext } from './command-context.ts'
import { EXIT } from './exit-codes.ts'
import { counted } from './format/quantities.ts'
import { renderTable } from './format/table.ts'
import { printJson } from './output.ts'
import { type IntegrationPlan, planIntegration } from './plan.ts'
import { integrationNamed, openSession } from './session.ts'

export type PlanOptions = {
  readonly integration: string | undefined
  readonly all: boolean
  readonly deep: boolean
  readonly json: boolean
}

export async function printPlan(context: CommandContext, { integration: name, all, deep, json }: PlanOptions): Promise<void> {
  const { configuration, opener } = openSession(context)
  const integration = integrationNamed(configuration, name)
  const plan = await planIntegration(integration, opener, context.signal, { deep })
  const told = { ...plan, problems: plan.problems.map(context.redaction.redact) }
  if (json) await printJson(context, told)
  else for (const line of planLines(told, { all })) await context.print(line)
  if (plan.held) context.exit(EXIT.held)
}

/** `all`: tables that are the same everywhere, too. Pure. */
export function planLines(plan: IntegrationPlan, { all }: { readonly all: boolean }): readonly string[] {
  const { integration, tables, warehouses, problems } = plan
  const settled = tables.filter(isSettled).length
  const differing = tables.length - settled
  const lines = [
    `${integration}: commit ${plan.commit}, ${counted(differing, 'table')} with changes, ${counted(settled, 'table')} without`,
    ...problems.map((problem) => `  !!! ${problem}`),
  ]
  for (const table of tables) if (all || !isSettled(table)) lines.push('', ...tableLines(plan, table))
  for (const { connection, schema, ddl } of warehouses) {
    if (ddl.length === 0) continue
    lines.push(
      '',
      `${connection} ${schema} would run:`,
      ...ddl.flatMap((statement) => `${shortened(statement)};`.split('\n').map(indented)),
    )
  }
  return [...lines, ...cures(plan)]
}

function tableLines(plan: IntegrationPlan, table: TablePlan): readonly string[] {
  const { version, accepted, copying, changes, findings, problem } = table
  const state = accepted < version ? `HELD at schema version ${accepted}, newest ${version}` : `schema version ${version}`
  const said = version === 0 ? 'not in the lake yet' : copying ? `${state}, shown when it has been copied again` : state
  const rows = changes.map(({ text, policy, setting, status }) => [status, text, policy, setting])
  return [
    `${table.table}: ${said}`,
    ...(problem === null ? [] : [`  !!! ${problem}`]),
    ...(rows.length === 0 ? [] : renderTable(['', 'change', 'policy', 'set by'], rows).split('\n').map(indented)),
    ...findings.map((finding) => `  !!! ${finding}: changed by hand?`),
    '',
    ...columnLines(plan, table).map(indented),
  ]
}

function columnLines({ source, warehouses }: IntegrationPlan, { relation, columns }: TablePlan): readonly string[] {
  const titles = [source, 'lake', ...warehouses.map(({ connection, schema }) => `${connection} ${schema}.${relation}`)]
  const rows = columns.map((column) =>
    [column.source, column.log, ...column.warehouses].map((each) => (each === null ? '–' : `${each.name} ${each.type}`)),
  )
  return renderTable(titles, rows).split('\n')
}

/** What to type next. */
function cures({ integration, tables }: IntegrationPlan): readonly string[] {
  const of = (status: string) => tables.some(({ changes }) => changes.some((change) => change.status === status))
  const lines = [
    ...(of('held')
      ? [`"portage apply ${integration}" accepts what is held; "portage apply ${integration} <table>" one table`]
      : []),
    ...(of('next run fails')
      ? ['The next run stops before it lands a change whose policy is "fail": set it to hold or apply, or undo the change']
      : []),
    ...(tables.some(({ findings }) => findings.length > 0)
      ? [`"portage register ${integration} --repair" makes the relations anew`]
      : []),
  ]
  return lines.length === 0 ? [] : ['', ...lines]
}

/** Lists of files are long and say little: the first is shown, the others are counted. */
function shortened(statement: string): string {
  return statement.replace(/\[('(?:[^']|'')*')((?:, '(?:[^']|'')*')+)\]/g, (_, first: string, rest: string) => {
    const more = rest.match(/'(?:[^']|'')*'/g)?.length ?? 0
    return `[${first}, … ${more} more]`
  })
}

const indented = (line: string): string => (line === '' ? line : `  ${line}`)
