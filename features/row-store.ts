/**
 * The rows of a view, each hanging on its parent and finally on its entity. Rows are the whole state: nothing is added up, so
 * nothing can be taken back wrongly. A parent need not be there: its children wait on an empty row, and count from the moment
 * it arrives; a parent that moves takes them along because they hang on it.
 */
import type { FeatureView } from './definition.ts'
import { type RowEvent, type SourceShape, sourceShape } from './row-event.ts'
import { emptyRow, eraseColumns, isComplete, isThere, newestPosition, type StoredRow, writeColumns } from './row-merge.ts'
import type { Id } from './values.ts'

export type SourceRows = {
  readonly shape: SourceShape
  readonly rows: Map<Id, StoredRow>
  /** Place among the children of the parent (of the entity). */
  readonly childIndex: number
  readonly parent: SourceRows | null
  /** Rows written at or below this position are void. */
  truncated: string
}

export type StoreStatistics = {
  readonly rows: number
  readonly entities: number
  /** Rows that count nowhere because they or a row above them are not there (completely). */
  readonly waiting: number
  /** Deleted rows whose positions are kept. */
  readonly tombstones: number
}

export type RowStore = {
  readonly sources: ReadonlyMap<string, SourceRows>
  readonly entities: Map<Id, StoredRow>
  /** Returns whether anything changed: a change that was applied before changes nothing. */
  apply(event: RowEvent): boolean
  /** Forgets deletions at or before a position that will not be delivered again. */
  acknowledge(position: string): void
  statistics(): StoreStatistics
  /**
   * While it listens, called before and after a row is placed, with what is above it: the entity (or a row that no entity has
   * yet) and the row that hangs on that.
   */
  watch(listener: (top: StoredRow, branch: StoredRow) => void, isListening: () => boolean): void
  /** Hangs a row where its values say; for restoring. */
  place(source: SourceRows, row: StoredRow): void
}

