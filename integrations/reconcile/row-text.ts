/**
 * Rows as the canonical text that every engine renders alike (lake format, Reconcile): fields joined by U+001F; `\` is `\\`,
 * U+001F is `\u`, NULL is `\N`. Written into one buffer, without strings for the common values: millions of rows pass here.
 */
import { decimalText } from '../../connectors/column-values.ts'
import { dateText, timestampText } from '../types/canonical-text.ts'
import { type DigestInput, PADDING_BYTES } from './md5.ts'

const SEPARATOR = 0x1f
const BACKSLASH = 0x5c
const MINUS = 0x2d
const ZERO = 0x30
const HEX = new Uint8Array(Buffer.from('0123456789abcdef'))
const DAY_MICROS = 86_400_000_000
/** `YYYY-MM-DD`. */
const DATE_BYTES = 10
const DATE_SLOTS = 8192
/** Beyond every date. */
const NO_DAY = -0x8000_0000
const POWERS = Array.from({ length: 16 }, (_, power) => 10 ** power)

/** One row's text under construction: `bytes[0, length)`. */
export class RowText implements DigestInput {
  bytes = new Uint8Array(4096)
  words = new Int32Array(this.bytes.buffer)
  length = 0
  /** Dates that were rendered lately, by their lower bits: a row has several, and its neighbours the same. */
  readonly #days = new Int32Array(DATE_SLOTS).fill(NO_DAY)
  readonly #dates = new Uint8Array(DATE_SLOTS * DATE_BYTES)
  readonly #float = new DataView(new ArrayBuffer(8))

  reset(): void {
    this.length = 0
  }

  separator(): void {
    this.#reserve(1)
    this.bytes[this.length++] = SEPARATOR
  }

  null(): void {
    this.#reserve(2)
    this.bytes[this.length++] = BACKSLASH
    this.bytes[this.length++] = 0x4e
  }

  bool(value: boolean): void {
    this.#reserve(1)
    this.bytes[this.length++] = value ? 0x74 : 0x66
  }

  /** Exact for safe integers. */
  integer(value: number): void {
    this.#reserve(20)
    let rest = value
    if (rest < 0) {
      this.bytes[this.length++] = MINUS
      rest = -rest
    }
    this.#digits(rest, digitCount(rest))
  }

  /** A 64-bit integer of two words. */
  integer64(high: number, low: number): void {
    if (isShort(high)) this.integer(high * WORD + (low >>> 0))
    else this.#ascii(joinedWords(high, low).toString())
  }

  /** Exactly `scale` digits behind the point. */
  decimal(unscaled: number, scale: number): void {
    if (scale > 15 || !Number.isSafeInteger(unscaled)) {
      this.bigDecimal(BigInt(unscaled), scale)
      return
    }
    this.#reserve(40)
    let rest = unscaled
    if (rest < 0) {
      this.bytes[this.length++] = MINUS
      rest = -rest
    }
    if (scale === 0) {
      this.#digits(rest, digitCount(rest))
      return
    }
    const power = POWERS[scale] as number
    const whole = Math.floor(rest / power)
    this.#digits(whole, digitCount(whole))
    this.bytes[this.length++] = 0x2e
    this.#digits(rest - whole * power, scale)
  }

  bigDecimal(unscaled: bigint, scale: number): void {
    const number = Number(unscaled)
    if (scale <= 15 && Number.isSafeInteger(number)) this.decimal(number, scale)
    else this.#ascii(decimalText(unscaled, scale))
  }

  date(days: number): void {
    const slot = days & (DATE_SLOTS - 1)
    const from = slot * DATE_BYTES
    if (this.#days[slot] !== days) {
      const text = dateText(days)
      if (text.length !== DATE_BYTES) {
        this.#ascii(text)
        return
      }
      for (let i = 0; i < DATE_BYTES; i++) this.#dates[from + i] = text.charCodeAt(i)
      this.#days[slot] = days
    }
    this.#reserve(DATE_BYTES)
    const { bytes } = this
    const dates = this.#dates
    for (let i = 0; i < DATE_BYTES; i++) bytes[this.length + i] = dates[from + i] as number
    this.length += DATE_BYTES
  }

