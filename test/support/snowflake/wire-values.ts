/** The form of every value in a JSON result, so that a mistake of the SQL side is loud instead of a strange number in a driver. */
import type { ResultColumn, WireType, WireValue } from './engine.ts'

const SECONDS = '-?\\d+(\\.\\d{1,9})?'

const FORMS: Readonly<Record<WireType, RegExp>> = {
  fixed: /^-?\d{1,38}(\.\d{1,37})?$/,
  real: /^(-?\d+(\.\d+)?([eE][+-]?\d+)?|NaN|-?inf)$/,
  text: /^/,
  boolean: /^[01]$/,
  /** Days since 1970-01-01. */
  date: /^-?\d+$/,
  /** Seconds since midnight. */
  time: /^\d{1,5}(\.\d{1,9})?$/,
  /** Seconds since 1970-01-01 of the wall clock. */
  timestamp_ntz: new RegExp(`^${SECONDS}$`),
  timestamp_ltz: new RegExp(`^${SECONDS}$`),
  /** Seconds since 1970-01-01 in UTC, and minutes of the offset + 1440. */
  timestamp_tz: new RegExp(`^${SECONDS} \\d{1,4}$`),
  binary: /^([0-9A-F]{2})*$/,
  variant: /^[\s\S]/,
  object: /^\{[\s\S]*\}$/,
  array: /^\[[\s\S]*\]$/,
}

/** Null when the row is as JSON results have it; else what is wrong, without the value. */
export function rowDefect(columns: readonly ResultColumn[], row: readonly WireValue[]): string | null {
  if (row.length !== columns.length) return `a row has ${row.length} values, and the result ${columns.length} columns`
  for (const [index, column] of columns.entries()) {
    const value = row[index]
    if (value === null || value === undefined) {
      if (value === undefined || !column.nullable) return `column "${column.name}" is NOT NULL and has no value`
    } else if (!FORMS[column.type].test(value) || !scaleHolds(column, value)) {
      return `column "${column.name}" of type ${column.type} has a value in another form`
    }
  }
  return null
}

/** Exactly `scale` digits behind the point; none, and no point, at scale 0. */
function scaleHolds({ type, scale }: ResultColumn, value: string): boolean {
  if (type !== 'fixed') return true
  const [, fraction = ''] = value.split('.')
  return fraction.length === (scale ?? 0)
}
