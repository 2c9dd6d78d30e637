/**
 * Exact JavaScript values of logical types, to and from Arrow and canonical text. For the places where rows are wanted
 * one by one (tests, formatting, small tables); the data path moves buffers.
 */
import { type Data, DataType, makeData, type Vector } from 'apache-arrow'
import { civilOfDay, dayOfCivil } from './calendar.ts'
import { arrowType, type LogicalType } from './logical-type.ts'

/**
 * By kind: `bool` boolean · `int16 int32 float32 float64` number · `date` number of days · `int64` bigint · `timestamp`
 * bigint microseconds · `decimal` bigint, unscaled · `utf8` string · `binary` bytes.
 */
export type Value = null | boolean | number | bigint | string | Uint8Array

/** Encoders read whole words: every buffer has this many readable bytes behind its last value. */
const SPARE_BYTES = 8

/** A column of values as Arrow data. The values must be of the type's JavaScript form. */
export function columnData(type: LogicalType, values: readonly Value[]): Data {
  const length = values.length
  const nullBitmap = spare(Uint8Array, Math.ceil(length / 8))
  let nullCount = 0
  values.forEach((value, row) => {
    if (value === null) nullCount++
    else setBit(nullBitmap, row)
  })
  const made = (buffers: object): Data =>
    makeData({ type: arrowType(type), length, nullCount, nullBitmap: nullCount === 0 ? null : nullBitmap, ...buffers } as never)
  switch (type.kind) {
    case 'bool': {
      const data = spare(Uint8Array, Math.ceil(length / 8))
      values.forEach((value, row) => {
        if (value === true) setBit(data, row)
      })
      return made({ data })
    }
    case 'int16':
      return made({ data: filled(spare(Int16Array, length), values as readonly (number | null)[]) })
    case 'int32':
    case 'date':
      return made({ data: filled(spare(Int32Array, length), values as readonly (number | null)[]) })
    case 'float32':
      return made({ data: filled(spare(Float32Array, length), values as readonly (number | null)[]) })
    case 'float64':
      return made({ data: filled(spare(Float64Array, length), values as readonly (number | null)[]) })
    case 'int64':
    case 'timestamp':
      return made({ data: filled(spare(BigInt64Array, length), values as readonly (bigint | null)[]) })
    case 'decimal': {
      const data = spare(Uint32Array, length * 4)
      values.forEach((value, row) => {
        if (value === null) return
        const bits = BigInt.asUintN(128, value as bigint)
        for (let word = 0; word < 4; word++) data[row * 4 + word] = Number((bits >> BigInt(32 * word)) & 0xffff_ffffn)
      })
      return made({ data })
    }
    case 'utf8':
    case 'binary':
      return made(variable(values as readonly (string | Uint8Array | null)[]))
    default:
      return type satisfies never
  }
}

function variable(values: readonly (string | Uint8Array | null)[]) {
  const parts = values.map((value) => (typeof value === 'string' ? encoder.encode(value) : value))
  const data = spare(
    Uint8Array,
    parts.reduce((sum, part) => sum + (part?.length ?? 0), 0),
  )
  const valueOffsets = spare(Int32Array, parts.length + 1)
  let end = 0
  parts.forEach((part, row) => {
    if (part) {
      data.set(part, end)
      end += part.length
    }
    valueOffsets[row + 1] = end
  })
  return { data, valueOffsets }
}

/** Reads a vector's values exactly; dictionaries count as their values. */
export function valueReader(vector: Vector): (row: number) => Value {
  const type: DataType = vector.type
  const plain = DataType.isDictionary(type) ? type.dictionary : type
  if (DataType.isDate(plain)) return exact(vector, (data, row) => Number(data.values[row]))
  if (DataType.isTimestamp(plain)) return exact(vector, (data, row) => data.values[row] as bigint)
  if (DataType.isDecimal(plain)) return exact(vector, decimalAt)
  return (row) => {
    const value: unknown = vector.get(row)
    return value === undefined ? null : (value as Value)
  }
}

function exact(vector: Vector, read: (data: Data, row: number) => Value): (row: number) => Value {
  const chunks = vector.data.map((data) => data)
  return (row) => {
    let index = row
    for (const data of chunks) {
      if (index < data.length) return data.getValid(index) ? read(data, index) : null
      index -= data.length
    }
    return null
  }
}

function decimalAt(data: Data, row: number): bigint {
  const words = data.values as Uint32Array
  let bits = 0n
  for (let word = 3; word >= 0; word--) bits = (bits << 32n) | BigInt(words[row * 4 + word] ?? 0)
  return BigInt.asIntN(128, bits)
}

