/**
 * PLAIN encoding (Encodings.md "Plain: (PLAIN = 0)"): appending the non-null values of a range of rows to a page.
 * Values of null rows are undefined in Arrow and are overwritten by the next value: compaction has no branch.
 */
import { compactBits, copyBits } from './bits.ts'
import type { ByteStrings, ColumnView } from './column-view.ts'
import type { GrowingBytes } from './growing-bytes.ts'

/**
 * Appends rows [from, to) behind the `count` values that the page holds; `page.length` moves by whole values (bytes for
 * BOOLEAN). Returns false when a value does not fit the physical type.
 */
export type AppendValues = (page: GrowingBytes, column: ColumnView, from: number, to: number, count: number) => boolean

/** BOOLEAN: one bit per value, least significant first. */
export function appendBooleans(page: GrowingBytes, column: ColumnView, from: number, to: number, count: number): boolean {
  const { values, validity, validityOffset } = column
  if (values.form !== 'bool') return true
  page.reserve(((to - from) >> 3) + 2)
  const start = page.base * 8 + count
  let added = to - from
  if (validity === null) copyBits(page.bytes, start, values.bits, values.offset + from, added)
  else {
    const source = { bits: values.bits, offset: values.offset + from }
    added = compactBits(page.bytes, start, source, { bits: validity, offset: validityOffset + from }, added)
  }
  page.length = (count + added + 7) >> 3
  return true
}

/** INT32 and FLOAT. */
export function appendInt32(page: GrowingBytes, column: ColumnView, from: number, to: number): boolean {
  const { values, validity, validityOffset } = column
  if (values.form !== 'int32' && values.form !== 'int16') return true
  page.reserve((to - from) * 4)
  const target = page.int32
  const source = values.values
  let at = page.end >> 2
  if (validity === null) {
    // `set` widens Int16 by itself.
    target.set(source.subarray(from, to), at)
    at += to - from
  } else {
    for (let row = from; row < to; row++) {
      const bit = validityOffset + row
      target[at] = source[row] as number
      at += ((validity[bit >> 3] as number) >> (bit & 7)) & 1
    }
  }
  page.length = at * 4 - page.base
  return true
}

/** INT64 and DOUBLE. */
export function appendInt64(page: GrowingBytes, column: ColumnView, from: number, to: number): boolean {
  const { values, validity, validityOffset } = column
  if (values.form !== 'int64') return true
  page.reserve((to - from) * 8)
  const target = page.int64
  const source = values.values
  let at = page.end >> 3
  if (validity === null) {
    target.set(source.subarray(from, to), at)
    at += to - from
  } else {
    for (let row = from; row < to; row++) {
      const bit = validityOffset + row
      target[at] = source[row] as bigint
      at += ((validity[bit >> 3] as number) >> (bit & 7)) & 1
    }
  }
  page.length = at * 8 - page.base
  return true
}

/**
 * Decimal128 into INT32 (`words` = 1) or INT64 (`words` = 2). Returns false when a value does not fit: the words left out must
 * only repeat the sign.
 */
export function appendNarrowDecimal(page: GrowingBytes, column: ColumnView, from: number, to: number, words: 1 | 2): boolean {
  const { values, validity, validityOffset } = column
  if (values.form !== 'decimal') return true
  page.reserve((to - from) * 4 * words)
  const target = page.int32
  const source = values.words
  let at = page.end >> 2
  let lost = 0
  for (let row = from; row < to; row++) {
    const bit = validityOffset + row
    const valid = validity === null ? 1 : ((validity[bit >> 3] as number) >> (bit & 7)) & 1
    const word0 = source[row * 4] as number
    const word1 = source[row * 4 + 1] as number
    const sign = (words === 1 ? word0 : word1) >> 31
    target[at] = word0
    if (words === 2) target[at + 1] = word1
    const rest = ((source[row * 4 + 2] as number) ^ sign) | ((source[row * 4 + 3] as number) ^ sign)
    lost |= -valid & (words === 1 ? rest | (word1 ^ sign) : rest)
    at += words * valid
  }
  page.length = at * 4 - page.base
  return lost === 0
}

/** Decimal128 into FIXED_LEN_BYTE_ARRAY(16): two's complement, big-endian (LogicalTypes.md, DECIMAL). */
export function appendFixedDecimal(page: GrowingBytes, column: ColumnView, from: number, to: number): boolean {
  const { values, validity, validityOffset } = column
  if (values.form !== 'decimal') return true
  page.reserve((to - from) * 16)
  const target = page.view
  const source = values.words
  let at = page.end
  for (let row = from; row < to; row++) {
    target.setInt32(at, source[row * 4 + 3] as number)
    target.setInt32(at + 4, source[row * 4 + 2] as number)
    target.setInt32(at + 8, source[row * 4 + 1] as number)
    target.setInt32(at + 12, source[row * 4] as number)
    const bit = validityOffset + row
    at += validity === null ? 16 : 16 * (((validity[bit >> 3] as number) >> (bit & 7)) & 1)
  }
  page.length = at - page.base
  return true
}

/** From this length on a native copy is cheaper than a loop of words. */
const NATIVE_COPY = 96

/** BYTE_ARRAY: four bytes of length, then the bytes. */
export function appendByteArrays(page: GrowingBytes, column: ColumnView, from: number, to: number): boolean {
  const { values, validity, validityOffset } = column
  if (values.form === 'bytes') {
    const { offsets } = values.strings
    page.reserve((to - from) * 4 + (offsets[to] as number) - (offsets[from] as number))
    for (let row = from; row < to; row++) {
      const bit = validityOffset + row
      if (validity !== null && (((validity[bit >> 3] as number) >> (bit & 7)) & 1) === 0) continue
      appendString(page, values.strings, row)
    }
  } else if (values.form === 'dictionary') {
    for (let row = from; row < to; row++) {
      const bit = validityOffset + row
      if (validity !== null && (((validity[bit >> 3] as number) >> (bit & 7)) & 1) === 0) continue
      const index = values.indices[row] as number
      page.reserve(4 + stringLength(values.strings, index))
      appendString(page, values.strings, index)
    }
  }
  return true
}

export function stringLength(strings: ByteStrings, index: number): number {
  return (strings.offsets[index + 1] as number) - (strings.offsets[index] as number)
}

/** Appends one string; room must have been reserved. Copies whole words, up to seven bytes past the end. */
export function appendString(page: GrowingBytes, strings: ByteStrings, index: number): void {
  const start = strings.offsets[index] as number
  const length = (strings.offsets[index + 1] as number) - start
  const target = page.view
  const at = page.base + page.length
  target.setInt32(at, length, true)
  if (length <= NATIVE_COPY) {
    const source = strings.view
    for (let done = 0; done < length; done += 8) {
      target.setBigInt64(at + 4 + done, source.getBigInt64(start + done, true), true)
    }
  } else {
    page.bytes.set(strings.bytes.subarray(start, start + length), at + 4)
  }
  page.length += 4 + length
}
