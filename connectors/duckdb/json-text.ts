/** DuckDB's nested and special values as text. Pure over the values of the DuckDB client. */
import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBUnionValue,
  type DuckDBValue,
} from '@duckdb/node-api'

/**
 * JSON text of a value: exact integers and decimals as numbers, bytes as hex, dates and timestamps in their canonical
 * text, NaN and infinities as text; a map is an array of `[key, value]`, a union its value.
 */
export function jsonText(value: DuckDBValue): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'bigint' || value instanceof DuckDBDecimalValue) return value.toString()
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : JSON.stringify(String(value))
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return `[${value.items.map(jsonText).join(',')}]`
  if (value instanceof DuckDBStructValue) {
    const entries = Object.entries(value.entries).map(([name, each]) => `${JSON.stringify(name)}:${jsonText(each)}`)
    return `{${entries.join(',')}}`
  }
  if (value instanceof DuckDBMapValue) {
    return `[${value.entries.map((entry) => `[${jsonText(entry.key)},${jsonText(entry.value)}]`).join(',')}]`
  }
  if (value instanceof DuckDBUnionValue) return jsonText(value.value)
  if (value instanceof DuckDBBlobValue) return JSON.stringify(Buffer.from(value.bytes).toString('hex'))
  return JSON.stringify(String(value))
}
