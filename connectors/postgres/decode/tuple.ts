/** A row inside a pgoutput message: a view, nothing is copied. Valid as long as the message's bytes are. */
import type { Bytes } from './bytes.ts'

/** How one column of a tuple arrived, as the protocol spells it. */
export const COLUMN_KIND = { null: 0x6e, unchanged: 0x75, text: 0x74, binary: 0x62 } as const

export type Tuple = {
  readonly bytes: Bytes
  /** Offset of the first column's kind byte in `bytes`. */
  readonly start: number
  /** Offset behind the last column. */
  readonly end: number
  readonly columns: number
}
