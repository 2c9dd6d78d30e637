/**
 * One stored row and how changes meet in it. The row is what its changes, taken once each in the order of their positions,
 * have made of it, in whatever order they arrive: every column keeps the position that wrote it, and what is at or below the
 * row's deletion is void. Pure but for the row it is given.
 */
import type { Id, Stored } from './values.ts'

export type StoredRow = {
  readonly key: Id
  /** Empty when there is no such row; undefined = a column that no change has carried yet. */
  values: readonly (Stored | undefined)[]
  /** Position of every value, unless `positions` tells them apart. */
  position: string
  /** Position per column; '' = unknown. */
  positions: string[] | null
  /** Changes at or below this position are void; '' = never deleted. */
  deleted: string
  /** The row it hangs on; null = it counts nowhere. */
  parent: StoredRow | null
  slot: number
  /** Rows that hang on this one, by child source; whether or not this row is there. */
  children: StoredRow[][]
}

export const ABSENT: readonly Stored[] = Object.freeze([])
const NO_CHILDREN: StoredRow[][] = []

export function emptyRow(key: Id): StoredRow {
  return { key, values: ABSENT, position: '', positions: null, deleted: '', parent: null, slot: -1, children: NO_CHILDREN }
}

export function isThere(row: StoredRow): boolean {
  return row.values !== ABSENT
}

/** Every column is known: rows seen in a partial update only count nowhere until their insert arrives. */
export function isComplete(row: StoredRow): boolean {
  return row.values !== ABSENT && (row.positions === null || !row.positions.includes(''))
}

/** Takes the carried values that are newer than what the row holds; false when nothing was. */
export function writeColumns(row: StoredRow, values: readonly (Stored | undefined)[], position: string): boolean {
  if (position <= row.deleted) return false
  const full = !values.includes(undefined)
  if (full && row.positions === null && (row.values === ABSENT || row.position < position)) {
    row.values = values
    row.position = position
    return true
  }
  const positions = row.positions ?? new Array<string>(values.length).fill(row.values === ABSENT ? '' : row.position)
  const merged = row.values === ABSENT ? new Array<Stored | undefined>(values.length).fill(undefined) : [...row.values]
  let changed = false
  for (let column = 0; column < values.length; column++) {
    const value = values[column]
    if (value === undefined || (positions[column] ?? '') >= position) continue
    merged[column] = value
    positions[column] = position
    changed = true
  }
  if (!changed) return false
  row.values = merged
  settle(row, positions)
  return true
}

/** Voids what was written at or before `position`; false when nothing was there. */
export function eraseColumns(row: StoredRow, position: string): boolean {
  if (row.values === ABSENT) return false
  if (row.positions === null) {
    if (row.position > position) return false
    row.values = ABSENT
    row.position = ''
    return true
  }
  const positions = row.positions.map((at) => (at <= position ? '' : at))
  if (positions.every((at) => at === '')) {
    row.values = ABSENT
    row.position = ''
    row.positions = null
    return true
  }
  const values = row.values
  row.values = values.map((value, column) => (positions[column] === '' ? undefined : value))
  settle(row, positions)
  return true
}

function settle(row: StoredRow, positions: string[]): void {
  const [first = ''] = positions
  const even = first !== '' && positions.every((at) => at === first)
  row.positions = even ? null : positions
  row.position = even ? first : ''
}

/** The newest position that wrote something of the row; '' when it is not there. */
export function newestPosition(row: StoredRow): string {
  if (row.positions === null) return row.position
  return row.positions.reduce((newest, at) => (at > newest ? at : newest), '')
}
