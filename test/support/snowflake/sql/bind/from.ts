/** FROM: tables, views, subqueries, table functions, stages and their joins. */
import type { Alias, Call, Expression, FromItem, Name } from '../ast.ts'
import { invalidIdentifier, invalidParameter, unknownTableFunction, wrongArguments } from '../errors.ts'
import { pathText } from '../functions/json-path.ts'
import { BOOLEAN, isSemi, number, text, VARIANT } from '../types.ts'
import { castTo } from './cast.ts'
import { bindExpression } from './expression.ts'
import { comparable } from './operators.ts'
import { bindQuery } from './query.ts'
import { emptyScope, findColumn, type RelationColumn, type RelationSource, type Scope, type ScopeRelation } from './scope.ts'
import { type Bound, bound, quoted } from './value.ts'

export type BoundFrom = { readonly sql: string; readonly scope: Scope }

/** Items are joined from left to right; lateral ones see those before them. */
export function bindFrom(items: readonly FromItem[], outer: Scope): BoundFrom {
  let sql = ''
  let scope: Scope = { ...outer, relations: [], merged: new Map(), aliases: new Map() }
  for (const item of items) {
    const made = bindItem(item, scope, outer)
    sql = sql === '' ? made.sql : `${sql} CROSS JOIN ${made.sql}`
    scope = { ...scope, relations: [...scope.relations, ...made.relations], merged: new Map([...scope.merged, ...made.merged]) }
  }
  return { sql, scope: { ...scope, parent: outer.parent } }
}

type Made = { readonly sql: string; readonly relations: readonly ScopeRelation[]; readonly merged: ReadonlyMap<string, Bound> }

function bindItem(item: FromItem, left: Scope, outer: Scope): Made {
  switch (item.kind) {
    case 'table': {
      const [only] = item.name.parts
      const common = item.name.parts.length === 1 && only !== undefined ? outer.tables.get(only.text) : undefined
      if (common !== undefined && only !== undefined) {
        const columns = common.columns.map(({ name, value }, index) => ({ name, value, hidden: false, column: `c${index}` }))
        return relation({ sql: common.duckName, path: [only.text], columns }, item.alias, outer)
      }
      return relation(outer.context.relation(item.name), item.alias, outer)
    }
    case 'query': {
      const visible: Scope = item.lateral
        ? { ...emptyScope(outer.context, left), tables: outer.tables }
        : { ...emptyScope(outer.context, outer.parent), tables: outer.tables }
      const { sql, columns } = bindQuery(item.query, visible)
      const listed = columns.map(({ name, value }, index) => ({ name, value, hidden: false, column: `c${index}` }))
      return relation({ sql: `${item.lateral ? 'LATERAL ' : ''}(${sql})`, path: [], columns: listed }, item.alias, outer)
    }
    case 'function':
      return relation(tableFunction(item.call, item.qualifier, left, outer), item.alias, outer)
    case 'stage': {
      const options = new Map([...item.options].map(([name, value]) => [name, constant(value, outer)]))
      return relation(outer.context.stage(item.stage, options), item.alias, outer)
    }
    case 'join':
      return bindJoin(item, left, outer)
    default:
      return item satisfies never
  }
}

function relation(source: RelationSource, alias: Alias | null, outer: Scope): Made {
  const name = `r${outer.context.next()}`
  if (alias !== null && alias.columns.length > source.columns.length)
    throw invalidParameter(`'${alias.name.text}' has ${source.columns.length} columns`)
  const columns: RelationColumn[] = source.columns.map((column, index) => ({
    name: alias?.columns[index]?.text ?? column.name,
    value: { ...column.value, sql: `${name}.${column.column}` },
    hidden: column.hidden,
  }))
  const made: ScopeRelation = { alias: alias?.name.text ?? null, path: alias === null ? source.path : [], columns }
  return { sql: `${source.sql} AS ${name}`, relations: [made], merged: new Map() }
}

function bindJoin(item: Extract<FromItem, { kind: 'join' }>, before: Scope, outer: Scope): Made {
  const left = bindItem(item.left, before, outer)
  const seen: Scope = {
    ...before,
    relations: [...before.relations, ...left.relations],
    merged: new Map([...before.merged, ...left.merged]),
  }
  const right = bindItem(item.right, seen, outer)
  const scope: Scope = { ...seen, relations: [...seen.relations, ...right.relations] }
  const merged = new Map([...left.merged, ...right.merged])
  const word = { inner: 'INNER', left: 'LEFT', right: 'RIGHT', full: 'FULL', cross: 'CROSS' }[item.how]
  if (item.how === 'cross')
    return { sql: `(${left.sql} CROSS JOIN ${right.sql})`, relations: [...left.relations, ...right.relations], merged }
  let using = item.using
  if (item.natural) {
    const names = (made: Made) =>
      made.relations.flatMap(({ columns }) => columns.filter(({ hidden }) => !hidden).map(({ name }) => name))
    const common = names(left).filter((name) => names(right).includes(name))
    using = common.map((name): Name => ({ text: name, quoted: true, at: item.at }))
  }
  if (using === null) {
    const on =
      item.on === null
        ? 'true'
        : castTo(bindExpression(item.on, scope), BOOLEAN, { at: item.at, formats: outer.context.formats }).sql
    return { sql: `(${left.sql} ${word} JOIN ${right.sql} ON ${on})`, relations: [...left.relations, ...right.relations], merged }
  }
  const conditions: string[] = []
  for (const name of using) {
    const [a, b] = [left, right].map((made) => findColumn({ ...scope, relations: made.relations, merged: made.merged }, [name]))
    if (!a || !b) throw invalidIdentifier(name.text, name.at)
    const [x, y] = comparable(a, b, { at: item.at, formats: outer.context.formats })
    conditions.push(`${x.sql} = ${y.sql}`)
    merged.set(name.text, item.how === 'right' ? b : item.how === 'full' ? bound(`coalesce(${x.sql}, ${y.sql})`, x.type) : a)
  }
  const joined = new Set(using.map(({ text: each }) => each))
  const hidden = right.relations.map((each) => ({
    ...each,
    columns: each.columns.map((column) => (joined.has(column.name) ? { ...column, hidden: true } : column)),
  }))
  const on = conditions.length === 0 ? 'true' : conditions.join(' AND ')
  return { sql: `(${left.sql} ${word} JOIN ${right.sql} ON ${on})`, relations: [...left.relations, ...hidden], merged }
}

