/** Tables of the scope with sizes and advice; nothing is changed. */
import type { DiscoveredTable, SourceScope } from '../ports.ts'
import type { Session } from './connect.ts'
import { describeTable, readTypedCatalogue } from './planned-table.ts'
import { tableAdvice } from './table-problems.ts'

export async function discover(session: Session, scope: SourceScope): Promise<readonly DiscoveredTable[]> {
  const { tables, types } = await readTypedCatalogue(session, scope)
  const special = await specialValues(
    session,
    tables.map((table) => table.oid),
  )
  return tables.map((table) => ({
    ...describeTable(table, types, scope).source,
    estimatedRows: table.estimatedRows,
    bytes: table.bytes,
    advice: tableAdvice(table, special.get(table.oid) ?? new Map()),
  }))
}

/** Infinities and NaN that the planner's statistics mention, by table oid and column. */
async function specialValues(session: Session, oids: readonly string[]): Promise<Map<string, Map<string, string[]>>> {
  const rows = await session.rows<{ oid: string; column: string; value: string }>(
    /* sql */ `select c.oid::text as oid, s.attname as column, v.value
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname
      join pg_attribute a on a.attrelid = c.oid and a.attname = s.attname
      cross join (values ('infinity'), ('-infinity'), ('NaN')) v(value)
      where c.oid = any($1::oid[]) and a.atttypid in ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype, 'numeric'::regtype)
        and (v.value = any(s.most_common_vals::text::text[]) or v.value = any(s.histogram_bounds::text::text[]))
      order by 1, 2, 3`,
    [oids],
    'Reading the planner’s statistics',
  )
  const found = new Map<string, Map<string, string[]>>()
  for (const { oid, column, value } of rows) {
    const columns = found.get(oid) ?? new Map<string, string[]>()
    columns.set(column, [...(columns.get(column) ?? []), value])
    found.set(oid, columns)
  }
  return found
}
