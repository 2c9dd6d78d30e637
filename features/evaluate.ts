/** Turns a view into functions over stored rows. Time is an argument of every read; nothing is remembered between reads. */
import { type Aggregate, columnType, type Expression, type FeatureView } from './definition.ts'
import { LargeEntities, overTiles, tileReader } from './intervals.ts'
import type { StoredRow } from './row-merge.ts'
import { compileScan, type Effort, type Sources, type Step, shapeOf } from './scan.ts'
import { compact, plus, type Stored, shownValue } from './values.ts'

export const DAY_MS = 86_400_000

export type ShownValue = string | number | boolean | null

/** `parts` of ratios are integers as text, minor units for money. */
export type FeatureValues = {
  readonly values: Readonly<Record<string, ShownValue>>
  readonly parts: Readonly<Record<string, { readonly numerator: string; readonly denominator: string }>>
}

type Compute = (entity: StoredRow | undefined, asOf: number) => Stored

type Compiling = { readonly view: FeatureView; readonly sources: Sources; readonly large: LargeEntities; readonly effort: Effort }

/** A function that evaluates every feature of one entity (undefined = nothing is known of it) at a time. */
export function compileView(
  view: FeatureView,
  sources: Sources,
  { large = new LargeEntities(), manyRows = MANY_ROWS }: { readonly large?: LargeEntities; readonly manyRows?: number } = {},
): (entity: StoredRow | undefined, asOf: number) => FeatureValues {
  const effort = { walked: 0 }
  const compiling = { view, sources, large, effort }
  const features = view.features.map(({ name, value }) => ({ name, compute: compileExpression(compiling, value) }))
  return (entity, asOf) => {
    effort.walked = 0
    const values: Record<string, ShownValue> = {}
    const parts: Record<string, { numerator: string; denominator: string }> = {}
    for (const { name, compute } of features) {
      const { value, ratio } = compute(entity, asOf)
      values[name] = value
      if (ratio !== null) parts[name] = ratio
    }
    if (entity !== undefined && effort.walked > manyRows) large.add(entity)
    return { values, parts }
  }
}

/** Looking at fewer rows is as fast as anything that could be remembered of them. */
const MANY_ROWS = 256

type Computed = { readonly value: ShownValue; readonly ratio: { numerator: string; denominator: string } | null }

function compileExpression(compiling: Compiling, value: Expression): (entity: StoredRow | undefined, asOf: number) => Computed {
  if ('ratio' in value) {
    const { whenZero } = value.ratio
    const top = compileAggregate(compiling, value.ratio.numerator)
    const bottom = compileAggregate(compiling, value.ratio.denominator)
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
    const since = compileAggregate(compiling, value.elapsedDays.since)
    return (entity, asOf) => {
      const instant = since(entity, asOf)
      return { value: instant === null ? null : Math.floor((asOf - Number(instant)) / DAY_MS), ratio: null }
    }
  }
  const compute = compileAggregate(compiling, value)
  const counted = value.aggregate === 'count' || value.aggregate === 'distinct'
  const type = counted ? ({ kind: 'integer' } as const) : columnType(compiling.view, value.of.rows, value.column)
  return (entity, asOf) => ({ value: shownValue(compute(entity, asOf), type), ratio: null })
}

/** One IEEE division of two integers; never minus zero. */
export function quotient(numerator: Stored, denominator: Stored, whenZero: number | null): number | null {
  const divisor = Number(denominator)
  return divisor === 0 ? whenZero : Number(numerator) / divisor + 0
}

/** Of a large entity from its tiles, where the aggregate has some; else from its rows. */
function compileAggregate(compiling: Compiling, aggregate: Aggregate): Compute {
  const { view, sources, large } = compiling
  const scanned = compileScanned(compiling, aggregate)
  const reader = tileReader(view, sources, aggregate)
  if (reader === null) return scanned
  return (entity, asOf) => {
    const known = entity === undefined ? undefined : large.of(entity)
    if (entity === undefined || known === undefined) return scanned(entity, asOf)
    let tiles = known.get(aggregate)
    if (tiles === undefined) {
      tiles = { tileRows: large.tileRows, childIndex: reader.childIndex, tiles: [] }
      known.set(aggregate, tiles)
    }
    const value = overTiles(aggregate, reader, tiles, entity, asOf)
    return value === undefined ? scanned(entity, asOf) : value
  }
}

function compileScanned({ view, sources, effort }: Compiling, aggregate: Aggregate): Compute {
  const scan = compileScan(view, sources, aggregate.of, effort)
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
