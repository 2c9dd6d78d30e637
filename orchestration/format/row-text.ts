/** Rows of record batches as texts and JSON values, exact. Pure. */
import { DataType, type Field, type RecordBatch, type Schema } from 'apache-arrow'
import { canonicalText, decimalText, type Value, valueReader } from '../../connectors/column-values.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import { logicalTypeOf } from '../../integrations/types/arrow-types.ts'

/** Kinds that people read right-aligned. */
export function isNumeric(field: Field): boolean {
  return DataType.isInt(field.type) || DataType.isFloat(field.type) || DataType.isDecimal(field.type)
}

export function columnTypes(schema: Schema): readonly LogicalType[] {
  return schema.fields.map((field) => logicalTypeOf(field.type, field.name))
}

/** Calls back for each row with one value per column. The array is reused. */
export function eachRow(batch: RecordBatch, row: (values: readonly Value[]) => void): void {
  const readers = batch.schema.fields.map((_, index) => {
    const vector = batch.getChildAt(index)
    return vector === null ? () => null : valueReader(vector)
  })
  const values: Value[] = new Array(readers.length).fill(null)
  for (let index = 0; index < batch.numRows; index++) {
    for (let column = 0; column < readers.length; column++) values[column] = readers[column]?.(index) ?? null
    row(values)
  }
}

/**
 * The text of a value in tables and CSV: booleans `true`/`false`, timestamps ISO-8601 with six digits (`Z` for instants),
 * bytes as hex, the rest in canonical text.
 */
export function valueText(value: Exclude<Value, null>, type: LogicalType): string {
  if (type.kind === 'bool') return value ? 'true' : 'false'
  if (type.kind === 'timestamp') return canonicalText(value, type).replace(' ', 'T') + (type.utc ? 'Z' : '')
  return canonicalText(value, type)
}

/** JSON text of a value: 64-bit integers and decimals as strings, and NaN and infinities too; the rest as `valueText`. */
export function valueJson(value: Value, type: LogicalType): string {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'number' && type.kind !== 'date' && Number.isFinite(value))
    return Object.is(value, -0) ? '-0' : String(value)
  if (type.kind === 'decimal') return JSON.stringify(decimalText(value as bigint, type.scale))
  return JSON.stringify(valueText(value, type))
}
