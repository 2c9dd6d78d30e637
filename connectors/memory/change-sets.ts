/** Gathers logged changes into change sets: batches per table and schema, cut by the flush policy. Pure but for its clock. */
import type { ChangeSet, Position, RowBatch, SchemaChange, SourceTable, TableName } from '../change.ts'
import { type MemoryChange, recordBatch } from './arrow-batch.ts'
import type { LoggedChange, LoggedTransaction } from './database.ts'
import { positionOf } from './position.ts'

export class ChangeSetBuilder {
  readonly #epoch: number
  readonly #maxRows: number
  readonly #known: Map<TableName, SourceTable>
  #open = new Map<TableName, { readonly table: SourceTable; readonly date: string; readonly rows: MemoryChange[] }>()
  #batches: RowBatch[] = []
  #schemas: SchemaChange[] = []
  #committedAt: string | null = null
  #transactions = 0
  #partial = false
  changes = 0

  constructor(options: { readonly epoch: number; readonly known: readonly SourceTable[]; readonly maxRows: number }) {
    this.#epoch = options.epoch
    this.#maxRows = options.maxRows
    this.#known = new Map(options.known.map((table) => [table.table, table]))
  }

  get empty(): boolean {
    return this.#transactions === 0 && this.changes === 0
  }

  /** Adds a whole transaction; yields partial sets (`cut` null) while it is larger than `maxRows`. */
  *add(transaction: LoggedTransaction, wanted: (table: TableName) => boolean): Generator<ChangeSet> {
    let ordinal = 0
    for (const change of transaction.changes) {
      ordinal++
      if (!wanted(change.table.table)) continue
      if (this.changes >= this.#maxRows) {
        this.#partial = true
        yield this.take(null, false)
      }
      this.#append(change, positionOf(this.#epoch, transaction.commit, ordinal), transaction.committedAt)
    }
    this.#transactions++
    this.#committedAt = transaction.committedAt.toISOString()
    this.#partial = false
  }

  take(cut: Position | null, current: boolean): ChangeSet {
    for (const name of [...this.#open.keys()]) this.#close(name)
    const set: ChangeSet = {
      batches: this.#batches,
      rejects: [],
      schemas: this.#schemas,
      cut,
      committedAt: this.#partial ? null : this.#committedAt,
      transactions: this.#transactions,
      changes: this.changes,
      current,
    }
    this.#batches = []
    this.#schemas = []
    this.#committedAt = null
    this.#transactions = 0
    this.changes = 0
    return set
  }

  #append(change: LoggedChange, position: Position, committedAt: Date): void {
    const { table } = change
    const before = this.#known.get(table.table)
    if (before === undefined || shape(before) !== shape(table)) {
      this.#close(table.table)
      this.#schemas.push({ table, position, rewritten: before !== undefined && isRewritten(before, table) })
    }
    this.#known.set(table.table, table)
    const date = committedAt.toISOString().slice(0, 10)
    const open = this.#open.get(table.table)
    if (open !== undefined && open.date !== date) this.#close(table.table)
    const rows = this.#open.get(table.table)?.rows ?? []
    this.#open.set(table.table, { table, date, rows })
    rows.push({ op: change.op, position, committedAt, unchanged: change.unchanged, values: change.values })
    this.changes++
  }

  #close(name: TableName): void {
    const open = this.#open.get(name)
    if (open === undefined) return
    this.#open.delete(name)
    const first = open.rows[0]
    const last = open.rows.at(-1)
    if (first === undefined || last === undefined) return
    this.#batches.push({
      table: open.table,
      part: 'changes',
      batch: recordBatch(open.table, 'changes', open.rows),
      date: open.date,
      firstPosition: first.position,
      lastPosition: last.position,
      release: () => {},
    })
  }
}

/** What makes a table's rows different to read; storage alone does not. */
function shape(table: SourceTable): string {
  const columns = table.columns.map(({ id, name, type, sourceType }) => [id, name, type, sourceType])
  return JSON.stringify([table.id, columns, table.key, table.identity])
}

const isRewritten = (before: SourceTable, now: SourceTable): boolean =>
  before.id !== now.id || (before.storage !== now.storage && before.definition !== now.definition)
