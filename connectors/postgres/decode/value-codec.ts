/** How the bytes of one column become a value of its Arrow column. */

/** Opaque outside this folder; filled in by `plan-column.ts`. */
export type ValueCodec = { readonly binary: number; readonly text: number }
