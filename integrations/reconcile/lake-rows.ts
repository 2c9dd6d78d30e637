/**
 * The rows that a table has in the lake at a cut, read from the files by the rules of ARCHITECTURE.md §5, and by nothing that serves
 * queries: the independent witness. First the changes' keys, to know the newest of each; then every file once, row by row.
 * Memory is bounded: many changed keys are taken in parts of the key space. I/O through the store.
 */
import { setImmediate as breath } from 'node:timers/promises'
import { METADATA_COLUMNS, type Position } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import type { FileEntry, TableState } from '../land/log/commit.ts'
import type { StoredValues } from '../read/parquet-chunk.ts'
import { type StoredColumn, type StoredGroup, storedGroups } from '../read/stored-groups.ts'
import { type CellWriter, constantCell, NULL_CELLS, storedCells } from './cells.ts'
import type { ComparedColumn, ComparedTable } from './compared-table.ts'
import { NewestChanges } from './newest-changes.ts'
import { comparePositions, positionWords, readPosition } from './position-words.ts'
import { KeyDigest, type RowSink, type SeenRows } from './row-sink.ts'

/** Changes whose keys are held at a time. */
const MAX_HELD_CHANGES = 2_000_000

/** Connections are served in between: they have deadlines. */
const BREATH_MASK = 0x1fff

const OP = { delete: 0x64, truncate: 0x74 } as const

/** A table as of a cut. */
export type LakeView = {
  readonly compared: ComparedTable
  readonly base: readonly FileEntry[]
  readonly changes: readonly FileEntry[]
  /** Changes at or below are in the base. */
  readonly boundary: Position
  /** Rows at or above are not there yet. */
  readonly until: Position
  /** Sizes of files that are not as large as the log says: what they hold is read all the same. */
  readonly sizes?: ReadonlyMap<string, number>
}

/** What is wrong with a file, found while reading it. */
export type FileProblem = { readonly file: string; readonly problem: string }

/** Null with its reason when the lake does not have the table as of the cut. */
export function lakeView(
  compared: ComparedTable,
  { base, versions }: Pick<TableState, 'base' | 'versions'>,
  changes: readonly FileEntry[],
  until: Position,
): { readonly view: LakeView } | { readonly reason: string } {
  if (base === null) return { reason: 'its first copy is under way' }
  const chosen = base.renewed !== undefined && base.renewed.boundary <= until ? base.renewed : base
  const { boundary, files } = chosen
  if (boundary > until || files.some(({ rows, maxPosition }) => rows > 0 && maxPosition > until))
    return { reason: 'it is being copied again' }
  const recent = changes.filter(({ minPosition, maxPosition }) => maxPosition > boundary && minPosition < until)
  // Files of a table of the same name that is gone: they stay until the new one was copied.
  const isFormer = ({ schemaVersion }: FileEntry) => (versions[schemaVersion]?.id ?? compared.schema.id) !== compared.schema.id
  if ([...files, ...recent].some(isFormer)) return { reason: 'the source has created it anew; it waits for its copy' }
  return { view: { compared, base: files.filter(({ rows }) => rows > 0), changes: recent, boundary, until } }
}

/** Rows of its files, whether or not they count. */
export function rowsIn({ base, changes }: Pick<LakeView, 'base' | 'changes'>): number {
  return [...base, ...changes].reduce((sum, { rows }) => sum + rows, 0)
}

export type LakeScan = {
  readonly store: ObjectStore
  readonly view: LakeView
  /** Rows changed at or after it are late (`SeenRows.isLate`). */
  readonly lateFrom?: Position
  /** The sink looks at no key: it is given any. */
  readonly keyless?: boolean
  /** A file that cannot be read is told and its rows are missing; without it the scan fails. */
  readonly onProblem: (problem: FileProblem) => void
  readonly onRows?: (rows: number) => void
}

/** Hands every row to the sink, the rows of a bag with their sign. */
export async function scanLake(scan: LakeScan, sink: RowSink, signal: AbortSignal): Promise<void> {
  const { view } = scan
  const { key, bag } = view.compared
  if (bag) return await new LakeReader(scan, null, null, signal).emit(sink, await newestTruncate(scan, signal))
  const changed = view.changes.reduce((rows, file) => rows + file.rows, 0)
  const parts = 2 ** Math.max(0, Math.ceil(Math.log2(changed / MAX_HELD_CHANGES)))
  for (let part = 0; part < parts; part++) {
    const newest = new NewestChanges()
    const slice = parts === 1 ? null : { part, parts }
    const reader = new LakeReader(scan, newest, slice, signal)
    const floor = await reader.collect(key)
    await reader.emit(sink, floor)
  }
}

type Slice = { readonly part: number; readonly parts: number }

/** The position of the newest truncate, or null. */
async function newestTruncate(scan: LakeScan, signal: AbortSignal): Promise<Uint32Array | null> {
  return await new LakeReader(scan, null, null, signal).collect([])
}

