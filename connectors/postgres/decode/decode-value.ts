/**
 * One value into one cell. Both functions return 0, or a `BAD` code and then have written nothing that counts: the caller
 * applies the column's policy. Dense on purpose: this is the inner loop of everything.
 */

import type { ColumnBuffer } from '../../column-buffer.ts'
import { BAD } from './bad-value.ts'
import type { Bytes } from './bytes.ts'
import { DAY_US, END_DAY, END_US, FIRST_DAY, FIRST_US, POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_US } from './calendar.ts'
import { fixedTimeText, isEndOfDay, parseTime } from './datetime-text.ts'
import { parseFloat4, parseFloat8 } from './float-text.ts'
import { decimalFromBinary, decimalFromText } from './numeric.ts'
import { PARSED, parseDate, parseTimestamp } from './parse-datetime.ts'
import { BINARY_OP, TEXT_OP, type ValueCodec } from './value-codec.ts'

const FIRST_WIRE_US = FIRST_US - POSTGRES_EPOCH_US
const END_WIRE_US = END_US - POSTGRES_EPOCH_US
/** Upper halves: strictly between them the whole is in range; 32-bit numbers compare twice as fast. */
const FIRST_WIRE_HIGH = Number(FIRST_WIRE_US >> 32n)
const END_WIRE_HIGH = Number(END_WIRE_US >> 32n)
const INFINITY_64 = 0x7fff_ffff_ffff_ffffn
const MINUS_INFINITY_64 = -0x8000_0000_0000_0000n
const INFINITY_32 = 0x7fff_ffff
const MINUS_INFINITY_32 = -0x8000_0000

const WIDTHS: readonly number[] = Object.entries({
  [BINARY_OP.bool]: 1,
  [BINARY_OP.int16]: 2,
  [BINARY_OP.int16As32]: 2,
  [BINARY_OP.int16As64]: 2,
  [BINARY_OP.int32As64]: 4,
  [BINARY_OP.uint32As64]: 4,
  [BINARY_OP.float32]: 4,
  [BINARY_OP.float64]: 8,
  [BINARY_OP.float32As64]: 4,
  [BINARY_OP.uuid]: 16,
  [BINARY_OP.time]: 8,
}).reduce<number[]>(
  (widths, [op, width]) => {
    widths[Number(op)] = width
    return widths
  },
  new Array<number>(BINARY_OP.text + 1).fill(-1),
)

/**
 * The value's send form in bytes [at, at + length). The everyday types stand here by themselves: so small, the engine
 * compiles this function into the row loops.
 */
export function decodeBinary(
  codec: ValueCodec,
  column: ColumnBuffer,
  row: number,
  bytes: Bytes,
  at: number,
  length: number,
): number {
  const { view } = bytes
  switch (codec.binary) {
    case BINARY_OP.int32:
      if (length !== 4) return BAD.malformed
      column.int32[row] = view.getInt32(at)
      return 0
    case BINARY_OP.int64:
      if (length !== 8) return BAD.malformed
      column.int64[row] = view.getBigInt64(at)
      return 0
    case BINARY_OP.timestamp: {
      if (length !== 8) return BAD.malformed
      const high = view.getInt32(at)
      if (high <= FIRST_WIRE_HIGH || high >= END_WIRE_HIGH) return timestampAtTheEdge(column, row, view.getBigInt64(at))
      column.int64[row] = view.getBigInt64(at) + POSTGRES_EPOCH_US
      return 0
    }
    case BINARY_OP.date: {
      if (length !== 4) return BAD.malformed
      return setWireDate(column, row, view.getInt32(at))
    }
    case BINARY_OP.decimal:
      return decimalFromBinary(view, at, column.words, row * 4, codec.precision, codec.scale)
    case BINARY_OP.copy:
      column.setBytes(row, bytes.buffer, view, at, length)
      return 0
    default:
      return decodeOther(codec, column, row, bytes, at, length)
  }
}

