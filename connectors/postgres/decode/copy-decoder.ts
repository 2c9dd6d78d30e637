/** Binary COPY (`copy (select <plan.select, …> from …) to stdout (format binary)`) → row batches of a snapshot. */
import type { Position, Reject, RowBatch, SourceTable } from '../../change.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { ColumnPlan } from './column-plan.ts'

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

/** Signature of `createCopyDecoder` in this file. */
export type CreateCopyDecoder = (options: CopyDecoderOptions) => CopyDecoder
