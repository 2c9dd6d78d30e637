/** A client of HiveServer2 and of Spark's Thrift server: statements, and results by pages, with nothing of the driver in sight. */

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