/**
 * The canonical text of a value (lake-format renderings): integers plain, decimals with exactly their scale, booleans
 * `t`/`f`, `YYYY-MM-DD`, UTC `YYYY-MM-DD HH:MM:SS.ffffff`, bytes as lower-case hex, text as it is.
 */
export function canonicalText(value: Exclude<Value, null>, type: LogicalType): string {
  switch (type.kind) {
    case 'bool':
      return value ? 't' : 'f'
    case 'decimal':
      return decimalText(value as bigint, type.scale)
    case 'date':
      return dateText(value as number)
    case 'timestamp':
      return timestampText(value as bigint)
    case 'binary':
      return Buffer.from(value as Uint8Array).toString('hex')
    case 'float32':
    case 'float64':
      return Object.is(value, -0) ? '-0' : String(value)
    default:
      return String(value)
  }
}

/** The inverse of `canonicalText`; also takes PostgreSQL's spellings of booleans, floats and `\x` hex. */
export function parseCanonical(text: string, type: LogicalType): Exclude<Value, null> {
  switch (type.kind) {
    case 'bool':
      return text === 't' || text === 'true'
    case 'int16':
    case 'int32':
    case 'float32':
    case 'float64':
      return Number(text)
    case 'int64':
      return BigInt(text)
    case 'decimal': {
      const [whole = '', fraction = ''] = text.replace(/^[-+]/, '').split('.')
      const magnitude = BigInt(whole + fraction.padEnd(type.scale, '0'))
      return text.startsWith('-') ? -magnitude : magnitude
    }
    case 'utf8':
      return text
    case 'binary':
      return new Uint8Array(Buffer.from(text.replace(/^\\x/, ''), 'hex'))
    case 'date':
      return parseDay(text)
    case 'timestamp': {
      const [day = '', clock = ''] = text.split(/[ T]/)
      const [hours = 0, minutes = 0, seconds = 0] = clock.slice(0, 8).split(':').map(Number)
      const fraction = BigInt(clock.slice(9).padEnd(6, '0'))
      return BigInt(parseDay(day)) * DAY_US + BigInt((hours * 60 + minutes) * 60 + seconds) * 1_000_000n + fraction
    }
    default:
      return type satisfies never
  }
}

function parseDay(text: string): number {
  const [day = '', month = '', year = ''] = text.split('-').toReversed()
  return dayOfCivil(Number(year) * (text.startsWith('-') ? -1 : 1), Number(month), Number(day))
}

export function decimalText(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const sign = unscaled < 0n ? '-' : ''
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** `YYYY-MM-DD`; years beyond four digits as they are, without ISO's sign, years before 1 with a minus: `0000` is 1 BC. */
export function dateText(days: number): string {
  const { year, month, day } = civilOfDay(days)
  return `${year < 0 ? '-' : ''}${digits(Math.abs(year), 4)}-${digits(month, 2)}-${digits(day, 2)}`
}

/** `YYYY-MM-DD HH:MM:SS.ffffff` of microseconds since 1970. */
export function timestampText(micros: bigint): string {
  const ofDay = Number(((micros % DAY_US) + DAY_US) % DAY_US)
  const seconds = Math.floor(ofDay / 1_000_000)
  const clock = `${digits(Math.floor(seconds / 3600), 2)}:${digits(Math.floor(seconds / 60) % 60, 2)}:${digits(seconds % 60, 2)}`
  return `${dateText(Number((micros - BigInt(ofDay)) / DAY_US))} ${clock}.${digits(ofDay % 1_000_000, 6)}`
}

const DAY_US = 86_400_000_000n

const digits = (value: number, count: number): string => String(value).padStart(count, '0')

const encoder = new TextEncoder()

type Spared<A> = { readonly BYTES_PER_ELEMENT: number; new (buffer: ArrayBuffer, offset: number, length: number): A }

function spare<A>(Type: Spared<A>, length: number): A {
  return new Type(new ArrayBuffer(length * Type.BYTES_PER_ELEMENT + SPARE_BYTES), 0, length)
}

function filled<T extends number | bigint>(into: { [row: number]: T }, values: readonly (T | null)[]): object {
  values.forEach((value, row) => {
    if (value !== null) into[row] = value
  })
  return into
}

function setBit(bitmap: Uint8Array, row: number): void {
  bitmap[row >> 3] = (bitmap[row >> 3] ?? 0) | (1 << (row & 7))
}
