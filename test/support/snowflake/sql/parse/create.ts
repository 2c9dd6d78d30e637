/** CREATE … */
import type { Expression, Name, ObjectName } from '../ast.ts'
import type { Place } from '../errors.ts'
import type { Creation, ExternalColumn, Statement, TableColumn } from '../statement.ts'
import type { Cursor } from './cursor.ts'
import { parseExpression } from './expression.ts'
import { COMMENT_ONLY, CONTAINER, EXTERNAL_TABLE, FILE_FORMAT, type OptionValue, parseOptions, STAGE } from './options.ts'
import { parseQuery } from './query.ts'
import { stagePath } from './stage-path.ts'
import { typeName } from './type-name.ts'

export function parseCreate(cursor: Cursor, at: Place): Statement {
  const replace = cursor.accept('OR', 'REPLACE')
  const named = (): Creation => {
    const ifNotExists = cursor.sees('IF')
    if (ifNotExists) {
      if (replace) cursor.fail()
      cursor.expect('IF', 'NOT', 'EXISTS')
    }
    return { replace, ifNotExists, name: cursor.objectName() }
  }
  const secure = cursor.accept('SECURE')
  const temporary = !secure && (cursor.accept('TEMPORARY') || cursor.accept('TEMP'))
  const transient = !secure && !temporary && cursor.accept('TRANSIENT')
  if (!secure && !temporary) {
    for (const kind of ['database', 'schema'] as const) {
      if (!cursor.accept(kind.toUpperCase())) continue
      return { kind: `create-${kind}`, ...named(), options: parseOptions(cursor, CONTAINER), transient, at }
    }
  }
  if (!secure && cursor.accept('TABLE')) {
    const persistence = temporary ? 'temporary' : transient ? 'transient' : 'permanent'
    return { ...table(cursor, named()), persistence, at }
  }
  if (!transient && cursor.accept('VIEW')) return { ...view(cursor, named()), temporary, secure, at }
  if (!transient && !secure) {
    if (cursor.accept('FILE', 'FORMAT'))
      return { kind: 'create-file-format', ...named(), options: parseOptions(cursor, FILE_FORMAT), temporary, at }
    if (cursor.accept('STAGE')) return { kind: 'create-stage', ...named(), options: parseOptions(cursor, STAGE), temporary, at }
  }
  if (temporary || transient || secure) cursor.fail()
  if (cursor.accept('EXTERNAL', 'TABLE')) return { ...externalTable(cursor, named()), at }
  if (cursor.accept('ROLE')) return { kind: 'create-role', ...named(), options: parseOptions(cursor, COMMENT_ONLY), at }
  if (cursor.accept('MASKING', 'POLICY')) return { ...policy(cursor, named()), what: 'MASKING POLICY', at }
  if (cursor.accept('ROW', 'ACCESS', 'POLICY')) return { ...policy(cursor, named()), what: 'ROW ACCESS POLICY', at }
  return cursor.fail()
}

function table(cursor: Cursor, creation: Creation) {
  const like = cursor.accept('LIKE') ? cursor.objectName() : null
  const columns = like === null && cursor.seesOperator('(') ? cursor.list(() => tableColumn(cursor)) : []
  let options = parseOptions(cursor, CONTAINER)
  const copyGrants = cursor.accept('COPY', 'GRANTS')
  options = parseOptions(cursor, CONTAINER, new Map(options))
  const query = like === null && cursor.accept('AS') ? parseQuery(cursor) : null
  if (like === null && columns.length === 0 && query === null) cursor.fail()
  return { kind: 'create-table' as const, ...creation, columns, like, options, copyGrants, query }
}

export function tableColumn(cursor: Cursor): TableColumn {
  const name = cursor.name()
  const type = typeName(cursor)
  let nullable = true
  let comment: string | null = null
  let fallback: Expression | null = null
  for (;;) {
    if (cursor.accept('NOT', 'NULL')) nullable = false
    else if (cursor.accept('NULL')) nullable = true
    else if (cursor.accept('PRIMARY', 'KEY')) nullable = false
    else if (cursor.accept('UNIQUE')) continue
    else if (cursor.accept('DEFAULT')) fallback = parseExpression(cursor)
    else if (cursor.accept('COMMENT')) comment = cursor.string()
    else return { name, type, nullable, comment, fallback }
  }
}

