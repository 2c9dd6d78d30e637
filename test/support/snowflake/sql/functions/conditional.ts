/** Functions that choose among values. */
import { commonOf, comparable, numeric, unified } from '../bind/operators.ts'
import { anyNullable, type Bound, bound } from '../bind/value.ts'
import { BOOLEAN, duckType } from '../types.ts'
import { asBoolean, between, type FunctionContext, type FunctionTable, fixed, refuse, type ScalarFunction } from './function.ts'

const coalesced: ScalarFunction = between(2, 500, (values, context) => {
  const type = commonOf(values, context.at)
  const all = unified(values, context).map(({ sql }) => sql)
  return bound(
    `coalesce(${all.join(', ')})`,
    type,
    values.every(({ nullable }) => nullable),
  )
})

function chosen(condition: string, yes: Bound, no: Bound, context: FunctionContext): Bound {
  const [a = yes, b = no] = unified([yes, no], context)
  return bound(`CASE WHEN ${condition} THEN ${a.sql} ELSE ${b.sql} END`, a.type, anyNullable([yes, no]))
}

/** DECODE(value, search, result, …, otherwise): NULL equals NULL here. */
const decode: ScalarFunction = between(3, 500, (values, context) => {
  const [value, ...rest] = values
  if (value === undefined) return refuse(values, context)
  const pairs = Math.floor(rest.length / 2)
  const results = [
    ...Array.from({ length: pairs }, (_, index) => rest[index * 2 + 1]),
    ...(rest.length % 2 === 1 ? [rest.at(-1)] : []),
  ]
  const typed = unified(
    results.filter((each) => each !== undefined),
    context,
  )
  const branches = Array.from({ length: pairs }, (_, index) => {
    const [a, b] = comparable(value, rest[index * 2] ?? value, context)
    return `WHEN ${a.sql} IS NOT DISTINCT FROM ${b.sql} THEN ${typed[index]?.sql}`
  })
  const otherwise = rest.length % 2 === 1 ? ` ELSE ${typed.at(-1)?.sql}` : ''
  const [first] = typed
  return first === undefined ? refuse(values, context) : bound(`CASE ${branches.join(' ')}${otherwise} END`, first.type)
})

export const CONDITIONAL_FUNCTIONS: FunctionTable = {
  COALESCE: coalesced,
  NVL: { ...coalesced, most: 2 },
  IFNULL: { ...coalesced, most: 2 },
  NVL2: fixed(3, (values, context) => {
    const [value, yes, no] = values
    return value === undefined || yes === undefined || no === undefined
      ? refuse(values, context)
      : chosen(`${value.sql} IS NOT NULL`, yes, no, context)
  }),
  IFF: fixed(3, (values, context) => {
    const [condition, yes, no] = values
    if (condition === undefined || yes === undefined || no === undefined) return refuse(values, context)
    return chosen(asBoolean(condition, context).sql, yes, no, context)
  }),
  NULLIF: fixed(2, (values, context) => {
    const [value, other] = values
    if (value === undefined || other === undefined) return refuse(values, context)
    const [a, b] = comparable(value, other, context)
    return bound(`CASE WHEN ${a.sql} = ${b.sql} THEN NULL ELSE ${value.sql} END`, value.type)
  }),
  EQUAL_NULL: fixed(2, (values, context) => {
    const [value, other] = values
    if (value === undefined || other === undefined) return refuse(values, context)
    const [a, b] = comparable(value, other, context)
    return bound(`(${a.sql} IS NOT DISTINCT FROM ${b.sql})`, BOOLEAN, false)
  }),
  ZEROIFNULL: fixed(1, ([value], context) => {
    if (value === undefined) return refuse([], context)
    const source = numeric(value, context)
    return bound(`coalesce(${source.sql}, CAST(0 AS ${duckType(source.type)}))`, source.type, false)
  }),
  NULLIFZERO: fixed(1, ([value], context) => {
    if (value === undefined) return refuse([], context)
    const source = numeric(value, context)
    return bound(`CASE WHEN ${source.sql} = 0 THEN NULL ELSE ${source.sql} END`, source.type)
  }),
  DECODE: decode,
}
