/**
 * pgoutput messages → rows in per-table batches → change sets. Synchronous, because a message's bytes are valid only while
 * it is offered: what needs a query (an unknown relation, TOAST values that the log does not repeat) or the consumer
 * (a set that is due) is left in `request`, and the stream waits.
 */

import type { BufferPool } from '../buffer-pool.ts'
import { type ChangeSet, MAX_BATCH_ROWS, type Position, type Reject, type RowBatch, type SchemaChange } from '../change.ts'
import { ConnectorError } from '../errors.ts'
import type { FlushPolicy } from '../ports.ts'
import { TAKE, type Take } from './copy-stream.ts'
import type { Bytes } from './decode/bytes.ts'
import { type ChangeBatchBuilder, createChangeBatchBuilder } from './decode/change-batch.ts'
import { createPgoutputParser, type PgoutputMessage, type Relation } from './decode/pgoutput.ts'
import { cutAt, encodePosition, POSITION_BYTES } from './decode/position.ts'
import { type TransactionStamp, transactionStamp } from './decode/transaction-stamp.ts'
import type { Tuple } from './decode/tuple.ts'
import type { ResolvedRelation } from './relation-resolver.ts'
import { sameKey } from './tuple-key.ts'

/** What the stream waits for. `fill`: the table's open batch misses values; `set`: a set should be taken. */
export type AssemblerRequest =
  | { readonly kind: 'relation'; readonly relation: Relation; readonly xid: number }
  | { readonly kind: 'fill'; readonly table: OpenTable }
  | { readonly kind: 'set' }

/** A relation of the stream and its open batch. */
export type OpenTable = {
  readonly resolved: ResolvedRelation
  readonly builder: ChangeBatchBuilder
  /** Tuple columns that make up the key, for tables whose old rows are whole images. */
  readonly key: readonly number[]
}

type Transaction = { readonly finalLsn: bigint; readonly committedAtUs: bigint; readonly xid: number; readonly skipped: boolean }

/**
 * What is gathered is handed over in pieces of about this size, or of `MAX_BATCH_ROWS`, in the middle of a transaction too: memory stays the same
 * however large a transaction is. The next piece is gathered while the consumer works on this one.
 */
const PIECE_BYTES = 8 * 1024 * 1024

export class ChangeAssembler {
  readonly #epoch: number
  readonly #from: bigint
  readonly #flush: FlushPolicy
  readonly #pool: BufferPool
  readonly #parser = createPgoutputParser()
  /** By relation oid; null = outside the scope. */
  readonly #tables = new Map<number, OpenTable | null>()
  #transaction: Transaction | null = null
  #stamp: TransactionStamp | null = null
  #ordinal = 0
  #batches: RowBatch[] = []
  #rejects: Reject[] = []
  #schemas: SchemaChange[] = []
  #transactions = 0
  /** Of the open piece. */
  #changes = 0
  #pieceBytes = 0
  /** Since the last cut, for the flush policy. */
  #rows = 0
  #bytes = 0
  #committedAtUs: bigint | null = null
  #changed = false
  /** The first cut behind everything taken so far. */
  position: bigint
  /** When the first change behind the last cut came, in `performance.now()` milliseconds; null while there is none. */
  openedAt: number | null = null
  /** The next transaction's end makes the set due. */
  wanted = false
  /** Reaching this place makes a set due, even an empty one. */
  target: bigint | null = null
  request: AssemblerRequest | null = null

  constructor(options: {
    readonly epoch: number
    readonly from: bigint
    readonly flush: FlushPolicy
    readonly pool: BufferPool
  }) {
    this.#epoch = options.epoch
    this.#from = options.from
    this.#flush = options.flush
    this.#pool = options.pool
    this.position = options.from
  }

  get inTransaction(): boolean {
    return this.#transaction !== null
  }

  message(bytes: Bytes, start: number, end: number): Take {
    const kind = bytes.view.getUint8(start)
    if (this.#transaction !== null && !this.#transaction.skipped) {
      if (kind === INSERT) return this.#insert(bytes, start, end)
      // Without an old tuple it has the shape of an insert.
      if (kind === UPDATE && bytes.view.getUint8(start + 5) === NEW_TUPLE) return this.#plainUpdate(bytes, start, end)
    }
    return this.#apply(this.#parser.parse(bytes.buffer.subarray(start, end)), end - start)
  }

