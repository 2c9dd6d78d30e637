/** Expressions by precedence: or, and, not, comparisons, concatenation and sums, products, signs, casts and paths. */
import type { BinaryOperator, Expression, Name, OrderItem, WindowFrame } from '../ast.ts'
import type { Place } from '../errors.ts'
import { type Cursor, isReserved } from './cursor.ts'
import { parseQuery } from './query.ts'
import { typeName } from './type-name.ts'

export function parseExpression(cursor: Cursor): Expression {
  return leftToRight(cursor, conjunction, () => (cursor.accept('OR') ? 'or' : null))
}

const conjunction = (cursor: Cursor): Expression => leftToRight(cursor, negation, () => (cursor.accept('AND') ? 'and' : null))

function negation(cursor: Cursor): Expression {
  const at = cursor.place
  if (cursor.accept('NOT')) return { kind: 'unary', operator: 'not', value: negation(cursor), at }
  return comparison(cursor)
}

const COMPARISONS: Readonly<Record<string, BinaryOperator>> = {
  '=': '=',
  '<>': '<>',
  '!=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
}

function comparison(cursor: Cursor): Expression {
  let left = sum(cursor)
  for (;;) {
    const at = cursor.place
    const operator = cursor.peek().kind === 'operator' ? COMPARISONS[cursor.peek().text] : undefined
    if (operator !== undefined) {
      cursor.take()
      left = { kind: 'binary', operator, left, right: sum(cursor), at }
      continue
    }
    const next = predicate(cursor, left, at)
    if (next === null) return left
    left = next
  }
}

/** IS, IN, BETWEEN, LIKE and their negations; null when none follows. */
function predicate(cursor: Cursor, value: Expression, at: Place): Expression | null {
  if (cursor.accept('IS')) {
    const negated = cursor.accept('NOT')
    if (cursor.accept('DISTINCT')) {
      cursor.expect('FROM')
      return { kind: 'distinct', left: value, right: sum(cursor), negated, at }
    }
    const what = cursor.oneOf('NULL', 'TRUE', 'FALSE')
    return { kind: 'is', value, what: what === 'NULL' ? 'null' : what === 'TRUE' ? 'true' : 'false', negated, at }
  }
  const negated = cursor.sees('NOT')
  const word = cursor.peek(negated ? 1 : 0)
  if (word.kind !== 'word' || !['IN', 'BETWEEN', 'LIKE', 'ILIKE', 'RLIKE', 'REGEXP'].includes(word.text)) return null
  if (negated) cursor.take()
  cursor.take()
  if (word.text === 'IN') {
    cursor.expectOperator('(')
    if (cursor.sees('SELECT') || cursor.sees('WITH')) {
      const query = parseQuery(cursor)
      cursor.expectOperator(')')
      return { kind: 'in-query', value, query, negated, at }
    }
    const list = cursor.series(() => parseExpression(cursor))
    cursor.expectOperator(')')
    return { kind: 'in', value, list, negated, at }
  }
  if (word.text === 'BETWEEN') {
    const low = sum(cursor)
    cursor.expect('AND')
    return { kind: 'between', value, low, high: sum(cursor), negated, at }
  }
  const operator = word.text === 'LIKE' ? 'like' : word.text === 'ILIKE' ? 'ilike' : 'rlike'
  const pattern = sum(cursor)
  const escaped = operator !== 'rlike' && cursor.accept('ESCAPE') ? cursor.string() : null
  return { kind: 'like', operator, value, pattern, escape: escaped, negated, at }
}

const SUMS = ['+', '-', '||'] as const
const PRODUCTS = ['*', '/', '%'] as const

const sum = (cursor: Cursor): Expression =>
  leftToRight(cursor, product, () => SUMS.find((each) => cursor.acceptOperator(each)) ?? null)
const product = (cursor: Cursor): Expression =>
  leftToRight(cursor, sign, () => PRODUCTS.find((each) => cursor.acceptOperator(each)) ?? null)