  /** Microseconds since 1970, UTC, a 64-bit integer of two words. */
  timestamp64(high: number, low: number): void {
    if (!isShort(high)) {
      this.#ascii(timestampText(joinedWords(high, low)))
      return
    }
    const number = high * WORD + (low >>> 0)
    const day = Math.floor(number / DAY_MICROS)
    this.date(day)
    const clock = number - day * DAY_MICROS
    const seconds = Math.floor(clock / 1e6)
    this.#reserve(16)
    const { bytes } = this
    bytes[this.length++] = 0x20
    this.#digits(Math.floor(seconds / 3600), 2)
    bytes[this.length++] = 0x3a
    this.#digits(Math.floor(seconds / 60) % 60, 2)
    bytes[this.length++] = 0x3a
    this.#digits(seconds % 60, 2)
    bytes[this.length++] = 0x2e
    this.#digits(clock - seconds * 1e6, 6)
  }

  /** The bits, big-endian, as hex; every NaN is `NaN`. Engines print floats in their own ways, bits are bits. */
  float(value: number, width: 4 | 8): void {
    if (Number.isNaN(value)) {
      this.#ascii('NaN')
      return
    }
    if (width === 4) this.#float.setFloat32(0, value)
    else this.#float.setFloat64(0, value)
    this.hex(new Uint8Array(this.#float.buffer), 0, width)
  }

  hex(bytes: Uint8Array, start: number, end: number): void {
    this.#reserve(2 * (end - start))
    for (let i = start; i < end; i++) {
      const byte = bytes[i] as number
      this.bytes[this.length++] = HEX[byte >>> 4] as number
      this.bytes[this.length++] = HEX[byte & 15] as number
    }
  }

  /** UTF-8 text, escaped. */
  text(bytes: Uint8Array, start: number, end: number): void {
    this.#reserve(2 * (end - start))
    const target = this.bytes
    let at = this.length
    for (let i = start; i < end; i++) {
      const byte = bytes[i] as number
      if (byte === BACKSLASH || byte === SEPARATOR) {
        target[at++] = BACKSLASH
        target[at++] = byte === BACKSLASH ? BACKSLASH : 0x75
      } else target[at++] = byte
    }
    this.length = at
  }

  /** Bytes of another text, as they are. */
  copy(from: RowText, start: number, end: number): void {
    this.#reserve(end - start)
    const { bytes } = this
    const source = from.bytes
    let at = this.length
    for (let i = start; i < end; i++) bytes[at++] = source[i] as number
    this.length = at
  }

  #ascii(text: string): void {
    this.#reserve(text.length)
    for (let i = 0; i < text.length; i++) this.bytes[this.length++] = text.charCodeAt(i)
  }

  /** Exactly `count` digits. */
  #digits(value: number, count: number): void {
    const { bytes } = this
    let rest = value
    for (let at = this.length + count - 1; at >= this.length; at--) {
      const next = rest < 0x8000_0000 ? (rest / 10) | 0 : Math.floor(rest / 10)
      bytes[at] = ZERO + rest - next * 10
      rest = next
    }
    this.length += count
  }

  #reserve(more: number): void {
    const needed = this.length + more + PADDING_BYTES
    if (needed <= this.bytes.length) return
    const grown = new Uint8Array((Math.max(needed, this.bytes.length * 2) + 3) & ~3)
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
    this.words = new Int32Array(grown.buffer)
  }
}

const WORD = 0x1_0000_0000

/** Whether a 64-bit integer with this upper word is exact as a number. */
export const isShort = (high: number): boolean => high < 0x20_0000 && high >= -0x20_0000

export const joinedWords = (high: number, low: number): bigint => (BigInt(high) << 32n) | BigInt(low >>> 0)

function digitCount(value: number): number {
  let count = 1
  for (let bound = 10; value >= bound && count < 17; bound *= 10) count++
  return count
}

/** The fields of a row's text, unescaped again; null for NULL. */
export function fieldsOf(bytes: Uint8Array): readonly (string | null)[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  return text.split('\u001f').map((field) => {
    if (field === '\\N') return null
    return field.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'u' ? '\u001f' : escaped))
  })
}
