/** The configuration that the demo writes: what a user would write, and what the commands it prints work on. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { DEV_BUCKET } from '../dev/s3.ts'
import { DEV_S3_FILES } from '../dev/sample-config.ts'

export type DemoPlaces = {
  /** Everything of the demo. */
  readonly dir: string
  readonly config: string
  /** State of the runs, and what the S3 endpoint keeps. */
  readonly state: string
  /** Data files on this machine: the lake, or with a bucket DuckDB's copies of it. */
  readonly lake: string
  readonly warehouse: string
}

/** Where the demo's lake is. */
export type DemoLake = 'directory' | 'bucket'

export const DEMO_INTEGRATION = 'loans'

export function demoPlaces(dir: string, lake: DemoLake = 'directory'): DemoPlaces {
  const state = join(dir, 'state')
  return {
    dir,
    config: join(dir, 'config'),
    state,
    lake: lake === 'bucket' ? join(state, 'lake') : join(dir, 'lake'),
    warehouse: join(dir, 'warehouse.duckdb'),
  }
}

export async function emptyDemo(places: DemoPlaces): Promise<void> {
  await rm(places.dir, { recursive: true, force: true, maxRetries: 3 })
}

/** Writes the demo's configuration. The address of the server is a secret: a file of its own. */
export async function writeDemoConfig(places: DemoPlaces, lake: DemoLake, url: string): Promise<void> {
  await mkdir(join(places.config, 'integrations'), { recursive: true })
  await writeFile(join(places.config, 'database-url'), `${url}\n`, { mode: 0o600 })
  await writeFile(join(places.config, 'connections.yaml'), connectionsYaml(places, lake))
  await writeFile(join(places.config, 'integrations', `${DEMO_INTEGRATION}.yaml`), integrationYaml())
}

/** The same with Snowflake as the warehouse; `snowflake` is its block of connections.yaml. */
export async function writeSnowflakeConfig(places: DemoPlaces, url: string, snowflake: object): Promise<void> {
  await mkdir(join(places.config, 'integrations'), { recursive: true })
  await writeFile(join(places.config, 'database-url'), `${url}\n`, { mode: 0o600 })
  const core = `core:\n  connector: postgres\n  url: '\${file:database-url}'\n`
  // A silent server is given up soon, so that the demo is short.
  const block = stringify({ snowflake: { ...snowflake, request_timeout_ms: 2_000 } })
  await writeFile(join(places.config, 'connections.yaml'), `${core}lake:\n${BUCKET}${block}`, { mode: 0o600 })
  const integration = integrationYaml().replace('connection: warehouse', 'connection: snowflake')
  await writeFile(join(places.config, 'integrations', `${DEMO_INTEGRATION}.yaml`), integration)
}

export function connectionsYaml(places: DemoPlaces, lake: DemoLake): string {
  return `core:
  connector: postgres
  url: '\${file:database-url}'
lake:
${lake === 'bucket' ? BUCKET : `  connector: filesystem\n  path: ${JSON.stringify(places.lake)}\n`}warehouse:
  connector: duckdb
  path: ${JSON.stringify(places.warehouse)}
`
}

/** As `portage dev up` writes them, so that it can bring the same endpoint back. */
const BUCKET = `  connector: s3
  bucket: ${DEV_BUCKET}
  endpoint: '\${file:../state/${DEV_S3_FILES.url}}'
  access_key_id: '\${file:../state/${DEV_S3_FILES.accessKeyId}}'
  secret_access_key: '\${file:../state/${DEV_S3_FILES.secretAccessKey}}'
`

export function integrationYaml(): string {
  return `name: ${DEMO_INTEGRATION}
source:
  connection: core
  tables: ['public.*']
lake: {connection: lake}
flush: {interval: 1s}
register:
  - {connection: warehouse, schema: ${DEMO_INTEGRATION}, every: 5s}
`
}
