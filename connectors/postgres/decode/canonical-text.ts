/** Cells of Arrow columns as the canonical text in which sources, files and warehouses are compared. */
import type { Data } from 'apache-arrow'
import type { LogicalType } from '../../logical-type.ts'
import { DAY_US, dayOfMicros, isoDate } from './calendar.ts'
import { fixedTimeText } from './datetime-text.ts'
import { float4Text, float8Text } from './float-text.ts'
import { decimalText, unscaledAt } from './numeric.ts'

/**
 * Null for NULL. Integers plain; decimals with exactly the declared scale; booleans `t`/`f`; dates `YYYY-MM-DD`; timestamps
 * `YYYY-MM-DD HH:MM:SS.ffffff` (UTC); bytes lower-case hex; text as it is; floats in Postgres's spelling.
 */
export function canonicalText(type: LogicalType, data: Data, row: number): string | null {
  if (!data.getValid(row)) return null
  const { values } = data
  switch (type.kind) {
    case 'bool': {
      const bit = data.offset + row
      return ((values as Uint8Array)[bit >> 3] ?? 0) & (1 << (bit & 7)) ? 't' : 'f'
    }
    case 'int16':
    case 'int32':
    case 'int64':
      return String(values[row])
    case 'float32':
      return float4Text(values[row] as number)
    case 'float64':
      return float8Text(values[row] as number)
    case 'decimal':
      return decimalText(unscaledAt(values as Uint32Array, row * 4), type.scale)
    case 'date':
      return isoDate(values[row] as number)
    case 'timestamp':
      return canonicalTimestamp(values[row] as bigint)
    case 'utf8':
      return cellBytes(data, row).toString('utf8')
    case 'binary':
      return cellBytes(data, row).toString('hex')
    default:
      return type satisfies never
  }
}

/** Microseconds since 1970. */
export function canonicalTimestamp(micros: bigint): string {
  const day = dayOfMicros(micros)
  return `${isoDate(day)} ${fixedTimeText(Number(micros - BigInt(day) * BigInt(DAY_US)))}`
}

function cellBytes(data: Data, row: number): Buffer {
  const offsets = data.valueOffsets as Int32Array
  const values = data.values as Uint8Array
  const start = offsets[row] ?? 0
  return Buffer.from(values.buffer, values.byteOffset + start, (offsets[row + 1] ?? start) - start)
}
