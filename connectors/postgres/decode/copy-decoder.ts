/** Binary COPY (`copy (select <plan.select, …> from …) to stdout (format binary)`) → row batches of a snapshot. */

import type { BufferPool } from '../../buffer-pool.ts'
import { MAX_BATCH_ROWS, type Position, type Reject, type RowBatch, type SourceTable, sourceBatchSchema } from '../../change.ts'
import { ColumnBuffer } from '../../column-buffer.ts'
import { ConnectorError } from '../../errors.ts'
import { badReason } from './bad-value.ts'
import { baseMetadata, rowBatch } from './batch-assembly.ts'
import { type Bytes, bytesOf } from './bytes.ts'
import type { ColumnPlan } from './column-plan.ts'
import { decodeBinary } from './decode-value.ts'
import { absorb } from './row-policy.ts'
import { BINARY_OP, type ValueCodec } from './value-codec.ts'

export type CopyDecoderOptions = {
  readonly table: SourceTable
  /** One per column of the table and of the select list, in this order. */
  readonly plans: readonly ColumnPlan[]
  /** The snapshot's cut; every row carries it. */
  readonly position: Position
  readonly pool: BufferPool
  /** Rows put aside under `on_bad_value: reject`. */
  readonly onReject: (reject: Reject) => void
}

/**
 * Bytes in, batches out. One decoder per COPY stream; make decoders with one pool so that buffers are used again.
 * Throws `BAD_VALUE` naming table and column (policy `error`) and `INTERNAL` for bytes that are no COPY stream.
 */
export interface CopyDecoder {
  /**
   * Takes the payload of CopyData messages, cut anywhere; a message per call or many. The bytes may be reused after the
   * call. Mostly returns the same empty array.
   */
  push(chunk: Uint8Array): readonly RowBatch[]
  /** The same for bytes [start, end) of a larger piece, without an object per message. */
  take(bytes: Bytes, start: number, end: number): readonly RowBatch[]
  /** The rows still held; throws `INTERNAL` when the stream's trailer has not been seen. */
  finish(): readonly RowBatch[]
  /** Returns buffers of a stream that is given up. Idempotent; not needed after `finish`. */
  abandon(): void
  /** Rows decoded so far, rejected ones included. */
  readonly rows: number
}