function constant(value: Expression, outer: Scope): string {
  const made = bindExpression(value, emptyScope(outer.context))
  if (typeof made.constant !== 'string') throw invalidParameter('an argument of a table function must be a constant')
  return made.constant
}

function tableFunction(call: Call, qualifier: readonly Name[], left: Scope, outer: Scope): RelationSource {
  if (qualifier.length === 0 && call.name === 'FLATTEN') return flatten(call, left, outer)
  if (qualifier.length === 0 && call.name === 'SPLIT_TO_TABLE') return splitToTable(call, left)
  if (qualifier.length === 0 && call.name === 'GENERATOR') {
    const rows = constant(call.named.get('ROWCOUNT') ?? { kind: 'number', text: '0', at: call.at }, outer)
    if (!/^\d{1,9}$/.test(rows)) throw wrongArguments('GENERATOR', 'ROWCOUNT', call.at)
    return {
      sql: `(SELECT 1 AS c0 FROM range(${rows}))`,
      path: [],
      columns: [{ name: '$GENERATOR', value: bound('c0', number(1)), hidden: true, column: 'c0' }],
    }
  }
  const name = [...qualifier.map(({ text: each }) => each), call.name].join('.')
  const named = new Map([...call.named].map(([key, value]) => [key, constant(value, outer)]))
  const found = outer.context.tableFunction(
    name,
    named,
    call.arguments.map((value) => constant(value, outer)),
  )
  if (found === null) throw unknownTableFunction(name)
  return found
}

const column = (name: string, index: number, type: Bound['type']) => ({
  name,
  value: bound(`c${index}`, type),
  hidden: false,
  column: `c${index}`,
})

/** FLATTEN(input => …, path => …, outer => …, recursive and mode only as they are by default). */
function flatten(call: Call, left: Scope, outer: Scope): RelationSource {
  const input = call.named.get('INPUT') ?? call.arguments[0]
  const known = ['INPUT', 'PATH', 'OUTER', 'RECURSIVE', 'MODE']
  if (input === undefined || [...call.named.keys()].some((name) => !known.includes(name)))
    throw wrongArguments('FLATTEN', 'INPUT', call.at)
  const flag = (name: string): boolean => {
    const value = call.named.get(name)
    return value?.kind === 'boolean' && value.value
  }
  if (flag('RECURSIVE') || call.named.has('MODE')) throw invalidParameter('FLATTEN takes neither RECURSIVE nor MODE here')
  const value = bindExpression(input, left)
  if (!isSemi(value.type)) throw invalidParameter('FLATTEN needs a VARIANT, OBJECT or ARRAY')
  const path = call.named.get('PATH')
  const source =
    path === undefined ? value.sql : `CAST(json_extract(${value.sql}, ${quoted(pathText(constant(path, outer)))}) AS VARCHAR)`
  const none = "[{'k': CAST(NULL AS VARCHAR), 'p': CAST(NULL AS VARCHAR), 'i': CAST(NULL AS BIGINT), 'v': CAST(NULL AS VARCHAR)}]"
  const list = flag('OUTER')
    ? `CASE WHEN coalesce(len(sf_flatten(${source})), 0) = 0 THEN ${none} ELSE sf_flatten(${source}) END`
    : `sf_flatten(${source})`
  const inner = `SELECT CAST(1 AS DECIMAL(38,0)) AS c0, s.k AS c1, s.p AS c2, CAST(s.i AS DECIMAL(38,0)) AS c3, s.v AS c4, t AS c5 FROM (SELECT unnest(${list}) AS s, ${source} AS t)`
  const types = [number(38), text(), text(), number(38), VARIANT, VARIANT]
  return {
    sql: `LATERAL (${inner})`,
    path: ['FLATTEN'],
    columns: ['SEQ', 'KEY', 'PATH', 'INDEX', 'VALUE', 'THIS'].map((name, index) => column(name, index, types[index] ?? VARIANT)),
  }
}

function splitToTable(call: Call, left: Scope): RelationSource {
  const [value, separator] = call.arguments.map((each) => bindExpression(each, left))
  if (value === undefined || separator === undefined) throw wrongArguments('SPLIT_TO_TABLE', '2', call.at)
  const inner = `SELECT CAST(1 AS DECIMAL(38,0)) AS c0, CAST(s.i AS DECIMAL(38,0)) AS c1, s.v AS c2 FROM (SELECT unnest(list_transform(string_split(${value.sql}, ${separator.sql}), lambda v, i: {'v': v, 'i': i})) AS s)`
  return {
    sql: `LATERAL (${inner})`,
    path: ['SPLIT_TO_TABLE'],
    columns: [column('SEQ', 0, number(38)), column('INDEX', 1, number(38)), column('VALUE', 2, text())],
  }
}
