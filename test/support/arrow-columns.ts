/** Arrow columns and batches from plain values, with buffers laid out by hand so that tests choose what surrounds the data. */
import {
  type Data,
  DataType,
  Dictionary,
  Field,
  Int32,
  makeData,
  makeVector,
  RecordBatch,
  Schema,
  Struct,
  Utf8,
} from 'apache-arrow'
import { arrowType, type LogicalType } from '../../connectors/logical-type.ts'

/** Numbers for int16, int32, date and floats; bigints for int64, timestamps (µs) and decimals (unscaled). */
export type CellValue = boolean | number | bigint | string | Uint8Array | null

export type TestColumn = {
  readonly name: string
  readonly type: LogicalType
  readonly values: readonly CellValue[]
  /** Dictionary-encoded (text only). */
  readonly dictionary?: boolean
  readonly nullable?: boolean
}

export type BufferLayout = {
  /** Readable bytes behind the last value. Default: 16. */
  readonly spare?: number
  /** What null rows and spare bytes hold. Default: 0xa5, so that nobody relies on zeros. */
  readonly filler?: number
}

export function testField(column: TestColumn): Field {
  const type = column.dictionary ? new Dictionary(new Utf8(), new Int32()) : (arrowType(column.type) as DataType)
  return new Field(column.name, type, column.nullable ?? true)
}

export function testBatch(columns: readonly TestColumn[], layout: BufferLayout = {}): RecordBatch {
  const schema = new Schema(columns.map(testField))
  const length = columns[0]?.values.length ?? 0
  const children = columns.map((column, i) => columnData(column, (schema.fields[i] as Field).type, layout))
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }))
}

export function columnData(column: TestColumn, arrow: DataType, layout: BufferLayout = {}): Data {
  const { values } = column
  const length = values.length
  const filler = layout.filler ?? 0xa5
  const spare = layout.spare ?? 16
  const nullCount = values.filter((value) => value === null).length
  const nullBitmap =
    nullCount === 0
      ? undefined
      : bitmap(
          values.map((value) => value !== null),
          filler,
        )
  const buffer = (bytes: number) => new Uint8Array(bytes + spare).fill(filler)
  const common = { length, nullCount, ...(nullBitmap === undefined ? {} : { nullBitmap }) }
  if (DataType.isDictionary(arrow)) {
    const distinct = [...new Set(values.filter((value) => value !== null))] as string[]
    const bytes = buffer(length * 4)
    const indices = new Int32Array(bytes.buffer, 0, length)
    for (const [i, value] of values.entries()) if (value !== null) indices[i] = distinct.indexOf(value as string)
    const entries = { name: column.name, type: column.type, values: distinct }
    return makeData({ type: arrow, ...common, data: indices, dictionary: makeVector(columnData(entries, new Utf8(), layout)) })
  }
  switch (column.type.kind) {
    case 'bool':
      return makeData({
        type: arrow,
        ...common,
        data: bitmap(
          values.map((value) => value === true),
          filler,
        ),
      } as never)
    case 'utf8':
    case 'binary': {
      const parts = values.map((value) =>
        typeof value === 'string' ? Buffer.from(value) : ((value ?? new Uint8Array(0)) as Uint8Array),
      )
      const total = parts.reduce((sum, part) => sum + part.length, 0)
      const data = buffer(total)
      const valueOffsets = new Int32Array(length + 1)
      let at = 0
      for (const [i, part] of parts.entries()) {
        data.set(part, at)
        at += part.length
        valueOffsets[i + 1] = at
      }
      return makeData({ type: arrow, ...common, valueOffsets, data: data.subarray(0, total) } as never)
    }
    default: {
      const width = WIDTHS[column.type.kind]
      const bytes = buffer(length * width)
      const view = new DataView(bytes.buffer)
      for (const [i, value] of values.entries()) if (value !== null) put(view, i * width, column.type, value)
      const words = { 2: Int16Array, 4: Int32Array, 8: BigInt64Array, 16: Uint32Array }[width]
      const data =
        column.type.kind === 'float32'
          ? new Float32Array(bytes.buffer, 0, length)
          : column.type.kind === 'float64'
            ? new Float64Array(bytes.buffer, 0, length)
            : new words(bytes.buffer, 0, width === 16 ? length * 4 : length)
      return makeData({ type: arrow, ...common, data } as never)
    }
  }
}

const WIDTHS = { int16: 2, int32: 4, date: 4, float32: 4, int64: 8, timestamp: 8, float64: 8, decimal: 16 } as const

function put(view: DataView, at: number, type: LogicalType, value: CellValue): void {
  switch (type.kind) {
    case 'int16':
      view.setInt16(at, value as number, true)
      return
    case 'int32':
    case 'date':
      view.setInt32(at, value as number, true)
      return
    case 'float32':
      view.setFloat32(at, value as number, true)
      return
    case 'float64':
      view.setFloat64(at, value as number, true)
      return
    case 'int64':
    case 'timestamp':
      view.setBigInt64(at, value as bigint, true)
      return
    case 'decimal':
      view.setBigUint64(at, BigInt.asUintN(64, value as bigint), true)
      view.setBigInt64(at + 8, (value as bigint) >> 64n, true)
      return
    default:
      throw new Error(type.kind)
  }
}

/** Bits behind the last one are the filler's. */
function bitmap(bits: readonly boolean[], filler: number): Uint8Array {
  const bytes = new Uint8Array(((bits.length + 63) >> 6) * 8).fill(filler)
  for (const [i, bit] of bits.entries()) {
    const byte = bytes[i >> 3] as number
    bytes[i >> 3] = bit ? byte | (1 << (i & 7)) : byte & ~(1 << (i & 7))
  }
  return bytes
}
