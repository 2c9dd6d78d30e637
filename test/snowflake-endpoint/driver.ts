/** The real driver, as published, with the settings under which it neither evaluates data nor looks around. */
import type { Readable } from 'node:stream'
import type { Bind, Connection, ConnectionOptions, FileAndStageBindStatement, RowStatement, SnowflakeError } from 'snowflake-sdk'
import type { SnowflakeEndpoint } from '../support/snowflake/endpoint.ts'

process.env.SNOWFLAKE_DISABLE_PLATFORM_DETECTION = 'true'
process.env.SF_TELEMETRY_DISABLE_CONNECTION_SHAPE = '1'
process.env.SNOWFLAKE_DISABLE_MINICORE = '1'
// After the variables: the driver asks cloud metadata services as soon as it is loaded.
const { default: snowflake } = await import('snowflake-sdk')
snowflake.configure({
  logLevel: 'OFF',
  additionalLogToConsole: false,
  jsonColumnVariantParser: JSON.parse,
  // Nobody answers for the certificate of a local endpoint: the driver would wait for ever.
  disableOCSPChecks: true,
})

export const ADA = { name: 'ADA', password: 'correct horse' }

export type Session = AsyncDisposable & { readonly connection: Connection }

/** Logs in; by ADA's password unless told otherwise. */
export async function connect(
  endpoint: Pick<SnowflakeEndpoint, 'account' | 'url'>,
  options: Partial<ConnectionOptions> = {},
): Promise<Session> {
  const connection = snowflake.createConnection({
    account: endpoint.account,
    accessUrl: endpoint.url,
    username: ADA.name,
    password: ADA.password,
    streamResult: true,
    fetchAsString: ['Number', 'Date', 'JSON', 'Buffer'],
    representNullAsStringNull: false,
    rowMode: 'array',
    sfRetryMaxLoginRetries: 1,
    ...options,
  })
  await new Promise<void>((resolve, reject) => {
    connection.connect((error) => (error === undefined || error === null ? resolve() : reject(error)))
  })
  return {
    connection,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        connection.destroy(() => resolve())
      }),
  }
}

export type Statement = RowStatement | FileAndStageBindStatement

export type Ran = { readonly statement: Statement; readonly rows: readonly (readonly unknown[])[] }

export type RunOptions = {
  readonly binds?: readonly Bind[]
  readonly requestId?: string
  readonly asyncExec?: boolean
  /** Given the statement as soon as it was sent. */
  readonly sent?: (statement: Statement) => void
}

/** One statement and all its rows; rejects with the driver's error. */
export async function run({ connection }: Session, sqlText: string, options: RunOptions = {}): Promise<Ran> {
  const statement = await execute(connection, sqlText, options)
  return { statement, rows: options.asyncExec === true ? [] : await rowsOf(statement) }
}

function execute(connection: Connection, sqlText: string, { sent, binds, ...options }: RunOptions): Promise<Statement> {
  return new Promise((resolve, reject) => {
    const statement = connection.execute({
      sqlText,
      ...(binds === undefined ? {} : { binds }),
      ...options,
      complete: (error, done) => (error === undefined || error === null ? resolve(done) : reject(error)),
    })
    sent?.(statement)
  })
}

export async function rowsOf(statement: Statement): Promise<readonly (readonly unknown[])[]> {
  const rows: (readonly unknown[])[] = []
  const stream: Readable = statement.streamRows()
  for await (const row of stream) rows.push(row as readonly unknown[])
  return rows
}

/** The driver's error, as `[code, sqlState]`. */
export async function refusal(promise: Promise<unknown>): Promise<readonly [code: unknown, sqlState: unknown]> {
  try {
    await promise
  } catch (error) {
    const { code, sqlState } = error as SnowflakeError
    return [String(code), sqlState]
  }
  return ['no error', undefined]
}
