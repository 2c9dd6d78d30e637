/** INSERT, DELETE, UPDATE, MERGE, TRUNCATE, COPY INTO a stage. */
import type { Expression, FromItem, Query, QueryBody, Select } from '../ast.ts'
import type { Place } from '../errors.ts'
import type { Assignment, MergeBranch, Statement } from '../statement.ts'
import type { Cursor } from './cursor.ts'
import { parseExpression } from './expression.ts'
import { COPY_INTO, type OptionValue, parseOptions } from './options.ts'
import { parseFrom, parseQuery } from './query.ts'
import { stagePath } from './stage-path.ts'

const alias = (cursor: Cursor) => (cursor.accept('AS') || cursor.seesAlias ? cursor.name() : null)

/** `select * from …` over relations that a statement names without SELECT. */
function overAll(from: readonly FromItem[], at: Place): QueryBody {
  const star: Expression = { kind: 'star', qualifier: null, exclude: [], at }
  const empty = { where: null, group: null, having: null, qualify: null, top: null }
  return {
    kind: 'select',
    distinct: false,
    items: [{ value: star, alias: null, text: '*' }],
    from,
    ...empty,
    at,
  } satisfies Select
}

export function parseInsert(cursor: Cursor, at: Place): Statement {
  const overwrite = cursor.accept('OVERWRITE')
  cursor.expect('INTO')
  const table = cursor.objectName()
  const columns = cursor.seesOperator('(') && cursor.peek(1).text !== 'SELECT' ? cursor.names() : []
  return { kind: 'insert', table, columns, query: parseQuery(cursor), overwrite, at }
}

export function parseDelete(cursor: Cursor, at: Place): Statement {
  cursor.expect('FROM')
  const table = cursor.objectName()
  const as = cursor.sees('USING') ? null : alias(cursor)
  const using = cursor.accept('USING') ? overAll(parseFrom(cursor), at) : null
  const where = cursor.accept('WHERE') ? parseExpression(cursor) : null
  return { kind: 'delete', table, alias: as, using, where, at }
}

function assignments(cursor: Cursor): readonly Assignment[] {
  return cursor.series(() => {
    const path = cursor.objectName(2)
    const column = path.parts.at(-1)
    if (column === undefined) return cursor.fail()
    cursor.expectOperator('=')
    return { column, value: parseExpression(cursor) }
  })
}

export function parseUpdate(cursor: Cursor, at: Place): Statement {
  const table = cursor.objectName()
  const as = cursor.sees('SET') ? null : alias(cursor)
  cursor.expect('SET')
  const set = assignments(cursor)
  const from = cursor.accept('FROM') ? overAll(parseFrom(cursor), at) : null
  const where = cursor.accept('WHERE') ? parseExpression(cursor) : null
  return { kind: 'update', table, alias: as, set, from, where, at }
}

export function parseMerge(cursor: Cursor, at: Place): Statement {
  cursor.expect('INTO')
  const table = cursor.objectName()
  const as = cursor.sees('USING') ? null : alias(cursor)
  cursor.expect('USING')
  const using = overAll(parseFrom(cursor), at)
  cursor.expect('ON')
  const on = parseExpression(cursor)
  const branches: MergeBranch[] = []
  while (cursor.accept('WHEN')) branches.push(mergeBranch(cursor))
  if (branches.length === 0) cursor.fail()
  return { kind: 'merge', table, alias: as, using, on, branches, at }
}

function mergeBranch(cursor: Cursor): MergeBranch {
  const matched = !cursor.accept('NOT')
  cursor.expect('MATCHED')
  const condition = cursor.accept('AND') ? parseExpression(cursor) : null
  cursor.expect('THEN')
  if (!matched) {
    cursor.expect('INSERT')
    const columns = cursor.seesOperator('(') ? cursor.names() : []
    cursor.expect('VALUES')
    const values = cursor.list(() => parseExpression(cursor))
    return { matched, condition, action: { kind: 'insert', columns, values } }
  }
  if (cursor.accept('DELETE')) return { matched, condition, action: { kind: 'delete' } }
  cursor.expect('UPDATE', 'SET')
  return { matched, condition, action: { kind: 'update', set: assignments(cursor) } }
}

export function parseTruncate(cursor: Cursor, at: Place): Statement {
  cursor.accept('TABLE')
  const ifExists = cursor.accept('IF', 'EXISTS')
  return { kind: 'truncate', table: cursor.objectName(), ifExists, at }
}

export function parseCopy(cursor: Cursor, at: Place): Statement {
  cursor.expect('INTO')
  const stage = stagePath(cursor)
  cursor.expect('FROM')
  let source: Query
  if (cursor.acceptOperator('(')) {
    source = parseQuery(cursor)
    cursor.expectOperator(')')
  } else {
    const name = cursor.objectName()
    const body = overAll([{ kind: 'table', name, alias: null, at: name.at }], at)
    source = { with: [], body, order: [], limit: null, offset: null, at }
  }
  const partitionBy = cursor.accept('PARTITION', 'BY') ? bracketed(cursor) : null
  const options = parseOptions(cursor, COPY_INTO, new Map<string, OptionValue>())
  return { kind: 'copy-into-location', stage, source, partitionBy, options, at }
}

function bracketed(cursor: Cursor): Expression {
  cursor.expectOperator('(')
  const value = parseExpression(cursor)
  cursor.expectOperator(')')
  return value
}
