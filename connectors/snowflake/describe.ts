/** What an account has of an integration's relations now. I/O, metadata only. */
import type { Registered, WarehouseRelation } from '../ports.ts'
import { describeColumns, readViews } from './account.ts'
import type { SnowflakeClient } from './client.ts'
import { behindOf } from './ledger.ts'
import { historyName, qualified, storedName } from './names.ts'

export type Owner = { readonly integration: string; readonly schema: string }

/** One statement. */
export async function readRegistered(
  client: SnowflakeClient,
  { integration, schema }: Owner,
  signal: AbortSignal,
): Promise<Registered | null> {
  const { own } = await readViews(client, schema, integration, signal)
  if (own === null) return null
  const behind = behindOf(own)
  const late = behind.size === 0 ? {} : { behind }
  return { commit: own.commit, relations: [...own.tables.keys()].sort(), ...late }
}

/** Two statements per relation. */
export async function describeRelations(
  client: SnowflakeClient,
  { integration, schema }: Owner,
  signal: AbortSignal,
): Promise<readonly WarehouseRelation[]> {
  const { own, owners } = await readViews(client, schema, integration, signal)
  const names = [...(own?.tables.keys() ?? [])].flatMap((relation) => [relation, historyName(relation)])
  const found: WarehouseRelation[] = []
  for (const relation of names.toSorted()) {
    if (!owners.has(storedName(relation))) continue
    const columns = await describeColumns(client, 'VIEW', qualified(schema, relation), signal)
    if (columns !== null) found.push({ relation, columns })
  }
  return found
}
