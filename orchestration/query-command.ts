/** `query`: finds the warehouse that was meant and streams the result to standard output. */
import type { Configuration } from '../config/integration.ts'
import type { CommandContext } from './command-context.ts'
import { UsageError } from './exit-codes.ts'
import { BINARY_FORMATS, QUERY_FORMATS, type QueryFormat } from './format/query-writers.ts'
import { runQuery } from './query.ts'
import { openSession } from './session.ts'

export type QueryCommandOptions = {
  readonly sql: string
  readonly connection: string | undefined
  readonly format: string | undefined
}

export async function queryWarehouse(context: CommandContext, { sql, connection, format }: QueryCommandOptions): Promise<void> {
  const { io, signal } = context
  const chosen = formatNamed(format ?? (io.stdout.isTerminal ? 'table' : 'csv'))
  if (BINARY_FORMATS.has(chosen) && io.stdout.isTerminal) {
    throw new UsageError(`--format ${chosen} is binary; send it to a file: portage query … --format ${chosen} > result.${chosen}`)
  }
  const { configuration, opener } = openSession(context)
  await using warehouse = await opener.warehouse(connection ?? warehouseOf(configuration))
  await runQuery({ warehouse, sql, format: chosen, out: io.stdout }, signal)
}

function formatNamed(name: string): QueryFormat {
  const found = QUERY_FORMATS.find((each) => each === name)
  if (found === undefined) throw new UsageError(`--format ${name}: expected ${QUERY_FORMATS.join(', ')}`)
  return found
}

/** The one warehouse that integrations register in. */
function warehouseOf({ integrations }: Configuration): string {
  const names = [...new Set(integrations.flatMap(({ register }) => register.map(({ connection }) => connection)))]
  const [only] = names
  if (only !== undefined && names.length === 1) return only
  throw new UsageError(
    names.length === 0
      ? 'No integration names a warehouse under "register:". Give one with --connection'
      : `Which warehouse? Give one with --connection: ${names.join(', ')}`,
  )
}
