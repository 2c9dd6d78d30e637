/** Rows of pgoutput messages → change batches of one table and one schema. */
import type { Field } from 'apache-arrow'
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
import { type ChangeRow, type PendingRow, removalsOf } from './change-row.ts'
import type { ColumnPlan } from './column-plan.ts'
import { decodeBinary, decodeText } from './decode-value.ts'
import { decodeLate, type LateValue, mayNotFit, rewriteColumn, settledCell } from './late-values.ts'
import { POSITION_BYTES } from './position.ts'
import { absorb } from './row-policy.ts'
import { keyIndices, keyTexts, rejectedRow } from './row-texts.ts'
import { ToastLedger } from './toast-ledger.ts'
import { rowPosition, type TransactionStamp, writePosition } from './transaction-stamp.ts'
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
  /** Rows with a missing value that may turn out not to fit, as they would be put aside. */
  readonly #unproven = new Map<number, Omit<Reject, 'column' | 'reason'>>()
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
   * its old row, or else of its key, or the table would go on showing the version before it.
   */
  #putAside(change: ChangeRow, tuple: Tuple, failed: Failed): boolean {
    this.#undo()
    const keyless = this.#isKey.every((isKey) => !isKey) || (this.#isKey[failed.index] as boolean)
    if (keyless || change.op !== 'd') this.#reject(change, tuple, failed)
    if (keyless || change.op === 'c') return false
    for (const removal of removalsOf(change)) {
      if (this.#values(this.rows, removal, removal.tuple ?? tuple) === null) {
        this.#add(this.rows, removal)
        return change.op === 'd'
      }
      this.#undo()
    }
    throw new ConnectorError('INTERNAL', `The key of a rejected row of "${this.table.table}" cannot be carried`)
  }

  /** Takes back what was written of the row that is being appended. */
  #undo(): void {
    for (const column of this.#columns) column.undo(this.rows)
    this.#toast.forget(this.rows)
    this.#unproven.delete(this.rows)
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
    const removed = this.#rejectUnfit()
    const unchanged = this.#unchangedNames()
    const columns = this.#columns.map((column, i) => this.#complete(column, i, removed).detach(rows, buffers))
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
    this.#clear()
    return batch
  }

  abandon(): void {
    for (const column of [this.#op, this.#position, this.#committedAt, this.#unchanged, ...this.#columns]) column.release()
    this.#clear()
  }

  #clear(): void {
    this.#toast.clear()
    this.#unproven.clear()
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
          const code = this.#unchangedCell(row, index, i, change, tuple)
          if (code !== 0) return { index, code }
        } else if (!hasValue || (change.keyOnly === true && !(this.#isKey[index] as boolean))) {
          ;(this.#columns[index] as ColumnBuffer).setNull(row)
        } else {
          const plan = this.#plans[index] as ColumnPlan
          const column = this.#columns[index] as ColumnBuffer
          if (!isUnderstood(plan, kind)) {
            column.setNull(row)
            this.#toast.miss(row, index, () => keyTexts(this.#options, tuple))
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

  /** A TOAST value that the new row does not repeat: from the old row if it is whole, else pending. 0, or why it does not fit. */
  #unchangedCell(row: number, index: number, position: number, change: ChangeRow, tuple: Tuple): number {
    const column = this.#columns[index] as ColumnBuffer
    const plan = this.#plans[index] as ColumnPlan
    const old = change.oldFull ?? ((this.#isKey[index] as boolean) ? change.oldKey : null) ?? null
    const place: Cell | null = old === null ? null : cellOf(old, position)
    if (old === null || place === null || !isUnderstood(plan, place.kind)) {
      column.setNull(row)
      this.#toast.miss(row, index, () => keyTexts(this.#options, tuple))
      if (mayNotFit(plan)) this.#unproven.set(row, rejectedRow(this.#options, change, tuple))
    } else if (place.kind === COLUMN_KIND.null) column.setNull(row)
    else {
      const format = place.kind === COLUMN_KIND.binary ? 'binary' : 'text'
      return this.#cell(index, column, row, { bytes: old.bytes, at: place.at, length: place.length, format })
    }
    return 0
  }

  /** 0, or why the row is to be rejected. */
  #cell(index: number, column: ColumnBuffer, row: number, value: LateValue): number {
    const plan = this.#plans[index] as ColumnPlan
    const code = decodeLate(plan, column, row, value)
    return code === 0 || absorb(this.table, plan, column, row, code) ? 0 : code
  }

  /** Rows that are rejected for a value that was found by now: of each the deletion of its key stays. */
  #rejectUnfit(): ReadonlySet<number> {
    const rejected = new Set<number>()
    for (const [row, reject] of this.#unproven) {
      const failed = this.#plans
        .keys()
        .map((index) => this.#unfit(row, index))
        .find((each) => each !== null)
      if (failed === undefined) continue
      const { name } = (this.#plans[failed.index] as ColumnPlan).column
      const texts = { ...reject.row, [name]: failed.text }
      this.#options.onReject({ ...reject, column: name, reason: badReason(failed.code), row: texts })
      this.#op.int32[row] = OP_INDEX.get('d') as number
      this.#toast.settle(row)
      rejected.add(row)
    }
    return rejected
  }

  #unfit(row: number, index: number): (Failed & { readonly text: string }) | null {
    const found = mayNotFit(this.#plans[index] as ColumnPlan) ? this.#toast.found(index) : null
    const value = found === null ? null : settledCell(found, row).value
    if (!value) return null
    const trial = (this.#columns[index] as ColumnBuffer).blank()
    trial.reserve(1)
    const code = this.#cell(index, trial, 0, value)
    trial.release()
    return code === 0 ? null : { index, code, text: value.bytes.buffer.toString('utf8') }
  }

  #reject(change: ChangeRow, tuple: Tuple, { index, code }: Failed): void {
    const column = this.#plans[index]?.column.name ?? ''
    this.#options.onReject({ ...rejectedRow(this.#options, change, tuple), column, reason: badReason(code) })
  }

  #metadata(row: number, { op, stamp, ordinal }: ChangeRow): void {
    this.#op.int32[row] = OP_INDEX.get(op) as number
    this.#committedAt.int64[row] = stamp.committedAtUs
    this.#unchanged.setNull(row)
    writePosition(this.#position, row, stamp, ordinal)
    if (row === 0) {
      this.#date = stamp.date
      this.#first = rowPosition(stamp.positionPrefix, ordinal)
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

  /** The column, written anew when values for its middle were found later or rows of it were `removed`. */
  #complete(column: ColumnBuffer, index: number, removed: ReadonlySet<number>): ColumnBuffer {
    const emptied = this.#isKey[index] ? NO_ROWS : removed
    const found = this.#toast.found(index)
    if (found === null && emptied.size === 0) return column
    return rewriteColumn(column, this.rows, {
      found: found ?? new Map(),
      emptied,
      put: (target, row, value) => {
        if (this.#cell(index, target, row, value) !== 0)
          throw new ConnectorError('INTERNAL', `A value of "${this.table.table}" that does not fit was not noticed`)
      },
    })
  }
}

const NO_ROWS: ReadonlySet<number> = new Set()

/** Index of a column, and why its value cannot be held (`BAD`). */
type Failed = { readonly index: number; readonly code: number }