class LakeReader {
  readonly #scan: LakeScan
  readonly #newest: NewestChanges | null
  readonly #slice: Slice | null
  readonly #signal: AbortSignal
  readonly #boundary: Uint32Array
  readonly #until: Uint32Array
  readonly #late: Uint32Array | null
  readonly #position = new Uint32Array(4)
  /** Where `#position` was read. */
  #values: StoredValues | null = null
  #place = -1

  constructor(scan: LakeScan, newest: NewestChanges | null, slice: Slice | null, signal: AbortSignal) {
    this.#scan = scan
    this.#newest = newest
    this.#slice = slice
    this.#signal = signal
    this.#boundary = positionWords(scan.view.boundary)
    this.#until = positionWords(scan.view.until)
    this.#late = scan.lateFrom === undefined ? null : positionWords(scan.lateFrom)
  }

  /** Learns the newest change of each key; answers the newest truncate. */
  async collect(key: readonly number[]): Promise<Uint32Array | null> {
    const { changes, compared } = this.#scan.view
    const columns = key.flatMap((index) => compared.columns[index] ?? [])
    const keyDigest = new KeyDigest(columns.map((_, index) => index))
    let floor: Uint32Array | null = null
    for (const file of changes) {
      await this.#guarded(file, async () => {
        for await (const group of this.#groups(file, columns)) {
          const { ops, positions } = metadataOf(file, group)
          const cells = this.#cells(columns, group, ops, positions)
          for (let row = 0; row < group.rows; row++) {
            if ((row & BREATH_MASK) === BREATH_MASK) await breath()
            if (!this.#counts(positions, row, true)) continue
            if (opAt(ops, row) === OP.truncate) {
              if (floor === null || comparePositions(this.#position, 0, floor, 0) > 0) floor = this.#position.slice()
            } else if (this.#newest !== null) {
              const words = keyDigest.of(cells, row)
              if (this.#inSlice(words)) this.#newest.put(words, this.#position)
            }
          }
        }
      })
    }
    await this.#collectLateBase(columns)
    return floor
  }

  /** Chunks that were read after the first may hold what a change before them did; then the base row is the newest. */
  async #collectLateBase(key: readonly ComparedColumn[]): Promise<void> {
    const newest = this.#newest
    const { base, boundary } = this.#scan.view
    if (newest === null || newest.size === 0) return
    const keyDigest = new KeyDigest(key.map((_, index) => index))
    for (const file of base) {
      if (file.maxPosition <= boundary) continue
      await this.#guarded(file, async () => {
        for await (const group of this.#groups(file, key)) {
          const { ops, positions } = metadataOf(file, group)
          const cells = this.#cells(key, group, ops, positions)
          for (let row = 0; row < group.rows; row++) {
            if ((row & BREATH_MASK) === BREATH_MASK) await breath()
            this.#counts(positions, row, false)
            newest.raise(keyDigest.of(cells, row), this.#position)
          }
        }
      })
    }
  }

  async emit(sink: RowSink, floor: Uint32Array | null): Promise<void> {
    const { base, changes } = this.#scan.view
    for (const file of base) await this.#guarded(file, () => this.#emitFile(file, sink, floor))
    for (const file of changes) await this.#guarded(file, () => this.#emitFile(file, sink, floor))
  }

