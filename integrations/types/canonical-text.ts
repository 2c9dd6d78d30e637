/**
 * Canonical text of dates, times and bytes, as statistics in the commit log and `reconcile` write them: dates `YYYY-MM-DD`,
 * timestamps `YYYY-MM-DD HH:MM:SS.ffffff`, bytes lower-case hex.
 */
import { civilOfDay } from '../../connectors/calendar.ts'

/** Proleptic Gregorian; years before 1 as ISO-8601 counts them (`0000` is 1 BC), years beyond 9999 with a sign. */
export function dateText(days: number): string {
  const { year, month, day } = civilOfDay(days)
  const digits = String(Math.abs(year)).padStart(4, '0')
  const sign = year < 0 ? '-' : year > 9999 ? '+' : ''
  return `${sign}${digits}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
}

/** Digits of a second's fraction: milli-, micro- or nanoseconds. */
export type FractionDigits = 3 | 6 | 9

const SECONDS_PER_DAY = 86_400n

/**
 * A count of fractions of a second since 1970, in UTC or on the wall, with its full fraction. `separator` is a space in the
 * canonical text, `T` in ISO-8601.
 */
export function timestampText(count: bigint, separator: ' ' | 'T' = ' ', digits: FractionDigits = 6): string {
  const perDay = SECONDS_PER_DAY * 10n ** BigInt(digits)
  const rest = ((count % perDay) + perDay) % perDay
  return `${dateText(Number((count - rest) / perDay))}${separator}${timeText(rest, digits)}`
}

/** Fractions of a second since midnight as `HH:MM:SS.ffffff`. */
export function timeText(count: bigint, digits: FractionDigits = 6): string {
  const pad = (value: bigint, width: number) => value.toString().padStart(width, '0')
  const unit = 10n ** BigInt(digits)
  const seconds = count / unit
  return `${pad(seconds / 3600n, 2)}:${pad((seconds / 60n) % 60n, 2)}:${pad(seconds % 60n, 2)}.${pad(count % unit, digits)}`
}

export function bytesText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
