/** Binary COPY (`copy (select <plan.select, …> from …) to stdout (format binary)`) → row batches of a snapshot. */
import { MAX_BATCH_ROWS, type Position, type Reject, type RowBatch, type SourceTable, sourceBatchSchema } from '../../change.ts'
import { ConnectorError } from '../../errors.ts'
import { badReason } from './bad-value.ts'
import { baseMetadata, rowBatch } from './batch-assembly.ts'
import type { BufferPool } from './buffer-pool.ts'
import { type Bytes, bytesOf } from './bytes.ts'
import { ColumnBuffer } from './column-buffer.ts'
import type { ColumnPlan } from './column-plan.ts'
import { decodeBinary, decodeText } from './decode-value.ts'
import { absorb } from './row-policy.ts'

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
  /** The rows still held; throws `INTERNAL` when the stream's trailer has not been seen. */
  finish(): readonly RowBatch[]
  /** Returns buffers of a stream that is given up. Idempotent; not needed after `finish`. */
  abandon(): void
  /** Rows decoded so far, rejected ones included. */
  readonly rows: number
}

/** A batch closes at this many bytes of variable-width data even when it could take more rows. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const HEADER_BYTES = SIGNATURE.length + 8
const HAS_OIDS = 1 << 16

const NOTHING: readonly RowBatch[] = Object.freeze([])

export function createCopyDecoder(options: CopyDecoderOptions): CopyDecoder {
  return new BinaryCopyDecoder(options)
}

class BinaryCopyDecoder implements CopyDecoder {
  rows = 0
  readonly #options: CopyDecoderOptions
  readonly #plans: readonly ColumnPlan[]
  readonly #columns: readonly ColumnBuffer[]
  readonly #schema
  #state: 'header' | 'rows' | 'trailer' = 'header'
  /** Bytes of a row that is not complete yet. */
  #tail: Buffer = Buffer.alloc(0)
  #tailLength = 0
  /** Rows in the columns. */
  #held = 0

  constructor(options: CopyDecoderOptions) {
    const { table, plans, pool } = options
    if (plans.length !== table.columns.length) {
      throw new ConnectorError('INTERNAL', `Table "${table.table}" has ${table.columns.length} columns but ${plans.length} plans`)
    }
    this.#options = options
    this.#plans = plans
    this.#schema = sourceBatchSchema(table, 'base')
    this.#columns = plans.map((plan, i) => new ColumnBuffer(plan.column.type.kind, this.#schema.fields[i + 4]?.type, pool))
  }

  push(chunk: Uint8Array): readonly RowBatch[] {
    if (chunk.length === 0) return NOTHING
    const bytes = bytesOf(this.#tailLength === 0 ? chunk : this.#joined(chunk))
    const batches: RowBatch[] = []
    const end = this.#decode(bytes, batches)
    this.#keep(bytes.buffer, end)
    return batches.length === 0 ? NOTHING : batches
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
  }

  /** Unfinished bytes and the chunk in one buffer; it doubles, so that a huge value costs linear time. */
  #joined(chunk: Uint8Array): Buffer {
    const length = this.#tailLength + chunk.length
    if (this.#tail.length < length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, this.#tail.length * 2))
      this.#tail.copy(grown, 0, 0, this.#tailLength)
      this.#tail = grown
    }
    this.#tail.set(chunk, this.#tailLength)
    return this.#tail.subarray(0, length)
  }

  #keep(buffer: Buffer, from: number): void {
    const length = buffer.length - from
    if (length > 0 && (from > 0 || buffer.buffer !== this.#tail.buffer)) {
      if (this.#tail.length < length) this.#tail = Buffer.allocUnsafeSlow(Math.max(length, 64 * 1024))
      buffer.copy(this.#tail, 0, from, buffer.length)
    }
    this.#tailLength = length
  }

  /** Decodes what is complete and returns where the rest begins. */
  #decode(bytes: Bytes, batches: RowBatch[]): number {
    const { view } = bytes
    const length = view.byteLength
    let at = this.#state === 'header' ? this.#header(bytes) : 0
    if (this.#state === 'header') return at
    while (this.#state === 'rows' && at + 2 <= length) {
      const fields = view.getInt16(at)
      if (fields === -1) {
        this.#state = 'trailer'
        at += 2
        break
      }
      if (fields !== this.#plans.length) throw this.#malformed(`a row of ${fields} fields instead of ${this.#plans.length}`)
      const end = rowEnd(view, at + 2, fields)
      if (end < 0) return at
      if (this.#row(bytes, at + 2)) this.#held++
      this.rows++
      at = end
      if (this.#held === MAX_BATCH_ROWS || (this.#held & 0xff) === 0xff) {
        if (this.#held === MAX_BATCH_ROWS || this.#variableBytes() >= MAX_BATCH_BYTES) batches.push(this.#close())
      }
    }
    if (this.#state === 'trailer' && at < length) throw this.#malformed('bytes behind its trailer')
    return at
  }

  /** Returns where the first row starts, or 0 when the header is not complete. */
  #header({ buffer, view }: Bytes): number {
    if (buffer.length < HEADER_BYTES) return 0
    const extension = view.getUint32(SIGNATURE.length + 4)
    if (buffer.length < HEADER_BYTES + extension) return 0
    if (buffer.compare(SIGNATURE, 0, SIGNATURE.length, 0, SIGNATURE.length) !== 0) throw this.#malformed('no PGCOPY signature')
    if ((view.getUint32(SIGNATURE.length) & 0xffff_0000) !== 0) {
      const oids = (view.getUint32(SIGNATURE.length) & HAS_OIDS) !== 0
      throw this.#malformed(oids ? 'object ids in its rows' : 'critical flags that are not understood')
    }
    this.#state = 'rows'
    return HEADER_BYTES + extension
  }

  /** False when the row was rejected. */
  #row(bytes: Bytes, start: number): boolean {
    const { view } = bytes
    const row = this.#held
    const plans = this.#plans
    const columns = this.#columns
    let at = start
    for (let i = 0; i < plans.length; i++) {
      const length = view.getInt32(at)
      at += 4
      const column = columns[i] as ColumnBuffer
      if (row >= column.capacity) column.reserve(row + 1)
      if (length < 0) {
        column.setNull(row)
        continue
      }
      const plan = plans[i] as ColumnPlan
      const code =
        plan.copyFormat === 'binary'
          ? decodeBinary(plan.codec, column, row, bytes, at, length)
          : decodeText(plan.codec, column, row, bytes, at, length)
      if (code !== 0 && !absorb(this.#options.table.table, plan, column, row, code)) {
        this.#reject(bytes, start, i, code)
        return false
      }
      at += length
    }
    return true
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

  #variableBytes(): number {
    let bytes = 0
    for (const column of this.#columns) bytes += column.end
    return bytes
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

/** Where a row of so many fields ends, or -1 when it is not complete. */
function rowEnd(view: DataView, start: number, fields: number): number {
  const limit = view.byteLength
  let at = start
  for (let i = 0; i < fields; i++) {
    if (at + 4 > limit) return -1
    const length = view.getInt32(at)
    at += length > 0 ? 4 + length : 4
  }
  return at <= limit ? at : -1
}
