/**
 * The rows of a large entity, reduced to what time can still change: a row counts from the latest of its effective times on until
 * the earliest end of its windows. A read is then one pass over numbers. Kept in tiles of a few of the entity's own rows with all
 * that hangs on them: a change throws away the tile that it is in. Derived from the rows.
 */
import { type Aggregate, type FeatureView, pathTo, type Rows } from './definition.ts'
import type { StoredRow } from './row-merge.ts'
import { compileRows, type Sources, shapeOf, type Test } from './scan.ts'
import { compact, plus, type Stored } from './values.ts'

/** A row counts at T when `starts ≤ T < ends`. `values` are safe integers. */
export type Intervals = { readonly starts: Float64Array; readonly ends: Float64Array; readonly values: Float64Array }

/** Rows of the entity in one tile, by their place among its children. */
const TILE_ROWS = 64

/** Undefined = to be collected; null = it has a value beyond 2^53. */
export type Tiles = { readonly tileRows: number; readonly childIndex: number; readonly tiles: (Intervals | null | undefined)[] }

/** What was worked out of the rows of large entities, by aggregate. */
export class LargeEntities {
  readonly tileRows: number
  readonly #entities = new WeakMap<StoredRow, Map<Aggregate, Tiles>>()
  /** False as long as there never was one. */
  some = false

  constructor(tileRows: number = TILE_ROWS) {
    this.tileRows = tileRows
  }

  of(entity: StoredRow): Map<Aggregate, Tiles> | undefined {
    return this.some ? this.#entities.get(entity) : undefined
  }

  add(entity: StoredRow): void {
    if (this.of(entity) !== undefined) return
    this.#entities.set(entity, new Map())
    this.some = true
  }

  /** Something under this row of the entity changes, or the row itself comes, moves or goes. To be told before and after. */
  changed(entity: StoredRow, row: StoredRow): void {
    for (const { tileRows, childIndex, tiles } of this.of(entity)?.values() ?? []) {
      const siblings = entity.children[childIndex]
      if (siblings === undefined || siblings[row.slot] !== row) continue
      tiles[Math.floor(row.slot / tileRows)] = undefined
      // The last row takes the place of one that goes.
      tiles[Math.floor((siblings.length - 1) / tileRows)] = undefined
    }
  }
}

type Level = {
  readonly childIndex: number
  readonly test: Test | null
  readonly time: number
  readonly happened: boolean
  readonly withinMs: number | null
}

export type TileReader = {
  /** Place among the entity's children of the rows that tiles are made of. */
  readonly childIndex: number
  /** Of the rows from one place to another; null when a value is beyond 2^53. */
  readonly collect: (entity: StoredRow, from: number, to: number) => Intervals | null
}

/** Null for aggregates whose values are not numbers. */
export function tileReader(view: FeatureView, sources: Sources, aggregate: Aggregate): TileReader | null {
  if (aggregate.aggregate === 'last' || aggregate.aggregate === 'distinct') return null
  const column = aggregate.aggregate === 'count' ? null : shapeOf(sources, aggregate.of.rows).columns.indexOf(aggregate.column)
  const levels = levelsOf(view, sources, aggregate.of)
  const childIndex = levels[0]?.childIndex ?? 0
  const collect: TileReader['collect'] = (entity, first, past) => {
    const found: number[] = []
    const walk = (row: StoredRow, depth: number, start: number, end: number): boolean => {
      const level = levels[depth]
      if (level === undefined) return true
      if (level.test !== null && !level.test(row.values, 0)) return true
      let from = start
      let to = end
      if (level.happened || level.withinMs !== null) {
        const at = row.values[level.time]
        if (typeof at !== 'number') return true
        from = Math.max(from, at)
        if (level.withinMs !== null) to = Math.min(to, at + level.withinMs)
      }
      if (from >= to) return true
      if (depth === levels.length - 1) {
        const value = column === null ? 1 : row.values[column]
        if (value === null || value === undefined) return true
        if (typeof value !== 'number') return false
        found.push(from, to, value)
        return true
      }
      return (row.children[levels[depth + 1]?.childIndex ?? 0] ?? []).every((child) => walk(child, depth + 1, from, to))
    }
    const rows = entity.children[childIndex] ?? []
    for (let place = first; place < past; place++) {
      const row = rows[place]
      if (row !== undefined && !walk(row, 0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)) return null
    }
    const part = (offset: number) => Float64Array.from({ length: found.length / 3 }, (_, index) => found[index * 3 + offset] ?? 0)
    return { starts: part(0), ends: part(1), values: part(2) }
  }
  return { childIndex, collect }
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

/** Undefined when a value is beyond 2^53. Collects the tiles that are missing. */
export function overTiles(
  aggregate: Aggregate,
  { collect }: TileReader,
  { tileRows, childIndex, tiles }: Tiles,
  entity: StoredRow,
  asOf: number,
): Stored | undefined {
  const rows = entity.children[childIndex]?.length ?? 0
  const totals = { count: 0, total: 0 as number | bigint, least: Number.POSITIVE_INFINITY, greatest: Number.NEGATIVE_INFINITY }
  const summed = aggregate.aggregate === 'sum'
  for (let tile = 0; tile * tileRows < rows; tile++) {
    let intervals = tiles[tile]
    if (intervals === undefined) {
      intervals = collect(entity, tile * tileRows, (tile + 1) * tileRows)
      tiles[tile] = intervals
    }
    if (intervals === null) return undefined
    addIntervals(totals, intervals, asOf, summed)
  }
  const { count, total, least, greatest } = totals
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

type Totals = { count: number; total: number | bigint; least: number; greatest: number }

function addIntervals(totals: Totals, { starts, ends, values }: Intervals, asOf: number, summed: boolean): void {
  let { count, total, least, greatest } = totals
  for (let index = 0; index < starts.length; index++) {
    if (!((starts[index] ?? 0) <= asOf && asOf < (ends[index] ?? 0))) continue
    const value = values[index] ?? 0
    count++
    if (summed) total = plus(total, value)
    if (value < least) least = value
    if (value > greatest) greatest = value
  }
  totals.count = count
  totals.total = total
  totals.least = least
  totals.greatest = greatest
}
