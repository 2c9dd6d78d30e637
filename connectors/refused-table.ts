/** What a warehouse's engine refuses of one table keeps no other back. Part of the ports. */
import type { TableName } from './change.ts'
import { ConnectorError, type ErrorCode } from './errors.ts'

/** Each error is about that table alone. */
export type RefusedTables = Map<TableName, ConnectorError>

/** Not among them: a lost connection, a log-in, a full disk, a proof that failed. They come again with the next table, or must be seen. */
const OF_ONE_TABLE: ReadonlySet<ErrorCode> = new Set([
  'BAD_VALUE',
  'CONFIGURATION',
  'NOT_FOUND',
  'PRIVILEGE',
  'SCHEMA',
  'STATEMENT',
  'UNSUPPORTED',
])

/** True for what statements about one table may meet that another table does not suffer from. */
export const isAboutTable = (error: unknown): error is ConnectorError =>
  error instanceof ConnectorError && OF_ONE_TABLE.has(error.code)

/** Null, and the error put aside, when the work met something that is about the table. Any other error is thrown. */
export async function attemptTable<Result>(
  refused: RefusedTables,
  table: TableName,
  work: () => Promise<Result>,
): Promise<Result | null> {
  try {
    return await work()
  } catch (error) {
    if (!isAboutTable(error)) throw error
    refused.set(table, error)
    return null
  }
}
