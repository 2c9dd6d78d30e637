/**
 * Dates and times in a declared form, straight from bytes. Directives as in strftime: `%Y %y %m %d %b %B %H %I %p %M %S %f %z`;
 * `%y` is 1969…2068 (POSIX). Pure.
 */
import { dayOfCivil } from '../../../connectors/calendar.ts'

/** Where `parse` leaves what it read; one per parser, used again for each value. */
export type Moment = {
  days: number
  /** Microseconds since midnight. */
  micros: number
  /** Minutes east of UTC; null when the text has no zone. */
  zone: number | null
}

/** True when bytes [at, end) are a moment of this form, and one that exists. */
export type ParseMoment = (bytes: Uint8Array, at: number, end: number, into: Moment) => boolean

export const newMoment = (): Moment => ({ days: 0, micros: 0, zone: null })

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const LONG_MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
]
const MONTH_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const SECOND = 1_000_000
export const MICROS_PER_DAY = 86_400 * SECOND

/** Days since 1970-01-01 in the proleptic Gregorian calendar, null when there is no such day in the years 1…9999. */
export function daysFromCivil(year: number, month: number, day: number): number | null {
  if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > (MONTH_DAYS[month - 1] as number)) return null
  if (month === 2 && day === 29 && !((year % 4 === 0 && year % 100 !== 0) || year % 400 === 0)) return null
  return dayOfCivil(year, month, day)
}

const digitAt = (bytes: Uint8Array, at: number): number => {
  const digit = (bytes[at] as number) - 0x30
  return digit >= 0 && digit <= 9 ? digit : -1
}

/** `count` digits at `at`, or -1. */
function digits(bytes: Uint8Array, at: number, end: number, count: number): number {
  if (at + count > end) return -1
  let value = 0
  for (let i = at; i < at + count; i++) {
    const digit = digitAt(bytes, i)
    if (digit < 0) return -1
    value = value * 10 + digit
  }
  return value
}

/** ISO-8601 day: `YYYY-MM-DD`. */
export const parseIsoDate: ParseMoment = (bytes, at, end, into) => {
  if (end - at !== 10 || bytes[at + 4] !== 0x2d || bytes[at + 7] !== 0x2d) return false
  const days = daysFromCivil(digits(bytes, at, end, 4), digits(bytes, at + 5, end, 2), digits(bytes, at + 8, end, 2))
  if (days === null) return false
  into.days = days
  into.micros = 0
  into.zone = null
  return true
}

/** `YYYY-MM-DD`, a space or T, `HH:MM[:SS[.f…]]`, and `Z`, `±HH`, `±HHMM` or `±HH:MM`; at most six digits of a second. */
export const parseIsoTimestamp: ParseMoment = (bytes, at, end, into) => {
  if (end - at < 16 || !parseIsoDate(bytes, at, at + 10, into)) return false
  const separator = bytes[at + 10]
  if (separator !== 0x20 && separator !== 0x54 && separator !== 0x74) return false
  const hour = digits(bytes, at + 11, end, 2)
  const minute = digits(bytes, at + 14, end, 2)
  if (bytes[at + 13] !== 0x3a || hour < 0 || hour > 23 || minute < 0 || minute > 59) return false
  let i = at + 16
  let micros = (hour * 3600 + minute * 60) * SECOND
  if (i < end && bytes[i] === 0x3a) {
    const second = digits(bytes, i + 1, end, 2)
    if (second < 0 || second > 59) return false
    micros += second * SECOND
    i += 3
    if (i < end && bytes[i] === 0x2e) {
      let unit = SECOND / 10
      const first = ++i
      for (; i < end && digitAt(bytes, i) >= 0; i++) {
        if (unit < 1) return false
        micros += digitAt(bytes, i) * unit
        unit /= 10
      }
      if (i === first) return false
    }
  }
  into.micros = micros
  return zoneAt(bytes, i, end, into) === end
}

/** Reads a zone if there is one; where it ends, -1 when it is none. */
function zoneAt(bytes: Uint8Array, at: number, end: number, into: Moment): number {
  into.zone = null
  let i = at
  if (i < end && bytes[i] === 0x20) i++
  if (i >= end) return at
  const sign = bytes[i]
  if (sign === 0x5a || sign === 0x7a) {
    into.zone = 0
    return i + 1
  }
  if (sign !== 0x2b && sign !== 0x2d) return -1
  const hours = digits(bytes, i + 1, end, 2)
  if (hours < 0 || hours > 15) return -1
  i += 3
  if (i < end && bytes[i] === 0x3a) i++
  let minutes = 0
  if (i < end && digitAt(bytes, i) >= 0) {
    minutes = digits(bytes, i, end, 2)
    if (minutes < 0 || minutes > 59) return -1
    i += 2
  }
  into.zone = (hours * 60 + minutes) * (sign === 0x2d ? -1 : 1)
  return i
}

type Parts = {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  micros: number
  pm: number
}