function leftToRight(cursor: Cursor, operand: (cursor: Cursor) => Expression, next: () => BinaryOperator | null): Expression {
  let left = operand(cursor)
  for (;;) {
    const at = cursor.place
    const operator = next()
    if (operator === null) return left
    left = { kind: 'binary', operator, left, right: operand(cursor), at }
  }
}

function sign(cursor: Cursor): Expression {
  const at = cursor.place
  for (const operator of ['-', '+'] as const) {
    if (cursor.acceptOperator(operator)) return { kind: 'unary', operator, value: sign(cursor), at }
  }
  return postfix(cursor)
}

/** `value::type`, `value:a.b[0]`, `value[0]`. */
function postfix(cursor: Cursor): Expression {
  let value = primary(cursor)
  for (;;) {
    const at = cursor.place
    if (cursor.acceptOperator('::')) {
      value = { kind: 'cast', value, type: typeName(cursor), attempt: false, at }
    } else if (cursor.seesOperator(':')) {
      cursor.take()
      value = { kind: 'path', base: value, steps: pathSteps(cursor, [pathKey(cursor)]), at }
    } else if (cursor.seesOperator('[')) {
      value = { kind: 'path', base: value, steps: pathSteps(cursor, []), at }
    } else return value
  }
}

function pathSteps(cursor: Cursor, first: readonly string[]): readonly (string | Expression)[] {
  const steps: (string | Expression)[] = [...first]
  for (;;) {
    if (cursor.acceptOperator('[')) {
      steps.push(parseExpression(cursor))
      cursor.expectOperator(']')
    } else if (cursor.acceptOperator('.')) steps.push(pathKey(cursor))
    else return steps
  }
}

/** A key keeps its case, quoted or not. */
function pathKey(cursor: Cursor): string {
  const token = cursor.peek()
  if (token.kind === 'quoted') return cursor.take().text
  if (token.kind === 'word') return cursor.take().raw
  return cursor.fail()
}

