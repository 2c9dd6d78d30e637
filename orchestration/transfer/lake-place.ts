/** Which log and table of a lake an address means. */

import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Configuration } from '../../config/integration.ts'
import { didYouMean } from '../../config/problems.ts'
import { type TableName, tableName } from '../../connectors/change.ts'
import { openDuckdbWarehouse } from '../../connectors/duckdb/warehouse.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { Environment, ObjectStore, Warehouse } from '../../connectors/ports.ts'
import type { LogState } from '../../integrations/land/log/commit.ts'
import { loadState } from '../../integrations/land/log/read.ts'
import { registerCommit } from '../../integrations/register/register.ts'
import { UsageError } from '../exit-codes.ts'

/** Integration of tables that are named without one. */
export const DEFAULT_INTEGRATION = 'transfers'
export const DEFAULT_PREFIX = 'raw'
const DEFAULT_SCHEMA = 'public'

export type LakeTable = {
  readonly connection: string
  readonly prefix: string
  readonly integration: string
  readonly table: TableName
}

const INTEGRATION = /^[a-z][a-z0-9_]{0,39}$/

/** `table`, `integration.table` or `integration.schema.table`. Throws `UsageError`. */
export function lakeTable(
  { integrations }: Pick<Configuration, 'integrations'>,
  connection: string,
  parts: readonly string[],
  prefix: string | null,
): LakeTable {
  const [first = '', second, third] = parts
  if (parts.length > 3)
    throw new UsageError(`${connection}:${parts.join('.')}: expected table, integration.table or integration.schema.table`)
  const integration = second === undefined ? DEFAULT_INTEGRATION : first
  if (!INTEGRATION.test(integration)) {
    throw new UsageError(
      `${connection}:${parts.join('.')}: "${integration}" is no name of an integration: expected lower-case letters, digits and _, at most 40`,
    )
  }
  const table = third === undefined ? tableName(DEFAULT_SCHEMA, second ?? first) : tableName(second ?? '', third)
  return { connection, prefix: prefix ?? prefixOf(integrations, connection, integration), integration, table }
}

/** Where the integration of that name lies; else where the others of that lake do. */
export function prefixOf(integrations: Configuration['integrations'], connection: string, integration: string): string {
  const here = integrations.filter(({ lake }) => lake.connection === connection)
  const own = here.find(({ name }) => name === integration)
  const prefixes = [...new Set(here.map(({ lake }) => lake.prefix))]
  return own?.lake.prefix ?? (prefixes.length === 1 ? (prefixes[0] ?? DEFAULT_PREFIX) : DEFAULT_PREFIX)
}

export const lakeText = ({ connection, integration, table }: LakeTable): string => `${connection}:${integration}.${table}`

export type ShownTable = {
  readonly warehouse: Warehouse
  readonly state: LogState
  readonly relation: { readonly schema: string; readonly name: string }
}

/**
 * A throw-away warehouse over one table of the newest commit, apart from what is registered elsewhere; disposal removes it. Throws
 * `NOT_FOUND` with the nearest table.
 */
export async function showTable(
  store: ObjectStore,
  place: LakeTable,
  environment: Environment,
  signal: AbortSignal,
): Promise<ShownTable> {
  const { prefix, integration, table } = place
  const state = await loadState(store, { prefix, integration }, { signal })
  const known = state.tables[table]
  if (known === undefined || known.base === null) throw absent(state, place)
  const directory = join(environment.stateDir, 'transfer', randomUUID())
  const remove = () => rm(directory, { recursive: true, force: true })
  const warehouse = await openDuckdbWarehouse(
    { cache: join(environment.stateDir, 'lake') },
    { ...environment, stateDir: directory },
  )
  try {
    const only = { ...state, tables: { [table]: known } }
    const schema = 'lake'
    const { relations } = await registerCommit({ integration, schema, state: only, store, warehouse, dryRun: false }, signal)
    const disposed = {
      ...warehouse,
      [Symbol.asyncDispose]: async () => {
        await warehouse[Symbol.asyncDispose]()
        await remove()
      },
    }
    return { warehouse: disposed, state, relation: { schema, name: relations[0] ?? '' } }
  } catch (error) {
    await remove()
    throw error
  }
}

function absent(state: LogState, { connection, integration, table }: LakeTable): ConnectorError {
  const tables = Object.keys(state.tables)
  const known =
    state.number === 0
      ? `this lake has no integration "${integration}"`
      : tables.length === 0
        ? `integration "${integration}" has no table yet`
        : `integration "${integration}" has ${tables.slice(0, 12).join(', ')}${didYouMean(table, tables)}`
  return new ConnectorError('NOT_FOUND', `${connection}:${integration}.${table} is not there: ${known}`)
}

/** A name for the original that every store takes as a key. */
export const keyName = (path: string): string =>
  basename(path)
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .replace(/^\.+/, '_')
    .slice(-120)
