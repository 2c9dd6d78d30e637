/** A query's rows as texts, for showing and comparing. I/O. */
import { canonicalText, valueReader } from '../../connectors/column-values.ts'
import type { Warehouse } from '../../connectors/ports.ts'
import { logicalTypeOf } from '../../integrations/types/arrow-types.ts'

export type TextRows = { readonly names: readonly string[]; readonly rows: readonly (readonly (string | null)[])[] }

export async function textRows(warehouse: Warehouse, sql: string, signal: AbortSignal): Promise<TextRows> {
  const { schema, batches } = await warehouse.query(sql, signal)
  const types = schema.fields.map((field) => logicalTypeOf(field.type, field.name))
  const rows: (string | null)[][] = []
  for await (const batch of batches) {
    const columns = types.map((_, index) => {
      const vector = batch.getChildAt(index)
      return vector === null ? () => null : valueReader(vector)
    })
    for (let row = 0; row < batch.numRows; row++) {
      rows.push(
        types.map((type, index) => {
          const value = columns[index]?.(row) ?? null
          return value === null ? null : canonicalText(value, type)
        }),
      )
    }
  }
  return { names: schema.fields.map(({ name }) => name.toLowerCase()), rows }
}
