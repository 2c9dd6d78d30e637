/** Rows of DuckDB as the texts of Snowflake's JSON results. */
import type { DuckDBResult } from '@duckdb/node-api'
import type { ResultColumn, StatementResult, WireValue } from '../engine.ts'
import { numberText } from './bind/cast.ts'
import type { BoundQuery } from './bind/scope.ts'
import { resultColumn, type SqlType } from './types.ts'

/** The query with every column as wire text. Order of rows is the query's. */
export function wireSql({ sql, columns }: BoundQuery): string {
  const list = columns.map(({ value }, index) => `${wireExpression(`q.c${index}`, value.type)} AS c${index}`)
  return `SELECT ${list.join(', ')} FROM (${sql}) q`
}

const seconds = (micros: string, scale: number): string =>
  `CAST(CAST(CAST(${micros} AS DECIMAL(26,0)) * CAST('0.000001' AS DECIMAL(7,6)) AS DECIMAL(38,${scale})) AS VARCHAR)`

export function wireExpression(sql: string, type: SqlType): string {
  switch (type.kind) {
    case 'number':
      return numberText(sql, type.precision, type.scale)
    case 'float':
      return `sf_double_text(${sql})`
    case 'boolean':
      return `CASE WHEN ${sql} THEN '1' WHEN NOT ${sql} THEN '0' END`
    case 'date':
      return `CAST((${sql} - DATE '1970-01-01') AS VARCHAR)`
    case 'time':
      return seconds(`epoch_us(DATE '1970-01-01' + ${sql})`, type.scale)
    case 'timestamp_ntz':
    case 'timestamp_ltz':
      return seconds(`epoch_us(${sql})`, type.scale)
    case 'timestamp_tz':
      // The zone is UTC, always: 1440 minutes beside the least one.
      return `${seconds(`epoch_us(${sql})`, type.scale)} || ' 1440'`
    case 'binary':
      return `hex(${sql})`
    case 'variant':
    case 'object':
    case 'array':
      return `sf_clean(${sql})`
    case 'text':
    case 'null':
      return sql
    default:
      return type satisfies never
  }
}

export const columnsOf = ({ columns }: Pick<BoundQuery, 'columns'>): readonly ResultColumn[] =>
  columns.map(({ name, value }) => resultColumn(name, value.type, value.nullable))

/** Batches of the result, which is whole already. */
export async function* wireRows(
  result: DuckDBResult,
  columns: readonly ResultColumn[],
  signal: AbortSignal,
): AsyncGenerator<readonly (readonly WireValue[])[]> {
  const semi = columns.map(({ type }) => type === 'variant' || type === 'object' || type === 'array')
  const any = semi.includes(true)
  for (;;) {
    if (signal.aborted) return
    const chunk = await result.fetchChunk()
    if (chunk === null || chunk.rowCount === 0) return
    const rows = chunk.getRows() as (string | null)[][]
    if (any) for (const row of rows) for (const [index, is] of semi.entries()) if (is) row[index] = prettyJson(row[index] ?? null)
    yield rows
  }
}

/** VARIANTs are sent indented, keys in order. Numbers stay as they are written. */
function prettyJson(text: string | null): string | null {
  if (text === null || !/^[[{]/.test(text)) return text
  const marked = JSON.parse(text, (_, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' ? `${NUMBER_MARK}${context?.source ?? value}` : sorted(value),
  ) as unknown
  return JSON.stringify(marked, null, 2).replace(MARKED_NUMBER, '$1')
}

/** Stands before the text of a number, which JSON.parse would round. */
const NUMBER_MARK = '\u0002'
const MARKED_NUMBER = /"\\u0002([-+0-9.eE]+)"/g

const sorted = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value

export type Cell = string | number | boolean | Date | null

/** A result of rows that are known already: SHOW, DESCRIBE, statuses. */
export function tableResult(
  columns: readonly (readonly [name: string, type: SqlType])[],
  rows: readonly (readonly Cell[])[],
  statementType: number,
): StatementResult {
  const listed = columns.map(([name, type]) => resultColumn(name, type, true))
  const texts = rows.map((row) => row.map((value, index) => cellText(value, columns[index]?.[1])))
  return {
    columns: listed,
    rows: (async function* () {
      if (texts.length > 0) yield texts
    })(),
    statementType,
  }
}

export function cellText(value: Cell, type: SqlType | undefined): WireValue {
  if (value === null) return null
  if (value instanceof Date) {
    const scale = type !== undefined && 'scale' in type ? type.scale : 3
    return (value.getTime() / 1000).toFixed(Math.min(scale, 3)) + '0'.repeat(Math.max(scale - 3, 0))
  }
  if (typeof value === 'boolean') return type?.kind === 'boolean' ? (value ? '1' : '0') : String(value)
  return String(value)
}
