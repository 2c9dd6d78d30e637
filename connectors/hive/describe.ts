/** What the relations of an integration are now, from the metastore. I/O. */
import type { WarehouseRelation } from '../ports.ts'
import { describedColumns } from './catalogue.ts'
import type { HiveClient } from './client/client.ts'
import { type Owner, readLedger } from './ledger.ts'
import { folded, historyName } from './names.ts'

/** A view that is gone, or can no longer be described, is missing. */
export async function describeRelations(
  client: HiveClient,
  owner: Owner,
  signal: AbortSignal,
): Promise<readonly WarehouseRelation[]> {
  const ledger = await readLedger(client, owner, signal)
  const relations: WarehouseRelation[] = []
  for (const { relation } of ledger.tables.values()) {
    for (const name of [relation, historyName(relation)]) {
      if (ledger.names?.has(folded(name)) !== true) continue
      const columns = await describedColumns(client, owner.schema, folded(name), signal)
      if (columns !== null) relations.push({ relation: name, columns })
    }
  }
  return relations.toSorted((a, b) => (a.relation < b.relation ? -1 : 1))
}
