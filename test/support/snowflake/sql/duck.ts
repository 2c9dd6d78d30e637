/** DuckDB beneath the account: one database, connections for statements, its errors in Snowflake's words. I/O. */
import { type DuckDBConnection, DuckDBInstance, type DuckDBResult } from '@duckdb/node-api'
import { SqlError } from '../engine.ts'
import { ERROR_MARK } from './bind/value.ts'
import { executionFailed } from './errors.ts'
import { MACROS } from './functions/macros.ts'

export interface Duck extends AsyncDisposable {
  /** A connection of its own; closed by its disposal. */
  connect(): Promise<DuckConnection>
}

export interface DuckConnection extends Disposable {
  readonly raw: DuckDBConnection
  /** Materialised: other statements may follow before the rows are read. */
  run(sql: string, signal: AbortSignal): Promise<DuckDBResult>
  texts(sql: string, signal: AbortSignal): Promise<readonly (readonly (string | null)[])[]>
}

/** `file` null = in memory. */
export async function openDuck(file: string | null, temporary: string): Promise<Duck> {
  const instance = await DuckDBInstance.create(file ?? ':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    temp_directory: temporary,
    threads: '2',
  })
  const open = async (): Promise<DuckConnection> => {
    const raw = await instance.connect()
    // Copies never change, and every statement opens the files of its tables anew.
    await raw.run('SET parquet_metadata_cache = true')
    await raw.run("SET TimeZone = 'UTC'")
    const run: DuckConnection['run'] = async (sql, signal) => {
      signal.throwIfAborted()
      const interrupt = () => raw.interrupt()
      signal.addEventListener('abort', interrupt, { once: true })
      try {
        return await raw.run(sql)
      } catch (error) {
        signal.throwIfAborted()
        throw snowflakeError(error, sql)
      } finally {
        signal.removeEventListener('abort', interrupt)
      }
    }
    return {
      raw,
      run,
      texts: async (sql, signal) => {
        const result = await run(sql, signal)
        const rows = await result.getRows()
        return rows.map((row) => row.map((value) => (value === null ? null : String(value))))
      },
      [Symbol.dispose]: () => raw.closeSync(),
    }
  }
  const first = await open()
  for (const macro of MACROS) await first.raw.run(macro)
  first[Symbol.dispose]()
  return { connect: open, [Symbol.asyncDispose]: async () => instance.closeSync() }
}

const RULES: readonly (readonly [RegExp, string, string, (found: RegExpExecArray) => string])[] = [
  [
    /Could not convert string ['"]([\s\S]*?)['"] to (?:DECIMAL|DOUBLE|INT\d+|BIGINT|HUGEINT)/,
    '100038',
    '22018',
    (found) => `Numeric value '${found[1]}' is not recognized`,
  ],
  [
    /Could not cast value (\S+) to (DECIMAL\([\d,]+\))/,
    '100039',
    '22003',
    (found) => `Number out of representable range: type FIXED ${found[2]?.slice(7)}, value ${found[1]}`,
  ],
  [
    /Casting value "?(\S+?)"? to type (DECIMAL\([\d,]+\)) failed/,
    '100039',
    '22003',
    (found) => `Number out of representable range: type FIXED ${found[2]?.slice(7)}, value ${found[1]}`,
  ],
  [/(?:Overflow|out of range)/i, '100046', '22003', () => 'Number out of representable range'],
  [/could not convert blob to UTF8/i, '100144', '22000', () => 'Invalid UTF8 detected in string'],
  [/More than one row returned by a subquery/, '090150', '22000', () => 'Single-row subquery returns more than one row.'],
  [
    /Could not convert string ['"]([\s\S]*?)['"] to (?:TIME|TIMESTAMP)/,
    '100035',
    '22007',
    (found) => `Timestamp '${found[1]}' is not recognized`,
  ],
  [
    /Could not parse string "([\s\S]*?)" according to format/,
    '100096',
    '22007',
    (found) => `Can't parse '${found[1]}' as timestamp`,
  ],
  [
    /must appear in (?:the )?GROUP BY clause/i,
    '000979',
    '42601',
    () => 'SQL compilation error:\n[a selected expression] is not a valid group by expression',
  ],
  [
    /clause cannot contain aggregates|aggregate function calls cannot|cannot contain window functions|window functions are not allowed|Cannot mix aggregates|window expression is not supported|Cannot group on a window|at least one window function/i,
    '002035',
    '42601',
    () => 'SQL compilation error:\nInvalid aggregate or window function in this place',
  ],
  [
    /Transaction conflict|write-write conflict/i,
    '000625',
    '57014',
    () => 'Statement was aborted: another transaction changed the same rows',
  ],
  [
    /correlated|root subquery|unordered_map::at/i,
    '002031',
    '42601',
    () => 'SQL compilation error:\nUnsupported subquery type cannot be evaluated',
  ],
]

/** What no rule knows is an error of the endpoint itself: 000603, with DuckDB's words as its cause. */
function snowflakeError(error: unknown, sql: string): Error {
  const message = error instanceof Error ? error.message : String(error)
  const marked = new RegExp(`${ERROR_MARK.replace('|', '\\|')}([^|]*)\\|([^|]*)\\|([\\s\\S]*)`).exec(message)
  if (marked !== null) return new SqlError(marked[1] ?? '', marked[2] ?? '', marked[3] ?? '')
  for (const [pattern, code, state, words] of RULES) {
    const found = pattern.exec(message)
    if (found !== null) return new SqlError(code, state, words(found))
  }
  const failed = executionFailed('the statement could not be executed')
  failed.cause = new Error(`${message}\n${sql.slice(0, 20_000)}`, { cause: error })
  return failed
}
