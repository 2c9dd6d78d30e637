/** Names of relations in a warehouse. Pure. */
import type { TableName } from '../../connectors/change.ts'
import type { Dialect } from '../../connectors/ports.ts'

/** What the table's name is made of; `id` decides who keeps the shorter name. */
export type NamedTable = { readonly table: TableName; readonly id: string }

/**
 * One relation name per table: the table's own name when its schema is `public`, else `<schema>_<table>`. Warehouses compare
 * names without case and every table also takes `<relation>_changes`; where that would clash, the older table (lower id) of the two keeps the
 * name and the other gets `<schema>_<table>`, then `<schema>_<table>_2`, `_3` … Engines whose names are words get words.
 */
export function relationNames(
  tables: readonly NamedTable[],
  dialect: Pick<Dialect, 'relationNames'> = {},
): ReadonlyMap<TableName, string> {
  const written = dialect.relationNames === 'words' ? asWord : (name: string) => name
  const taken = new Set<string>()
  const names = new Map<TableName, string>()
  const free = (name: string) => !taken.has(name.toLowerCase()) && !taken.has(historyName(name).toLowerCase())
  for (const { table } of tables.toSorted(byRank)) {
    const candidates = candidateNames(table, written)
    let name = candidates.next().value
    while (!free(name)) name = candidates.next().value
    taken.add(name.toLowerCase())
    taken.add(historyName(name).toLowerCase())
    names.set(table, name)
  }
  return names
}

export function historyName(relation: string): string {
  return `${relation}_changes`
}

/** `Größe-2` as `Gro_e_2`: letters lose their marks, what is no letter then becomes `_`. */
function asWord(name: string): string {
  return name.normalize('NFKD').replace(/\p{M}/gu, '').replace(/\W/gu, '_')
}

function* candidateNames(table: TableName, written: (name: string) => string): Generator<string, never> {
  const dot = table.indexOf('.')
  const [schema, name] = [written(table.slice(0, dot)), written(table.slice(dot + 1))]
  if (table.startsWith('public.')) yield name
  yield `${schema}_${name}`
  for (let n = 2; ; n++) yield `${schema}_${name}_${n}`
}

/** Older first, so that a table that comes later renames none; ids that are numbers compare as numbers. */
function byRank(a: NamedTable, b: NamedTable): number {
  return byAge(a.id, b.id) || (a.table < b.table ? -1 : 1)
}

function byAge(a: string, b: string): number {
  if (/^\d+$/.test(a) && /^\d+$/.test(b)) return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)
  return a < b ? -1 : a > b ? 1 : 0
}
