/** One file of another system, opened by its footer: what both formats offer to the reader of a table. */
import type { Data } from 'apache-arrow'
import type { ForeignLayout, ForeignShape } from '../../../connectors/manifest.ts'
import type { Tree } from './tree.ts'

/** Bytes [start, end); fewer than asked for are `CORRUPT`. */
export type ReadRange = (start: number, end: number) => Promise<Uint8Array>

export type FileColumn = {
  readonly name: string
  /** Null: of a type that nothing here holds, spelled in `spelled`. */
  readonly shape: ForeignShape | null
  readonly spelled: string
}

/**
 * A column of some rows. `data`: as Arrow data of its logical type, where that is more than the values one by one; `owned`: nobody else has its
 * buffers, and they have room behind their values. `at`: each row once, in order. Either of the two is used.
 */
export type Cells = {
  readonly data: (() => Data) | null
  readonly owned: boolean
  readonly at: (row: number) => Tree
}

export type FileRows = { readonly rows: number; readonly columns: readonly Cells[] }

/** How the owner means values: `clock` of plain ORC timestamps. */
export type ReadForeign = { readonly owner: ForeignLayout['owner']; readonly signal: AbortSignal }

export type ForeignDataFile = {
  readonly rows: number
  readonly columns: readonly FileColumn[]
  /** Of its last bytes, which say what the file holds. */
  readonly footerHash: string
  /** Columns by their place in the file, in the order asked for. Throws `FORMAT`, `BAD_VALUE`. */
  read(places: readonly number[], options: ReadForeign): AsyncIterable<FileRows>
}
