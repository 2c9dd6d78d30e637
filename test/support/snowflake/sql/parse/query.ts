/** Queries: WITH, SELECT and its clauses, VALUES, set operators, relations of FROM. */
import type { Alias, CommonTable, Expression, FromItem, Query, QueryBody, Select, SelectItem } from '../ast.ts'
import type { Place } from '../errors.ts'
import type { Cursor } from './cursor.ts'
import { orderItem, parseCall, parseExpression } from './expression.ts'
import { stagePath } from './stage-path.ts'

export function parseQuery(cursor: Cursor): Query {
  const at = cursor.place
  const tables: CommonTable[] = []
  if (cursor.accept('WITH')) {
    if (cursor.sees('RECURSIVE')) cursor.fail()
    tables.push(...cursor.series(() => commonTable(cursor)))
  }
  const body = setOperation(cursor)
  const order = cursor.accept('ORDER', 'BY') ? cursor.series(() => orderItem(cursor)) : []
  let limit: Expression | null = null
  let offset: Expression | null = null
  if (cursor.accept('LIMIT')) limit = parseExpression(cursor)
  if (cursor.accept('OFFSET')) {
    offset = parseExpression(cursor)
    if (!cursor.accept('ROWS')) cursor.accept('ROW')
  }
  if (limit === null && cursor.accept('FETCH')) {
    if (!cursor.accept('FIRST')) cursor.accept('NEXT')
    limit = parseExpression(cursor)
    if (!cursor.accept('ROWS')) cursor.accept('ROW')
    cursor.accept('ONLY')
  }
  return { with: tables, body, order, limit, offset, at }
}

function commonTable(cursor: Cursor): CommonTable {
  const name = cursor.name()
  const columns = cursor.seesOperator('(') ? cursor.names() : []
  cursor.expect('AS')
  cursor.expectOperator('(')
  const query = parseQuery(cursor)
  cursor.expectOperator(')')
  return { name, columns, query }
}

function setOperation(cursor: Cursor): QueryBody {
  let left = intersection(cursor)
  for (;;) {
    const at = cursor.place
    const operator = cursor.accept('UNION') ? 'union' : cursor.accept('EXCEPT') || cursor.accept('MINUS') ? 'except' : null
    if (operator === null) return left
    const all = operator === 'union' && cursor.accept('ALL')
    if (operator === 'union' && !all) cursor.accept('DISTINCT')
    left = { kind: 'set', operator, all, left, right: intersection(cursor), at }
  }
}

function intersection(cursor: Cursor): QueryBody {
  let left = simple(cursor)
  for (;;) {
    const at = cursor.place
    if (!cursor.accept('INTERSECT')) return left
    left = { kind: 'set', operator: 'intersect', all: false, left, right: simple(cursor), at }
  }
}

function simple(cursor: Cursor): QueryBody {
  const at = cursor.place
  if (cursor.acceptOperator('(')) {
    const query = parseQuery(cursor)
    cursor.expectOperator(')')
    return { kind: 'nested', query, at }
  }
  if (cursor.accept('VALUES')) return { kind: 'values', rows: valueRows(cursor), at }
  cursor.expect('SELECT')
  return select(cursor, at)
}

export const valueRows = (cursor: Cursor): readonly (readonly Expression[])[] =>
  cursor.series(() => cursor.list(() => parseExpression(cursor)))

function select(cursor: Cursor, at: Place): Select {
  const distinct = cursor.accept('DISTINCT')
  if (!distinct) cursor.accept('ALL')
  const top = cursor.peek(1).kind === 'number' && cursor.accept('TOP') ? parseExpression(cursor) : null
  const items = cursor.series(() => selectItem(cursor))
  const from = cursor.accept('FROM') ? cursor.series(() => fromItem(cursor)) : []
  const where = cursor.accept('WHERE') ? parseExpression(cursor) : null
  let group: Select['group'] = null
  if (cursor.accept('GROUP', 'BY')) group = cursor.accept('ALL') ? 'all' : cursor.series(() => parseExpression(cursor))
  const having = cursor.accept('HAVING') ? parseExpression(cursor) : null
  const qualify = cursor.accept('QUALIFY') ? parseExpression(cursor) : null
  return { kind: 'select', distinct, top, items, from, where, group, having, qualify, at }
}

function selectItem(cursor: Cursor): SelectItem {
  const { start } = cursor.peek()
  const value = parseExpression(cursor)
  const text = cursor.text.slice(start, cursor.end)
  const alias = cursor.accept('AS') ? cursor.name() : cursor.seesAlias ? cursor.name() : null
  return { value, alias, text }
}

