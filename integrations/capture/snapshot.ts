/**
 * Copies tables chunk by chunk under exported snapshots. Finished chunks are committed and survive a crash; a keyed table
 * goes on under newer snapshots, a table without a key keeps one snapshot or starts over.
 */
import type { Reject, RowBatch, SourceTable, TableName } from '../../connectors/change.ts'
import { ConnectorError, type ErrorCode } from '../../connectors/errors.ts'
import type { Chunk, Environment, HeldSnapshot, Source } from '../../connectors/ports.ts'
import type { Lander } from '../land/lander.ts'
import type { LogState, TableState } from '../land/log/commit.ts'
import type { CommitLog } from '../land/log/log.ts'
import { type Emit, emitRejects } from './events.ts'
import type { Catalogue, SchemaKeeper } from './schema-keeper.ts'
import { decodeTokens, encodeTokens } from './storage-token.ts'
import { TableBook } from './table-book.ts'

export type SnapshotContext = {
  readonly source: Source
  readonly log: CommitLog
  readonly lander: Lander
  readonly schemas: SchemaKeeper
  /** Chunks read at the same time. */
  readonly readers: number
  readonly maxSnapshotAgeMs: number
  readonly estimates: ReadonlyMap<TableName, number>
  /** Only such tables are copied. */
  readonly isPublished: (table: SourceTable) => boolean
  /** The source no longer has a table that waited for its copy. It is not asked for again. */
  readonly onMissing: (table: TableName) => void
  readonly environment: Environment
  readonly emit: Emit
}

/** A table that is rewritten this often while it is being copied is left to a person. */
const MAX_GENERATIONS_PER_RUN = 10

const STARTS_OVER: ReadonlySet<ErrorCode> = new Set(['TABLE_REWRITTEN', 'SNAPSHOT_GONE', 'NOT_FOUND'])

/** Errors of an append that say for certain that no commit was written. */
const UNWRITTEN: ReadonlySet<ErrorCode> = new Set(['TABLE_REWRITTEN', 'ABORTED'])
const DISCARD_MS = 10_000

type Lease = {
  readonly snapshot: HeldSnapshot
  readonly catalogue: Catalogue
  readonly tables: ReadonlyMap<TableName, SourceTable>
  users: number
  retired: boolean
}

/** Snapshots the tables one after the other, each by `readers` chunks at a time. Settles when every one that is published, and still there, is complete and committed. */
export async function snapshotTables(context: SnapshotContext, tables: readonly TableName[], signal: AbortSignal): Promise<void> {
  await using leases = new SnapshotLeases(context, signal)
  for (const table of tables) await snapshotTable(context, leases, table, signal)
}

async function snapshotTable(
  context: SnapshotContext,
  leases: SnapshotLeases,
  table: TableName,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await copyGeneration(context, leases, table, signal)
    } catch (error) {
      if (!(error instanceof ConnectorError) || !STARTS_OVER.has(error.code)) throw error
      if (attempt >= MAX_GENERATIONS_PER_RUN) throw error
      await leases.retire()
      // What the source does not find is gone, or else the error is about something that stays.
      const missing = !(await leases.young()).tables.has(table)
      if (error.code === 'NOT_FOUND' && !missing) throw error
      if (!missing) context.emit({ kind: 'warning', message: `Snapshot of "${table}" starts over: ${error.message}` })
    }
  }
}

async function copyGeneration(
  context: SnapshotContext,
  leases: SnapshotLeases,
  table: TableName,
  signal: AbortSignal,
): Promise<void> {
  const { log, schemas } = context
  // Accepted as gone since it was asked for.
  if (schemas.latest(table) === null) return
  const lease = await leases.young()
  const source = lease.tables.get(table)
  if (source === undefined) return context.onMissing(table)
  await schemas.noteSeen(source, lease.catalogue, signal)
  if (!context.isPublished(source)) return
  requireVersion(schemas, source, lease)
  const keyed = source.key.length > 0
  const pending = log.state().tables[table]?.pending ?? null
  const resumable = pending !== null && keyed && decodeTokens(pending.storage)?.storage === source.storage
  if (!resumable) await startGeneration(context, source, signal)
  const generation = log.state().tables[table]?.pending
  if (!generation) throw new ConnectorError('INTERNAL', `Snapshot of "${table}" has no generation in the log after its start`)
  const left = generation.plan.filter(({ id }) => !(id in generation.done))
  const progress = new SnapshotProgressCounter(context, table, generation.plan.length, generation.plan.length - left.length)
  if (left.length === 0) return await finishEmpty(context, table, generation, signal)
  const queue = left[Symbol.iterator]()
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const reader = async (): Promise<void> => {
    for (const chunk of queue) {
      const held = await leases.acquire(keyed ? 'may-renew' : 'same')
      try {
        await copyChunk(context, { table: described(held, table), chunk, held, generation, progress }, either)
      } finally {
        await leases.release(held)
      }
    }
  }
  const readers = Array.from({ length: Math.min(context.readers, left.length) }, () =>
    reader().catch((error: unknown) => {
      // The other readers must have stopped before anything is retried or reported.
      stop.abort(error)
      throw error
    }),
  )
  const results = await Promise.allSettled(readers)
  signal.throwIfAborted()
  if (stop.signal.aborted) throw stop.signal.reason
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}

