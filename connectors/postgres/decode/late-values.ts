/** Values of a change batch that do not come from their row's own tuple: out of line, found in an old row or read again. */
import type { ColumnBuffer } from '../../column-buffer.ts'
import type { Bytes } from './bytes.ts'
import { bytesOf } from './bytes.ts'
import type { ColumnPlan } from './column-plan.ts'
import { decodeBinary, decodeText } from './decode-value.ts'
import type { FoundCell } from './toast-ledger.ts'

export type LateValue = {
  readonly bytes: Bytes
  readonly at: number
  readonly length: number
  readonly format: 'text' | 'binary'
}

/** Writes the value; 0, or why its column cannot hold it (`BAD`). */
export function decodeLate({ codec }: ColumnPlan, column: ColumnBuffer, row: number, value: LateValue): number {
  const decode = value.format === 'binary' ? decodeBinary : decodeText
  return decode(codec, column, row, value.bytes, value.at, value.length)
}

/** Whether a value that the log leaves out may turn out not to fit: other types with bad values are never out of line. */
export const mayNotFit = ({ column, onBadValue }: ColumnPlan): boolean =>
  column.type.kind === 'decimal' && onBadValue === 'reject'

/** What a column's cell was found to hold, through the cells of other rows: `from` holds it when nothing was found. */
export function settledCell(
  found: ReadonlyMap<number, FoundCell>,
  row: number,
): { readonly from: number; readonly value: LateValue | null | undefined } {
  let from = row
  let cell = found.get(row)
  while (cell !== undefined && cell !== null && 'row' in cell) {
    from = cell.row
    cell = found.get(from)
  }
  if (cell === undefined || cell === null) return { from, value: cell }
  return { from, value: { bytes: bytesOf(cell.bytes), at: 0, length: cell.bytes.length, format: cell.format } }
}

export type Rewriting = {
  readonly found: ReadonlyMap<number, FoundCell>
  /** Rows whose cell becomes NULL; others may take its value all the same. */
  readonly emptied: ReadonlySet<number>
  readonly put: (target: ColumnBuffer, row: number, value: LateValue) => void
}

/** The column written anew; it is released. */
export function rewriteColumn(column: ColumnBuffer, rows: number, { found, emptied, put }: Rewriting): ColumnBuffer {
  const target = column.blank()
  target.reserve(rows)
  for (let row = 0; row < rows; row++) {
    const { from, value } = settledCell(found, row)
    if (emptied.has(row) || value === null) target.setNull(row)
    else if (value === undefined) target.copyCell(row, column, from)
    else put(target, row, value)
  }
  column.release()
  return target
}