/** Reads one directive or literal; where it ends, or -1. */
type Step = (bytes: Uint8Array, at: number, end: number, parts: Parts, into: Moment) => number

/** One or two digits, as `01.2.2026` has them. */
const short =
  (max: number, set: (parts: Parts, value: number) => void): Step =>
  (bytes, at, end, parts) => {
    if (at >= end) return -1
    const first = digitAt(bytes, at)
    if (first < 0) return -1
    const second = at + 1 < end ? digitAt(bytes, at + 1) : -1
    const value = second < 0 ? first : first * 10 + second
    if (value > max) return -1
    set(parts, value)
    return second < 0 ? at + 1 : at + 2
  }

const monthName =
  (names: readonly string[]): Step =>
  (bytes, at, end, parts) => {
    let stop = at
    while (stop < end && ((bytes[stop] as number) | 0x20) >= 0x61 && ((bytes[stop] as number) | 0x20) <= 0x7a) stop++
    const word = Buffer.from(bytes.buffer, bytes.byteOffset + at, stop - at)
      .toString('latin1')
      .toLowerCase()
    const found = names.indexOf(word)
    if (found < 0) return -1
    parts.month = found + 1
    return stop
  }

const STEPS: Readonly<Record<string, Step>> = {
  Y: (bytes, at, end, parts) => {
    const year = digits(bytes, at, end, 4)
    parts.year = year
    return year < 0 ? -1 : at + 4
  },
  y: (bytes, at, end, parts) => {
    const year = digits(bytes, at, end, 2)
    parts.year = year >= 69 ? 1900 + year : 2000 + year
    return year < 0 ? -1 : at + 2
  },
  m: short(12, (parts, value) => {
    parts.month = value
  }),
  d: short(31, (parts, value) => {
    parts.day = value
  }),
  H: short(23, (parts, value) => {
    parts.hour = value
  }),
  I: short(12, (parts, value) => {
    parts.hour = value
  }),
  M: short(59, (parts, value) => {
    parts.minute = value
  }),
  S: short(59, (parts, value) => {
    parts.second = value
  }),
  b: monthName(MONTHS),
  B: monthName(LONG_MONTHS),
  p: (bytes, at, end, parts) => {
    const letter = (bytes[at] as number) | 0x20
    if (at + 2 > end || (letter !== 0x61 && letter !== 0x70) || ((bytes[at + 1] as number) | 0x20) !== 0x6d) return -1
    parts.pm = letter === 0x70 ? 1 : 0
    return at + 2
  },
  f: (bytes, at, end, parts) => {
    let unit = SECOND / 10
    let i = at
    for (; i < end && digitAt(bytes, i) >= 0; i++) {
      if (unit < 1) return -1
      parts.micros += digitAt(bytes, i) * unit
      unit /= 10
    }
    return i === at ? -1 : i
  },
  z: (bytes, at, end, _parts, into) => {
    const stop = zoneAt(bytes, at, end, into)
    return into.zone === null ? -1 : stop
  },
}

export type CompiledFormat = { readonly parse: ParseMoment; readonly hasTime: boolean; readonly hasZone: boolean }

/** Null when the format names an unknown directive or lacks year, month or day. */
export function compileFormat(format: string): CompiledFormat | null {
  const steps: Step[] = []
  const seen = new Set<string>()
  for (let i = 0; i < format.length; i++) {
    const character = format[i] as string
    if (character === '%' && format[i + 1] !== '%') {
      const directive = format[++i] ?? ''
      const step = Object.hasOwn(STEPS, directive) ? STEPS[directive] : undefined
      if (step === undefined) return null
      seen.add(directive)
      steps.push(step)
      continue
    }
    if (character === '%') i++
    for (const byte of Buffer.from(character, 'utf8'))
      steps.push((bytes, at, end) => (at < end && bytes[at] === byte ? at + 1 : -1))
  }
  const has = (...directives: readonly string[]): boolean => directives.some((directive) => seen.has(directive))
  if (!has('Y', 'y') || !has('m', 'b', 'B') || !has('d') || (has('I') && !has('p'))) return null
  const parts: Parts = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0, micros: 0, pm: -1 }
  const parse: ParseMoment = (bytes, at, end, into) => {
    parts.hour = parts.minute = parts.second = parts.micros = 0
    parts.pm = -1
    into.zone = null
    let i = at
    for (const step of steps) {
      i = step(bytes, i, end, parts, into)
      if (i < 0) return false
    }
    const days = i === end ? daysFromCivil(parts.year, parts.month, parts.day) : null
    if (days === null) return false
    if (parts.pm >= 0) {
      if (parts.hour < 1 || parts.hour > 12) return false
      parts.hour = (parts.hour % 12) + parts.pm * 12
    }
    into.days = days
    into.micros = (parts.hour * 3600 + parts.minute * 60 + parts.second) * SECOND + parts.micros
    return true
  }
  return { parse, hasTime: has('H', 'I'), hasZone: has('z') }
}
