/** From a connection of connections.yaml to an opened port: secrets resolved, options parsed by the connector itself. */
import type { Configuration, Connection, Place } from '../config/integration.ts'
import { ConfigurationError, type ConfigurationProblem, didYouMean } from '../config/problems.ts'
import { resolveSecrets } from '../config/secrets.ts'
import { shapeProblems } from '../config/shape-problems.ts'
import type { Connector, Environment, Notifier, ObjectStore, Source, SourceScope, Warehouse } from '../connectors/ports.ts'
import type { Tables } from '../connectors/tables.ts'
import { type Redaction, secretOptions } from './redaction.ts'
import { CONNECTOR_NAMES, loadConnector } from './registry.ts'

/** Opens ports by the name of their connection. Every method throws `ConfigurationError` with the place in connections.yaml. */
export type Opener = {
  readonly source: (connection: string, scope: SourceScope) => Promise<Source>
  readonly store: (connection: string) => Promise<ObjectStore>
  readonly warehouse: (connection: string) => Promise<Warehouse>
  readonly notifier: (connection: string) => Promise<Notifier>
  /** Tables that are read or written as a whole. */
  readonly tables: (connection: string) => Promise<Tables>
  /** A text of an integration's YAML with its secret references resolved; kept out of everything printed from then on. */
  readonly secret: (text: string, at: Place) => string
  /** Problems of a connection without opening anything; empty when its options are right. */
  readonly problems: (connection: string) => Promise<readonly ConfigurationProblem[]>
}

export type OpenerOptions = {
  readonly root: string
  readonly connections: Configuration['connections']
  readonly env: Readonly<Record<string, string | undefined>>
  readonly redaction: Redaction
  readonly environment: Environment
}

const ROLES = {
  openSource: 'source',
  openStore: 'lake',
  openWarehouse: 'warehouse',
  openNotifier: 'notifier',
  openTables: 'place of tables',
} as const
type Role = keyof typeof ROLES

export function createOpener(options: OpenerOptions): Opener {
  const { environment } = options

  const open = async <Port>(
    name: string,
    role: Role,
    start: (connector: Connector, parsed: unknown) => Promise<Port> | undefined,
  ): Promise<Port> => {
    const connection = connectionOf(options.connections, name)
    const { connector, parsed } = await prepare(connection, options)
    const port = await start(connector, parsed)
    if (port === undefined) {
      throw problem(connection, ['connector'], `connector "${connector.name}" cannot be a ${ROLES[role]}`)
    }
    return port
  }

  return {
    source: (name, scope) => open(name, 'openSource', (connector, parsed) => connector.openSource?.(parsed, scope, environment)),
    store: (name) => open(name, 'openStore', (connector, parsed) => connector.openStore?.(parsed, environment)),
    warehouse: (name) => open(name, 'openWarehouse', (connector, parsed) => connector.openWarehouse?.(parsed, environment)),
    notifier: (name) => open(name, 'openNotifier', (connector, parsed) => connector.openNotifier?.(parsed, environment)),
    tables: (name) => open(name, 'openTables', (connector, parsed) => connector.openTables?.(parsed, environment)),
    secret: (text, at) => {
      const { value, secrets, problems } = resolveSecrets(text, options)
      options.redaction.add(secrets)
      if (problems.length > 0) throw new ConfigurationError(problems.map(({ problem: found }) => ({ ...at, problem: found })))
      return String(value)
    },
    problems: async (name) => {
      try {
        await prepare(connectionOf(options.connections, name), options)
        return []
      } catch (error) {
        if (error instanceof ConfigurationError) return error.problems
        throw error
      }
    },
  }
}

function connectionOf(connections: ReadonlyMap<string, Connection>, name: string): Connection {
  const connection = connections.get(name)
  if (connection !== undefined) return connection
  const file = connections.values().next().value?.file ?? 'connections.yaml'
  const text = `no connection "${name}"${didYouMean(name, connections.keys())}`
  throw new ConfigurationError([{ file, line: 1, path: '', problem: text }])
}

async function prepare(
  connection: Connection,
  { env, root, redaction }: OpenerOptions,
): Promise<{ readonly connector: Connector; readonly parsed: unknown }> {
  const connector = await loadConnector(connection.connector)
  if (connector === null) {
    const known = `expected ${CONNECTOR_NAMES.join(', ')}`
    const hint = didYouMean(connection.connector, CONNECTOR_NAMES)
    throw problem(connection, ['connector'], `unknown connector "${connection.connector}"; ${known}${hint}`)
  }
  const resolved = resolveSecrets(connection.options, { env, root })
  redaction.add([...resolved.secrets, ...secretOptions(resolved.value)])
  const parsed = connector.options.safeParse(resolved.value)
  const wrong = parsed.success ? [] : shapeProblems(connector.options, resolved.value, parsed.error.issues, false)
  const problems = resolved.problems.length > 0 ? resolved.problems : wrong
  if (problems.length > 0 || !parsed.success) {
    throw new ConfigurationError(problems.map(({ path, problem }) => ({ ...connection.place(path), problem })))
  }
  return { connector, parsed: parsed.data }
}

function problem(connection: Connection, path: readonly PropertyKey[], text: string): ConfigurationError {
  return new ConfigurationError([{ ...connection.place(path), problem: text }])
}
