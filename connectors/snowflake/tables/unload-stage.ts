/** The stage through which rows leave: made once per schema, over the place that the connection names. I/O at the end. */
import { ConnectorError } from '../../errors.ts'
import type { SnowflakeClient } from '../client.ts'
import { quoted } from '../names.ts'
import type { StageOptions } from '../options.ts'
import { bucketPath, ownStage, stagePlace } from '../stage.ts'

export type UnloadStageOptions = {
  /** How Snowflake reaches the bucket. */
  readonly stage: StageOptions | undefined
  /** Where the stage is made; null: beside the table that is read, else in the session's schema, else in one of its own. */
  readonly schema: { readonly database: string; readonly name: string } | null
}

export type UnloadAddress = {
  /** `s3://bucket/prefix/`, as Portage reaches the place. */
  readonly address: string
  readonly relation: { readonly database: string; readonly schema: string } | null
}

/** Beside those of registrations, whose names have an integration in between. */
const STAGE_NAME = 'PORTAGE__UNLOAD'
/** For queries of sessions without a schema. */
const OWN_SCHEMA = 'PORTAGE'

/** Path of Portage's address below the stage. Throws `CONFIGURATION` when the stage does not show it. */
export function pathBelow(
  stage: StageOptions | undefined,
  address: string,
): { readonly stage: StageOptions; readonly path: string } {
  if (stage === undefined) {
    throw new ConnectorError(
      'CONFIGURATION',
      'Snowflake hands rows out through a bucket, and the connection does not say how it reaches one. Give it "stage: {url, storage_integration}" in config/connections.yaml; "portage check" prints the SQL for an administrator',
    )
  }
  const place = stagePlace(stage)
  return { stage, path: bucketPath(address, place).slice(place.path.length) }
}

/** Makes the stage when it is absent; the location for `COPY INTO @…`. Throws `PRIVILEGE` with the grant that is missing. */
export async function prepareStage(
  client: SnowflakeClient,
  options: UnloadStageOptions,
  { address, relation }: UnloadAddress,
  signal: AbortSignal,
): Promise<string> {
  const { stage, path } = pathBelow(options.stage, address)
  const schema =
    options.schema ??
    (relation === null ? await sessionSchema(client, signal) : { database: relation.database, name: relation.schema })
  const inSchema = `${quoted(schema.database)}.${quoted(schema.name)}`
  const name = `${inSchema}.${quoted(STAGE_NAME)}`
  try {
    const statements = ownStage(name, stage, { comment: 'Where Portage unloads', secrets: true })
    for (const sql of statements) await client.run(sql, { signal, repeatable: true })
  } catch (error) {
    if (!(error instanceof ConnectorError) || !['PRIVILEGE', 'STATEMENT', 'NOT_FOUND'].includes(error.code)) throw error
    throw new ConnectorError(
      error.code,
      `Snowflake made no stage ${schema.database}.${schema.name}.${STAGE_NAME} over ${stage.url}. GRANT CREATE STAGE ON SCHEMA ${inSchema} TO the role (the storage integration needs USAGE), or name another schema under "unload: {schema}" in config/connections.yaml`,
      { cause: error },
    )
  }
  return `${name}/${path}`
}

type Schema = { readonly database: string; readonly name: string }

async function sessionSchema(client: SnowflakeClient, signal: AbortSignal): Promise<Schema> {
  const { rows } = await client.run('SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()', { signal, repeatable: true })
  const [database = null, name = null] = rows[0] ?? []
  if (database !== null && name !== null) return { database, name }
  // A role that registers may make schemas.
  const own = { database: database ?? '', name: OWN_SCHEMA }
  const made =
    database !== null &&
    (await client
      .run(`CREATE SCHEMA IF NOT EXISTS ${quoted(own.database)}.${quoted(own.name)}`, { signal, repeatable: true })
      .then(() => true)
      .catch((error: unknown) => {
        if (error instanceof ConnectorError && ['PRIVILEGE', 'STATEMENT'].includes(error.code)) return false
        throw error
      }))
  if (made) return own
  throw new ConnectorError(
    'CONFIGURATION',
    'A query is unloaded through a stage, and the session has no schema to make it in. Give the connection "unload: {schema: DATABASE.SCHEMA}" in config/connections.yaml',
  )
}
