/** DuckDB's result columns as Arrow data of logical types, exact. Pure. */
import {
  type DuckDBBlobValue,
  type DuckDBDataChunk,
  type DuckDBDateValue,
  type DuckDBDecimalType,
  type DuckDBDecimalValue,
  type DuckDBTimestampMillisecondsValue,
  type DuckDBTimestampSecondsValue,
  type DuckDBTimestampTZValue,
  type DuckDBTimestampValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
} from '@duckdb/node-api'
import { type Data, type DataType, makeData } from 'apache-arrow'
import { arrowType, type LogicalType } from '../logical-type.ts'
import { jsonText } from './json-text.ts'

/** Encoders read whole words: every buffer has this many readable bytes behind its last value. */
const SPARE_BYTES = 8

/**
 * The logical type that holds every value of a DuckDB type: unsigned and small integers widen, HUGEINT is decimal(38,0),
 * what has no logical type (TIME, INTERVAL, UUID, nested …) is text, nested values as JSON.
 */
export function logicalTypeOf(type: DuckDBType): LogicalType {
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
      return { kind: 'bool' }
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.UTINYINT:
      return { kind: 'int16' }
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.USMALLINT:
      return { kind: 'int32' }
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UINTEGER:
      return { kind: 'int64' }
    case DuckDBTypeId.UBIGINT:
      return { kind: 'decimal', precision: 20, scale: 0 }
    case DuckDBTypeId.HUGEINT:
      return { kind: 'decimal', precision: 38, scale: 0 }
    case DuckDBTypeId.FLOAT:
      return { kind: 'float32' }
    case DuckDBTypeId.DOUBLE:
      return { kind: 'float64' }
    case DuckDBTypeId.DECIMAL: {
      const { width, scale } = type as DuckDBDecimalType
      return { kind: 'decimal', precision: width, scale }
    }
    case DuckDBTypeId.DATE:
      return { kind: 'date' }
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
      return { kind: 'timestamp', utc: false }
    case DuckDBTypeId.TIMESTAMP_TZ:
      return { kind: 'timestamp', utc: true }
    case DuckDBTypeId.BLOB:
      return { kind: 'binary' }
    case DuckDBTypeId.UUID:
      return { kind: 'utf8', format: 'uuid' }
    case DuckDBTypeId.TIME:
      return { kind: 'utf8', format: 'time' }
    case DuckDBTypeId.TIME_TZ:
      return { kind: 'utf8', format: 'timetz' }
    case DuckDBTypeId.INTERVAL:
      return { kind: 'utf8', format: 'interval' }
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
    case DuckDBTypeId.STRUCT:
    case DuckDBTypeId.MAP:
    case DuckDBTypeId.UNION:
    case DuckDBTypeId.VARIANT:
      return { kind: 'utf8', format: 'json' }
    default:
      return { kind: 'utf8', format: type.alias === 'JSON' ? 'json' : 'text' }
  }
}