/** Commits the plan; the files of an older incomplete generation are void from then on. */
async function startGeneration(context: SnapshotContext, source: SourceTable, signal: AbortSignal): Promise<void> {
  const plan = await context.source.planChunks(source, signal)
  await context.log.append((state) => {
    const table = state.tables[source.table]
    if (table === undefined) throw changedMeanwhile(source.table)
    const generation = 1 + Math.max(table.base?.generation ?? 0, table.pending?.generation ?? 0)
    const start = { storage: encodeTokens(source), plan }
    return { kind: 'snapshot', tables: { [source.table]: { snapshot: { generation, start, done: {}, complete: false } } } }
  }, signal)
}

/** A crash may fall between the last chunk and nothing at all: a plan whose chunks are all done is complete. */
async function finishEmpty(
  context: SnapshotContext,
  table: TableName,
  generation: Generation,
  signal: AbortSignal,
): Promise<void> {
  await context.log.append((state) => {
    if (!isUnderWay(state, table, generation)) throw changedMeanwhile(table)
    const snapshot = { generation: generation.generation, done: {}, complete: true }
    return { kind: 'snapshot', tables: { [table]: { snapshot } } }
  }, signal)
}

type Generation = NonNullable<TableState['pending']>

/** The number alone does not tell: a table that left the log and came back counts from 1 again. */
function isUnderWay({ tables }: LogState, table: TableName, { generation, storage, plan }: Generation): boolean {
  const pending = tables[table]?.pending ?? null
  return pending?.generation === generation && pending.storage === storage && pending.plan.length === plan.length
}

const changedMeanwhile = (table: TableName): ConnectorError =>
  new ConnectorError(
    'TABLE_REWRITTEN',
    `Table "${table}" changed its shape, left the lake, or a new copy was asked for, while it was being copied`,
  )

type ChunkJob = {
  readonly table: SourceTable
  readonly chunk: Chunk
  readonly held: Lease
  readonly generation: Generation
  readonly progress: SnapshotProgressCounter
}

async function copyChunk(context: SnapshotContext, job: ChunkJob, signal: AbortSignal): Promise<void> {
  const { source, lander, log, schemas } = context
  const { table, chunk, held, generation, progress } = job
  const { position, token } = held.snapshot
  const rejects: Reject[] = []
  requireVersion(schemas, table, held)
  if (!context.isPublished(table)) {
    throw new ConnectorError('TABLE_REWRITTEN', `Table "${table.table}" was dropped and created again while it was being copied`)
  }
  const schema = schemas.versionFor(table)
  const rows = source.readChunk({ table, chunk, token, position, onReject: (reject) => rejects.push(reject) }, signal)
  const added = await lander.writeBase(
    { schema, generation: generation.generation, part: chunk.id },
    progress.counting(rows),
    signal,
  )
  await lander.writeRejects(rejects, signal)
  try {
    await log.append((state) => {
      // Decided inside the append, which is serialised: exactly one commit is the last.
      const pending = state.tables[table.table]?.pending ?? null
      if (pending === null || !isUnderWay(state, table.table, generation) || !new TableBook(state).has(schema)) {
        throw changedMeanwhile(table.table)
      }
      const complete = pending.plan.every(({ id }) => id === chunk.id || id in pending.done)
      const snapshot = { generation: pending.generation, done: { [chunk.id]: position }, complete }
      return { kind: 'snapshot', rejects: rejects.length, tables: { [table.table]: { snapshot, added } } }
    }, signal)
  } catch (error) {
    // Refused or given up before anything was written: nobody will ever name these files. What fails here is swept later.
    const unwritten = error === signal.reason || (error instanceof ConnectorError && UNWRITTEN.has(error.code))
    if (unwritten) await lander.discard(added, AbortSignal.timeout(DISCARD_MS)).catch(() => undefined)
    throw error
  }
  progress.chunkDone(rejects)
}

/**
 * A look at the catalogue that the stream overtook may show a shape that was never recorded: another look tells. So does one
 * of a table that left the log since: what was landed after the snapshot left with it.
 */
