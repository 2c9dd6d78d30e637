/** Whether an object of the lake is still needed, by whom, and why it may go. Pure. */
import { isRunToken } from '../land/log/keys.ts'
import type { FileLife, History } from './file-lives.ts'
import { INTENT_DEAD_MS } from './intent.ts'

/** Everyone who may still read files that are no longer live. */
export type Needs = {
  /** They show the state of a commit and go on to newer ones; `commit` null: nobody can tell what they show. */
  readonly followers: readonly { readonly commit: number | null; readonly by: string }[]
  /** They keep to the state of one commit. */
  readonly pinned: readonly { readonly commit: number; readonly by: string }[]
  /** Files that are needed whatever the log says: tables that a warehouse shows at an older schema version. */
  readonly keys: ReadonlyMap<string, string>
}

export type LakeObject = { readonly key: string; readonly size: number; readonly modified: Date }

export type Verdict = {
  readonly key: string
  readonly size: number
  /** `live`: part of the newest state. `foreign`: nobody's; never touched. */
  readonly action: 'delete' | 'keep' | 'live' | 'foreign'
  readonly reason: string
  /** The first commit that does without a file that was once live; null for any other. */
  readonly to: number | null
}

/**
 * `origin`: who wrote the object, from its key. The objects must have been listed before the history was read, so that every
 * writer that could have made one of them is known from its claim or intent.
 */
export function judge(
  object: LakeObject,
  origin: { readonly writer: string } | null,
  history: History,
  needs: Needs,
  { now, graceMs }: { readonly now: Date; readonly graceMs: number },
): Verdict {
  const { key, size } = object
  const verdict = (action: Verdict['action'], reason: string, to: number | null = null): Verdict => ({
    key,
    size,
    action,
    reason,
    to,
  })
  if (origin === null) return verdict('foreign', 'not a data file of this integration')
  const age = (since: Date): number => now.getTime() - since.getTime()
  const life = history.lives.get(key)
  if (life !== undefined) {
    if (life.to === null || life.endedAt === null) return verdict('live', 'part of the newest state')
    const by = neededBy(life, life.to, needs)
    if (by !== null) return verdict('keep', by, life.to)
    if (age(life.endedAt) <= graceMs) return verdict('keep', 'within the grace period', life.to)
    return verdict('delete', `replaced by commit ${life.to}`, life.to)
  }
  const { writer } = origin
  if (isRunToken(writer)) {
    if (writer === history.state.claim) return verdict('keep', 'being written by the run at work')
    if (!history.claims.has(writer)) return verdict('foreign', 'of a run that the log does not know')
    if (age(object.modified) <= graceMs) return verdict('keep', 'within the grace period')
    return verdict('delete', 'left by a run that ended before its commit')
  }
  const announced = history.intents.get(writer)
  if (announced === undefined) return verdict('foreign', 'of maintenance that the log does not know')
  if (age(announced) <= Math.max(graceMs, INTENT_DEAD_MS))
    return verdict('keep', 'being written by maintenance that may be at work')
  return verdict('delete', 'left by maintenance that ended before its commit')
}

/** In words who needs the file; null = nobody. */
function neededBy({ key, from }: FileLife, to: number, { followers, pinned, keys }: Needs): string | null {
  const held = keys.get(key)
  if (held !== undefined) return `needed by ${held}`
  for (const { commit, by } of followers) {
    if (commit === null) return `${by} cannot say what it shows`
    if (commit < to) return `${by} shows commit ${commit}, before ${to}`
  }
  const pin = pinned.find(({ commit }) => from <= commit && commit < to)
  return pin === undefined ? null : `${pin.by} keeps to commit ${pin.commit}`
}
