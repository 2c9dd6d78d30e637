/** Snowflake's error answers: code, SQL state and words of a compilation or an execution that failed. */
import { SqlError } from '../engine.ts'
import type { Token } from './lex.ts'

const compilation = (code: string, sqlState: string, text: string): SqlError =>
  new SqlError(code, sqlState, `SQL compilation error:\n${text}`)

export function syntaxError(token: Pick<Token, 'raw' | 'line' | 'position'>): SqlError {
  const where = `syntax error line ${token.line} at position ${token.position}`
  return compilation('001003', '42000', `${where} unexpected '${token.raw === '' ? '<EOF>' : token.raw}'.`)
}

/** The place of a token in words, as messages about names begin. */
export const errorAt = (at: Place): string => `error line ${at.line} at position ${at.position}`

export type Place = { readonly line: number; readonly position: number }

export const invalidIdentifier = (name: string, at: Place): SqlError =>
  compilation('000904', '42000', `${errorAt(at)}\ninvalid identifier '${name}'`)

export const ambiguousColumn = (name: string, at: Place): SqlError =>
  compilation('002028', '42601', `${errorAt(at)}\nambiguous column name '${name}'`)

export const unknownFunction = (name: string): SqlError => compilation('002140', '42601', `Unknown function ${name}`)

export const unknownTableFunction = (name: string): SqlError =>
  compilation('002141', '42601', `Unknown user-defined table function ${name}`)

export const wrongArguments = (name: string, count: string, at: Place): SqlError =>
  compilation('000938', '22023', `${errorAt(at)}\nnot enough or too many arguments for function [${name}] expected ${count}`)

export const invalidArgumentTypes = (name: string, types: readonly string[], at: Place): SqlError =>
  compilation('001044', '42P13', `${errorAt(at)}\nInvalid argument types for function '${name}': (${types.join(', ')})`)

export const invalidParameter = (text: string): SqlError => compilation('001008', '22023', text)

/** A value or a clause that the statement cannot have. */
export const invalidValue = (value: string, property: string): SqlError =>
  compilation('001006', '22023', `invalid value [${value}] for parameter '${property}'`)

export const invalidProperty = (property: string, object: string): SqlError =>
  compilation('001423', '22023', `invalid property '${property}' for '${object}'`)

export const notSupported = (text: string): SqlError => new SqlError('000002', '0A000', `Unsupported feature '${text}'.`)

export const doesNotExist = (kind: string, name: string): SqlError =>
  compilation('002003', '02000', `${kind} '${name}' does not exist or not authorized.`)

/** A table or view in a query: the same code with the SQL state of a query. */
export const relationDoesNotExist = (name: string): SqlError =>
  compilation('002003', '42S02', `Object '${name}' does not exist or not authorized.`)

export const noSuchPlace = (): SqlError =>
  compilation('002043', '02000', 'Object does not exist, or operation cannot be performed.')

export const alreadyExists = (name: string): SqlError => compilation('002002', '42710', `Object '${name}' already exists.`)

export const wrongObjectKind = (name: string, found: string, wanted: string): SqlError =>
  compilation('002203', '02000', `Object found is of type '${found}', not specified type '${wanted}': '${name}'`)

export const insufficientPrivileges = (kind: string, name: string): SqlError =>
  new SqlError('003001', '42501', `SQL access control error:\nInsufficient privileges to operate on ${kind} '${name}'`)

export const noDatabase = (): SqlError =>
  new SqlError(
    '090105',
    '22000',
    "Cannot perform operation. This session does not have a current database. Call 'USE DATABASE', or use a qualified name.",
  )

export const noSchema = (): SqlError =>
  new SqlError(
    '090106',
    '22000',
    "Cannot perform operation. This session does not have a current schema. Call 'USE SCHEMA', or use a qualified name.",
  )

export const noWarehouse = (): SqlError =>
  new SqlError(
    '000606',
    '57P03',
    "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' command.",
  )

export const notGrouped = (name: string): SqlError =>
  compilation('000979', '42601', `[${name}] is not a valid group by expression`)

export const columnCount = (expected: number, found: number): SqlError =>
  compilation('002020', '21S01', `Insert value list does not match column list expecting ${expected} but got ${found}`)

export const notNull = (name: string): SqlError =>
  new SqlError('100072', '22000', `NULL result in a non-nullable column: '${name}'`)

export const duplicateColumn = (name: string): SqlError => compilation('002025', '42S21', `duplicate column name '${name}'`)

export const incompatibleTypes = (found: string, expected: string, at: Place): SqlError =>
  compilation(
    '001065',
    '22023',
    `${errorAt(at)}\ninvalid type [${found}] for parameter or expression of expected type [${expected}]`,
  )

/** What DuckDB could not do, in the words of the endpoint: no value stands in it. */
export const executionFailed = (text: string): SqlError =>
  new SqlError('000603', 'XX000', `SQL execution internal error: ${text}`)
