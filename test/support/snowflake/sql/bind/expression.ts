/** Expressions to DuckDB's text with Snowflake's types. */
import type { Call, Expression } from '../ast.ts'
import { invalidParameter, syntaxError } from '../errors.ts'
import { nodeStep, variantOf } from '../external/file-node.ts'
import { intervalOf } from '../functions/time.ts'
import { ARRAY, BOOLEAN, isSemi, number, OBJECT, type SqlType, text, VARIANT } from '../types.ts'
import { bindBinding } from './binding.ts'
import { bindCall } from './call.ts'
import { type CastContext, castTo } from './cast.ts'
import { arithmetic, commonOf, commonType, comparable, compare, unified, withInterval } from './operators.ts'
import { bindQuery } from './query.ts'
import { emptyScope, findColumn, type Scope, unknownColumn } from './scope.ts'
import { toVariant } from './to-variant.ts'
import { anyNullable, type Bound, bound, quoted } from './value.ts'

/** The expression; a VARIANT out of a file is given as ordinary VARIANT. */
export const bindExpression = (expression: Expression, scope: Scope): Bound => variantOf(bindRaw(expression, scope))

/** The expression with what is known of files' types. */
export function bindRaw(expression: Expression, scope: Scope): Bound {
  const context: CastContext = { at: expression.at, formats: scope.context.formats }
  const inner = (value: Expression): Bound => bindExpression(value, scope)
  switch (expression.kind) {
    case 'string':
      return { ...bound(quoted(expression.text), text(Math.max(expression.text.length, 1)), false), constant: expression.text }
    case 'number':
      return numberLiteral(expression.text)
    case 'boolean':
      return bound(String(expression.value), BOOLEAN, false)
    case 'null':
      return { ...bound('NULL', { kind: 'null' }), constant: null }
    case 'binding':
      return bindBinding(scope.context.bindings, expression.index, expression.at)
    case 'name':
      return bindName(expression, scope)
    case 'path':
      return bindPath(expression.base, expression.steps, scope)
    case 'cast':
      return castTo(bindRaw(expression.value, scope), expression.type, { ...context, attempt: expression.attempt })
    case 'unary':
      return bindUnary(expression.operator, inner(expression.value), context)
    case 'binary':
      return bindBinary(expression, scope, context)
    case 'is': {
      const value = bindRaw(expression.value, scope)
      const sql = expression.what === 'null' ? value.sql : castTo(value, BOOLEAN, context).sql
      return bound(`(${sql} IS ${expression.negated ? 'NOT ' : ''}${expression.what.toUpperCase()})`, BOOLEAN, false)
    }
    case 'distinct': {
      const [a, b] = comparable(inner(expression.left), inner(expression.right), context)
      return bound(`(${a.sql} IS ${expression.negated ? 'NOT ' : ''}DISTINCT FROM ${b.sql})`, BOOLEAN, false)
    }
    case 'in':
      return bindIn(expression, scope, context)
    case 'in-query': {
      const query = bindQuery(expression.query, emptyScope(scope.context, scope))
      const values = expression.value.kind === 'tuple' ? expression.value.items.map(inner) : [inner(expression.value)]
      if (values.length !== query.columns.length) throw invalidParameter('subquery has a different number of columns')
      const types = values.map((value, index) =>
        commonType(value.type, query.columns[index]?.value.type ?? value.type, expression.at),
      )
      const left = values.map((value, index) => castTo(value, types[index] ?? value.type, context).sql)
      const right = query.columns.map(
        ({ value }, index) => castTo({ ...value, sql: `i.c${index}` }, types[index] ?? value.type, context).sql,
      )
      const row = left.length === 1 ? left[0] : `(${left.join(', ')})`
      const sql = `(${row} ${expression.negated ? 'NOT ' : ''}IN (SELECT ${right.join(', ')} FROM (${query.sql}) i))`
      return bound(sql, BOOLEAN, anyNullable(values))
    }
    case 'between': {
      const value = inner(expression.value)
      const [low, high] = [inner(expression.low), inner(expression.high)]
      const sql = `(${compare('>=', value, low, context).sql} AND ${compare('<=', value, high, context).sql})`
      return bound(expression.negated ? `(NOT ${sql})` : sql, BOOLEAN, anyNullable([value, low, high]))
    }
    case 'like':
      return bindLike(expression, scope, context)
    case 'case':
      return bindCase(expression, scope, context)
    case 'call':
      return bindCall(expression, scope)
    case 'exists':
      return bound(`EXISTS (${bindQuery(expression.query, emptyScope(scope.context, scope)).sql})`, BOOLEAN, false)
    case 'subquery': {
      const { sql, columns } = bindQuery(expression.query, emptyScope(scope.context, scope))
      const [only] = columns
      if (only === undefined || columns.length > 1) throw invalidParameter('a subquery that is a value has one column')
      return bound(`(${sql})`, only.value.type)
    }
    case 'array':
      return bound(
        `('[' || concat_ws(',', ${[...expression.items.map((item) => json(inner(item))), "''"].slice(0, Math.max(expression.items.length, 1)).join(', ')}) || ']')`,
        ARRAY,
        false,
      )
    case 'object': {
      const entries = expression.entries.map(
        ({ key, value }) => `${quoted(`${JSON.stringify(key)}:`)} || ${toVariant(inner(value)).sql}`,
      )
      return bound(`('{' || concat_ws(',', ${entries.length === 0 ? "''" : entries.join(', ')}) || '}')`, OBJECT, false)
    }
    case 'star':
    case 'tuple':
    case 'interval':
      throw syntaxError({
        raw: expression.kind === 'star' ? '*' : expression.kind === 'tuple' ? '(' : 'INTERVAL',
        ...expression.at,
      })
    default:
      return expression satisfies never
  }
}

