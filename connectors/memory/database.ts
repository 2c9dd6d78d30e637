/**
 * A scripted database with a log: tables, transactions, slots. It survives the sources opened on it, as a server survives
 * its clients. One instance is one server; everything happens synchronously.
 */
import type { SourceColumn, SourceIdentity, SourceTable, TableName } from '../change.ts'
import type { LogicalType } from '../logical-type.ts'
import type { MemoryValue } from './arrow-batch.ts'

export type MemoryRow = Readonly<Record<string, MemoryValue>>

export type ColumnDefinition = { readonly name: string; readonly type: LogicalType; readonly nullable?: boolean }

export type TableDefinition = {
  readonly columns: readonly ColumnDefinition[]
  /** Column names; empty or absent = a bag. */
  readonly key?: readonly string[]
  /** Default: `default` with a key, `full` without. */
  readonly identity?: SourceTable['identity']
}

/** A stored row version. `address` is where it lies: an update moves it, as in Postgres. */
export type StoredRow = { readonly address: number; readonly values: ReadonlyMap<number, MemoryValue> }

export type LoggedChange = {
  readonly table: SourceTable
  readonly op: 'c' | 'u' | 'd' | 't'
  readonly values: ReadonlyMap<number, MemoryValue>
  readonly unchanged: readonly string[]
}

/** `commit` ≤ a cut means: not before that cut. `end` is the first cut after it. */
export type LoggedTransaction = {
  readonly commit: number
  readonly end: number
  readonly committedAt: Date
  readonly changes: readonly LoggedChange[]
}

export type MemorySlot = { confirmed: number; holder: object | null }

type Table = { description: SourceTable; rows: StoredRow[]; nextColumn: number }

const RECORD = 16

/** What a transaction can do. Rows are found by the values given in `where`; every match is changed. */
export interface MemoryTransaction {
  createTable(name: string, definition: TableDefinition): void
  dropTable(name: string): void
  insert(table: string, ...rows: readonly MemoryRow[]): void
  /** `unresolved`: columns whose unchanged value the log does not carry (Postgres: unchanged TOAST). */
  update(table: string, where: MemoryRow, set: MemoryRow, options?: { readonly unresolved?: readonly string[] }): void
  delete(table: string, where: MemoryRow): void
  truncate(table: string): void
  /** `initial`: what existing rows show for it, without a rewrite. */
  addColumn(table: string, column: ColumnDefinition & { readonly initial?: string }): void
  dropColumn(table: string, column: string): void
  renameColumn(table: string, column: string, to: string): void
  /** Another key, by column names. */
  changeKey(table: string, key: readonly string[]): void
  /** `rewrite`: stored rows change without change events. */
  retypeColumn(table: string, column: string, type: LogicalType, rewrite?: (value: MemoryValue) => MemoryValue): void
}

export class MemoryDatabase {
  readonly log: LoggedTransaction[] = []
  readonly slots = new Map<string, MemorySlot>()
  readonly snapshots = new Map<string, { readonly position: number; readonly rows: ReadonlyMap<string, readonly StoredRow[]> }>()
  identity: SourceIdentity
  readonly #tables = new Map<string, Table>()
  readonly #now: () => Date
  #head = RECORD
  #nextId = 1
  #nextAddress = 1
  #wake = Promise.withResolvers<void>()

  constructor(options: { readonly now?: () => Date; readonly identity?: SourceIdentity } = {}) {
    this.#now = options.now ?? (() => new Date())
    this.identity = options.identity ?? { system: 'memory', timeline: 1, database: 'memory', version: 'memory 1' }
  }

  /** The first cut after everything committed so far. */
  get head(): number {
    return this.#head
  }

  /** Settles at the next commit. */
  changed(): Promise<void> {
    return this.#wake.promise
  }

