/** From the bytes of one CSV field to one cell of a column, exactly or not at all. Pure. */
import type { ColumnBuffer } from '../../../connectors/column-buffer.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { typeName } from '../../../connectors/logical-type.ts'
import { type CompiledFormat, compileFormat, MICROS_PER_DAY, newMoment, parseIsoDate, parseIsoTimestamp } from './time-format.ts'

/** Bytes of the file, with a view of the same. */
export type Bytes = { readonly buffer: Buffer; readonly view: DataView }

/** Writes the value at `row` (reserved) and returns null, or says what is wrong with it and writes nothing. Never quotes it. */
export type CellParser = (column: ColumnBuffer, row: number, bytes: Bytes, start: number, end: number) => string | null

export type CellOptions = {
  readonly decimal: '.' | ','
  readonly thousands: string | null
  /** The type was guessed: a number with leading zeros or a plus is an identifier, and refused. */
  readonly guessed: boolean
  readonly dateFormat: string | null
  readonly timestampFormat: string | null
  readonly assumeUtc: boolean
}

const MINUS = 0x2d
const PLUS = 0x2b
const ZERO = 0x30
const NINE = 0x39
const EXACT_DIGITS = 15
const TWO32 = 2 ** 32

export function cellParser(type: LogicalType, options: CellOptions): CellParser {
  switch (type.kind) {
    case 'utf8':
      return type.format === 'json' ? jsonCell : textCell
    case 'binary':
      return hexCell
    case 'bool':
      return trimmed(boolCell)
    case 'int16':
    case 'int32':
    case 'int64':
    case 'decimal':
      return trimmed(numberCell(type, options))
    case 'float32':
    case 'float64':
      return trimmed(floatCell(type.kind, options))
    case 'date':
      return trimmed(dateCell(options.dateFormat))
    case 'timestamp':
      return trimmed(timestampCell(type.utc, options))
    default:
      return type satisfies never
  }
}

/** Blanks around anything but text mean nothing. */
function trimmed(parser: CellParser): CellParser {
  return (column, row, bytes, start, end) => {
    const { buffer } = bytes
    let from = start
    let to = end
    while (from < to && (buffer[from] === 0x20 || buffer[from] === 0x09)) from++
    while (to > from && (buffer[to - 1] === 0x20 || buffer[to - 1] === 0x09)) to--
    return parser(column, row, bytes, from, to)
  }
}

const textCell: CellParser = (column, row, bytes, start, end) => {
  column.setBytes(row, bytes.buffer, bytes.view, start, end - start)
  return null
}

const jsonCell: CellParser = (column, row, bytes, start, end) => {
  try {
    JSON.parse(bytes.buffer.toString('utf8', start, end))
  } catch {
    return 'is not JSON'
  }
  return textCell(column, row, bytes, start, end)
}

const hexCell: CellParser = (column, row, bytes, start, end) => {
  const from = bytes.buffer[start] === 0x5c && (bytes.buffer[start + 1] ?? 0) === 0x78 ? start + 2 : start
  const decoded = Buffer.from(bytes.buffer.toString('latin1', from, end), 'hex')
  if (decoded.length * 2 !== end - from) return 'is not hexadecimal'
  column.setBytes(row, decoded, new DataView(decoded.buffer, decoded.byteOffset, decoded.byteLength), 0, decoded.length)
  return null
}

const BOOLEANS = new Map([
  ...['true', 't', 'yes', 'y', '1', 'on'].map((word) => [word, true] as const),
  ...['false', 'f', 'no', 'n', '0', 'off'].map((word) => [word, false] as const),
])

const boolCell: CellParser = (column, row, bytes, start, end) => {
  if (end - start > 5) return 'is neither true nor false'
  const value = BOOLEANS.get(bytes.buffer.toString('latin1', start, end).toLowerCase())
  if (value === undefined) return 'is neither true nor false'
  column.setBool(row, value)
  return null
}

const LIMITS = { int16: 2 ** 15, int32: 2 ** 31 } as const
const INT64_MAX = 2n ** 63n - 1n

type NumberType = Extract<LogicalType, { kind: 'int16' | 'int32' | 'int64' | 'decimal' }>

/** Digits are gathered in one pass; up to fifteen of them fit a JavaScript number exactly. */
function numberCell(type: NumberType, { decimal, thousands, guessed }: CellOptions): CellParser {
  const wrong = `is no ${typeName(type)}`
  const mark = decimal.charCodeAt(0)
  const group = thousands === null ? -1 : thousands.charCodeAt(0)
  const scale = type.kind === 'decimal' ? type.scale : 0
  const wholeDigits = type.kind === 'decimal' ? type.precision - type.scale : 19
  const put = writerOf(type)
  return (column, row, { buffer }, start, end) => {
    let i = start
    const sign = buffer[i]
    const negative = sign === MINUS
    if (negative || (sign === PLUS && !guessed)) i++
    const first = i
    let value = 0
    let kept = 0
    let whole = 0
    let grouped = 0
    let groups = 0
    for (; i < end; i++) {
      const byte = buffer[i] as number
      if (byte === group) {
        if (groups === 0 ? grouped === 0 || grouped > 3 : grouped !== 3) return wrong
        groups++
        grouped = 0
        continue
      }
      if (byte < ZERO || byte > NINE) break
      grouped++
      if (byte === ZERO && whole === 0) continue
      whole++
      kept++
      value = value * 10 + byte - ZERO
    }
    if (groups > 0 && grouped !== 3) return wrong
    if (guessed && i - first > 1 && buffer[first] === ZERO) return 'has leading zeros'
    let fraction = 0
    let dropped = 0
    if (i < end && buffer[i] === mark) {
      const dot = i
      for (i++; i < end; i++) {
        const byte = buffer[i] as number
        if (byte < ZERO || byte > NINE) return wrong
        if (fraction === scale) {
          if (byte !== ZERO) return scale === 0 ? 'is no whole number' : `has more than ${scale} decimals`
          dropped++
          continue
        }
        fraction++
        if (kept > 0 || byte !== ZERO) kept++
        value = value * 10 + byte - ZERO
      }
      if (i === dot + 1) return wrong
    } else if (i === first) return wrong
    if (i !== end) return wrong
    if (whole > wholeDigits) return `has more than ${wholeDigits} digits before the decimals`
    const missing = scale - fraction
    if (kept + missing <= EXACT_DIGITS) {
      const scaled = missing === 0 ? value : value * 10 ** missing
      return put(column, row, negative ? -scaled : scaled, null)
    }
    const digits = buffer.toString('latin1', first, end).replace(/\D/g, '')
    const exact = BigInt(dropped === 0 ? digits : digits.slice(0, -dropped)) * 10n ** BigInt(missing)
    return put(column, row, 0, negative ? -exact : exact)
  }
}

