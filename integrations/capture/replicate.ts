/**
 * One replication: take the log over, sweep what earlier writers left, prepare the source, then copy and follow side by
 * side until told to stop. Order everywhere: land → commit → acknowledge.
 */
import type { Position, SourceTable, TableName } from '../../connectors/change.ts'
import { ConnectorError, recoveryOf } from '../../connectors/errors.ts'
import type { Environment, FlushPolicy, Prepared, PrepareRequest, Source } from '../../connectors/ports.ts'
import type { Lander } from '../land/lander.ts'
import type { LogState } from '../land/log/commit.ts'
import type { CommitLog } from '../land/log/log.ts'
import { APPLY_EVERYTHING, type SchemaPolicies } from '../register/schema-policy.ts'
import type { Emit } from './events.ts'
import { type AfterCut, type FollowEnd, follow } from './follow.ts'
import { sourceTableOf } from './physical-columns.ts'
import { SchemaKeeper } from './schema-keeper.ts'
import { snapshotTables } from './snapshot.ts'
import { decodeTokens } from './storage-token.ts'
import { toldLog } from './told-log.ts'

export type ReplicationOptions = {
  readonly source: Source
  /** Already claimed by this writer. */
  readonly log: CommitLog
  readonly lander: Lander
  /** `once`: what the source holds now; `until-current`: until it has nothing more; `forever`: until the signal. */
  readonly mode: 'forever' | 'once' | 'until-current'
  readonly takeOver: boolean
  readonly flush: FlushPolicy
  /** Change files that a steady stream makes at most; 0 = no matter. */
  readonly filesPerHour: number
  readonly heartbeatMs: number
  readonly catalogueMs: number
  readonly readers: number
  readonly maxSnapshotAgeMs: number
  /** What is done about changes of shape. Default: they are applied. */
  readonly policies?: SchemaPolicies
  readonly environment: Environment
  readonly emit: Emit
}

/** With nothing else to send, a run that is to end asks the source for a cut this often. */
const ENDING_HEARTBEAT_MS = 300
/** How soon a request for a new snapshot is seen beside a quiet stream. */
const REQUESTS_MS = 5_000

/** Settles with `current` when the mode's end is reached, `stopped` when the signal asked; rejects with the first error otherwise. */
export async function replicate(given: ReplicationOptions, signal: AbortSignal): Promise<'current' | 'stopped'> {
  const options = { ...given, log: toldLog(given.log, given.emit) }
  for (;;) {
    try {
      const end = await session(options, signal)
      if (end.kind === 'stopped') return 'current'
      options.emit({ kind: 'step', step: 'prepare', detail: `new tables: ${end.tables.join(', ')}` })
    } catch (error) {
      await options.lander.abort()
      if (signal.aborted && (error === signal.reason || isAbort(error))) return 'stopped'
      throw error
    }
  }
}

/** One span of following with a fixed set of tables. */
async function session(options: ReplicationOptions, signal: AbortSignal): Promise<FollowEnd> {
  const { source, log, mode, environment, emit } = options
  emit({ kind: 'step', step: 'prepare' })
  const state = log.state()
  const epoch = state.source?.epoch ?? 1
  const known = state.position === null ? undefined : Object.values(state.tables).map(({ schema }) => schema.id)
  const request: PrepareRequest = {
    from: state.position,
    identity: state.source,
    epoch,
    takeOver: options.takeOver,
    ...(known === undefined ? {} : { known }),
  }
  const prepared = await source.prepare(request, signal, (message) => emit({ kind: 'waiting', message }))
  let wake: () => void = () => undefined
  const onResync = (table: TableName, reason: string): void => {
    emit({ kind: 'warning', message: `"${table}" gets a new snapshot: ${reason}` })
    wake()
  }
  const schemas = new SchemaKeeper({ log, policies: options.policies ?? APPLY_EVERYTHING, emit, onResync })
  await schemas.review(new Set(prepared.tables.map(({ table }) => table)), signal)
  await takeUp(schemas, log, prepared, epoch, signal)

  const published = new Map(prepared.tables.map(({ table, id }) => [table, id]))
  const unpublished = new Set<TableName>()
  // A table that came, or came back, since `prepare`: its changes are not sent yet, so that a copy of it would miss some.
  const isPublished = ({ table, id }: SourceTable): boolean => {
    if (published.get(table) === id) return true
    unpublished.add(table)
    return false
  }
  const onMissing = (table: TableName): void => {
    unpublished.add(table)
    emit({ kind: 'warning', message: `"${table}" is no longer in the source: it is not copied` })
  }
  const wanted = (): TableName[] =>
    needingSnapshot(log.state()).filter((table) => published.has(table) && !unpublished.has(table))
  const ending = new AbortController()
  const either = AbortSignal.any([signal, ending.signal])
  const copying = async (): Promise<void> => {
    for (;;) {
      const tables = wanted()
      if (tables.length > 0) {
        emit({ kind: 'step', step: 'snapshot', detail: tables.join(', ') })
        const estimates = await estimatedRows(source, either)
        await snapshotTables({ ...options, schemas, estimates, isPublished, onMissing }, tables, either)
        continue
      }
      await wokenOr(options, REQUESTS_MS, (resume) => (wake = resume), either)
      if (either.aborted) return
      await seeRequests(log, either)
    }
  }

  emit({ kind: 'step', step: 'follow' })
  const start = { from: prepared.start, known: knownTables(log.state(), schemas, prepared) }
  const heartbeatMs =
    mode === 'forever' ? options.heartbeatMs : Math.min(options.heartbeatMs || ENDING_HEARTBEAT_MS, ENDING_HEARTBEAT_MS)
  const ends = endOf(mode, () => wanted().length > 0)
  const afterCut: AfterCut = (cut, current) => {
    // A commit of ours may have come after one of maintenance that asks for a snapshot.
    if (wanted().length > 0) wake()
    return ends(cut, current)
  }
  const following = follow({ ...options, schemas, heartbeatMs, environment, isPublished }, start, afterCut, either)
  return bothOrFirstError(following, copying(), ending)
}

