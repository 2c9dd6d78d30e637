/**
 * The commit log as its writer sees it: the only state of a replication. Appends are put-if-absent of contiguous numbers, so
 * that of two writers one wins; a claim fences every earlier writer.
 */
import type { Position, TableName } from '../../../connectors/change.ts'
import { ConnectorError, recoveryOf } from '../../../connectors/errors.ts'
import type { Environment, ObjectStore } from '../../../connectors/ports.ts'
import { type Commit, type CommitKind, type LogState, PROTOCOL, type TableCommit } from './commit.ts'
import { decodeCommit, encodeCommit, encodeLiveList } from './encode.ts'
import { applyCommit, needsClaim, voidedFiles } from './fold.ts'
import { commitKey, type LakePlace, liveKey, newWriterToken, type WriterRole } from './keys.ts'
import { openMutex } from './mutex.ts'
import { catchUp, type LoadedLog, loadLog, loadState, readCommits } from './read.ts'
import { sweep } from './sweep.ts'

/** A live list is written whenever the newest one is this many commits old. */
export const LIVE_LIST_EVERY = 100

/** What a commit shall say. What is absent stays as it is in the state that the draft is built on. */
export type CommitDraft = {
  readonly kind: CommitKind
  readonly tables?: Readonly<Record<TableName, TableCommit>>
  readonly position?: Position | null
  readonly source?: Commit['source']
  readonly through?: string | null
  readonly transactions?: number
  readonly changes?: number
  readonly rejects?: number
  readonly vacuumed?: Commit['vacuumed']
}

/** Appends run one at a time; any number may be asked for at once. All methods reject with `ABORTED` when the signal fires. */
export interface CommitLog {
  readonly lake: LakePlace
  /** Our token; keys of our data files carry it. */
  readonly writer: string
  /** The newest state known to this process. */
  state(): LogState
  /** Reads what others committed since. */
  refresh(signal: AbortSignal): Promise<LogState>
  /** Takes the log over: every earlier writer is fenced from this commit on. Needed before any data is written. */
  claim(signal: AbortSignal): Promise<Commit>
  /**
   * Commits what `draft` makes of the newest state; durable when it settles. `draft` is called again when another commit came
   * first; what it throws is passed on and nothing is committed.
   *
   * Throws `FENCED` when another run claimed the log, `PROTOCOL` when the log needs a newer writer. After an error of the
   * store the outcome may be unknown: every later append fails, and the log must be opened again.
   */
  append(draft: (state: LogState) => CommitDraft, signal: AbortSignal): Promise<Commit>
  /** Commits `from`…`to`, both included, to the newest when `to` is absent. */
  commits(range: { readonly from: number; readonly to?: number }, signal: AbortSignal): AsyncIterable<Commit>
  /** The state as of a commit. Throws `NOT_FOUND` beyond the newest. */
  readAt(number: number, signal: AbortSignal): Promise<LogState>
  /** Deletes data files of earlier claims that no commit names; safe beside a running capture. Returns their keys. */
  sweep(signal: AbortSignal): Promise<readonly string[]>
}

export type LogOptions = {
  readonly store: ObjectStore
  readonly prefix: string
  readonly integration: string
  readonly environment: Pick<Environment, 'now' | 'sleep' | 'random' | 'log'>
  /** Host and process for people; `portage <version>`. */
  readonly by: string
  /** Default: `run`. */
  readonly role?: WriterRole
  readonly signal: AbortSignal
}

