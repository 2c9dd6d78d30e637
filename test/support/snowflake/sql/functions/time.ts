/** Functions of dates, times and timestamps. The session's zone is UTC; other zones only in CONVERT_TIMEZONE. */
import { anyNullable, type Bound, bound } from '../bind/value.ts'
import { invalidParameter } from '../errors.ts'
import { DATE, number, type SqlType, text, time, timestamp } from '../types.ts'
import {
  asInteger,
  between,
  constantText,
  type FunctionContext,
  type FunctionTable,
  fixed,
  refuse,
  type ScalarFunction,
} from './function.ts'
import { dated, moment, PARTS, partOf, SMALL, STEPS, withPart } from './moment.ts'

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

const current = (type: SqlType, sql: (now: string) => string): ScalarFunction =>
  between(0, 1, (_, { now }) => bound(sql(`TIMESTAMP '${now.toISOString().replace('T', ' ').replace('Z', '')}'`), type, false))

const LTZ = timestamp('timestamp_ltz')

export const TIME_FUNCTIONS: FunctionTable = {
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
