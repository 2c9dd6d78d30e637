/** Removal of an integration's relations. I/O. */
import { readExternalTables, readViews } from './account.ts'
import type { SnowflakeClient } from './client.ts'
import { formatName, ledgerName, qualified, stageName, storedName } from './names.ts'

export const dropView = (schema: string, name: string): string => `DROP VIEW IF EXISTS ${qualified(schema, name)}`
export const dropTable = (schema: string, stored: string): string => `DROP EXTERNAL TABLE IF EXISTS ${qualified(schema, stored)}`

/** What removal drops: views, external tables, stage and formats; never a file of the lake. The ledger goes last. */
export async function unregister(
  client: SnowflakeClient,
  request: { readonly integration: string; readonly schema: string; readonly dryRun: boolean },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { integration, schema } = request
  const views = await readViews(client, schema, integration, signal)
  const owned = [...views.owners].filter(([, owner]) => owner === integration).map(([name]) => name)
  const tables = (await readExternalTables(client, schema, signal)).filter((table) => table.integration === integration)
  if (owned.length === 0 && tables.length === 0) return []
  const ledger = storedName(ledgerName(integration))
  const statements = [
    ...owned.filter((name) => name !== ledger).map((name) => dropView(schema, name)),
    ...tables.map(({ name }) => dropTable(schema, name)),
    `DROP STAGE IF EXISTS ${qualified(schema, stageName(integration))}`,
    ...(['parquet', 'orc'] as const).map(
      (format) => `DROP FILE FORMAT IF EXISTS ${qualified(schema, formatName(integration, format))}`,
    ),
    dropView(schema, ledgerName(integration)),
  ]
  if (!request.dryRun) for (const sql of statements) await client.run(sql, { signal, repeatable: true })
  return statements
}