type PutNumber = (column: ColumnBuffer, row: number, value: number, exact: bigint | null) => string | null

function writerOf(type: NumberType): PutNumber {
  switch (type.kind) {
    case 'int16':
    case 'int32': {
      const limit = LIMITS[type.kind]
      const short = type.kind === 'int16'
      return (column, row, value, exact) => {
        if (exact !== null || value >= limit || value < -limit) return `is beyond ${typeName(type)}`
        if (short) column.int16[row] = value
        else column.int32[row] = value
        return null
      }
    }
    case 'int64': {
      const putSafe = safeIntegerWriter()
      return (column, row, value, exact) => {
        if (exact !== null) {
          if (exact > INT64_MAX || exact < -INT64_MAX - 1n) return 'is beyond int64'
          column.int64[row] = exact
          return null
        }
        putSafe(column, row, value)
        return null
      }
    }
    case 'decimal':
      return (column, row, value, exact) => {
        const { words } = column
        const at = row * 4
        if (exact === null) {
          const high = Math.floor(value / TWO32)
          words[at] = value - high * TWO32
          words[at + 1] = high
          words[at + 2] = words[at + 3] = value < 0 ? 0xffff_ffff : 0
          return null
        }
        const bits = BigInt.asUintN(128, exact)
        for (let word = 0; word < 4; word++) words[at + word] = Number((bits >> BigInt(32 * word)) & 0xffff_ffffn)
        return null
      }
    default:
      return type satisfies never
  }
}

/** Writes whole numbers up to 2^53 as 64-bit ones without a bigint for each: half of the time otherwise. */
function safeIntegerWriter(): (column: ColumnBuffer, row: number, value: number) => void {
  let words = new Int32Array(0)
  return (column, row, value) => {
    if (words.buffer !== column.int64.buffer) words = new Int32Array(column.int64.buffer)
    const high = Math.floor(value / TWO32)
    words[row * 2] = value - high * TWO32
    words[row * 2 + 1] = high
  }
}

const FLOAT = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/
const NAMED_FLOATS = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['infinity', Number.POSITIVE_INFINITY],
  ['+inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
])

function floatCell(kind: 'float32' | 'float64', { decimal, thousands }: CellOptions): CellParser {
  return (column, row, { buffer }, start, end) => {
    let text = buffer.toString('latin1', start, end)
    if (thousands !== null) text = text.replaceAll(thousands, '')
    if (decimal === ',') text = text.replace(',', '.')
    const named = NAMED_FLOATS.get(text.toLowerCase())
    if (named === undefined && !FLOAT.test(text)) return `is no ${kind}`
    const value = named ?? Number(text)
    const stored = kind === 'float32' ? Math.fround(value) : value
    if (named === undefined && !Number.isFinite(stored)) return `is beyond ${kind}`
    if (kind === 'float32') column.float32[row] = stored
    else column.float64[row] = stored
    return null
  }
}

function dateCell(format: string | null): CellParser {
  const parse = format === null ? parseIsoDate : parserOf(format).parse
  const wrong = format === null ? 'is no date YYYY-MM-DD' : `is no date of the form ${format}`
  const moment = newMoment()
  return (column, row, { buffer }, start, end) => {
    if (!parse(buffer, start, end, moment) || moment.micros !== 0 || moment.zone !== null) return wrong
    column.int32[row] = moment.days
    return null
  }
}

function timestampCell(utc: boolean, { timestampFormat: format, assumeUtc }: CellOptions): CellParser {
  const parse = format === null ? parseIsoTimestamp : parserOf(format).parse
  const form = format ?? 'YYYY-MM-DD HH:MM:SS.ffffff'
  const putSafe = safeIntegerWriter()
  const moment = newMoment()
  return (column, row, { buffer }, start, end) => {
    if (!parse(buffer, start, end, moment)) return `is no timestamp of the form ${form}`
    if (utc && moment.zone === null && !assumeUtc) return 'has no time zone (--assume-utc when it is UTC)'
    if (!utc && moment.zone !== null) return 'has a time zone'
    const micros = moment.micros - (moment.zone ?? 0) * 60_000_000
    const value = moment.days * MICROS_PER_DAY + micros
    if (Number.isSafeInteger(value)) putSafe(column, row, value)
    else column.int64[row] = BigInt(moment.days) * BigInt(MICROS_PER_DAY) + BigInt(micros)
    return null
  }
}

/** Formats are checked when they are declared. */
function parserOf(format: string): CompiledFormat {
  const compiled = compileFormat(format)
  if (compiled === null) throw new RangeError(`format ${format}`)
  return compiled
}
