/** What rows written before `ADD COLUMN … DEFAULT constant` hold (`pg_attribute.attmissingval`). */

import { createBufferPool } from '../../buffer-pool.ts'
import type { TableName } from '../../change.ts'
import { ColumnBuffer } from '../../column-buffer.ts'
import { arrowType } from '../../logical-type.ts'
import { parseArrayLiteral } from './array-literal.ts'
import { bytesOf } from './bytes.ts'
import { canonicalText } from './canonical-text.ts'
import type { ColumnPlan } from './column-plan.ts'
import { decodeText } from './decode-value.ts'
import { absorb } from './row-policy.ts'

/**
 * `missing`: `attmissingval::text`, read under `DECODE_SETTINGS`; null when the column has none (older rows are NULL).
 * The text is the canonical rendering of the value as the column carries it. A value that the type cannot hold becomes
 * NULL under the policy `null`, is `unfit` under `reject`, and throws `BAD_VALUE` under `error`.
 */
export function initialValue(
  table: TableName,
  plan: ColumnPlan,
  missing: string | null,
): NonNullable<ColumnPlan['column']['initial']> {
  if (missing === null) return { text: null }
  const [item] = parseArrayLiteral(missing, plan.type.delimiter).items
  if (typeof item !== 'string') return { text: null }
  const { type } = plan.column
  const column = new ColumnBuffer(type.kind, arrowType(type), createBufferPool())
  column.reserve(1)
  const bytes = bytesOf(Buffer.from(item, 'utf8'))
  const code = decodeText(plan.codec, column, 0, bytes, 0, bytes.buffer.length)
  if (code !== 0) {
    return absorb({ table, key: [] }, plan, column, 0, code) ? { text: null } : { text: null, unfit: true }
  }
  return { text: canonicalText(type, column.detach(1, []), 0) }
}
