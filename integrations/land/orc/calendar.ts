/** Days of the hybrid calendar (Julian before 1582-10-15), in which Hive and old Java writers count, as proleptic days. */

/** 1582-10-15, the first day of the Gregorian calendar, in days since 1970-01-01. */
const CUTOVER = -141_427
const SECONDS_PER_DAY = 86_400

/** The proleptic Gregorian day that has the same year, month and day of month. 29 February of a year without one: 1 March. */
export function prolepticDays(hybrid: number): number {
  if (hybrid >= CUTOVER) return hybrid
  // Julian day number to year, month, day (Richards 2013), with years from March.
  const shifted = hybrid + 2_440_588 + 32_082
  const year = Math.floor((4 * shifted + 3) / 1461)
  const dayOfYear = shifted - Math.floor((1461 * year) / 4)
  const month = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * month + 2) / 5)
  // Back to days by the Gregorian rule: the same year and month, counted from 1 March of the year -4800.
  const gregorian =
    day +
    Math.floor((153 * month + 2) / 5) +
    365 * year +
    Math.floor(year / 4) -
    Math.floor(year / 100) +
    Math.floor(year / 400) -
    32_044
  return gregorian - 2_440_588
}

/** The same for seconds since 1970 of a wall clock. */
export function prolepticSeconds(hybrid: number): number {
  if (hybrid >= CUTOVER * SECONDS_PER_DAY) return hybrid
  const day = Math.floor(hybrid / SECONDS_PER_DAY)
  return hybrid + (prolepticDays(day) - day) * SECONDS_PER_DAY
}
