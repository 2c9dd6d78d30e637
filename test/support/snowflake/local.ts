/** The endpoint with its SQL side: one account with a database, a warehouse and a user, ready for a driver. */
import { type SnowflakeEndpoint, type SnowflakeEndpointOptions, startSnowflakeEndpoint } from './endpoint.ts'
import type { SnowflakeUser } from './login.ts'
import { type LocalSqlEngine, openSqlEngine, type SqlEngineOptions } from './sql/sql-engine.ts'

export type LocalSnowflakeOptions = Omit<SnowflakeEndpointOptions, 'engine' | 'users' | 'account'> & {
  /** Of this endpoint alone: copies of staged files, temporary files. Nothing in it is needed after the end. */
  readonly directory: string
  readonly user: SnowflakeUser
  /** Default: `LOCAL`. */
  readonly account?: string
  /** Default: `DB` and `WH`; upper case. SYSADMIN owns both. */
  readonly database?: string
  readonly warehouse?: string
  /** The user's default role. Default: SYSADMIN. Another one is made, and has nothing but what it is granted. */
  readonly role?: string
  /** Further roles of the user. Default: ACCOUNTADMIN. */
  readonly roles?: readonly string[]
  /** Where stages lead besides what their own `ENDPOINT` and `CREDENTIALS` say. Default: nowhere. */
  readonly storage?: SqlEngineOptions['storage']
  readonly integrations?: SqlEngineOptions['integrations']
}

export type LocalSnowflake = AsyncDisposable & {
  readonly endpoint: SnowflakeEndpoint
  readonly engine: LocalSqlEngine
}

/** What statements make is kept in memory and ends with it. */
export async function startLocalSnowflake(options: LocalSnowflakeOptions): Promise<LocalSnowflake> {
  const { directory, user, database = 'DB', warehouse = 'WH', role = 'SYSADMIN', storage, integrations, ...others } = options
  const account = options.account ?? 'LOCAL'
  const engine = await openSqlEngine({
    account: account.toUpperCase(),
    directory,
    storage: storage ?? { s3: null, directories: new Map() },
    roles: [role],
    users: [{ name: user.name.toUpperCase(), roles: options.roles ?? ['ACCOUNTADMIN'], defaultRole: role }],
    databases: [database],
    warehouses: [warehouse],
    ...(integrations === undefined ? {} : { integrations }),
    ...(others.now === undefined ? {} : { now: others.now }),
  })
  try {
    const endpoint = await startSnowflakeEndpoint({ ...others, account, engine, users: [user] })
    return {
      endpoint,
      engine,
      [Symbol.asyncDispose]: async () => {
        await endpoint.close()
        await engine[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await engine[Symbol.asyncDispose]()
    throw error
  }
}
