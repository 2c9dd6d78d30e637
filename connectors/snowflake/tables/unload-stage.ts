/** The stage through which rows leave: temporary, of this session alone, over the place's own prefix and nothing else. I/O at the end. */
import { ConnectorError } from '../../errors.ts'
import type { SnowflakeClient } from '../client.ts'
import type { StageOptions } from '../options.ts'
import { quoted } from './unload-plan.ts'

export type UnloadStageOptions = {
  /** How Snowflake reaches the bucket; its URL only tells the kind of store. */
  readonly stage: StageOptions | undefined
  /** `database.schema` where a temporary stage may be made; null: beside the table that is read, else the session's schema. */
  readonly schema: { readonly database: string; readonly name: string } | null
}

export type StagePlace = {
  /** `s3://bucket/prefix/`, as Portage reaches the place. */
  readonly address: string
  readonly relation: { readonly database: string; readonly schema: string } | null
}

const literal = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`

/** The URL of Portage's address as the account reaches it. Throws `CONFIGURATION` when it reaches no bucket. */
export function stageUrl(stage: StageOptions | undefined, address: string): string {
  if (stage === undefined) {
    throw new ConnectorError(
      'CONFIGURATION',
      `Snowflake hands rows out through a bucket, and the connection does not say how it reaches one. Give it "stage: {url, storage_integration}" in config/connections.yaml; "portage check" prints the SQL for an administrator`,
    )
  }
  const [, scheme = ''] = /^([a-z0-9]+):\/\//.exec(stage.url) ?? []
  const [, path] = /^s3:\/\/(.+)$/.exec(address) ?? []
  if (path === undefined || !scheme.startsWith('s3')) {
    throw new ConnectorError('CONFIGURATION', `Snowflake reaches ${scheme}://…, Portage ${address}: both must be the same bucket`)
  }
  return `${scheme}://${path}`
}

/** The credentials stand in the statement: it goes to Snowflake and nowhere else. */
export function stageSql(name: string, stage: StageOptions, url: string): string {
  const {
    storage_integration: integration,
    endpoint,
    region,
    access_key_id: id,
    secret_access_key: secret,
    session_token: token,
  } = stage
  const keys = [
    `AWS_KEY_ID = ${literal(id ?? '')}`,
    `AWS_SECRET_KEY = ${literal(secret ?? '')}`,
    ...(token === undefined ? [] : [`AWS_TOKEN = ${literal(token)}`]),
  ]
  return [
    `CREATE TEMPORARY STAGE ${name}`,
    `URL = ${literal(url)}`,
    ...(endpoint === undefined ? [] : [`ENDPOINT = ${literal(endpoint)}`]),
    ...(region === undefined ? [] : [`REGION = ${literal(region)}`]),
    ...(integration === undefined ? [] : [`STORAGE_INTEGRATION = ${quoted(integration)}`]),
    ...(id === undefined ? [] : [`CREDENTIALS = (${keys.join(' ')})`]),
  ].join('\n')
}

/** Makes the stage; the location for `COPY INTO @…`. It vanishes with the session. Throws `PRIVILEGE` with the grant that is missing. */
export async function prepareStage(
  client: SnowflakeClient,
  { stage, schema }: UnloadStageOptions,
  { address, relation }: StagePlace,
  signal: AbortSignal,
): Promise<string> {
  const url = stageUrl(stage, address)
  const place =
    schema ?? (relation === null ? await sessionSchema(client, signal) : { database: relation.database, name: relation.schema })
  const own = address.replace(/\/$/, '').split('/').at(-1) ?? ''
  const name = [place.database, place.name, `portage_unload_${own}`].map(quoted).join('.')
  if (stage === undefined) throw new ConnectorError('INTERNAL', 'A stage without options')
  try {
    await client.run(stageSql(name, stage, url), { signal, repeatable: false })
  } catch (error) {
    if (!(error instanceof ConnectorError) || !['PRIVILEGE', 'STATEMENT', 'NOT_FOUND'].includes(error.code)) throw error
    throw new ConnectorError(
      error.code,
      `Snowflake made no stage in ${place.database}.${place.name} to unload into ${url}. GRANT CREATE STAGE ON SCHEMA ${quoted(place.database)}.${quoted(place.name)} TO the role, or name another "unload: {schema}" in config/connections.yaml; the storage integration needs USAGE`,
      { cause: error },
    )
  }
  return `${name}/`
}

async function sessionSchema(
  client: SnowflakeClient,
  signal: AbortSignal,
): Promise<{ readonly database: string; readonly name: string }> {
  const { rows } = await client.run('SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()', { signal, repeatable: true })
  const [database = null, name = null] = rows[0] ?? []
  if (database !== null && name !== null) return { database, name }
  throw new ConnectorError(
    'CONFIGURATION',
    'A query is unloaded through a temporary stage, and the session has no schema to make it in. Give the connection "unload: {schema: DATABASE.SCHEMA}" in config/connections.yaml',
  )
}
