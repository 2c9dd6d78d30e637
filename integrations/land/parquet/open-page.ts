/** The data page that a column is filling: definition levels as a bitmap, and values either PLAIN or as dictionary numbers. */
import { copyBits, fillBits } from './bits.ts'
import { type ColumnView, nullsIn } from './column-view.ts'
import { GrowingBytes } from './growing-bytes.ts'

/** Files of few rows are many: a page grows with what it is given. */
const FIRST_LEVEL_BYTES = 64
const FIRST_VALUE_BYTES = 256
/** In front of the values: levels of pages without nulls, or of up to two thousand rows, are written there. */
const LEVELS_ROOM = 264

export class OpenPage {
  /** PLAIN values; the room before the base is for the levels. */
  readonly plain: GrowingBytes
  /** Dictionary numbers, when the batches already came with them. */
  indices = new Uint16Array(0)
  levels: Uint8Array
  mode: 'plain' | 'indices' = 'plain'
  rows = 0
  /** Values that are not null. */
  values = 0

  constructor() {
    this.plain = new GrowingBytes(FIRST_VALUE_BYTES, LEVELS_ROOM)
    this.levels = new Uint8Array(FIRST_LEVEL_BYTES)
  }

  /** Memory taken, used or not. */
  get allocated(): number {
    return this.plain.bytes.length + this.indices.byteLength + this.levels.length
  }

  /** Makes room for `extra` more dictionary numbers. */
  reserveIndices(extra: number): Uint16Array {
    const needed = this.values + extra
    if (needed <= this.indices.length) return this.indices
    const grown = new Uint16Array(Math.max(needed, this.indices.length * 2))
    grown.set(this.indices.subarray(0, this.values))
    this.indices = grown
    return grown
  }

  get nulls(): number {
    return this.rows - this.values
  }

  /** Takes over the levels of rows [from, to) and counts them; returns how many are not null. */
  addLevels(column: ColumnView, from: number, to: number): number {
    const nulls = nullsIn(column, from, to)
    const bytes = (this.rows + to - from + 7) >> 3
    if (bytes > this.levels.length) {
      const grown = new Uint8Array(Math.max(bytes, this.levels.length * 2))
      grown.set(this.levels)
      this.levels = grown
    }
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
