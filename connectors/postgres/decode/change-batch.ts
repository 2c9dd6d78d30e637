/** Rows of pgoutput messages → change batches of one table and one schema. */
import type { Data, Field } from 'apache-arrow'
import type { BufferPool } from '../../buffer-pool.ts'
import {
  MAX_BATCH_ROWS,
  OPS,
  type Op,
  type Position,
  type Reject,
  type RowBatch,
  type SourceTable,
  sourceBatchSchema,
} from '../../change.ts'
import { ColumnBuffer } from '../../column-buffer.ts'
import { ConnectorError } from '../../errors.ts'
import { badReason } from './bad-value.ts'
import { dictionaryData, rowBatch } from './batch-assembly.ts'
import { type Bytes, bytesOf } from './bytes.ts'
import type { ChangeRow, PendingRow } from './change-row.ts'
import type { ColumnPlan } from './column-plan.ts'
import { decodeBinary, decodeText } from './decode-value.ts'
import { POSITION_BYTES } from './position.ts'
import { absorb } from './row-policy.ts'
import { ToastLedger } from './toast-ledger.ts'
import { rowPosition, type TransactionStamp } from './transaction-stamp.ts'
import { type Cell, COLUMN_KIND, cellOf, type Tuple } from './tuple.ts'
import { isUnderstood } from './understood.ts'

export type ChangeBatchOptions = {
  readonly table: SourceTable
  /** One per column of the table, in its order. */
  readonly plans: readonly ColumnPlan[]
  /**
   * For each column of the stream's tuples (Relation order) the index of the table's column, or -1 to skip it. A table
   * column that no tuple column feeds is null.
   */
  readonly mapping: readonly number[]
  readonly pool: BufferPool
  readonly onReject: (reject: Reject) => void
}

/** One builder per table and schema version; it keeps its columns between batches. */
export interface ChangeBatchBuilder {
  readonly table: SourceTable
  readonly rows: number
  /** About the bytes its columns hold. */
  readonly bytes: number
  /** Whether a row of this transaction may join: same UTC date, room left. When false call `finish` first. */
  accepts(stamp: TransactionStamp): boolean
  /**
   * False when the row was put aside under `on_bad_value: reject`; of a keyed update its key's deletion stays. Copies what it
   * needs of the tuple. Throws `BAD_VALUE` naming table and column.
   */
  append(row: ChangeRow): boolean
  /**
   * Fills unchanged TOAST values from earlier rows of the same key in this batch, then returns what is still missing.
   * Cheap when nothing is missing.
   */
  pending(): readonly PendingRow[]
  /** Supplies a value found by a re-select: text form (output function) or, with `binary`, send form; null is SQL NULL. */
  fill(row: number, column: number, value: Uint8Array | null, format: 'text' | 'binary'): void
  /** The batch; cells still missing are NULL and named in `_unchanged`. Null when empty. The builder is empty afterwards. */
  finish(): RowBatch | null
  /** Returns the buffers; the builder must not be used any more. */
  abandon(): void
}

