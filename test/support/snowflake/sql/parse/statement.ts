/** One statement; whatever this does not know is a syntax error at its place. */
import type { ObjectName } from '../ast.ts'
import type { Place } from '../errors.ts'
import { lex } from '../lex.ts'
import type { ShowScope, Statement } from '../statement.ts'
import { parseAlter, parseComment } from './alter.ts'
import { parseCreate } from './create.ts'
import { Cursor } from './cursor.ts'
import { parseCopy, parseDelete, parseInsert, parseMerge, parseTruncate, parseUpdate } from './dml.ts'
import { parseGrant, parseShowGrants } from './grants.ts'
import { objectKind, shownKind } from './object-kind.ts'
import { parseQuery } from './query.ts'
import { stagePath } from './stage-path.ts'

export type Parsed = { readonly statement: Statement /** How many `?` it has. */; readonly bindings: number }

export function parseStatement(text: string): Parsed {
  const cursor = new Cursor(text, lex(text))
  while (cursor.acceptOperator(';'));
  const statement = oneStatement(cursor)
  cursor.finish()
  return { statement, bindings: cursor.bindings }
}

type Parser = (cursor: Cursor, at: Place) => Statement

const STATEMENTS: Readonly<Record<string, Parser>> = {
  USE: use,
  BEGIN: (cursor, at) => transaction(cursor, 'begin', at),
  COMMIT: (cursor, at) => transaction(cursor, 'commit', at),
  ROLLBACK: (cursor, at) => transaction(cursor, 'rollback', at),
  CREATE: parseCreate,
  ALTER: parseAlter,
  COMMENT: parseComment,
  GRANT: (cursor, at) => parseGrant(cursor, 'grant', at),
  REVOKE: (cursor, at) => parseGrant(cursor, 'revoke', at),
  SHOW: show,
  DESCRIBE: describe,
  DESC: describe,
  DROP: drop,
  LIST: (cursor, at) => files(cursor, 'list', at),
  LS: (cursor, at) => files(cursor, 'list', at),
  REMOVE: (cursor, at) => files(cursor, 'remove', at),
  RM: (cursor, at) => files(cursor, 'remove', at),
  COPY: parseCopy,
  INSERT: parseInsert,
  DELETE: parseDelete,
  UPDATE: parseUpdate,
  MERGE: parseMerge,
  TRUNCATE: parseTruncate,
}

function oneStatement(cursor: Cursor): Statement {
  const at = cursor.place
  const first = cursor.peek()
  if (cursor.sees('SELECT') || cursor.sees('WITH') || cursor.sees('VALUES') || cursor.seesOperator('(')) {
    return { kind: 'query', query: parseQuery(cursor), at }
  }
  if (cursor.accept('START', 'TRANSACTION')) return { kind: 'transaction', action: 'begin', at }
  const parser = first.kind === 'word' && Object.hasOwn(STATEMENTS, first.text) ? STATEMENTS[first.text] : undefined
  if (parser === undefined) cursor.fail()
  cursor.take()
  return parser(cursor, at)
}

function use(cursor: Cursor, at: Place): Statement {
  if (cursor.accept('SECONDARY', 'ROLES')) {
    cursor.oneOf('ALL', 'NONE')
    return { kind: 'use', what: 'SECONDARY ROLES', name: null, at }
  }
  for (const what of ['DATABASE', 'SCHEMA', 'WAREHOUSE', 'ROLE'] as const) {
    if (cursor.sees(what) && cursor.peek(1).kind !== 'end') {
      cursor.take()
      return { kind: 'use', what, name: cursor.objectName(what === 'SCHEMA' ? 2 : 1), at }
    }
  }
  return { kind: 'use', what: null, name: cursor.objectName(2), at }
}

function transaction(cursor: Cursor, action: 'begin' | 'commit' | 'rollback', at: Place): Statement {
  if (!cursor.accept('TRANSACTION')) cursor.accept('WORK')
  return { kind: 'transaction', action, at }
}

function show(cursor: Cursor, at: Place): Statement {
  if (cursor.accept('GRANTS')) return parseShowGrants(cursor, at)
  const terse = cursor.accept('TERSE')
  const what = shownKind(cursor)
  const like = cursor.accept('LIKE') ? cursor.string() : null
  const within: ShowScope = cursor.accept('IN') ? scope(cursor, what === 'COLUMNS') : { kind: 'session' }
  const startsWith = cursor.accept('STARTS', 'WITH') ? cursor.string() : null
  const limit = cursor.accept('LIMIT') ? cursor.integer() : null
  const after = limit !== null && cursor.accept('FROM') ? cursor.string() : null
  return { kind: 'show', what, terse, like, within, startsWith, limit, after, at }
}

function scope(cursor: Cursor, tables: boolean): ShowScope {
  if (cursor.accept('ACCOUNT')) return { kind: 'account' }
  if (cursor.accept('SESSION')) return { kind: 'session' }
  const name = (most: number): ObjectName | null => (cursor.seesAlias && !cursor.sees('STARTS') ? cursor.objectName(most) : null)
  if (cursor.accept('DATABASE')) return { kind: 'database', name: name(1) }
  if (cursor.accept('SCHEMA')) return { kind: 'schema', name: name(2) }
  if (tables && (cursor.accept('TABLE') || cursor.accept('VIEW'))) return { kind: 'table', name: cursor.objectName() }
  return { kind: tables ? 'table' : 'either', name: cursor.objectName(tables ? 3 : 2) }
}

function describe(cursor: Cursor, at: Place): Statement {
  const what = objectKind(cursor)
  return { kind: 'describe', what, name: cursor.objectName(), at }
}

function drop(cursor: Cursor, at: Place): Statement {
  const what = objectKind(cursor)
  const ifExists = cursor.accept('IF', 'EXISTS')
  const name = cursor.objectName()
  const restrict = cursor.accept('RESTRICT')
  if (!restrict) cursor.accept('CASCADE')
  return { kind: 'drop', what, name, ifExists, restrict, at }
}

function files(cursor: Cursor, kind: 'list' | 'remove', at: Place): Statement {
  const stage = stagePath(cursor)
  let pattern: string | null = null
  if (cursor.accept('PATTERN')) {
    cursor.expectOperator('=')
    pattern = cursor.string()
  }
  return { kind, stage, pattern, at }
}