  tables(): readonly SourceTable[] {
    return [...this.#tables.values()].map((table) => table.description)
  }

  rows(table: string): readonly StoredRow[] {
    return this.#table(table).rows
  }

  /** Current rows by column name, for assertions. */
  contents(table: string): readonly MemoryRow[] {
    const { description, rows } = this.#table(table)
    return rows.map((row) =>
      Object.fromEntries(
        description.columns.map((column) => [column.name, row.values.get(column.id) ?? column.initial?.text ?? null]),
      ),
    )
  }

  takeSnapshot(): { readonly token: string; readonly position: number } {
    const token = `memory-${this.#nextId++}`
    this.snapshots.set(token, {
      position: this.#head,
      rows: new Map([...this.#tables].map(([name, table]) => [name, table.rows])),
    })
    return { token, position: this.#head }
  }

  /** Runs the script as one transaction. Nothing is logged when the script throws before its first change. */
  commit(script: (transaction: MemoryTransaction) => void): void {
    const changes: LoggedChange[] = []
    script(this.#transaction(changes))
    const commit = this.#head
    this.#head += RECORD
    this.log.push({ commit, end: this.#head, committedAt: this.#now(), changes })
    this.#notify()
  }

  /** Rewrites the table's storage without changing a row (VACUUM FULL). */
  rewrite(name: string): void {
    const table = this.#table(name)
    table.rows = table.rows.map((row) => ({ ...row, address: this.#nextAddress++ }))
    table.description = { ...table.description, storage: String(this.#nextId++) }
  }

  #notify(): void {
    const wake = this.#wake
    this.#wake = Promise.withResolvers<void>()
    wake.resolve()
  }

  #table(name: string): Table {
    const table = this.#tables.get(name)
    if (table === undefined) throw new RangeError(`The memory database has no table "${name}"`)
    return table
  }

  #transaction(changes: LoggedChange[]): MemoryTransaction {
    const log = (
      table: Table,
      op: LoggedChange['op'],
      values: LoggedChange['values'],
      unchanged: readonly string[] = [],
    ): void => {
      const logged = op === 'd' && table.description.identity !== 'full' ? only(values, table.description.key) : values
      changes.push({ table: table.description, op, values: logged, unchanged })
    }
    return {
      createTable: (name, definition) => {
        this.#tables.set(name, this.#create(name, definition))
      },
      dropTable: (name) => {
        this.#tables.delete(name)
      },
      insert: (name, ...rows) => {
        const table = this.#table(name)
        const added = rows.map((row) => ({ address: this.#nextAddress++, values: byId(table, row) }))
        table.rows = table.rows.concat(added)
        for (const { values } of added) log(table, 'c', filled(table, values))
      },
      update: (name, where, set, options = {}) => {
        const table = this.#table(name)
        for (const old of table.rows.filter((row) => matches(table, row, where))) {
          const values = new Map([...filled(table, old.values), ...byId(table, set)])
          const unresolved = table.description.columns.filter((column) => options.unresolved?.includes(column.name))
          table.rows = [...table.rows.filter((row) => row !== old), { address: this.#nextAddress++, values }]
          const keyChanged = table.description.key.some((id) => old.values.get(id) !== values.get(id))
          if (keyChanged || table.description.key.length === 0) log(table, 'd', filled(table, old.values))
          const sent = new Map([...values].filter(([id]) => !unresolved.some((column) => column.id === id)))
          log(
            table,
            'u',
            sent,
            unresolved.map((column) => column.name),
          )
        }
      },
      delete: (name, where) => {
        const table = this.#table(name)
        for (const old of table.rows.filter((row) => matches(table, row, where))) {
          table.rows = table.rows.filter((row) => row !== old)
          log(table, 'd', filled(table, old.values))
        }
      },
      truncate: (name) => {
        const table = this.#table(name)
        table.rows = []
        table.description = { ...table.description, storage: String(this.#nextId++) }
        log(table, 't', new Map())
      },
      addColumn: (name, { initial, ...column }) => {
        const table = this.#table(name)
        const added = { ...sourceColumn(column, table.nextColumn++), initial: { text: initial ?? null } }
        this.#define(table, [...table.description.columns, added])
      },
      dropColumn: (name, column) => {
        const table = this.#table(name)
        this.#define(
          table,
          table.description.columns.filter((item) => item.name !== column),
        )
      },
      renameColumn: (name, column, to) => {
        this.#redefine(name, column, (found) => ({ ...found, name: to }))
      },
      changeKey: (name, key) => {
        const table = this.#table(name)
        const ids = key.map((column) => columnNamed(table, column).id)
        table.description = { ...table.description, definition: String(this.#nextId++), key: ids }
      },
      retypeColumn: (name, column, type, rewrite) => {
        const changed = this.#redefine(name, column, (found) => ({ ...found, type, sourceType: type.kind }))
        if (rewrite === undefined) return
        const table = this.#table(name)
        table.rows = table.rows.map((row) => ({
          address: this.#nextAddress++,
          values: new Map(row.values).set(changed.id, rewrite(row.values.get(changed.id) ?? null)),
        }))
        table.description = { ...table.description, storage: String(this.#nextId++) }
      },
    }
  }

  #create(name: string, definition: TableDefinition): Table {
    const columns = definition.columns.map((column, index) => sourceColumn(column, index + 1))
    const key = (definition.key ?? []).map((column) => columns.findIndex((item) => item.name === column) + 1)
    const identity = definition.identity ?? (key.length === 0 ? 'full' : 'default')
    const id = String(this.#nextId++)
    const token = String(this.#nextId++)
    const description = { table: name as TableName, id, storage: token, definition: token, columns, key, identity }
    return { description, rows: [], nextColumn: columns.length + 1 }
  }

  #redefine(name: string, column: string, change: (column: SourceColumn) => SourceColumn): SourceColumn {
    const table = this.#table(name)
    const found = columnNamed(table, column)
    const changed = change(found)
    this.#define(
      table,
      table.description.columns.map((item) => (item === found ? changed : item)),
    )
    return changed
  }

  #define(table: Table, columns: readonly SourceColumn[]): void {
    table.description = { ...table.description, definition: String(this.#nextId++), columns }
  }
}

function sourceColumn(column: ColumnDefinition, id: number): SourceColumn {
  return { id, name: column.name, type: column.type, sourceType: column.type.kind, nullable: column.nullable ?? true }
}

function columnNamed(table: Table, name: string): SourceColumn {
  const column = table.description.columns.find((item) => item.name === name)
  if (column === undefined) throw new RangeError(`Memory table "${table.description.table}" has no column "${name}"`)
  return column
}

function byId(table: Table, row: MemoryRow): Map<number, MemoryValue> {
  return new Map(Object.entries(row).map(([name, value]) => [columnNamed(table, name).id, value]))
}

/** The row as a reader sees it: a column added later shows its initial value. */
function filled(table: Table, values: ReadonlyMap<number, MemoryValue>): Map<number, MemoryValue> {
  return new Map(
    table.description.columns.map(({ id, initial }) => [id, values.has(id) ? (values.get(id) ?? null) : (initial?.text ?? null)]),
  )
}

function matches(table: Table, row: StoredRow, where: MemoryRow): boolean {
  return [...byId(table, where)].every(([id, value]) => row.values.get(id) === value)
}

function only(values: ReadonlyMap<number, MemoryValue>, ids: readonly number[]): Map<number, MemoryValue> {
  return new Map(ids.map((id) => [id, values.get(id) ?? null]))
}
