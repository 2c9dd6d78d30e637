/**
 * Directories that no warehouse shows any more: marked when vacuum sees them first, deleted a grace period later, so that a
 * query which began before finds its files. Deciding is pure; `vacuumDirectories` does the I/O.
 */
import type { TableName } from '../../../connectors/change.ts'
import type { ObjectStore, Registered } from '../../../connectors/ports.ts'
import type { LakePlace } from '../../land/log/keys.ts'
import { type DirectoryObject, directoryObject, markKey, type ProjectionPlace, tableSegment, targetOf } from './keys.ts'
import { directoriesOf, parseState } from './state.ts'

/** What one warehouse shows; `registered` null: nobody can tell, so nothing of it is touched. */
export type ShownDirectories = {
  readonly connection: string
  readonly schema: string
  readonly registered: Pick<Registered, 'commit' | 'projected'> | null
}

export type DirectoryVerdict = {
  readonly key: string
  readonly size: number
  readonly action: 'delete' | 'keep' | 'live' | 'foreign'
  readonly reason: string
}

type Listed = { readonly key: string; readonly size: number; readonly modified: Date }
type Found = Listed & { readonly object: DirectoryObject }

export type DirectoryJudgement = {
  readonly verdicts: readonly DirectoryVerdict[]
  /** Keys of marks to be made. */
  readonly marks: readonly string[]
}

/** Objects of directories and their marks among the listed ones; the others are none of this module's. */
export function judgeDirectories(
  lake: LakePlace,
  objects: readonly Listed[],
  warehouses: readonly ShownDirectories[],
  { now, graceMs }: { readonly now: Date; readonly graceMs: number },
): DirectoryJudgement {
  const found: readonly Found[] = objects.flatMap((each) => {
    const object = directoryObject(lake, each.key)
    return object === null ? [] : [{ ...each, object }]
  })
  const shown = new Map(warehouses.map((each) => [targetOf(placeOf(lake, each)), shownBy(each)]))
  const marked = new Map(found.flatMap((each) => (each.object.isMark ? [[each.key, each.modified] as const] : [])))
  const marks = new Set<string>()
  const needed = new Set<string>()
  const verdicts: DirectoryVerdict[] = []
  for (const { key, size, object } of found) {
    if (object.isMark) continue
    const say = (action: DirectoryVerdict['action'], reason: string) => verdicts.push({ key, size, action, reason })
    const warehouse = shown.get(object.target)
    if (warehouse === undefined) say('foreign', 'of a warehouse that the YAML does not name')
    else if (warehouse === null) say('keep', 'nobody can tell what its warehouse shows')
    else if (warehouse.names.get(object.tableSegment)?.has(object.directory)) say('live', 'shown by its warehouse')
    // A registration, or a repair of the recorded one, may be under way, or have ended before it was recorded: its views may show it.
    else if (object.commit >= warehouse.commit) say('keep', 'of a registration that is not recorded')
    else {
      const mark = markKey(lake, object)
      const since = marked.get(mark) ?? now
      if (now.getTime() - since.getTime() >= graceMs && (marked.has(mark) || graceMs === 0)) {
        say('delete', 'superseded by a later registration')
      } else {
        say('keep', 'superseded within the grace period')
        needed.add(mark)
        if (!marked.has(mark)) marks.add(mark)
      }
    }
  }
  for (const { key, size, object } of found) {
    if (!object.isMark) continue
    if (!needed.has(key)) verdicts.push({ key, size, action: 'delete', reason: 'mark of a directory that is gone' })
    else verdicts.push({ key, size, action: 'live', reason: 'mark of a superseded directory' })
  }
  return { verdicts, marks: [...marks] }
}

/** Makes the marks; deleting is the caller's. */
export async function markSuperseded(
  store: Pick<ObjectStore, 'putIfAbsent'>,
  marks: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const key of marks) await store.putIfAbsent(key, new TextEncoder().encode('{}\n'), signal)
}

const placeOf = (lake: LakePlace, { connection, schema }: ShownDirectories): ProjectionPlace => ({ ...lake, connection, schema })

/** Directories by segment of the table; null when a part of what is recorded cannot be read. */
function shownBy({ registered }: ShownDirectories) {
  if (registered === null) return null
  const names = new Map<string, Set<string>>()
  for (const text of registered.projected?.values() ?? []) {
    const state = parseState(text)
    if (state === null) return null
    const segment = tableSegment(state.table as TableName)
    names.set(segment, new Set([...(names.get(segment) ?? []), ...directoriesOf(state)]))
  }
  return { commit: registered.commit, names }
}
