/** What the relations of an integration are now, from the metastore. I/O. */
import type { DescribeOptions, WarehouseRelation } from '../ports.ts'
import { describedColumns, storedTable } from './catalogue.ts'
import type { HiveClient } from './client/client.ts'
import { type Owner, readLedger } from './ledger.ts'
import { filesTable, folded, historyName } from './names.ts'

/** A view that is gone, or can no longer be described, is missing. */
export async function describeRelations(
  client: HiveClient,
  owner: Owner,
  signal: AbortSignal,
  { everyAddress = false }: DescribeOptions = {},
): Promise<readonly WarehouseRelation[]> {
  const ledger = await readLedger(client, owner, signal)
  const relations: WarehouseRelation[] = []
  for (const { relation, generation } of ledger.tables.values()) {
    const files = filesTable(relation, generation)
    const isThere = ledger.names?.has(files) === true
    const asked = { schema: owner.schema, name: files, addressesOf: everyAddress ? 'all' : 'ends' } as const
    const stored = isThere ? await storedTable(client, asked, signal) : null
    for (const name of [relation, historyName(relation)]) {
      if (ledger.names?.has(folded(name)) !== true) continue
      const columns = await describedColumns(client, owner.schema, folded(name), signal)
      if (columns === null) continue
      relations.push(name === relation ? { relation: name, columns, stored } : { relation: name, columns })
    }
  }
  return relations.toSorted((a, b) => (a.relation < b.relation ? -1 : 1))
}
