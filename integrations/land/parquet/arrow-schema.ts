/** The Arrow schema as file metadata, so that Arrow readers find the source's types and names again. */
import { DataType, Field, RecordBatchStreamWriter, Schema } from 'apache-arrow'

/** Key under which Arrow's own libraries look for it. */
export const ARROW_SCHEMA_KEY = 'ARROW:schema'

/** `FF FF FF FF 00 00 00 00`: the end of an IPC stream. */
const END_OF_STREAM_BYTES = 8

/**
 * The schema as one IPC message in base64. Dictionaries are a way of transport: the schema names their values, so that files
 * of one table agree whichever way their batches came.
 */
export function arrowSchemaText(schema: Schema): string {
  const fields = schema.fields.map((field) => {
    const type = field.type as DataType
    return DataType.isDictionary(type) ? new Field(field.name, type.dictionary, field.nullable, field.metadata) : field
  })
  const writer = new RecordBatchStreamWriter()
  writer.reset(undefined, new Schema(fields, schema.metadata))
  const bytes = writer.finish().toUint8Array(true)
  return Buffer.from(bytes.subarray(0, bytes.length - END_OF_STREAM_BYTES)).toString('base64')
}
