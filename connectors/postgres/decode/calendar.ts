/** Where PostgreSQL's dates begin, where those of every engine end, and days of moments. */
import { civilOfDay } from '../../calendar.ts'

/** Postgres counts from 2000-01-01. */
export const POSTGRES_EPOCH_DAYS = 10_957
export const POSTGRES_EPOCH_US = 946_684_800_000_000n
export const DAY_US = 86_400_000_000

/** 0001-01-01 and 10000-01-01 as days and microseconds since 1970: what every engine holds lies in [first, end). */
export const FIRST_DAY = -719_162
export const END_DAY = 2_932_897
export const FIRST_US = BigInt(FIRST_DAY) * 86_400_000_000n
export const END_US = BigInt(END_DAY) * 86_400_000_000n

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
