/** The connectors. One line each; a module is loaded when a connection names it. */
import type { Connector } from '../connectors/ports.ts'

type Load = () => Promise<unknown>

const CONNECTORS = {
  postgres: async () => (await import('../connectors/postgres/connector.ts')).postgres,
  filesystem: async () => (await import('../connectors/filesystem/connector.ts')).filesystem,
  s3: async () => (await import('../connectors/s3/connector.ts')).s3,
  duckdb: async () => (await import('../connectors/duckdb/connector.ts')).duckdb,
  hive: async () => (await import('../connectors/hive/connector.ts')).hive,
  snowflake: async () => (await import('../connectors/snowflake/connector.ts')).snowflake,
  memory: async () => (await import('../connectors/memory/connector.ts')).memory,
} as const satisfies Readonly<Record<string, Load>>

export type ConnectorName = keyof typeof CONNECTORS

export const CONNECTOR_NAMES = Object.keys(CONNECTORS) as readonly ConnectorName[]

/** The connector of that name, null when there is none. Its `open…` functions take what its own `options` parsed. */
export async function loadConnector(name: string): Promise<Connector | null> {
  const known = CONNECTOR_NAMES.find((each) => each === name)
  if (known === undefined) return null
  // Each connector is typed by its own options; only `open.ts` calls it, with what the connector itself has parsed.
  return (await CONNECTORS[known]()) as Connector
}
