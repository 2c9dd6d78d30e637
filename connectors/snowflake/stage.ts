/** The stage and the file formats through which Snowflake reads a lake, and where a file lies in it. Pure. */
import { createHash } from 'node:crypto'
import { ConnectorError } from '../errors.ts'
import { configuredName, formatName, qualified, stageName, text } from './names.ts'
import type { StageOptions } from './options.ts'

/** A lake's place in a bucket: `path` has no leading slash and ends with one unless it is empty. */
export type StagePlace = { readonly bucket: string; readonly path: string }

export function stagePlace(options: Pick<StageOptions, 'url'>): StagePlace {
  const [, bucket = '', path = ''] = /^[a-z0-9]+:\/\/([^/]+)\/?(.*)$/.exec(options.url) ?? []
  return { bucket, path: path === '' || path.endsWith('/') ? path : `${path}/` }
}

/** A file's path from the bucket's root, as `METADATA$FILENAME` has it. Throws `CONFIGURATION` when the stage does not cover it. */
export function bucketPath(address: string, place: StagePlace): string {
  const [, bucket, path = ''] = /^s3:\/\/([^/]+)\/(.*)$/.exec(address) ?? []
  if (bucket === place.bucket && path.startsWith(place.path)) return path
  throw new ConnectorError(
    'CONFIGURATION',
    `File "${address}" lies outside the stage's URL ("${place.bucket}/${place.path}"): set "stage.url" of the Snowflake connection in config/connections.yaml to the bucket and prefix of the lake; Snowflake reads lakes in buckets only`,
  )
}

/** What the stage's definition is made of; equal texts, equal stages. Keys are in it as a hash. */
export function stageFingerprint(stage: StageOptions): string {
  return createHash('sha256').update(JSON.stringify(stage)).digest('hex').slice(0, 16)
}

/**
 * Never `CREATE OR REPLACE STAGE`: that would cut every external table off its files. With `secrets` false the statements are fit to
 * be printed.
 */
export function stageStatements(
  schema: string,
  integration: string,
  stage: StageOptions,
  { secrets }: { readonly secrets: boolean },
): readonly string[] {
  const comment = `The lake of Portage's integration "${integration}"`
  const formats = [
    `CREATE FILE FORMAT IF NOT EXISTS ${qualified(schema, formatName(integration, 'parquet'))} TYPE = PARQUET BINARY_AS_TEXT = FALSE NULL_IF = ()`,
    `CREATE FILE FORMAT IF NOT EXISTS ${qualified(schema, formatName(integration, 'orc'))} TYPE = ORC NULL_IF = ()`,
  ]
  return [...formats, ...ownStage(qualified(schema, stageName(integration)), stage, { comment, secrets })]
}

/** `name` quoted. */
export function ownStage(
  name: string,
  stage: StageOptions,
  { comment, secrets }: { readonly comment: string; readonly secrets: boolean },
): readonly string[] {
  const place = [`URL = ${text(stage.url)}`, ...access(stage, secrets)]
  const endpoint = stage.endpoint === undefined ? [] : [`ENDPOINT = ${text(stage.endpoint)}`]
  const [url = '', ...rest] = place
  return [
    `CREATE STAGE IF NOT EXISTS ${name} ${[url, ...endpoint, ...rest, `COMMENT = ${text(comment)}`].join(' ')}`,
    `ALTER STAGE ${name} SET ${place.join(' ')}`,
  ]
}

function access(stage: StageOptions, secrets: boolean): readonly string[] {
  if (stage.storage_integration !== undefined) return [`STORAGE_INTEGRATION = ${configuredName(stage.storage_integration)}`]
  if (stage.access_key_id === undefined || stage.secret_access_key === undefined) return []
  const shown = (secret: string) => text(secrets ? secret : '…')
  const token = stage.session_token === undefined ? '' : ` AWS_TOKEN = ${shown(stage.session_token)}`
  return [`CREDENTIALS = (AWS_KEY_ID = ${shown(stage.access_key_id)} AWS_SECRET_KEY = ${shown(stage.secret_access_key)}${token})`]
}