/** One column of a chunk, copied out of DuckDB's memory. */
export function arrowColumn(chunk: DuckDBDataChunk, index: number, type: LogicalType, source: DuckDBType): Data<DataType> {
  const length = chunk.rowCount
  const vector = chunk.getColumnVector(index)
  const nullBitmap = new Uint8Array(Math.ceil(length / 8) + SPARE_BYTES)
  let nullCount = 0
  const each = (put: (value: Exclude<DuckDBValue, null>, row: number) => void): void => {
    for (let row = 0; row < length; row++) {
      const value = vector.getItem(row)
      if (value === null) nullCount++
      else {
        nullBitmap[row >> 3] = (nullBitmap[row >> 3] ?? 0) | (1 << (row & 7))
        put(value, row)
      }
    }
  }
  const done = (buffers: { readonly data: ArrayBufferView; readonly valueOffsets?: Int32Array }): Data<DataType> =>
    makeData({ type: arrowType(type), length, nullCount, nullBitmap: nullCount === 0 ? null : nullBitmap, ...buffers } as never)
  const buffer = (width: number) => new ArrayBuffer(length * width + SPARE_BYTES)

  switch (type.kind) {
    case 'bool': {
      const data = new Uint8Array(Math.ceil(length / 8) + SPARE_BYTES)
      each((value, row) => {
        if (value) data[row >> 3] = (data[row >> 3] ?? 0) | (1 << (row & 7))
      })
      return done({ data })
    }
    case 'int16':
    case 'int32':
    case 'float32':
    case 'float64': {
      const data = numbers(type.kind, buffer(type.kind === 'int16' ? 2 : type.kind === 'float64' ? 8 : 4), length)
      each((value, row) => {
        data[row] = value as number
      })
      return done({ data })
    }
    case 'date': {
      const data = new Int32Array(buffer(4), 0, length)
      each((value, row) => {
        data[row] = (value as DuckDBDateValue).days
      })
      return done({ data })
    }
    case 'int64':
    case 'timestamp': {
      const data = new BigInt64Array(buffer(8), 0, length)
      const integer = integerOf(source)
      each((value, row) => {
        data[row] = integer(value)
      })
      return done({ data })
    }
    case 'decimal': {
      const data = new BigInt64Array(buffer(16), 0, length * 2)
      const integer = integerOf(source)
      each((value, row) => {
        const unscaled = integer(value)
        data[row * 2] = BigInt.asIntN(64, unscaled)
        data[row * 2 + 1] = unscaled >> 64n
      })
      return done({ data: new Uint32Array(data.buffer, 0, length * 4) })
    }
    case 'utf8':
    case 'binary': {
      const parts: Uint8Array[] = new Array(length)
      const bytes = bytesOf(source)
      let total = 0
      each((value, row) => {
        const part = bytes(value)
        parts[row] = part
        total += part.length
      })
      const data = new Uint8Array(total + SPARE_BYTES)
      const valueOffsets = new Int32Array(buffer(4 + SPARE_BYTES), 0, length + 1)
      let end = 0
      for (let row = 0; row < length; row++) {
        const part = parts[row]
        if (part) {
          data.set(part, end)
          end += part.length
        }
        valueOffsets[row + 1] = end
      }
      return done({ data: data.subarray(0, total), valueOffsets })
    }
    default:
      return type satisfies never
  }
}

function numbers(kind: 'int16' | 'int32' | 'float32' | 'float64', buffer: ArrayBuffer, length: number) {
  switch (kind) {
    case 'int16':
      return new Int16Array(buffer, 0, length)
    case 'int32':
      return new Int32Array(buffer, 0, length)
    case 'float32':
      return new Float32Array(buffer, 0, length)
    case 'float64':
      return new Float64Array(buffer, 0, length)
    default:
      return kind satisfies never
  }
}

/** How a value of the type becomes its integer: microseconds of timestamps, the unscaled value of decimals. */
function integerOf(source: DuckDBType): (value: DuckDBValue) => bigint {
  switch (source.typeId) {
    case DuckDBTypeId.TIMESTAMP:
      return (value) => (value as DuckDBTimestampValue).micros
    case DuckDBTypeId.TIMESTAMP_TZ:
      return (value) => (value as DuckDBTimestampTZValue).micros
    case DuckDBTypeId.TIMESTAMP_S:
      return (value) => (value as DuckDBTimestampSecondsValue).seconds * 1_000_000n
    case DuckDBTypeId.TIMESTAMP_MS:
      return (value) => (value as DuckDBTimestampMillisecondsValue).millis * 1_000n
    case DuckDBTypeId.DECIMAL:
      return (value) => (value as DuckDBDecimalValue).value
    default:
      return (value) => BigInt(value as bigint | number)
  }
}

function bytesOf(source: DuckDBType): (value: DuckDBValue) => Uint8Array {
  const encoder = new TextEncoder()
  const format = logicalTypeOf(source)
  if (source.typeId === DuckDBTypeId.BLOB) return (value) => (value as DuckDBBlobValue).bytes
  if (source.typeId === DuckDBTypeId.VARCHAR || format.kind !== 'utf8' || format.format !== 'json') {
    return (value) => encoder.encode(String(value))
  }
  return (value) => encoder.encode(jsonText(value))
}
