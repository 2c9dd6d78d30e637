/** From an Arrow type back to the logical type it stands for. */
import { DataType, DateUnit, TimeUnit } from 'apache-arrow'
import { ConnectorError } from '../../connectors/errors.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'

/**
 * The logical type of an Arrow type; a dictionary counts as its values. Text formats are not in the Arrow type: the answer
 * is plain text. Throws `UNSUPPORTED` for types outside the table, naming `subject`.
 */
export function logicalTypeOf(type: DataType, subject: string): LogicalType {
  if (DataType.isDictionary(type)) return logicalTypeOf(type.dictionary, subject)
  if (DataType.isBool(type)) return { kind: 'bool' }
  if (DataType.isInt(type) && type.isSigned) {
    if (type.bitWidth === 16) return { kind: 'int16' }
    if (type.bitWidth === 32) return { kind: 'int32' }
    if (type.bitWidth === 64) return { kind: 'int64' }
  }
  if (DataType.isFloat(type)) {
    if (type.precision === 1) return { kind: 'float32' }
    if (type.precision === 2) return { kind: 'float64' }
  }
  if (DataType.isDecimal(type) && type.bitWidth === 128) {
    return { kind: 'decimal', precision: type.precision, scale: type.scale }
  }
  if (DataType.isUtf8(type)) return { kind: 'utf8', format: 'text' }
  if (DataType.isBinary(type)) return { kind: 'binary' }
  if (DataType.isDate(type) && type.unit === DateUnit.DAY) return { kind: 'date' }
  if (DataType.isTimestamp(type) && type.unit === TimeUnit.MICROSECOND) {
    return { kind: 'timestamp', utc: type.timezone !== null && type.timezone !== undefined }
  }
  throw new ConnectorError(
    'UNSUPPORTED',
    `Column "${subject}" has the Arrow type ${String(type)}; expected one of the logical type table (bool, int16, int32, int64, ` +
      'float32, float64, decimal128, utf8, binary, date32, timestamp[µs]): cast the column to one of them',
  )
}
