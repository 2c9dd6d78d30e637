/** The configuration that goes with `portage dev up`; the repository's own config/ is exactly this. Pure. */
import { EDITOR_COMMENT } from '../../config/json-schema.ts'

/** Where `dev up` keeps the server's URL, relative to the state directory. */
export const DEV_URL_FILE = 'dev/postgres.url'

/** Where `dev up` keeps what a client of its S3 endpoint needs, relative to the state directory. */
export const DEV_S3_FILES = {
  url: 'dev/s3.url',
  accessKeyId: 'dev/s3.access-key-id',
  secretAccessKey: 'dev/s3.secret-access-key',
} as const

/** Where `dev up --snowflake` keeps the password of its user, relative to the state directory. */
export const DEV_SNOWFLAKE_PASSWORD_FILE = 'dev/snowflake.password'

/** `state`: the state directory, relative to the configuration root. */
export function sampleConnections(state: string): string {
  return `# Connections by name. Secrets are references: \${env:NAME} or \${file:path}, never the secret itself.

# "portage dev up" starts this server and writes its URL there.
core:
  connector: postgres
  url: \${file:${state}/${DEV_URL_FILE}}

# Where the data lands. The commit log lives there too: any machine that reaches it can carry on.
lake:
  connector: filesystem
  path: .portage/lake

# A bucket in its place: the S3 endpoint that "portage dev up" starts. For a bucket of your own leave out endpoint and keys
# (then the AWS chain finds them: environment, profile, role) and name its region.
lake_s3:
  connector: s3
  bucket: lake
  endpoint: \${file:${state}/${DEV_S3_FILES.url}}
  access_key_id: \${file:${state}/${DEV_S3_FILES.accessKeyId}}
  secret_access_key: \${file:${state}/${DEV_S3_FILES.secretAccessKey}}

# Shows the lake's files as tables.
duckdb:
  connector: duckdb
`
}

export const SAMPLE_INTEGRATION = `${EDITOR_COMMENT}
name: loans
kind: replicate

source:
  connection: core
  # The last match wins; a leading ! excludes.
  tables: ['public.*', '!public.tmp_*']

lake: {connection: lake, prefix: raw, compression: zstd, target_file: 256 MiB}

# A commit at the first of these.
flush: {interval: 2s, rows: 500_000, bytes: 64 MiB}

register:
  - {connection: duckdb, schema: loans, every: 5s}

# A value that a target type cannot hold: its row is kept aside with the reason, and every status says so until someone looks.
on_bad_value: reject
`
