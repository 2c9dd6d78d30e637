/** Writes a configuration root from a live database. Never overwrites, never writes a password. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { integrationJsonSchema } from '../config/json-schema.ts'
import { loadConnections } from '../config/load.ts'
import type { DiscoveredTable } from '../connectors/ports.ts'
import type { CommandContext } from './command-context.ts'
import { openForDiscovery } from './discover.ts'
import { createEnvironment } from './environment.ts'
import { UsageError } from './exit-codes.ts'
import { counted } from './format/quantities.ts'
import { createOpener, type Opener } from './open.ts'
import { connectionsYaml, integrationYaml, type SourceAddress } from './scaffold.ts'

export type InitOptions = {
  /** A URL, or the name of a connection that connections.yaml has; absent = a template. */
  readonly from: string | undefined
  /** Default: the database's name. */
  readonly name: string | undefined
  readonly tables: readonly string[]
}

const CONNECTION = 'core'
const DEFAULT_TABLES = ['*.*']

export async function init(context: CommandContext, options: InitOptions): Promise<void> {
  const root = context.globals().config
  const connectionsFile = join(root, 'connections.yaml')
  const origin = originOf(context, options.from)
  const name = nameOf(options.name ?? origin.database ?? 'loans')
  const integrationFile = join(root, 'integrations', `${name}.yaml`)
  const files = [...(origin.address === null ? [] : [connectionsFile]), integrationFile]
  refuseOverwriting(files)

  const tables = origin.opener === null ? [] : await discovered(origin.opener, origin.connection, options.tables, context.signal)
  if (origin.opener !== null && tables.length === 0) {
    const patterns = options.tables.length === 0 ? DEFAULT_TABLES : options.tables
    throw new UsageError(`No table matches ${patterns.join(' ')}; nothing was written. "portage init --tables" names others`)
  }
  if (origin.address !== null) writeNew(connectionsFile, connectionsYaml(origin.connection, origin.address))
  writeNew(integrationFile, integrationYaml({ name, connection: origin.connection, tables }))
  const schemaFile = join(root, 'integration.schema.json')
  if (!existsSync(schemaFile)) writeNew(schemaFile, integrationJsonSchema())

  const { print } = context
  for (const file of files) await print(`wrote ${file}`)
  if (tables.length > 0) await print(summary(tables))
  await print('\nNext:')
  for (const line of nextCommands(name, origin.address, root)) await print(`  ${line}`)
}

type Origin = {
  readonly connection: string
  /** What connections.yaml is to say; null when it has the connection already. */
  readonly address: SourceAddress | null
  readonly database: string | null
  /** Opens the connection; null when there is nothing to look at. */
  readonly opener: Opener | null
}

function originOf(context: CommandContext, from: string | undefined): Origin {
  if (from === undefined) {
    const address = {
      host: 'localhost',
      port: 5432,
      user: 'postgres',
      database: 'postgres',
      sslmode: null,
      passwordVariable: passwordVariable(),
    }
    return { connection: CONNECTION, address, database: null, opener: null }
  }
  if (!/^postgres(?:ql)?:\/\//.test(from)) {
    const connections = loadConnections(context.globals().config)
    return { connection: from, address: null, database: null, opener: openerFor(context, connections) }
  }
  const url = parseUrl(from)
  const place = () => ({ file: '--from', line: 1, path: '' })
  const connection = { name: CONNECTION, connector: 'postgres', options: { url: from }, file: '--from', place }
  return {
    connection: CONNECTION,
    address: url.address,
    database: url.address.database,
    opener: openerFor(context, new Map([[CONNECTION, connection]])),
  }
}

function openerFor(context: CommandContext, connections: Parameters<typeof createOpener>[0]['connections']): Opener {
  const { redaction, io } = context
  const { state, verbose, config } = context.globals()
  const environment = createEnvironment({
    stateDir: state,
    level: verbose ? 'debug' : 'warn',
    redact: redaction.redact,
    write: (line) => void io.stderr.write(line),
  })
  return createOpener({ root: config, connections, env: io.env, redaction, environment })
}

function parseUrl(from: string): { readonly address: SourceAddress } {
  const url = URL.parse(from)
  if (url === null || url.hostname === '') throw new UsageError('--from: expected postgres://user@host:port/database')
  const user = decodeURIComponent(url.username) || 'postgres'
  return {
    address: {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? 5432 : Number(url.port),
      user,
      database: decodeURIComponent(url.pathname.slice(1)) || user,
      sslmode: url.searchParams.get('sslmode'),
      passwordVariable: url.password === '' ? null : passwordVariable(),
    },
  }
}

function passwordVariable(): string {
  return `${CONNECTION.toUpperCase()}_PASSWORD`
}

async function discovered(
  opener: Opener,
  connection: string,
  tables: readonly string[],
  signal: AbortSignal,
): Promise<readonly DiscoveredTable[]> {
  await using source = await openForDiscovery(opener, connection, tables.length === 0 ? DEFAULT_TABLES : tables)
  return await source.discover(signal)
}

function nameOf(wanted: string): string {
  const name = wanted
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, '_')
    .replace(/^[^a-z]+/, '')
    .slice(0, 40)
  if (name === '')
    throw new UsageError(
      `"${wanted}" makes no integration name. Give one with --name: a lower-case letter, then letters, digits, _`,
    )
  return name
}

function refuseOverwriting(files: readonly string[]): void {
  const existing = files.filter((file) => existsSync(file))
  if (existing.length === 0) return
  const cure =
    'Choose --config for another root, --name for another integration, or --from <connection> for a connection that is there'
  throw new UsageError(`${existing.join(' and ')} already exists; nothing was written. ${cure}`)
}

function writeNew(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text, { flag: 'wx' })
}

function summary(tables: readonly DiscoveredTable[]): string {
  const advice = tables.reduce((sum, table) => sum + table.advice.length, 0)
  const look = advice === 0 ? '' : `; ${counted(advice, 'thing')} worth a look, at the end of the file`
  return `${counted(tables.length, 'table')} found${look}`
}

function nextCommands(name: string, address: SourceAddress | null, root: string): readonly string[] {
  const config = root === './config' ? '' : ` --config ${root}`
  const exported = address === null || address.passwordVariable === null ? [] : [`export ${address.passwordVariable}='…'`]
  return [
    ...exported,
    `portage check ${name}${config}`,
    `portage run ${name}${config} --until-current`,
    `portage status ${name}${config}`,
    `portage query${config} "show all tables"`,
  ]
}
