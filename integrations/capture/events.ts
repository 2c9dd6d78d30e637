/** What capture reports while it works: facts for people and metrics, never a row value. Counters are totals of this attempt. */
import type { Position, Reject, TableName } from '../../connectors/change.ts'
import type { CommitKind } from '../land/log/commit.ts'
import type { HeldTable } from '../register/held-tables.ts'

export type CaptureEvent =
  /** A named step begins (`prepare`, `claim`, `sweep`, `snapshot`, `follow`); `detail` for people. */
  | { readonly kind: 'step'; readonly step: string; readonly detail?: string }
  /** Something slow is waited for, with whom. */
  | { readonly kind: 'waiting'; readonly message: string }
  | { readonly kind: 'warning'; readonly message: string }
  /** `total` is the source's estimate; null when it has none. */
  | {
      readonly kind: 'snapshot'
      readonly table: TableName
      readonly rows: number
      readonly total: number | null
      readonly chunks: { readonly done: number; readonly planned: number }
      readonly complete: boolean
    }
  /** After each change set that was handed over. */
  | {
      readonly kind: 'follow'
      readonly transactions: number
      readonly changes: number
      /** Commit time of the newest source transaction included, ISO-8601. */
      readonly through: string | null
      readonly lagBytes: number | null
      readonly current: boolean
    }
  /** After each durable commit: what this commit added. */
  | {
      readonly kind: 'commit'
      readonly number: number
      readonly commit: CommitKind
      readonly position: Position | null
      readonly through: string | null
      readonly tables: readonly {
        readonly table: TableName
        readonly rows: number
        readonly files: number
        readonly bytes: number
      }[]
      readonly rejects: number
    }
  | { readonly kind: 'schema'; readonly table: TableName; readonly version: number; readonly changes: readonly string[] }
  /** A table that warehouses do not show as the lake has it, until a person accepts. */
  | ({ readonly kind: 'held' } & HeldTable)
  | { readonly kind: 'acknowledged'; readonly position: Position }
  /** Rows that the commit just made has kept aside under `on_bad_value: reject`, per table and column. Not a total. */
  | { readonly kind: 'rejects'; readonly table: TableName; readonly column: string; readonly rows: number }

export type Emit = (event: CaptureEvent) => void

/** Counts the rows that a commit keeps aside, without the rows. */
export class RejectCount {
  readonly #rows = new Map<TableName, Map<string, number>>()
  rows = 0

  add(rejects: readonly Reject[]): void {
    for (const { table, column } of rejects) {
      const columns = this.#rows.get(table) ?? new Map<string, number>()
      this.#rows.set(table, columns.set(column, (columns.get(column) ?? 0) + 1))
      this.rows++
    }
  }

  emit(emit: Emit): void {
    for (const [table, columns] of this.#rows) {
      for (const [column, rows] of columns) emit({ kind: 'rejects', table, column, rows })
    }
  }
}

/** Tells of the rows that a commit kept aside. */
export function emitRejects(rejects: readonly Reject[], emit: Emit): void {
  const count = new RejectCount()
  count.add(rejects)
  count.emit(emit)
}
