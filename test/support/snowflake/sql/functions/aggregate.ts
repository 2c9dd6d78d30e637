/** Aggregates and window functions. */
import type { Call } from '../ast.ts'
import { castTo } from '../bind/cast.ts'
import { numeric } from '../bind/operators.ts'
import { toVariant } from '../bind/to-variant.ts'
import { type Bound, bound } from '../bind/value.ts'
import { ARRAY, BOOLEAN, duckType, FLOAT, number, OBJECT, type SqlType, text } from '../types.ts'
import { asBoolean, asFloat, asInteger, asText, count, type FunctionContext, refuse } from './function.ts'

/** An aggregate before its window: the call in DuckDB's words, what wraps the whole, and its type. */
export type AggregateSql = {
  readonly call: string
  readonly wrap: (sql: string) => string
  readonly type: SqlType
  readonly nullable: boolean
}

/** How the caller writes `DISTINCT`, `ORDER BY` inside the brackets and the filter. */
export type AggregateParts = { readonly distinct: string; readonly order: string }

export type AggregateFunction = {
  readonly least: number
  readonly most: number
  readonly bind: (values: readonly Bound[], parts: AggregateParts, context: FunctionContext) => AggregateSql
  /** Needs OVER. */
  readonly windowOnly?: true
}

const same = (sql: string): string => sql
const answer = (call: string, type: SqlType, wrap: AggregateSql['wrap'] = same, nullable = true): AggregateSql => ({
  call,
  type,
  wrap,
  nullable,
})
const cast = (type: SqlType) => (sql: string) => `CAST(${sql} AS ${duckType(type)})`

const one = (bind: (value: Bound, parts: AggregateParts, context: FunctionContext) => AggregateSql): AggregateFunction => ({
  least: 1,
  most: 1,
  bind: ([value], parts, context) => (value === undefined ? refuse([], context) : bind(value, parts, context)),
})

const extreme = (word: string): AggregateFunction => one((value) => answer(`${word}(${value.sql})`, value.type))

const floats = (word: string): AggregateFunction =>
  one((value, { distinct }, context) => answer(`${word}(${distinct}${asFloat(value, context).sql})`, FLOAT))

const sum = one((value, { distinct }, context) => {
  const source = numeric(value, context)
  if (source.type.kind === 'float') return answer(`sum(${distinct}${source.sql})`, FLOAT)
  const type = number(38, source.type.kind === 'number' ? source.type.scale : 0)
  return answer(`sum(${distinct}CAST(${source.sql} AS ${duckType(type)}))`, type, cast(type))
})

/** Of NUMBER(p,s): exact, with six more digits behind the point (twelve at most, or s). */
const average: AggregateFunction = one((value, { distinct }, context) => {
  const source = numeric(value, context)
  if (source.type.kind !== 'number') return answer(`avg(${distinct}${asFloat(source, context).sql})`, FLOAT)
  const scale = Math.max(source.type.scale, Math.min(source.type.scale + 6, 12))
  const type = number(38, scale)
  return answer(`avg(${distinct}${asFloat(source, context).sql})`, type, cast(type))
})

const flags = (word: string): AggregateFunction =>
  one((value, _, context) => answer(`${word}(${asBoolean(value, context).sql})`, BOOLEAN))

const by = (word: string): AggregateFunction => ({
  least: 2,
  most: 2,
  bind: ([value, order], _, context) =>
    value === undefined || order === undefined ? refuse([], context) : answer(`${word}(${value.sql}, ${order.sql})`, value.type),
})

const ranked = (word: string, type: SqlType = count): AggregateFunction => ({
  least: 0,
  most: 0,
  windowOnly: true,
  bind: () => answer(`${word}()`, type, cast(type), false),
})

const shifted = (word: 'lag' | 'lead'): AggregateFunction => ({
  least: 1,
  most: 3,
  windowOnly: true,
  bind: ([value, by, otherwise], _, context) => {
    if (value === undefined) return refuse([], context)
    const offset = by === undefined ? '1' : asInteger(by, context)
    const fallback = otherwise === undefined ? '' : `, ${castTo(otherwise, value.type, context).sql}`
    return answer(`${word}(${value.sql}, ${offset}${fallback})`, value.type)
  },
})

