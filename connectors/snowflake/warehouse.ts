/** Snowflake as a warehouse: external tables over the lake's files, and views with the rules. */
import { ConnectorError } from '../errors.ts'
import type { Environment, RegisterRequest, Warehouse } from '../ports.ts'
import { check } from './check.ts'
import { openSnowflakeClient, type SessionTag, type SnowflakeClient } from './client.ts'
import { describeRelations, readRegistered } from './describe.ts'
import { SNOWFLAKE_DIALECT } from './dialect.ts'
import { refusal } from './external-table.ts'
import { linkTable, unlinkTable } from './foreign/link.ts'
import { accountName, type SnowflakeOptions } from './options.ts'
import { query } from './query.ts'
import { type RegisterContext, register } from './register.ts'
import { unloadQuery } from './tables/unload-query.ts'
import { unregister } from './unregister.ts'

export type OpenClient = (tag: SessionTag, signal: AbortSignal) => Promise<SnowflakeClient>

/** Sessions are opened when they are needed, one per integration, so that the query history says who asked. */
export async function openSnowflakeWarehouse(
  options: SnowflakeOptions,
  environment: Environment,
  open: OpenClient = (tag, signal) => openSnowflakeClient(options, environment, tag, signal),
): Promise<Warehouse> {
  const run = Math.floor(environment.random() * 0x1_0000_0000)
    .toString(16)
    .padStart(8, '0')
  const sessions = new Map<string, Promise<SnowflakeClient>>()
  const clientFor = async (integration: string, signal: AbortSignal): Promise<SnowflakeClient> => {
    signal.throwIfAborted()
    const known = sessions.get(integration)
    if (known !== undefined) return await known
    const opening = open({ integration, run }, signal)
    sessions.set(integration, opening)
    try {
      return await opening
    } catch (error) {
      sessions.delete(integration)
      throw error
    }
  }
  const context = async (request: RegisterRequest, signal: AbortSignal): Promise<RegisterContext> => {
    const { stage, database } = options
    if (stage === undefined || database === undefined) throw incomplete(options)
    return { client: await clientFor(request.integration, signal), options: { ...options, stage }, environment }
  }
  return {
    kind: 'snowflake',
    dialect: SNOWFLAKE_DIALECT,
    reads: 'list',
    check: async (signal) => await check(options, (stop) => clientFor('check', stop), signal),
    registered: async (integration, schema, signal) =>
      await readRegistered(await clientFor(integration, signal), { integration, schema }, signal),
    refusal,
    describe: async (integration, schema, signal) =>
      await describeRelations(await clientFor(integration, signal), { integration, schema }, signal),
    register: async (request, signal) => await register(await context(request, signal), request, signal),
    query: async (sql, signal) => await query(await clientFor('query', signal), sql, signal),
    unload: async (request, signal) => await unloadQuery(await clientFor('unload', signal), options, request, signal),
    link: async (request, signal) => await linkTable(await clientFor('link', signal), options.stage, request, signal),
    unlink: async (request, signal) => await unlinkTable(await clientFor('link', signal), request, signal),
    remove: async (request, signal) => await unregister(await clientFor(request.integration, signal), request, signal),
    [Symbol.asyncDispose]: async () => {
      const opened = [...sessions.values()]
      sessions.clear()
      await Promise.all(opened.map(async (each) => await each.then((client) => client[Symbol.asyncDispose]()).catch(() => {})))
    },
  }
}

function incomplete(options: SnowflakeOptions): ConnectorError {
  const missing =
    options.stage === undefined ? 'stage: {url: s3://<bucket>/<prefix>/, storage_integration: <name>}' : 'database: <name>'
  return new ConnectorError(
    'CONFIGURATION',
    `Snowflake account "${accountName(options)}" cannot show a lake yet: its connection lacks "${missing}" in config/connections.yaml`,
  )
}
