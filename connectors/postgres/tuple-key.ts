/** Compares key columns of two tuples of one relation by their bytes. */
import { COLUMN_KIND, type Tuple } from './decode/tuple.ts'

/** True when the tuples agree in every column of `key` (positions in the tuple). An unchanged TOAST value agrees. */
export function sameKey(key: readonly number[], old: Tuple, now: Tuple): boolean {
  if (key.length === 0) return false
  const last = Math.max(...key)
  let left = old.start
  let right = now.start
  for (let column = 0; column <= last; column++) {
    const leftEnd = left + width(old, left)
    const rightEnd = right + width(now, right)
    if (key.includes(column)) {
      const unchanged = now.bytes.view.getUint8(right) === COLUMN_KIND.unchanged
      if (!unchanged && old.bytes.buffer.compare(now.bytes.buffer, right, rightEnd, left, leftEnd) !== 0) return false
    }
    left = leftEnd
    right = rightEnd
  }
  return true
}

function width(tuple: Tuple, at: number): number {
  const kind = tuple.bytes.view.getUint8(at)
  return kind === COLUMN_KIND.text || kind === COLUMN_KIND.binary ? 5 + tuple.bytes.view.getUint32(at + 1) : 1
}
