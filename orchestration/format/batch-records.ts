/** Rows of a record batch as objects with exact values. */
import type { RecordBatch } from 'apache-arrow'
import { type Value, valueReader } from '../../connectors/column-values.ts'

/** Integers of 64 bits and decimals (unscaled) are bigint; see `Value`. */
export function* batchRecords(batch: RecordBatch): Generator<Readonly<Record<string, Value>>> {
  const columns = batch.schema.fields.flatMap((field, index) => {
    const vector = batch.getChildAt(index)
    return vector === null ? [] : [[field.name, valueReader(vector)] as const]
  })
  for (let row = 0; row < batch.numRows; row++) yield Object.fromEntries(columns.map(([name, read]) => [name, read(row)]))
}
