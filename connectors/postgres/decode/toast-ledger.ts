/** Cells of a change batch whose TOAST value the log did not repeat: which are missing, and what was found for them. */
import { OPS, type Op } from '../../change.ts'
import type { ColumnBuffer } from '../../column-buffer.ts'
import type { PendingRow } from './change-row.ts'

/** A found value: bytes in one of the wire forms, the cell of another row of the same column, or SQL NULL. */
export type FoundCell = { readonly bytes: Buffer; readonly format: 'text' | 'binary' } | { readonly row: number } | null

type Missing = { readonly columns: Set<number>; readonly key: readonly (string | null)[] }

export class ToastLedger {
  readonly #key: readonly number[]
  readonly #missing = new Map<number, Missing>()
  readonly #found = new Map<number, Map<number, FoundCell>>()
  /** Rows that go on from the delete before them. */
  readonly #moved = new Set<number>()
  /** Rows before which a row was rejected: what the batch holds above says nothing about values below. */
  readonly #barriers = new Set<number>()

  /** `key`: indices of the key columns; empty for a bag. */
  constructor(key: readonly number[]) {
    this.#key = key
  }

  miss(row: number, column: number, key: () => readonly (string | null)[]): void {
    const missing = this.#missing.get(row)
    if (missing === undefined) this.#missing.set(row, { columns: new Set([column]), key: key() })
    else missing.columns.add(column)
  }

  moved(row: number): void {
    this.#moved.add(row)
  }

  /** The row was rejected; another one takes its index. */
  forget(row: number): void {
    this.#missing.delete(row)
    this.#moved.delete(row)
    this.#barriers.add(row)
  }

  /** Nothing is missing in the row any more. */
  settle(row: number): void {
    this.#missing.delete(row)
  }

  fill(row: number, column: number, cell: FoundCell): void {
    this.#missing.get(row)?.columns.delete(column)
    if (this.#missing.get(row)?.columns.size === 0) this.#missing.delete(row)
    const found = this.#found.get(column)
    if (found === undefined) this.#found.set(column, new Map([[row, cell]]))
    else found.set(row, cell)
  }

  /** Found values of a column by row; null when there are none. */
  found(column: number): ReadonlyMap<number, FoundCell> | null {
    return this.#found.get(column) ?? null
  }

  /** What is still missing. */
  *unresolved(): Iterable<readonly [row: number, columns: readonly number[]]> {
    for (const [row, { columns }] of this.#missing) yield [row, [...columns]]
  }

  clear(): void {
    this.#missing.clear()
    this.#found.clear()
    this.#moved.clear()
    this.#barriers.clear()
  }

  /** Takes missing values from the newest earlier row of the same key, then lists what is still missing. */
  resolve(rows: number, columns: readonly ColumnBuffer[], opOf: (row: number) => Op): readonly PendingRow[] {
    if (this.#missing.size === 0) return []
    if (this.#key.length > 0) this.#resolveByKey(rows, columns, opOf)
    return Array.from(this.#missing, ([row, missing]) => ({ row, columns: [...missing.columns], key: missing.key }))
  }

  #resolveByKey(rows: number, columns: readonly ColumnBuffer[], opOf: (row: number) => Op): void {
    /** The row that holds the newest image of each key. */
    const newest = new Map<string, number>()
    let carried: number | undefined
    for (let row = 0; row < rows; row++) {
      if (this.#barriers.has(row)) newest.clear()
      const op = opOf(row)
      if (op === OPS.truncate) {
        newest.clear()
        continue
      }
      const key = this.#keyOf(row, columns)
      const before = this.#moved.has(row) ? carried : newest.get(key)
      carried = undefined
      if (op === OPS.delete) {
        carried = before
        newest.delete(key)
        continue
      }
      if (before !== undefined) this.#takeFrom(before, row)
      newest.set(key, row)
    }
  }

  #keyOf(row: number, columns: readonly ColumnBuffer[]): string {
    return this.#key.map((index) => columns[index]?.cellText(row) ?? '').join('\u0000')
  }

  #takeFrom(before: number, row: number): void {
    const missing = this.#missing.get(row)
    if (missing === undefined) return
    const unknown = this.#missing.get(before)?.columns
    for (const column of [...missing.columns]) {
      if (unknown?.has(column) !== true) this.fill(row, column, { row: before })
    }
  }
}
