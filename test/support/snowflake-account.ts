/**
 * A Snowflake account for tests: the local endpoint over a bucket of our S3 endpoint, or, when `SNOWFLAKE_TEST_ACCOUNT` is set, a live
 * one. The same tests run on both; a case that differs there is a mistake of the endpoint.
 *
 * Live, each with `SNOWFLAKE_TEST_` before it: ACCOUNT, USER, one of PASSWORD, PRIVATE_KEY_PATH, TOKEN; ROLE, WAREHOUSE, DATABASE; a
 * bucket that both sides reach: STAGE_URL (s3://bucket/prefix/) with STORAGE_INTEGRATION or AWS_KEY_ID and AWS_SECRET_KEY, AWS_REGION.
 */
import { randomBytes } from 'node:crypto'
import type { Environment, ObjectStore } from '../../connectors/ports.ts'
import { s3Options } from '../../connectors/s3/options.ts'
import { openS3Store } from '../../connectors/s3/store.ts'
import { openSnowflakeClient, type SnowflakeClient } from '../../connectors/snowflake/client.ts'
import { snowflakeOptions } from '../../connectors/snowflake/options.ts'
import { scratch } from './scratch.ts'
import type { SnowflakeEndpoint } from './snowflake/endpoint.ts'
import type { LocalSqlEngine } from './snowflake/sql/sql-engine.ts'
import { localPlace } from './snowflake-local.ts'

type Block = Readonly<Record<string, unknown>>

export type TestAccount = AsyncDisposable & {
  /** Null: a live account. */
  readonly endpoint: SnowflakeEndpoint | null
  readonly engine: LocalSqlEngine | null
  /** As connections.yaml has them: the account, and the bucket that it reaches. */
  readonly connection: Block
  readonly lake: Block
  readonly database: string
  /** Made for this test alone, dropped at its end. */
  readonly schema: string
  readonly store: ObjectStore
  readonly client: SnowflakeClient
  /** What `SELECT` answers, values as texts. */
  readonly rows: (sql: string) => Promise<readonly (readonly (string | null)[])[]>
}

const signal = new AbortController().signal

export const LIVE = process.env.SNOWFLAKE_TEST_ACCOUNT !== undefined

/** Pauses of the connectors pass in no time with the endpoint. */
export function accountEnvironment(stateDir: string): Environment {
  const sleep: Environment['sleep'] = async (ms, stop) => {
    stop?.throwIfAborted()
    if (LIVE) await new Promise((resolve) => setTimeout(resolve, ms))
  }
  return { now: () => new Date(), sleep, random: () => 0.5, log: () => undefined, stateDir }
}

export async function openTestAccount(options: Block = {}): Promise<TestAccount> {
  const made = scratch()
  const closing = new AsyncDisposableStack()
  closing.defer(() => made[Symbol.dispose]())
  const id = randomBytes(4).toString('hex')
  const place = LIVE ? livePlace(id) : await localPlace(made, closing)
  const schema = `PORTAGE_TEST_${id.toUpperCase()}`
  const connection = { ...place.connection, ...options }
  const environment = accountEnvironment(made.path('state'))
  const store = closing.use(openS3Store(s3Options.parse(place.lake), environment))
  const client = closing.use(
    await openSnowflakeClient(snowflakeOptions.parse(connection), environment, { integration: 'test', run: id }),
  )
  const run = (sql: string) => client.run(sql, { signal, repeatable: true })
  await run(`CREATE SCHEMA ${place.database}.${schema}`)
  await run(`USE SCHEMA ${place.database}.${schema}`)
  closing.defer(async () => {
    await run(`DROP SCHEMA IF EXISTS ${place.database}.${schema}`)
    if (!LIVE) return
    const keys: string[] = []
    for await (const { key } of store.list('')) keys.push(key)
    await store.delete(keys)
  })
  return {
    endpoint: place.endpoint,
    engine: place.engine,
    connection,
    lake: place.lake,
    database: place.database,
    schema,
    store,
    client,
    rows: async (sql) => (await run(sql)).rows,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

type Place = Pick<TestAccount, 'endpoint' | 'engine' | 'connection' | 'lake' | 'database'>

function livePlace(id: string): Place {
  const of = (name: string): string | undefined => process.env[`SNOWFLAKE_TEST_${name}`]
  const given = (block: Readonly<Record<string, string | undefined>>): Block =>
    Object.fromEntries(Object.entries(block).filter(([, value]) => value !== undefined))
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]+)\/(.*?)\/?$/.exec(of('STAGE_URL') ?? '') ?? []
  const prefix = [...(path === '' ? [] : [path]), `portage-test-${id}`].join('/')
  const keys = given({ access_key_id: of('AWS_KEY_ID'), secret_access_key: of('AWS_SECRET_KEY') })
  return {
    endpoint: null,
    engine: null,
    connection: {
      ...given({
        account: of('ACCOUNT'),
        user: of('USER'),
        password: of('PASSWORD'),
        private_key_path: of('PRIVATE_KEY_PATH'),
        token: of('TOKEN'),
        role: of('ROLE'),
        warehouse: of('WAREHOUSE'),
        database: of('DATABASE'),
      }),
      stage: {
        url: `s3://${bucket}/${prefix}/`,
        ...(of('STORAGE_INTEGRATION') === undefined ? keys : { storage_integration: of('STORAGE_INTEGRATION') }),
      },
    },
    lake: { bucket, prefix, ...given({ region: of('AWS_REGION') }), ...keys },
    database: of('DATABASE') ?? '',
  }
}
