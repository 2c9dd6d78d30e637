/** `portage dev up`: a PostgreSQL server with the loan book, an S3 and a Snowflake endpoint, to try things; ends with the signal. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import pg from 'pg'
import { stringify } from 'yaml'
import { integrationJsonSchema } from '../../config/json-schema.ts'
import type { CommandContext } from '../command-context.ts'
import { loadBook } from '../demo/load-book.ts'
import { countText } from '../format/quantities.ts'
import { startPostgres } from './embedded-postgres.ts'
import { DEV_BUCKET, startDevS3 } from './s3.ts'
import { DEV_URL_FILE, SAMPLE_INTEGRATION, sampleConnections } from './sample-config.ts'
import { DEV_SNOWFLAKE, type DevSnowflake, startDevSnowflake } from './snowflake.ts'

export type DevOptions = {
  /** 1 = about 114 k clients, 167 k loans, 118 k payments. */
  readonly scale: number
  readonly port: number | undefined
  readonly s3Port: number | undefined
  readonly snowflake: boolean
  readonly snowflakePort: number | undefined
}

export async function devUp(context: CommandContext, options: DevOptions): Promise<void> {
  const { scale, port, s3Port } = options
  const { signal, print, io } = context
  const { state, config } = context.globals()
  const dir = resolve(state, 'dev', 'postgres')
  await io.stderr.write('starting PostgreSQL …\n')
  await using server = await startPostgres({ dir, signal, ...(port === undefined ? {} : { port }) })
  const loaded = await fill(server.url, scale)
  const urlFile = resolve(state, DEV_URL_FILE)
  writeFileSync(urlFile, `${server.url}\n`, { mode: 0o600 })
  await using s3 = await startDevS3(state, s3Port)
  await using snowflake = options.snowflake ? await startDevSnowflake(state, options.snowflakePort) : null
  const written = writeSample(config, state)

  const addition = `, and in connections.yaml
  lake_s3:
    connector: s3
    bucket: ${DEV_BUCKET}
    endpoint: ${s3.url}
    access_key_id: \${file:${from(config, s3.files.accessKeyId)}}
    secret_access_key: \${file:${from(config, s3.files.secretAccessKey)}}`

  await print(`PostgreSQL is ready: ${server.url}`)
  await print(`tables: ${loaded}`)
  await print(`S3 endpoint is ready: ${s3.url}, bucket "${DEV_BUCKET}", region ${s3.region}`)
  if (snowflake !== null) {
    const { account, user, role, database, warehouse } = DEV_SNOWFLAKE
    await print(
      `Snowflake endpoint is ready: ${snowflake.url}, account "${account}", user "${user}", role "${role}", database "${database}", warehouse "${warehouse}"`,
    )
  }
  for (const file of written) await print(`wrote ${file}`)
  await print(`
In another terminal:
  portage check
  portage run loans --until-current
  portage query "select status, count(*) as loans, sum(amount) as amount from loans.loan group by status order by 1"

With the lake in the bucket: lake: {connection: lake_s3, prefix: raw}, in the integration${hasBucketLake(config) ? '' : addition}
Other S3 clients (path style, signature version 4):
  export AWS_ENDPOINT_URL_S3=${s3.url} AWS_REGION=${s3.region}
  export AWS_ACCESS_KEY_ID="$(cat ${s3.files.accessKeyId})" AWS_SECRET_ACCESS_KEY="$(cat ${s3.files.secretAccessKey})"
${snowflake === null ? '' : snowflakeHelp(snowflake, { config, s3Port: new URL(s3.url).port })}
Ctrl-C stops ${snowflake === null ? 'both; their data stay' : `them; the data of PostgreSQL and S3 stay`} in ${dirname(dir)}`)
  await new Promise<void>((stopped) => {
    // The server runs detached: something must keep this process alive.
    const alive = setInterval(() => undefined, 60_000)
    const stop = (): void => {
      clearInterval(alive)
      stopped()
    }
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}

/** What to add to the configuration, and how other clients come in. */
function snowflakeHelp(snowflake: DevSnowflake, { config, s3Port }: { config: string; s3Port: string }): string {
  const block = stringify({ snowflake: snowflake.connectionWith((path) => from(config, path)) }, { defaultStringType: 'PLAIN' })
  const lines = block.trimEnd().split('\n')
  return `
With Snowflake as the warehouse: the lake in the bucket, in the integration
  register:
    - {connection: snowflake, schema: LOANS, every: 5s}
and in connections.yaml
${lines.map((line) => `  ${line}`).join('\n')}
Other clients (snowflake-sdk, snowflake-connector-python, dbt-snowflake): account, host, port, protocol, user, role and password as there.
"USE ROLE ACCOUNTADMIN" makes the user an administrator. What is made in Snowflake is kept in memory: it ends with Ctrl-C, and the next
start registers everything again. Its ports are others unless they are named: --s3-port ${s3Port} --snowflake-port ${snowflake.endpoint.port}
`
}

/** The loan book, once; says what is there. */
async function fill(url: string, scale: number): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ there: boolean }>(/* sql */ "select to_regclass('public.loan') is not null as there")
    if (rows[0]?.there === true) return 'as they were'
    const loaded = await loadBook(client, scale)
    return [...loaded].map(([table, count]) => `${table} (${countText(count)})`).join(', ')
  } finally {
    await client.end()
  }
}

/** A path as the configuration says it. */
function from(root: string, path: string): string {
  return relative(resolve(root), resolve(path))
}

/** Said twice, a key of YAML is an error. */
function hasBucketLake(root: string): boolean {
  return /^lake_s3:/m.test(readFileSync(join(root, 'connections.yaml'), 'utf8'))
}

/** Only into a root that has no connections yet. */
function writeSample(root: string, state: string): readonly string[] {
  const connections = join(root, 'connections.yaml')
  if (existsSync(connections)) return []
  const integration = join(root, 'integrations', 'loans.yaml')
  mkdirSync(dirname(integration), { recursive: true })
  writeFileSync(connections, sampleConnections(from(root, state)), { flag: 'wx' })
  const written = [connections]
  if (!existsSync(integration)) {
    writeFileSync(integration, SAMPLE_INTEGRATION)
    written.push(integration)
  }
  const schema = join(root, 'integration.schema.json')
  if (!existsSync(schema)) writeFileSync(schema, integrationJsonSchema())
  return written
}
