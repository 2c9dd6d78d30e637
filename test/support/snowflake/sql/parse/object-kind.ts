/** The kinds of objects as statements name them, in the singular and in the plural. */
import type { ObjectKind, ShowKind } from '../statement.ts'
import type { Cursor } from './cursor.ts'

const KINDS: readonly ObjectKind[] = [
  'MASKING POLICY',
  'ROW ACCESS POLICY',
  'EXTERNAL TABLE',
  'FILE FORMAT',
  'DATABASE',
  'SCHEMA',
  'TABLE',
  'VIEW',
  'STAGE',
  'WAREHOUSE',
  'INTEGRATION',
  'ROLE',
  'USER',
]

const PLURALS: readonly (readonly [string, ObjectKind])[] = [
  ['EXTERNAL TABLES', 'EXTERNAL TABLE'],
  ['FILE FORMATS', 'FILE FORMAT'],
  ['SCHEMAS', 'SCHEMA'],
  ['TABLES', 'TABLE'],
  ['VIEWS', 'VIEW'],
  ['STAGES', 'STAGE'],
]

const SHOWN: readonly ShowKind[] = [
  'MASKING POLICIES',
  'ROW ACCESS POLICIES',
  'EXTERNAL TABLES',
  'FILE FORMATS',
  'USER FUNCTIONS',
  'DATABASES',
  'SCHEMAS',
  'OBJECTS',
  'TABLES',
  'VIEWS',
  'STAGES',
  'WAREHOUSES',
  'INTEGRATIONS',
  'ROLES',
  'COLUMNS',
  'PARAMETERS',
]

export function objectKind(cursor: Cursor): ObjectKind {
  cursor.accept('STORAGE')
  const found = KINDS.find((kind) => cursor.accept(...kind.split(' ')))
  return found ?? cursor.fail()
}

export function objectKinds(cursor: Cursor): ObjectKind {
  const found = PLURALS.find(([words]) => cursor.accept(...words.split(' ')))
  return found?.[1] ?? cursor.fail()
}

export function shownKind(cursor: Cursor): ShowKind {
  if (cursor.sees('STORAGE', 'INTEGRATIONS')) cursor.take()
  const found = SHOWN.find((kind) => cursor.accept(...kind.split(' ')))
  return found ?? cursor.fail()
}