function fromItem(cursor: Cursor): FromItem {
  let left = relation(cursor)
  for (;;) {
    const at = cursor.place
    const natural = cursor.accept('NATURAL')
    const how = joinKind(cursor)
    if (how === null) {
      if (natural) cursor.fail()
      return left
    }
    const right = relation(cursor)
    const bare = how === 'cross' || natural
    const on = !bare && cursor.accept('ON') ? parseExpression(cursor) : null
    const using = !bare && on === null && cursor.accept('USING') ? cursor.names() : null
    const lateral = right.kind === 'function' || (right.kind === 'query' && right.lateral)
    if (!bare && on === null && using === null && how !== 'inner' && !lateral) cursor.fail()
    left = { kind: 'join', how, left, right, on, using, natural, at }
  }
}

function joinKind(cursor: Cursor): 'inner' | 'left' | 'right' | 'full' | 'cross' | null {
  if (cursor.accept('JOIN')) return 'inner'
  if (cursor.accept('INNER', 'JOIN')) return 'inner'
  if (cursor.accept('CROSS', 'JOIN')) return 'cross'
  for (const [word, how] of [['LEFT', 'left'] as const, ['RIGHT', 'right'] as const, ['FULL', 'full'] as const]) {
    if (cursor.accept(word, 'JOIN') || cursor.accept(word, 'OUTER', 'JOIN')) return how
  }
  return null
}

function relation(cursor: Cursor): FromItem {
  const at = cursor.place
  const lateral = cursor.accept('LATERAL')
  if (cursor.seesOperator('@')) {
    const stage = stagePath(cursor)
    const options = new Map<string, Expression>()
    if (cursor.acceptOperator('(')) {
      cursor.series(() => {
        const name = cursor.oneOf('FILE_FORMAT', 'PATTERN')
        cursor.expectOperator('=>')
        options.set(name, parseExpression(cursor))
      })
      cursor.expectOperator(')')
    }
    return { kind: 'stage', stage, options, alias: alias(cursor), at }
  }
  if (cursor.acceptOperator('(')) {
    if (cursor.sees('SELECT') || cursor.sees('WITH') || cursor.sees('VALUES') || cursor.seesOperator('(')) {
      const mark = cursor.mark()
      try {
        const query = parseQuery(cursor)
        cursor.expectOperator(')')
        return { kind: 'query', query, alias: alias(cursor), lateral, at }
      } catch (error) {
        if (!cursor.seesOperator('(') && !isNestedJoin(cursor, mark)) throw error
        cursor.back(mark)
      }
    }
    const inner = fromItem(cursor)
    cursor.expectOperator(')')
    return inner
  }
  if (cursor.sees('VALUES')) {
    const query: Query = { with: [], body: simple(cursor), order: [], limit: null, offset: null, at }
    return { kind: 'query', query, alias: alias(cursor), lateral: false, at }
  }
  if (cursor.sees('TABLE') && cursor.seesOperator('(', 1)) {
    cursor.take()
    cursor.take()
    const inner = tableFunction(cursor)
    cursor.expectOperator(')')
    return { ...inner, alias: alias(cursor), at }
  }
  if (cursor.peek().kind === 'word' && cursor.seesOperator('(', 1)) return { ...tableFunction(cursor), alias: alias(cursor), at }
  if (lateral) cursor.fail()
  const name = cursor.objectName()
  return { kind: 'table', name, alias: alias(cursor), at }
}

/** A bracket that holds a join of bracketed relations begins like a query and is none. */
function isNestedJoin(cursor: Cursor, mark: number): boolean {
  const here = cursor.mark()
  cursor.back(mark)
  const nested = cursor.seesOperator('(')
  cursor.back(here)
  return nested
}

function tableFunction(cursor: Cursor): Extract<FromItem, { kind: 'function' }> {
  const at = cursor.place
  const { parts } = cursor.objectName()
  const name = parts.at(-1)
  if (name === undefined || !cursor.seesOperator('(')) return cursor.fail()
  return { kind: 'function', call: parseCall(cursor, name.text, at), qualifier: parts.slice(0, -1), alias: null, at }
}

function alias(cursor: Cursor): Alias | null {
  if (!cursor.accept('AS') && !cursor.seesAlias) return null
  const name = cursor.name()
  return { name, columns: cursor.seesOperator('(') ? cursor.names() : [] }
}

/** The relations of a statement that names them without SELECT. */
export const parseFrom = (cursor: Cursor): readonly FromItem[] => cursor.series(() => fromItem(cursor))
