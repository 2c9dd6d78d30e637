/** ALTER …, COMMENT ON */
import type { Name, ObjectName } from '../ast.ts'
import type { Place } from '../errors.ts'
import type { AlterColumns, AlterExternal, ObjectKind, Statement } from '../statement.ts'
import { externalColumn, tableColumn } from './create.ts'
import type { Cursor } from './cursor.ts'
import { objectKind } from './object-kind.ts'
import { COMMENT_ONLY, optionText, parseOptions, STAGE } from './options.ts'

export function parseAlter(cursor: Cursor, at: Place): Statement {
  if (cursor.accept('SESSION')) return session(cursor, at)
  const kind = objectKind(cursor)
  if (kind === 'TABLE' || kind === 'VIEW') {
    const ifExists = cursor.accept('IF', 'EXISTS')
    const name = cursor.objectName()
    return { kind: 'alter-relation', what: kind, name, ifExists, change: columns(cursor, kind === 'VIEW' ? 'view' : 'table'), at }
  }
  if (kind === 'EXTERNAL TABLE') {
    let ifExists = cursor.accept('IF', 'EXISTS')
    const name = cursor.objectName()
    if (cursor.accept('IF', 'EXISTS')) ifExists = true
    return { kind: 'alter-external-table', name, ifExists, change: external(cursor), at }
  }
  if (kind === 'STAGE') {
    const ifExists = cursor.accept('IF', 'EXISTS')
    const name = cursor.objectName()
    cursor.expect('SET')
    const options = parseOptions(cursor, STAGE)
    if (options.size === 0) cursor.fail()
    return { kind: 'alter-stage', name, ifExists, options, at }
  }
  if (kind === 'WAREHOUSE' && !cursor.sees('IF')) {
    const name = cursor.objectName()
    const action = cursor.oneOf('SUSPEND', 'RESUME')
    if (action === 'RESUME') cursor.accept('IF', 'SUSPENDED')
    return { kind: 'alter-warehouse', name, action, at }
  }
  if (kind === 'DATABASE' || kind === 'SCHEMA' || kind === 'FILE FORMAT') {
    const ifExists = cursor.accept('IF', 'EXISTS')
    const name = cursor.objectName()
    return { kind: 'alter-comment', what: kind, name, ifExists, text: setComment(cursor), at }
  }
  return cursor.fail()
}

function session(cursor: Cursor, at: Place): Statement {
  if (cursor.accept('UNSET')) return { kind: 'unset-session', names: cursor.series(() => cursor.name().text), at }
  cursor.expect('SET')
  const values = new Map<string, string | number | boolean>()
  do {
    cursor.acceptOperator(',')
    const { text } = cursor.name()
    cursor.expectOperator('=')
    values.set(text, parameterValue(cursor))
  } while (cursor.seesName || cursor.seesOperator(','))
  return { kind: 'set-session', values, at }
}

function parameterValue(cursor: Cursor): string | number | boolean {
  const token = cursor.peek()
  if (token.kind === 'string') return cursor.string()
  if (token.kind === 'number') return cursor.integer()
  if (cursor.sees('TRUE') || cursor.sees('FALSE')) return cursor.boolean()
  return cursor.name().text
}

/** `SET COMMENT = '…'` or `UNSET COMMENT` */
function setComment(cursor: Cursor): string | null {
  if (cursor.accept('UNSET')) {
    cursor.expect('COMMENT')
    return null
  }
  cursor.expect('SET')
  const text = optionText(parseOptions(cursor, COMMENT_ONLY), 'COMMENT')
  return text ?? cursor.fail()
}

