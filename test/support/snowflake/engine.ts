/**
 * The seam of the local Snowflake endpoint: the protocol (HTTP, sessions, results) on one side, SQL on the other. Values cross
 * as the texts of Snowflake's JSON results; neither side knows how the other does its part.
 */

/** A column's type, by the names that JSON results use. */
export type WireType =
  | 'fixed'
  | 'real'
  | 'text'
  | 'boolean'
  | 'date'
  | 'time'
  | 'timestamp_ntz'
  | 'timestamp_ltz'
  | 'timestamp_tz'
  | 'binary'
  | 'variant'
  | 'object'
  | 'array'

export type ResultColumn = {
  readonly name: string
  readonly type: WireType
  readonly nullable: boolean
  readonly precision: number | null
  readonly scale: number | null
  readonly length: number | null
  readonly byteLength: number | null
}

/** A value as JSON results carry it: days for a date, seconds with a fraction for a time or timestamp, hex for binary. */
export type WireValue = string | null

export type StatementResult = {
  readonly columns: readonly ResultColumn[]
  /** One pass; ends early when the statement's signal aborts. */
  readonly rows: AsyncIterable<readonly (readonly WireValue[])[]>
  /** Snowflake's `statementTypeId`, such as 0x1000 for SELECT. */
  readonly statementType: number
}

/** What `USE`, `ALTER SESSION` and log-in leave; part of every answer. */
export type SessionState = {
  readonly database: string | null
  readonly schema: string | null
  readonly warehouse: string | null
  readonly role: string
  /** Session parameters by upper-case name. */
  readonly parameters: ReadonlyMap<string, string | number | boolean>
}

/** What log-in asks for; names as the client spelt them. */
export type SessionRequest = {
  readonly user: string
  readonly role: string | null
  readonly database: string | null
  readonly schema: string | null
  readonly warehouse: string | null
  readonly parameters: Readonly<Record<string, string | number | boolean>>
}

/** A bound value: Snowflake's binding type (`TEXT`, `FIXED`, …) and its text. */
export type Binding = { readonly type: string; readonly value: string | null }

/** An answer with `success: false`: `code` as `001003`, `sqlState` as `42000`. */
export class SqlError extends Error {
  readonly code: string
  readonly sqlState: string

  constructor(code: string, sqlState: string, message: string) {
    super(message)
    this.name = 'SqlError'
    this.code = code
    this.sqlState = sqlState
  }
}

export interface SqlSession extends AsyncDisposable {
  readonly state: SessionState
  /** One statement; throws `SqlError`. Statements of a session run one after the other unless asked for asynchronously. */
  execute(
    sql: string,
    options: { readonly bindings: readonly Binding[]; readonly queryId: string; readonly signal: AbortSignal },
  ): Promise<StatementResult>
}

/** One account: its databases, stages and files. */
export interface SqlEngine extends AsyncDisposable {
  openSession(request: SessionRequest): Promise<SqlSession>
}
