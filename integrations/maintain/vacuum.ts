/** Deletes what no state that anybody may still read needs. I/O through the store. */
import type { Environment, ObjectStore } from '../../connectors/ports.ts'
import { dataPrefix, originOf } from '../land/log/keys.ts'
import type { CommitLog } from '../land/log/log.ts'
import { judgeDirectories, markSuperseded, type ShownDirectories } from '../register/directory/superseded.ts'
import { readHistory } from './file-lives.ts'
import { judge, type LakeObject, type Needs, type Verdict } from './needed.ts'

export type VacuumOptions = {
  readonly store: ObjectStore
  /** Opened for maintenance. */
  readonly log: CommitLog
  /** Those of warehouses and open readers; what tables kept back show is added here. */
  readonly needs: Needs
  /** What the warehouses that read directories show. Default: nobody asked, so their files are left alone. */
  readonly directories?: readonly ShownDirectories[]
  readonly graceMs: number
  readonly environment: Pick<Environment, 'now'>
  readonly dryRun: boolean
  readonly signal: AbortSignal
}

export type VacuumOutcome = {
  readonly verdicts: readonly Verdict[]
  /** States of commits below it can no longer be read because of this vacuum; null when it took none of their files. */
  readonly below: number | null
}

const DELETE_BATCH = 1_000

/**
 * Lists first and reads the log afterwards: every writer of a listed file has announced itself by then. The log is told which
 * states lose files before the first one goes; what a crash leaves is found by the next vacuum.
 */
export async function vacuum(options: VacuumOptions): Promise<VacuumOutcome> {
  const { store, log, signal, environment } = options
  const objects: LakeObject[] = []
  for await (const object of store.list(dataPrefix(log.lake), { signal })) objects.push(object)
  const history = await readHistory(log.commits({ from: 1 }, signal))
  const held = [...history.shown].map((key) => [key, 'a warehouse that keeps a table at its accepted schema'] as const)
  const needs: Needs = { ...options.needs, keys: new Map([...held, ...options.needs.keys]) }
  const clock = { now: environment.now(), graceMs: options.graceMs }
  const projected = judgeDirectories(log.lake, objects, options.directories ?? [], clock)
  const judged = new Set(projected.verdicts.map(({ key }) => key))
  const others = objects.filter(({ key }) => !judged.has(key))
  const verdicts = [
    ...others.map((object) => judge(object, originOf(log.lake, object.key), history, needs, clock)),
    ...projected.verdicts.map((verdict) => ({ ...verdict, to: null })),
  ]
  const doomed = verdicts.filter(({ action }) => action === 'delete')
  const below = doomed.reduce<number | null>((top, { to }) => (to === null || (top !== null && top >= to) ? top : to), null)
  if (options.dryRun) return { verdicts, below }
  await markSuperseded(store, projected.marks, signal)
  if (doomed.length === 0) return { verdicts, below }
  const known = history.state.vacuumed ?? 0
  if (below !== null && below > known) await log.append(() => ({ kind: 'maintenance', vacuumed: { below } }), signal)
  for (let first = 0; first < doomed.length; first += DELETE_BATCH) {
    const keys = doomed.slice(first, first + DELETE_BATCH).map(({ key }) => key)
    await store.delete(keys, signal)
  }
  return { verdicts, below }
}
