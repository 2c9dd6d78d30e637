/** INSERT, UPDATE, DELETE, MERGE on ordinary tables. */
import { SqlError, type StatementResult } from '../../engine.ts'
import type { Expression, Name, ObjectName, QueryBody } from '../ast.ts'
import { castTo } from '../bind/cast.ts'
import { bindExpression } from '../bind/expression.ts'
import { bindFrom } from '../bind/from.ts'
import { bindQuery } from '../bind/query.ts'
import { type BindContext, emptyScope, type Scope } from '../bind/scope.ts'
import { type Bound, bound, failure } from '../bind/value.ts'
import { qualifiedName, type Table, type TableColumnDef } from '../catalogue/objects.ts'
import { columnCount, invalidIdentifier, wrongObjectKind } from '../errors.ts'
import { nameText, quoteIfNeeded } from '../parse/cursor.ts'
import { contextFor } from '../resolve.ts'
import { type Run, STATEMENT } from '../run.ts'
import { formatsOf } from '../session-state.ts'
import type { Assignment, MergeBranch, StatementOf } from '../statement.ts'
import { BOOLEAN, number } from '../types.ts'
import { tableResult } from '../wire.ts'

function tableFor(run: Run, name: ObjectName, privilege: string): Table {
  const found = run.names.relation(name)
  if (found.kind !== 'TABLE') throw wrongObjectKind(nameText(name), found.kind, 'TABLE')
  run.access.demand(found, privilege)
  return found
}

const columnOf = (table: Table, { text, at }: Name): TableColumnDef => {
  const found = table.columns.find(({ name }) => name === text)
  if (found === undefined) throw invalidIdentifier(quoteIfNeeded({ text }), at)
  return found
}

const counts = (kinds: readonly (readonly [name: string, count: string | number])[], type: number): StatementResult =>
  tableResult(
    kinds.map(([name]) => [name, number(38)] as const),
    [kinds.map(([, count]) => String(count))],
    type,
  )

/** The value as the column takes it; NULL in a column that has none fails with the column's name. */
function stored(run: Run, column: TableColumnDef, value: Bound, at: Expression['at']): string {
  const { sql } = castTo(value, column.type, { at, formats: formatsOf(run.session.parameters) })
  if (column.nullable) return sql
  return `CASE WHEN ${sql} IS NULL THEN ${failure('100072', '22000', `NULL result in a non-nullable column: ${column.name}`)} ELSE ${sql} END`
}

const START = { line: 1, position: 0 }

export async function insert(run: Run, statement: StatementOf<'insert'>): Promise<StatementResult> {
  const table = tableFor(run, statement.table, 'INSERT')
  const context = await contextFor(
    run,
    statement.query,
    table.columns.map(({ fallback }) => fallback),
  )
  const query = bindQuery(statement.query, emptyScope(context))
  const targets = statement.columns.length === 0 ? table.columns : statement.columns.map((name) => columnOf(table, name))
  if (targets.length !== query.columns.length) throw columnCount(targets.length, query.columns.length)
  const cells = targets.map((column, index) =>
    stored(
      run,
      column,
      { ...(query.columns[index]?.value ?? bound('NULL', { kind: 'null' })), sql: `q.c${index}` },
      statement.at,
    ),
  )
  const others = table.columns.filter((column) => !targets.includes(column))
  const defaults = others.map((column) => stored(run, column, fallbackOf(column, context), statement.at))
  if (statement.overwrite) await run.connection.run(`DELETE FROM ${table.duck}`, run.signal)
  const names = [...targets, ...others].map(({ duck }) => duck)
  const result = await run.connection.run(
    `INSERT INTO ${table.duck}(${names.join(', ')}) SELECT ${[...cells, ...defaults].join(', ')} FROM (${query.sql}) q`,
    run.signal,
  )
  return counts([['number of rows inserted', result.rowsChanged]], STATEMENT.insert)
}

const fallbackOf = ({ fallback }: TableColumnDef, context: BindContext): Bound =>
  fallback === null ? bound('NULL', { kind: 'null' }) : bindExpression(fallback, emptyScope(context))

/** The target as `r<n>` and, beside it, the relations that the statement brings. */
function targetScope(table: Table, alias: Name | null, context: BindContext): { readonly name: string; readonly scope: Scope } {
  const name = `r${context.next()}`
  const columns = table.columns.map(({ name: column, type, nullable, duck }) => ({
    name: column,
    value: bound(`${name}.${duck}`, type, nullable),
    hidden: false,
  }))
  const relation = { alias: alias?.text ?? null, path: alias === null ? qualifiedName(table).split('.') : [], columns }
  return { name, scope: { ...emptyScope(context), relations: [relation] } }
}

function withSource(body: QueryBody | null, scope: Scope): { readonly sql: string; readonly scope: Scope } {
  if (body === null || body.kind !== 'select') return { sql: '', scope }
  const from = bindFrom(body.from, emptyScope(scope.context))
  return {
    sql: from.sql,
    scope: { ...scope, relations: [...scope.relations, ...from.scope.relations], merged: from.scope.merged },
  }
}

function condition(value: Expression | null, scope: Scope): string {
  if (value === null) return 'true'
  return castTo(bindExpression(value, scope), BOOLEAN, { at: value.at, formats: scope.context.formats }).sql
}