const edge = (word: string): AggregateFunction => ({
  ...one((value) => answer(`${word}(${value.sql})`, value.type)),
  windowOnly: true,
})

const counted: AggregateFunction = {
  least: 0,
  most: 50,
  bind: (values, { distinct }) => {
    const [first] = values
    if (first === undefined) return answer('count(*)', count, cast(count), false)
    const none = values.map(({ sql }) => `${sql} IS NULL`).join(' OR ')
    const many =
      values.length === 1 ? first.sql : `CASE WHEN ${none} THEN NULL ELSE ROW(${values.map(({ sql }) => sql).join(', ')}) END`
    return answer(`count(${distinct}${many})`, count, cast(count), false)
  },
}

const listed: AggregateFunction = {
  least: 1,
  most: 2,
  bind: ([value, separator], { distinct, order }, context) => {
    if (value === undefined) return refuse([], context)
    const between = separator === undefined ? "''" : asText(separator, context).sql
    return answer(
      `string_agg(${distinct}${asText(value, context).sql}, ${between}${order})`,
      text(),
      (sql) => `coalesce(${sql}, '')`,
      false,
    )
  },
}

export const AGGREGATES: Readonly<Record<string, AggregateFunction>> = {
  COUNT: counted,
  COUNT_IF: one((value, _, context) => answer(`count_if(${asBoolean(value, context).sql})`, count, cast(count), false)),
  SUM: sum,
  AVG: average,
  MIN: extreme('min'),
  MAX: extreme('max'),
  ANY_VALUE: extreme('any_value'),
  MODE: extreme('mode'),
  MEDIAN: floats('median'),
  STDDEV: floats('stddev_samp'),
  STDDEV_SAMP: floats('stddev_samp'),
  STDDEV_POP: floats('stddev_pop'),
  VARIANCE: floats('var_samp'),
  VAR_SAMP: floats('var_samp'),
  VAR_POP: floats('var_pop'),
  APPROX_COUNT_DISTINCT: one((value) => answer(`count(DISTINCT ${value.sql})`, count, cast(count), false)),
  BOOLAND_AGG: flags('bool_and'),
  BOOLOR_AGG: flags('bool_or'),
  MIN_BY: by('arg_min'),
  MAX_BY: by('arg_max'),
  LISTAGG: listed,
  ARRAY_AGG: one((value, { distinct, order }) => {
    const json = toVariant(value).sql
    return answer(`string_agg(${distinct}${json}, ','${order})`, ARRAY, (sql) => `('[' || coalesce(${sql}, '') || ']')`, false)
  }),
  OBJECT_AGG: {
    least: 2,
    most: 2,
    bind: ([key, value], _, context) => {
      if (key === undefined || value === undefined) return refuse([], context)
      const entry = `CAST(to_json(${asText(key, context).sql}) AS VARCHAR) || ':' || ${toVariant(value).sql}`
      return answer(`string_agg(${entry}, ',')`, OBJECT, (sql) => `('{' || coalesce(${sql}, '') || '}')`, false)
    },
  },
  ROW_NUMBER: ranked('row_number'),
  RANK: ranked('rank'),
  DENSE_RANK: ranked('dense_rank'),
  CUME_DIST: ranked('cume_dist', FLOAT),
  PERCENT_RANK: ranked('percent_rank', FLOAT),
  NTILE: {
    ...one((value, _, context) => answer(`ntile(${asInteger(value, context)})`, count, cast(count), false)),
    windowOnly: true,
  },
  LAG: shifted('lag'),
  LEAD: shifted('lead'),
  FIRST_VALUE: edge('first_value'),
  LAST_VALUE: edge('last_value'),
}

export const isAggregate = (call: Call): boolean => Object.hasOwn(AGGREGATES, call.name)
export const boundAggregate = ({ type, nullable }: AggregateSql, sql: string): Bound => ({
  ...bound(sql, type, nullable),
  aggregate: true,
})
