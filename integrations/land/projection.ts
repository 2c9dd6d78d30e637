/**
 * From a source's batch to a file's: columns are matched by their immutable id (`portage.id`) and type, what the batch
 * lacks becomes nulls. Nothing is copied. Pure.
 */
import { type Data, type DataType, type Field, makeData, type RecordBatch, type Schema, DataType as Types } from 'apache-arrow'
import { type Column, fileSchema, MAX_BATCH_ROWS, METADATA_COLUMNS, type TableSchema } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import { typeName } from '../../connectors/logical-type.ts'
import { batchOf } from './batch-of.ts'

/** Projects every batch of one source shape to the files of one schema version. Throws `INTERNAL` when a column would be lost. */
export type Projection = (batch: RecordBatch) => RecordBatch

export function projection(source: Schema, schema: TableSchema, part: 'base' | 'changes'): Projection {
  const target = fileSchema(schema, part)
  const metadata = METADATA_COLUMNS.map((name, index) => {
    if (source.fields[index]?.name === name) return index
    throw new ConnectorError('INTERNAL', `Batch of "${schema.table}" has no column "${name}" at place ${index + 1}`)
  })
  const found = new Map<Column, number>()
  for (const [index, field] of source.fields.entries()) {
    if (index < metadata.length) continue
    const column = placeOf(field, schema)
    if (column === null || found.has(column)) {
      throw new ConnectorError(
        'INTERNAL',
        `Column "${field.name}" of "${schema.table}" arrived as ${field.metadata.get('portage.type')}; schema version ${schema.version} has no place for it`,
      )
    }
    found.set(column, index)
  }
  const places = [...metadata, ...schema.columns.map((column) => found.get(column) ?? null)]
  return (batch) => {
    const rows = batch.numRows
    const children = places.map((index, place) => {
      const child = index === null ? undefined : batch.data.children[index]
      const field = target.fields[place]
      if (child !== undefined) return child
      if (field === undefined || index !== null)
        throw new ConnectorError('INTERNAL', `Batch of "${schema.table}" lacks column ${place + 1}`)
      return nullData(field.type, rows)
    })
    return batchOf(target, children, rows)
  }
}

/** The physical column of a source column: the same id and type; one that was dropped since only when no other has them. */
function placeOf(field: Field, schema: TableSchema): Column | null {
  const [id, type] = [field.metadata.get('portage.id'), field.metadata.get('portage.type')]
  const same = schema.columns.filter(
    (column) => column.formerTable === undefined && String(column.id) === id && typeName(column.type) === type,
  )
  return same.find(({ dropped }) => dropped === undefined) ?? same.at(-1) ?? null
}

/** Encoders read whole words: every buffer has this much behind its last value. */
const SPARE_BYTES = 64
const WIDEST_VALUE_BYTES = 16

let zeros = new ArrayBuffer(MAX_BATCH_ROWS * WIDEST_VALUE_BYTES + SPARE_BYTES)

/** `rows` nulls. All of them share one buffer of zeros. */
export function nullData(type: DataType, rows: number): Data {
  const needed = rows * WIDEST_VALUE_BYTES + SPARE_BYTES
  if (zeros.byteLength < needed) zeros = new ArrayBuffer(needed)
  const common = { length: rows, nullCount: rows, nullBitmap: new Uint8Array(zeros, 0, (rows + 7) >> 3) }
  if (Types.isUtf8(type) || Types.isBinary(type)) {
    const valueOffsets = new Int32Array(zeros, 0, rows + 1)
    const data = new Uint8Array(zeros, 0, 0)
    return Types.isUtf8(type)
      ? makeData({ type, ...common, valueOffsets, data })
      : makeData({ type, ...common, valueOffsets, data })
  }
  if (Types.isBool(type)) return makeData({ type, ...common, data: new Uint8Array(zeros, 0, (rows + 7) >> 3) })
  if (Types.isInt(type) || Types.isFloat(type) || Types.isDecimal(type) || Types.isDate(type) || Types.isTimestamp(type)) {
    const perRow = Types.isDecimal(type) ? type.bitWidth / 32 : 1
    return makeData({ type, ...common, data: new type.ArrayType(zeros, 0, rows * perRow) } as Parameters<typeof makeData>[0])
  }
  throw new ConnectorError('INTERNAL', `Nulls of Arrow type ${type} are not needed by any logical type`)
}
