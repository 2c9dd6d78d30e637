/** Functions of numbers. */
import { castTo } from '../bind/cast.ts'
import { arithmetic, commonOf, numeric, unified } from '../bind/operators.ts'
import { anyNullable, type Bound, bound, failure } from '../bind/value.ts'
import { invalidParameter } from '../errors.ts'
import { BOOLEAN, duckType, FLOAT, number, type SqlType } from '../types.ts'
import {
  asFloat,
  asInteger,
  asText,
  between,
  type FunctionContext,
  type FunctionTable,
  fixed,
  refuse,
  type ScalarFunction,
} from './function.ts'

const floatOf = (word: string): ScalarFunction =>
  fixed(1, ([value], context) =>
    value === undefined ? refuse([], context) : bound(`${word}(${asFloat(value, context).sql})`, FLOAT, value.nullable),
  )

/** ROUND, TRUNC, CEIL, FLOOR of the value at a scale; NUMBER stays NUMBER. */
const rounded = (word: 'round' | 'trunc' | 'ceil' | 'floor'): ScalarFunction =>
  between(1, 2, (values, context) => {
    const [value, digits] = values
    if (value === undefined) return refuse(values, context)
    const source = numeric(value, context)
    const places = digits === undefined ? 0 : Number(digits.constant ?? Number.NaN)
    if (source.type.kind !== 'number') {
      const by = digits === undefined ? null : asInteger(digits, context)
      if (by === null) return bound(`${word}(${asFloat(source, context).sql})`, FLOAT, anyNullable(values))
      return bound(`(${word}(${asFloat(source, context).sql} * power(10, ${by})) / power(10, ${by}))`, FLOAT, anyNullable(values))
    }
    if (!Number.isInteger(places)) return refuse(values, context)
    return roundedNumber(word, source, source.type, places, anyNullable(values))
  })

function roundedNumber(
  word: string,
  value: Bound,
  type: Extract<SqlType, { kind: 'number' }>,
  places: number,
  nullable: boolean,
): Bound {
  const scale = Math.max(Math.min(places, type.scale), 0)
  const result = number(type.precision - type.scale + scale + (word === 'trunc' ? 0 : 1), scale)
  if (places >= type.scale) return bound(castDecimal(value.sql, result), result, nullable)
  if (places < 0) {
    const unit = `CAST(1${'0'.repeat(Math.min(-places, 37))} AS HUGEINT)`
    const whole = `CAST(trunc(${value.sql}) AS HUGEINT)`
    const sql = word === 'round' ? `sf_divide_whole(${whole}, ${unit}) * ${unit}` : `(${whole} // ${unit}) * ${unit}`
    return bound(`CAST(${sql} AS ${duckType(result)})`, result, nullable)
  }
  if (word === 'round') return bound(castDecimal(value.sql, result), result, nullable)
  const cut = `(${value.sql} - ${value.sql} % CAST(${scale === 0 ? '1' : `0.${'0'.repeat(scale - 1)}1`} AS DECIMAL(${type.precision},${type.scale})))`
  const step = `CAST(${scale === 0 ? '1' : `0.${'0'.repeat(scale - 1)}1`} AS ${duckType(result)})`
  const base = castDecimal(cut, result)
  if (word === 'trunc') return bound(base, result, nullable)
  const beyond = word === 'ceil' ? `${value.sql} > ${cut}` : `${value.sql} < ${cut}`
  return bound(
    `CAST(CASE WHEN ${beyond} THEN ${base} ${word === 'ceil' ? '+' : '-'} ${step} ELSE ${base} END AS ${duckType(result)})`,
    result,
    nullable,
  )
}

const castDecimal = (sql: string, type: SqlType): string => `CAST(${sql} AS ${duckType(type)})`

/** NULL as soon as one value is. */
const extreme = (word: 'greatest' | 'least'): ScalarFunction =>
  between(1, 500, (values, context) => {
    const all = unified(values, context)
    const type = commonOf(values, context.at)
    const none = values.map(({ sql }) => `${sql} IS NULL`).join(' OR ')
    return bound(
      `CASE WHEN ${none} THEN NULL ELSE ${word}(${all.map(({ sql }) => sql).join(', ')}) END`,
      type,
      anyNullable(values),
    )
  })

const divide0 = (nullToo: boolean): ScalarFunction =>
  fixed(2, (values, context) => {
    const [a, b] = values
    if (a === undefined || b === undefined) return refuse(values, context)
    const divisor = numeric(b, context)
    const safe = arithmetic(
      '/',
      a,
      bound(`CASE WHEN ${divisor.sql} = 0 THEN NULL ELSE ${divisor.sql} END`, divisor.type),
      context,
    )
    const zero = nullToo ? `${divisor.sql} = 0 OR ${divisor.sql} IS NULL` : `${divisor.sql} = 0`
    return bound(`CASE WHEN ${zero} THEN CAST(0 AS ${duckType(safe.type)}) ELSE ${safe.sql} END`, safe.type)
  })

/**
 * TO_NUMBER(value [, format] [, precision [, scale]]). Of formats: `X…X`, hexadecimal digits of at most that many, and digits of
 * `9`, `0`, `.`, which only say how long the text may be.
 */
