/** Deletes what crashed runs left: data files of earlier claims that no commit ever named, or that never became live. */
import type { ObjectStore } from '../../../connectors/ports.ts'
import type { LogState } from './commit.ts'
import { namedKeys } from './fold.ts'
import { dataPrefix, isRunToken, type LakePlace, originOf } from './keys.ts'
import { readCommits } from './read.ts'

/**
 * How far back a sweep looks. A file is named by the commit that its writer aimed at or by one soon after; older leftovers
 * (of a sweep that crashed many times) wait for `vacuum`, which reads the whole history.
 */
export const SWEEP_COMMITS = 1_000

/**
 * Keys deleted. Must run after our claim `claimed` is committed: from then on no earlier writer can name a file. Files of
 * maintenance are left alone, so are files that were once live (time travel reads them). Chunks of a snapshot that started
 * over never were.
 */
export async function sweep(
  store: ObjectStore,
  lake: LakePlace,
  run: { readonly state: LogState; readonly writer: string; readonly claimed: number },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const named = namedKeys(run.state)
  const unnamed = new Map<string, number>()
  for await (const { key } of store.list(dataPrefix(lake), { signal })) {
    const origin = originOf(lake, key)
    if (origin === null || !isRunToken(origin.writer) || origin.writer === run.writer || named.has(key)) continue
    if (origin.commit <= run.claimed && origin.commit > run.claimed - SWEEP_COMMITS) unnamed.set(key, origin.commit)
  }
  if (unnamed.size === 0) return []
  const from = Math.min(...unnamed.values())
  const pending = new Map<string, string[]>()
  for await (const { tables } of readCommits(store, lake, { from, to: run.claimed, signal })) {
    for (const [table, change] of Object.entries(tables)) {
      if (change.dropped || change.snapshot?.start !== undefined) pending.delete(table)
      for (const { key, part } of change.added ?? []) {
        if (part === 'base' && change.snapshot !== undefined) underWay(pending, table).push(key)
        else unnamed.delete(key)
      }
      if (change.snapshot?.complete !== true) continue
      for (const key of underWay(pending, table)) unnamed.delete(key)
      pending.delete(table)
    }
  }
  const keys = [...unnamed.keys()]
  await store.delete(keys, signal)
  return keys
}

function underWay(pending: Map<string, string[]>, table: string): string[] {
  const files = pending.get(table) ?? []
  pending.set(table, files)
  return files
}