/** Settles when woken, after `ms`, or at the abort, whichever comes first. */
async function wokenOr(
  { environment }: Pick<ReplicationOptions, 'environment'>,
  ms: number,
  onWake: (wake: () => void) => void,
  signal: AbortSignal,
): Promise<void> {
  const waiting = new AbortController()
  onWake(() => waiting.abort())
  await environment.sleep(ms, AbortSignal.any([signal, waiting.signal])).catch(() => undefined)
}

/** Reads what others committed: `portage resync` asks by a commit, and a quiet source may give us none to make. */
async function seeRequests(log: CommitLog, signal: AbortSignal): Promise<void> {
  try {
    await log.refresh(signal)
  } catch (error) {
    if (recoveryOf(error) !== 'retry') throw error
  }
}

async function takeUp(
  schemas: SchemaKeeper,
  log: CommitLog,
  prepared: Prepared,
  epoch: number,
  signal: AbortSignal,
): Promise<void> {
  const state = log.state()
  const fresh = prepared.tables.some(({ table }) => schemas.latest(table) === null)
  if (!fresh && state.position !== null && state.source !== null) return
  const position = state.position ?? prepared.start
  await schemas.begin(prepared.tables, { position, source: { ...prepared.identity, epoch } }, position, signal)
}

/** Tables as the stream stood at its cut: the catalogue may already show more. */
function knownTables(state: LogState, schemas: SchemaKeeper, prepared: Prepared): SourceTable[] {
  return prepared.tables.map((table) => {
    const schema = schemas.at(table.table, prepared.start)
    // Where nothing is recorded yet, what the catalogue shows is what the snapshot will read.
    const tokens = decodeTokens(state.tables[table.table]?.storage ?? null) ?? table
    return schema === null ? table : sourceTableOf(schema, { storage: tokens.storage, definition: tokens.definition })
  })
}

/** Tables without a complete base, or with a snapshot under way. */
export function needingSnapshot(state: LogState): TableName[] {
  const entries = Object.entries(state.tables) as [TableName, LogState['tables'][TableName]][]
  return entries.filter(([, { base, pending }]) => base === null || pending !== null).map(([table]) => table)
}

async function estimatedRows(source: Source, signal: AbortSignal): Promise<ReadonlyMap<TableName, number>> {
  const tables = await source.discover(signal)
  return new Map(tables.map(({ table, estimatedRows: rows }) => [table, rows]))
}

/** A run that ends looks at the catalogue once more when nothing is left to copy, and stops at the first cut behind that look. */
function endOf(mode: ReplicationOptions['mode'], copying: () => boolean): AfterCut {
  let looked = false
  return (_cut: Position, current: boolean) => {
    if (mode === 'forever') return 'go-on'
    if (copying()) {
      looked = false
      return 'go-on'
    }
    if (looked) return mode === 'once' || current ? 'stop' : 'go-on'
    if (mode === 'until-current' && !current) return 'go-on'
    looked = true
    return 'look'
  }
}

/** Waits for both; when one fails the other is stopped first, and its abort is not news. */
async function bothOrFirstError(
  following: Promise<FollowEnd>,
  copying: Promise<void>,
  ending: AbortController,
): Promise<FollowEnd> {
  const failure: { error: unknown }[] = []
  const note = (error: unknown): null => {
    failure.push({ error })
    ending.abort(new ConnectorError('ABORTED', 'The other half of the run failed'))
    return null
  }
  const followed = following.then((end) => {
    ending.abort(new ConnectorError('ABORTED', 'Following has ended'))
    return end
  }, note)
  const copied = copying.catch((error: unknown) => {
    // Following may have come to its end while the next snapshot was being opened.
    if (!(ending.signal.aborted && (error === ending.signal.reason || isAbort(error)))) note(error)
  })
  const [end] = await Promise.all([followed, copied])
  const first = failure[0]
  if (first !== undefined) throw first.error
  if (end === null) throw new ConnectorError('INTERNAL', 'Following ended without an end or an error')
  return end
}

function isAbort(error: unknown): boolean {
  if (error instanceof ConnectorError) return error.code === 'ABORTED'
  return error instanceof Error && error.name === 'AbortError'
}
