/** Query results as comparable rows. */
import type { RecordBatch } from 'apache-arrow'
import { canonicalText, type Value, valueReader } from '../../connectors/column-values.ts'
import type { Warehouse } from '../../connectors/ports.ts'
import { logicalTypeOf } from '../../integrations/types/arrow-types.ts'

/** Rows as canonical texts, `null` kept, one line each, sorted: equal results have equal lists. */
export async function queryRows(
  warehouse: Warehouse,
  sql: string,
  signal = new AbortController().signal,
): Promise<readonly string[]> {
  const result = await warehouse.query(sql, signal)
  const lines: string[] = []
  for await (const batch of result.batches) lines.push(...batchLines(batch))
  return lines.sort()
}

export function batchLines(batch: RecordBatch): readonly string[] {
  const columns = batch.schema.fields.map((field, index) => {
    const vector = batch.getChildAt(index)
    if (vector === null) throw new Error(`no column ${field.name}`)
    return { type: logicalTypeOf(field.type, field.name), read: valueReader(vector) }
  })
  return Array.from({ length: batch.numRows }, (_, row) =>
    columns
      .map(({ type, read }) => {
        const value: Value = read(row)
        return value === null ? '␀' : canonicalText(value, type)
      })
      .join(' | '),
  )
}
