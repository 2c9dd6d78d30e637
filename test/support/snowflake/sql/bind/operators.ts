/** Types of sums, products and comparisons, and the common type of several values, by Snowflake's rules. */
import type { BinaryOperator } from '../ast.ts'
import { incompatibleTypes, type Place } from '../errors.ts'
import {
  BOOLEAN,
  DATE,
  duckType,
  FLOAT,
  isSemi,
  isTimestamp,
  number,
  type SqlType,
  sameType,
  text,
  timestamp,
  typeText,
  VARIANT,
} from '../types.ts'
import { type CastContext, castTo } from './cast.ts'
import { anyNullable, type Bound, bound } from './value.ts'

/** The type that values of both types can have; throws 001065 when there is none. */
export function commonType(left: SqlType, right: SqlType, at: Place): SqlType {
  if (left.kind === 'null') return right
  if (right.kind === 'null') return left
  if (left.kind === right.kind) return widest(left, right)
  const pair = (a: SqlType['kind'], b: SqlType['kind']) =>
    (left.kind === a && right.kind === b) || (left.kind === b && right.kind === a)
  if (isSemi(left) || isSemi(right)) return VARIANT
  if (pair('number', 'float')) return FLOAT
  if (left.kind === 'text') return right.kind === 'number' ? number(38, Math.max(right.scale, 5)) : right
  if (right.kind === 'text') return left.kind === 'number' ? number(38, Math.max(left.scale, 5)) : left
  if (isTimestamp(left) && isTimestamp(right))
    return left.kind === 'timestamp_ntz' ? right : left.kind === 'timestamp_tz' ? left : right
  if (left.kind === 'date' && isTimestamp(right)) return right
  if (right.kind === 'date' && isTimestamp(left)) return left
  throw incompatibleTypes(typeText(right), typeText(left), at)
}

function widest(left: SqlType, right: SqlType): SqlType {
  if (left.kind === 'number' && right.kind === 'number') {
    const scale = Math.max(left.scale, right.scale)
    const leading = Math.max(left.precision - left.scale, right.precision - right.scale)
    return number(leading + scale, scale)
  }
  if ('length' in left && 'length' in right) return left.length >= right.length ? left : right
  if (left.kind !== 'number' && right.kind !== 'number' && 'scale' in left && 'scale' in right)
    return left.scale >= right.scale ? left : right
  return left
}

export const commonOf = (values: readonly Bound[], at: Place): SqlType =>
  values.reduce<SqlType>((type, value) => commonType(type, value.type, at), { kind: 'null' })

/** All values as their common type. */
export function unified(values: readonly Bound[], context: CastContext): readonly Bound[] {
  const type = commonOf(values, context.at)
  return values.map((value) => (sameType(value.type, type) && value.node === undefined ? value : castTo(value, type, context)))
}

export function compare(operator: BinaryOperator, left: Bound, right: Bound, context: CastContext): Bound {
  const [a = left, b = right] = comparable(left, right, context)
  return bound(`(${a.sql} ${operator} ${b.sql})`, BOOLEAN, anyNullable([left, right]))
}

/** Both as one type in which they compare; a VARIANT goes to the other's type. */
export function comparable(left: Bound, right: Bound, context: CastContext): readonly [Bound, Bound] {
  if (isSemi(left.type) && !isSemi(right.type) && right.type.kind !== 'null')
    return [castTo(left, comparedAs(right.type), context), right]
  if (isSemi(right.type) && !isSemi(left.type) && left.type.kind !== 'null')
    return [left, castTo(right, comparedAs(left.type), context)]
  if (left.type.kind === 'number' && right.type.kind === 'number' && left.node === undefined && right.node === undefined)
    return [left, right]
  const [a = left, b = right] = unified([left, right], context)
  return [a, b]
}

const comparedAs = (type: SqlType): SqlType =>
  type.kind === 'number' ? number(38, Math.max(type.scale, 9)) : type.kind === 'text' ? text() : type

