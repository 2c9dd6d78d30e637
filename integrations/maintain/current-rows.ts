/**
 * Which rows of a table's files are its current rows (ARCHITECTURE §5), decided from keys and positions alone: only those
 * columns are read. Memory: one bit per row and a bounded table of keys; more keys mean more passes over them.
 */
import type { Position, TableSchema } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { FileEntry } from '../land/log/commit.ts'
import type { ColumnBatch } from '../read/columns/column-batches.ts'
import type { ColumnVector } from '../read/columns/column-vector.ts'
import { hashOf, KeyTable, KeyTableFullSignal, MAX_KEYS } from './key-table.ts'
import { orderedRows, type RowRun } from './ordered-rows.ts'
import { comparePosition, firstAbove, positionBytes } from './position-bytes.ts'
import { identifying, keyPlaces, opAt, RowKey } from './row-key.ts'
import { POSITION } from './table-columns.ts'

export type CurrentRowsRequest = {
  readonly schema: TableSchema
  readonly base: readonly FileEntry[]
  readonly boundary: Position
  /** True when base rows were read at several cuts: a key may stand in it twice, and changes may be older than it. */
  readonly layered: boolean
  /** Change files that reach above the boundary, in any order. */
  readonly changes: readonly FileEntry[]
  /** Changes above this cut do not count. */
  readonly through: Position
  /** Reads the metadata columns and these of a file, in this order; without `metadata` those are null and need not be read. */
  readonly open: (file: FileEntry, columns: readonly string[], metadata: boolean) => AsyncGenerator<ColumnBatch>
  /** Default: `MAX_KEYS`. */
  readonly maxKeys?: number
}

/** `keep`: a bitmap of the file's rows. */
export type SelectedFile = { readonly file: FileEntry; readonly keep: Uint8Array; readonly kept: number }

const [DELETE, TRUNCATE] = ['d', 't'].map((op) => op.charCodeAt(0)) as [number, number]

/** Deletes that no row matches: the history says something else than the rules assume, and a new base would differ. */
export class UnbalancedBagSignal extends Error {}

/** Base files first, then changes, each in the order of its lowest position. Throws `CORRUPT`, `UnbalancedBagSignal` for bags. */
export async function currentRows(request: CurrentRowsRequest): Promise<readonly SelectedFile[]> {
  const hashed = [...(request.layered ? request.base : []), ...request.changes]
  const rows = hashed.reduce((sum, file) => sum + file.rows, 0)
  for (let passes = Math.max(1, Math.ceil(rows / (request.maxKeys ?? MAX_KEYS))); ; passes *= 2) {
    const choice = new Choice(request)
    try {
      for (let pass = 0; pass < passes; pass++) await choice.decide({ pass, passes })
      return choice.selected()
    } catch (error) {
      if (!(error instanceof KeyTableFullSignal)) throw error
      if (passes > 65_536)
        throw new ConnectorError('UNSUPPORTED', `Keys of "${request.schema.table}" are too long to be compared`)
    }
  }
}

type Part = { readonly pass: number; readonly passes: number }

class Choice {
  readonly #request: CurrentRowsRequest
  readonly #names: readonly string[]
  readonly #key: RowKey
  readonly #files: readonly FileEntry[]
  readonly #keep: readonly Uint8Array[]
  readonly #baseFiles: number
  readonly #table = new KeyTable()
  /** Position of the newest truncate that counts. */
  #floor: Uint8Array | null = null

  constructor(request: CurrentRowsRequest) {
    this.#request = request
    this.#names = identifying(request.schema)
    this.#key = new RowKey(request.schema, keyPlaces(this.#names))
    const ordered = (files: readonly FileEntry[]) => files.toSorted((a, b) => (a.minPosition < b.minPosition ? -1 : 1))
    this.#files = [...(request.layered ? ordered(request.base) : request.base), ...ordered(request.changes)]
    this.#baseFiles = request.base.length
    this.#keep = this.#files.map(({ rows }) => new Uint8Array((rows + 7) >> 3))
  }