/** A batch that holds this many bytes takes no further row. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024

export function createChangeBatchBuilder(options: ChangeBatchOptions): ChangeBatchBuilder {
  return new TableBatchBuilder(options)
}

const OP_NAMES = Object.values(OPS)
const OP_INDEX: ReadonlyMap<Op, number> = new Map(OP_NAMES.map((op, i) => [op, i]))
const HEX = Buffer.from('0123456789abcdef', 'latin1')

class TableBatchBuilder implements ChangeBatchBuilder {
  readonly table: SourceTable
  rows = 0
  bytes = 0
  readonly #options: ChangeBatchOptions
  readonly #plans: readonly ColumnPlan[]
  readonly #columns: readonly ColumnBuffer[]
  readonly #schema
  readonly #fixedBytes: number
  readonly #op: ColumnBuffer
  readonly #position: ColumnBuffer
  readonly #committedAt: ColumnBuffer
  readonly #unchanged: ColumnBuffer
  readonly #isKey: readonly boolean[]
  /** Columns that no tuple column feeds. */
  readonly #unfed: readonly number[]
  readonly #toast: ToastLedger
  /** Rows that fit into every column. */
  #capacity = 0
  #date = ''
  #first = '' as Position
  #lastStamp: TransactionStamp | null = null
  #lastOrdinal = 0

  constructor(options: ChangeBatchOptions) {
    const { table, plans, mapping, pool } = options
    if (plans.length !== table.columns.length) {
      throw new ConnectorError('INTERNAL', `Table "${table.table}" has ${table.columns.length} columns but ${plans.length} plans`)
    }
    this.table = table
    this.#options = options
    this.#plans = plans
    this.#schema = sourceBatchSchema(table, 'changes')
    const fields = this.#schema.fields as Field[]
    const fieldType = (i: number) => (fields[i] as Field).type
    this.#op = new ColumnBuffer('int32', fieldType(0), pool)
    this.#position = new ColumnBuffer('utf8', fieldType(1), pool)
    this.#committedAt = new ColumnBuffer('timestamp', fieldType(2), pool)
    this.#unchanged = new ColumnBuffer('int32', fieldType(3), pool)
    this.#columns = plans.map((plan, i) => new ColumnBuffer(plan.column.type.kind, fieldType(i + 4), pool))
    this.#isKey = table.columns.map((column) => table.key.includes(column.id))
    this.#unfed = table.columns.map((_, i) => i).filter((i) => !mapping.includes(i))
    this.#fixedBytes = POSITION_BYTES + 16 + 9 * plans.length
    this.#toast = new ToastLedger(keyIndices(table))
  }

  accepts(stamp: TransactionStamp): boolean {
    return this.rows === 0 || (this.rows < MAX_BATCH_ROWS && this.bytes < MAX_BATCH_BYTES && stamp.date === this.#date)
  }

  append(change: ChangeRow): boolean {
    if (!this.accepts(change.stamp)) {
      throw new ConnectorError('INTERNAL', `A batch of "${this.table.table}" was given a row that it does not accept`)
    }
    const row = this.rows
    this.#reserve(row)
    if (change.tuple === null) this.#nullRow(row)
    else {
      const failed = this.#values(row, change, change.tuple)
      if (failed !== null) return this.#putAside(change, change.tuple, failed)
    }
    this.#add(row, change)
    return true
  }

  #add(row: number, change: ChangeRow): void {
    for (const i of this.#unfed) this.#columns[i]?.setNull(row)
    this.#metadata(row, change)
    this.rows++
    this.bytes += this.#fixedBytes + (change.tuple === null ? 0 : change.tuple.end - change.tuple.start)
  }

  /**
   * Takes the row back. A deletion needs its key alone, so nothing of it is lost; a rejected update becomes the deletion of
   * its key, or the table would go on showing the version before it.
   */
  #putAside(change: ChangeRow, tuple: Tuple, failed: Failed): boolean {
    for (const column of this.#columns) column.undo(this.rows)
    this.#toast.forget(this.rows)
    const keyless = this.#isKey.every((isKey) => !isKey) || (this.#isKey[failed.index] as boolean)
    if (keyless || change.op !== 'd') this.#reject(change, tuple, failed)
    if (keyless || change.op === 'c') return false
    const removal: ChangeRow = { ...change, op: 'd', keyOnly: true }
    if (this.#values(this.rows, removal, tuple) !== null) {
      throw new ConnectorError('INTERNAL', `The key of a rejected row of "${this.table.table}" cannot be carried`)
    }
    this.#add(this.rows, removal)
    return change.op === 'd'
  }

  pending(): readonly PendingRow[] {
    return this.#toast.resolve(this.rows, this.#columns, (row) => OP_NAMES[this.#op.int32[row] as number] as Op)
  }

  fill(row: number, column: number, value: Uint8Array | null, format: 'text' | 'binary'): void {
    const plan = this.#plans[column]
    if (plan === undefined || row >= this.rows)
      throw new ConnectorError('INTERNAL', `No cell ${row}, ${column} in "${this.table.table}"`)
    this.#toast.fill(row, column, value === null ? null : { bytes: Buffer.from(value), format })
  }

  finish(): RowBatch | null {
    const { rows } = this
    if (rows === 0) return null
    this.pending()
    const { pool } = this.#options
    const buffers: ArrayBuffer[] = []
    const unchanged = this.#unchangedNames()
    const columns = this.#columns.map((column, i) => this.#withToast(column, i, buffers))
    const metadata = [
      dictionaryData(this.#op.detach(rows, buffers), this.#schema.fields[0] as Field, OP_NAMES),
      this.#position.detach(rows, buffers),
      this.#committedAt.detach(rows, buffers),
      dictionaryData(this.#unchanged.detach(rows, buffers), this.#schema.fields[3] as Field, unchanged),
    ]
    const batch = rowBatch({
      table: this.table,
      part: 'changes',
      schema: this.#schema,
      children: [...metadata, ...columns],
      rows,
      buffers,
      pool,
      date: this.#date,
      first: this.#first,
      last: rowPosition(this.#lastStamp?.positionPrefix ?? '', this.#lastOrdinal),
    })
    this.#toast.clear()
    this.rows = 0
    this.bytes = 0
    this.#capacity = 0
    return batch
  }

  abandon(): void {
    for (const column of [this.#op, this.#position, this.#committedAt, this.#unchanged, ...this.#columns]) column.release()
    this.#toast.clear()
    this.rows = 0
    this.bytes = 0
    this.#capacity = 0
  }

  /** Columns grow apart: one that was written anew for TOAST values starts smaller than the others. */
  #reserve(row: number): void {
    if (row < this.#capacity) return
    const columns = [this.#op, this.#position, this.#committedAt, this.#unchanged, ...this.#columns]
    for (const column of columns) column.reserve(row + 1)
    this.#capacity = Math.min(...columns.map(({ capacity }) => capacity))
  }

  #nullRow(row: number): void {
    for (const column of this.#columns) column.setNull(row)
  }

  /** Null when the row stands; else the column for which it is to be rejected. */
  #values(row: number, change: ChangeRow, tuple: Tuple): Failed | null {
    const { bytes } = tuple
    const { view } = bytes
    const { mapping } = this.#options
    if (tuple.columns !== mapping.length) {
      throw new ConnectorError(
        'INTERNAL',
        `A row of "${this.table.table}" has ${tuple.columns} columns instead of ${mapping.length}`,
      )
    }
    let at = tuple.start
    let missing = false
    for (let i = 0; i < mapping.length; i++) {
      const kind = view.getUint8(at++)
      const hasValue = kind === COLUMN_KIND.binary || kind === COLUMN_KIND.text
      const length = hasValue ? view.getInt32(at) : 0
      if (hasValue) at += 4
      const index = mapping[i] as number
      if (index >= 0) {
        if (kind === COLUMN_KIND.unchanged && (change.keyOnly !== true || (this.#isKey[index] as boolean))) {
          missing = true
          this.#unchangedCell(row, index, i, change)
        } else if (!hasValue || (change.keyOnly === true && !(this.#isKey[index] as boolean))) {
          ;(this.#columns[index] as ColumnBuffer).setNull(row)
        } else {
          const plan = this.#plans[index] as ColumnPlan
          const column = this.#columns[index] as ColumnBuffer
          if (!isUnderstood(plan, kind)) {
            column.setNull(row)
            this.#toast.miss(row, index, () => this.#keyTexts(change))
            at += length
            continue
          }
          const code =
            kind === COLUMN_KIND.binary
              ? decodeBinary(plan.codec, column, row, bytes, at, length)
              : decodeText(plan.codec, column, row, bytes, at, length)
          if (code !== 0 && !absorb(this.table, plan, column, row, code)) return { index, code }
        }
      }
      at += length
    }
    if (missing && change.moved === true) this.#toast.moved(row)
    return null
  }

  /** A TOAST value that the new row does not repeat: from the old row if it is whole, else pending. */
  #unchangedCell(row: number, index: number, position: number, change: ChangeRow): void {
    const column = this.#columns[index] as ColumnBuffer
    const old = change.oldFull ?? ((this.#isKey[index] as boolean) ? change.oldKey : null) ?? null
    const place: Cell | null = old === null ? null : cellOf(old, position)
    if (old === null || place === null || !isUnderstood(this.#plans[index] as ColumnPlan, place.kind)) {
      column.setNull(row)
      this.#toast.miss(row, index, () => this.#keyTexts(change))
    } else if (place.kind === COLUMN_KIND.null) column.setNull(row)
    else {
      const format = place.kind === COLUMN_KIND.binary ? 'binary' : 'text'
      this.#cell(index, column, row, { bytes: old.bytes, at: place.at, length: place.length, format })
    }
  }

  /** A value that does not come from the row's own tuple. Where its row would be rejected it becomes NULL: the rest of the row is good. */
  #cell(index: number, column: ColumnBuffer, row: number, value: LateValue): void {
    const plan = this.#plans[index] as ColumnPlan
    const decode = value.format === 'binary' ? decodeBinary : decodeText
    const code = decode(plan.codec, column, row, value.bytes, value.at, value.length)
    if (code === 0 || absorb(this.table, plan, column, row, code)) return
    column.setNull(row)
  }

  #keyTexts(change: ChangeRow): readonly (string | null)[] {
    const { tuple } = change
    if (tuple === null) return []
    return keyIndices(this.table).map((index) => this.#cellText(tuple, this.#options.mapping.indexOf(index), index))
  }

  #cellText(tuple: Tuple, position: number, index: number): string | null {
    const place = position < 0 ? null : cellOf(tuple, position)
    if (place === null || place.kind === COLUMN_KIND.null || place.kind === COLUMN_KIND.unchanged) return null
    const show = this.#plans[index]?.codec.show ?? null
    const { bytes } = tuple
    if (place.kind === COLUMN_KIND.binary && show !== null) return show(bytes, place.at, place.length)
    return bytes.buffer.toString('utf8', place.at, place.at + place.length)
  }

  #reject(change: ChangeRow, tuple: Tuple, { index: failed, code }: Failed): void {
    const { onReject, mapping } = this.#options
    const row: Record<string, string | null> = {}
    this.#plans.forEach(({ column }, index) => {
      row[column.name] = this.#cellText(tuple, mapping.indexOf(index), index)
    })
    onReject({
      table: this.table.table,
      column: this.#plans[failed]?.column.name ?? '',
      position: rowPosition(change.stamp.positionPrefix, change.ordinal),
      reason: badReason(code),
      row,
    })
  }

  #metadata(row: number, { op, stamp, ordinal }: ChangeRow): void {
    this.#op.int32[row] = OP_INDEX.get(op) as number
    this.#committedAt.int64[row] = stamp.committedAtUs
    this.#unchanged.setNull(row)
    const column = this.#position
    column.reserveData(POSITION_BYTES)
    const { data } = column
    const { prefix } = stamp
    let at = column.end
    for (let i = 0; i < prefix.length; i++) data[at++] = prefix[i] as number
    for (let shift = 28; shift >= 0; shift -= 4) data[at++] = HEX[(ordinal >>> shift) & 15] as number
    column.end = at
    column.offsets[row + 1] = at
    if (row === 0) {
      this.#date = stamp.date
      this.#first = data.toString('latin1', 0, at) as Position
    }
    this.#lastStamp = stamp
    this.#lastOrdinal = ordinal
  }

  /** Fills the index column of `_unchanged` and returns its dictionary. */
  #unchangedNames(): readonly string[] {
    const dictionary = new Map<string, number>()
    for (const [row, columns] of this.#toast.unresolved()) {
      const names = columns.map((index) => this.#plans[index]?.column.name ?? '').join(',')
      const index = dictionary.get(names) ?? dictionary.size
      dictionary.set(names, index)
      this.#unchanged.setValid(row)
      this.#unchanged.int32[row] = index
    }
    return [...dictionary.keys()]
  }

  /** The column, written anew when values for its middle were found later. */
  #withToast(column: ColumnBuffer, index: number, buffers: ArrayBuffer[]): Data {
    const found = this.#toast.found(index)
    if (found === null) return column.detach(this.rows, buffers)
    const target = column.blank()
    target.reserve(this.rows)
    for (let row = 0; row < this.rows; row++) {
      let from = row
      let cell = found.get(row)
      while (cell !== undefined && cell !== null && 'row' in cell) {
        from = cell.row
        cell = found.get(from)
      }
      if (cell === null) target.setNull(row)
      else if (cell === undefined) target.copyCell(row, column, from)
      else this.#cell(index, target, row, { bytes: bytesOf(cell.bytes), at: 0, length: cell.bytes.length, format: cell.format })
    }
    column.release()
    return target.detach(this.rows, buffers)
  }
}

/** Index of a column, and why its value cannot be held (`BAD`). */
type Failed = { readonly index: number; readonly code: number }

type LateValue = { readonly bytes: Bytes; readonly at: number; readonly length: number; readonly format: 'text' | 'binary' }

const keyIndices = (table: SourceTable): readonly number[] =>
  table.key.map((id) => table.columns.findIndex((column) => column.id === id))