function decodeOther(codec: ValueCodec, column: ColumnBuffer, row: number, bytes: Bytes, at: number, length: number): number {
  const { view } = bytes
  const width = WIDTHS[codec.binary] as number
  if (width >= 0 && width !== length) return BAD.malformed
  switch (codec.binary) {
    case BINARY_OP.bool:
      column.setBool(row, view.getUint8(at) !== 0)
      return 0
    case BINARY_OP.int16:
      column.int16[row] = view.getInt16(at)
      return 0
    case BINARY_OP.int16As32:
      column.int32[row] = view.getInt16(at)
      return 0
    case BINARY_OP.int16As64:
      column.int64[row] = BigInt(view.getInt16(at))
      return 0
    case BINARY_OP.int32As64:
      column.int64[row] = BigInt(view.getInt32(at))
      return 0
    case BINARY_OP.uint32As64:
      column.int64[row] = BigInt(view.getUint32(at))
      return 0
    case BINARY_OP.float32:
      column.float32[row] = view.getFloat32(at)
      return 0
    case BINARY_OP.float64:
      column.float64[row] = view.getFloat64(at)
      return 0
    case BINARY_OP.float32As64:
      column.float64[row] = view.getFloat32(at)
      return 0
    case BINARY_OP.copyVersioned:
      column.setBytes(row, bytes.buffer, view, at + 1, length - 1)
      return 0
    case BINARY_OP.uuid:
      setUuid(column, row, view, at)
      return 0
    case BINARY_OP.hex:
      setHex(column, row, bytes.buffer, at, length)
      return 0
    case BINARY_OP.time:
      return setTime(column, row, Number(view.getBigInt64(at)))
    case BINARY_OP.render: {
      if (codec.renderBinary === null) return BAD.malformed
      column.setText(row, codec.renderBinary(bytes, at, length))
      return 0
    }
    case BINARY_OP.text:
      return decodeText(codec, column, row, bytes, at, length)
    default:
      return BAD.malformed
  }
}

function setWireDate(column: ColumnBuffer, row: number, days: number): number {
  if (days === INFINITY_32 || days === MINUS_INFINITY_32) return BAD.infiniteTime
  return setDate(column, row, days + POSTGRES_EPOCH_DAYS)
}

/** The wire counts from 2000: moving to 1970 overflows 64 bits near the year 294276, so the range is checked first. */
function timestampAtTheEdge(column: ColumnBuffer, row: number, micros: bigint): number {
  if (micros >= FIRST_WIRE_US && micros < END_WIRE_US) {
    column.int64[row] = micros + POSTGRES_EPOCH_US
    return 0
  }
  if (micros === INFINITY_64 || micros === MINUS_INFINITY_64) return BAD.infiniteTime
  return micros < 0n ? BAD.beforeYear1 : BAD.beyondYear9999
}

/** The value's text form in bytes [at, at + length). */
export function decodeText(
  codec: ValueCodec,
  column: ColumnBuffer,
  row: number,
  bytes: Bytes,
  at: number,
  length: number,
): number {
  const { buffer, view } = bytes
  const end = at + length
  switch (codec.text) {
    case TEXT_OP.copy:
      column.setBytes(row, buffer, view, at, length)
      return 0
    case TEXT_OP.bool:
      column.setBool(row, buffer[at] === 0x74)
      return 0
    case TEXT_OP.int16:
      column.int16[row] = parseInteger(buffer, at, end)
      return 0
    case TEXT_OP.int32:
      column.int32[row] = parseInteger(buffer, at, end)
      return 0
    case TEXT_OP.int64:
      column.int64[row] = length <= 15 ? BigInt(parseInteger(buffer, at, end)) : BigInt(buffer.toString('latin1', at, end))
      return 0
    case TEXT_OP.float32:
      column.float32[row] = parseFloat4(buffer.toString('latin1', at, end))
      return 0
    case TEXT_OP.float64:
      column.float64[row] = parseFloat8(buffer.toString('latin1', at, end))
      return 0
    case TEXT_OP.float32As64:
      column.float64[row] = parseFloat4(buffer.toString('latin1', at, end))
      return 0
    case TEXT_OP.decimal:
      return decimalFromText(buffer, at, end, column.words, row * 4, codec.precision, codec.scale)
    case TEXT_OP.bytea:
      column.reserveData(length)
      column.end += column.data.write(buffer.toString('latin1', at + 2, end), column.end, 'hex')
      column.offsets[row + 1] = column.end
      return 0
    case TEXT_OP.hex:
      column.setBytes(row, buffer, view, at + 2, length - 2)
      return 0
    case TEXT_OP.date: {
      const status = parseDate(buffer, at, end)
      return status === 0 ? setDate(column, row, PARSED.days) : status
    }
    case TEXT_OP.timestamp: {
      const status = parseTimestamp(buffer, at, end)
      if (status !== 0) return status
      const range = checkDay(PARSED.days + Math.floor(PARSED.micros / DAY_US))
      if (range === 0) column.int64[row] = BigInt(PARSED.days) * 86_400_000_000n + BigInt(PARSED.micros)
      return range
    }
    case TEXT_OP.time:
      return setTime(column, row, parseTime(buffer.toString('latin1', at, end)))
    case TEXT_OP.render: {
      const text = buffer.toString('utf8', at, end)
      column.setText(row, codec.renderText === null ? text : codec.renderText(text))
      return 0
    }
    default:
      return BAD.malformed
  }
}