/** `+ - * / %` */
export function arithmetic(operator: '+' | '-' | '*' | '/' | '%', left: Bound, right: Bound, context: CastContext): Bound {
  const dated = dateArithmetic(operator, left, right, context)
  if (dated !== null) return dated
  const [a, b] = [numeric(left, context), numeric(right, context)]
  const nullable = anyNullable([left, right])
  if (a.type.kind === 'float' || b.type.kind === 'float') {
    const [x, y] = [castTo(a, FLOAT, context), castTo(b, FLOAT, context)]
    const sql =
      operator === '/' || operator === '%' ? guarded(y.sql, `(${x.sql} ${operator} ${y.sql})`) : `(${x.sql} ${operator} ${y.sql})`
    return bound(sql, FLOAT, nullable)
  }
  if (a.type.kind !== 'number' || b.type.kind !== 'number')
    throw incompatibleTypes(typeText(b.type), typeText(a.type), context.at)
  const [p, q] = [a.type, b.type]
  const [leadA, leadB] = [p.precision - p.scale, q.precision - q.scale]
  switch (operator) {
    case '+':
    case '-': {
      const scale = Math.max(p.scale, q.scale)
      const type = number(Math.max(leadA, leadB) + scale + 1, scale)
      return bound(`CAST(${widened(a.sql, type)} ${operator} ${widened(b.sql, type)} AS ${duckType(type)})`, type, nullable)
    }
    case '*': {
      const scale = Math.min(p.scale + q.scale, Math.max(p.scale, q.scale, 12))
      const type = number(leadA + leadB + scale, scale)
      return bound(`CAST(${a.sql} * ${b.sql} AS ${duckType(type)})`, type, nullable)
    }
    case '/': {
      const scale = Math.max(p.scale, Math.min(p.scale + 6, 12))
      return bound(divided(a, b, p.scale, q.scale, scale), number(leadA + q.scale + scale, scale), nullable)
    }
    case '%': {
      const scale = Math.max(p.scale, q.scale)
      const type = number(Math.min(Math.max(leadA, leadB), 38) + scale, scale)
      return bound(guarded(b.sql, `CAST(${widened(a.sql, type)} % ${widened(b.sql, type)} AS ${duckType(type)})`), type, nullable)
    }
    default:
      return operator satisfies never
  }
}

const widened = (sql: string, type: SqlType): string => `CAST(${sql} AS ${duckType(type)})`

/** Exact: both as integers of one scale, divided, rounded half away from zero. */
function divided(a: Bound, b: Bound, scaleA: number, scaleB: number, scale: number): string {
  const whole = (sql: string, by: number): string => `CAST(CAST(${sql} AS DECIMAL(38,${by})) * ${power(by)} AS HUGEINT)`
  const raise = scale + scaleB - scaleA
  const over = `(${whole(a.sql, scaleA)} * CAST('1${'0'.repeat(Math.max(raise, 0))}' AS HUGEINT))`
  const quotient = `sf_divide_whole(${over}, ${whole(b.sql, scaleB)})`
  const precision = 38
  return `CAST(CAST(${quotient} AS DECIMAL(38,0)) * ${fraction(scale)} AS DECIMAL(${precision},${scale}))`
}

const power = (by: number): string => `CAST('1${'0'.repeat(by)}' AS DECIMAL(${Math.min(by + 1, 38)},0))`
const fraction = (scale: number): string =>
  scale === 0 ? '1' : `CAST('0.${'0'.repeat(scale - 1)}1' AS DECIMAL(${scale + 1},${scale}))`

const guarded = (divisor: string, sql: string): string => `CASE WHEN ${divisor} = 0 THEN sf_divide_whole(1, 0) ELSE ${sql} END`

/** As a number: text as NUMBER(18,5), booleans refused. */
export function numeric(value: Bound, context: CastContext): Bound {
  if (value.type.kind === 'number' || value.type.kind === 'float') return value
  if (value.type.kind === 'null') return castTo(value, number(38), context)
  if (value.type.kind === 'text') return castTo(value, number(18, 5), context)
  if (isSemi(value.type)) {
    const node = value.node?.kind
    return castTo(value, node === 'integer' ? number(38) : FLOAT, context)
  }
  throw incompatibleTypes(typeText(value.type), 'NUMBER(38,0)', context.at)
}

/** DATE ± days, DATE − DATE. */
function dateArithmetic(operator: string, left: Bound, right: Bound, context: CastContext): Bound | null {
  const nullable = anyNullable([left, right])
  if (operator !== '+' && operator !== '-') return null
  if (left.type.kind === 'date' && right.type.kind === 'date' && operator === '-') {
    return bound(`CAST(date_diff('day', ${right.sql}, ${left.sql}) AS DECIMAL(9,0))`, number(9), nullable)
  }
  if (left.type.kind === 'date' && right.type.kind === 'number') {
    const days = castTo(right, number(9), context)
    return bound(`CAST(${left.sql} ${operator} CAST(${days.sql} AS INTEGER) AS DATE)`, DATE, nullable)
  }
  if (right.type.kind === 'date' && left.type.kind === 'number' && operator === '+')
    return dateArithmetic('+', right, left, context)
  return null
}

/** `value ± INTERVAL '…'`: a date plus hours becomes a timestamp. */
export function withInterval(
  value: Bound,
  operator: '+' | '-',
  interval: { readonly sql: string; readonly clock: boolean },
  at: Place,
): Bound {
  if (value.type.kind !== 'date' && !isTimestamp(value.type))
    throw incompatibleTypes(typeText(value.type), 'TIMESTAMP_NTZ(9)', at)
  const sum = `(${value.sql} ${operator} ${interval.sql})`
  if (value.type.kind === 'date' && !interval.clock) return bound(`CAST(${sum} AS DATE)`, DATE, value.nullable)
  return bound(`CAST(${sum} AS TIMESTAMP)`, value.type.kind === 'date' ? timestamp('timestamp_ntz') : value.type, value.nullable)
}