function requireVersion(schemas: SchemaKeeper, source: SourceTable, { catalogue }: Lease): void {
  if (schemas.covers(source) && !schemas.isRemovedSince(source.table, catalogue)) return
  throw new ConnectorError('TABLE_REWRITTEN', `Table "${source.table}" changed its shape while it was looked at`)
}

function described(lease: Lease, table: TableName): SourceTable {
  const found = lease.tables.get(table)
  if (found !== undefined) return found
  throw new ConnectorError('TABLE_REWRITTEN', `Table "${table}" was dropped while it was being copied`)
}

/** The snapshot in use, renewed when it grows old so that vacuum on the source is never held back for long. */
class SnapshotLeases implements AsyncDisposable {
  readonly #context: SnapshotContext
  readonly #signal: AbortSignal
  #lease: Promise<Lease> | null = null
  readonly #open = new Set<Lease>()

  constructor(context: SnapshotContext, signal: AbortSignal) {
    this.#context = context
    this.#signal = signal
  }

  async current(): Promise<Lease> {
    this.#lease ??= this.#take()
    const taking = this.#lease
    try {
      return await taking
    } catch (error) {
      if (this.#lease === taking) this.#lease = null
      throw error
    }
  }

  /** The current lease, renewed first when it is already old. */
  async young(): Promise<Lease> {
    const lease = await this.acquire('may-renew')
    lease.users--
    return lease
  }

  async acquire(renewal: 'may-renew' | 'same'): Promise<Lease> {
    const lease = await this.current()
    const age = this.#context.environment.now().getTime() - lease.snapshot.openedAt.getTime()
    if (renewal === 'may-renew' && age > this.#context.maxSnapshotAgeMs) {
      // Only one of the readers that see it old replaces it.
      if ((await this.#lease) === lease) await this.retire()
      return this.acquire('same')
    }
    lease.users++
    return lease
  }

  async release(lease: Lease): Promise<void> {
    lease.users--
    await this.#disposeIdle(lease)
  }

  async retire(): Promise<void> {
    const old = this.#lease
    this.#lease = null
    if (old === null) return
    const lease = await old
    lease.retired = true
    await this.#disposeIdle(lease)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = [...this.#open]
    this.#open.clear()
    await Promise.all(open.map(({ snapshot }) => snapshot[Symbol.asyncDispose]()))
  }

  async #disposeIdle(lease: Lease): Promise<void> {
    if (!lease.retired || lease.users > 0 || !this.#open.delete(lease)) return
    await lease.snapshot[Symbol.asyncDispose]()
  }

  async #take(): Promise<Lease> {
    const { source, schemas, emit } = this.#context
    const snapshot = await source.holdSnapshot(this.#signal, (message) => emit({ kind: 'waiting', message }))
    try {
      // Described after the snapshot was taken: a column that a row of it shows is never missing from the description.
      // Whatever was committed before the snapshot is in a catalogue that is read after it.
      const catalogue = await schemas.look(() => source.describe(this.#signal), snapshot.position)
      const { tables } = catalogue
      for (const table of tables) {
        if (schemas.latest(table.table) !== null) await schemas.noteSeen(table, catalogue, this.#signal)
      }
      const lease: Lease = {
        snapshot,
        catalogue,
        tables: new Map(tables.map((table) => [table.table, table])),
        users: 0,
        retired: false,
      }
      this.#open.add(lease)
      return lease
    } catch (error) {
      await snapshot[Symbol.asyncDispose]()
      throw error
    }
  }
}

class SnapshotProgressCounter {
  readonly #context: SnapshotContext
  readonly #table: TableName
  readonly #planned: number
  #done: number
  #rows = 0

  constructor(context: SnapshotContext, table: TableName, planned: number, done: number) {
    this.#context = context
    this.#table = table
    this.#planned = planned
    this.#done = done
    this.#emit()
  }

  async *counting(batches: AsyncIterable<RowBatch>): AsyncIterable<RowBatch> {
    for await (const batch of batches) {
      const rows = batch.batch.numRows
      yield batch
      this.#rows += rows
      this.#emit()
    }
  }

  chunkDone(rejects: readonly Reject[]): void {
    this.#done++
    this.#emit()
    emitRejects(rejects, this.#context.emit)
  }

  #emit(): void {
    const total = this.#context.estimates.get(this.#table) ?? null
    const chunks = { done: this.#done, planned: this.#planned }
    this.#context.emit({
      kind: 'snapshot',
      table: this.#table,
      rows: this.#rows,
      total,
      chunks,
      complete: this.#done === this.#planned,
    })
  }
}
