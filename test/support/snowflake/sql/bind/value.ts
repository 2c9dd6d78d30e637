/** A bound expression: DuckDB's text of it and Snowflake's type. */
import type { FileNode } from '../external/file-node.ts'
import { type SqlType, typeText } from '../types.ts'

export type Bound = {
  readonly sql: string
  readonly type: SqlType
  readonly nullable: boolean
  /** The text of a string or number literal, or null for NULL. */
  readonly constant?: string | null
  /** A VARIANT out of a file whose type is known: `sql` is the file's own value then, not JSON. */
  readonly node?: FileNode
  /** `TYPEOF` of such a value: the answer for every row where it is not NULL, and the value. */
  readonly typeOf?: { readonly answer: string; readonly sql: string }
  readonly aggregate?: boolean
}

export const bound = (sql: string, type: SqlType, nullable = true): Bound => ({ sql, type, nullable })

/** A DuckDB string literal. */
export const quoted = (text: string): string => {
  const plain = `'${text.replaceAll("'", "''").replaceAll('\0', '')}'`
  return plain
}

/** An expression that fails with Snowflake's error when it is evaluated; `detail` is SQL whose text ends the message. */
export const failure = (code: string, sqlState: string, words: string, detail = "''", after = ''): string =>
  `error(${quoted(`${ERROR_MARK}${code}|${sqlState}|${words}`)} || coalesce(CAST(${detail} AS VARCHAR), '') || ${quoted(after)})`

export const ERROR_MARK = 'SNOWFLAKE|'

/** How types are named where arguments are refused. */
export const typesText = (values: readonly Bound[]): readonly string[] => values.map(({ type }) => typeText(type))

export const anyNullable = (values: readonly Bound[]): boolean => values.some(({ nullable }) => nullable)
