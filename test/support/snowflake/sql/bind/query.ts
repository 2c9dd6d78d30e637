/** Queries to DuckDB's text: every relation and column gets a name of its own there, so that Snowflake's rules alone decide what names mean. */
import type { Expression, OrderItem, Query, QueryBody } from '../ast.ts'
import { invalidParameter } from '../errors.ts'
import { duckType, type SqlType, sameType } from '../types.ts'
import { direction } from './call.ts'
import { castTo } from './cast.ts'
import { bindExpression } from './expression.ts'
import { commonType } from './operators.ts'
import { type BoundQuery, type CommonTableSource, emptyScope, type QueryColumn, type Scope } from './scope.ts'
import { bindSelect } from './select.ts'
import { type Bound, bound } from './value.ts'

/** `scope` holds what the query may see from outside: common tables and, for a subquery, outer relations. */
export function bindQuery(query: Query, scope: Scope): BoundQuery {
  const tables = new Map<string, CommonTableSource>(scope.tables)
  const parts: string[] = []
  for (const { name, columns, query: inner } of query.with) {
    const made = bindQuery(inner, { ...scope, tables: new Map(tables) })
    if (columns.length > 0 && columns.length !== made.columns.length)
      throw invalidParameter(`'${name.text}' has ${made.columns.length} columns`)
    const duckName = `w${scope.context.next()}`
    tables.set(name.text, {
      duckName,
      columns: made.columns.map((column, index) => ({ ...column, name: columns[index]?.text ?? column.name })),
    })
    parts.push(`${duckName} AS (${made.sql})`)
  }
  const inner: Scope = { ...scope, tables }
  const { body } = query
  const tail = { order: query.order, limit: limitSql(query, inner) }
  const made = body.kind === 'select' ? bindSelect(body, inner, tail) : ordered(bindBody(body, inner), tail, inner)
  return parts.length === 0 ? made : { ...made, sql: `WITH ${parts.join(', ')} ${made.sql}` }
}

export type Tail = { readonly order: readonly OrderItem[]; readonly limit: string }

function limitSql({ limit, offset }: Query, scope: Scope): string {
  const rows = (value: Expression): string => {
    const made = bindExpression(value, emptyScope(scope.context))
    if (made.constant === null) return 'NULL'
    if (made.constant === undefined || !/^\d{1,15}$/.test(made.constant))
      throw invalidParameter('LIMIT and OFFSET need a whole number')
    return made.constant
  }
  return `${limit === null ? '' : ` LIMIT ${rows(limit)}`}${offset === null ? '' : ` OFFSET ${rows(offset)}`}`
}

function bindBody(body: QueryBody, scope: Scope): BoundQuery {
  switch (body.kind) {
    case 'select':
      return bindSelect(body, scope, { order: [], limit: '' })
    case 'nested':
      return bindQuery(body.query, scope)
    case 'values':
      return bindValues(body.rows, scope)
    case 'set': {
      const [left, right] = [bindBody(body.left, scope), bindBody(body.right, scope)]
      if (left.columns.length !== right.columns.length) {
        throw invalidParameter(
          `invalid number of result columns for set operator input branches, expected ${left.columns.length}, got ${right.columns.length} in branch {2}`,
        )
      }
      const types = left.columns.map(({ value }, index) =>
        commonType(value.type, right.columns[index]?.value.type ?? value.type, body.at),
      )
      const word = `${body.operator.toUpperCase()}${body.all ? ' ALL' : ''}`
      const sql = `${typed(left, types, scope)} ${word} ${typed(right, types, scope)}`
      const columns = left.columns.map(({ name, value }, index) => ({
        name,
        value: bound(`c${index}`, types[index] ?? value.type, value.nullable || right.columns[index]?.value.nullable !== false),
      }))
      return { sql, columns }
    }
    default:
      return body satisfies never
  }
}

/** A branch of a set operator with the columns' common types. */
function typed(query: BoundQuery, types: readonly SqlType[], scope: Scope): string {
  const alias = `u${scope.context.next()}`
  const columns = query.columns.map(({ value }, index) => {
    const type = types[index] ?? value.type
    const source = bound(`${alias}.c${index}`, value.type)
    const made = sameType(value.type, type)
      ? source
      : castTo(source, type, { at: { line: 1, position: 0 }, formats: scope.context.formats })
    return `${made.sql} AS c${index}`
  })
  return `(SELECT ${columns.join(', ')} FROM (${query.sql}) ${alias})`
}

function bindValues(rows: readonly (readonly Expression[])[], scope: Scope): BoundQuery {
  const bounds = rows.map((row) => row.map((value) => bindExpression(value, emptyScope(scope.context, scope))))
  const width = bounds[0]?.length ?? 0
  if (bounds.some(({ length }) => length !== width)) throw invalidParameter('rows of VALUES have different numbers of columns')
  const at = { line: 1, position: 0 }
  const columns: QueryColumn[] = Array.from({ length: width }, (_, index) => {
    const type = bounds.reduce<SqlType>((known, row) => commonType(known, row[index]?.type ?? known, at), { kind: 'null' })
    return {
      name: `COLUMN${index + 1}`,
      value: bound(
        `c${index}`,
        type,
        bounds.some((row) => row[index]?.nullable),
      ),
    }
  })
  const cells = (row: readonly Bound[]) =>
    row.map((value, index) => {
      const type = columns[index]?.value.type ?? value.type
      return type.kind === 'null'
        ? 'CAST(NULL AS VARCHAR)'
        : `CAST(${castTo(value, type, { at, formats: scope.context.formats }).sql} AS ${duckType(type)})`
    })
  const names = columns.map((_, index) => `c${index}`).join(', ')
  const alias = `v${scope.context.next()}`
  return {
    sql: `SELECT ${names} FROM (VALUES ${bounds.map((row) => `(${cells(row).join(', ')})`).join(', ')}) ${alias}(${names})`,
    columns,
  }
}

/** A query that is no SELECT is ordered by its own columns: by name or number. */
function ordered(query: BoundQuery, { order, limit }: Tail, scope: Scope): BoundQuery {
  if (order.length === 0 && limit === '') return query
  const alias = `o${scope.context.next()}`
  const columns = query.columns.map(({ name, value }, index) => ({ name, value: { ...value, sql: `${alias}.c${index}` } }))
  const inner: Scope = {
    ...emptyScope(scope.context),
    relations: [{ alias: null, path: [], columns: columns.map((column) => ({ ...column, hidden: false })) }],
  }
  const keys = order.map((item) => {
    const place = item.value.kind === 'number' ? columns[Number(item.value.text) - 1] : undefined
    return `${place?.value.sql ?? bindExpression(item.value, inner).sql} ${direction(item)}`
  })
  const by = keys.length === 0 ? '' : ` ORDER BY ${keys.join(', ')}`
  const names = columns.map((_, index) => `${alias}.c${index} AS c${index}`).join(', ')
  return { sql: `SELECT ${names} FROM (${query.sql}) ${alias}${by}${limit}`, columns: query.columns }
}
