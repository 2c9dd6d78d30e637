/**
 * Reads the log: the newest live list, then only the commits after it. The whole history is never read, except by who asks
 * for it (`readCommits`).
 */
import { ConnectorError } from '../../../connectors/errors.ts'
import type { ObjectStore } from '../../../connectors/ports.ts'
import { type Commit, type LogState, PROTOCOL } from './commit.ts'
import { decodeCommit, decodeLiveList } from './encode.ts'
import { applyCommit, EMPTY_STATE } from './fold.ts'
import { commitKey, type LakePlace, liveKey, livePrefix, logPrefix, numberOf } from './keys.ts'

/** Requests in flight at a time. */
const READ_AHEAD = 16

export type LoadedLog = {
  readonly state: LogState
  /** Number of the live list that the reading began with; 0 when there was none. */
  readonly live: number
  /** Highest `minWriter` seen: a writer below it must not append. */
  readonly minWriter: number
  /** The newest claim among the commits read; null when it lies before the live list. */
  readonly claim: Commit | null
}

const NOTHING: LoadedLog = { state: EMPTY_STATE, live: 0, minWriter: PROTOCOL.minWriter, claim: null }

/**
 * The state of an integration's log, newest or as of commit `at`; `EMPTY_STATE` when there is no log. Changes nothing.
 * Throws `NOT_FOUND` when `at` is beyond the newest commit, `CORRUPT`, `PROTOCOL`.
 */
export async function loadState(
  store: ObjectStore,
  lake: LakePlace,
  options: { readonly at?: number; readonly signal: AbortSignal },
): Promise<LogState> {
  return (await loadLog(store, lake, options)).state
}

export async function loadLog(
  store: ObjectStore,
  lake: LakePlace,
  options: { readonly at?: number; readonly signal: AbortSignal },
): Promise<LoadedLog> {
  const at = options.at ?? Number.MAX_SAFE_INTEGER
  const start = await newestLiveList(store, lake, at, options.signal)
  const loaded = await catchUp(store, lake, start, { to: at, signal: options.signal })
  if (options.at !== undefined && loaded.state.number < options.at) {
    throw new ConnectorError(
      'NOT_FOUND',
      `Commit ${options.at} of integration "${lake.integration}" does not exist; the newest is ${loaded.state.number}`,
    )
  }
  return loaded
}

async function newestLiveList(store: ObjectStore, lake: LakePlace, at: number, signal: AbortSignal): Promise<LoadedLog> {
  let newest = 0
  for await (const { key } of store.list(livePrefix(lake), { signal })) {
    const number = numberOf(key) ?? 0
    if (number > at) break
    newest = Math.max(newest, number)
  }
  if (newest === 0) return NOTHING
  const key = liveKey(lake, newest)
  const [bytes, commit] = await Promise.all([store.get(key, { signal }), store.head(commitKey(lake, newest), signal)])
  if (bytes === null) return newestLiveList(store, lake, newest - 1, signal)
  const { state, protocol, integration } = decodeLiveList(key, bytes)
  if (state.number !== newest || integration !== lake.integration || commit === null) {
    const found = commit === null ? 'a log without that commit' : `commit ${state.number} of integration "${integration}"`
    throw new ConnectorError('CORRUPT', `Live list "${key}" belongs to ${found}. Restore the log from a backup`)
  }
  return { state, live: newest, minWriter: Math.max(PROTOCOL.minWriter, protocol.minWriter), claim: null }
}

/** Folds the commits after the loaded ones, up to and including `to`. */
export async function catchUp(
  store: ObjectStore,
  lake: LakePlace,
  loaded: LoadedLog,
  options: { readonly to?: number; readonly signal: AbortSignal },
): Promise<LoadedLog> {
  let { state, minWriter, claim } = loaded
  for await (const commit of readCommits(store, lake, { from: state.number + 1, ...options })) {
    state = applyCommit(state, commit)
    minWriter = Math.max(minWriter, commit.protocol.minWriter)
    if (commit.kind === 'claim') claim = commit
  }
  return { ...loaded, state, minWriter, claim }
}

/** Commits `from`…`to` (both included; to the newest when absent), in order. Throws `CORRUPT` when one is missing. */
export async function* readCommits(
  store: ObjectStore,
  lake: LakePlace,
  options: { readonly from: number; readonly to?: number; readonly signal: AbortSignal },
): AsyncGenerator<Commit> {
  const { signal } = options
  const from = Math.max(1, options.from)
  const to = options.to ?? Number.MAX_SAFE_INTEGER
  let waiting: number[] = []
  let next = from
  const read = (numbers: readonly number[]) => Promise.all(numbers.map((number) => readCommit(store, lake, number, signal)))
  for await (const { key } of store.list(logPrefix(lake), { after: commitKey(lake, from - 1), signal })) {
    const number = numberOf(key)
    if (number === null) continue
    if (number > to) break
    if (number !== next) {
      throw new ConnectorError(
        'CORRUPT',
        `Commit ${next} of integration "${lake.integration}" is missing although ${number} exists. Restore it from a backup`,
      )
    }
    next++
    waiting.push(number)
    if (waiting.length < READ_AHEAD) continue
    yield* await read(waiting)
    waiting = []
  }
  yield* await read(waiting)
}

async function readCommit(store: ObjectStore, lake: LakePlace, number: number, signal: AbortSignal): Promise<Commit> {
  const key = commitKey(lake, number)
  const bytes = await store.get(key, { signal })
  if (bytes === null)
    throw new ConnectorError('CORRUPT', `Commit "${key}" was listed but cannot be read. Restore it from a backup`)
  const commit = decodeCommit(key, bytes)
  if (commit.number !== number || commit.integration !== lake.integration) {
    const found = `commit ${commit.number} of integration "${commit.integration}"`
    throw new ConnectorError('CORRUPT', `Commit "${key}" holds ${found}. Restore it from a backup`)
  }
  return commit
}
