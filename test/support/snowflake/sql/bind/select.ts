/** SELECT … FROM … WHERE … GROUP BY … HAVING … QUALIFY … ORDER BY. */
import type { Call, Expression, Select, SelectItem } from '../ast.ts'
import { invalidParameter, relationDoesNotExist, syntaxError } from '../errors.ts'
import { isAggregate } from '../functions/aggregate.ts'
import { lex } from '../lex.ts'
import { quoteIfNeeded } from '../parse/cursor.ts'
import { BOOLEAN } from '../types.ts'
import { direction } from './call.ts'
import { castTo } from './cast.ts'
import { bindExpression } from './expression.ts'
import { bindFrom } from './from.ts'
import type { Tail } from './query.ts'
import { type BoundQuery, findColumn, isNamed, type QueryColumn, type Scope } from './scope.ts'
import type { Bound } from './value.ts'

type Item = { readonly name: string; readonly value: Bound; readonly source: Expression | null }

export function bindSelect(select: Select, outer: Scope, tail: Tail): BoundQuery {
  const from = bindFrom(select.from, outer)
  const aliases = new Map<string, Expression>()
  for (const { alias, value } of select.items) if (alias !== null && !aliases.has(alias.text)) aliases.set(alias.text, value)
  const scope: Scope = { ...from.scope, aliases }
  const items = select.items.flatMap((item) => bindItem(item, scope))
  const grouped =
    select.group === 'all' ? allKeys(items) : (select.group ?? []).map((value) => groupKey(value, select.items, items, scope))
  const condition = (value: Expression | null, word: string): string =>
    value === null
      ? ''
      : ` ${word} ${castTo(bindExpression(value, scope), BOOLEAN, { at: value.at, formats: scope.context.formats }).sql}`
  const list = items.map(
    ({ value }, index) => `${value.type.kind === 'null' ? `CAST(${value.sql} AS VARCHAR)` : value.sql} AS c${index}`,
  )
  const order = tail.order.flatMap((item) =>
    item.value.kind === 'string' ? [] : [`${orderKey(item.value, select, items, scope)} ${direction(item)}`],
  )
  const sql = [
    `SELECT ${select.distinct ? 'DISTINCT ' : ''}${list.join(', ')}`,
    from.sql === '' ? '' : ` FROM ${from.sql}`,
    condition(select.where, 'WHERE'),
    grouped.length === 0 ? '' : ` GROUP BY ${grouped.join(', ')}`,
    condition(select.having, 'HAVING'),
    condition(select.qualify, 'QUALIFY'),
    order.length === 0 ? '' : ` ORDER BY ${order.join(', ')}`,
    tail.limit !== '' ? tail.limit : select.top === null ? '' : ` LIMIT ${topRows(select.top)}`,
  ].join('')
  const columns: QueryColumn[] = items.map(({ name, value }, index) => ({
    name,
    value: { sql: `c${index}`, type: value.type, nullable: value.nullable },
  }))
  return { sql, columns }
}

function topRows(top: Expression): string {
  if (top.kind !== 'number' || !/^\d{1,15}$/.test(top.text)) throw invalidParameter('TOP needs a whole number')
  return top.text
}

function bindItem({ value, alias, text }: SelectItem, scope: Scope): readonly Item[] {
  if (value.kind === 'star') return starItems(value, scope)
  const made = bindExpression(value, scope)
  const last = value.kind === 'name' ? value.parts.at(-1) : undefined
  const name = alias?.text ?? last?.text ?? expressionName(text)
  return [{ name, value: made, source: value }]
}

/** What Snowflake calls a column without a name: the expression, in upper case where it is not quoted. */
function expressionName(text: string): string {
  const tokens = lex(text)
  let name = ''
  let end = 0
  for (const token of tokens) {
    name += text.slice(end, token.start) + (token.kind === 'word' ? token.raw.toUpperCase() : token.raw)
    end = token.end
  }
  return name
}

function starItems(star: Extract<Expression, { kind: 'star' }>, scope: Scope): readonly Item[] {
  const { qualifier, exclude } = star
  const relations = qualifier === null ? scope.relations : scope.relations.filter((relation) => isNamed(relation, qualifier))
  if (qualifier !== null && relations.length === 0) throw relationDoesNotExist(qualifier.map(quoteIfNeeded).join('.'))
  if (relations.length === 0) throw syntaxError({ raw: '*', ...star.at })
  const left = new Set(exclude.map(({ text }) => text))
  const items = relations.flatMap(({ columns }) =>
    columns.flatMap(({ name, value, hidden }) =>
      hidden || left.has(name) ? [] : [{ name, value: bindVisible(name, value, qualifier === null, scope), source: null }],
    ),
  )
  if (items.length === 0) throw invalidParameter('SELECT with no columns')
  return items
}

/** `*` shows a column of USING once, merged. */
const bindVisible = (name: string, value: Bound, all: boolean, scope: Scope): Bound =>
  all ? (scope.merged.get(name) ?? value) : value

/** GROUP BY ALL: every item without an aggregate or a window, constants apart. */
function allKeys(items: readonly Item[]): readonly string[] {
  const keys = items.filter(({ source, value }) => value.constant === undefined && (source === null || !aggregates(source)))
  return keys.length === 0 ? ['()'] : keys.map(({ value }) => value.sql)
}

function aggregates(tree: unknown): boolean {
  if (typeof tree !== 'object' || tree === null || ('kind' in tree && (tree.kind === 'subquery' || tree.kind === 'exists')))
    return false
  if ('kind' in tree && tree.kind === 'call' && isAggregate(tree as Call)) return true
  return Object.values(tree).some(aggregates)
}

/** A number means the item there; a name that no column has means the item of that name. */
function groupKey(value: Expression, selected: readonly SelectItem[], items: readonly Item[], scope: Scope): string {
  if (value.kind === 'number' && /^\d+$/.test(value.text)) {
    const item = items[Number(value.text) - 1]
    if (item === undefined) throw invalidParameter(`GROUP BY position ${value.text} is not in the select list`)
    return item.value.sql
  }
  const [only] = value.kind === 'name' ? value.parts : []
  if (value.kind === 'name' && value.parts.length === 1 && only !== undefined && findColumn(scope, value.parts) === null) {
    const item = selected.find(({ alias }) => alias?.text === only.text)
    if (item !== undefined) return bindExpression(item.value, scope).sql
  }
  return bindExpression(value, scope).sql
}

/** A number or an alias means the item; what the item's expression is means the item too, as DISTINCT needs. */
function orderKey(value: Expression, select: Select, items: readonly Item[], scope: Scope): string {
  if (value.kind === 'number' && /^\d+$/.test(value.text)) {
    const place = Number(value.text)
    if (items[place - 1] === undefined) throw invalidParameter(`ORDER BY position ${value.text} is not in the select list`)
    return `c${place - 1}`
  }
  const [only] = value.kind === 'name' ? value.parts : []
  if (value.kind === 'name' && value.parts.length === 1 && only !== undefined) {
    const named = items.findIndex(
      ({ name, source }) =>
        name === only.text && (source === null || select.items.some(({ alias }) => alias?.text === only.text)),
    )
    if (named !== -1) return `c${named}`
  }
  const { sql } = bindExpression(value, scope)
  const same = items.findIndex((item) => item.value.sql === sql)
  if (same === -1 && select.distinct)
    throw invalidParameter('an ORDER BY expression of SELECT DISTINCT must be in the select list')
  return same === -1 ? sql : `c${same}`
}
