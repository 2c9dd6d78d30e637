/** CREATE TABLE and CREATE VIEW. */
import type { StatementResult } from '../../engine.ts'
import { castTo } from '../bind/cast.ts'
import type { QueryColumn } from '../bind/scope.ts'
import { securable, type Table, type TableColumnDef, type View } from '../catalogue/objects.ts'
import { duplicateColumn, invalidParameter, wrongObjectKind } from '../errors.ts'
import { nameText, quoteIfNeeded } from '../parse/cursor.ts'
import { optionText } from '../parse/options.ts'
import { boundQuery, rowPolicyColumns } from '../resolve.ts'
import { type Run, status } from '../run.ts'
import { formatsOf } from '../session-state.ts'
import type { StatementOf, TableColumn } from '../statement.ts'
import { duckType, type SqlType, text } from '../types.ts'
import { created, firstGrants, placeFor, taken } from './create.ts'

/** NULL's own type is text in a table. */
const stored = (type: SqlType): SqlType => (type.kind === 'null' ? text() : type)

export async function createTable(run: Run, statement: StatementOf<'create-table'>): Promise<StatementResult> {
  const { schema, name } = placeFor(run, statement, 'CREATE TABLE')
  const found = taken(run, statement, schema.relations.get(name))
  if (found === 'keep') return status(`${name} already exists, statement succeeded.`)
  if (found !== 'none' && found.kind !== 'TABLE') throw wrongObjectKind(nameText(statement.name), found.kind, 'TABLE')
  const query = statement.query === null ? null : await boundQuery(run, statement.query)
  const columns = columnsFor(run, statement, query?.columns ?? null)
  const duck = `t${run.engine.account.next()}`
  await run.connection.run(
    `CREATE TABLE ${duck}(${columns.map((column) => `${column.duck} ${duckType(column.type)}`).join(', ')})`,
    run.signal,
  )
  try {
    if (query !== null) {
      const context = { at: statement.at, formats: formatsOf(run.session.parameters) }
      const cells = columns.map(({ type }, index) => {
        const from = query.columns[index]?.value
        return from === undefined ? 'NULL' : castTo({ ...from, sql: `q.c${index}` }, type, context).sql
      })
      await run.connection.run(`INSERT INTO ${duck} SELECT ${cells.join(', ')} FROM (${query.sql}) q`, run.signal)
    }
  } catch (error) {
    await run.connection.run(`DROP TABLE ${duck}`, run.signal)
    throw error
  }
  const replaced = found === 'none' ? null : found
  const made: Table = {
    ...securable('TABLE', name, run.session.role, run.now, optionText(statement.options, 'COMMENT') ?? ''),
    schema,
    columns,
    duck,
    persistence: statement.persistence,
    rowPolicy: null,
  }
  made.grants = firstGrants(run, schema, 'TABLE', statement.copyGrants ? replaced : null)
  if (replaced !== null) await run.connection.run(`DROP TABLE ${replaced.duck}`, run.signal)
  if (made.persistence === 'temporary') run.session.temporary.add(made)
  schema.relations.set(name, made)
  return created('Table', name)
}

function columnsFor(run: Run, statement: StatementOf<'create-table'>, query: readonly QueryColumn[] | null): TableColumnDef[] {
  if (statement.like !== null) {
    const like = run.names.relation(statement.like)
    if (like.kind !== 'TABLE') throw wrongObjectKind(nameText(statement.like), like.kind, 'TABLE')
    run.access.demand(like, 'SELECT')
    return like.columns.map((column, index) => ({ ...column, duck: `c${index}` }))
  }
  const given = statement.columns
  if (query !== null && given.length > 0 && given.length !== query.length)
    throw invalidParameter(`Invalid column definition list: ${given.length} columns, the query has ${query.length}`)
  const columns =
    given.length > 0
      ? given.map(tableColumnDef)
      : (query ?? []).map(({ name, value }, index) => ({
          ...NO_EXTRAS,
          name,
          type: stored(value.type),
          nullable: true,
          duck: `c${index}`,
        }))
  const names = new Set<string>()
  for (const { name } of columns) {
    if (names.has(name)) throw duplicateColumn(quoteIfNeeded({ text: name }))
    names.add(name)
  }
  return columns
}

const NO_EXTRAS = { comment: '', fallback: null, mask: null }

export const tableColumnDef = ({ name, type, nullable, comment, fallback }: TableColumn, index: number): TableColumnDef => ({
  name: name.text,
  type,
  nullable,
  comment: comment ?? '',
  fallback,
  duck: `c${index}`,
  mask: null,
})

export async function createView(run: Run, statement: StatementOf<'create-view'>): Promise<StatementResult> {
  const { schema, name } = placeFor(run, statement, 'CREATE VIEW')
  const found = taken(run, statement, schema.relations.get(name))
  if (found === 'keep') return status(`${name} already exists, statement succeeded.`)
  if (found !== 'none' && found.kind !== 'VIEW') throw wrongObjectKind(nameText(statement.name), found.kind, 'VIEW')
  const query = await boundQuery(run, statement.query)
  const { columns: given } = statement
  if (given.length > 0 && given.length !== query.columns.length) {
    throw invalidParameter(`Invalid column definition list: view columns ${given.length}, query columns ${query.columns.length}`)
  }
  const columns = query.columns.map(({ name: own, value }, index) => ({
    name: given[index]?.name.text ?? own,
    type: value.type,
    nullable: value.nullable,
    comment: given[index]?.comment ?? '',
    mask: given[index]?.mask ? run.names.policy(given[index].mask) : null,
  }))
  const names = new Set<string>()
  for (const column of columns) {
    if (names.has(column.name)) throw duplicateColumn(quoteIfNeeded({ text: column.name }))
    names.add(column.name)
  }
  const replaced = found === 'none' ? null : found
  const made: View = {
    ...securable('VIEW', name, run.session.role, run.now, optionText(statement.options, 'COMMENT') ?? ''),
    schema,
    columns,
    query: statement.query,
    text: statement.text,
    secure: statement.secure,
    temporary: statement.temporary,
    rowPolicy: null,
  }
  made.grants = firstGrants(run, schema, 'VIEW', statement.copyGrants ? replaced : null)
  for (const policy of statement.policies) {
    made.rowPolicy = run.names.policy(policy.name)
    rowPolicyColumns.set(
      made,
      policy.columns.map((each) => each.text),
    )
  }
  if (made.temporary) run.session.temporary.add(made)
  schema.relations.set(name, made)
  return created('View', name)
}