function external(cursor: Cursor): AlterExternal {
  if (cursor.accept('REFRESH')) return { action: 'refresh', path: cursor.peek().kind === 'string' ? cursor.string() : null }
  if (cursor.accept('ADD')) {
    if (cursor.oneOf('FILES', 'PARTITION') === 'FILES') return { action: 'add-files', files: cursor.list(() => cursor.string()) }
    const values = cursor.list(() => {
      const column = cursor.name()
      cursor.expectOperator('=')
      return { column, value: cursor.string() }
    })
    cursor.expect('LOCATION')
    return { action: 'add-partition', values, location: cursor.string() }
  }
  if (cursor.accept('REMOVE', 'FILES')) return { action: 'remove-files', files: cursor.list(() => cursor.string()) }
  if (cursor.accept('DROP', 'PARTITION')) {
    cursor.expect('LOCATION')
    return { action: 'drop-partition', location: cursor.string() }
  }
  if (cursor.sees('SET', 'AUTO_REFRESH')) {
    cursor.take()
    return { action: 'set', options: parseOptions(cursor, { AUTO_REFRESH: 'boolean' }) }
  }
  return cursor.fail()
}

/** What ALTER TABLE does to an ordinary or an external table, and ALTER VIEW to a view. */
function columns(cursor: Cursor, what: 'table' | 'view'): AlterColumns {
  if (cursor.sees('SET', 'COMMENT') || cursor.sees('UNSET', 'COMMENT')) return { action: 'comment', text: setComment(cursor) }
  if (cursor.accept('RENAME', 'TO')) return { action: 'rename', to: cursor.objectName() }
  if (cursor.accept('ADD', 'ROW', 'ACCESS', 'POLICY')) {
    const policy = cursor.objectName()
    cursor.expect('ON')
    return { action: 'policy', policy, column: null, columns: cursor.names() }
  }
  if (cursor.accept('DROP', 'ROW', 'ACCESS', 'POLICY')) {
    cursor.objectName()
    return { action: 'policy', policy: null, column: null, columns: [] }
  }
  if (cursor.accept('ALTER') || cursor.accept('MODIFY')) return alterColumn(cursor)
  if (what === 'view') return cursor.fail()
  if (cursor.accept('RENAME', 'COLUMN')) {
    const from = cursor.name()
    cursor.expect('TO')
    return { action: 'rename-column', from, to: cursor.name() }
  }
  if (cursor.accept('ADD')) {
    cursor.accept('COLUMN')
    const ifNotExists = cursor.accept('IF', 'NOT', 'EXISTS')
    return { action: 'add-column', column: eitherColumn(cursor), ifNotExists }
  }
  if (cursor.accept('DROP')) {
    cursor.accept('COLUMN')
    const ifExists = cursor.accept('IF', 'EXISTS')
    return { action: 'drop-columns', columns: cursor.series(() => cursor.name()), ifExists }
  }
  return cursor.fail()
}

function eitherColumn(cursor: Cursor) {
  const mark = cursor.mark()
  const ordinary = tableColumn(cursor)
  if (!cursor.sees('AS')) return ordinary
  cursor.back(mark)
  return externalColumn(cursor)
}

function alterColumn(cursor: Cursor): AlterColumns {
  cursor.accept('COLUMN')
  const column: Name = cursor.name()
  if (cursor.accept('SET', 'MASKING', 'POLICY')) {
    return { action: 'policy', policy: cursor.objectName(), column, columns: [] }
  }
  if (cursor.accept('UNSET', 'MASKING', 'POLICY')) return { action: 'policy', policy: null, column, columns: [] }
  if (cursor.accept('COMMENT')) return { action: 'column-comment', column, text: cursor.string() }
  if (cursor.accept('SET', 'NOT', 'NULL')) return { action: 'column-null', column, nullable: false }
  if (cursor.accept('DROP', 'NOT', 'NULL')) return { action: 'column-null', column, nullable: true }
  return cursor.fail()
}

export function parseComment(cursor: Cursor, at: Place): Statement {
  const first = cursor.accept('IF', 'EXISTS')
  cursor.expect('ON')
  const ifExists = first
  let what: ObjectKind | 'COLUMN'
  let name: ObjectName
  let column: Name | null = null
  if (cursor.accept('COLUMN')) {
    what = 'COLUMN'
    const path = cursor.objectName(4)
    column = path.parts.at(-1) ?? null
    name = { ...path, parts: path.parts.slice(0, -1) }
    if (path.parts.length < 2) cursor.fail()
  } else {
    what = objectKind(cursor)
    name = cursor.objectName()
  }
  cursor.expect('IS')
  return { kind: 'comment', what, name, column, text: cursor.string(), ifExists, at }
}
