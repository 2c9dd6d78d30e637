/** `numeric`: wire form and text → exact text, or unscaled 128-bit integer of a decimal column. */

import { BAD } from './bad-value.ts'
import type { Bytes } from './bytes.ts'

const NEGATIVE = 0x4000
const NAN = 0xc000
const POSITIVE_INFINITY = 0xd000
const NEGATIVE_INFINITY = 0xf000

/** Exact text as `numeric_out` prints, from the send form (numeric_send: digit count, weight, sign, display scale, base-10000 digits). */
export function numericText({ view }: Bytes, at: number): string {
  const sign = view.getUint16(at + 4)
  if (sign === NAN) return 'NaN'
  if (sign === POSITIVE_INFINITY) return 'Infinity'
  if (sign === NEGATIVE_INFINITY) return '-Infinity'
  const count = view.getUint16(at)
  const weight = view.getInt16(at + 2)
  const scale = view.getUint16(at + 6)
  const group = (index: number) => (index >= 0 && index < count ? view.getUint16(at + 8 + 2 * index) : 0)
  let text = sign === NEGATIVE ? '-' : ''
  if (weight < 0) text += '0'
  else {
    text += group(0)
    for (let i = 1; i <= weight; i++) text += String(group(i)).padStart(4, '0')
  }
  if (scale === 0) return text
  let fraction = ''
  for (let i = weight + 1; fraction.length < scale; i++) fraction += String(group(i)).padStart(4, '0')
  return `${text}.${fraction.slice(0, scale)}`
}

/** Powers of ten up to 10^38. */
export const POWERS: readonly bigint[] = Array.from({ length: 39 }, (_, i) => 10n ** BigInt(i))
const SMALL_POWERS: readonly number[] = Array.from({ length: 16 }, (_, i) => 10 ** i)

/** The largest number of base-10000 groups, with this highest leading group, that a double holds exactly. */
const MAX_SAFE_LEADING = 9006

/**
 * Writes a numeric's send form as a 128-bit two's complement of `scale` at word `into`. Returns a `BAD` code, and writes
 * nothing, when the value is no number, has more fractional digits than the scale or more digits than the precision.
 */
export function decimalFromBinary(
  view: DataView,
  at: number,
  words: Uint32Array,
  into: number,
  precision: number,
  scale: number,
): number {
  const sign = view.getUint16(at + 4)
  if (sign > NEGATIVE) return sign === NAN ? BAD.nan : BAD.infiniteNumber
  const count = view.getUint16(at)
  const weight = view.getInt16(at + 2)
  // Base-10000 groups behind the point that the scale reaches into, and the digits of the last one beyond the scale.
  const fractionGroups = (scale + 3) >> 2
  const beyond = fractionGroups * 4 - scale
  const groups = weight + 1 + fractionGroups
  if (count === 0) {
    writeSmall(words, into, 0, false)
    return 0
  }
  if (count > groups) return BAD.scale
  if (groups < 4 || (groups === 4 && view.getUint16(at + 8) <= MAX_SAFE_LEADING)) {
    let value = 0
    for (let i = 0; i < count; i++) value = value * 10_000 + view.getUint16(at + 8 + 2 * i)
    for (let i = count; i < groups; i++) value *= 10_000
    if (beyond !== 0) {
      const divisor = SMALL_POWERS[beyond] as number
      const quotient = Math.floor(value / divisor)
      if (quotient * divisor !== value) return BAD.scale
      value = quotient
    }
    if (precision < 16 && value >= (SMALL_POWERS[precision] as number)) return BAD.precision
    writeSmall(words, into, value, sign === NEGATIVE)
    return 0
  }
  if (weight > 9) return BAD.precision
  let value = 0n
  for (let i = 0; i < groups; i++) value = value * 10_000n + (i < count ? BigInt(view.getUint16(at + 8 + 2 * i)) : 0n)
  return writeUnscaled(words, into, value, beyond, precision, sign === NEGATIVE)
}

