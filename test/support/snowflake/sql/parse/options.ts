/** `NAME = value` lists of DDL, held to a table of the names that an object has. */
import type { ObjectName } from '../ast.ts'
import { syntaxError } from '../errors.ts'
import type { Cursor } from './cursor.ts'

export type OptionValue = string | number | boolean | ObjectName | OptionMap | readonly string[]
export interface OptionMap extends ReadonlyMap<string, OptionValue> {}

export type OptionTable = { readonly [name: string]: OptionShape }
type OptionShape =
  | 'boolean'
  | 'string'
  | 'integer'
  | 'name'
  | 'name-or-string'
  | 'strings'
  | { readonly words: readonly string[] }
  | { readonly options: OptionTable }

/** Takes options as long as the next word is one of the table's; one that comes twice is a syntax error. */
export function parseOptions(cursor: Cursor, table: OptionTable, into = new Map<string, OptionValue>()): OptionMap {
  for (;;) {
    const mark = cursor.mark()
    const token = cursor.peek()
    const shape = token.kind === 'word' && Object.hasOwn(table, token.text) ? table[token.text] : undefined
    if (shape === undefined || !cursor.seesOperator('=', 1)) return into
    if (into.has(token.text)) throw syntaxError(token)
    cursor.take()
    cursor.take()
    into.set(token.text, optionValue(cursor, shape))
    if (cursor.seesOperator(',') && inTable(cursor, table)) cursor.take()
    if (cursor.mark() === mark) return into
  }
}

const inTable = (cursor: Cursor, table: OptionTable): boolean =>
  cursor.peek(1).kind === 'word' && Object.hasOwn(table, cursor.peek(1).text) && cursor.seesOperator('=', 2)

function optionValue(cursor: Cursor, shape: OptionShape): OptionValue {
  if (typeof shape === 'object') {
    if ('words' in shape) {
      const token = cursor.peek()
      if ((token.kind !== 'word' && token.kind !== 'string') || !shape.words.includes(token.text.toUpperCase())) cursor.fail()
      return cursor.take().text.toUpperCase()
    }
    cursor.expectOperator('(')
    const options = parseOptions(cursor, shape.options)
    cursor.expectOperator(')')
    return options
  }
  switch (shape) {
    case 'boolean':
      return cursor.boolean()
    case 'string':
      return cursor.string()
    case 'integer':
      return cursor.integer()
    case 'name':
      return cursor.objectName()
    case 'name-or-string':
      return cursor.peek().kind === 'string' ? cursor.string() : cursor.objectName()
    case 'strings':
      return strings(cursor)
    default:
      return shape satisfies never
  }
}

/** Also none: `()`. */
function strings(cursor: Cursor): readonly string[] {
  if (!cursor.seesOperator(')', 1)) return cursor.list(() => cursor.string())
  cursor.expectOperator('(')
  cursor.expectOperator(')')
  return []
}

const FORMAT_OPTIONS: OptionTable = {
  TYPE: { words: ['PARQUET', 'ORC', 'CSV', 'JSON'] },
  COMPRESSION: { words: ['AUTO', 'SNAPPY', 'LZO', 'NONE', 'GZIP', 'ZSTD'] },
  SNAPPY_COMPRESSION: 'boolean',
  BINARY_AS_TEXT: 'boolean',
  USE_LOGICAL_TYPE: 'boolean',
  USE_VECTORIZED_SCANNER: 'boolean',
  TRIM_SPACE: 'boolean',
  REPLACE_INVALID_CHARACTERS: 'boolean',
  NULL_IF: 'strings',
  FIELD_DELIMITER: 'string',
  SKIP_HEADER: 'integer',
}

export const FILE_FORMAT: OptionTable = { ...FORMAT_OPTIONS, COMMENT: 'string' }
export const FILE_FORMAT_CLAUSE: OptionTable = { FORMAT_NAME: 'name-or-string', ...FORMAT_OPTIONS }

export const STAGE: OptionTable = {
  URL: 'string',
  ENDPOINT: 'string',
  STORAGE_INTEGRATION: 'name',
  CREDENTIALS: { options: { AWS_KEY_ID: 'string', AWS_SECRET_KEY: 'string', AWS_TOKEN: 'string', AWS_ROLE: 'string' } },
  ENCRYPTION: {
    options: { TYPE: { words: ['AWS_CSE', 'AWS_SSE_S3', 'AWS_SSE_KMS', 'NONE'] }, MASTER_KEY: 'string', KMS_KEY_ID: 'string' },
  },
  DIRECTORY: { options: { ENABLE: 'boolean', AUTO_REFRESH: 'boolean', REFRESH_ON_CREATE: 'boolean' } },
  FILE_FORMAT: { options: FILE_FORMAT_CLAUSE },
  COMMENT: 'string',
}

export const EXTERNAL_TABLE: OptionTable = {
  PARTITION_TYPE: { words: ['USER_SPECIFIED'] },
  REFRESH_ON_CREATE: 'boolean',
  AUTO_REFRESH: 'boolean',
  PATTERN: 'string',
  FILE_FORMAT: { options: FILE_FORMAT_CLAUSE },
  COMMENT: 'string',
}

export const COPY_INTO: OptionTable = {
  FILE_FORMAT: { options: FILE_FORMAT_CLAUSE },
  OVERWRITE: 'boolean',
  SINGLE: 'boolean',
  MAX_FILE_SIZE: 'integer',
  INCLUDE_QUERY_ID: 'boolean',
  DETAILED_OUTPUT: 'boolean',
  HEADER: 'boolean',
}

export const CONTAINER: OptionTable = { COMMENT: 'string', DATA_RETENTION_TIME_IN_DAYS: 'integer' }
export const COMMENT_ONLY: OptionTable = { COMMENT: 'string' }

export const optionText = (options: OptionMap, name: string): string | null => {
  const value = options.get(name)
  return typeof value === 'string' ? value : null
}
export const optionFlag = (options: OptionMap, name: string): boolean | null => {
  const value = options.get(name)
  return typeof value === 'boolean' ? value : null
}
export const optionNumber = (options: OptionMap, name: string): number | null => {
  const value = options.get(name)
  return typeof value === 'number' ? value : null
}
export const optionMap = (options: OptionMap, name: string): OptionMap | null => {
  const value = options.get(name)
  return value instanceof Map ? (value as OptionMap) : null
}
export const optionTexts = (options: OptionMap, name: string): readonly string[] | null => {
  const value = options.get(name)
  return Array.isArray(value) ? value : null
}
export const optionName = (options: OptionMap, name: string): ObjectName | null => {
  const value = options.get(name)
  return typeof value === 'object' && 'parts' in value ? value : null
}
