/** Turns a view into functions over stored rows. Time is an argument of every read; nothing is remembered between reads. */
import {
  type Aggregate,
  columnType,
  type Expression,
  type FeatureView,
  type Literal,
  type Predicate,
  pathTo,
  type Rows,
} from './definition.ts'
import type { StoredRow } from './row-merge.ts'
import type { SourceRows } from './row-store.ts'
import { compact, type Stored, shownValue } from './values.ts'

export const DAY_MS = 86_400_000

export type ShownValue = string | number | boolean | null

/** `parts` of ratios are integers as text, minor units for money. */
export type FeatureValues = {
  readonly values: Readonly<Record<string, ShownValue>>
  readonly parts: Readonly<Record<string, { readonly numerator: string; readonly denominator: string }>>
}

type Test = (values: readonly (Stored | undefined)[], asOf: number) => boolean
type Step = (row: StoredRow) => void
type Scan = (entity: StoredRow, asOf: number, step: Step) => void
type Compute = (entity: StoredRow | undefined, asOf: number) => Stored
type Sources = ReadonlyMap<string, SourceRows>

/** A function that evaluates every feature of one entity (undefined = nothing is known of it) at a time. */
export function compileView(view: FeatureView, sources: Sources): (entity: StoredRow | undefined, asOf: number) => FeatureValues {
  const features = view.features.map(({ name, value }) => ({ name, compute: compileExpression(view, sources, value) }))
  return (entity, asOf) => {
    const values: Record<string, ShownValue> = {}
    const parts: Record<string, { numerator: string; denominator: string }> = {}
    for (const { name, compute } of features) {
      const { value, ratio } = compute(entity, asOf)
      values[name] = value
      if (ratio !== null) parts[name] = ratio
    }
    return { values, parts }
  }
}

type Computed = { readonly value: ShownValue; readonly ratio: { numerator: string; denominator: string } | null }

function compileExpression(
  view: FeatureView,
  sources: Sources,
  value: Expression,
): (entity: StoredRow | undefined, asOf: number) => Computed {
  if ('ratio' in value) {
    const { whenZero } = value.ratio
    const top = compileAggregate(view, sources, value.ratio.numerator)
    const bottom = compileAggregate(view, sources, value.ratio.denominator)
    return (entity, asOf) => {
      const numerator = top(entity, asOf)
      const denominator = bottom(entity, asOf)
      return {
        value: quotient(numerator, denominator, whenZero),
        ratio: { numerator: String(numerator), denominator: String(denominator) },
      }
    }
  }
  if ('elapsedDays' in value) {
    const since = compileAggregate(view, sources, value.elapsedDays.since)
    return (entity, asOf) => {
      const instant = since(entity, asOf)
      return { value: instant === null ? null : Math.floor((asOf - Number(instant)) / DAY_MS), ratio: null }
    }
  }
  const compute = compileAggregate(view, sources, value)
  const counted = value.aggregate === 'count' || value.aggregate === 'distinct'
  const type = counted ? ({ kind: 'integer' } as const) : columnType(view, value.of.rows, value.column)
  return (entity, asOf) => ({ value: shownValue(compute(entity, asOf), type), ratio: null })
}

/** One IEEE division of two integers; never minus zero. */
export function quotient(numerator: Stored, denominator: Stored, whenZero: number | null): number | null {
  const divisor = Number(denominator)
  return divisor === 0 ? whenZero : Number(numerator) / divisor + 0
}

function compileAggregate(view: FeatureView, sources: Sources, aggregate: Aggregate): Compute {
  const scan = compileScan(view, sources, aggregate.of)
  if (aggregate.aggregate === 'count') {
    return (entity, asOf) => {
      let count = 0
      if (entity !== undefined) scan(entity, asOf, () => void count++)
      return count
    }
  }
  const shape = shapeOf(sources, aggregate.of.rows)
  const column = shape.columns.indexOf(aggregate.column)
  switch (aggregate.aggregate) {
    case 'sum':
      return (entity, asOf) => {
        let total: number | bigint = 0
        const add: Step = ({ values }) => {
          total = plus(total, values[column] ?? 0)
        }
        if (entity !== undefined) scan(entity, asOf, add)
        return typeof total === 'number' ? total : compact(total)
      }
    case 'distinct':
      return (entity, asOf) => {
        const seen = new Set<Stored>()
        const see: Step = ({ values }) => {
          const value = values[column]
          if (value !== null && value !== undefined) seen.add(value)
        }
        if (entity !== undefined) scan(entity, asOf, see)
        return seen.size
      }
    case 'min':
    case 'max': {
      const greatest = aggregate.aggregate === 'max'
      return (entity, asOf) => {
        let best: Stored = null
        const see: Step = ({ values }) => {
          const value = values[column]
          if (value === null || value === undefined) return
          if (best === null || (greatest ? value > best : value < best)) best = value
        }
        if (entity !== undefined) scan(entity, asOf, see)
        return best
      }
    }
    case 'last': {
      const time = shape.effective ?? 0
      return (entity, asOf) => {
        let best: StoredRow | null = null
        const see: Step = (row) => {
          const at = row.values[time]
          if (typeof at !== 'number' || at > asOf) return
          if (best === null || isLater(row, best, time, shape.key)) best = row
        }
        if (entity !== undefined) scan(entity, asOf, see)
        return (best as StoredRow | null)?.values[column] ?? null
      }
    }
    default:
      return aggregate satisfies never
  }
}

function isLater(row: StoredRow, than: StoredRow, time: number, key: readonly number[]): boolean {
  const a = Number(row.values[time])
  const b = Number(than.values[time])
  if (a !== b) return a > b
  for (const column of key) {
    const order = Buffer.compare(Buffer.from(String(row.values[column])), Buffer.from(String(than.values[column])))
    if (order !== 0) return order > 0
  }
  return false
}

/** Exact: leaves numbers when they could round. */
function plus(total: number | bigint, value: Stored): number | bigint {
  if (typeof total === 'number' && typeof value === 'number') {
    const next = total + value
    if (Number.isSafeInteger(next)) return next
  }
  return BigInt(total) + BigInt(value as number | bigint)
}

/** Walks from the entity down to the rows asked for, past rows that a restriction on a parent leaves out. */
function compileScan(view: FeatureView, sources: Sources, rows: Rows): Scan {
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
    for (const row of children) {
      if (level.test !== null && !level.test(row.values, asOf)) continue
      if (depth === lowest) step(row)
      else walk(row, depth + 1, asOf, step)
    }
  }
  return (entity, asOf, step) => walk(entity, 0, asOf, step)
}

/** Null when every row passes. */
function compileRows(view: FeatureView, sources: Sources, rows: Rows): Test | null {
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
  const stored = (literal: Literal): Stored =>
    typeof literal === 'string' && (type.kind === 'integer' || type.kind === 'money' || type.kind === 'instant')
      ? compact(BigInt(literal))
      : literal
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

function shapeOf(sources: Sources, name: string) {
  const source = sources.get(name)
  if (source === undefined) throw new Error(`There is no source "${name}"`)
  return source.shape
}
