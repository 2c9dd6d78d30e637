/** The data page that a column is filling: definition levels as a bitmap, and values either PLAIN or as dictionary numbers. */
import { copyBits, fillBits } from './bits.ts'
import { type ColumnView, nullsIn } from './column-view.ts'
import { GrowingBytes } from './growing-bytes.ts'
import { levelsCapacity } from './levels.ts'

export class OpenPage {
  /** PLAIN values; the room before the base is for the levels. */
  readonly plain: GrowingBytes
  #indices: Uint16Array | null = null
  readonly #maxRows: number
  readonly levels: Uint8Array
  mode: 'plain' | 'indices' = 'plain'
  rows = 0
  /** Values that are not null. */
  values = 0

  /** `maxRows` is a multiple of 8. */
  constructor(maxRows: number) {
    this.plain = new GrowingBytes(1024, (levelsCapacity(maxRows) + 7) & ~7)
    this.#maxRows = maxRows
    this.levels = new Uint8Array(maxRows >> 3)
  }

  /** Dictionary numbers, when the batches already came with them. Made when first needed. */
  get indices(): Uint16Array {
    this.#indices ??= new Uint16Array(this.#maxRows)
    return this.#indices
  }

  get nulls(): number {
    return this.rows - this.values
  }

  /** Takes over the levels of rows [from, to) and counts them; returns how many are not null. */
  addLevels(column: ColumnView, from: number, to: number): number {
    const nulls = nullsIn(column, from, to)
    if (column.validity === null || nulls === 0) fillBits(this.levels, this.rows, to - from, 1)
    else copyBits(this.levels, this.rows, column.validity, column.validityOffset + from, to - from)
    this.rows += to - from
    this.values += to - from - nulls
    return to - from - nulls
  }

  clear(): void {
    this.plain.length = 0
    this.mode = 'plain'
    this.rows = 0
    this.values = 0
  }
}
