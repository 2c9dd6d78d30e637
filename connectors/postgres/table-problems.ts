/** What stands in the way of carrying a table, or deserves a decision; each with its cure. Pure. */
import type { DiscoveredTable } from '../ports.ts'
import type { CatalogueTable } from './catalogue.ts'
import { quoteTable } from './identifiers.ts'
import { schemaProblems } from './planned-table.ts'

type Finding = { readonly problem: string; readonly cure: string }

/** Reasons to refuse the table: publishing it would break the application, or lose or garble rows. */
export function tableErrors(table: CatalogueTable): readonly Finding[] {
  const name = `${table.schema}.${table.name}`
  const sql = quoteTable(table.schema, table.name)
  const leaveOut = `leave it out with "!${name}" under source.tables`
  const findings: Finding[] = [...schemaProblems(table)]
  if (table.unlogged) {
    findings.push({ problem: 'is unlogged: its changes are in no log', cure: `alter table ${sql} set logged; or ${leaveOut}` })
  }
  if (table.identity === 'nothing') {
    findings.push({
      problem: 'has replica identity nothing: once published, its updates and deletes would fail',
      cure: `alter table ${sql} replica identity ${table.key.length > 0 ? 'default' : 'full'}; or ${leaveOut}`,
    })
  } else if (table.identity !== 'full' && table.key.length === 0) {
    const why = table.deferrableKey ? 'has only a deferrable primary key' : 'has no primary key'
    findings.push({
      problem: `${why} and no replica identity: once published, its updates and deletes would fail`,
      cure: `alter table ${sql} add primary key (…), or alter table ${sql} replica identity full; or ${leaveOut}`,
    })
  }
  if (table.rowSecurity) {
    findings.push({
      problem: 'is under row-level security for this user: a snapshot would miss rows',
      cure: 'Connect as a role with bypassrls, or exempt it from the policies',
    })
  }
  return findings
}

/** What may be carried but deserves a look. `seen`: special values that the planner's statistics mention, by column. */
export function tableAdvice(table: CatalogueTable, seen: ReadonlyMap<string, readonly string[]>): DiscoveredTable['advice'] {
  const whole = tableErrors(table).map((finding) => ({ column: null, ...finding }))
  const bag =
    table.identity === 'full' && table.key.length === 0
      ? [
          {
            column: null,
            problem: 'has no primary key: equal rows can only be counted',
            cure: `Add one if you can: alter table ${quoteTable(table.schema, table.name)} add primary key (…)`,
          },
        ]
      : []
  const generated = table.generated.map((column) => ({
    column,
    problem: 'is generated: the log does not carry it, so files leave it out',
    cure: 'Compute it in a mart from the columns it is made of',
  }))
  const columns = table.columns.flatMap((column) => {
    const advice: { column: string; problem: string; cure: string }[] = []
    const precision = /^numeric\((\d+)/.exec(column.sourceType)?.[1]
    if (column.sourceType === 'numeric' || Number(precision ?? 0) > 38) {
      advice.push({
        column: column.name,
        problem: `is ${column.sourceType}: it does not fit a decimal of 38 digits and arrives as text`,
        cure: `Under columns, give "${table.schema}.${table.name}.${column.name}" a type such as decimal(38,9)`,
      })
    }
    const special = seen.get(column.name) ?? []
    if (special.length > 0) {
      advice.push({
        column: column.name,
        problem: `holds values such as ${special.join(' and ')}, which its target type cannot hold`,
        cure: `Under columns, choose on_bad_value: null, text or reject for "${table.schema}.${table.name}.${column.name}"`,
      })
    }
    return advice
  })
  return [...whole, ...bag, ...generated, ...columns]
}
