/** Rows of `SHOW`, `DESCRIBE` and table functions by the names of their columns, whatever their case. Pure. */
import type { SnowflakeAnswer } from './client.ts'

export type AnswerRow = Readonly<Record<string, string | null | undefined>>

export function rowsByName({ columns, rows }: SnowflakeAnswer): readonly AnswerRow[] {
  const names = columns.map(({ name }) => name.toLowerCase())
  return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] ?? null])))
}
