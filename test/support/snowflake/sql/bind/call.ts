/** Calls of scalar functions, aggregates and windows. */
import type { Call, Expression, OrderItem, WindowFrame } from '../ast.ts'
import { syntaxError, unknownFunction, wrongArguments } from '../errors.ts'
import { AGGREGATES, type AggregateFunction, boundAggregate } from '../functions/aggregate.ts'
import type { FunctionContext } from '../functions/function.ts'
import { SCALAR_FUNCTIONS } from '../functions/scalar.ts'
import { UNIT_FUNCTIONS } from '../functions/time.ts'
import { FLOAT, text } from '../types.ts'
import { castTo } from './cast.ts'
import { bindExpression, bindRaw } from './expression.ts'
import type { Scope } from './scope.ts'
import { type Bound, bound } from './value.ts'

export function bindCall(call: Call, scope: Scope): Bound {
  const context: FunctionContext = {
    at: call.at,
    formats: scope.context.formats,
    name: call.name,
    now: scope.context.now,
    sessionValue: (name) => scope.context.sessionValue(name),
  }
  if (call.named.size > 0) throw wrongArguments(call.name, 'no named arguments', call.at)
  const aggregate = Object.hasOwn(AGGREGATES, call.name) ? AGGREGATES[call.name] : undefined
  if (aggregate !== undefined) return bindAggregate(call, aggregate, scope, context)
  if (call.name === 'PERCENTILE_CONT' || call.name === 'PERCENTILE_DISC') return percentile(call, scope, context)
  const found = Object.hasOwn(SCALAR_FUNCTIONS, call.name) ? SCALAR_FUNCTIONS[call.name] : undefined
  if (found === undefined) throw unknownFunction(call.name)
  if (call.distinct || call.over !== null || call.within !== null || call.ignoreNulls)
    throw syntaxError({ raw: call.name, ...call.at })
  checkCount(call, found.least, found.most)
  const values = call.arguments.map((argument, index) =>
    isUnit(call, argument, index)
      ? unitText(argument)
      : found.raw === true
        ? bindRaw(argument, scope)
        : bindExpression(argument, scope),
  )
  const value = found.bind(values, context)
  return values.some(({ aggregate: inner }) => inner) ? { ...value, aggregate: true } : value
}

function checkCount(call: Call, least: number, most: number): void {
  const { length } = call.arguments
  if (length < least || length > most)
    throw wrongArguments(call.name, least === most ? String(least) : `${least} to ${most}`, call.at)
}

/** `DATEADD(day, …)`: the unit stands there as a word. DATE_TRUNC takes it in the second place too. */
const isUnit = (call: Call, argument: Expression, index: number): boolean =>
  UNIT_FUNCTIONS.has(call.name) &&
  index === 0 &&
  argument.kind === 'name' &&
  argument.parts.length === 1 &&
  argument.parts[0]?.quoted === false

function unitText(argument: Expression): Bound {
  const word = argument.kind === 'name' ? (argument.parts[0]?.text ?? '') : ''
  return { ...bound(`'${word.replaceAll("'", "''")}'`, text(), false), constant: word }
}

function bindAggregate(call: Call, aggregate: AggregateFunction, scope: Scope, context: FunctionContext): Bound {
  const star = call.arguments.length === 1 && call.arguments[0]?.kind === 'star'
  if (star && call.name !== 'COUNT') throw syntaxError({ raw: '*', ...call.at })
  if (call.name === 'COUNT' && call.arguments.length === 0) throw wrongArguments(call.name, '1', call.at)
  if (!star) checkCount(call, aggregate.least, aggregate.most)
  if (aggregate.windowOnly && call.over === null) throw syntaxError({ raw: call.name, ...call.at })
  const values = star ? [] : call.arguments.map((argument) => bindExpression(argument, scope))
  const order = call.within === null ? '' : ` ORDER BY ${orderSql(call.within, scope)}`
  const parts = { distinct: call.distinct ? 'DISTINCT ' : '', order }
  const made = aggregate.bind(values, parts, context)
  if (call.over === null) return boundAggregate(made, made.wrap(made.call))
  const inner = call.ignoreNulls ? `${made.call.slice(0, -1)} IGNORE NULLS)` : made.call
  return bound(made.wrap(`${inner} OVER (${windowSql(call.over, scope)})`), made.type, made.nullable)
}

function percentile(call: Call, scope: Scope, context: FunctionContext): Bound {
  const [fraction] = call.arguments
  const [item] = call.within ?? []
  if (fraction === undefined || item === undefined || call.over !== null) throw wrongArguments(call.name, '1', call.at)
  const value = castTo(bindExpression(item.value, scope), FLOAT, context)
  const share = bindExpression(fraction, scope).sql
  const word = call.name === 'PERCENTILE_CONT' ? 'quantile_cont' : 'quantile_disc'
  const sql = `${word}(${value.sql}, ${item.descending ? `1 - ${share}` : share})`
  return { ...bound(sql, FLOAT), aggregate: true }
}

function windowSql({ partition, order, frame }: WindowFrame, scope: Scope): string {
  const parts = [
    ...(partition.length > 0 ? [`PARTITION BY ${partition.map((value) => bindExpression(value, scope).sql).join(', ')}`] : []),
    ...(order.length > 0 ? [`ORDER BY ${orderSql(order, scope)}`] : []),
    ...(frame === null ? [] : [frame]),
  ]
  return parts.join(' ')
}

export const orderSql = (items: readonly OrderItem[], scope: Scope): string =>
  items.map((item) => `${bindExpression(item.value, scope).sql} ${direction(item)}`).join(', ')

/** NULL is the greatest value unless the statement says otherwise. */
export const direction = ({ descending, nullsFirst }: Pick<OrderItem, 'descending' | 'nullsFirst'>): string =>
  `${descending ? 'DESC' : 'ASC'} NULLS ${(nullsFirst ?? descending) ? 'FIRST' : 'LAST'}`
