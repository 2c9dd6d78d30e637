/** Units of time, and what counts as a moment. */
import { castTo } from '../bind/cast.ts'
import type { Bound } from '../bind/value.ts'
import { invalidParameter } from '../errors.ts'
import { isSemi, isTimestamp, timestamp } from '../types.ts'
import { constantText, type FunctionContext, refuse } from './function.ts'

export const PARTS: Readonly<Record<string, string>> = {
  YEAR: 'year',
  YEARS: 'year',
  YY: 'year',
  YYYY: 'year',
  Y: 'year',
  QUARTER: 'quarter',
  QUARTERS: 'quarter',
  Q: 'quarter',
  QTR: 'quarter',
  MONTH: 'month',
  MONTHS: 'month',
  MM: 'month',
  MON: 'month',
  WEEK: 'week',
  WEEKS: 'week',
  W: 'week',
  WK: 'week',
  DAY: 'day',
  DAYS: 'day',
  D: 'day',
  DD: 'day',
  HOUR: 'hour',
  HOURS: 'hour',
  H: 'hour',
  HH: 'hour',
  MINUTE: 'minute',
  MINUTES: 'minute',
  MI: 'minute',
  MIN: 'minute',
  SECOND: 'second',
  SECONDS: 'second',
  S: 'second',
  SEC: 'second',
  MILLISECOND: 'millisecond',
  MILLISECONDS: 'millisecond',
  MS: 'millisecond',
  MICROSECOND: 'microsecond',
  MICROSECONDS: 'microsecond',
  US: 'microsecond',
}

/** A unit comes as a word or as a string; the binder makes a string of the word. */
export function partOf(value: Bound | undefined, values: readonly Bound[], context: FunctionContext): string {
  const part = PARTS[constantText(value, values, context).toUpperCase()]
  if (part === undefined)
    throw invalidParameter(`'${value?.constant}' is not a valid date/time component for function ${context.name}`)
  return part
}

/** Text is taken for a timestamp where a date or time is wanted; what is no moment is refused. */
export function moment(value: Bound, context: FunctionContext): Bound {
  const { kind } = value.type
  if (kind === 'text' || isSemi(value.type) || kind === 'null') return castTo(value, timestamp('timestamp_ntz'), context)
  return kind === 'date' || kind === 'time' || isTimestamp(value.type) ? value : refuse([value], context)
}

/** The same for functions of days, which a time of day has not. */
export function dated(value: Bound, context: FunctionContext): Bound {
  const source = moment(value, context)
  return source.type.kind === 'time' ? refuse([value], context) : source
}

/** A moment that has the part. */
export const withPart = (value: Bound, part: string, context: FunctionContext): Bound =>
  SMALL.has(part) ? moment(value, context) : dated(value, context)

export const SMALL = new Set(['hour', 'minute', 'second', 'millisecond', 'microsecond'])
export const STEPS: Readonly<Record<string, string>> = {
  year: 'to_years',
  quarter: 'to_quarters',
  month: 'to_months',
  week: 'to_weeks',
  day: 'to_days',
  hour: 'to_hours',
  minute: 'to_minutes',
  second: 'to_seconds',
  millisecond: 'to_milliseconds',
  microsecond: 'to_microseconds',
}