const json = (value: Bound): string => `coalesce(${toVariant(value).sql}, 'null')`

/** `12` is NUMBER(2,0), `1.50` NUMBER(3,2), `1e3` NUMBER too; beyond 38 digits a FLOAT. */
function numberLiteral(words: string): Bound {
  const found = /^(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(words)
  const [whole = '', fraction = '', exponent] = [found?.[1], found?.[2], found?.[3]]
  if (exponent !== undefined) return { ...bound(`CAST('${words}' AS DOUBLE)`, { kind: 'float' }, false), constant: words }
  const leading = whole.replace(/^0+/, '').length
  const precision = Math.max(leading + fraction.length, 1)
  if (precision > 38) return { ...bound(`CAST('${words}' AS DOUBLE)`, { kind: 'float' }, false), constant: words }
  const type = number(precision, fraction.length)
  return { ...bound(`CAST('${words}' AS DECIMAL(${precision},${fraction.length}))`, type, false), constant: words }
}

function bindName(expression: Extract<Expression, { kind: 'name' }>, scope: Scope): Bound {
  const { parts } = expression
  for (let at: Scope | null = scope; at !== null; at = at.parent) {
    const found = findColumn(at, parts)
    if (found !== null) return found
    const [only] = parts
    const alias = parts.length === 1 && only !== undefined ? at.aliases.get(only.text) : undefined
    if (alias !== undefined && only !== undefined) {
      // An alias means its expression; inside that, the alias itself means nothing.
      const aliases = new Map(at.aliases)
      aliases.delete(only.text)
      return bindRaw(alias, { ...at, aliases })
    }
  }
  throw unknownColumn(parts)
}

/** `value:a.b[0]`: a typed path where the file's types are known, JSON otherwise. */
function bindPath(base: Expression, steps: readonly (string | Expression)[], scope: Scope): Bound {
  let value = bindRaw(base, scope)
  if (!isSemi(value.type)) throw invalidParameter('a path needs a VARIANT, OBJECT or ARRAY')
  let path = ''
  const flush = () => {
    if (path !== '') value = bound(`CAST(json_extract(${value.sql}, ${quoted(`$${path}`)}) AS VARCHAR)`, VARIANT)
    path = ''
  }
  for (const step of steps) {
    const key = typeof step === 'string' ? step : indexOf(step, scope)
    if (value.node !== undefined && (typeof key === 'string' || typeof key === 'number')) {
      const next = nodeStep(value.node, value.sql, key)
      value = next === null ? bound('CAST(NULL AS VARCHAR)', VARIANT) : { ...bound(next.sql, VARIANT), node: next.node }
      continue
    }
    value = variantOf(value)
    if (typeof key === 'string') path += `.${JSON.stringify(key)}`
    else if (typeof key === 'number') path += `[${key}]`
    else {
      flush()
      const step_ =
        key.type.kind === 'text' ? `'$.' || CAST(to_json(${key.sql}) AS VARCHAR)` : `'$[' || CAST(${key.sql} AS BIGINT) || ']'`
      value = bound(`CAST(json_extract(${value.sql}, ${step_}) AS VARCHAR)`, VARIANT)
    }
  }
  flush()
  return value
}

function indexOf(step: Expression, scope: Scope): string | number | Bound {
  if (step.kind === 'string') return step.text
  if (step.kind === 'number' && /^\d+$/.test(step.text)) return Number(step.text)
  return bindExpression(step, scope)
}

function bindUnary(operator: '-' | '+' | 'not', value: Bound, context: CastContext): Bound {
  if (operator === 'not') return bound(`(NOT ${castTo(value, BOOLEAN, context).sql})`, BOOLEAN, value.nullable)
  if (operator === '+') return value
  if (typeof value.constant === 'string' && value.type.kind === 'number') {
    return { ...bound(`(-${value.sql})`, value.type, false), constant: `-${value.constant}` }
  }
  const zero = bound('CAST(0 AS DECIMAL(1,0))', number(1), false)
  return { ...arithmetic('-', zero, value, context), type: negatedType(value.type, arithmetic('-', zero, value, context).type) }
}

const negatedType = (type: SqlType, otherwise: SqlType): SqlType => (type.kind === 'number' ? otherwise : type)

function bindBinary(expression: Extract<Expression, { kind: 'binary' }>, scope: Scope, context: CastContext): Bound {
  const { operator } = expression
  if ((operator === '+' || operator === '-') && expression.right.kind === 'interval') {
    return withInterval(bindExpression(expression.left, scope), operator, intervalOf(expression.right.text), expression.at)
  }
  const [left, right] = [bindExpression(expression.left, scope), bindExpression(expression.right, scope)]
  switch (operator) {
    case 'and':
    case 'or': {
      const [a, b] = [castTo(left, BOOLEAN, context), castTo(right, BOOLEAN, context)]
      return bound(`(${a.sql} ${operator.toUpperCase()} ${b.sql})`, BOOLEAN, anyNullable([left, right]))
    }
    case '=':
    case '<>':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return compare(operator, left, right, context)
    case '||': {
      const joined = bindCall(callOf('CONCAT', [expression.left, expression.right], expression), scope)
      // Formats may be put together: dbt's catalogue does.
      const literal = expression.left.kind === 'string' && expression.right.kind === 'string'
      return literal ? { ...joined, constant: `${left.constant}${right.constant}` } : joined
    }
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
      return arithmetic(operator, left, right, context)
    default:
      return operator satisfies never
  }
}

export const callOf = (name: string, values: readonly Expression[], { at }: Pick<Expression, 'at'>): Call => ({
  kind: 'call',
  name,
  arguments: values,
  named: new Map(),
  distinct: false,
  within: null,
  ignoreNulls: false,
  over: null,
  at,
})

function bindIn(expression: Extract<Expression, { kind: 'in' }>, scope: Scope, context: CastContext): Bound {
  const word = expression.negated ? 'NOT IN' : 'IN'
  if (expression.value.kind === 'tuple') {
    const row = (value: Expression) => {
      if (value.kind !== 'tuple') throw invalidParameter('a row is compared with rows')
      return `(${value.items.map((item) => bindExpression(item, scope).sql).join(', ')})`
    }
    return bound(`(${row(expression.value)} ${word} (${expression.list.map(row).join(', ')}))`, BOOLEAN)
  }
  const value = bindExpression(expression.value, scope)
  const items = expression.list.map((item) => bindExpression(item, scope))
  // A VARIANT is compared as what the list holds.
  const [left] = comparable(value, bound('NULL', commonOf(items, expression.at)), context)
  const [first = left, ...rest] = unified([left, ...items], context)
  return bound(`(${first.sql} ${word} (${rest.map(({ sql }) => sql).join(', ')}))`, BOOLEAN, anyNullable([value, ...items]))
}

function bindLike(expression: Extract<Expression, { kind: 'like' }>, scope: Scope, context: CastContext): Bound {
  const [value, pattern] = [expression.value, expression.pattern].map((each) =>
    castTo(bindExpression(each, scope), text(), context),
  )
  if (value === undefined || pattern === undefined) throw unknownColumn([])
  const nullable = anyNullable([value, pattern])
  const negated = expression.negated ? 'NOT ' : ''
  if (expression.operator === 'rlike')
    return bound(`(${negated}regexp_full_match(${value.sql}, ${pattern.sql}))`, BOOLEAN, nullable)
  const escape_ = expression.escape === null ? '' : ` ESCAPE ${quoted(expression.escape)}`
  return bound(`(${value.sql} ${negated}${expression.operator.toUpperCase()} ${pattern.sql}${escape_})`, BOOLEAN, nullable)
}

function bindCase(expression: Extract<Expression, { kind: 'case' }>, scope: Scope, context: CastContext): Bound {
  const operand = expression.operand === null ? null : bindRaw(expression.operand, scope)
  const otherwise = expression.otherwise === null ? null : bindRaw(expression.otherwise, scope)
  if (operand?.typeOf !== undefined) return caseOfType(expression, operand.typeOf, otherwise, scope, context)
  const conditions = expression.branches.map(({ when }) => {
    const condition = bindExpression(when, scope)
    return operand === null ? castTo(condition, BOOLEAN, context).sql : compare('=', variantOf(operand), condition, context).sql
  })
  const results = expression.branches.map(({ result }) => bindRaw(result, scope))
  const all = unified(otherwise === null ? results : [...results, otherwise], context)
  const type = commonOf(otherwise === null ? results : [...results, otherwise], expression.at)
  const branches = conditions.map((condition, index) => `WHEN ${condition} THEN ${all[index]?.sql}`)
  const last = otherwise === null ? '' : ` ELSE ${all.at(-1)?.sql}`
  const value = bound(`CASE ${branches.join(' ')}${last} END`, type, otherwise === null || anyNullable(all))
  return value
}

/** `CASE TYPEOF(file's value) …`: the file's type says which branch it is, for every row that has a value. */
function caseOfType(
  expression: Extract<Expression, { kind: 'case' }>,
  { answer, sql }: NonNullable<Bound['typeOf']>,
  otherwise: Bound | null,
  scope: Scope,
  context: CastContext,
): Bound {
  const results = expression.branches.map(({ result }) => bindRaw(result, scope))
  const type = commonOf(otherwise === null ? results : [...results, otherwise], expression.at)
  const chosen = expression.branches.findIndex(({ when }) => bindExpression(when, scope).constant === answer)
  const none = bound('NULL', { kind: 'null' })
  const [yes, no] = [results[chosen] ?? otherwise ?? none, otherwise ?? none].map((value) => castTo(value, type, context).sql)
  return bound(yes === no ? `${yes}` : `CASE WHEN ${sql} IS NULL THEN ${no} ELSE ${yes} END`, type)
}