const NUMBER = /^(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

function primary(cursor: Cursor): Expression {
  const at = cursor.place
  const token = cursor.peek()
  switch (token.kind) {
    case 'string':
    case 'number':
      if (token.kind === 'number' && !NUMBER.test(token.text)) cursor.fail()
      cursor.take()
      return { kind: token.kind, text: token.text, at }
    case 'operator':
      return bracketed(cursor, at)
    case 'quoted':
      return nameOrCall(cursor, at)
    case 'word':
      return word(cursor, at)
    case 'end':
      return cursor.fail()
    default:
      return token.kind satisfies never
  }
}

function bracketed(cursor: Cursor, at: Place): Expression {
  if (cursor.acceptOperator('(')) {
    if (cursor.sees('SELECT') || cursor.sees('WITH')) {
      const query = parseQuery(cursor)
      cursor.expectOperator(')')
      return { kind: 'subquery', query, at }
    }
    const items = cursor.series(() => parseExpression(cursor))
    cursor.expectOperator(')')
    const [only] = items
    return items.length === 1 && only !== undefined ? only : { kind: 'tuple', items, at }
  }
  if (cursor.acceptOperator('*')) return { kind: 'star', qualifier: null, exclude: exclusions(cursor), at }
  if (cursor.acceptOperator('?')) return { kind: 'binding', index: cursor.bindings++, at }
  if (cursor.seesOperator(':') && cursor.peek(1).kind === 'number') {
    cursor.take()
    return { kind: 'binding', index: cursor.integer() - 1, at }
  }
  if (cursor.seesOperator('$') && cursor.peek(1).kind === 'number') {
    cursor.take()
    return { kind: 'name', parts: [{ text: `$${cursor.integer()}`, quoted: false, at }], at }
  }
  if (cursor.acceptOperator('[')) {
    const items = cursor.seesOperator(']') ? [] : cursor.series(() => parseExpression(cursor))
    cursor.expectOperator(']')
    return { kind: 'array', items, at }
  }
  if (cursor.acceptOperator('{')) {
    const entry = () => {
      const key = cursor.string()
      cursor.expectOperator(':')
      return { key, value: parseExpression(cursor) }
    }
    const entries = cursor.seesOperator('}') ? [] : cursor.series(entry)
    cursor.expectOperator('}')
    return { kind: 'object', entries, at }
  }
  return cursor.fail()
}

/** Reserved words that are also functions. */
const RESERVED_FUNCTIONS = new Set(['LEFT', 'RIGHT', 'INSERT', 'LIKE', 'ILIKE', 'RLIKE'])
const WITHOUT_BRACKETS = new Set([
  'CURRENT_DATE',
  'CURRENT_TIME',
  'CURRENT_TIMESTAMP',
  'LOCALTIME',
  'LOCALTIMESTAMP',
  'CURRENT_USER',
])

function word(cursor: Cursor, at: Place): Expression {
  if (cursor.accept('NULL')) return { kind: 'null', at }
  if (cursor.accept('TRUE')) return { kind: 'boolean', value: true, at }
  if (cursor.accept('FALSE')) return { kind: 'boolean', value: false, at }
  if (cursor.accept('CASE')) return caseOf(cursor, at)
  if (cursor.accept('EXISTS')) {
    cursor.expectOperator('(')
    const query = parseQuery(cursor)
    cursor.expectOperator(')')
    return { kind: 'exists', query, at }
  }
  if ((cursor.sees('CAST') || cursor.sees('TRY_CAST')) && cursor.seesOperator('(', 1)) {
    const attempt = cursor.take().text === 'TRY_CAST'
    cursor.take()
    const value = parseExpression(cursor)
    cursor.expect('AS')
    const type = typeName(cursor)
    cursor.expectOperator(')')
    return { kind: 'cast', value, type, attempt, at }
  }
  const literal = cursor.peek(1)
  if ((cursor.sees('DATE') || cursor.sees('TIMESTAMP') || cursor.sees('TIME')) && literal.kind === 'string') {
    const type = typeName(cursor)
    return { kind: 'cast', value: { kind: 'string', text: cursor.string(), at }, type, attempt: false, at }
  }
  if (cursor.sees('INTERVAL') && literal.kind === 'string') {
    cursor.take()
    return { kind: 'interval', text: cursor.string(), at }
  }
  if (cursor.sees('EXTRACT') && cursor.seesOperator('(', 1)) {
    cursor.take()
    cursor.take()
    const part: Expression = cursor.peek().kind === 'string' ? primary(cursor) : { kind: 'string', text: cursor.name().text, at }
    cursor.expect('FROM')
    const value = parseExpression(cursor)
    cursor.expectOperator(')')
    return { ...NO_CALL, name: 'DATE_PART', arguments: [part, value], at }
  }
  return position(cursor, at) ?? nameOrCall(cursor, at)
}

/** `POSITION(a IN b)`; null for every other form. */
function position(cursor: Cursor, at: Place): Expression | null {
  if (!cursor.sees('POSITION') || !cursor.seesOperator('(', 1)) return null
  const mark = cursor.mark()
  cursor.take()
  cursor.take()
  const needle = sum(cursor)
  if (cursor.accept('IN')) {
    const hay = sum(cursor)
    cursor.expectOperator(')')
    return { ...NO_CALL, name: 'POSITION', arguments: [needle, hay], at }
  }
  cursor.back(mark)
  return null
}

const NO_CALL = { kind: 'call', named: new Map(), distinct: false, within: null, ignoreNulls: false, over: null } as const

function caseOf(cursor: Cursor, at: Place): Expression {
  const operand = cursor.sees('WHEN') ? null : parseExpression(cursor)
  const branches: { when: Expression; result: Expression }[] = []
  while (cursor.accept('WHEN')) {
    const when = parseExpression(cursor)
    cursor.expect('THEN')
    branches.push({ when, result: parseExpression(cursor) })
  }
  if (branches.length === 0) cursor.fail()
  const otherwise = cursor.accept('ELSE') ? parseExpression(cursor) : null
  cursor.expect('END')
  return { kind: 'case', operand, branches, otherwise, at }
}

function nameOrCall(cursor: Cursor, at: Place): Expression {
  const token = cursor.peek()
  if (token.kind === 'word' && cursor.seesOperator('(', 1) && (!isReserved(token.text) || RESERVED_FUNCTIONS.has(token.text))) {
    cursor.take()
    return parseCall(cursor, token.text, at)
  }
  if (token.kind === 'word' && WITHOUT_BRACKETS.has(token.text)) {
    cursor.take()
    return { ...NO_CALL, name: token.text, arguments: [], at }
  }
  const parts: Name[] = [cursor.name()]
  while (cursor.seesOperator('.')) {
    cursor.take()
    if (cursor.acceptOperator('*')) return { kind: 'star', qualifier: parts, exclude: exclusions(cursor), at }
    if (cursor.seesOperator('$') && cursor.peek(1).kind === 'number') {
      cursor.take()
      parts.push({ text: `$${cursor.integer()}`, quoted: false, at })
      break
    }
    if (parts.length === 4) cursor.fail()
    parts.push(cursor.name())
  }
  return { kind: 'name', parts, at }
}

function exclusions(cursor: Cursor): readonly Name[] {
  if (!cursor.accept('EXCLUDE')) return []
  return cursor.seesOperator('(') ? cursor.names() : [cursor.name()]
}

/** A function's arguments and what may follow them; the name is taken already. */
export function parseCall(cursor: Cursor, name: string, at: Place): Extract<Expression, { kind: 'call' }> {
  cursor.expectOperator('(')
  const distinct = cursor.accept('DISTINCT')
  const named = new Map<string, Expression>()
  const list: Expression[] = []
  if (!cursor.seesOperator(')')) {
    cursor.series(() => {
      if (cursor.peek().kind === 'word' && cursor.seesOperator('=>', 1)) {
        const key = cursor.take().text
        cursor.take()
        named.set(key, parseExpression(cursor))
      } else list.push(parseExpression(cursor))
    })
  }
  let ignoreNulls = cursor.accept('IGNORE', 'NULLS')
  cursor.expectOperator(')')
  let within: readonly OrderItem[] | null = null
  if (cursor.accept('WITHIN', 'GROUP')) {
    cursor.expectOperator('(')
    cursor.expect('ORDER', 'BY')
    within = cursor.series(() => orderItem(cursor))
    cursor.expectOperator(')')
  }
  if (cursor.accept('IGNORE', 'NULLS')) ignoreNulls = true
  else cursor.accept('RESPECT', 'NULLS')
  const over = cursor.accept('OVER') ? windowFrame(cursor) : null
  return { kind: 'call', name, arguments: list, named, distinct, within, ignoreNulls, over, at }
}

function isDescending(cursor: Cursor): boolean {
  if (cursor.accept('DESC')) return true
  cursor.accept('ASC')
  return false
}

export function orderItem(cursor: Cursor): OrderItem {
  const value = parseExpression(cursor)
  const descending = isDescending(cursor)
  const nullsFirst = cursor.accept('NULLS') ? cursor.oneOf('FIRST', 'LAST') === 'FIRST' : null
  return { value, descending, nullsFirst }
}

function windowFrame(cursor: Cursor): WindowFrame {
  cursor.expectOperator('(')
  const partition = cursor.accept('PARTITION', 'BY') ? cursor.series(() => parseExpression(cursor)) : []
  const order = cursor.accept('ORDER', 'BY') ? cursor.series(() => orderItem(cursor)) : []
  let frame: string | null = null
  if (cursor.sees('ROWS') || cursor.sees('RANGE')) {
    const unit = cursor.take().text
    if (cursor.accept('BETWEEN')) {
      const from = frameEnd(cursor)
      cursor.expect('AND')
      frame = `${unit} BETWEEN ${from} AND ${frameEnd(cursor)}`
    } else frame = `${unit} ${frameEnd(cursor)}`
  }
  cursor.expectOperator(')')
  return { partition, order, frame }
}

function frameEnd(cursor: Cursor): string {
  if (cursor.accept('CURRENT', 'ROW')) return 'CURRENT ROW'
  const size = cursor.accept('UNBOUNDED') ? 'UNBOUNDED' : String(cursor.integer())
  return `${size} ${cursor.oneOf('PRECEDING', 'FOLLOWING')}`
}
