/** The in-memory source: a scripted database behind the `Source` port, for tests of everything that consumes one. */
import { setTimeout as delay } from 'node:timers/promises'
import type { ChangeSet, Position, RowBatch, SourceTable } from '../change.ts'
import { ConnectorError } from '../errors.ts'
import type { Chunk, Environment, FollowRequest, PrepareRequest, Source, SourceScope } from '../ports.ts'
import { inScope } from '../table-patterns.ts'
import { recordBatch } from './arrow-batch.ts'
import { ChangeSetBuilder } from './change-sets.ts'
import { checksumOf } from './checksum.ts'
import { MemoryDatabase, type StoredRow } from './database.ts'
import { commitOf, epochOf, positionOf } from './position.ts'

export type MemorySource = Source & { readonly database: MemoryDatabase }

export type MemorySourceOptions = {
  /** Opens another source on the same server; a fresh database by default. */
  readonly database?: MemoryDatabase
  readonly scope?: Partial<SourceScope>
  readonly environment?: Partial<Environment>
  /** Row addresses per chunk. Default: 1000. */
  readonly chunkRows?: number
  /** Rows after which a transaction is handed over in pieces. Default: 65,536. */
  readonly maxSetRows?: number
}

/** A source over `database`. Fails exactly as the port says: slot gone, ahead or held, another server, rewritten table, lost snapshot. */
export function createMemorySource(options: MemorySourceOptions = {}): MemorySource {
  const sleep = options.environment?.sleep ?? ((ms, signal) => delay(ms, undefined, { signal }))
  const database = options.database ?? new MemoryDatabase(options.environment?.now ? { now: options.environment.now } : {})
  const now = options.environment?.now ?? (() => new Date())
  const scope = { slot: 'memory', tables: ['*.*'], ...options.scope }
  const chunkRows = options.chunkRows ?? 1000
  const self = {}
  let epoch = 1
  const cut = (commit: number): Position => positionOf(epoch, commit, 0)
  const tables = (): SourceTable[] => database.tables().filter((table) => inScope(scope.tables, table.table))

  return {
    database,
    kind: 'memory',
    identity: async () => database.identity,
    discover: async () =>
      tables().map((table) => ({ ...table, estimatedRows: database.rows(table.table).length, bytes: 0, advice: [] })),
    check: async () => [],
    prepare: async (request) => {
      epoch = request.epoch
      const slot = claimSlot(database, scope.slot, request, self)
      return { identity: database.identity, tables: tables(), start: request.from ?? cut(slot) }
    },
    describe: async () => ({ tables: tables(), at: cut(database.head) }),
    holdSnapshot: async (signal) => {
      refuseAborted(signal)
      const { token, position } = database.takeSnapshot()
      return {
        position: cut(position),
        token,
        openedAt: now(),
        [Symbol.asyncDispose]: async () => {
          database.snapshots.delete(token)
        },
      }
    },
    planChunks: async (table) => planChunks(database.rows(table.table), chunkRows),
    readChunk: (request, signal) => readChunk(database, request, signal),
    checksum: (request, signal) =>
      checksumOf(request, readChunk(database, { ...request, position: cut(database.head), onReject: () => {} }, signal)),
    follow: (request, signal) =>
      follow(
        {
          database,
          self,
          slot: scope.slot,
          sleep,
          maxRows: options.maxSetRows ?? 65_536,
          wanted: (table) => inScope(scope.tables, table),
        },
        request,
        signal,
      ),
    acknowledge: async (position) => {
      const slot = database.slots.get(scope.slot)
      if (slot !== undefined) slot.confirmed = Math.max(slot.confirmed, commitOf(position))
    },
    health: async () => {
      const slot = database.slots.get(scope.slot)
      const retained = slot === undefined ? null : database.head - slot.confirmed
      return {
        retainedBytes: retained,
        lagBytes: retained,
        walStatus: slot === undefined ? null : 'reserved',
        active: slot === undefined ? null : slot.holder !== null,
        acknowledged: slot === undefined ? null : cut(slot.confirmed),
      }
    },
    head: async () => cut(database.head),
    remove: async ({ dryRun }) => {
      const existed = database.slots.has(scope.slot)
      if (!dryRun) database.slots.delete(scope.slot)
      return existed ? [`slot ${scope.slot}`] : []
    },
    [Symbol.asyncDispose]: async () => {
      const slot = database.slots.get(scope.slot)
      if (slot?.holder === self) slot.holder = null
    },
  }
}

/** The slot's confirmed commit after the checks of `Source.prepare`. */
function claimSlot(database: MemoryDatabase, name: string, request: PrepareRequest, self: object): number {
  const { from, identity } = request
  if (identity !== null && (identity.system !== database.identity.system || identity.timeline !== database.identity.timeline)) {
    throw new ConnectorError(
      'SOURCE_CHANGED',
      `The memory server is "${database.identity.system}", the log was written from "${identity.system}"`,
    )
  }
  const slot = database.slots.get(name)
  if (slot === undefined) {
    if (from !== null) throw new ConnectorError('SLOT_LOST', `Slot "${name}" does not exist, but the log continues from ${from}`)
    database.slots.set(name, { confirmed: database.head, holder: self })
    return database.head
  }
  if (from !== null && slot.confirmed > commitOf(from)) {
    throw new ConnectorError('SLOT_AHEAD', `Slot "${name}" was advanced beyond ${from}`)
  }
  if (slot.holder !== null && slot.holder !== self && !request.takeOver) {
    throw new ConnectorError('SLOT_IN_USE', `Slot "${name}" is held by another source`)
  }
  slot.holder = self
  return slot.confirmed
}