/** Reads the newest state; writes nothing. Throws `CORRUPT`, `PROTOCOL` and what the store throws. */
export async function openLog(options: LogOptions): Promise<CommitLog> {
  const { store, environment } = options
  const lake: LakePlace = { prefix: options.prefix, integration: options.integration }
  const writer = newWriterToken(options.role ?? 'run', environment.random)
  const exclusive = openMutex()
  let loaded: LoadedLog = await loadLog(store, lake, { signal: options.signal })
  let claimed: number | null = null
  let broken: unknown = null

  const append: CommitLog['append'] = async (draft, signal) => {
    if (broken !== null) throw brokenError(lake, broken)
    for (;;) {
      refuseNewerProtocol(lake, loaded.minWriter)
      const asked = draft(loaded.state)
      if (needsClaim(asked.kind) && loaded.state.claim !== writer) throw noLongerOurs(lake, loaded, claimed)
      const commit = complete(asked)
      const next = applied(loaded.state, commit)
      const bytes = encodeCommit(commit)
      signal.throwIfAborted()
      if (await put(commitKey(lake, commit.number), bytes, signal)) {
        const voided = voidedFiles(loaded.state, next)
        loaded = { ...loaded, state: next, ...(commit.kind === 'claim' ? { claim: commit } : {}) }
        if (commit.kind === 'claim') claimed = commit.number
        await afterwards(`live list ${next.number}`, () => writeLiveList(signal))
        await afterwards('files of a snapshot that started over', async () => {
          if (voided.length > 0) await store.delete(voided, signal)
        })
        return commit
      }
      await rebase(commit, signal)
    }
  }

  const complete = (draft: CommitDraft): Commit => {
    const { state } = loaded
    return {
      protocol: PROTOCOL,
      number: state.number + 1,
      kind: draft.kind,
      integration: lake.integration,
      writer,
      createdAt: environment.now().toISOString(),
      previous: state.position,
      position: draft.position === undefined ? state.position : draft.position,
      source: draft.source === undefined ? state.source : draft.source,
      through: draft.through === undefined ? state.through : draft.through,
      tables: draft.tables ?? {},
      counts: { transactions: draft.transactions ?? 0, changes: draft.changes ?? 0, rejects: draft.rejects ?? 0 },
      ...(draft.vacuumed === undefined ? {} : { vacuumed: draft.vacuumed }),
      by: options.by,
    }
  }

  /**
   * True when the commit is ours, also when an earlier answer was lost; false when the number is someone else's. Once begun
   * it is not aborted: a small object, and its outcome must be known.
   */
  const put = async (key: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean> => {
    try {
      if ((await putPatiently(store, key, bytes, environment, signal)) === 'created') return true
      const found = await store.get(key, { signal })
      if (found === null)
        throw new ConnectorError('CORRUPT', `Commit "${key}" exists but cannot be read. Restore it from a backup`)
      return Buffer.compare(found, bytes) === 0
    } catch (error) {
      // The put may have happened, or may still happen: only a new claim can tell.
      broken = error
      throw error
    }
  }

  /** Someone took our number: read on, and stop if it was a claim or if only we may write such a commit. */
  const rebase = async (ours: Commit, signal: AbortSignal): Promise<void> => {
    const before = loaded.state.number
    loaded = await catchUp(store, lake, loaded, { signal })
    if (loaded.state.number === before) {
      throw new ConnectorError('CORRUPT', `Commit ${ours.number} of integration "${lake.integration}" exists but is not listed`)
    }
    const key = commitKey(lake, ours.number)
    const found = await store.get(key, { signal })
    if (found !== null && decodeCommit(key, found).writer === writer) {
      throw new ConnectorError('INTERNAL', `Commit "${key}" was written twice by "${writer}" with different content`)
    }
  }

  /** The commit stands whatever happens here: a missing list costs time only, left files are swept by the next run. */
  const afterwards = async (subject: string, action: () => Promise<void>): Promise<void> => {
    try {
      await action()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      environment.log('warn', `Commit log of integration "${lake.integration}": ${subject} could not be tended to`, { reason })
    }
  }

  const writeLiveList = async (signal: AbortSignal): Promise<void> => {
    const { state, live, minWriter } = loaded
    if (state.number - live < LIVE_LIST_EVERY) return
    const list = { protocol: { minReader: PROTOCOL.minReader, minWriter }, integration: lake.integration, state }
    await store.putIfAbsent(liveKey(lake, state.number), encodeLiveList(list), signal)
    loaded = { ...loaded, live: state.number }
  }

  return {
    lake,
    writer,
    state: () => loaded.state,
    refresh: (signal) =>
      exclusive(async () => {
        loaded = await catchUp(store, lake, loaded, { signal })
        return loaded.state
      }),
    claim: (signal) => exclusive(() => append(() => ({ kind: 'claim' }), signal)),
    append: (draft, signal) => exclusive(() => append(draft, signal)),
    commits: (range, signal) => readCommits(store, lake, { ...range, signal }),
    readAt: (number, signal) => loadState(store, lake, { at: number, signal }),
    sweep: async (signal) => {
      if (claimed === null) throw new ConnectorError('INTERNAL', `Sweep of integration "${lake.integration}" before its claim`)
      return sweep(store, lake, { state: loaded.state, writer, claimed }, signal)
    },
  }
}

/** A draft that breaks a rule of the log is a defect of ours, not of the lake. */
function applied(state: LogState, commit: Commit): LogState {
  try {
    return applyCommit(state, commit)
  } catch (cause) {
    const message = cause instanceof Error ? cause.message.replace(/\. Something else.*$/, '') : 'it broke a rule of the log'
    throw new ConnectorError('INTERNAL', `Refused to write a commit: ${message}`, { cause })
  }
}

const PUT_ATTEMPTS = 5
const FIRST_PAUSE_MS = 200

/** Repeats the same bytes under the same key after passing failures: at most one of the attempts creates the object. */
async function putPatiently(
  store: ObjectStore,
  key: string,
  bytes: Uint8Array,
  environment: LogOptions['environment'],
  signal: AbortSignal,
): Promise<'created' | 'exists'> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await store.putIfAbsent(key, bytes)
    } catch (error) {
      if (recoveryOf(error) !== 'retry' || attempt === PUT_ATTEMPTS) throw error
      await environment.sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + environment.random()), signal)
    }
  }
}

function refuseNewerProtocol(lake: LakePlace, minWriter: number): void {
  if (minWriter <= PROTOCOL.minWriter) return
  throw new ConnectorError(
    'PROTOCOL',
    `Commit log of integration "${lake.integration}" needs writer protocol ${minWriter}, this Portage writes ${PROTOCOL.minWriter}. Install a newer Portage`,
  )
}

function noLongerOurs(lake: LakePlace, { state, claim }: LoadedLog, claimed: number | null): ConnectorError {
  const subject = `Commit log of integration "${lake.integration}"`
  if (claimed === null) return new ConnectorError('INTERNAL', `${subject} must be claimed before it is written`)
  const holder =
    claim === null ? `"${state.claim}"` : `"${claim.writer}" (${claim.by}, commit ${claim.number} at ${claim.createdAt})`
  return new ConnectorError(
    'FENCED',
    `${subject} was taken over by ${holder}. This run stops and acknowledges nothing more; run again only to take it back`,
  )
}

function brokenError(lake: LakePlace, cause: unknown): ConnectorError {
  const code = cause instanceof ConnectorError ? cause.code : 'INTERNAL'
  return new ConnectorError(
    code,
    `Commit log of integration "${lake.integration}" failed before, with an unknown outcome; open it again`,
    { cause },
  )
}
