/** Positions of the in-memory source: `<epoch>-<commit>-<ordinal>` in hex, as wide as those of a real log. */
import type { Position } from '../change.ts'

export function positionOf(epoch: number, commit: number, ordinal: number): Position {
  return `${hex(epoch, 4)}-${hex(commit, 16)}-${hex(ordinal, 8)}` as Position
}

export const commitOf = (position: Position): number => Number.parseInt(position.slice(5, 21), 16)

export const epochOf = (position: Position): number => Number.parseInt(position.slice(0, 4), 16)

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