/** The same from the text form, ASCII bytes [at, end). */
export function decimalFromText(
  bytes: Uint8Array,
  at: number,
  end: number,
  words: Uint32Array,
  into: number,
  precision: number,
  scale: number,
): number {
  let i = at
  const negative = bytes[i] === 0x2d
  if (negative) i++
  let value = 0
  let digits = 0
  let fraction = -1
  for (; i < end; i++) {
    const byte = bytes[i] as number
    if (byte === 0x2e && fraction < 0) fraction = 0
    else if (byte >= 0x30 && byte <= 0x39) {
      value = value * 10 + (byte - 0x30)
      if (value !== 0) digits++
      if (fraction >= 0) fraction++
    } else return notANumber(bytes, at, end)
  }
  if (fraction < 0) fraction = 0
  const shift = scale - fraction
  if (digits + Math.max(0, shift) <= 15) {
    if (shift >= 0) value *= SMALL_POWERS[shift] as number
    else {
      const divisor = SMALL_POWERS[Math.min(15, -shift)] as number
      const quotient = Math.floor(value / divisor)
      if (quotient * divisor !== value || (-shift > 15 && value !== 0)) return BAD.scale
      value = quotient
    }
    if (precision < 16 && value >= (SMALL_POWERS[precision] as number)) return BAD.precision
    writeSmall(words, into, value, negative)
    return 0
  }
  const exact = BigInt(
    Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at)
      .toString('latin1')
      .replace(/[-.]/g, ''),
  )
  const scaled = shift > 0 ? exact * 10n ** BigInt(shift) : exact
  return writeUnscaled(words, into, scaled, shift < 0 ? -shift : 0, precision, negative)
}

function notANumber(bytes: Uint8Array, at: number, end: number): number {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString('latin1')
  if (text === 'NaN') return BAD.nan
  return text === 'Infinity' || text === '-Infinity' ? BAD.infiniteNumber : BAD.malformed
}

/** `beyond`: trailing decimal digits of `value` behind the scale, which must be zeros. */
function writeUnscaled(
  words: Uint32Array,
  into: number,
  value: bigint,
  beyond: number,
  precision: number,
  negative: boolean,
): number {
  const divisor = beyond < POWERS.length ? (POWERS[beyond] as bigint) : 10n ** BigInt(beyond)
  const quotient = value / divisor
  if (quotient * divisor !== value) return BAD.scale
  if (quotient >= (POWERS[precision] as bigint)) return BAD.precision
  const bits = BigInt.asUintN(128, negative ? -quotient : quotient)
  words[into] = Number(bits & 0xffff_ffffn)
  words[into + 1] = Number((bits >> 32n) & 0xffff_ffffn)
  words[into + 2] = Number((bits >> 64n) & 0xffff_ffffn)
  words[into + 3] = Number(bits >> 96n)
  return 0
}

function writeSmall(words: Uint32Array, into: number, value: number, negative: boolean): void {
  const high = Math.floor(value / 0x1_0000_0000)
  const low = value - high * 0x1_0000_0000
  if (negative && value !== 0) {
    words[into] = -low
    words[into + 1] = low === 0 ? -high : ~high
    words[into + 2] = 0xffff_ffff
    words[into + 3] = 0xffff_ffff
    return
  }
  words[into] = low
  words[into + 1] = high
  words[into + 2] = 0
  words[into + 3] = 0
}

/** Unscaled value of a decimal cell. */
export function unscaledAt(words: Uint32Array, at: number): bigint {
  const word = (i: number) => BigInt(words[at + i] ?? 0)
  return BigInt.asIntN(128, word(0) | (word(1) << 32n) | (word(2) << 64n) | (word(3) << 96n))
}

/** With exactly `scale` fractional digits. */
export function decimalText(unscaled: bigint, scale: number): string {
  const negative = unscaled < 0n
  const digits = (negative ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return negative ? `-${text}` : text
}