export async function deleteRows(run: Run, statement: StatementOf<'delete'>): Promise<StatementResult> {
  const table = tableFor(run, statement.table, 'DELETE')
  const context = await contextFor(run, statement.using, statement.where)
  const target = targetScope(table, statement.alias, context)
  const source = withSource(statement.using, target.scope)
  const join = source.sql === '' ? '' : ` CROSS JOIN ${source.sql}`
  const rows = `SELECT ${target.name}.rowid FROM ${table.duck} ${target.name}${join} WHERE ${condition(statement.where, source.scope)}`
  const result = await run.connection.run(`DELETE FROM ${table.duck} WHERE rowid IN (${rows})`, run.signal)
  return counts([['number of rows deleted', result.rowsChanged]], STATEMENT.delete)
}

export async function updateRows(run: Run, statement: StatementOf<'update'>): Promise<StatementResult> {
  const table = tableFor(run, statement.table, 'UPDATE')
  const context = await contextFor(run, statement.set, statement.from, statement.where)
  const target = targetScope(table, statement.alias, context)
  const source = withSource(statement.from, target.scope)
  const set = assigned(run, table, statement.set, source.scope)
  const join = source.sql === '' ? '' : ` CROSS JOIN ${source.sql}`
  const list = set.map(({ sql }, index) => `${sql} AS v${index}`)
  const rows = `SELECT ${target.name}.rowid AS id, ${list.join(', ')} FROM ${table.duck} ${target.name}${join} WHERE ${condition(statement.where, source.scope)}`
  const changes = set.map(({ column }, index) => `${column.duck} = u.v${index}`).join(', ')
  const result = await run.connection.run(
    `UPDATE ${table.duck} SET ${changes} FROM (${rows}) u WHERE ${table.duck}.rowid = u.id`,
    run.signal,
  )
  return counts(
    [
      ['number of rows updated', result.rowsChanged],
      ['number of multi-joined rows updated', 0],
    ],
    STATEMENT.update,
  )
}

const assigned = (run: Run, table: Table, set: readonly Assignment[], scope: Scope) =>
  set.map(({ column, value }) => {
    const found = columnOf(table, column)
    return { column: found, sql: stored(run, found, bindExpression(value, scope), value.at) }
  })

const ACTIONS = { insert: 'INSERT', update: 'UPDATE', delete: 'DELETE' } as const

export async function merge(run: Run, statement: StatementOf<'merge'>): Promise<StatementResult> {
  const kinds = [...new Set(statement.branches.map(({ action }) => action.kind))]
  const [first = 'insert'] = kinds
  const table = tableFor(run, statement.table, ACTIONS[first])
  for (const kind of kinds) run.access.demand(table, ACTIONS[kind])
  const context = await contextFor(run, statement)
  const target = targetScope(table, statement.alias, context)
  const source = withSource(statement.using, target.scope)
  const on = condition(statement.on, source.scope)
  const sourceOnly: Scope = { ...source.scope, relations: source.scope.relations.slice(1) }
  if (statement.branches.some(({ matched }) => matched)) await refuseDuplicates(run, table, target.name, source.sql, on)
  const branches = statement.branches.map((branch) => branchSql(run, table, branch, branch.matched ? source.scope : sourceOnly))
  // DuckDB's MERGE takes one relation: joins are not merged from here.
  const sql = `MERGE INTO ${table.duck} AS ${target.name} USING ${source.sql} ON (${on}) ${branches.join(' ')} RETURNING merge_action`
  const done = await run.connection.texts(sql, run.signal)
  const count = (word: string) => done.filter(([action]) => action === word).length
  return counts(
    (['insert', 'update', 'delete'] as const)
      .filter((kind) => kinds.includes(kind))
      .map(
        (kind) =>
          [`number of rows ${{ insert: 'inserted', update: 'updated', delete: 'deleted' }[kind]}`, count(ACTIONS[kind])] as const,
      ),
    STATEMENT.merge,
  )
}

/** A row of the target that several rows of the source match: ERROR_ON_NONDETERMINISTIC_MERGE. */
async function refuseDuplicates(run: Run, table: Table, target: string, source: string, on: string): Promise<void> {
  const sql = `SELECT 1 FROM ${table.duck} ${target} JOIN ${source} ON (${on}) GROUP BY ${target}.rowid HAVING count(*) > 1 LIMIT 1`
  if ((await run.connection.texts(sql, run.signal)).length > 0)
    throw new SqlError('100090', '42P18', 'Duplicate row detected during DML action')
}

function branchSql(run: Run, table: Table, { matched, condition: also, action }: MergeBranch, scope: Scope): string {
  const when = `WHEN ${matched ? 'MATCHED' : 'NOT MATCHED'}${also === null ? '' : ` AND (${condition(also, scope)})`} THEN`
  switch (action.kind) {
    case 'delete':
      return `${when} DELETE`
    case 'update':
      return `${when} UPDATE SET ${assigned(run, table, action.set, scope)
        .map(({ column, sql }) => `${column.duck} = ${sql}`)
        .join(', ')}`
    case 'insert': {
      const targets = action.columns.length === 0 ? table.columns : action.columns.map((name) => columnOf(table, name))
      if (targets.length !== action.values.length) throw columnCount(targets.length, action.values.length)
      const others = table.columns.filter((column) => !targets.includes(column))
      const values = [
        ...targets.map((column, index) => {
          const value = action.values[index]
          return value === undefined ? 'NULL' : stored(run, column, bindExpression(value, scope), value.at)
        }),
        ...others.map((column) => stored(run, column, fallbackOf(column, scope.context), START)),
      ]
      return `${when} INSERT (${[...targets, ...others].map(({ duck }) => duck).join(', ')}) VALUES (${values.join(', ')})`
    }
    default:
      return action satisfies never
  }
}
