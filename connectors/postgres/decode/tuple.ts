/** A row inside a pgoutput message: a view, nothing is copied. Valid as long as the message's bytes are. */
import type { Bytes } from './bytes.ts'

/** How one column of a tuple arrived, as the protocol spells it. */
export const COLUMN_KIND = { null: 0x6e, unchanged: 0x75, text: 0x74, binary: 0x62 } as const

export type Tuple = {
  readonly bytes: Bytes
  /** Offset of the first column's kind byte in `bytes`. */
  readonly start: number
  /** Offset behind the last column. */
  readonly end: number
  readonly columns: number
}

export type Cell = { readonly kind: number; readonly at: number; readonly length: number }

/** Kind and place of one column; `length` is 0 unless it carries bytes. */
export function cellOf({ bytes, start, columns }: Tuple, position: number): Cell {
  const { view } = bytes
  let at = start
  for (let i = 0; i < columns; i++) {
    const kind = view.getUint8(at++)
    const hasValue = kind === COLUMN_KIND.binary || kind === COLUMN_KIND.text
    const length = hasValue ? view.getInt32(at) : 0
    if (hasValue) at += 4
    if (i === position) return { kind, at, length }
    at += length
  }
  throw new RangeError(`A tuple of ${columns} columns has no column ${position}`)
}

/**
 * Whether a row kept its key: the columns at `positions` are equal in the old and the new tuple. An unchanged TOAST marker
 * in the new one counts as equal. (The old key is also logged when it did not change but is stored out of line.)
 */
export function sameCells(old: Tuple, now: Tuple, positions: readonly number[]): boolean {
  return positions.every((position) => {
    const before = cellOf(old, position)
    const after = cellOf(now, position)
    if (after.kind === COLUMN_KIND.unchanged) return true
    if (before.kind !== after.kind || before.length !== after.length) return false
    return (
      old.bytes.buffer.compare(now.bytes.buffer, after.at, after.at + after.length, before.at, before.at + before.length) === 0
    )
  })
}
