/** `query`: finds the warehouse that was meant and streams the result to standard output. */
import type { Configuration } from '../config/integration.ts'
import type { CommandContext } from './command-context.ts'
import { UsageError } from './exit-codes.ts'
import { BINARY_FORMATS, QUERY_FORMATS, type QueryFormat } from './format/query-writers.ts'
import { runQuery } from './query.ts'
import { openWarehouseAt } from './query-at.ts'
import { openSession, type Session } from './session.ts'
import { onlyWarehouse } from './transfer/connections.ts'
import { anyIntegration } from './transfer/lake-integrations.ts'

export type QueryCommandOptions = {
  readonly sql: string
  readonly connection: string | undefined
  readonly format: string | undefined
  /** Number of a commit; null = what the warehouse shows. */
  readonly at: number | null
  /** Whose commit. */
  readonly integration: string | undefined
}

export async function queryWarehouse(context: CommandContext, options: QueryCommandOptions): Promise<void> {
  const { sql, connection, format, at, integration } = options
  const { io, signal } = context
  const chosen = formatNamed(format ?? (io.stdout.isTerminal ? 'table' : 'csv'))
  if (BINARY_FORMATS.has(chosen) && io.stdout.isTerminal) {
    throw new UsageError(`--format ${chosen} is binary; send it to a file: portage query … --format ${chosen} > result.${chosen}`)
  }
  if (at === null && integration !== undefined) throw new UsageError('--integration goes with --at: whose commit is meant')
  if (at !== null && connection !== undefined) {
    throw new UsageError('--at reads the files of the lake itself; leave out --connection')
  }
  const session = openSession(context)
  if (at !== null) return await queryCommit(context, session, { sql, format: chosen, at, integration })
  await using warehouse = await session.opener.warehouse(connection ?? (await warehouseOf(session.configuration)))
  await runQuery({ warehouse, sql, format: chosen, out: io.stdout }, signal)
}

type CommitQuery = Pick<QueryCommandOptions, 'sql' | 'integration'> & { readonly format: QueryFormat; readonly at: number }

/** The integration's tables as they were, under the schema that its first warehouse shows them in. */
async function queryCommit(
  context: CommandContext,
  session: Session,
  { sql, format, at, integration }: CommitQuery,
): Promise<void> {
  const { opener, environment } = session
  const { name, lake, register } = await anyIntegration(session, integration, context.signal)
  await using store = await opener.store(lake.connection)
  const place = { store, prefix: lake.prefix, integration: name, at, schema: register[0]?.schema ?? name }
  await using warehouse = await openWarehouseAt(place, environment, context.signal)
  await runQuery({ warehouse, sql, format, out: context.io.stdout }, context.signal)
}

function formatNamed(name: string): QueryFormat {
  const found = QUERY_FORMATS.find((each) => each === name)
  if (found === undefined) throw new UsageError(`--format ${name}: expected ${QUERY_FORMATS.join(', ')}`)
  return found
}

/** The one warehouse that integrations register in. */
async function warehouseOf(configuration: Configuration): Promise<string> {
  const { integrations } = configuration
  const names = [...new Set(integrations.flatMap(({ register }) => register.map(({ connection }) => connection)))]
  // Transfers register where there is but one warehouse, without any YAML.
  if (names.length === 0) names.push(...[await onlyWarehouse(configuration, { which })].filter((name) => name !== null))
  const [only] = names
  if (only !== undefined && names.length === 1) return only
  throw new UsageError(
    names.length === 0 ? 'No integration names a warehouse under "register:". Give one with --connection' : which(names),
  )
}

const which = (names: readonly string[]): string => `Which warehouse? Give one with --connection: ${names.join(', ')}`
