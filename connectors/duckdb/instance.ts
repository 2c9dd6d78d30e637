/** Opening DuckDB: loaded only when a warehouse is used. I/O. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { ConnectorError } from '../errors.ts'
import { text } from './quote.ts'

export type OpenOptions = {
  readonly access: 'read' | 'write'
  readonly threads: number | null
  readonly memoryLimit: string | null
  readonly temporaryDirectory: string | null
}

/** An open database with one connection. Disposal closes both. */
export interface Database extends AsyncDisposable {
  readonly connection: DuckDBConnection
  /** Rows as JSON values: 64-bit integers as strings. */
  rows(sql: string): Promise<readonly (readonly unknown[])[]>
  run(sql: string): Promise<void>
}

/** `path` null = in memory. The session's time zone is UTC and nothing is downloaded. */
export async function openDatabase(path: string | null, options: OpenOptions): Promise<Database> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(path ?? ':memory:', {
    ...(path === null ? {} : { access_mode: options.access === 'read' ? 'READ_ONLY' : 'READ_WRITE' }),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    ...(options.threads === null ? {} : { threads: String(options.threads) }),
    ...(options.memoryLimit === null ? {} : { memory_limit: options.memoryLimit }),
  })
  try {
    const connection = await instance.connect()
    const run = async (sql: string) => void (await connection.run(sql))
    await run("set TimeZone = 'UTC'")
    // Files never change once committed, and a relation reads the footers of its change files several times.
    await run('set parquet_metadata_cache = true')
    if (options.temporaryDirectory !== null) await run(`set temp_directory = ${text(options.temporaryDirectory)}`)
    return {
      connection,
      run,
      rows: async (sql) => (await connection.runAndReadAll(sql)).getRowsJson(),
      [Symbol.asyncDispose]: async () => {
        connection.closeSync()
        instance.closeSync()
      },
    }
  } catch (error) {
    instance.closeSync()
    throw error
  }
}

/** Runs the work and interrupts it when the signal fires; DuckDB's own words stay in `cause`, because they may hold values. */
export async function interruptible<T>(
  database: Database,
  signal: AbortSignal,
  subject: string,
  work: () => Promise<T>,
): Promise<T> {
  const interrupt = () => database.connection.interrupt()
  signal.throwIfAborted()
  signal.addEventListener('abort', interrupt, { once: true })
  try {
    return await work()
  } catch (error) {
    throw signal.aborted ? aborted(subject, error) : statementError(subject, error)
  } finally {
    signal.removeEventListener('abort', interrupt)
  }
}

export function aborted(subject: string, cause: unknown): ConnectorError {
  return new ConnectorError('ABORTED', `DuckDB was asked to stop: ${subject}`, { cause })
}

export function statementError(subject: string, cause: unknown): ConnectorError {
  if (cause instanceof ConnectorError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  if (/no space left|disk quota|could not write all bytes/i.test(message)) {
    return new ConnectorError('FULL', `DuckDB found no room on disk: ${subject}. Free space and run it again`, { cause })
  }
  const gone = /(?:cannot open file|no files found that match the pattern) "([^"]*)"/i.exec(message)?.[1]
  if (gone !== undefined) {
    const cure = 'Run "portage register <integration> --repair"; when the lake lacks it as well, that names it'
    return new ConnectorError('NOT_FOUND', `DuckDB did not find the file "${gone}": ${subject}. ${cure}`, { cause })
  }
  return new ConnectorError('STATEMENT', `DuckDB refused a statement: ${subject}`, { cause })
}
