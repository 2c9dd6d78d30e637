/** A tuple's values as text for people and for statements: what a rejected row held, and its key for a re-select. */
import type { Reject, SourceTable } from '../../change.ts'
import type { ChangeRow } from './change-row.ts'
import type { ColumnPlan } from './column-plan.ts'
import { rowPosition } from './transaction-stamp.ts'
import { COLUMN_KIND, cellOf, type Tuple } from './tuple.ts'

type Described = {
  readonly table: SourceTable
  readonly plans: readonly ColumnPlan[]
  /** For each column of the tuples the index of the table's column, or -1. */
  readonly mapping: readonly number[]
}

export const keyIndices = (table: SourceTable): readonly number[] =>
  table.key.map((id) => table.columns.findIndex((column) => column.id === id))

export function keyTexts(described: Described, tuple: Tuple): readonly (string | null)[] {
  return keyIndices(described.table).map((index) => textOf(described, tuple, index))
}

/** The row as it is put aside; what the log left out is null. */
export function rejectedRow(
  described: Described,
  { stamp, ordinal }: ChangeRow,
  tuple: Tuple,
): Omit<Reject, 'column' | 'reason'> {
  const row = Object.fromEntries(described.plans.map(({ column }, index) => [column.name, textOf(described, tuple, index)]))
  return { table: described.table.table, position: rowPosition(stamp.positionPrefix, ordinal), row }
}

function textOf({ plans, mapping }: Described, tuple: Tuple, index: number): string | null {
  const position = mapping.indexOf(index)
  const place = position < 0 ? null : cellOf(tuple, position)
  if (place === null || place.kind === COLUMN_KIND.null || place.kind === COLUMN_KIND.unchanged) return null
  const show = plans[index]?.codec.show ?? null
  const { bytes } = tuple
  if (place.kind === COLUMN_KIND.binary && show !== null) return show(bytes, place.at, place.length)
  return bytes.buffer.toString('utf8', place.at, place.at + place.length)
}
