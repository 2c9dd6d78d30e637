/** What warehouses may show of a table: the live state, or the state of the last accepted schema version. Pure. */
import type { Position, TableSchema } from '../../../connectors/change.ts'
import type { FileEntry, ShownState, TableCommit, TableState } from './commit.ts'

type Live = Omit<TableState, 'accepted' | 'shown' | 'gone'>
type Check = (holds: boolean, problem: string) => void

/**
 * The acceptance part of a table's state after a commit. A table is kept back from the commit that brings a schema version
 * with `held`, or one that needs new rows (a snapshot begins with it), until its newest version is accepted and no snapshot
 * is under way.
 */
export function acceptance(
  before: TableState | undefined,
  change: TableCommit,
  live: Live,
  check: Check,
): Pick<TableState, 'accepted' | 'shown' | 'gone'> {
  const { version } = live.schema
  check(
    change.accepted === undefined || change.accepted === version,
    `accepts version ${change.accepted}; the newest is ${version}`,
  )
  check(change.accepted === undefined || change.held === undefined, 'holds and accepts a schema version at once')
  const byItself = change.schema !== undefined && change.held === undefined
  const accepted = change.accepted ?? (byItself ? version : (before?.accepted ?? 0))
  const kept = withArrivals(keptBack(before, change), change)
  const released = accepted === version && live.pending === null
  const back = change.schema !== undefined || change.snapshot?.start !== undefined
  return { accepted, shown: released ? null : kept, gone: change.gone ?? (back ? null : (before?.gone ?? null)) }
}

function keptBack(before: TableState | undefined, change: TableCommit): ShownState | null {
  const known = before?.shown ?? null
  if (known !== null) {
    return change.held !== undefined && change.held < known.until ? { ...known, until: change.held } : known
  }
  const base = before?.base ?? null
  const needsRows = base !== null && change.snapshot?.start !== undefined ? change.schema?.since : undefined
  const until = change.held ?? needsRows
  if (until === undefined) return null
  return { version: before?.accepted ?? 0, until, base, changes: before?.changes ?? [] }
}

/** The stream may be behind the catalogue that showed the new shape: rows of the old shape still arrive. Compaction only rewrites. */
function withArrivals(shown: ShownState | null, change: TableCommit): ShownState | null {
  if (shown === null || shown.base === null || change.removed !== undefined) return shown
  const arrived = (change.added ?? []).filter((file) => file.part === 'changes' && file.minPosition < shown.until)
  return arrived.length === 0 ? shown : { ...shown, changes: [...shown.changes, ...arrived] }
}

/** A table as warehouses show it. */
export type ShownTable = {
  readonly schema: TableSchema
  readonly base: NonNullable<TableState['base']>
  readonly changes: readonly FileEntry[]
  /** Rows at or above are not shown; null = all are. */
  readonly until: Position | null
}

/** Null while there is nothing to show: no snapshot is complete, or no schema version was ever accepted. */
export function shownTable(table: TableState): ShownTable | null {
  const { shown } = table
  if (shown === null) {
    return table.base === null ? null : { schema: table.schema, base: table.base, changes: table.changes, until: null }
  }
  const schema = table.versions[shown.version]
  const { base, until } = shown
  if (schema === undefined || base === null) return null
  return { schema, base, changes: shown.changes.filter(({ minPosition }) => minPosition < until), until }
}

/** Files that warehouses need although they may no longer be live: `vacuum` must leave them. Empty unless the table is kept back. */
export function shownFiles({ shown }: Pick<TableState, 'shown'>): readonly FileEntry[] {
  return shown === null ? [] : [...(shown.base?.files ?? []), ...(shown.base?.renewed?.files ?? []), ...shown.changes]
}
