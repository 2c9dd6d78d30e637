/** The file's statistics for the commit log, as canonical text. */

import { decimalText } from '../../../connectors/column-values.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { bytesText, dateText, timestampText } from '../../types/canonical-text.ts'
import type { ColumnSummary } from '../file-writer.ts'
import type { Bound, Bounds } from './bounds.ts'

/** What the commit log keeps of a bound at most, in characters. */
const MAX_TEXT = 64

/** `bounds` null: the column's values leave no trace. Unknown bounds, too long ones and those that NaNs escape are left out. */
export function columnSummary(type: LogicalType, nulls: number, bounds: Bounds | null): ColumnSummary {
  if (bounds === null || bounds.range === null || bounds.nans > 0) return { nulls }
  const min = boundText(type, bounds.range.min)
  const max = boundText(type, bounds.range.max)
  return {
    nulls,
    ...(type.kind === 'binary' ? { min: min.slice(0, MAX_TEXT) } : { min }),
    ...(max.length <= MAX_TEXT ? { max } : {}),
  }
}

function boundText(type: LogicalType, bound: Bound): string {
  switch (type.kind) {
    case 'bool':
      return bound === 1 ? 't' : 'f'
    case 'decimal':
      return decimalText(BigInt(bound as bigint), type.scale)
    case 'date':
      return dateText(Number(bound))
    case 'timestamp':
      return timestampText(BigInt(bound as bigint))
    case 'utf8':
      return Buffer.from(bound as Uint8Array).toString('utf8')
    case 'binary':
      return bytesText(bound as Uint8Array)
    case 'float32':
    case 'float64':
      return Object.is(bound, -0) ? '0' : String(bound)
    case 'int16':
    case 'int32':
    case 'int64':
      return String(bound)
    default:
      return type satisfies never
  }
}
