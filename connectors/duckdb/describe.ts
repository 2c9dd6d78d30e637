/** What the relations of an integration are now, from DuckDB's own catalogue. I/O. */
import type { WarehouseRelation } from '../ports.ts'
import type { Database } from './instance.ts'
import { LEDGER_SCHEMA, type Owner } from './ledger.ts'
import { text } from './quote.ts'

export async function describeRelations(
  database: Database,
  { integration, schema }: Owner,
): Promise<readonly WarehouseRelation[]> {
  const rows = await database.rows(
    /* sql */ `select c.table_name, c.column_name, c.data_type
    from duckdb_columns() c
    join (
      select unnest([relation, relation || '_changes']) as name
      from ${LEDGER_SCHEMA}.relations
      where integration = ${text(integration)} and "schema" = ${text(schema)}
    ) r on r.name = c.table_name
    where c.schema_name = ${text(schema)} and c.database_name = current_database()
    order by c.table_name, c.column_index`,
  )
  const relations = new Map<string, { name: string; type: string }[]>()
  for (const row of rows) {
    const [relation, name, type] = row.map(String) as [string, string, string]
    const columns = relations.get(relation) ?? []
    columns.push({ name, type: spelled(type) })
    relations.set(relation, columns)
  }
  return [...relations].map(([relation, columns]) => ({ relation, columns }))
}

/** As the dialect spells it. */
const spelled = (type: string): string => (type === 'TIMESTAMP WITH TIME ZONE' ? 'TIMESTAMPTZ' : type)