  async #emitFile(file: FileEntry, sink: RowSink, floor: Uint32Array | null): Promise<void> {
    const { columns, key, bag } = this.#scan.view.compared
    const isChange = file.part === 'changes'
    const keyDigest = new KeyDigest(key)
    const isKeyless = this.#scan.keyless === true && this.#slice === null && (bag || this.#newest?.size === 0)
    let read = 0
    let strays = 0
    const [lowest, highest] = [positionWords(file.minPosition), positionWords(file.maxPosition)]
    for await (const group of this.#groups(file, columns)) {
      const { ops, positions, unchanged } = metadataOf(file, group)
      const cells = this.#cells(columns, group, ops, positions)
      const seen: SeenRows = {
        cells,
        file: file.key,
        unchanged: (row) => textAt(unchanged, row),
        isLate: (row) => this.#isLate(positions, row),
      }
      for (let row = 0; row < group.rows; row++) {
        if ((row & BREATH_MASK) === BREATH_MASK) await breath()
        const counts = this.#counts(positions, row, isChange)
        if (comparePositions(this.#position, 0, lowest, 0) < 0 || comparePositions(this.#position, 0, highest, 0) > 0) strays++
        if (!counts || (floor !== null && comparePositions(this.#position, 0, floor, 0) < 0)) continue
        const op = opAt(ops, row)
        if (op === OP.truncate) continue
        const words = isKeyless ? keyDigest.words : keyDigest.of(cells, row)
        if (bag) {
          sink(seen, row, words, op === OP.delete ? -1 : 1)
          continue
        }
        if (op === OP.delete || !this.#inSlice(words)) continue
        const newest = this.#newest?.compare(words, this.#position) ?? null
        // A row without changes of its key stands; of the others, the newest.
        if (newest === null ? !isChange : newest === 0 || (!isChange && newest < 0)) sink(seen, row, words, 1)
      }
      read += group.rows
      this.#scan.onRows?.(group.rows)
    }
    if (read !== file.rows) this.#scan.onProblem({ file: file.key, problem: `holds ${read} rows; the log says ${file.rows}` })
    if (strays > 0)
      this.#scan.onProblem({ file: file.key, problem: `holds ${strays} rows outside the positions that the log says` })
  }

  #groups(file: FileEntry, columns: readonly ComparedColumn[]): AsyncGenerator<StoredGroup> {
    const wanted = [
      ...METADATA_COLUMNS.filter((name) => name !== '_source_committed_at'),
      ...columns.map(({ physical }) => physical),
    ]
    const { store, view } = this.#scan
    const size = view.sizes?.get(file.key)
    return storedGroups(store, size === undefined ? file : { ...file, size }, wanted, this.#signal)
  }

  #cells(
    columns: readonly ComparedColumn[],
    group: StoredGroup,
    ops: StoredColumn,
    positions: StoredColumn,
  ): readonly CellWriter[] {
    const { schema } = this.#scan.view.compared
    const sparseDeletes = schema.key.length > 0 && schema.identity !== 'full'
    return columns.map(({ physical, type, initial }) => {
      const column = group.column(physical)
      const stored = column === null ? NULL_CELLS : storedCells(type, column)
      if (initial === undefined) return stored
      const before = positionWords(initial.before)
      const added = constantCell(initial.text, type)
      const at = new Uint32Array(4)
      return (row, out) => {
        positionAt(positions, row, at)
        const older = comparePositions(at, 0, before, 0) < 0
        const op = older ? opAt(ops, row) : 0
        if (older && op !== OP.truncate && !(sparseDeletes && op === OP.delete)) added(row, out)
        else stored(row, out)
      }
    })
  }

  /** Reads the row's position into place; true when the row is part of the table at the cut. */
  #counts(positions: StoredColumn, row: number, isChange: boolean): boolean {
    const at = positions.chunk.seek(row)
    // The rows of a chunk share one position.
    if (at !== this.#place || positions.chunk.values !== this.#values) {
      positionAt(positions, row, this.#position)
      this.#place = at
      this.#values = positions.chunk.values
    }
    if (!isChange) return true
    return comparePositions(this.#position, 0, this.#boundary, 0) > 0 && comparePositions(this.#position, 0, this.#until, 0) < 0
  }

  #isLate(positions: StoredColumn, row: number): boolean {
    if (this.#late === null) return false
    const words = new Uint32Array(4)
    positionAt(positions, row, words)
    return comparePositions(words, 0, this.#late, 0) >= 0
  }

  #inSlice(words: Int32Array): boolean {
    return this.#slice === null || ((words[3] as number) & (this.#slice.parts - 1)) === this.#slice.part
  }

  /** What is wrong with a file is a finding; what is wrong with the way to it is an error. */
  async #guarded(file: FileEntry, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#signal.throwIfAborted()
      if (!(error instanceof ConnectorError) || !['CORRUPT', 'FORMAT', 'NOT_FOUND'].includes(error.code)) throw error
      this.#scan.onProblem({ file: file.key, problem: 'cannot be read: it is missing or damaged' })
    }
  }
}

type Metadata = { readonly ops: StoredColumn; readonly positions: StoredColumn; readonly unchanged: StoredColumn | null }

function metadataOf(file: FileEntry, group: StoredGroup): Metadata {
  const [ops, positions] = [group.column('_op'), group.column('_position')]
  if (ops === null || positions === null) throw new ConnectorError('FORMAT', `File "${file.key}" lacks "_op" or "_position"`)
  return { ops, positions, unchanged: group.column('_unchanged') }
}

function opAt({ chunk }: StoredColumn, row: number): number {
  const at = chunk.seek(row)
  return at < 0 ? 0 : (chunk.values.bytes[chunk.values.starts[at] as number] as number)
}

function positionAt({ chunk }: StoredColumn, row: number, target: Uint32Array): void {
  const at = chunk.seek(row)
  if (at < 0) throw new ConnectorError('FORMAT', 'A row has no "_position"')
  readPosition(chunk.values.bytes, chunk.values.starts[at] as number, chunk.values.ends[at] as number, target)
}

function textAt(column: StoredColumn | null, row: number): string | null {
  const at = column?.chunk.seek(row) ?? -1
  if (column === null || at < 0) return null
  const { bytes, starts, ends } = column.chunk.values
  return Buffer.from(bytes.subarray(starts[at], ends[at])).toString('utf8')
}
