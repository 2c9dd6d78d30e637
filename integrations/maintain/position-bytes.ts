/** Positions where they lie in a column: compared as bytes, which is log order. Pure. */
import type { Position } from '../../connectors/change.ts'
import type { ColumnVector } from '../read/columns/column-vector.ts'

export const positionBytes = (position: Position): Uint8Array => Buffer.from(position)

/** Negative when the row's position is the lower one. */
export function comparePosition(positions: ColumnVector, row: number, other: Uint8Array): number {
  const start = positions.offsets[row] as number
  return compareBytes(positions.bytes, start, positions.offsets[row + 1] as number, other, 0, other.length)
}

export function compareRows(positions: ColumnVector, a: number, b: number): number {
  const { offsets, bytes } = positions
  return compareBytes(
    bytes,
    offsets[a] as number,
    offsets[a + 1] as number,
    bytes,
    offsets[b] as number,
    offsets[b + 1] as number,
  )
}

export function positionAt(positions: ColumnVector, row: number): Position {
  const { offsets, bytes } = positions
  return Buffer.from(bytes.subarray(offsets[row] as number, offsets[row + 1] as number)).toString('latin1') as Position
}

/** First row of [from, to) whose position is not below `bound`; rows are in position order. */
export function firstNotBelow(positions: ColumnVector, from: number, to: number, bound: Uint8Array): number {
  let [low, high] = [from, to]
  while (low < high) {
    const middle = (low + high) >> 1
    if (comparePosition(positions, middle, bound) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** First row of [from, to) whose position is above `bound`. */
export function firstAbove(positions: ColumnVector, from: number, to: number, bound: Uint8Array): number {
  let [low, high] = [from, to]
  while (low < high) {
    const middle = (low + high) >> 1
    if (comparePosition(positions, middle, bound) <= 0) low = middle + 1
    else high = middle
  }
  return low
}

function compareBytes(a: Uint8Array, aFrom: number, aTo: number, b: Uint8Array, bFrom: number, bTo: number): number {
  const length = Math.min(aTo - aFrom, bTo - bFrom)
  for (let i = 0; i < length; i++) {
    const difference = (a[aFrom + i] as number) - (b[bFrom + i] as number)
    if (difference !== 0) return difference
  }
  return aTo - aFrom - (bTo - bFrom)
}