/** A batch closes at this many bytes of wire data even when it could take more rows. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const HEADER_BYTES = SIGNATURE.length + 8
const HAS_OIDS = 1 << 16
const MIN_TAIL_BYTES = 64 * 1024

const INCOMPLETE = 0
const NOTHING: readonly RowBatch[] = Object.freeze([])

export function createCopyDecoder(options: CopyDecoderOptions): CopyDecoder {
  return new BinaryCopyDecoder(options)
}

class BinaryCopyDecoder implements CopyDecoder {
  rows = 0
  readonly #options: CopyDecoderOptions
  readonly #plans: readonly ColumnPlan[]
  readonly #codecs: readonly ValueCodec[]
  readonly #columns: readonly ColumnBuffer[]
  readonly #schema
  #state: 'header' | 'rows' | 'trailer' = 'header'
  /** Bytes of a row that is not complete yet, in a buffer of our own. */
  #tail: Bytes = bytesOf(Buffer.alloc(0))
  #tailLength = 0
  #closed: RowBatch[] = []
  /** Rows in the columns, and about their bytes. */
  #held = 0
  #heldBytes = 0
  /** Rows that fit into every column. */
  #capacity = 0

  constructor(options: CopyDecoderOptions) {
    const { table, plans, pool } = options
    if (plans.length !== table.columns.length) {
      throw new ConnectorError('INTERNAL', `Table "${table.table}" has ${table.columns.length} columns but ${plans.length} plans`)
    }
    this.#options = options
    this.#plans = plans
    this.#codecs = plans.map(({ codec, copyFormat }) => (copyFormat === 'binary' ? codec : { ...codec, binary: BINARY_OP.text }))
    this.#schema = sourceBatchSchema(table, 'base')
    this.#columns = plans.map((plan, i) => new ColumnBuffer(plan.column.type.kind, this.#schema.fields[i + 4]?.type, pool))
  }

  push(chunk: Uint8Array): readonly RowBatch[] {
    return this.take(bytesOf(chunk), 0, chunk.length)
  }

  take(bytes: Bytes, start: number, end: number): readonly RowBatch[] {
    if (this.#tailLength === 0) {
      const stop = this.#decode(bytes, start, end)
      if (stop < end) this.#keep(bytes.buffer, stop, end)
    } else {
      this.#keep(bytes.buffer, start, end)
      const { buffer } = this.#tail
      const stop = this.#decode(this.#tail, 0, this.#tailLength)
      if (stop > 0) buffer.copyWithin(0, stop, this.#tailLength)
      this.#tailLength -= stop
    }
    if (this.#closed.length === 0) return NOTHING
    const batches = this.#closed
    this.#closed = []
    return batches
  }

  finish(): readonly RowBatch[] {
    if (this.#state !== 'trailer' || this.#tailLength > 0) {
      throw new ConnectorError(
        'INTERNAL',
        `COPY of "${this.#options.table.table}" ended without its trailer after ${this.rows} rows`,
      )
    }
    const batches: RowBatch[] = []
    if (this.#held > 0) batches.push(this.#close())
    this.abandon()
    return batches
  }

  abandon(): void {
    for (const column of this.#columns) column.release()
    this.#held = 0
    this.#capacity = 0
  }

  /** Appends to the unfinished bytes; the buffer doubles, so that a huge value costs linear time. */
  #keep(source: Buffer, start: number, end: number): void {
    const length = this.#tailLength + end - start
    if (this.#tail.buffer.length < length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, this.#tail.buffer.length * 2, MIN_TAIL_BYTES))
      this.#tail.buffer.copy(grown, 0, 0, this.#tailLength)
      this.#tail = bytesOf(grown)
    }
    source.copy(this.#tail.buffer, this.#tailLength, start, end)
    this.#tailLength = length
  }

  /** Decodes what is complete of [start, end) and returns where the rest begins. */
  #decode(bytes: Bytes, start: number, end: number): number {
    const { view } = bytes
    let at = start
    if (this.#state === 'header') {
      at = this.#header(bytes, start, end)
      if (at < 0) return start
    }
    while (this.#state === 'rows' && at + 2 <= end) {
      const fields = view.getInt16(at)
      if (fields === -1) {
        this.#state = 'trailer'
        at += 2
        break
      }
      if (fields !== this.#plans.length) throw this.#malformed(`a row of ${fields} fields instead of ${this.#plans.length}`)
      // A row that comes in pieces is looked over first: its large fields are not to be copied once per piece.
      if (at === 0 && bytes === this.#tail && rowEnd(view, at + 2, end, fields) < 0) return at
      const next = this.#row(bytes, at + 2, end)
      if (next === INCOMPLETE) return at
      this.rows++
      if (next < 0) at = -next
      else {
        this.#held++
        this.#heldBytes += next - at
        at = next
      }
      if (this.#held >= MAX_BATCH_ROWS || this.#heldBytes >= MAX_BATCH_BYTES) this.#closed.push(this.#close())
    }
    if (this.#state === 'trailer' && at < end) throw this.#malformed('bytes behind its trailer')
    return at
  }

  /** Returns where the first row starts, or -1 when the header is not complete. */
  #header({ buffer, view }: Bytes, start: number, end: number): number {
    if (end - start < HEADER_BYTES) return -1
    const flagsAt = start + SIGNATURE.length
    const rowsAt = start + HEADER_BYTES + view.getUint32(flagsAt + 4)
    if (buffer.compare(SIGNATURE, 0, SIGNATURE.length, start, flagsAt) !== 0) throw this.#malformed('no PGCOPY signature')
    const flags = view.getUint32(flagsAt)
    if ((flags & 0xffff_0000) !== 0) {
      throw this.#malformed((flags & HAS_OIDS) !== 0 ? 'object ids in its rows' : 'critical flags that are not understood')
    }
    if (end < rowsAt) return -1
    this.#state = 'rows'
    return rowsAt
  }

  /** Where the row ends; negated when it was rejected; `INCOMPLETE` when it goes on behind `end`. */
  #row(bytes: Bytes, start: number, end: number): number {
    const { view } = bytes
    const row = this.#held
    if (row >= this.#capacity) this.#reserve(row + 1)
    const codecs = this.#codecs
    const columns = this.#columns
    let at = start
    for (let i = 0; i < codecs.length; i++) {
      if (at + 4 > end) return this.#incomplete(i)
      const length = view.getInt32(at)
      at += 4
      const column = columns[i] as ColumnBuffer
      if (length < 0) {
        column.setNull(row)
        continue
      }
      if (at + length > end) return this.#incomplete(i)
      const code = decodeBinary(codecs[i] as ValueCodec, column, row, bytes, at, length)
      if (code !== 0 && !absorb(this.#options.table, this.#plans[i] as ColumnPlan, column, row, code)) {
        const next = rowEnd(view, start, end, codecs.length)
        if (next < 0) return this.#incomplete(i)
        this.#reject(bytes, start, i, code)
        return -next
      }
      at += length
    }
    return at
  }

  #reserve(rows: number): void {
    for (const column of this.#columns) column.reserve(rows)
    this.#capacity = Math.min(...this.#columns.map((column) => column.capacity))
  }

  /** Takes back the fields before `field`; the row is decoded anew when it is complete. */
  #incomplete(field: number): typeof INCOMPLETE {
    for (let i = 0; i < field; i++) this.#columns[i]?.undo(this.#held)
    return INCOMPLETE
  }

  #reject(bytes: Bytes, start: number, failed: number, code: number): void {
    const { table, position, onReject } = this.#options
    for (let i = 0; i <= failed; i++) this.#columns[i]?.undo(this.#held)
    const row: Record<string, string | null> = {}
    let at = start
    for (const { column, codec, copyFormat } of this.#plans) {
      const length = bytes.view.getInt32(at)
      at += 4
      const text = copyFormat === 'binary' ? codec.show : null
      row[column.name] =
        length < 0 ? null : text === null ? bytes.buffer.toString('utf8', at, at + length) : text(bytes, at, length)
      at += Math.max(0, length)
    }
    onReject({ table: table.table, column: this.#plans[failed]?.column.name ?? '', position, reason: badReason(code), row })
  }

  #close(): RowBatch {
    const { table, position, pool } = this.#options
    const rows = this.#held
    const buffers: ArrayBuffer[] = []
    const children = [
      ...baseMetadata(this.#schema, position, rows),
      ...this.#columns.map((column) => column.detach(rows, buffers)),
    ]
    this.#held = 0
    this.#heldBytes = 0
    this.#capacity = 0
    return rowBatch({
      table,
      part: 'base',
      schema: this.#schema,
      children,
      rows,
      buffers,
      pool,
      date: null,
      first: position,
      last: position,
    })
  }

  #malformed(found: string): ConnectorError {
    return new ConnectorError('INTERNAL', `COPY of "${this.#options.table.table}" sent ${found}`)
  }
}

/** Where a row of so many fields ends, or -1 when it is not complete before `limit`. */
function rowEnd(view: DataView, start: number, limit: number, fields: number): number {
  let at = start
  for (let i = 0; i < fields; i++) {
    if (at + 4 > limit) return -1
    const length = view.getInt32(at)
    at += length > 0 ? 4 + length : 4
  }
  return at <= limit ? at : -1
}
