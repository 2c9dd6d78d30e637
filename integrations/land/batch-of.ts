/** Columns as a record batch of a schema. Pure; nothing is copied. */
import { type Data, Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'

/**
 * `children`: one per field. The fields take the types of their data: a dictionary belongs to its batch, and Arrow finds it by its own
 * type; text that the schema calls a dictionary may be plain.
 */
export function batchOf(target: Schema, children: readonly Data[], rows: number): RecordBatch {
  const fields = target.fields.map(
    (field, index) => new Field(field.name, children[index]?.type ?? field.type, field.nullable, field.metadata),
  )
  const data = makeData({ type: new Struct(fields), length: rows, nullCount: 0, children: [...children] })
  return new RecordBatch(new Schema(fields, target.metadata), data)
}
