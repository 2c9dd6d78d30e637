/**
 * Feature values = f(rows known at the applied position, evaluated at the time of the read). In process, synchronous: a reader
 * sees a whole transaction or nothing of it.
 */
import { definitionHash } from './canonical.ts'
import type { FeatureView } from './definition.ts'
import { compileView, type FeatureValues } from './evaluate.ts'
import { LargeEntities } from './intervals.ts'
import type { RowEvent } from './row-event.ts'
import { openRowStore, type RowStore, type StoreStatistics } from './row-store.ts'
import { idOf } from './values.ts'

export type Engine = {
  readonly view: FeatureView
  /** SHA-256 of the definition. */
  readonly definition: string
  /** The highest position applied; '' at the start. */
  readonly position: () => string
  /** Applies one transaction. Changes that were applied before change nothing. Returns how many did. */
  readonly apply: (transaction: readonly RowEvent[]) => number
  /** Everything before this cut has been applied, though no row of the view may lie just before it. */
  readonly advance: (cut: string) => void
  /** `asOf` in milliseconds since 1970. An entity that is not known has the values of no rows. */
  readonly read: (entity: string, asOf: number) => FeatureValues
  /** Entities on which a row hangs. */
  readonly entities: () => IteratorObject<string>
  readonly statistics: () => StoreStatistics
  /** Changes at or below this position will not be delivered again: their deletions may be forgotten. */
  readonly acknowledge: (position: string) => void
  readonly store: RowStore
}

export type EngineOptions = {
  /** A store read back from disk, with its position. */
  readonly resumed?: { readonly store: RowStore; readonly position: string }
  /** Entities of more rows get tiles (`intervals.ts`). Default: 256. */
  readonly manyRows?: number
  /** Rows of the entity per tile. Default: 64. */
  readonly tileRows?: number
}

export function openEngine(view: FeatureView, { resumed, manyRows, tileRows }: EngineOptions = {}): Engine {
  const store = resumed?.store ?? openRowStore(view)
  const large = new LargeEntities(tileRows)
  store.watch(
    (entity, row) => large.changed(entity, row),
    () => large.some,
  )
  const evaluate = compileView(view, store.sources, manyRows === undefined ? { large } : { large, manyRows })
  let position = resumed?.position ?? ''
  return {
    view,
    definition: definitionHash(view),
    store,
    position: () => position,
    apply(transaction) {
      let changed = 0
      for (const event of transaction) {
        if (store.apply(event)) changed++
        if (event.position > position) position = event.position
      }
      return changed
    },
    advance(cut) {
      if (cut > position) position = cut
    },
    read: (entity, asOf) => evaluate(store.entities.get(idOf(entity)), asOf),
    entities: () => store.entities.keys().map(String),
    statistics: () => store.statistics(),
    acknowledge: (upTo) => store.acknowledge(upTo),
  }
}
