/** A session over the driver: log-in, one statement at a time, deadlines, repeats. I/O. */
import { ConnectorError } from '../errors.ts'
import type { Environment } from '../ports.ts'
import type { SessionTag, SnowflakeAnswer, SnowflakeClient, SnowflakeRows, StatementRequest } from './client.ts'
import { connectionOptions, type Driver, type DriverConnection, driverBinds, loadDriver } from './driver.ts'
import { aborted, diagnose, failure } from './failure.ts'
import { accountName, type SnowflakeOptions } from './options.ts'
import { readColumns, readRows } from './row-reader.ts'
import { differingParameters, sessionParameters } from './session-parameters.ts'
import { startStatement } from './statement.ts'
import { settledWithin } from './within.ts'

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 8_000
/** A log-out that is not answered is forgotten: the server ends the session by itself. */
const CLOSE_MS = 3_000

type Pauses = Pick<Environment, 'now' | 'sleep' | 'random' | 'log'>

export async function openSession(
  options: SnowflakeOptions,
  environment: Environment,
  tag: SessionTag,
  signal: AbortSignal = new AbortController().signal,
  load: (options: SnowflakeOptions) => Promise<Driver> = loadDriver,
): Promise<SnowflakeClient> {
  const driver = await load(options)
  const place = accountName(options)
  const now = () => environment.now().getTime()
  const queryTag = `portage:${tag.integration}:${tag.run}`
  const subject = `A statement on Snowflake account "${place}"`

  const once = async (connection: DriverConnection, sql: string, request: StatementRequest, deadline: number) => {
    const binds = request.binds === undefined ? {} : { binds: driverBinds(request.binds) }
    return await startStatement(connection, { sqlText: sql, ...binds }, { subject, ms: deadline - now(), signal: request.signal })
  }

  const logIn = async (stop: AbortSignal): Promise<DriverConnection> => {
    const connection = await repeated(
      {
        subject: `Log-in to Snowflake account "${place}"`,
        repeatable: true,
        deadline: now() + options.login_timeout_s * 1000,
      },
      options,
      environment,
      stop,
      async (deadline) => await connect(driver, options, deadline - now(), stop),
    )
    try {
      await pin(connection)
      return connection
    } catch (error) {
      await logOut(connection)
      throw error
    }
  }

  const pin = async (connection: DriverConnection): Promise<void> => {
    const wanted = sessionParameters(options, queryTag)
    const deadline = now() + options.login_timeout_s * 1000
    const request = { signal, repeatable: true }
    const assignments = Object.entries(wanted).map(([name, value]) => `${name} = ${literal(value)}`)
    await drain(await once(connection, `ALTER SESSION SET ${assignments.join(' ')}`, request, deadline))
    const shown = await drain(await once(connection, 'SHOW PARAMETERS IN SESSION', request, deadline))
    const [key, value] = ['key', 'value'].map((name) => shown.columns.findIndex((column) => column.name.toLowerCase() === name))
    const found = new Map(shown.rows.map((row) => [row[key ?? -1] ?? '', row[value ?? -1] ?? null]))
    const wrong = differingParameters(wanted, found)
    if (wrong.length === 0) return
    throw new ConnectorError(
      'CONFIGURATION',
      `Snowflake account "${place}": session parameters keep other values than they were set to: ${wrong.join(', ')}. Without them values would be read differently; ask an administrator who fixed them`,
    )
  }

  let connection: DriverConnection | null = await logIn(signal)
  let closed = false
  let last: Promise<unknown> = Promise.resolve()

  const queued = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work)
    last = next.catch(() => {})
    return next
  }

  const run = async <T>(
    sql: string,
    request: StatementRequest,
    read: (statement: Awaited<ReturnType<typeof once>>, deadline: number) => Promise<T>,
  ): Promise<T> => {
    const deadline = now() + (request.deadlineMs ?? options.statement_timeout_s * 1000)
    return await repeated(
      { subject, repeatable: request.repeatable, deadline },
      options,
      environment,
      request.signal,
      async (until) => {
        if (closed) throw new ConnectorError('INTERNAL', `${subject}: the session was closed`)
        connection ??= await logIn(request.signal)
        return await read(await once(connection, sql, request, until), until)
      },
      (error) => {
        if (diagnose(causeOf(error)).session === 'gone') connection = null
      },
    )
  }

  return {
    run: (sql, request) => queued(() => run(sql, request, drain)),
    stream: (sql, request) => queued(() => run(sql, request, async (statement) => streamed(statement, subject, request.signal))),
    [Symbol.asyncDispose]: async () => {
      closed = true
      if (connection !== null) await logOut(connection)
      connection = null
    },
  }
}

