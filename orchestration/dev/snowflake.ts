/** The Snowflake endpoint of `portage dev up --snowflake`: loopback only, with a password of its own, its catalogue in memory. */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { ConnectorError } from '../../connectors/errors.ts'
import type { SnowflakeEndpoint } from '../../test/support/snowflake/endpoint.ts'
import type { Fault } from '../../test/support/snowflake/faults.ts'
import type { LocalSqlEngine } from '../../test/support/snowflake/sql/sql-engine.ts'
import { hasCode, keptText } from './kept-text.ts'
import { DEV_BUCKET } from './s3.ts'
import { DEV_S3_FILES, DEV_SNOWFLAKE_PASSWORD_FILE } from './sample-config.ts'

export const DEV_SNOWFLAKE = { account: 'LOCAL', user: 'PORTAGE', role: 'LOADER', warehouse: 'WH', database: 'LAKE' } as const

/** What a fault of the endpoint is; `DevSnowflake.endpoint.arm` takes it. */
export type DevSnowflakeFault = Fault

/** A block of connections.yaml. */
export type SnowflakeBlock = Readonly<Record<string, string | number | Readonly<Record<string, string>>>>

export type DevSnowflake = AsyncDisposable & {
  readonly url: string
  readonly endpoint: SnowflakeEndpoint
  /** With the bucket of the S3 endpoint as its stage; secrets are files by absolute path. */
  readonly connection: SnowflakeBlock
  /** The same, with the files as `named` writes their absolute paths. */
  readonly connectionWith: (named: (path: string) => string) => SnowflakeBlock
  /** One of the role's privileges: how to take it away, how to give it back, and what must be named when it is missing. */
  readonly privilege: { readonly revoke: string; readonly grant: string; readonly names: readonly string[] }
  /** A statement by ACCOUNTADMIN. */
  readonly asAdministrator: (sql: string) => Promise<void>
}

/** What an administrator gives to the role that loads: no more than registration needs. */
const GRANTS = [
  `GRANT USAGE, CREATE SCHEMA ON DATABASE ${DEV_SNOWFLAKE.database} TO ROLE ${DEV_SNOWFLAKE.role}`,
  `GRANT USAGE ON WAREHOUSE ${DEV_SNOWFLAKE.warehouse} TO ROLE ${DEV_SNOWFLAKE.role}`,
]

/**
 * Starts the endpoint beside the S3 endpoint of the same state directory, and writes its password into a file, readable by
 * this user only; a password that is there already is used. What statements make in it ends with it.
 *
 * @throws ConnectorError `UNAVAILABLE` when the port is taken.
 */
export async function startDevSnowflake(state: string, port: number | undefined): Promise<DevSnowflake> {
  // Test support that ships: tests and users must have the same endpoint.
  const { startLocalSnowflake } = await import('../../test/support/snowflake/local.ts')
  const passwordFile = resolve(state, DEV_SNOWFLAKE_PASSWORD_FILE)
  mkdirSync(dirname(passwordFile), { recursive: true })
  const { user, role, ...names } = DEV_SNOWFLAKE
  const directory = resolve(state, 'dev', 'snowflake')
  rmSync(directory, { recursive: true, force: true })
  const local = await startLocalSnowflake({
    ...names,
    directory,
    user: { name: user, password: keptText(passwordFile, randomBytes(18).toString('base64url')) },
    role,
    ...(port === undefined ? {} : { port }),
  }).catch((cause: unknown) => {
    if (port === undefined || !hasCode(cause, 'EADDRINUSE')) throw cause
    throw new ConnectorError(
      'UNAVAILABLE',
      `Snowflake endpoint: port ${port} of 127.0.0.1 is taken by another program. Leave out --snowflake-port, or name another`,
      { cause },
    )
  })
  const { endpoint, engine } = local
  const asAdministrator = (sql: string): Promise<void> => administer(engine, sql)
  for (const grant of GRANTS) await asAdministrator(grant)
  const connectionWith: DevSnowflake['connectionWith'] = (named) => connectionBlock(endpoint, { state, passwordFile, named })
  const { warehouse } = DEV_SNOWFLAKE
  return {
    url: endpoint.url,
    endpoint,
    connection: connectionWith((path) => path),
    connectionWith,
    privilege: {
      revoke: `REVOKE USAGE ON WAREHOUSE ${warehouse} FROM ROLE ${role}`,
      grant: `GRANT USAGE ON WAREHOUSE ${warehouse} TO ROLE ${role}`,
      names: ['USAGE', warehouse],
    },
    asAdministrator,
    [Symbol.asyncDispose]: () => local[Symbol.asyncDispose](),
  }
}

type Places = { readonly state: string; readonly passwordFile: string; readonly named: (path: string) => string }

function connectionBlock({ host, port }: SnowflakeEndpoint, { state, passwordFile, named }: Places): SnowflakeBlock {
  const secret = (path: string): string => `\${file:${named(resolve(state, path))}}`
  return {
    connector: 'snowflake',
    account: DEV_SNOWFLAKE.account,
    host,
    port,
    protocol: 'http',
    user: DEV_SNOWFLAKE.user,
    password: secret(passwordFile),
    role: DEV_SNOWFLAKE.role,
    warehouse: DEV_SNOWFLAKE.warehouse,
    database: DEV_SNOWFLAKE.database,
    stage: {
      url: `s3compat://${DEV_BUCKET}/`,
      endpoint: new URL(readFileSync(resolve(state, DEV_S3_FILES.url), 'utf8').trim()).host,
      access_key_id: secret(DEV_S3_FILES.accessKeyId),
      secret_access_key: secret(DEV_S3_FILES.secretAccessKey),
    },
  }
}

async function administer(engine: LocalSqlEngine, sql: string): Promise<void> {
  const { user, database, warehouse } = DEV_SNOWFLAKE
  const request = { user, role: 'ACCOUNTADMIN', database, warehouse, schema: null, parameters: {} }
  await using session = await engine.openSession(request)
  const { signal } = new AbortController()
  const { rows } = await session.execute(sql, { bindings: [], queryId: randomUUID(), signal })
  for await (const _batch of rows);
}