export function openRowStore(view: FeatureView): RowStore {
  const sources = sourcesOf(view)
  const entities = new Map<Id, StoredRow>()
  const require = (name: string): SourceRows => {
    const found = sources.get(name)
    if (found === undefined) throw new Error(`View "${view.name}" has no source "${name}"`)
    return found
  }
  const rowOf = (rows: Map<Id, StoredRow>, key: Id): StoredRow => {
    let row = rows.get(key)
    if (row === undefined) {
      row = emptyRow(key)
      rows.set(key, row)
    }
    return row
  }
  const parentRows = (source: SourceRows) => source.parent?.rows ?? entities

  let tell: (top: StoredRow, branch: StoredRow) => void = () => undefined
  let isWatched = () => false

  function changed(row: StoredRow): void {
    let branch = row
    for (let top = row.parent; top !== null; top = top.parent) {
      if (top.parent === null) tell(top, branch)
      branch = top
    }
  }

  /** After every change of a row. */
  function place(source: SourceRows, row: StoredRow): void {
    if (isWatched()) {
      changed(row)
      hang(source, row)
      changed(row)
    } else hang(source, row)
  }

  function hang(source: SourceRows, row: StoredRow): void {
    const link = isComplete(row) ? row.values[source.shape.link] : null
    if (row.parent !== null && row.parent.key === link) return
    const parent = link === null || link === undefined ? null : rowOf(parentRows(source), link as Id)
    if (parent === row.parent) return
    take(source, row)
    if (parent === null) return
    row.parent = parent
    const siblings = parent.children[source.childIndex]
    if (siblings !== undefined) row.slot = siblings.push(row) - 1
    else {
      // Lists of just the right length: an empty one that grows takes room for seventeen.
      const before = Array.from({ length: source.childIndex }, (_, index) => parent.children[index] ?? [])
      parent.children = source.childIndex === 0 ? [[row]] : [...before, [row]]
      row.slot = 0
    }
  }

  function take(source: SourceRows, row: StoredRow): void {
    const parent = row.parent
    if (parent === null) return
    const siblings = parent.children[source.childIndex] ?? []
    const moved = siblings.pop()
    if (moved !== undefined && moved !== row) {
      siblings[row.slot] = moved
      moved.slot = row.slot
    }
    row.parent = null
    row.slot = -1
    if (isForgettable(parent)) parentRows(source).delete(parent.key)
  }

  function write(source: SourceRows, key: Id, event: RowEvent, values: RowEvent['values']): boolean {
    if (event.position <= source.truncated) return false
    const row = rowOf(source.rows, key)
    const isNew = writeColumns(row, values, event.position)
    if (isNew) place(source, row)
    return isNew
  }

  function remove(source: SourceRows, key: Id, position: string): boolean {
    if (position <= source.truncated) return false
    const row = rowOf(source.rows, key)
    if (position <= row.deleted) return false
    row.deleted = position
    const wasThere = eraseColumns(row, position)
    if (wasThere) place(source, row)
    return wasThere
  }

  function truncate(source: SourceRows, position: string): boolean {
    if (position <= source.truncated) return false
    source.truncated = position
    for (const row of [...source.rows.values()]) {
      if (eraseColumns(row, position)) place(source, row)
      if (row.deleted <= position) row.deleted = ''
      if (isForgettable(row)) source.rows.delete(row.key)
    }
    return true
  }

  /** What the change did not carry is what the row held under its old key. */
  function rename(source: SourceRows, event: RowEvent, oldKey: Id): boolean {
    const old = source.rows.get(oldKey)
    const usable = old !== undefined && isComplete(old) && newestPosition(old) < event.position
    const values = usable ? event.values.map((value, column) => (value === undefined ? old.values[column] : value)) : event.values
    const removed = remove(source, oldKey, event.position)
    return write(source, event.key, event, values) || removed
  }

  return {
    sources,
    entities,
    place,
    watch(listener, isListening) {
      tell = listener
      isWatched = isListening
    },
    apply(event) {
      const source = require(event.source)
      switch (event.op) {
        case 'insert':
          return write(source, event.key, event, event.values)
        case 'update':
          if (event.oldKey !== null) return rename(source, event, event.oldKey)
          return write(source, event.key, event, event.values)
        case 'delete':
          return remove(source, event.key, event.position)
        case 'truncate':
          return truncate(source, event.position)
        default:
          return event.op satisfies never
      }
    },
    acknowledge(position) {
      for (const source of sources.values()) {
        for (const row of [...source.rows.values()]) {
          if (row.deleted !== '' && row.deleted <= position) row.deleted = ''
          if (isForgettable(row)) source.rows.delete(row.key)
        }
      }
    },
    statistics: () => statisticsOf(sources, entities),
  }
}

function isForgettable(row: StoredRow): boolean {
  return !isThere(row) && row.deleted === '' && row.parent === null && row.children.every((each) => each.length === 0)
}

/** Parents before children. */
function sourcesOf(view: FeatureView): ReadonlyMap<string, SourceRows> {
  const sources = new Map<string, SourceRows>()
  const childCounts = new Map<string | null, number>()
  const add = (name: string): SourceRows => {
    const known = sources.get(name)
    if (known !== undefined) return known
    const shape = sourceShape(view, name)
    const parent = shape.parent === null ? null : add(shape.parent)
    const childIndex = childCounts.get(shape.parent) ?? 0
    childCounts.set(shape.parent, childIndex + 1)
    const source: SourceRows = { shape, rows: new Map(), childIndex, parent, truncated: '' }
    sources.set(name, source)
    return source
  }
  for (const name of Object.keys(view.sources)) add(name)
  return sources
}

function statisticsOf(sources: RowStore['sources'], entities: RowStore['entities']): StoreStatistics {
  let rows = 0
  let waiting = 0
  let tombstones = 0
  for (const source of sources.values()) {
    for (const row of source.rows.values()) {
      if (isThere(row)) {
        rows++
        if (!hangsOnEntity(source, row)) waiting++
      } else if (row.deleted !== '') tombstones++
    }
  }
  return { rows, waiting, tombstones, entities: entities.size }
}

function hangsOnEntity(source: SourceRows, row: StoredRow): boolean {
  for (let at = row, level: SourceRows | null = source; level !== null; level = level.parent) {
    if (at.parent === null) return false
    at = at.parent
  }
  return true
}
