/** Which connections can be what, from their connectors, without opening anything. */
import type { Configuration } from '../../config/integration.ts'
import { ConfigurationError, didYouMean } from '../../config/problems.ts'
import type { Connector } from '../../connectors/ports.ts'
import { UsageError } from '../exit-codes.ts'
import { loadConnector } from '../registry.ts'

type Role = 'openStore' | 'openTables' | 'openWarehouse'

/** Names of the connections whose connector has the role, in the order of the file. */
export async function connectionsWith(
  { connections }: Pick<Configuration, 'connections'>,
  role: Role,
): Promise<readonly string[]> {
  const found: string[] = []
  for (const { name, connector } of connections.values()) {
    if ((await loadConnector(connector))?.[role] !== undefined) found.push(name)
  }
  return found
}

/** The connector of a connection. Throws `UsageError` with the nearest name. */
export async function connectorOf({ connections }: Pick<Configuration, 'connections'>, name: string): Promise<Connector> {
  const connection = connections.get(name)
  if (connection === undefined) {
    const known = [...connections.keys()].join(', ')
    throw new UsageError(
      `No connection "${name}"${didYouMean(name, connections.keys())}; config/connections.yaml has ${known === '' ? 'none' : known}`,
    )
  }
  const connector = await loadConnector(connection.connector)
  if (connector !== null) return connector
  throw new ConfigurationError([{ ...connection.place(['connector']), problem: `unknown connector "${connection.connector}"` }])
}

/** The only warehouse there is, `source` left out; null when there is none. Throws `UsageError` made by `which` when there are several. */
export async function onlyWarehouse(
  configuration: Pick<Configuration, 'connections'>,
  { source = null, which }: { readonly source?: string | null; readonly which: (names: readonly string[]) => string },
): Promise<string | null> {
  const names = (await connectionsWith(configuration, 'openWarehouse')).filter((name) => name !== source)
  if (names.length <= 1) return names[0] ?? null
  throw new UsageError(which(names))
}
