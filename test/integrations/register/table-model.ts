/**
 * A table with a log, in the plainest terms: rows in memory, every change recorded as lake rows, snapshots taken chunk by
 * chunk. What warehouses show must equal `rows()`.
 */
import type { Op, Position, SourceColumn, SourceTable, TableName, TableSchema } from '../../../connectors/change.ts'
import { canonicalText, parseCanonical, type Value } from '../../../connectors/column-values.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import type { LakeRow } from '../../../connectors/memory/warehouse.ts'
import { evolve } from '../../../integrations/capture/physical-columns.ts'

export type ModelFile = { readonly part: 'base' | 'changes'; readonly schema: TableSchema; readonly rows: readonly LakeRow[] }

/** `address` is where the row lies: updates move it, and chunks are ranges of it. */
type Row = { address: number; readonly values: Map<number, Value> }

const ADDRESSES = 100

export class TableModel {
  #source: SourceTable
  #schema: TableSchema
  readonly #versions: TableSchema[] = []
  #rows: Row[] = []
  #transaction = 1
  #nextColumn: number
  #pending: LakeRow[] = []
  #changes: ModelFile[] = []
  #base: { files: ModelFile[]; boundary: Position }

  constructor(keyed: boolean, full: boolean) {
    const columns: SourceColumn[] = [
      { id: 1, name: 'id', type: { kind: 'int32' }, sourceType: 'integer', nullable: false },
      { id: 2, name: 'note', type: { kind: 'utf8', format: 'text' }, sourceType: 'text', nullable: true },
      { id: 3, name: 'amount', type: { kind: 'decimal', precision: 6, scale: 2 }, sourceType: 'numeric(6,2)', nullable: true },
    ]
    this.#nextColumn = 4
    this.#source = {
      table: 'public.loan' as TableName,
      id: '16384',
      storage: '1',
      definition: '1',
      columns,
      key: keyed ? [1] : [],
      identity: keyed && !full ? 'default' : 'full',
    }
    const at = this.#cut()
    this.#schema = evolve(null, this.#source, at).schema
    this.#versions.push(this.#schema)
    this.#base = { files: [], boundary: at }
  }

  get schema(): TableSchema {
    return this.#schema
  }

  /** Every version so far, in order. */
  get versions(): readonly TableSchema[] {
    return this.#versions
  }

  /** A cut after everything that happened so far. */
  cut(): Position {
    return this.#cut()
  }

  get base(): { readonly files: readonly ModelFile[]; readonly boundary: Position } {
    return this.#base
  }

  get keyed(): boolean {
    return this.#source.key.length > 0
  }

  get size(): number {
    return this.#rows.length
  }

  get columns(): readonly SourceColumn[] {
    return this.#source.columns
  }

  /** Closes the open change file. */
  changeFiles(): readonly ModelFile[] {
    this.flush()
    return this.#changes
  }

  flush(): void {
    if (this.#pending.length > 0) this.#changes.push({ part: 'changes', schema: this.#schema, rows: this.#pending })
    this.#pending = []
  }

  /** Canonical texts of the rows, in the shape of `queryRows`. */
  rows(): readonly string[] {
    const columns = this.#source.columns.toSorted((a, b) => a.id - b.id)
    return this.#rows
      .map((row) =>
        columns
          .map(({ id, type }) => {
            const value = row.values.get(id) ?? null
            return value === null ? '␀' : canonicalText(value, type)
          })
          .join(' | '),
      )
      .toSorted()
  }

  insert(key: number, seed: number, captured: boolean): void {
    if (this.keyed && this.#rows.some((row) => row.values.get(1) === this.#key(key))) return
    const values = new Map(this.#source.columns.map((column) => [column.id, this.#value(column, key, seed)]))
    this.#rows.push({ address: seed % ADDRESSES, values })
    this.#record(captured, [['c', values]])
  }

  update(index: number, seed: number, captured: boolean): void {
    const row = this.#rows[index % Math.max(1, this.#rows.length)]
    if (row === undefined) return
    const old = new Map(row.values)
    for (const column of this.#source.columns) {
      if (column.id !== 1) row.values.set(column.id, this.#value(column, 0, seed + column.id))
    }
    row.address = seed % ADDRESSES
    const now = new Map(row.values)
    this.#record(
      captured,
      this.keyed
        ? [['u', now]]
        : [
            ['d', old],
            ['u', now],
          ],
    )
  }

  changeKey(index: number, to: number, captured: boolean): void {
    const row = this.#rows[index % Math.max(1, this.#rows.length)]
    if (row === undefined || this.#rows.some((other) => other.values.get(1) === this.#key(to))) return
    const old = new Map(row.values)
    row.values.set(1, this.#key(to))
    row.address = to % ADDRESSES
    this.#record(captured, [
      ['d', old],
      ['u', new Map(row.values)],
    ])
  }

  delete(index: number, captured: boolean): void {
    const [row] = this.#rows.splice(index % Math.max(1, this.#rows.length), 1)
    if (row !== undefined) this.#record(captured, [['d', row.values]])
  }

  truncate(captured: boolean): void {
    this.#rows = []
    this.#record(captured, [['t', new Map()]])
  }

  addColumn(name: string, type: LogicalType, initial: string | null): void {
    if (this.#source.columns.some((column) => column.name === name)) return
    const id = this.#nextColumn++
    for (const row of this.#rows) row.values.set(id, initial === null ? null : parseCanonical(initial, type))
    const column: SourceColumn = { id, name, type, sourceType: type.kind, nullable: true, initial: { text: initial } }
    this.#alter([...this.#source.columns, column])
  }

  dropColumn(index: number): void {
    const droppable = this.#source.columns.filter((column) => column.id !== 1)
    const column = droppable[index % Math.max(1, droppable.length)]
    if (column === undefined) return
    for (const row of this.#rows) row.values.delete(column.id)
    this.#alter(this.#source.columns.filter((each) => each !== column))
  }

  rename(index: number, to: string): void {
    const column = this.#source.columns[index % this.#source.columns.length]
    if (column === undefined || this.#source.columns.some((each) => each.name === to)) return
    this.#alter(this.#source.columns.map((each) => (each === column ? { ...each, name: to } : each)))
  }

  swapNames(a: number, b: number): void {
    const [first, second] = [a, b].map((index) => this.#source.columns[index % this.#source.columns.length])
    if (first === undefined || second === undefined || first === second) return
    this.#alter(
      this.#source.columns.map((each) =>
        each === first ? { ...each, name: second.name } : each === second ? { ...each, name: first.name } : each,
      ),
    )
  }

  widen(index: number): void {
    const column = this.#source.columns[index % this.#source.columns.length]
    if (column === undefined) return
    const [type, convert] = wider(column.type)
    if (type === null) return
    for (const row of this.#rows) {
      const value = row.values.get(column.id) ?? null
      row.values.set(column.id, value === null ? null : convert(value))
    }
    this.#alter(this.#source.columns.map((each) => (each === column ? { ...each, type } : each)))
  }

  /** A new snapshot. A keyed table is read in two chunks, `between` happening after the first. */
  snapshot(split: number, between: () => void): void {
    const boundary = this.#cut()
    const first = this.#chunk(boundary, (address) => !this.keyed || address < split % ADDRESSES)
    const files = [first]
    if (this.keyed) {
      between()
      files.push(this.#chunk(this.#cut(), (address) => address >= split % ADDRESSES))
    }
    this.#base = { files, boundary }
  }

  #chunk(position: Position, inside: (address: number) => boolean): ModelFile {
    const rows = this.#rows.filter((row) => inside(row.address)).map((row) => this.#lakeRow('r', position, row.values))
    return { part: 'base', schema: this.#schema, rows }
  }

  #alter(columns: readonly SourceColumn[]): void {
    this.flush()
    this.#source = { ...this.#source, columns }
    const { schema, resync } = evolve(this.#schema, this.#source, this.#cut())
    if (resync) throw new Error('this model makes no change that needs a new snapshot')
    if (schema !== this.#schema) this.#versions.push(schema)
    this.#schema = schema
  }

  #record(captured: boolean, changes: readonly (readonly [Op, ReadonlyMap<number, Value>])[]): void {
    const transaction = this.#transaction++
    if (!captured) return
    changes.forEach(([op, values], index) => {
      const position = `0001-${hex(transaction, 16)}-${hex(index + 1, 8)}` as Position
      const keyOnly = op === 'd' && this.#source.identity !== 'full'
      const carried = keyOnly ? new Map([...values].filter(([id]) => this.#source.key.includes(id))) : values
      this.#pending.push(this.#lakeRow(op, position, carried))
    })
  }

  #lakeRow(op: Op, position: Position, values: ReadonlyMap<number, Value>): LakeRow {
    const physical = this.#schema.columns
      .filter((column) => !column.dropped)
      .map((column) => [column.physical, values.get(column.id) ?? null] as const)
    const committedAt = op === 'r' ? null : 1_700_000_000_000_000n
    return { op, position, committedAt, unchanged: null, values: Object.fromEntries(physical) }
  }

  #cut(): Position {
    return `0001-${hex(this.#transaction++, 16)}-00000000` as Position
  }

  #key(key: number): Value {
    const type = this.#source.columns.find((column) => column.id === 1)?.type
    return type?.kind === 'int64' ? BigInt(key) : key
  }

  #value(column: SourceColumn, key: number, seed: number): Value {
    if (column.id === 1) return this.#key(key)
    if (seed % 5 === 0) return null
    switch (column.type.kind) {
      case 'int16':
      case 'int32':
        return (seed % 60_001) - 30_000
      case 'int64':
        return BigInt(seed) * 4_000_000_007n
      case 'decimal':
        return BigInt(seed % 1_000_000) - 500_000n
      case 'timestamp':
        return BigInt(seed) * 1_234_567n
      case 'bool':
        return seed % 2 === 0
      default:
        return `note ${seed % 7}`
    }
  }
}

function wider(type: LogicalType): readonly [LogicalType, (value: Value) => Value] | readonly [null, null] {
  switch (type.kind) {
    case 'int16':
      return [{ kind: 'int32' }, (value) => value]
    case 'int32':
      return [{ kind: 'int64' }, (value) => BigInt(value as number)]
    case 'decimal':
      if (type.precision > 30) return [null, null]
      return [{ kind: 'decimal', precision: type.precision + 5, scale: type.scale + 2 }, (value) => (value as bigint) * 100n]
    default:
      return [null, null]
  }
}

const hex = (number: number, digits: number): string => number.toString(16).toUpperCase().padStart(digits, '0')
