/**
 * The rows of a large entity, reduced to what time can still change: a row counts from the latest of its effective times on until
 * the earliest end of its windows. A read is then one pass over numbers. Derived from the rows and thrown away with any change.
 */
import { type Aggregate, type FeatureView, pathTo, type Rows } from './definition.ts'
import type { StoredRow } from './row-merge.ts'
import { compileRows, type Sources, shapeOf, type Test } from './scan.ts'
import { compact, plus, type Stored } from './values.ts'

/** A row counts at T when `starts ≤ T < ends`. `values` are safe integers. */
export type Intervals = { readonly starts: Float64Array; readonly ends: Float64Array; readonly values: Float64Array }

type Level = {
  readonly childIndex: number
  readonly test: Test | null
  readonly time: number
  readonly happened: boolean
  readonly withinMs: number | null
}

/** Null for aggregates whose values are not numbers. The function answers null when a value is beyond 2^53. */
export function collectIntervals(
  view: FeatureView,
  sources: Sources,
  aggregate: Aggregate,
): ((entity: StoredRow) => Intervals | null) | null {
  if (aggregate.aggregate === 'last' || aggregate.aggregate === 'distinct') return null
  const column = aggregate.aggregate === 'count' ? null : shapeOf(sources, aggregate.of.rows).columns.indexOf(aggregate.column)
  const levels = levelsOf(view, sources, aggregate.of)
  return (entity) => {
    const found: number[] = []
    const walk = (parent: StoredRow, depth: number, start: number, end: number): boolean => {
      const level = levels[depth]
      if (level === undefined) {
        const value = column === null ? 1 : parent.values[column]
        if (value === null || value === undefined) return true
        if (typeof value !== 'number') return false
        found.push(start, end, value)
        return true
      }
      for (const row of parent.children[level.childIndex] ?? []) {
        if (level.test !== null && !level.test(row.values, 0)) continue
        let from = start
        let to = end
        if (level.happened || level.withinMs !== null) {
          const at = row.values[level.time]
          if (typeof at !== 'number') continue
          from = Math.max(from, at)
          if (level.withinMs !== null) to = Math.min(to, at + level.withinMs)
        }
        if (from < to && !walk(row, depth + 1, from, to)) return false
      }
      return true
    }
    if (!walk(entity, 0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)) return null
    const part = (offset: number) => Float64Array.from({ length: found.length / 3 }, (_, index) => found[index * 3 + offset] ?? 0)
    return { starts: part(0), ends: part(1), values: part(2) }
  }
}

function levelsOf(view: FeatureView, sources: Sources, rows: Rows): readonly Level[] {
  const restrictions = new Map<string, Rows>()
  for (let at: Rows | null = rows; at !== null; at = at.of) restrictions.set(at.rows, at)
  return pathTo(view, rows.rows).map((name) => {
    const restriction = restrictions.get(name)
    return {
      childIndex: sources.get(name)?.childIndex ?? 0,
      test: restriction === undefined ? null : compileRows(view, sources, { ...restriction, happened: false, withinMs: null }),
      time: shapeOf(sources, name).effective ?? 0,
      happened: restriction?.happened ?? false,
      withinMs: restriction?.withinMs ?? null,
    }
  })
}

export function overIntervals(aggregate: Aggregate, { starts, ends, values }: Intervals, asOf: number): Stored {
  let count = 0
  let total: number | bigint = 0
  let least = Number.POSITIVE_INFINITY
  let greatest = Number.NEGATIVE_INFINITY
  const summed = aggregate.aggregate === 'sum'
  for (let index = 0; index < starts.length; index++) {
    if (!((starts[index] ?? 0) <= asOf && asOf < (ends[index] ?? 0))) continue
    const value = values[index] ?? 0
    count++
    if (summed) total = plus(total, value)
    if (value < least) least = value
    if (value > greatest) greatest = value
  }
  switch (aggregate.aggregate) {
    case 'count':
      return count
    case 'sum':
      return typeof total === 'number' ? total : compact(total)
    default:
      if (count === 0) return null
      return aggregate.aggregate === 'min' ? least : greatest
  }
}
