/**
 * Follows the source's log: change sets → files → commits → acknowledgements, in that order. Watches the catalogue whenever
 * the stream is current, for changes of shape that no row has shown yet.
 */
import type { ChangeSet, Position, Reject, SourceTable, TableName, TableSchema } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { Environment, FlushPolicy, Source } from '../../connectors/ports.ts'
import type { Lander } from '../land/lander.ts'
import type { TableCommit } from '../land/log/commit.ts'
import type { CommitLog } from '../land/log/log.ts'
import { type Emit, RejectCount } from './events.ts'
import { paceFlushes } from './flush-pace.ts'
import type { Catalogue, SchemaKeeper } from './schema-keeper.ts'
import { TableBook } from './table-book.ts'

export type FollowContext = {
  readonly source: Source
  readonly log: CommitLog
  readonly lander: Lander
  readonly schemas: SchemaKeeper
  readonly flush: FlushPolicy
  /** Change files that a steady stream makes at most; 0 = no matter. */
  readonly filesPerHour: number
  readonly heartbeatMs: number
  /** Shortest time between two looks at the catalogue. */
  readonly catalogueMs: number
  /** Whether the source sends the changes of this very table, not only of an earlier one of its name. */
  readonly isPublished: (table: SourceTable) => boolean
  readonly environment: Environment
  readonly emit: Emit
}

/** What the caller decides after each commit. `look`: read the catalogue again before going on. */
export type AfterCut = (cut: Position, current: boolean) => 'go-on' | 'look' | 'stop'

/** Why following ended: the caller said stop, or the source has tables whose changes it does not send yet. */
export type FollowEnd = { readonly kind: 'stopped' } | { readonly kind: 'new-tables'; readonly tables: readonly TableName[] }

/** Runs until `afterCut` says stop, new tables appear, or the signal aborts (rejects with its reason). */
export async function follow(
  context: FollowContext,
  start: { readonly from: Position; readonly known: readonly SourceTable[] },
  afterCut: AfterCut,
  signal: AbortSignal,
): Promise<FollowEnd> {
  const { source, lander, schemas, heartbeatMs, environment } = context
  const pace = paceFlushes(context.flush, context.filesPerHour)
  const totals = new FollowTotals()
  let pending: Catalogue | null = null
  let lookedAt = Number.NEGATIVE_INFINITY
  for await (const set of source.follow({ ...start, flush: pace.policy, heartbeatMs }, signal)) {
    try {
      for (const { table, position, rewritten } of set.schemas) await schemas.note(table, position, signal, rewritten)
      for (const batch of set.batches) {
        // The stream says a shape once; the table may have been accepted as gone since, and is a new one now.
        if (schemas.latest(batch.table.table) === null) await schemas.note(batch.table, batch.firstPosition, signal)
        const schema = schemas.versionFor(batch.table)
        totals.landing(schema)
        await lander.appendChanges(batch, schema, signal)
      }
    } finally {
      for (const batch of set.batches) batch.release()
    }
    totals.add(set)
    if (set.cut === null) {
      // Their rows must not gather in memory for as long as a transaction lasts.
      await lander.writeRejects(totals.takeRejects(), signal)
      continue
    }
    pace.committed(await commit(context, totals, set.cut, signal))
    context.emit({ ...totals.event(), lagBytes: null, current: set.current })
    if (pending !== null && set.cut >= pending.at) {
      const catalogue: Catalogue = pending
      pending = null
      await schemas.noteCatalogue(catalogue, signal)
      const added = catalogue.tables.filter((table) => isNew(context, table)).map(({ table }) => table)
      if (added.length > 0) return { kind: 'new-tables', tables: added }
    }
    const next = afterCut(set.cut, set.current)
    if (next === 'stop' && pending === null) return { kind: 'stopped' }
    const now = environment.now().getTime()
    const due = set.current && now - lookedAt >= context.catalogueMs
    if (pending === null && (next === 'look' || due)) {
      pending = await schemas.look(() => source.describe(signal))
      lookedAt = now
    }
  }
  signal.throwIfAborted()
  return { kind: 'stopped' }
}

/** Not published, or not in the log: it left it after this span had begun. */
function isNew({ isPublished, schemas }: FollowContext, table: SourceTable): boolean {
  return !isPublished(table) || schemas.latest(table.table) === null
}

/** Land → commit → acknowledge. A crash between any two repeats work and loses nothing. Returns how many files it made. */
async function commit(context: FollowContext, totals: FollowTotals, cut: Position, signal: AbortSignal): Promise<number> {
  const { lander, log, source, emit } = context
  await lander.writeRejects(totals.takeRejects(), signal)
  const files = await lander.takeChanges(signal)
  const { transactions, changes, rejects, through, schemas } = totals.take()
  const tables: Record<TableName, TableCommit> = {}
  for (const [table, added] of files) tables[table] = { added }
  const kind = files.size === 0 && changes === 0 ? 'heartbeat' : 'changes'
  await log.append((state) => {
    const { position } = state
    const book = new TableBook(state)
    for (const schema of schemas) if (!book.has(schema)) throw leftTheLog(schema.table)
    return {
      kind,
      tables,
      // Cuts never go back: a repeat of what is committed carries no rows and an older cut.
      position: position !== null && position > cut ? position : cut,
      ...(through === null ? {} : { through }),
      transactions,
      changes,
      rejects: rejects.rows,
    }
  }, signal)
  rejects.emit(emit)
  await source.acknowledge(cut)
  emit({ kind: 'acknowledged', position: cut })
  return [...files.values()].reduce((sum, { length }) => sum + length, 0)
}

/** Its rows are read again by the next attempt, which finds a new table. */
const leftTheLog = (table: TableName): ConnectorError =>
  new ConnectorError(
    'TABLE_REWRITTEN',
    `Table "${table}" was accepted as gone while rows of it were being landed. Nothing of them is committed; the run starts again`,
  )

/** Counters of the run, and of what the next commit will hold. */
class FollowTotals {
  #transactions = 0
  #changes = 0
  #through: string | null = null
  #open = { transactions: 0, changes: 0, through: null as string | null }
  #schemas = new Set<TableSchema>()
  #rejects: Reject[] = []
  #rejected = new RejectCount()

  /** Rows to be kept aside since the last call. */
  takeRejects(): readonly Reject[] {
    const rejects = this.#rejects
    this.#rejects = []
    return rejects
  }

  /** Rows of the next commit are written under the version. */
  landing(schema: TableSchema): void {
    this.#schemas.add(schema)
  }

  add(set: ChangeSet): void {
    this.#transactions += set.transactions
    this.#changes += set.changes
    this.#open.transactions += set.transactions
    this.#open.changes += set.changes
    this.#rejected.add(set.rejects)
    this.#rejects = this.#rejects.concat(set.rejects)
    this.#through = set.committedAt ?? this.#through
    this.#open.through = set.committedAt ?? this.#open.through
  }

  take() {
    const taken = { ...this.#open, rejects: this.#rejected, schemas: this.#schemas }
    this.#schemas = new Set()
    this.#open = { transactions: 0, changes: 0, through: null }
    this.#rejected = new RejectCount()
    return taken
  }

  event(): { kind: 'follow'; transactions: number; changes: number; through: string | null } {
    return { kind: 'follow', transactions: this.#transactions, changes: this.#changes, through: this.#through }
  }
}