type Started = Awaited<ReturnType<typeof startStatement>>

async function drain(statement: Started): Promise<SnowflakeAnswer> {
  const rows: SnowflakeAnswer['rows'][number][] = []
  const columns = readColumns(statement.statement)
  for await (const batch of readRows(statement)) rows.push(...batch)
  return { columns, rows, queryId: statement.statement.getQueryId() }
}

function streamed(statement: Started, subject: string, signal: AbortSignal): SnowflakeRows {
  const batches = async function* () {
    try {
      yield* readRows(statement)
    } catch (error) {
      throw signal.aborted ? aborted(subject, error) : failure(subject, error)
    } finally {
      statement.release()
    }
  }
  return { columns: readColumns(statement.statement), batches: batches(), queryId: statement.statement.getQueryId() }
}

async function connect(driver: Driver, options: SnowflakeOptions, ms: number, signal: AbortSignal): Promise<DriverConnection> {
  const connection = driver.createConnection(connectionOptions(options))
  const connecting = new Promise<void>((resolve, reject) => {
    connection.connect((error) => (error === undefined || error === null ? resolve() : reject(error)))
  })
  try {
    await settledWithin(connecting, { ms: Math.min(options.request_timeout_ms, ms), signal })
    return connection
  } catch (error) {
    await logOut(connection)
    throw error
  }
}

/** Never rejects, never waits long: the driver would repeat an unanswered log-out for minutes. */
async function logOut(connection: DriverConnection): Promise<void> {
  const done = new Promise<void>((resolve) => {
    try {
      connection.destroy(() => resolve())
    } catch {
      resolve()
    }
  })
  await settledWithin(done, { ms: CLOSE_MS, signal: new AbortController().signal }).catch(() => {})
}

const causeOf = (error: unknown): unknown => (error instanceof ConnectorError ? (error.cause ?? error) : error)

/** Tries again what may be repeated, with full jitter, until the deadline or the last attempt. */
async function repeated<T>(
  what: { readonly subject: string; readonly repeatable: boolean; readonly deadline: number },
  { max_attempts: attempts }: Pick<SnowflakeOptions, 'max_attempts'>,
  environment: Pauses,
  signal: AbortSignal,
  attempt: (deadline: number) => Promise<T>,
  onFailure: (error: unknown) => void = () => {},
): Promise<T> {
  for (let number = 1; ; number++) {
    if (signal.aborted) throw aborted(what.subject, signal.reason)
    try {
      return await attempt(what.deadline)
    } catch (error) {
      onFailure(error)
      if (signal.aborted) throw aborted(what.subject, error)
      const { transient, problem } = diagnose(causeOf(error))
      const pauseMs = Math.round(environment.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** number))
      const late = environment.now().getTime() + pauseMs >= what.deadline
      if (!what.repeatable || !transient || late || number >= attempts) throw failure(what.subject, error)
      environment.log(number > 2 ? 'warn' : 'debug', `${what.subject}: tried again`, { attempt: number, problem, pauseMs })
      await environment.sleep(pauseMs, signal).catch((reason: unknown) => {
        throw signal.aborted ? aborted(what.subject, reason) : reason
      })
    }
  }
}

const literal = (value: string | number | boolean): string =>
  typeof value === 'string' ? `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'` : String(value).toUpperCase()
