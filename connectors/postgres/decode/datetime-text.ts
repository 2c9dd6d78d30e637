/** Dates, times and intervals in Postgres's own spelling (`DateStyle` ISO, `TimeZone` UTC, `IntervalStyle` iso_8601). */
import { civilOfDay } from '../../calendar.ts'
import { DAY_US, POSTGRES_EPOCH_DAYS, pad } from './calendar.ts'

const DATE_INFINITY = 0x7fff_ffff
const DATE_MINUS_INFINITY = -0x8000_0000
const INFINITY_64 = 0x7fff_ffff_ffff_ffffn
const MINUS_INFINITY_64 = -0x8000_0000_0000_0000n
const DAY = 86_400_000_000n

/** Days since 2000 as on the wire. */
export function dateText(days: number): string {
  if (days === DATE_INFINITY) return 'infinity'
  if (days === DATE_MINUS_INFINITY) return '-infinity'
  const { year, month, day } = civilOfDay(days + POSTGRES_EPOCH_DAYS)
  const civil = `${pad(year > 0 ? year : 1 - year, 4)}-${pad(month, 2)}-${pad(day, 2)}`
  return year > 0 ? civil : `${civil} BC`
}

/** Microseconds since 2000 as on the wire; `zone` is appended before an era (`+00` for timestamptz). */
export function timestampText(micros: bigint, zone: '' | '+00'): string {
  if (micros === INFINITY_64) return 'infinity'
  if (micros === MINUS_INFINITY_64) return '-infinity'
  let days = micros / DAY
  if (days * DAY > micros) days--
  const time = timeText(Number(micros - days * DAY))
  const date = dateText(Number(days))
  return date.endsWith(' BC') ? `${date.slice(0, -3)} ${time}${zone} BC` : `${date} ${time}${zone}`
}

/** Microseconds of a day, 24:00:00 included; no trailing zeros in the fraction. */
export function timeText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000)
  return `${clock(seconds)}${fractionText(micros - seconds * 1_000_000)}`
}

/** Always six digits of fraction: the canonical rendering of `time`. */
export function fixedTimeText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000)
  return `${clock(seconds)}.${pad(micros - seconds * 1_000_000, 6)}`
}

/** `zone`: seconds west of UTC, as on the wire. */
export function timetzText(micros: number, zone: number): string {
  return timeText(micros) + zoneText(-zone)
}

const clock = (seconds: number): string =>
  `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}`

const fractionText = (micros: number): string => (micros === 0 ? '' : `.${pad(micros, 6).replace(/0+$/, '')}`)

function zoneText(east: number): string {
  const total = Math.abs(east)
  const hours = Math.floor(total / 3600)
  const minutes = Math.floor(total / 60) % 60
  const seconds = total % 60
  const tail = seconds !== 0 ? `:${pad(minutes, 2)}:${pad(seconds, 2)}` : minutes !== 0 ? `:${pad(minutes, 2)}` : ''
  return `${east < 0 ? '-' : '+'}${pad(hours, 2)}${tail}`
}

const INTERVAL_LIMIT = 0x7fff_ffff

/** As `EncodeInterval` prints for INTSTYLE_ISO_8601: each part with its own sign, `PT0S` for nothing. */
export function intervalText(micros: bigint, days: number, months: number): string {
  // PostgreSQL 17: all three fields at their limits stand for infinity.
  if (micros === INFINITY_64 && days === INTERVAL_LIMIT && months === INTERVAL_LIMIT) return 'infinity'
  if (micros === MINUS_INFINITY_64 && days === -INTERVAL_LIMIT - 1 && months === -INTERVAL_LIMIT - 1) return '-infinity'
  const part = (value: bigint | number, unit: string) => (BigInt(value) === 0n ? '' : `${value}${unit}`)
  const date = part(Math.trunc(months / 12), 'Y') + part(months % 12, 'M') + part(days, 'D')
  const rest = micros % 60_000_000n
  const negative = rest < 0n
  const magnitude = Number(negative ? -rest : rest)
  const seconds =
    magnitude === 0 ? '' : `${negative ? '-' : ''}${Math.floor(magnitude / 1_000_000)}${fractionText(magnitude % 1_000_000)}S`
  const time = part(micros / 3_600_000_000n, 'H') + part((micros / 60_000_000n) % 60n, 'M') + seconds
  if (date === '' && time === '') return 'PT0S'
  return time === '' ? `P${date}` : `P${date}T${time}`
}

/** Microseconds of a `time` text `HH:MM:SS[.f]`; -1 when it is none. */
export function parseTime(text: string): number {
  const match = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/.exec(text)
  if (match === null) return -1
  const [, hours, minutes, seconds, fraction = ''] = match
  return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1_000_000 + Number(fraction.padEnd(6, '0'))
}

export const isEndOfDay = (micros: number): boolean => micros >= DAY_US

/** As `to_json` spells a date or timestamp, from Postgres's text of it. */
export function xsdText(text: string): string {
  return text
    .replace(/^(\d+-\d\d-\d\d) (\d)/, '$1T$2')
    .replace(/([+-]\d\d)( BC)?$/, (_, zone: string, era = '') => (text.includes(':') ? `${zone}:00${era}` : `${zone}${era}`))
}