function planChunks(rows: readonly StoredRow[], chunkRows: number): Chunk[] {
  const last = rows.reduce((highest, row) => Math.max(highest, row.address), 0)
  const chunks = Math.max(1, Math.ceil((last + 1) / chunkRows))
  return Array.from({ length: chunks }, (_, index) => ({
    id: String(index),
    from: index === 0 ? null : String(index * chunkRows),
    to: index === chunks - 1 ? null : String((index + 1) * chunkRows),
    by: 'address',
  }))
}

async function* readChunk(
  database: MemoryDatabase,
  request: Parameters<Source['readChunk']>[0],
  signal: AbortSignal,
): AsyncGenerator<RowBatch> {
  const { table, chunk, position } = request
  refuseAborted(signal)
  const snapshot = database.snapshots.get(request.token)
  if (snapshot === undefined) throw new ConnectorError('SNAPSHOT_GONE', `Snapshot "${request.token}" no longer exists`)
  const now = database.tables().find((item) => item.table === table.table)
  if (now === undefined || now.id !== table.id || now.storage !== table.storage) {
    throw new ConnectorError(
      'TABLE_REWRITTEN',
      `Table "${table.table}" was rewritten or re-created since its chunks were planned`,
    )
  }
  const from = chunk.from === null ? 0 : Number(chunk.from)
  const to = chunk.to === null ? Number.POSITIVE_INFINITY : Number(chunk.to)
  const rows = (snapshot.rows.get(table.table) ?? []).filter((row) => row.address >= from && row.address < to)
  const initial = table.columns.filter((column) => column.initial !== undefined)
  const changes = rows.map((row) => {
    const values = new Map(row.values)
    for (const column of initial) if (!values.has(column.id)) values.set(column.id, column.initial?.text ?? null)
    return { op: 'r' as const, position, committedAt: null, unchanged: [], values }
  })
  for (let start = 0; start < changes.length; start += 65_536) {
    refuseAborted(signal)
    const batch = recordBatch(table, 'base', changes.slice(start, start + 65_536))
    yield { table, part: 'base', batch, date: null, firstPosition: position, lastPosition: position, release: () => {} }
  }
}

type Follower = {
  readonly database: MemoryDatabase
  readonly self: object
  readonly slot: string
  readonly sleep: Environment['sleep']
  readonly maxRows: number
  readonly wanted: (table: string) => boolean
}

async function* follow(follower: Follower, request: FollowRequest, signal: AbortSignal): AsyncGenerator<ChangeSet> {
  const { database, wanted } = follower
  const epoch = epochOf(request.from)
  const set = new ChangeSetBuilder({ epoch, known: request.known, maxRows: follower.maxRows })
  let at = commitOf(request.from)
  let index = database.log.findIndex((transaction) => transaction.commit >= at)
  if (index < 0) index = database.log.length
  let announced = false
  let flushAt = Number.POSITIVE_INFINITY
  let heartbeatAt = deadline(request.heartbeatMs)
  for (;;) {
    refuseAborted(signal)
    refuseEvicted(follower)
    const transaction = database.log[index]
    if (transaction !== undefined) {
      index++
      if (transaction.commit < at) continue
      if (set.empty) flushAt = deadline(request.flush.intervalMs)
      yield* set.add(transaction, wanted)
      at = transaction.end
    }
    const caughtUp = index >= database.log.length
    if (caughtUp) at = Math.max(at, database.head)
    const due = set.changes >= request.flush.rows || performance.now() >= flushAt || (caughtUp && !announced)
    if (due || performance.now() >= heartbeatAt) {
      announced ||= caughtUp
      flushAt = Number.POSITIVE_INFINITY
      heartbeatAt = deadline(request.heartbeatMs)
      yield set.take(positionOf(epoch, at, 0), caughtUp)
      continue
    }
    if (caughtUp) await waitFor(follower, Math.min(flushAt, heartbeatAt) - performance.now(), signal)
  }
}

const deadline = (ms: number): number => (ms > 0 ? performance.now() + ms : Number.POSITIVE_INFINITY)

async function waitFor({ database, sleep }: Follower, ms: number, signal: AbortSignal): Promise<void> {
  const waiting = new AbortController()
  const either = AbortSignal.any([signal, waiting.signal])
  const aborted = Promise.withResolvers<void>()
  either.addEventListener('abort', () => aborted.resolve(), { once: true })
  const timer = Number.isFinite(ms) ? sleep(Math.max(0, ms), either).catch(() => {}) : aborted.promise
  await Promise.race([database.changed(), timer, aborted.promise])
  waiting.abort()
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new ConnectorError('ABORTED', 'Reading the memory source was stopped', { cause: signal.reason })
}

function refuseEvicted({ database, slot: name, self }: Follower): void {
  const slot = database.slots.get(name)
  if (slot === undefined) throw new ConnectorError('SLOT_LOST', `Slot "${name}" does not exist`)
  if (slot.holder !== null && slot.holder !== self)
    throw new ConnectorError('UNAVAILABLE', `Slot "${name}" was taken over by another source`)
}
