/** Which type changes every row already in files survives: readers widen, files are not rewritten. */
import type { LogicalType } from '../../connectors/logical-type.ts'

const INTEGER_RANK = { int16: 1, int32: 2, int64: 3 } as const

const isInteger = (kind: LogicalType['kind']): kind is keyof typeof INTEGER_RANK => kind in INTEGER_RANK

/**
 * True when every value of `from` is the same value in `to` and engines read old files under the new type: int16 → int32 →
 * int64, float32 → float64, a decimal that keeps its integer digits and its scale, a formatted text to plain text. Equal
 * types widen.
 */
export function canWiden(from: LogicalType, to: LogicalType): boolean {
  if (isInteger(from.kind) && isInteger(to.kind)) return INTEGER_RANK[from.kind] <= INTEGER_RANK[to.kind]
  if (from.kind === 'float32' && to.kind === 'float64') return true
  if (from.kind === 'decimal' && to.kind === 'decimal') {
    return to.scale >= from.scale && to.precision - to.scale >= from.precision - from.scale
  }
  if (from.kind === 'utf8' && to.kind === 'utf8') return from.format === to.format || to.format === 'text'
  if (from.kind === 'timestamp' && to.kind === 'timestamp') return from.utc === to.utc
  return from.kind === to.kind
}

/** True when both are the same type in every respect. */
export function sameType(a: LogicalType, b: LogicalType): boolean {
  return canWiden(a, b) && canWiden(b, a)
}
