/** How one column of one table travels: its logical type, how COPY selects it, how its bytes are decoded, what happens to values that do not fit. */
import type { SourceColumn } from '../../change.ts'
import type { OnBadValue } from '../../ports.ts'
import type { PgType } from './pg-type.ts'
import type { ValueCodec } from './value-codec.ts'

export type ColumnPlan = {
  /** Without `comment` and `initial`: the catalogue adds them. */
  readonly column: SourceColumn
  readonly type: PgType
  /** SQL expression over the table's row for COPY: `"c"`, or the output function's text where the binary form is not understood. */
  readonly select: string
  /** What the bytes of `select` are: the type's send form, or its text. */
  readonly copyFormat: 'binary' | 'text'
  /**
   * Whether pgoutput may run with `binary 'true'` when this column is in the stream. False when the type has a send
   * function whose bytes are not understood: pgoutput would use it. (A type without one arrives as text either way.)
   */
  readonly streamBinary: boolean
  readonly onBadValue: OnBadValue
  /** How bytes become values; opaque outside this folder. */
  readonly codec: ValueCodec
}

/** The form that pgoutput must be asked for: one column that needs text makes the whole stream text. */
export function streamFormat(plans: Iterable<ColumnPlan>): 'binary' | 'text' {
  for (const plan of plans) if (!plan.streamBinary) return 'text'
  return 'binary'
}
