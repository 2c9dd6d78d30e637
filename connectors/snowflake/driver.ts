/**
 * The driver, made harmless before anything of it runs. I/O. The only file that imports `snowflake-sdk`; it is loaded when a
 * connection is first opened.
 */
import type { Bind, Connection, ConnectionOptions, RowStatement } from 'snowflake-sdk'
import type { SnowflakeBind } from './client.ts'
import type { SnowflakeOptions } from './options.ts'

/** Seen by the driver while it is imported; the first keeps it from asking cloud metadata addresses. */
const ENVIRONMENT = {
  SNOWFLAKE_DISABLE_PLATFORM_DETECTION: 'true',
  SF_TELEMETRY_DISABLE_CONNECTION_SHAPE: '1',
  SNOWFLAKE_DISABLE_MINICORE: '1',
} as const

/** What is used of the driver. */
export type Driver = { readonly createConnection: (options: ConnectionOptions) => Connection }
export type DriverStatement = RowStatement
export type DriverConnection = Connection

type Sdk = Driver & { readonly configure: (options: { readonly disableOCSPChecks: boolean }) => void }

let loading: Promise<Sdk> | undefined

/**
 * One import per process. It writes no log file, prints nothing, and parses VARIANTs as JSON only: its default evaluates
 * what is no JSON as code.
 */
export async function loadDriver({ ocsp }: Pick<SnowflakeOptions, 'ocsp'>): Promise<Driver> {
  loading ??= importDriver()
  const sdk = await loading
  // The driver knows it for the whole process only. Of a certificate without a responder it would wait for one for ever.
  if (!ocsp) sdk.configure({ disableOCSPChecks: true })
  return sdk
}

async function importDriver(): Promise<Sdk> {
  for (const [name, value] of Object.entries(ENVIRONMENT)) process.env[name] ??= value
  const { default: sdk } = await import('snowflake-sdk')
  const silent = () => {}
  sdk.configure({
    logLevel: 'OFF',
    additionalLogToConsole: false,
    customLogger: { error: silent, warn: silent, info: silent, debug: silent, trace: silent },
    jsonColumnVariantParser: (text: string) => JSON.parse(text),
    xmlColumnVariantParser: (text: string) => text,
  })
  return sdk
}

/** A new object each time: the driver writes into what it is given. */
export function connectionOptions(options: SnowflakeOptions): ConnectionOptions {
  const { account, host, port, protocol, user, role, warehouse, database } = options
  return {
    account,
    ...(host === undefined
      ? {}
      : { host, accessUrl: accessUrl(options, host), protocol, ...(port === undefined ? {} : { port }) }),
    ...(user === undefined ? {} : { username: user }),
    ...(role === undefined ? {} : { role }),
    ...(warehouse === undefined ? {} : { warehouse }),
    ...(database === undefined ? {} : { database }),
    ...credentials(options),
    application: 'Portage',
    streamResult: true,
    rowMode: 'array',
    fetchAsString: ['Number', 'Date', 'JSON', 'Buffer'],
    representNullAsStringNull: false,
    // Without it the driver reports integers beyond 2^53 to its maker as losses of precision.
    jsTreatIntegerAsBigInt: true,
    clientSessionKeepAlive: false,
    clientStoreTemporaryCredential: false,
    disableConsoleLogin: true,
    timeout: options.request_timeout_ms,
    // Log-ins are repeated here, with a deadline of ours.
    sfRetryMaxLoginRetries: 0,
  } as ConnectionOptions
}

function accessUrl({ protocol, port }: SnowflakeOptions, host: string): string {
  return `${protocol}://${host}${port === undefined ? '' : `:${port}`}`
}

function credentials(options: SnowflakeOptions): ConnectionOptions {
  const passphrase = options.passphrase === undefined ? {} : { privateKeyPass: options.passphrase }
  if (options.private_key !== undefined) {
    return { authenticator: 'SNOWFLAKE_JWT', privateKey: options.private_key, ...passphrase }
  }
  if (options.private_key_path !== undefined) {
    return { authenticator: 'SNOWFLAKE_JWT', privateKeyPath: options.private_key_path, ...passphrase }
  }
  if (options.token !== undefined) return { authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: options.token }
  if (options.oauth_token !== undefined) return { authenticator: 'OAUTH', token: options.oauth_token }
  return { authenticator: 'SNOWFLAKE', ...(options.password === undefined ? {} : { password: options.password }) }
}

/** Integers beyond 2^53 go as text: Snowflake casts them where a number is expected. */
export function driverBinds(binds: readonly SnowflakeBind[]): readonly Bind[] {
  return binds.map((bind) => (typeof bind === 'bigint' ? bind.toString() : bind))
}