const toNumber = (attempt: boolean): ScalarFunction =>
  between(1, 4, (values, context) => {
    const [value, ...rest] = values
    if (value === undefined) return refuse(values, context)
    const format = rest[0]?.type.kind === 'text' ? rest[0].constant : null
    const sizes = (rest[0]?.type.kind === 'text' ? rest.slice(1) : rest).map(({ constant }) => Number(constant ?? Number.NaN))
    if (sizes.some((size) => !Number.isInteger(size)) || sizes.length > 2) return refuse(values, context)
    const [precision = 38, scale = 0] = sizes
    if (precision < 1 || precision > 38 || scale > Math.min(precision, 37))
      throw invalidParameter(`invalid value [${precision}] for parameter 'PRECISION'`)
    const type = number(precision, scale)
    if (typeof format === 'string' && /^X+$/i.test(format)) return hexNumber(value, format.length, type, attempt, context)
    if (typeof format === 'string' && !/^[90.,SMI$]+$/i.test(format)) return refuse(values, context)
    return castTo(value.type.kind === 'number' || value.type.kind === 'float' ? value : value, type, { ...context, attempt })
  })

function hexNumber(value: Bound, digits: number, type: SqlType, attempt: boolean, context: FunctionContext): Bound {
  if (digits > 31) throw invalidParameter(`invalid format for a hexadecimal number of ${digits} digits`)
  const source = asText(value, context).sql
  const low = `CAST(CAST('0x' || lpad(right(${source}, 15), 15, '0') AS BIGINT) AS HUGEINT)`
  const high = `CASE WHEN length(${source}) > 15 THEN CAST(CAST('0x' || left(${source}, length(${source}) - 15) AS HUGEINT) AS HUGEINT) * 1152921504606846976 ELSE 0 END`
  const wrong = attempt
    ? 'NULL'
    : `CAST(${failure('100140', '22007', "Can't parse '", source, `' as number with format '${'X'.repeat(digits)}'`)} AS ${duckType(type)})`
  const sum = digits <= 15 ? low : `(${high} + ${low})`
  const sql = `CASE WHEN ${source} IS NULL THEN NULL WHEN regexp_full_match(${source}, '[0-9a-fA-F]{1,${digits}}') THEN CAST(${sum} AS ${duckType(type)}) ELSE ${wrong} END`
  return bound(sql, type, value.nullable || attempt)
}

const bits = (operator: string): ScalarFunction =>
  fixed(2, (values, context) => {
    const [a, b] = values
    if (a === undefined || b === undefined) return refuse(values, context)
    return bound(
      `CAST((${asInteger(a, context)} ${operator} ${asInteger(b, context)}) AS DECIMAL(38,0))`,
      number(38),
      anyNullable(values),
    )
  })

const toDouble = (attempt: boolean): ScalarFunction =>
  fixed(1, ([value], context) => (value === undefined ? refuse([], context) : castTo(value, FLOAT, { ...context, attempt })))

const toBoolean = (attempt: boolean): ScalarFunction =>
  fixed(1, ([value], context) => (value === undefined ? refuse([], context) : castTo(value, BOOLEAN, { ...context, attempt })))

const named = Object.fromEntries(
  ['TO_NUMBER', 'TO_DECIMAL', 'TO_NUMERIC'].flatMap((name) => [
    [name, toNumber(false)],
    [`TRY_${name}`, toNumber(true)],
  ]),
)

export const NUMERIC_FUNCTIONS: FunctionTable = {
  ...named,
  TO_DOUBLE: toDouble(false),
  TRY_TO_DOUBLE: toDouble(true),
  TO_BOOLEAN: toBoolean(false),
  TRY_TO_BOOLEAN: toBoolean(true),
  ABS: fixed(1, ([value], context) => {
    if (value === undefined) return refuse([], context)
    const source = numeric(value, context)
    return bound(`CAST(abs(${source.sql}) AS ${duckType(source.type)})`, source.type, value.nullable)
  }),
  SIGN: fixed(1, ([value], context) =>
    value === undefined
      ? refuse([], context)
      : bound(`CAST(sign(${numeric(value, context).sql}) AS DECIMAL(1,0))`, number(1), value.nullable),
  ),
  ROUND: rounded('round'),
  TRUNC: rounded('trunc'),
  TRUNCATE: rounded('trunc'),
  CEIL: rounded('ceil'),
  FLOOR: rounded('floor'),
  MOD: fixed(2, (values, context) => {
    const [a, b] = values
    return a === undefined || b === undefined ? refuse(values, context) : arithmetic('%', a, b, context)
  }),
  SQRT: floatOf('sqrt'),
  EXP: floatOf('exp'),
  LN: floatOf('ln'),
  SQUARE: fixed(1, ([value], context) =>
    value === undefined ? refuse([], context) : bound(`power(${asFloat(value, context).sql}, 2)`, FLOAT, value.nullable),
  ),
  POWER: fixed(2, (values, context) =>
    bound(`power(${values.map((value) => asFloat(value, context).sql).join(', ')})`, FLOAT, anyNullable(values)),
  ),
  POW: fixed(2, (values, context) =>
    bound(`power(${values.map((value) => asFloat(value, context).sql).join(', ')})`, FLOAT, anyNullable(values)),
  ),
  LOG: fixed(2, (values, context) => {
    const [base = '', value = ''] = values.map((each) => asFloat(each, context).sql)
    return bound(`(ln(${value}) / ln(${base}))`, FLOAT, anyNullable(values))
  }),
  GREATEST: extreme('greatest'),
  LEAST: extreme('least'),
  DIV0: divide0(false),
  DIV0NULL: divide0(true),
  BITAND: bits('&'),
  BITOR: bits('|'),
  BITSHIFTLEFT: bits('<<'),
  BITSHIFTRIGHT: bits('>>'),
  RANDOM: fixed(0, () => bound('CAST(hash(uuid()) // 2 AS DECIMAL(19,0))', number(19), false)),
}