  selected(): readonly SelectedFile[] {
    return this.#files.map((file, index) => {
      const keep = this.#keep[index] as Uint8Array
      let kept = 0
      for (const byte of keep) for (let rest = byte; rest > 0; rest >>= 1) kept += rest & 1
      return { file, keep, kept }
    })
  }

  async decide(part: Part): Promise<void> {
    this.#table.clear()
    this.#floor = null
    await (this.#request.schema.key.length > 0 ? this.#decideKeyed(part) : this.#decideBag(part))
  }

  /** The newest position of a key wins. Whatever comes later in the order simply takes the place of what was there. */
  async #decideKeyed(part: Part): Promise<void> {
    const from = this.#request.layered ? 0 : this.#baseFiles
    for await (const run of this.#ordered(from)) {
      for (let row = run.from; row < run.to; row++) {
        const op = opAt(run.batch.columns, row)
        if (op === TRUNCATE) this.#truncate(run.batch, row)
        else this.#take(run, row, op === DELETE, part)
      }
    }
    if (this.#request.layered) return
    const untouched = this.#table.count === 0
    for (let file = 0; file < this.#baseFiles; file++) {
      if (this.#floor !== null) this.#mark(file, false)
      else if (part.pass === 0) this.#mark(file, true)
      if (this.#floor === null && !untouched) await this.#dropOvertaken(file, part)
    }
  }

  #take(run: RowRun, row: number, isDelete: boolean, part: Part): void {
    const length = this.#key.write(run.batch, row)
    const hash = hashOf(this.#key.bytes, length)
    if (part.passes > 1 && partOf(hash, part.passes) !== part.pass) return
    const { entry, isNew } = this.#table.add(this.#key.bytes, length, hash)
    if (!isNew) this.#set(this.#table.file(entry), this.#table.row(entry), false)
    const [file, number] = [run.file, run.first + row]
    this.#table.set(entry, file, number)
    if (!isDelete) this.#set(file, number, true)
  }

  /** Base rows whose key has a later change. */
  async #dropOvertaken(file: number, part: Part): Promise<void> {
    let first = 0
    for await (const batch of this.#open(file, this.#key.looksAtMetadata)) {
      for (let row = 0; row < batch.rows; row++) {
        const length = this.#key.write(batch, row)
        const hash = hashOf(this.#key.bytes, length)
        if (part.passes > 1 && partOf(hash, part.passes) !== part.pass) continue
        if (this.#table.find(this.#key.bytes, length, hash) >= 0) this.#set(file, first + row, false)
      }
      first += batch.rows
    }
  }

  /** Rows that were added minus equal rows that were deleted; of equal ones those with the lowest positions go. */
  async #decideBag(part: Part): Promise<void> {
    let left = 0
    for await (const run of this.#ordered(this.#baseFiles)) {
      for (let row = run.from; row < run.to; row++) {
        const op = opAt(run.batch.columns, row)
        if (op === TRUNCATE) {
          this.#truncate(run.batch, row)
          left = 0
        } else if (op === DELETE) left += this.#countDelete(run.batch, row, part)
      }
    }
    const floor = this.#floor
    for (let file = 0; file < this.#baseFiles; file++) {
      if (floor !== null && !this.#request.layered) this.#mark(file, false)
      else if (part.pass === 0) this.#mark(file, true)
      if ((floor !== null && !this.#request.layered) || (left === 0 && floor === null)) continue
      let first = 0
      for await (const batch of this.#open(file)) {
        for (let row = 0; row < batch.rows; row++) {
          if (isBelow(batch, row, floor)) this.#set(file, first + row, false)
          else left -= this.#isTaken(batch, row, file, first + row, part)
        }
        first += batch.rows
      }
    }
    for await (const run of this.#ordered(this.#baseFiles)) {
      for (let row = run.from; row < run.to; row++) {
        const op = opAt(run.batch.columns, row)
        if (op === TRUNCATE || op === DELETE || isBelow(run.batch, row, floor)) continue
        if (part.pass === 0) this.#set(run.file, run.first + row, true)
        left -= this.#isTaken(run.batch, row, run.file, run.first + row, part)
      }
    }
    if (left !== 0) throw new UnbalancedBagSignal()
  }

  /** 1 when the delete belongs to this part of the keys. The entry's number counts the deletes of a value. */
  #countDelete(batch: ColumnBatch, row: number, { pass, passes }: Part): number {
    const length = this.#key.write(batch, row)
    const hash = hashOf(this.#key.bytes, length)
    if (passes > 1 && partOf(hash, passes) !== pass) return 0
    const { entry, isNew } = this.#table.add(this.#key.bytes, length, hash)
    this.#table.set(entry, 0, isNew ? 1 : this.#table.row(entry) + 1)
    return 1
  }

  /** 1 when a delete takes this row away. */
  #isTaken(batch: ColumnBatch, row: number, file: number, number: number, { pass, passes }: Part): number {
    if (this.#table.count === 0) return 0
    const length = this.#key.write(batch, row)
    const hash = hashOf(this.#key.bytes, length)
    if (passes > 1 && partOf(hash, passes) !== pass) return 0
    const entry = this.#table.find(this.#key.bytes, length, hash)
    if (entry < 0 || this.#table.row(entry) === 0) return 0
    this.#table.set(entry, 0, this.#table.row(entry) - 1)
    this.#set(file, number, false)
    return 1
  }

  /** Everything before it is void. */
  #truncate(batch: ColumnBatch, row: number): void {
    if (this.#request.schema.key.length > 0) {
      for (let entry = 0; entry < this.#table.count; entry++) {
        this.#set(this.#table.file(entry), this.#table.row(entry), false)
      }
    }
    this.#table.clear()
    const positions = batch.columns[POSITION] as ColumnVector
    this.#floor = positions.bytes.slice(positions.offsets[row] as number, positions.offsets[row + 1] as number)
  }

  /** Rows of the files from number `from` on that lie between boundary and cut, in position order. */
  async *#ordered(from: number): AsyncGenerator<RowRun> {
    const { boundary, through } = this.#request
    const [low, high] = [positionBytes(boundary), positionBytes(through)]
    const files = this.#files.slice(from)
    const number = new Map(files.map((file, index) => [file, from + index]))
    const strict = from >= this.#baseFiles
    for await (const run of orderedRows(files, (file) => this.#open(number.get(file) as number), { strict })) {
      const file = from + run.file
      const positions = run.batch.columns[POSITION] as ColumnVector
      const isChange = file >= this.#baseFiles
      const first = isChange ? firstAbove(positions, run.from, run.to, low) : run.from
      const end = isChange ? firstAbove(positions, first, run.to, high) : run.to
      if (end > first) yield { ...run, file, from: first, to: end }
      if (isChange && end < run.to) return
    }
  }

  #open(file: number, metadata = true): AsyncGenerator<ColumnBatch> {
    return this.#request.open(this.#files[file] as FileEntry, this.#names, metadata)
  }

  #mark(file: number, keep: boolean): void {
    const bits = this.#keep[file] as Uint8Array
    const { rows } = this.#files[file] as FileEntry
    bits.fill(keep ? 0xff : 0)
    if (keep && (rows & 7) !== 0) bits[bits.length - 1] = (1 << (rows & 7)) - 1
  }

  #set(file: number, row: number, keep: boolean): void {
    const bits = this.#keep[file] as Uint8Array
    const index = row >> 3
    const bit = 1 << (row & 7)
    bits[index] = keep ? (bits[index] as number) | bit : (bits[index] as number) & ~bit
  }
}

const isBelow = ({ columns }: ColumnBatch, row: number, floor: Uint8Array | null): boolean =>
  floor !== null && comparePosition(columns[POSITION] as ColumnVector, row, floor) < 0

/** Which pass a key belongs to; from other bits of the hash than those that choose its slot. */
const partOf = (hash: number, passes: number): number => (Math.imul(hash, 0x9e3779b1) >>> 0) % passes
