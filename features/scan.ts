/** Walks over the rows of an entity, and tests of rows, compiled from the definition. */
import { columnType, type FeatureView, type Literal, type Predicate, pathTo, type Rows } from './definition.ts'
import type { StoredRow } from './row-merge.ts'
import type { SourceRows } from './row-store.ts'
import { compact, idOf, type Stored } from './values.ts'

export type Test = (values: readonly (Stored | undefined)[], asOf: number) => boolean
export type Step = (row: StoredRow) => void
export type Scan = (entity: StoredRow, asOf: number, step: Step) => void
export type Sources = ReadonlyMap<string, SourceRows>
/** Rows that were looked at; whoever wants to know sets it back. */
export type Effort = { walked: number }

/** Walks from the entity down to the rows asked for, past rows that a restriction on a parent leaves out. */
export function compileScan(view: FeatureView, sources: Sources, rows: Rows, effort: Effort): Scan {
  const restrictions = new Map<string, Rows>()
  for (let at: Rows | null = rows; at !== null; at = at.of) restrictions.set(at.rows, at)
  const levels = pathTo(view, rows.rows).map((name) => {
    const restriction = restrictions.get(name)
    const source = sources.get(name)
    if (source === undefined) throw new Error(`View "${view.name}" has no source "${name}"`)
    return { childIndex: source.childIndex, test: restriction === undefined ? null : compileRows(view, sources, restriction) }
  })
  const lowest = levels.length - 1
  const walk = (parent: StoredRow, depth: number, asOf: number, step: Step): void => {
    const level = levels[depth]
    const children = level === undefined ? undefined : parent.children[level.childIndex]
    if (level === undefined || children === undefined) return
    effort.walked += children.length
    for (const row of children) {
      if (level.test !== null && !level.test(row.values, asOf)) continue
      if (depth === lowest) step(row)
      else walk(row, depth + 1, asOf, step)
    }
  }
  return (entity, asOf, step) => walk(entity, 0, asOf, step)
}

/** Null when every row passes. */
export function compileRows(view: FeatureView, sources: Sources, rows: Rows): Test | null {
  const shape = shapeOf(sources, rows.rows)
  const tests = rows.where.map((predicate) =>
    compilePredicate(view, rows.rows, shape.columns.indexOf(predicate.column), predicate),
  )
  const time = shape.effective ?? 0
  const { withinMs } = rows
  if (withinMs !== null) {
    tests.push((values, asOf) => {
      const at = values[time]
      return typeof at === 'number' && asOf - at >= 0 && asOf - at < withinMs
    })
  }
  if (rows.happened) {
    tests.push((values, asOf) => {
      const at = values[time]
      return typeof at === 'number' && at <= asOf
    })
  }
  const [first, second] = tests
  if (first === undefined) return null
  if (second === undefined) return first
  if (tests.length === 2) return (values, asOf) => first(values, asOf) && second(values, asOf)
  return (values, asOf) => tests.every((test) => test(values, asOf))
}

function compilePredicate(view: FeatureView, source: string, column: number, predicate: Predicate): Test {
  const type = columnType(view, source, predicate.column)
  const stored = (literal: Literal): Stored => {
    if (typeof literal !== 'string' || type.kind === 'text' || type.kind === 'boolean') return literal
    return type.kind === 'id' ? idOf(literal) : compact(BigInt(literal))
  }
  switch (predicate.op) {
    case 'in':
    case 'notIn': {
      const wanted = predicate.op === 'in'
      const all = new Set<Stored | undefined>(predicate.values.map(stored))
      const [only] = all
      if (all.size === 1) return (values) => (values[column] === only) === wanted
      return (values) => all.has(values[column]) === wanted
    }
    case 'isNull':
      return (values) => values[column] === null
    case 'notNull':
      return (values) => values[column] !== null
    default:
      return compileOrder(column, predicate.op, stored(predicate.value) as number | bigint)
  }
}

function compileOrder(column: number, op: 'lt' | 'le' | 'gt' | 'ge', limit: number | bigint): Test {
  const compared = (test: (value: number | bigint) => boolean): Test => {
    return (values) => {
      const value = values[column]
      return value !== null && value !== undefined && test(value as number | bigint)
    }
  }
  switch (op) {
    case 'lt':
      return compared((value) => value < limit)
    case 'le':
      return compared((value) => value <= limit)
    case 'gt':
      return compared((value) => value > limit)
    case 'ge':
      return compared((value) => value >= limit)
    default:
      return op satisfies never
  }
}

export function shapeOf(sources: Sources, name: string) {
  const source = sources.get(name)
  if (source === undefined) throw new Error(`There is no source "${name}"`)
  return source.shape
}
