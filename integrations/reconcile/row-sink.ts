/** What reads rows hands them to: one row of one side, with the MD5 of its key. */
import type { CellWriter } from './cells.ts'
import { digest, md5 } from './md5.ts'
import { RowText } from './row-text.ts'

/** Rows that were read together; `cells` are the compared columns, in their order. */
export type SeenRows = {
  readonly cells: readonly CellWriter[]
  /** Key of the lake file they are in; null for a source. */
  readonly file: string | null
  /** Names of columns whose value the lake says it does not know. */
  readonly unchanged: (row: number) => string | null
  /** True when the row's position is at or above the one that the reader was asked about. */
  readonly isLate: (row: number) => boolean
}

/** `key`: the four words of the MD5 of the row's key, valid during the call. `sign`: −1 takes an equal row of a bag away. */
export type RowSink = (rows: SeenRows, row: number, key: Int32Array, sign: 1 | -1) => void

/** Renders some of a row's cells; `spans`: told where each begins and ends, two numbers per cell. */
export function render(
  cells: readonly CellWriter[],
  indexes: readonly number[],
  row: number,
  out: RowText,
  spans?: Int32Array,
): void {
  out.reset()
  for (let i = 0; i < indexes.length; i++) {
    if (i > 0) out.separator()
    if (spans !== undefined) spans[2 * i] = out.length
    ;(cells[indexes[i] as number] as CellWriter)(row, out)
    if (spans !== undefined) spans[2 * i + 1] = out.length
  }
}

/** Digests keys: one text and one result, used again for every row. */
export class KeyDigest {
  readonly words = new Int32Array(4)
  readonly #text = new RowText()
  readonly #key: readonly number[]

  constructor(key: readonly number[]) {
    this.#key = key
  }

  of(cells: readonly CellWriter[], row: number): Int32Array {
    render(cells, this.#key, row, this.#text)
    md5(this.#text)
    this.words.set(digest)
    return this.words
  }
}
