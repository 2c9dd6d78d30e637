/** Functions of dates, times and timestamps. The session's zone is UTC; other zones only in CONVERT_TIMEZONE. */
import { castTo } from '../bind/cast.ts'
import { anyNullable, type Bound, bound, quoted } from '../bind/value.ts'
import { invalidParameter } from '../errors.ts'
import { DATE, isSemi, isTimestamp, number, type SqlType, text, time, timestamp } from '../types.ts'
import {
  asInteger,
  asText,
  between,
  constantText,
  type FunctionContext,
  type FunctionTable,
  fixed,
  refuse,
  type ScalarFunction,
} from './function.ts'
import { duckFormat, timestampText } from './time-format.ts'

const PARTS: Readonly<Record<string, string>> = {
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
function partOf(value: Bound | undefined, values: readonly Bound[], context: FunctionContext): string {
  const part = PARTS[constantText(value, values, context).toUpperCase()]
  if (part === undefined)
    throw invalidParameter(`'${value?.constant}' is not a valid date/time component for function ${context.name}`)
  return part
}

/** Text is taken for a timestamp where a date or time is wanted; what is no moment is refused. */
function moment(value: Bound, context: FunctionContext): Bound {
  const { kind } = value.type
  if (kind === 'text' || isSemi(value.type) || kind === 'null') return castTo(value, timestamp('timestamp_ntz'), context)
  return kind === 'date' || kind === 'time' || isTimestamp(value.type) ? value : refuse([value], context)
}

/** The same for functions of days, which a time of day has not. */
function dated(value: Bound, context: FunctionContext): Bound {
  const source = moment(value, context)
  return source.type.kind === 'time' ? refuse([value], context) : source
}

/** A moment that has the part. */
const withPart = (value: Bound, part: string, context: FunctionContext): Bound =>
  SMALL.has(part) ? moment(value, context) : dated(value, context)

const SMALL = new Set(['hour', 'minute', 'second', 'millisecond', 'microsecond'])
const STEPS: Readonly<Record<string, string>> = {
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

const dateAdd: ScalarFunction = fixed(3, (values, context) => {
  const [unit, amount, value] = values
  if (amount === undefined || value === undefined) return refuse(values, context)
  const part = partOf(unit, values, context)
  const source = withPart(value, part, context)
  const count = asInteger(amount, context)
  const steps =
    part === 'quarter'
      ? `to_months(CAST(${count} * 3 AS INTEGER))`
      : `${STEPS[part]}(${SMALL.has(part) ? count : `CAST(${count} AS INTEGER)`})`
  const sum = `(${source.sql} + ${steps})`
  const nullable = anyNullable([amount, value])
  if (source.type.kind === 'date' && !SMALL.has(part)) return bound(`CAST(${sum} AS DATE)`, DATE, nullable)
  if (source.type.kind === 'time') return bound(`CAST(${sum} AS TIME)`, source.type, nullable)
  return bound(`CAST(${sum} AS TIMESTAMP)`, source.type.kind === 'date' ? timestamp('timestamp_ntz') : source.type, nullable)
})

/** Boundaries crossed, as Snowflake counts. */
const dateDiff: ScalarFunction = fixed(3, (values, context) => {
  const [unit, from, to] = values
  if (from === undefined || to === undefined) return refuse(values, context)
  const part = partOf(unit, values, context)
  const [a, b] = [withPart(from, part, context), withPart(to, part, context)]
  if ((a.type.kind === 'time') !== (b.type.kind === 'time')) return refuse(values, context)
  const stamp = (value: Bound) => (value.type.kind === 'time' ? value.sql : `CAST(${value.sql} AS TIMESTAMP)`)
  return bound(`CAST(date_diff('${part}', ${stamp(a)}, ${stamp(b)}) AS DECIMAL(18,0))`, number(9), anyNullable([from, to]))
})

const dateTrunc: ScalarFunction = fixed(2, (values, context) => {
  const [first, second] = values
  const [unit, value] =
    first?.constant !== undefined && PARTS[(first.constant ?? '').toUpperCase()] !== undefined ? [first, second] : [second, first]
  if (value === undefined) return refuse(values, context)
  const part = partOf(unit, values, context)
  const source = withPart(value, part, context)
  if (source.type.kind === 'time') {
    return bound(`CAST(date_trunc('${part}', DATE '1970-01-01' + ${source.sql}) AS TIME)`, source.type, value.nullable)
  }
  const sql = `date_trunc('${part}', ${source.sql})`
  return source.type.kind === 'date'
    ? bound(`CAST(${sql} AS DATE)`, DATE, value.nullable)
    : bound(`CAST(${sql} AS TIMESTAMP)`, source.type, value.nullable)
})

const EXTRACTS: Readonly<Record<string, string>> = {
  DAYOFWEEK: 'dayofweek',
  DOW: 'dayofweek',
  WEEKDAY: 'dayofweek',
  DAYOFWEEKISO: 'isodow',
  DAYOFWEEK_ISO: 'isodow',
  DAYOFYEAR: 'dayofyear',
  DOY: 'dayofyear',
  WEEKISO: 'week',
  WEEK_ISO: 'week',
  YEAROFWEEK: 'isoyear',
  YEAROFWEEKISO: 'isoyear',
  DAYOFMONTH: 'day',
  WEEKOFYEAR: 'week',
}

function extracted(part: string, value: Bound, context: FunctionContext): Bound {
  const source = withPart(value, part, context)
  const digits = number(part === 'year' || part === 'isoyear' ? 4 : 2)
  const second = part === 'second' ? `floor(date_part('second', ${source.sql}))` : `date_part('${part}', ${source.sql})`
  return bound(`CAST(${second} AS DECIMAL(4,0))`, part === 'dayofyear' ? number(3) : digits, value.nullable)
}

const EPOCHS: Readonly<Record<string, string>> = {
  EPOCH: '1000000',
  EPOCH_SECOND: '1000000',
  EPOCH_SECONDS: '1000000',
  EPOCH_MILLISECOND: '1000',
  EPOCH_MILLISECONDS: '1000',
  EPOCH_MICROSECOND: '1',
  EPOCH_MICROSECONDS: '1',
}

const datePart: ScalarFunction = fixed(2, (values, context) => {
  const [unit, value] = values
  if (value === undefined) return refuse(values, context)
  const word = constantText(unit, values, context).toUpperCase()
  const source = EPOCHS[word] === undefined && !word.startsWith('EPOCH') ? moment(value, context) : dated(value, context)
  const micros = EPOCHS[word]
  if (micros !== undefined) {
    // A quotient of doubles would round what is near the year 9999.
    const whole = `epoch_us(CAST(${source.sql} AS TIMESTAMP))`
    const floored = `(${whole} - ((${whole} % ${micros}) + ${micros}) % ${micros}) // ${micros}`
    return bound(`CAST(${floored} AS DECIMAL(38,0))`, number(18), value.nullable)
  }
  if (word === 'EPOCH_NANOSECOND' || word === 'EPOCH_NANOSECONDS') {
    return bound(
      `CAST(CAST(epoch_us(CAST(${source.sql} AS TIMESTAMP)) AS HUGEINT) * 1000 AS DECIMAL(38,0))`,
      number(38),
      value.nullable,
    )
  }
  if (word === 'NANOSECOND' || word === 'NS') {
    return bound(`CAST((date_part('microsecond', ${source.sql}) % 1000000) * 1000 AS DECIMAL(9,0))`, number(9), value.nullable)
  }
  return extracted(EXTRACTS[word] ?? partOf(unit, values, context), value, context)
})

const part = (name: string): ScalarFunction =>
  fixed(1, ([value], context) => (value === undefined ? refuse([], context) : extracted(name, value, context)))

/** TO_TIMESTAMP_…(value [, scale or format]): a number is a count of units of that scale since 1970. */
const toTimestamp = (kind: 'timestamp_ntz' | 'timestamp_ltz' | 'timestamp_tz', attempt: boolean): ScalarFunction =>
  between(1, 2, (values, context) => {
    const [value, second] = values
    if (value === undefined) return refuse(values, context)
    const type = timestamp(kind)
    if (value.type.kind === 'number') {
      const scale = Number(second?.constant ?? 0)
      if (!Number.isInteger(scale) || scale < 0 || scale > 9) return refuse(values, context)
      const whole = `CAST(${value.sql} AS HUGEINT)`
      const micros = scale <= 6 ? `${whole} * 1${'0'.repeat(6 - scale)}` : `${whole} // 1${'0'.repeat(scale - 6)}`
      const fraction =
        value.type.scale > 0 && scale === 0 ? `CAST(CAST(${value.sql} AS DECIMAL(38,9)) * 1000000 AS HUGEINT)` : micros
      return bound(`make_timestamp(CAST(${fraction} AS BIGINT))`, type, value.nullable)
    }
    if (second !== undefined && second.type.kind === 'text') return parsed(value, second, type, attempt, values, context)
    return castTo(value, type, { ...context, attempt })
  })

function parsed(
  value: Bound,
  format: Bound,
  type: SqlType,
  attempt: boolean,
  values: readonly Bound[],
  context: FunctionContext,
): Bound {
  const words = constantText(format, values, context)
  if (words.toUpperCase() === 'AUTO') return castTo(value, type, { ...context, attempt })
  const pattern = quoted(duckFormat(words).replace('%f000', '%n').replace('%g', '%g'))
  const sql = `${attempt ? 'try_strptime' : 'strptime'}(${asText(value, context).sql}, ${pattern})`
  const target = type.kind === 'date' ? 'DATE' : type.kind === 'time' ? 'TIME' : 'TIMESTAMP'
  return bound(`CAST(${sql} AS ${target})`, type, value.nullable || attempt)
}

const toDate = (attempt: boolean): ScalarFunction =>
  between(1, 2, (values, context) => {
    const [value, format] = values
    if (value === undefined) return refuse(values, context)
    if (format !== undefined && value.type.kind === 'text') return parsed(value, format, DATE, attempt, values, context)
    return castTo(value, DATE, { ...context, attempt })
  })

const toTime = (attempt: boolean): ScalarFunction =>
  between(1, 2, (values, context) => {
    const [value, format] = values
    if (value === undefined) return refuse(values, context)
    if (format !== undefined && value.type.kind === 'text') return parsed(value, format, time(), attempt, values, context)
    return castTo(value, time(), { ...context, attempt })
  })

const toVarchar: ScalarFunction = between(1, 2, (values, context) => {
  const [value, format] = values
  if (value === undefined) return refuse(values, context)
  if (format === undefined) return castTo(value, text(), context)
  const words = constantText(format, values, context)
  if (value.type.kind === 'binary') {
    const how = words.toUpperCase()
    if (how === 'HEX') return castTo(value, text(), context)
    if (how === 'UTF-8' || how === 'UTF8') return bound(`decode(${value.sql})`, text(), value.nullable)
    if (how === 'BASE64') return bound(`to_base64(${value.sql})`, text(), value.nullable)
    return refuse(values, context)
  }
  if (value.type.kind === 'date' || value.type.kind === 'time' || isTimestamp(value.type)) {
    return bound(timestampText(value, words), text(), value.nullable)
  }
  if (value.type.kind === 'number' && value.type.scale === 0 && /^(TM9|FM)?[90]*$/i.test(words))
    return castTo(value, text(), context)
  return refuse(values, context)
})

/** CONVERT_TIMEZONE(to, value) and CONVERT_TIMEZONE(from, to, ntz). */
const convertTimezone: ScalarFunction = between(2, 3, (values, context) => {
  const [first, second, third] = values
  if (first === undefined || second === undefined) return refuse(values, context)
  const zone = (value: Bound) => quoted(constantText(value, values, context))
  if (third !== undefined) {
    const source = castTo(third, timestamp('timestamp_ntz'), context)
    return bound(`timezone(${zone(second)}, timezone(${zone(first)}, ${source.sql}))`, timestamp('timestamp_ntz'), third.nullable)
  }
  const source = dated(second, context)
  const utc = constantText(first, values, context).toUpperCase() === 'UTC'
  if (!utc && source.type.kind !== 'timestamp_ntz')
    return bound(`timezone(${zone(first)}, timezone('UTC', ${source.sql}))`, timestamp('timestamp_ntz'), second.nullable)
  if (!utc) return bound(`timezone(${zone(first)}, timezone('UTC', ${source.sql}))`, timestamp('timestamp_ntz'), second.nullable)
  return bound(`CAST(${source.sql} AS TIMESTAMP)`, timestamp('timestamp_tz'), second.nullable)
})

const current = (type: SqlType, sql: (now: string) => string): ScalarFunction =>
  between(0, 1, (_, { now }) => bound(sql(`TIMESTAMP '${now.toISOString().replace('T', ' ').replace('Z', '')}'`), type, false))

const stamps = Object.fromEntries(
  (
    [
      ['TO_TIMESTAMP', 'timestamp_ntz'],
      ['TO_TIMESTAMP_NTZ', 'timestamp_ntz'],
      ['TO_TIMESTAMP_LTZ', 'timestamp_ltz'],
      ['TO_TIMESTAMP_TZ', 'timestamp_tz'],
    ] as const
  ).flatMap(([name, kind]) => [
    [name, toTimestamp(kind, false)],
    [`TRY_${name}`, toTimestamp(kind, true)],
  ]),
)

const LTZ = timestamp('timestamp_ltz')

export const TIME_FUNCTIONS: FunctionTable = {
  ...stamps,
  TO_DATE: toDate(false),
  DATE: toDate(false),
  TRY_TO_DATE: toDate(true),
  TO_TIME: toTime(false),
  TRY_TO_TIME: toTime(true),
  TO_VARCHAR: toVarchar,
  TO_CHAR: toVarchar,
  CONVERT_TIMEZONE: convertTimezone,
  DATEADD: dateAdd,
  TIMEADD: dateAdd,
  TIMESTAMPADD: dateAdd,
  DATEDIFF: dateDiff,
  TIMEDIFF: dateDiff,
  TIMESTAMPDIFF: dateDiff,
  DATE_TRUNC: dateTrunc,
  TRUNC_DATE: dateTrunc,
  DATE_PART: datePart,
  YEAR: part('year'),
  QUARTER: part('quarter'),
  MONTH: part('month'),
  WEEK: part('week'),
  WEEKOFYEAR: part('week'),
  WEEKISO: part('week'),
  DAY: part('day'),
  DAYOFMONTH: part('day'),
  DAYOFWEEK: part('dayofweek'),
  DAYOFWEEKISO: part('isodow'),
  DAYOFYEAR: part('dayofyear'),
  HOUR: part('hour'),
  MINUTE: part('minute'),
  SECOND: part('second'),
  LAST_DAY: fixed(1, ([value], context) =>
    value === undefined
      ? refuse([], context)
      : bound(`last_day(CAST(${dated(value, context).sql} AS DATE))`, DATE, value.nullable),
  ),
  ADD_MONTHS: fixed(2, (values, context) => {
    const [value, months] = values
    if (value === undefined || months === undefined) return refuse(values, context)
    const source = dated(value, context)
    const shift = (sql: string) =>
      `CAST(${sql} + to_months(CAST(${asInteger(months, context)} AS INTEGER)) AS ${source.type.kind === 'date' ? 'DATE' : 'TIMESTAMP'})`
    // The last day of a month stays the last day.
    const sql = `CASE WHEN last_day(CAST(${source.sql} AS DATE)) = CAST(${source.sql} AS DATE) AND ${source.type.kind === 'date'} THEN last_day(CAST(${shift(source.sql)} AS DATE)) ELSE ${shift(source.sql)} END`
    return bound(sql, source.type, anyNullable(values))
  }),
  MONTHNAME: fixed(1, ([value], context) =>
    value === undefined ? refuse([], context) : bound(`strftime(${dated(value, context).sql}, '%b')`, text(3), value.nullable),
  ),
  DAYNAME: fixed(1, ([value], context) =>
    value === undefined ? refuse([], context) : bound(`strftime(${dated(value, context).sql}, '%a')`, text(3), value.nullable),
  ),
  DATE_FROM_PARTS: fixed(3, (values, context) => {
    const [year = '', month = '', day = ''] = values.map((value) => asInteger(value, context))
    return bound(`make_date(${year}, ${month}, ${day})`, DATE, anyNullable(values))
  }),
  TIMESTAMP_NTZ_FROM_PARTS: between(6, 7, (values, context) => {
    const [year, month, day, hour, minute, second, nanos = '0'] = values.map((value) => asInteger(value, context))
    const sql = `make_timestamp(${year}, ${month}, ${day}, ${hour}, ${minute}, ${second} + ${nanos} / 1000000000.0)`
    return bound(sql, timestamp('timestamp_ntz'), anyNullable(values))
  }),
  CURRENT_DATE: current(DATE, (now) => `CAST(${now} AS DATE)`),
  CURRENT_TIME: current(time(), (now) => `CAST(${now} AS TIME)`),
  LOCALTIME: current(time(), (now) => `CAST(${now} AS TIME)`),
  CURRENT_TIMESTAMP: current(LTZ, (now) => now),
  LOCALTIMESTAMP: current(LTZ, (now) => now),
  GETDATE: current(LTZ, (now) => now),
  SYSTIMESTAMP: current(LTZ, (now) => now),
  SYSDATE: current(timestamp('timestamp_ntz'), (now) => now),
}

/** Functions whose first argument is a unit, which may stand there as a word. */
export const UNIT_FUNCTIONS: ReadonlySet<string> = new Set(
  'DATEADD TIMEADD TIMESTAMPADD DATEDIFF TIMEDIFF TIMESTAMPDIFF DATE_TRUNC DATE_PART'.split(' '),
)

const INTERVAL = /^\s*(-?\d+)\s+([a-z]+)\s*$/i

/** `'1 day, 2 hours'` as DuckDB's sum of intervals; `clock` = finer than a day. */
export function intervalOf(words: string): { readonly sql: string; readonly clock: boolean } {
  const parts = words.split(',').map((each) => {
    const found = INTERVAL.exec(each)
    const unit = PARTS[(found?.[2] ?? '').toUpperCase()]
    if (found === null || unit === undefined) throw invalidParameter(`invalid interval literal '${words}'`)
    const count = unit === 'quarter' ? Number(found[1]) * 3 : Number(found[1])
    return { sql: `${unit === 'quarter' ? 'to_months' : STEPS[unit]}(${count})`, clock: SMALL.has(unit) }
  })
  return { sql: `(${parts.map(({ sql }) => sql).join(' + ')})`, clock: parts.some(({ clock }) => clock) }
}
