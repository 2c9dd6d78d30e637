/**
 * INT96 timestamps, as Hive and Impala invented them: eight bytes of nanoseconds of the day, four of the Julian day (that of
 * noon), all little-endian. A linear count of days, in UTC.
 */
import type { ColumnView } from './column-view.ts'
import type { GrowingBytes } from './growing-bytes.ts'

export const INT96_BYTES = 12

/** Julian day of 1970-01-01. */
const JULIAN_DAY_OF_EPOCH = 2_440_588
/** Days of the epoch, 1582-10-15: the first of the Gregorian calendar as it was introduced. */
const FIRST_DAY = -141_427
/** A day of microseconds is 2^13 times this: a timestamp without its last 13 bits is an exact double. */
const DAY_IN_PARTS = 10_546_875
const PART_BITS = 13
const WORD = 2 ** 32

/**
 * Timestamps in microseconds of the UTC epoch. False for one before 1582-10-15: Hive 3 shows such a day as it was counted, Hive 4 as the
 * Julian calendar called it.
 */
export function appendInt96(page: GrowingBytes, column: ColumnView, from: number, to: number): boolean {
  const { values, validity, validityOffset } = column
  if (values.form !== 'int64') return true
  page.reserve((to - from) * INT96_BYTES)
  const target = page.int32
  const { buffer, byteOffset, length } = values.values
  const source = new Int32Array(buffer, byteOffset, length * 2)
  let at = page.end >> 2
  let early = 0
  for (let row = from; row < to; row++) {
    const low = source[row * 2] as number
    const high = source[row * 2 + 1] as number
    const parts = high * 2 ** (32 - PART_BITS) + (low >>> PART_BITS)
    const day = Math.floor(parts / DAY_IN_PARTS)
    const nanoseconds = ((parts - day * DAY_IN_PARTS) * 2 ** PART_BITS + (low & (2 ** PART_BITS - 1))) * 1000
    target[at] = nanoseconds % WORD
    target[at + 1] = nanoseconds / WORD
    target[at + 2] = JULIAN_DAY_OF_EPOCH + day
    const bit = validityOffset + row
    const valid = validity === null ? 1 : ((validity[bit >> 3] as number) >> (bit & 7)) & 1
    early |= -valid & ((day - FIRST_DAY) >> 31)
    at += 3 * valid
  }
  page.length = at * 4 - page.base
  return early === 0
}
