import type { ColumnPlan } from './column-plan.ts'
import { COLUMN_KIND } from './tuple.ts'
import { BINARY_OP, TEXT_OP } from './value-codec.ts'

/** Whether a cell of this kind tells its value: not one that the log left out, nor one in a form that nobody knows any more. */
export const isUnderstood = ({ codec }: ColumnPlan, kind: number): boolean =>
  kind === COLUMN_KIND.binary
    ? codec.binary !== BINARY_OP.none
    : kind === COLUMN_KIND.text
      ? codec.text !== TEXT_OP.none
      : kind === COLUMN_KIND.null
