/** GRANT, REVOKE, SHOW GRANTS. */
import type { Place } from '../errors.ts'
import type { Grantee, GrantTarget, Statement } from '../statement.ts'
import type { Cursor } from './cursor.ts'
import { objectKind, objectKinds } from './object-kind.ts'

/** Privileges as they are granted; what is not here is refused. */
const PRIVILEGES = [
  'CREATE EXTERNAL TABLE',
  'CREATE FILE FORMAT',
  'CREATE DATABASE',
  'CREATE INTEGRATION',
  'CREATE SCHEMA',
  'CREATE STAGE',
  'CREATE TABLE',
  'CREATE VIEW',
  'REFERENCES',
  'OWNERSHIP',
  'OPERATE',
  'MONITOR',
  'TRUNCATE',
  'MODIFY',
  'USAGE',
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'READ',
  'WRITE',
] as const

export function parseGrant(cursor: Cursor, kind: 'grant' | 'revoke', at: Place): Statement {
  const direction = kind === 'grant' ? 'TO' : 'FROM'
  if (cursor.accept('ROLE')) {
    const role = cursor.name()
    cursor.expect(direction)
    return { kind: `${kind}-role`, role, to: grantee(cursor), at }
  }
  const privileges = cursor.accept('ALL') ? everything(cursor) : cursor.series(() => privilege(cursor))
  cursor.expect('ON')
  const target = grantTarget(cursor)
  cursor.expect(direction)
  const to = grantee(cursor)
  if (cursor.accept('REVOKE', 'CURRENT', 'GRANTS') || cursor.accept('COPY', 'CURRENT', 'GRANTS'))
    return { kind, privileges, target, to, at }
  cursor.accept('WITH', 'GRANT', 'OPTION')
  return { kind, privileges, target, to, at }
}

function everything(cursor: Cursor): 'all' {
  cursor.accept('PRIVILEGES')
  return 'all'
}

function privilege(cursor: Cursor): string {
  const found = PRIVILEGES.find((each) => cursor.accept(...each.split(' ')))
  return found ?? cursor.fail()
}

function grantTarget(cursor: Cursor): GrantTarget {
  if (cursor.accept('ACCOUNT')) return { kind: 'object', object: 'ACCOUNT', name: null }
  const many = cursor.accept('ALL') ? 'all' : cursor.accept('FUTURE') ? 'future' : null
  if (many !== null) {
    const objects = objectKinds(cursor)
    cursor.expect('IN')
    const within = cursor.oneOf('SCHEMA', 'DATABASE')
    return { kind: many, objects, within, name: cursor.objectName() }
  }
  return { kind: 'object', object: objectKind(cursor), name: cursor.objectName() }
}

function grantee(cursor: Cursor): Grantee {
  const kind = cursor.accept('USER') ? 'USER' : 'ROLE'
  if (kind === 'ROLE') cursor.accept('ROLE')
  return { kind, name: cursor.name() }
}

export function parseShowGrants(cursor: Cursor, at: Place): Statement {
  const none = { kind: 'show-grants', on: null, to: null, of: null, at } as const
  if (cursor.accept('ON')) return { ...none, on: grantTarget(cursor) }
  if (cursor.accept('TO')) return { ...none, to: grantee(cursor) }
  if (cursor.accept('OF', 'ROLE')) return { ...none, of: cursor.name() }
  return none
}