const checkDay = (days: number): number => (days < FIRST_DAY ? BAD.beforeYear1 : days >= END_DAY ? BAD.beyondYear9999 : 0)

function setDate(column: ColumnBuffer, row: number, days: number): number {
  column.int32[row] = days
  return checkDay(days)
}

function setTime(column: ColumnBuffer, row: number, micros: number): number {
  if (micros < 0) return BAD.malformed
  if (isEndOfDay(micros)) return BAD.endOfDay
  column.setText(row, fixedTimeText(micros))
  return 0
}

/** Up to 15 digits, exactly. */
function parseInteger(buffer: Buffer, at: number, end: number): number {
  const negative = buffer[at] === 0x2d
  let value = 0
  for (let i = negative ? at + 1 : at; i < end; i++) value = value * 10 + ((buffer[i] as number) - 0x30)
  return negative ? -value : value
}

const HEX = Buffer.from('0123456789abcdef', 'latin1')
/** Two ASCII digits of each byte, as the little-endian 16 bits of a pair. */
const HEX_PAIRS = Uint16Array.from({ length: 256 }, (_, byte) => (HEX[byte >> 4] as number) | ((HEX[byte & 15] as number) << 8))

const UUID_BYTES = 36
const DASH = 0x2d

function setUuid(column: ColumnBuffer, row: number, source: DataView, at: number): void {
  column.reserveData(UUID_BYTES)
  const { dataView: target, end } = column
  target.setUint32(end, fourDigits(source, at), true)
  target.setUint32(end + 4, fourDigits(source, at + 2), true)
  target.setUint8(end + 8, DASH)
  target.setUint32(end + 9, fourDigits(source, at + 4), true)
  target.setUint8(end + 13, DASH)
  target.setUint32(end + 14, fourDigits(source, at + 6), true)
  target.setUint8(end + 18, DASH)
  target.setUint32(end + 19, fourDigits(source, at + 8), true)
  target.setUint8(end + 23, DASH)
  target.setUint32(end + 24, fourDigits(source, at + 10), true)
  target.setUint32(end + 28, fourDigits(source, at + 12), true)
  target.setUint32(end + 32, fourDigits(source, at + 14), true)
  column.end = end + UUID_BYTES
  column.offsets[row + 1] = column.end
}

/** The ASCII digits of two bytes, as little-endian 32 bits. */
function fourDigits(source: DataView, at: number): number {
  return (HEX_PAIRS[source.getUint8(at)] as number) | ((HEX_PAIRS[source.getUint8(at + 1)] as number) << 16)
}

function setHex(column: ColumnBuffer, row: number, buffer: Buffer, at: number, length: number): void {
  column.reserveData(length * 2)
  const { dataView: view, end } = column
  for (let i = 0; i < length; i++) view.setUint16(end + 2 * i, HEX_PAIRS[buffer[at + i] as number] as number, true)
  column.end = end + length * 2
  column.offsets[row + 1] = column.end
}