  keepAlive(walEnd: bigint): Take {
    if (this.#transaction !== null || walEnd <= this.position) return TAKE.more
    this.position = walEnd
    return this.#reached() ? this.#pause({ kind: 'set' }) : TAKE.more
  }

  /** Answers a `relation` request. The table's former batch must be complete (`openTable`, `closeBatch`). */
  define(relation: Relation, resolved: ResolvedRelation | null): void {
    this.#tables.get(relation.oid)?.builder.abandon()
    if (resolved === null) {
      this.#tables.set(relation.oid, null)
      return
    }
    if (resolved.change !== null) {
      const position = encodePosition({
        epoch: this.#epoch,
        lsn: this.#transaction?.finalLsn ?? this.position,
        ordinal: this.#ordinal + 1,
      })
      this.#schemas.push({ table: resolved.source, position, rewritten: resolved.change.rewritten })
      this.#touch()
    }
    const builder = createChangeBatchBuilder({
      table: resolved.source,
      plans: resolved.plans,
      mapping: resolved.plans.map((_, index) => index),
      pool: this.#pool,
      onReject: (reject) => this.#rejects.push(reject),
    })
    const key = resolved.source.key.map((id) => resolved.source.columns.findIndex((column) => column.id === id))
    this.#tables.set(relation.oid, { resolved, builder, key })
  }

  openTable(oid: number): OpenTable | null {
    return this.#tables.get(oid) ?? null
  }

  /** Tables with rows in an open batch. */
  openTables(): readonly OpenTable[] {
    return [...this.#tables.values()].filter((table) => table !== null && table.builder.rows > 0) as OpenTable[]
  }

  closeBatch(table: OpenTable): void {
    const batch = table.builder.finish()
    if (batch !== null) this.#batches.push(batch)
  }

  /** The set so far; every open batch must be closed. `cut` only between transactions. */
  take(current: boolean): ChangeSet {
    const between = this.#transaction === null
    const set: ChangeSet = {
      batches: this.#batches,
      rejects: this.#rejects,
      schemas: this.#schemas,
      cut: between ? this.cut() : null,
      committedAt: this.#committedAtUs === null ? null : isoMicros(this.#committedAtUs),
      transactions: this.#transactions,
      changes: this.#changes,
      current: between && current,
    }
    this.#batches = []
    this.#rejects = []
    this.#schemas = []
    this.#transactions = 0
    this.#changes = 0
    this.#pieceBytes = 0
    this.#committedAtUs = null
    if (!between) return set
    this.#rows = 0
    this.#bytes = 0
    this.#changed = false
    this.openedAt = null
    this.wanted = false
    return set
  }

  cut(): Position {
    return cutAt(this.#epoch, this.position)
  }

  /** Gives buffers back when the stream is given up. */
  abandon(): void {
    for (const table of this.#tables.values()) table?.builder.abandon()
    for (const batch of this.#batches) batch.release()
    this.#tables.clear()
    this.#batches = []
  }

  #pause(request: AssemblerRequest): Take {
    this.request = request
    return TAKE.pause
  }

  #reached(): boolean {
    return this.target !== null && this.position >= this.target
  }

  /** The hot path: no message object, the tuple is a view. */
  #insert(bytes: Bytes, start: number, end: number): Take {
    const table = this.#tableOf(bytes.view.getUint32(start + 1))
    if (table === null) return TAKE.more
    const tuple: Tuple = { bytes, start: start + 8, end, columns: bytes.view.getUint16(start + 6) }
    const stamp = this.#stampNow()
    if (!this.#makeRoom(table, stamp)) return TAKE.again
    table.builder.append({ op: 'c', stamp, ordinal: ++this.#ordinal, tuple })
    return this.#grown(1, end - start)
  }

  #plainUpdate(bytes: Bytes, start: number, end: number): Take {
    const tuple: Tuple = { bytes, start: start + 8, end, columns: bytes.view.getUint16(start + 6) }
    return this.#update({ relationOid: bytes.view.getUint32(start + 1), oldKind: null, old: null, tuple }, end - start)
  }

  #apply(message: PgoutputMessage, size: number): Take {
    switch (message.tag) {
      case 'begin':
        this.#begin(message)
        return TAKE.more
      case 'commit':
        return this.#commit(message.endLsn)
      case 'relation':
        return this.#pause({ kind: 'relation', relation: message.relation, xid: this.#transaction?.xid ?? 0 })
      case 'insert':
        // Others take the hot path.
        if (this.#transaction?.skipped) return TAKE.more
        throw new ConnectorError('INTERNAL', 'The stream sent a change outside a transaction')
      case 'update':
        return this.#transaction?.skipped ? TAKE.more : this.#update(message, size)
      case 'delete':
        return this.#transaction?.skipped ? TAKE.more : this.#delete(message, size)
      case 'truncate':
        return this.#transaction?.skipped ? TAKE.more : this.#truncate(message.relationOids, size)
      case 'message':
        // A message outside a transaction stands for itself; one inside ends with its commit.
        return TAKE.more
      case 'origin':
      case 'type':
        return TAKE.more
      case 'streamStart':
      case 'streamStop':
      case 'streamCommit':
      case 'streamAbort':
        throw new ConnectorError(
          'INTERNAL',
          `The server streams transactions in progress ("${message.tag}") although this was not asked for`,
        )
      default:
        return message satisfies never
    }
  }

  #begin({ finalLsn, committedAtUs, xid }: Extract<PgoutputMessage, { tag: 'begin' }>): void {
    this.#transaction = { finalLsn, committedAtUs, xid, skipped: finalLsn < this.#from }
    this.#stamp = null
    this.#ordinal = 0
  }

  #commit(endLsn: bigint): Take {
    const transaction = this.#transaction
    this.#transaction = null
    if (endLsn > this.position) this.position = endLsn
    if (transaction !== null && this.#ordinal > 0) {
      this.#transactions++
      this.#committedAtUs = transaction.committedAtUs
      this.#touch()
    }
    const due =
      this.#rows >= this.#flush.rows ||
      this.#bytes >= this.#flush.bytes ||
      (this.wanted && this.#changed) ||
      this.#overdue() ||
      this.#reached()
    return due ? this.#pause({ kind: 'set' }) : TAKE.more
  }

  #overdue(): boolean {
    return this.openedAt !== null && performance.now() - this.openedAt >= this.#flush.intervalMs
  }

  #update(message: Omit<Extract<PgoutputMessage, { tag: 'update' }>, 'tag' | 'xid'>, size: number): Take {
    const table = this.#tableOf(message.relationOid)
    if (table === null) return TAKE.more
    const stamp = this.#stampNow()
    if (!this.#makeRoom(table, stamp)) return TAKE.again
    const { oldKind, old, tuple } = message
    const oldFull = oldKind === 'full' ? old : null
    const oldKey = oldKind === 'key' ? old : null
    // A bag's row has no key to replace by; a changed key leaves the old row behind.
    const moved = old !== null && (table.key.length === 0 || oldKind === 'key' || !sameKey(table.key, old, tuple))
    if (moved) table.builder.append({ op: 'd', stamp, ordinal: ++this.#ordinal, tuple: old, keyOnly: oldKind === 'key', oldFull })
    table.builder.append({ op: 'u', stamp, ordinal: ++this.#ordinal, tuple, oldFull, oldKey, moved })
    return this.#grown(moved ? 2 : 1, size)
  }

  #delete(message: Extract<PgoutputMessage, { tag: 'delete' }>, size: number): Take {
    const table = this.#tableOf(message.relationOid)
    if (table === null) return TAKE.more
    const stamp = this.#stampNow()
    if (!this.#makeRoom(table, stamp)) return TAKE.again
    table.builder.append({ op: 'd', stamp, ordinal: ++this.#ordinal, tuple: message.old, keyOnly: message.oldKind === 'key' })
    return this.#grown(1, size)
  }

  #truncate(oids: readonly number[], size: number): Take {
    const tables = oids.map((oid) => this.#tableOf(oid)).filter((table) => table !== null)
    const stamp = this.#stampNow()
    // All or none: the message is offered again as a whole.
    for (const table of tables) if (!this.#makeRoom(table, stamp)) return TAKE.again
    for (const { builder } of tables) builder.append({ op: 't', stamp, ordinal: ++this.#ordinal, tuple: null })
    return this.#grown(tables.length, size)
  }

  #tableOf(oid: number): OpenTable | null {
    const table = this.#tables.get(oid)
    if (table === undefined) throw new ConnectorError('INTERNAL', `The stream changes relation ${oid} before it describes it`)
    return table
  }

  #stampNow(): TransactionStamp {
    if (this.#stamp !== null) return this.#stamp
    const transaction = this.#transaction
    if (transaction === null) throw new ConnectorError('INTERNAL', 'The stream sent a change outside a transaction')
    this.#stamp = transactionStamp(this.#epoch, transaction.finalLsn, transaction.committedAtUs)
    return this.#stamp
  }

  /** Room for the two rows that an update may take, closing a full batch; false after leaving a request. */
  #makeRoom(table: OpenTable, stamp: TransactionStamp): boolean {
    const { builder } = table
    if (builder.rows + 2 <= MAX_BATCH_ROWS && builder.accepts(stamp)) return true
    if (builder.pending().length > 0) {
      this.request = { kind: 'fill', table }
      return false
    }
    this.closeBatch(table)
    return true
  }

  #grown(rows: number, bytes: number): Take {
    this.#touch()
    this.#changes += rows
    this.#rows += rows
    this.#bytes += bytes
    this.#pieceBytes += bytes + rows * ROW_BYTES
    return this.#pieceBytes >= PIECE_BYTES || this.#changes >= MAX_BATCH_ROWS ? this.#pause({ kind: 'set' }) : TAKE.more
  }

  #touch(): void {
    if (this.#changed) return
    this.#changed = true
    this.openedAt = performance.now()
  }
}

const INSERT = 0x49
const UPDATE = 0x55
const NEW_TUPLE = 0x4e
/** A row's metadata columns. */
const ROW_BYTES = POSITION_BYTES + 20

const isoMicros = (us: bigint): string => new Date(Number(us / 1000n)).toISOString()
