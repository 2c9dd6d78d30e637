/** Arrow data of any type from plain JavaScript values and back, nested types included. */
import { type Data, DataType, type Field, makeData, RecordBatch, type Schema, Struct } from 'apache-arrow'

/**
 * Numbers for integers up to 32 bits, dates and floats; bigints for int64, timestamps (in the type's unit) and decimals
 * (unscaled); binary as lower-case hex; lists as arrays, maps as arrays of [key, value], structs as arrays of fields.
 */
export type Plain = boolean | number | bigint | string | null | readonly Plain[]

export function plainData(type: DataType, values: readonly Plain[]): Data {
  const length = values.length
  const nullCount = values.filter((value) => value === null).length
  const bits = (set: (value: Plain) => boolean) => {
    const bytes = new Uint8Array(((length + 63) >> 6) << 3)
    for (const [i, value] of values.entries()) if (set(value)) bytes[i >> 3] = (bytes[i >> 3] as number) | (1 << (i & 7))
    return bytes
  }
  const common = { type, length, nullCount, ...(nullCount === 0 ? {} : { nullBitmap: bits((value) => value !== null) }) }
  const make = (buffers: object): Data => makeData({ ...common, ...buffers } as Parameters<typeof makeData>[0])
  const offsets = (sizes: readonly number[]) => {
    const out = new Int32Array(length + 1)
    for (const [i, size] of sizes.entries()) out[i + 1] = (out[i] as number) + size
    return out
  }
  if (DataType.isBool(type)) return make({ data: bits((value) => value === true) })
  if (DataType.isInt(type) && type.bitWidth < 64) {
    const array = { 8: Int8Array, 16: Int16Array, 32: Int32Array }[type.bitWidth as 8 | 16 | 32]
    return make({ data: new array(values.map((value) => Number(value ?? 0))) })
  }
  if (DataType.isDate(type)) return make({ data: Int32Array.from(values, (value) => Number(value ?? 0)) })
  if (DataType.isInt(type) || DataType.isTimestamp(type)) {
    return make({ data: BigInt64Array.from(values, (value) => BigInt((value ?? 0) as bigint)) })
  }
  if (DataType.isFloat(type)) {
    const array = type.precision === 1 ? Float32Array : Float64Array
    return make({ data: new array(values.map((value) => Number(value ?? 0))) })
  }
  if (DataType.isDecimal(type)) {
    const words = new Uint32Array(4 * length)
    for (const [i, value] of values.entries()) {
      for (let word = 0; word < 4; word++)
        words[4 * i + word] = Number(BigInt.asUintN(32, BigInt((value ?? 0) as bigint) >> BigInt(32 * word)))
    }
    return make({ data: words })
  }
  if (DataType.isUtf8(type) || DataType.isBinary(type)) {
    const encoding = DataType.isUtf8(type) ? 'utf8' : 'hex'
    const parts = values.map((value) => Buffer.from((value ?? '') as string, encoding))
    return make({ valueOffsets: offsets(parts.map((part) => part.length)), data: Buffer.concat(parts) })
  }
  const lists = values.map((value) => (value ?? []) as readonly Plain[])
  if (DataType.isStruct(type)) {
    const children = type.children.map((field: Field, i: number) =>
      plainData(
        field.type,
        values.map((value, row) => (value === null ? null : ((lists[row] as readonly Plain[])[i] ?? null))),
      ),
    )
    return make({ children })
  }
  if (DataType.isList(type) || DataType.isMap(type)) {
    const child = plainData(type.children[0]?.type as DataType, lists.flat(1) as Plain[])
    return make({ valueOffsets: offsets(lists.map((list) => list.length)), child })
  }
  throw new Error(`no plain values of ${String(type)}`)
}

export function plainBatch(schema: Schema, columns: readonly (readonly Plain[])[]): RecordBatch {
  const children = schema.fields.map((field, i) => plainData(field.type, columns[i] ?? []))
  const length = columns[0]?.length ?? 0
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }))
}

/** The plain values of data; floats come as they are, so compare with `Object.is`. */
export function plainValues(data: Data): Plain[] {
  return Array.from({ length: data.length }, (_, row) => plainValue(data, row))
}

function plainValue(data: Data, row: number): Plain {
  if (data.nullCount > 0 && !data.getValid(row)) return null
  const { type, values } = data
  if (DataType.isBool(type)) {
    const bit = data.offset + row
    return (((values as Uint8Array)[bit >> 3] as number) >> (bit & 7)) % 2 === 1
  }
  if (DataType.isDecimal(type)) {
    const word = (i: number) => BigInt((values as Uint32Array)[4 * row + i] as number)
    return BigInt.asIntN(128, word(0) | (word(1) << 32n) | (word(2) << 64n) | (word(3) << 96n))
  }
  const from = Number(data.valueOffsets?.[row] ?? 0)
  const to = Number(data.valueOffsets?.[row + 1] ?? 0)
  if (DataType.isUtf8(type)) return Buffer.from((values as Uint8Array).subarray(from, to)).toString('utf8')
  if (DataType.isBinary(type)) return Buffer.from((values as Uint8Array).subarray(from, to)).toString('hex')
  if (DataType.isStruct(type)) return data.children.map((child) => plainValue(child, row))
  if (DataType.isList(type) || DataType.isMap(type)) {
    return Array.from({ length: to - from }, (_, i) => plainValue(data.children[0] as Data, from + i))
  }
  return values[row] as Plain
}

/** Concatenates the columns of batches. */
export function plainColumns(batches: readonly RecordBatch[]): Plain[][] {
  const [first] = batches
  if (first === undefined) return []
  return first.schema.fields.map((_, i) => batches.flatMap((batch) => plainValues(batch.data.children[i] as Data)))
}
