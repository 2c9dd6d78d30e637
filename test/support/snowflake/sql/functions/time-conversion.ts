/** TO_DATE, TO_TIMESTAMP_…, TO_VARCHAR, CONVERT_TIMEZONE and their like. */
import { castTo } from '../bind/cast.ts'
import { type Bound, bound, quoted } from '../bind/value.ts'
import { DATE, isTimestamp, type SqlType, text, time, timestamp } from '../types.ts'
import {
  asText,
  between,
  constantText,
  type FunctionContext,
  type FunctionTable,
  refuse,
  type ScalarFunction,
} from './function.ts'
import { dated } from './moment.ts'
import { duckFormat, timestampText } from './time-format.ts'

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

export const TIME_CONVERSIONS: FunctionTable = {
  ...stamps,
  TO_DATE: toDate(false),
  DATE: toDate(false),
  TRY_TO_DATE: toDate(true),
  TO_TIME: toTime(false),
  TRY_TO_TIME: toTime(true),
  TO_VARCHAR: toVarchar,
  TO_CHAR: toVarchar,
  CONVERT_TIMEZONE: convertTimezone,
}