function view(cursor: Cursor, creation: Creation) {
  const column = () => {
    const name = cursor.name()
    if (cursor.sees('WITH', 'MASKING')) cursor.take()
    const mask = cursor.accept('MASKING', 'POLICY') ? cursor.objectName() : null
    return { name, mask, comment: cursor.accept('COMMENT') ? cursor.string() : null }
  }
  const columns = cursor.seesOperator('(') ? cursor.list(column) : []
  const options = new Map<string, OptionValue>()
  const policies: RowPolicy[] = []
  let copyGrants = false
  while (!cursor.sees('AS')) {
    const mark = cursor.mark()
    parseOptions(cursor, COMMENT_ONLY, options)
    if (!copyGrants) copyGrants = cursor.accept('COPY', 'GRANTS')
    rowPolicy(cursor, policies)
    if (cursor.mark() === mark) cursor.fail()
  }
  cursor.expect('AS')
  const { start } = cursor.peek()
  const query = parseQuery(cursor)
  const text = cursor.text.slice(start, cursor.end)
  return { kind: 'create-view' as const, ...creation, columns, options, copyGrants, policies, query, text }
}

type RowPolicy = { readonly name: ObjectName; readonly columns: readonly Name[] }

/** `[WITH] ROW ACCESS POLICY name ON (columns)` */
function rowPolicy(cursor: Cursor, into: RowPolicy[]): void {
  if (cursor.sees('WITH', 'ROW')) cursor.take()
  if (!cursor.accept('ROW', 'ACCESS', 'POLICY')) return
  const name = cursor.objectName()
  cursor.expect('ON')
  into.push({ name, columns: cursor.names() })
}

/** `name TYPE AS (expression)` */
export function externalColumn(cursor: Cursor): ExternalColumn {
  const name = cursor.name()
  const type = typeName(cursor)
  cursor.expect('AS')
  const { start } = cursor.peek()
  const expression = parseExpression(cursor)
  const text = cursor.text.slice(start, cursor.end)
  const nullable = !cursor.accept('NOT', 'NULL')
  return { name, type, expression, text, nullable }
}

function externalTable(cursor: Cursor, creation: Creation) {
  const columns = cursor.seesOperator('(') ? cursor.list(() => externalColumn(cursor)) : []
  const options = new Map<string, OptionValue>()
  let location: ReturnType<typeof stagePath> | null = null
  let partitionBy: readonly Name[] | null = null
  let copyGrants = false
  const policies: RowPolicy[] = []
  for (;;) {
    const mark = cursor.mark()
    parseOptions(cursor, EXTERNAL_TABLE, options)
    if (partitionBy === null && cursor.accept('PARTITION', 'BY')) partitionBy = cursor.names()
    if (!copyGrants) copyGrants = cursor.accept('COPY', 'GRANTS')
    if (cursor.sees('WITH', 'LOCATION')) cursor.take()
    if (location === null && cursor.accept('LOCATION')) {
      cursor.expectOperator('=')
      location = stagePath(cursor)
    }
    rowPolicy(cursor, policies)
    if (cursor.mark() === mark) break
  }
  if (location === null || !options.has('FILE_FORMAT')) cursor.fail()
  return {
    kind: 'create-external-table' as const,
    ...creation,
    columns,
    partitionBy: partitionBy ?? [],
    location,
    options,
    copyGrants,
    policies,
  }
}

function policy(cursor: Cursor, creation: Creation) {
  cursor.expect('AS')
  const parameters = cursor.list(() => ({ name: cursor.name(), type: typeName(cursor) }))
  cursor.expect('RETURNS')
  typeName(cursor)
  cursor.expectOperator('->')
  const { start } = cursor.peek()
  const body = parseExpression(cursor)
  return { kind: 'create-policy' as const, ...creation, parameters, body, text: cursor.text.slice(start, cursor.end) }
}
