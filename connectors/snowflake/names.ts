/** Names and texts in statements, and the names of everything that a registration makes. Pure. */
import type { TableRegistration } from '../ports.ts'

/** As Snowflake keeps a name that is written without quotes; ASCII letters only, as everywhere in Portage. */
export const storedName = (name: string): string => name.replace(/[a-z]+/g, (letters) => letters.toUpperCase())

/** A name as it is kept, quoted. */
export const quoted = (stored: string): string => `"${stored.replaceAll('"', '""')}"`

/** A name of ours, as people write it without quotes. */
export const identifier = (name: string): string => quoted(storedName(name))

export const qualified = (schema: string, name: string): string => `${identifier(schema)}.${identifier(name)}`

/** A name from the configuration: upper case unless it stands in double quotes, as in Snowflake itself. */
export function configuredName(given: string): string {
  return /^".+"$/s.test(given) ? quoted(given.slice(1, -1).replaceAll('""', '"')) : identifier(given)
}

/** A string constant; backslashes escape in Snowflake. */
export const text = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`

export const PARTS = ['base', 'changes', 'renewed'] as const
export type Part = (typeof PARTS)[number]

export const historyName = (relation: string): string => `${relation}_changes`
/** The views that hold the rules; what people select from only lists their columns, so that it is rarely replaced. */
export const currentRule = (relation: string): string => `${relation}__current`
export const historyRule = (relation: string): string => `${relation}__history`
/** An external table, by the commit that it was made at. */
export const partName = (relation: string, part: Part, generation: string): string => `${relation}__${part}_${generation}`
export const ledgerName = (integration: string): string => `portage__${integration}`
export const stageName = (integration: string): string => `portage__${integration}__lake`
export const formatName = (integration: string, format: 'parquet' | 'orc'): string => `portage__${integration}__${format}`

/** Views that a relation takes, people's first. */
export const viewNames = (relation: string): readonly string[] => [
  relation,
  historyName(relation),
  currentRule(relation),
  historyRule(relation),
]

/** What two tables of one registration would both be called, because a table is named like a view of ours; null: nothing. */
export function clashingName(tables: readonly Pick<TableRegistration, 'relation'>[]): string | null {
  const seen = new Set<string>()
  for (const name of tables.flatMap(({ relation }) => viewNames(relation))) {
    if (seen.has(storedName(name))) return storedName(name)
    seen.add(storedName(name))
  }
  return null
}
