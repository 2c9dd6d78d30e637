/** What becomes of a value that its column cannot hold. */
import type { SourceTable } from '../../change.ts'
import type { ColumnBuffer } from '../../column-buffer.ts'
import { BAD, badValueError } from './bad-value.ts'
import type { ColumnPlan } from './column-plan.ts'

/**
 * Policy `null`: the cell becomes NULL and true is returned. `reject`: false, the row must be taken back. Otherwise throws
 * (`text` has no bad values but malformed ones, its column is text from the start). A key is never made NULL: rows would
 * be taken for one another.
 */
export function absorb(
  { table, key }: Pick<SourceTable, 'table' | 'key'>,
  plan: ColumnPlan,
  column: ColumnBuffer,
  row: number,
  code: number,
): boolean {
  if (code !== BAD.malformed) {
    if (plan.onBadValue === 'null' && !key.includes(plan.column.id)) {
      column.setNull(row)
      return true
    }
    if (plan.onBadValue === 'reject') return false
  }
  throw badValueError(table, plan, code)
}
