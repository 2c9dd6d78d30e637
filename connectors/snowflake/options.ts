/** The connection block of a Snowflake account in config/connections.yaml. */
import { z } from 'zod'
import { unloadOptions } from './tables/unload-policy.ts'

/** `http` carries passwords in the clear: for servers on this machine only. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i
/** Account identifiers: Snowflake documentation, "Account identifiers". */
const ACCOUNT = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/
const STAGE_URL = /^(s3|s3gov|s3china|s3compat|gcs|azure):\/\/[^\s?#'"\\]+$/

const name = z.string().min(1).max(255)

export const stageOptions = z
  .strictObject({
    url: z
      .string()
      .regex(STAGE_URL, 'expected a URL such as s3://bucket/prefix/ or s3compat://bucket/prefix/')
      .describe('Where the lake lies, as Snowflake sees it: s3://bucket/prefix/, s3compat://bucket/prefix/ …'),
    storage_integration: name
      .optional()
      .describe('Storage integration that an administrator made; "portage check" prints the SQL'),
    endpoint: z.string().min(1).optional().describe('Host of a store that is not a cloud’s own (s3compat)'),
    access_key_id: z.string().min(1).optional().describe('Key of the bucket, where there is no storage integration'),
    secret_access_key: z.string().min(1).optional(),
    session_token: z.string().min(1).optional(),
  })
  .superRefine((options, context) => {
    const issue = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    const compatible = options.url.startsWith('s3compat://')
    if (compatible && options.endpoint === undefined) issue('endpoint', 'expected with an s3compat:// URL')
    if (!compatible && options.endpoint !== undefined) issue('endpoint', 'expected only with an s3compat:// URL')
    if (compatible && options.storage_integration !== undefined) {
      issue('storage_integration', 'expected access_key_id and secret_access_key with an s3compat:// URL')
    }
    if ((options.access_key_id === undefined) !== (options.secret_access_key === undefined)) {
      issue('secret_access_key', 'expected access_key_id and secret_access_key together')
    }
    if (options.access_key_id !== undefined && options.storage_integration !== undefined) {
      issue('storage_integration', 'expected either a storage integration or keys')
    }
  })

const CREDENTIALS = ['password', 'private_key', 'private_key_path', 'token', 'oauth_token'] as const

export const snowflakeOptions = z
  .strictObject({
    account: z.string().regex(ACCOUNT, 'expected an account identifier such as myorg-account1'),
    host: z.string().min(1).optional().describe('Host of a private endpoint. Default: <account>.snowflakecomputing.com'),
    port: z.int().min(1).max(65_535).optional(),
    protocol: z.enum(['https', 'http']).default('https').describe('http only for a server on this machine'),
    user: z.string().min(1).optional().describe('Needed for everything but tokens'),
    password: z.string().min(1).optional(),
    private_key: z.string().min(1).optional().describe('PEM text of a PKCS#8 key'),
    private_key_path: z.string().min(1).optional().describe('File of a PKCS#8 key in PEM'),
    passphrase: z.string().min(1).optional().describe('Of an encrypted private key'),
    token: z.string().min(1).optional().describe('Programmatic access token'),
    oauth_token: z.string().min(1).optional(),
    ocsp: z
      .boolean()
      .default(true)
      .describe(
        'false: nobody is asked whether certificates were revoked, in this whole process: for private endpoints and proxies that open TLS, whose certificates name no one to ask',
      ),
    role: name.optional().describe('Default: the user’s default role'),
    warehouse: name.optional().describe('Virtual warehouse that runs what reads data. Default: the user’s'),
    database: name.optional().describe('Database of the registered schemas'),
    stage: stageOptions.optional().describe('How Snowflake reaches the lake; needed to register'),
    unload: unloadOptions.optional().describe('How rows leave for "portage transfer": policies for types that files cannot hold'),
    grants: z.array(name).default([]).describe('Roles that may select from what is registered'),
    replace: z
      .boolean()
      .default(false)
      .describe('Consent: relations that carry masking or row access policies may be replaced; the policies are applied again'),
    statement_timeout_s: z.int().min(1).max(604_800).default(600).describe('Longest time for one statement'),
    login_timeout_s: z.int().min(1).max(600).default(60),
    request_timeout_ms: z.int().min(100).max(600_000).default(90_000).describe('Longest wait for one answer of the server'),
    max_attempts: z.int().min(1).max(20).default(5).describe('Of a log-in, and of a statement that may be repeated'),
  })
  .superRefine((options, context) => {
    const issue = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    const given = CREDENTIALS.filter((key) => options[key] !== undefined)
    if (given.length !== 1) issue(given[1] ?? 'password', `expected exactly one of ${CREDENTIALS.join(', ')}`)
    if (options.user === undefined && options.token === undefined && options.oauth_token === undefined) {
      issue('user', 'expected with a password or a private key')
    }
    if (options.passphrase !== undefined && options.private_key === undefined && options.private_key_path === undefined) {
      issue('passphrase', 'expected only with a private key')
    }
    if (options.protocol === 'http' && !LOOPBACK.test(options.host ?? '')) {
      issue('protocol', 'expected https; http is for a host on this machine (127.0.0.1, localhost)')
    }
    if (options.port !== undefined && options.host === undefined) issue('port', 'expected only with host')
  })

export type SnowflakeOptions = z.output<typeof snowflakeOptions>
export type StageOptions = z.output<typeof stageOptions>

/** How messages call the place; no credentials. */
export function accountName(options: Pick<SnowflakeOptions, 'account' | 'host' | 'port'>): string {
  const port = options.port === undefined ? '' : `:${options.port}`
  return options.host === undefined ? options.account : `${options.account} at ${options.host}${port}`
}
