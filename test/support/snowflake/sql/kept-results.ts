/** Results that RESULT_SCAN may ask for, as the texts that were sent. */
import type { ResultColumn, StatementResult, WireValue } from '../engine.ts'
import type { RelationSource } from './bind/scope.ts'
import { type Bound, bound, quoted } from './bind/value.ts'
import {
  ARRAY,
  BOOLEAN,
  binary,
  DATE,
  duckType,
  FLOAT,
  number,
  OBJECT,
  type SqlType,
  text,
  time,
  timestamp,
  VARIANT,
} from './types.ts'

export type KeptResult = { readonly columns: readonly ResultColumn[]; rows: (readonly WireValue[])[] | null }

const MOST_ROWS = 10_000

/** The result, noted down while it is read; one of too many rows is not kept. */
export function keeping(result: StatementResult): { readonly result: StatementResult; readonly kept: KeptResult } {
  const kept: KeptResult = { columns: result.columns, rows: [] }
  const rows = async function* () {
    for await (const batch of result.rows) {
      if (kept.rows !== null) {
        if (kept.rows.length + batch.length > MOST_ROWS) kept.rows = null
        else kept.rows.push(...batch)
      }
      yield batch
    }
  }
  return { result: { ...result, rows: rows() }, kept }
}

function typeOf(column: ResultColumn): SqlType {
  switch (column.type) {
    case 'fixed':
      return number(column.precision ?? 38, column.scale ?? 0)
    case 'real':
      return FLOAT
    case 'text':
      return text(Math.max(column.length ?? 1, 1))
    case 'boolean':
      return BOOLEAN
    case 'date':
      return DATE
    case 'time':
      return time(column.scale ?? 9)
    case 'timestamp_ntz':
    case 'timestamp_ltz':
    case 'timestamp_tz':
      return timestamp(column.type, column.scale ?? 9)
    case 'binary':
      return binary(column.length ?? undefined)
    case 'variant':
      return VARIANT
    case 'object':
      return OBJECT
    case 'array':
      return ARRAY
    default:
      return column.type satisfies never
  }
}

/** Back from the text that was sent. */
function literal(value: WireValue, type: SqlType): string {
  if (value === null) return `CAST(NULL AS ${duckType(type)})`
  switch (type.kind) {
    case 'boolean':
      return value === '1' ? 'true' : 'false'
    case 'date':
      return `(DATE '1970-01-01' + CAST(${quoted(value)} AS INTEGER))`
    case 'time':
      return `CAST(make_timestamp(CAST(CAST(${quoted(value)} AS DECIMAL(38,6)) * 1000000 AS BIGINT)) AS TIME)`
    case 'timestamp_ntz':
    case 'timestamp_ltz':
    case 'timestamp_tz':
      return `make_timestamp(CAST(CAST(${quoted(value.split(' ')[0] ?? '')} AS DECIMAL(38,6)) * 1000000 AS BIGINT))`
    case 'binary':
      return `unhex(${quoted(value)})`
    case 'number':
    case 'float':
    case 'text':
    case 'variant':
    case 'object':
    case 'array':
    case 'null':
      return `CAST(${quoted(value)} AS ${duckType(type)})`
    default:
      return type satisfies never
  }
}

/** A relation of rows that are known. */
export function rowsRelation(
  columns: readonly ResultColumn[],
  rows: readonly (readonly WireValue[])[],
  path: readonly string[] = [],
): RelationSource {
  const types = columns.map(typeOf)
  const names = types.map((_, index) => `c${index}`).join(', ')
  const line = (row: readonly WireValue[]) => `(${types.map((type, index) => literal(row[index] ?? null, type)).join(', ')})`
  const lines = rows.length === 0 ? [line([])] : rows.map(line)
  const listed = columns.map(({ name, nullable }, index): { name: string; value: Bound; hidden: boolean; column: string } => ({
    name,
    value: bound(`c${index}`, types[index] ?? VARIANT, nullable),
    hidden: false,
    column: `c${index}`,
  }))
  return {
    sql: `(SELECT * FROM (VALUES ${lines.join(', ')}) v(${names})${rows.length === 0 ? ' WHERE false' : ''})`,
    path,
    columns: listed,
  }
}
