/**
 * Canonical text of single values, as statistics in the commit log and `reconcile` write them: integers plain, decimals with
 * exactly their scale, booleans `t`/`f`, dates `YYYY-MM-DD`, timestamps `YYYY-MM-DD HH:MM:SS.ffffff`, bytes lower-case hex.
 */

/** `scale` digits behind the point, always. */
export function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const sign = unscaled < 0n ? '-' : ''
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** Proleptic Gregorian; years before 1 as ISO-8601 counts them (`0000` is 1 BC), years beyond 9999 with a sign. */
export function dateText(days: number): string {
  // Eras of 400 years, counted from 1 March of the year 0.
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
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
