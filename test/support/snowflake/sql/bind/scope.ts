/** What names mean at a place of a query. */

import type { Binding } from '../../engine.ts'
import type { Expression, Name, ObjectName, StagePath } from '../ast.ts'
import { ambiguousColumn, invalidIdentifier } from '../errors.ts'
import { quoteIfNeeded } from '../parse/cursor.ts'
import type { OutputFormats } from './cast.ts'
import type { Bound } from './value.ts'

export type RelationColumn = {
  readonly name: string
  readonly value: Bound
  /** Not part of `*`: METADATA$FILENAME, and the right side of USING. */
  readonly hidden: boolean
}

export type ScopeRelation = {
  readonly alias: string | null
  /** Database, schema and name of a table that has no alias. */
  readonly path: readonly string[]
  readonly columns: readonly RelationColumn[]
}

/** A bound query: its columns are `c0`, `c1`, … in its SQL. */
export type BoundQuery = { readonly sql: string; readonly columns: readonly QueryColumn[] }
export type QueryColumn = { readonly name: string; readonly value: Bound }

/** A relation as SQL that can stand behind FROM, and its columns by their names there. */
export type RelationSource = {
  readonly sql: string
  readonly path: readonly string[]
  readonly columns: readonly (RelationColumn & { readonly column: string })[]
}

/** What a query may ask of the world: relations, functions of the session, constants. All is known before binding begins. */
export interface BindContext {
  readonly formats: OutputFormats
  readonly bindings: readonly Binding[]
  readonly now: Date
  /** CURRENT_USER and its like by name; null when there is no such function. */
  sessionValue(name: string): { readonly text: string | null } | null
  relation(name: ObjectName): RelationSource
  tableFunction(name: string, constants: ReadonlyMap<string, string>, positional: readonly string[]): RelationSource | null
  stage(path: StagePath, options: ReadonlyMap<string, string>): RelationSource
  /** A number that no other name of this statement has. */
  next(): number
}

export type Scope = {
  readonly context: BindContext
  readonly relations: readonly ScopeRelation[]
  /** Columns of USING by name. */
  readonly merged: ReadonlyMap<string, Bound>
  /** Names of the select list, for clauses that may use them. */
  readonly aliases: ReadonlyMap<string, Expression>
  readonly tables: ReadonlyMap<string, CommonTableSource>
  readonly parent: Scope | null
}

/** A WITH query: the name that it has in DuckDB's statement, and its columns. */
export type CommonTableSource = { readonly duckName: string; readonly columns: readonly QueryColumn[] }

export const emptyScope = (context: BindContext, parent: Scope | null = null): Scope => ({
  context,
  relations: [],
  merged: new Map(),
  aliases: new Map(),
  tables: parent?.tables ?? new Map(),
  parent,
})

/** The column of the name, or null; throws 002028 when several relations have it. */
export function findColumn(scope: Scope, parts: readonly Name[]): Bound | null {
  const name = parts.at(-1)
  if (name === undefined) return null
  if (parts.length === 1) {
    const merged = scope.merged.get(name.text)
    if (merged !== undefined) return merged
  }
  const qualifier = parts.slice(0, -1)
  const found = scope.relations
    .filter((relation) => qualifier.length === 0 || isNamed(relation, qualifier))
    .flatMap(({ columns }) => columns.filter((column) => column.name === name.text))
  if (found.length > 1) throw ambiguousColumn(quoteIfNeeded(name), name.at)
  return found[0]?.value ?? null
}

/** True when the name means the relation: its alias, or the end of its path. */
export function isNamed({ alias, path }: ScopeRelation, qualifier: readonly Name[]): boolean {
  if (alias !== null) return qualifier.length === 1 && qualifier[0]?.text === alias
  if (qualifier.length > path.length) return false
  return qualifier.every(({ text }, index) => text === path[path.length - qualifier.length + index])
}

export function unknownColumn(parts: readonly Name[]): Error {
  const [first] = parts
  const place = first?.at ?? { line: 1, position: 0 }
  return invalidIdentifier(parts.map(quoteIfNeeded).join('.'), place)
}
