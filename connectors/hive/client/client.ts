/** A client of HiveServer2 and of Spark's Thrift server: statements, and results by pages, with nothing of the driver in sight. */
import { ConnectorError } from '../../errors.ts'
import type { Environment } from '../../ports.ts'
import { type Connection, HandleForgotten, openConnection } from './connection.ts'
import { cancel, close, finish, nothing, type Running, resultOf, start } from './operation.ts'
import { type HiveClientOptions, serverName } from './options.ts'

/** A value of a result. `decimal`, `date`, `timestamp`, `interval…`, `array`, `map` and `struct` are the server's exact text. */
export type HiveValue = string | number | bigint | boolean | Uint8Array | null

/** `type` in lower case, as Hive writes it: `decimal(12,2)`, `varchar(20)`; of complex types the outermost word only (`array`). */
export type HiveColumn = { readonly name: string; readonly type: string }

/** Some rows of a result, by column: `columns[c][r]`. `bigint` columns hold bigints, `float` ones numbers of 32 bits. */
export type HivePage = { readonly rows: number; readonly columns: readonly (readonly HiveValue[])[] }

/**
 * Columns are by position: names may repeat. `pages` can be read once; the server keeps the operation until they were read to
 * the end, the reader stopped or failed, or the client is disposed. A statement without a result has no columns and no pages.
 */
export type HiveResult = { readonly columns: readonly HiveColumn[]; readonly pages: AsyncIterable<HivePage> }

/**
 * One connection with one session, opened by the first statement and opened again by the next statement after it was lost
 * (settings made by `set` are then gone). A statement that was sent is never sent again.
 *
 * Calls may overlap; the server runs them one after the other or side by side. An abort cancels the operation on the server,
 * then rejects. Throws `ConnectorError`: `CONNECTION` or `TIMEOUT` when the outcome is unknown; `AUTHENTICATION`, `TLS`,
 * `PRIVILEGE`, `NOT_FOUND`, `STATEMENT`, `UNAVAILABLE`, `THROTTLED` with the server's code and SQLSTATE.
 */
export interface HiveClient extends AsyncDisposable {
  readonly dialect: 'hive' | 'spark'
  /** Runs a statement to its end; a result is not read. */
  statement(sql: string, signal: AbortSignal): Promise<void>
  /** Settles when the engine has finished; the rows are fetched as `pages` is read. */
  query(sql: string, signal: AbortSignal): Promise<HiveResult>
}

/** The rows of a result one by one, values in the order of its columns. */
export async function* rowsOf(result: HiveResult): AsyncGenerator<readonly HiveValue[]> {
  for await (const page of result.pages) {
    for (let row = 0; row < page.rows; row++) yield page.columns.map((column) => column[row] ?? null)
  }
}

/** Opens nothing yet. `environment` gives the pauses of polling and the clock of a statement's deadline. */
export function openHiveClient(options: HiveClientOptions, environment: Environment): HiveClient {
  const sessions = sessionKeeper(options)

  /** Runs a statement to the end of the engine's work; when it fails, or the caller gave up, nothing of it stays on the server. */
  const run = async <T>(sql: string, signal: AbortSignal, then: (running: Running, rows: boolean) => Promise<T>): Promise<T> => {
    const around = { options, environment, signal }
    let running: Running | null = null
    try {
      running = await sessions.use((connection) => start(connection, sql, around), signal)
      const rows = await finish(running, around)
      return await then(running, rows)
    } catch (error) {
      if (running !== null) {
        if (signal.aborted || (error instanceof ConnectorError && error.code === 'TIMEOUT')) await cancel(running)
        await close(running)
      }
      if (signal.aborted) throw new ConnectorError('ABORTED', `Statement on ${serverName(options)} was stopped`, { cause: error })
      throw error
    }
  }

  return {
    dialect: options.dialect,
    statement: (sql, signal) => run(sql, signal, (running) => close(running)),
    query: (sql, signal) =>
      run(sql, signal, async (running, rows) => {
        if (rows) return await resultOf(running, { options, environment, signal })
        await close(running)
        return { columns: [], pages: nothing() }
      }),
    [Symbol.asyncDispose]: sessions.close,
  }
}

type SessionKeeper = {
  /** A statement's first call, on a live session; on a new one when the server forgot the old one, for then nothing was run. */
  readonly use: <T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal) => Promise<T>
  readonly close: () => Promise<void>
}

function sessionKeeper(options: HiveClientOptions): SessionKeeper {
  const lifetime = new AbortController()
  let current: { readonly opening: Promise<Connection> } | null = null

  /** Nobody's signal ends an opening that others wait for too; its own deadline does. */
  const connection = async (signal: AbortSignal): Promise<Connection> => {
    if (lifetime.signal.aborted) {
      throw new ConnectorError('INTERNAL', `The client of ${serverName(options)} was used after it was closed`)
    }
    const known = current
    if (known !== null) {
      const usable = await orAborted(known.opening, signal).catch(() => null)
      signal.throwIfAborted()
      if (usable !== null && usable.lost() === null) return usable
      // Of several that find it lost, the first opens it again.
      if (current === known) current = null
    }
    current ??= { opening: openConnection(options, lifetime.signal) }
    return await orAborted(current.opening, signal)
  }

  return {
    use: async (work, signal) => {
      const first = await connection(signal)
      try {
        return await work(first)
      } catch (error) {
        if (!(error instanceof HandleForgotten)) throw error
        first.destroy()
        return await work(await connection(signal))
      }
    },
    close: async () => {
      lifetime.abort(new ConnectorError('ABORTED', `The client of ${serverName(options)} was closed`))
      const open = await current?.opening.catch(() => null)
      await open?.close()
    },
  }
}

/** What `work` gives, or the signal's reason as soon as it aborts; `work` goes on for others. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  work.catch(() => {})
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
