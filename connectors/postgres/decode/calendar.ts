/** Proleptic Gregorian dates by day numbers, without JavaScript's Date, which loses microseconds. */

/** Postgres counts from 2000-01-01. */
export const POSTGRES_EPOCH_DAYS = 10_957
export const POSTGRES_EPOCH_US = 946_684_800_000_000n
export const DAY_US = 86_400_000_000

/** 0001-01-01 and 10000-01-01 as days and microseconds since 1970: what every engine holds lies in [first, end). */
export const FIRST_DAY = -719_162
export const END_DAY = 2_932_897
export const FIRST_US = BigInt(FIRST_DAY) * 86_400_000_000n
export const END_US = BigInt(END_DAY) * 86_400_000_000n

export type CivilDate = { readonly year: number; readonly month: number; readonly day: number }

/** Days since 1970 → date; year 0 is 1 BC. (Algorithm: H. Hinnant, "chrono-compatible low-level date algorithms".) */
export function civilOfDay(days: number): CivilDate {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day }
}

/** Inverse of `civilOfDay`. */
export function dayOfCivil(year: number, month: number, day: number): number {
  const shiftedYear = month <= 2 ? year - 1 : year
  const era = Math.floor(shiftedYear / 400)
  const yearOfEra = shiftedYear - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

/** UTC day of a moment. */
export function dayOfMicros(micros: bigint): number {
  const day = micros / 86_400_000_000n
  return Number(micros < day * 86_400_000_000n ? day - 1n : day)
}

/** `YYYY-MM-DD`; years above 9999 keep all digits; meant for years from 1 on. */
export function isoDate(days: number): string {
  const { year, month, day } = civilOfDay(days)
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`
}

export const pad = (value: number, digits: number): string => String(value).padStart(digits, '0')
