/** What the rest of the connector sees of a session: statements in, exact texts out. Only `driver.ts` knows the driver. */
import type { Environment } from '../ports.ts'
import type { SnowflakeOptions } from './options.ts'

/** A column of an answer; `type` in the driver's words, lower case: `fixed`, `real`, `text`, `timestamp_ntz`, `variant` … */
export type SnowflakeColumn = {
  readonly name: string
  readonly type: string
  /** Digits behind the point of a number, of the second of a time; null where the type has none. */
  readonly scale: number | null
  readonly precision: number | null
  readonly nullable: boolean
}

/** Values as exact texts: digits, `t`rue as `true`, ISO dates, timestamps with their fraction, bytes as hex, JSON as sent. */
export type SnowflakeRow = readonly (string | null)[]

export type SnowflakeAnswer = {
  readonly columns: readonly SnowflakeColumn[]
  readonly rows: readonly SnowflakeRow[]
  readonly queryId: string
}

/** The same, while the rows arrive; the statement is cancelled when their iteration ends early. One pass. */
export type SnowflakeRows = {
  readonly columns: readonly SnowflakeColumn[]
  readonly batches: AsyncIterable<readonly SnowflakeRow[]>
  readonly queryId: string
}

export type SnowflakeBind = string | number | bigint | boolean | null

export type StatementRequest = {
  /** For `?` in the statement, in order. */
  readonly binds?: readonly SnowflakeBind[]
  readonly signal: AbortSignal
  /** True when a second run does no harm: then it is sent again after a lost connection, a timeout of the network or a 503. */
  readonly repeatable: boolean
  /** Longest time for the statement, its retries included. Default: the connection's `statement_timeout_s`. */
  readonly deadlineMs?: number
}

/**
 * One session. Statements run one after the other in the order of the calls. Each has a deadline and is cancelled on the
 * server when it passes or the signal fires. Throws `ConnectorError`s; the server's own words stay in `cause`.
 */
export interface SnowflakeClient extends AsyncDisposable {
  /** All rows in memory: for answers of known size. */
  run(sql: string, request: StatementRequest): Promise<SnowflakeAnswer>
  stream(sql: string, request: StatementRequest): Promise<SnowflakeRows>
}

/** What a session says of itself in Snowflake's query history: `QUERY_TAG = 'portage:<integration>:<run>'`. */
export type SessionTag = { readonly integration: string; readonly run: string }

/** Logs in; the session's parameters are pinned and were read back. Throws `AUTHENTICATION`, `CONFIGURATION`, `CONNECTION`. */
export async function openSnowflakeClient(
  options: SnowflakeOptions,
  environment: Environment,
  tag: SessionTag,
  signal?: AbortSignal,
): Promise<SnowflakeClient> {
  const { openSession } = await import('./session.ts')
  return await openSession(options, environment, tag, signal)
}
