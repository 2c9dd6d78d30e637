/** The local endpoint over a bucket of our S3 endpoint, as one place for tests. */
import { startS3Endpoint } from './s3/endpoint.ts'
import type { Scratch } from './scratch.ts'
import { type SnowflakeEndpoint, startSnowflakeEndpoint } from './snowflake/endpoint.ts'
import { type LocalSqlEngine, openSqlEngine } from './snowflake/sql/sql-engine.ts'

type Block = Readonly<Record<string, unknown>>

export type LocalPlace = {
  readonly endpoint: SnowflakeEndpoint
  readonly engine: LocalSqlEngine
  readonly connection: Block
  readonly lake: Block
  readonly database: string
}

const KEYS = { accessKeyId: 'AKIALOCAL', secretAccessKey: 'local-secret' }
const USER = { name: 'LOADER', password: 'local-password' }

/** Everything below the directory; closed with the stack. */
export async function localPlace(
  made: Scratch['path'] | Pick<Scratch, 'path'>,
  closing: AsyncDisposableStack,
): Promise<LocalPlace> {
  const path = typeof made === 'function' ? made : made.path
  const bucket = 'snowflake-lake'
  const s3 = closing.use(await startS3Endpoint({ directory: path('s3'), ...KEYS, buckets: [bucket] }))
  const storage = { s3: { endpoint: s3.url, region: 'us-east-1', ...KEYS }, directories: new Map<string, string>() }
  const engine = closing.use(
    await openSqlEngine({
      account: 'LOCAL',
      directory: path('engine'),
      storage,
      users: [{ name: USER.name, roles: ['SYSADMIN', 'ACCOUNTADMIN'], defaultRole: 'SYSADMIN' }],
      databases: ['CORE'],
      warehouses: ['LOAD'],
      integrations: [{ name: 'LAKE', allowed: ['*'] }],
    }),
  )
  const endpoint = closing.use(await startSnowflakeEndpoint({ engine, account: 'LOCAL', users: [USER] }))
  const keys = { access_key_id: KEYS.accessKeyId, secret_access_key: KEYS.secretAccessKey }
  return {
    endpoint,
    engine,
    connection: {
      account: 'LOCAL',
      host: endpoint.host,
      port: endpoint.port,
      protocol: endpoint.protocol,
      user: USER.name,
      password: USER.password,
      role: 'ACCOUNTADMIN',
      warehouse: 'LOAD',
      database: 'CORE',
      stage: { url: `s3compat://${bucket}/`, endpoint: new URL(s3.url).host, ...keys },
    },
    lake: { bucket, endpoint: s3.url, ...keys },
    database: 'CORE',
  }
}
