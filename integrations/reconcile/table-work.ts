/**
 * One table on its way through the comparison, a step per moment: one checksum of everything, or one per bucket; fingerprints of what
 * differs; the rows themselves, at one more moment. Only a row that differs at two moments, and did not change in between, is reported: the lake may
 * hold a large value that was read again later than the change it belongs to.
 */
import type { Position, SourceTable, TableName } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { Dialect, HeldSnapshot, ObjectStore, Source } from '../../connectors/ports.ts'
import type { LogState } from '../land/log/commit.ts'
import type { LakePlace } from '../land/log/keys.ts'
import { bothOf } from './both-of.ts'
import { type BucketSums, bucketName, differingBuckets, digitsFor, firstBuckets, totalRows } from './bucket-sums.ts'
import { type ComparedTable, comparedTable } from './compared-table.ts'
import { differenceOf, differingKeys, type RowDifference, renamedPerhaps } from './drill-down.ts'
import { engineLists, type LakeSums } from './engine-sums.ts'
import { checkBytes, checkFiles, filesOf } from './file-check.ts'
import { type FileProblem, type LakeView, lakeView, rowsIn, scanLake } from './lake-rows.ts'
import { collectRows, EVERY_KEY, inBuckets, inKeys, type KeyTest, printRows, type SideSums, sumRows } from './sinks.ts'
import { type SourceScan, scanSource, sourceChecksums } from './source-rows.ts'

/** A position at which everything can be compared. */
export type Moment = {
  readonly snapshot: HeldSnapshot
  /** The snapshot's cut in the epoch of the log. */
  readonly cut: Position
  readonly state: LogState
  readonly tables: ReadonlyMap<TableName, SourceTable>
}

export type WorkOptions = {
  readonly store: ObjectStore
  readonly lake: LakePlace
  readonly source: Source
  readonly readers: number
  readonly deep: boolean
  /** Part of the keys that is compared, 0 < sample ≤ 1. */
  readonly sample: number
  /** Of the warehouses that are compared afterwards. */
  readonly engines: ReadonlySet<Dialect['name']>
  readonly onRows: (side: 'source' | 'lake', rows: number) => void
}

/** Larger tables are compared as a whole first: where a row belongs is asked only when they differ. It costs each side a digest per row. */
const MIN_WHOLE_ROWS = 20_000
/** Keys whose fingerprints are held, and keys whose rows are. */
const MAX_PRINTS = 200_000
const MAX_ROWS = 1_000
/** Longer lists cost a server more than the rows that they spare. */
const MAX_PREFIXES = 4_096
const MAX_CONFIRMATIONS = 6
const MAX_RETRIES = 8
const MAX_RESTARTS = 4

type Phase =
  /** `buckets`: the table as a whole differed a moment ago. */
  | { readonly kind: 'sums'; readonly buckets: boolean }
  | { readonly kind: 'prints'; readonly buckets: readonly string[]; readonly rest: readonly string[] }
  | {
      readonly kind: 'rows'
      readonly keys: readonly string[]
      /** Differing buckets that nobody has looked into. */
      readonly rest: readonly string[]
      readonly since: Position
      readonly round: number
    }
  | { readonly kind: 'done' }

export class TableWork {
  readonly table: TableName
  readonly #options: WorkOptions
  #phase: Phase = { kind: 'sums', buckets: false }
  #retries = 0
  #restarts = 0
  #problems = new Map<string, FileProblem>()
  #sizes: ReadonlyMap<string, number> = new Map()
  #confirmed: RowDifference[] = []
  #more = 0
  #bucketRows: (bucket: string) => number = () => 0
  moving = 0
  skipped: string | null = null
  position: Position | null = null
  commit: number | null = null
  sourceRows: bigint | null = null
  lakeRows: bigint | null = null
  filesChecked = 0
  comparedColumns = 0
  notes: readonly string[] = []
  /** Set when the checksums have been taken, for the warehouses. */
  lakeSums: LakeSums | null = null

  constructor(table: TableName, options: WorkOptions) {
    this.table = table
    this.#options = options
  }

  get done(): boolean {
    return this.#phase.kind === 'done'
  }

  /** Compares it anew at a later moment; false when that has been tried often enough. */
  restart(): boolean {
    if (this.#phase.kind !== 'done' || this.#restarts === MAX_RESTARTS || this.#confirmed.length > 0) return false
    this.#restarts++
    this.#phase = { kind: 'sums', buckets: false }
    this.lakeSums = null
    return true
  }

  /** How often a moment had to be left unused. */
  get retries(): number {
    return this.#retries + this.#restarts
  }

  get differences(): { readonly rows: readonly RowDifference[]; readonly more: number } {
    return { rows: this.#confirmed, more: this.#more }
  }

  get files(): readonly FileProblem[] {
    return [...this.#problems.values()]
  }

  /** Takes the next step at this moment. What only needs another moment is no error. */
  async step(moment: Moment, signal: AbortSignal): Promise<void> {
    try {
      const ready = this.#ready(moment)
      if ('reason' in ready) {
        this.#again(ready.reason)
        return
      }
      switch (this.#phase.kind) {
        case 'sums':
          await this.#sum(moment, ready, this.#phase, signal)
          return
        case 'prints':
          await this.#print(moment, ready, this.#phase, signal)
          return
        case 'rows':
          await this.#confirm(moment, ready, this.#phase, signal)
          return
        case 'done':
          return
        default:
          this.#phase satisfies never
      }
    } catch (error) {
      if (!(error instanceof ConnectorError) || (error.code !== 'TABLE_REWRITTEN' && error.code !== 'SNAPSHOT_GONE')) throw error
      this.#again('it is being rewritten in the source')
    }
  }

  #again(reason: string): void {
    this.#retries++
    if (this.#retries < MAX_RETRIES) return
    this.skipped = reason
    this.#phase = { kind: 'done' }
  }

  #ready({ state, tables, cut }: Moment): Ready | { readonly reason: string } {
    const [source, landed] = [tables.get(this.table), state.tables[this.table]]
    if (source === undefined && landed?.gone !== undefined && landed.gone !== null) this.#retries = MAX_RETRIES
    if (source === undefined) return { reason: 'the source no longer has it' }
    if (landed === undefined) return { reason: 'the lake does not have it yet' }
    const comparable = comparedTable(source, landed.schema)
    if ('reason' in comparable) return comparable
    const { compared } = comparable
    const viewed = lakeView(compared, landed, landed.changes, cut)
    if ('reason' in viewed) return viewed
    const indexes = compared.columns.flatMap(({ masked }, index) => (masked && !this.#options.deep ? [] : [index]))
    return { compared, view: this.#sized(viewed.view), indexes }
  }

  #sized(view: LakeView): LakeView {
    return this.#sizes.size === 0 ? view : { ...view, sizes: this.#sizes }
  }

  async #sum(
    moment: Moment,
    { compared, view: asLogged, indexes }: Ready,
    { buckets: inBucketsNow }: Extract<Phase, { kind: 'sums' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, lake, deep, onRows } = this.#options
    const files = filesOf(moment.state.tables[this.table] ?? { base: null, changes: [] })
    const { problems, sizes } = await checkFiles(store, lake, this.table, files, signal)
    for (const problem of problems) this.#tell(problem)
    this.#sizes = sizes
    const view = this.#sized(asLogged)
    if (deep) for (const problem of await checkBytes(store, files, () => {}, signal)) this.#tell(problem)
    const rows = rowsIn(view)
    const fine = inBucketsNow || rows < MIN_WHOLE_ROWS ? digitsFor(rows) : 0
    const { digits, prefixes } = sampled(this.#options.sample, fine)
    const wanted = prefixes === null ? EVERY_KEY : inBuckets(prefixes)
    const engines = engineLists(view, indexes, this.#options.engines)
    const summed = sumRows(compared, { lists: engines.lists, ranged: engines.ranged, digits, wanted })
    const [source] = await bothOf(
      (stop) => this.#sourceSums(moment, { compared, view, indexes }, { digits, prefixes, wanted }, stop),
      (stop) =>
        scanLake(
          {
            store,
            view,
            keyless: digits === 0,
            onProblem: (problem) => this.#tell(problem),
            onRows: (n) => onRows('lake', n),
          },
          summed.sink,
          stop,
        ),
      signal,
    )
    const found = summed.result()
    const [lakeSums = new Map()] = found.sums
    this.sourceRows = totalRows(source)
    this.lakeRows = totalRows(lakeSums)
    this.position = moment.cut
    this.commit = moment.state.number
    this.filesChecked = files.length
    this.comparedColumns = indexes.length
    const masked = compared.columns.filter((column) => column.masked && !deep).map(({ name }) => name)
    this.notes = [...compared.notes, ...(masked.length === 0 ? [] : [`masked, compared with --deep only: ${masked.join(', ')}`])]
    const buckets = differingBuckets(source, lakeSums)
    if (digits === 0 && buckets.length > 0) {
      this.#phase = { kind: 'sums', buckets: true }
      return
    }
    const taken = engines.take(found, { commit: moment.state.number, digits, prefixes })
    // Rows of a bag that an engine sees without its floats lie in other buckets than those that were read.
    const apart = prefixes !== null && taken.ranged !== null && taken.ranged.compared !== compared
    if (apart) this.notes = [...this.notes, 'a bag with floats: warehouses are not compared by sample']
    this.lakeSums = apart ? null : taken
    this.#bucketRows = (bucket) => Number(maxOf(source.get(bucket)?.rows, lakeSums.get(bucket)?.rows))
    this.#lookInto(buckets)
  }

  /** As many buckets as can be held, and more when nothing is found in them. */
  #lookInto(differing: readonly string[]): void {
    const { buckets, rest } = firstBuckets(differing, this.#bucketRows)
    this.#phase = buckets.length === 0 ? { kind: 'done' } : { kind: 'prints', buckets, rest }
  }

  async #sourceSums(
    moment: Moment,
    { compared, indexes }: Ready,
    {
      digits,
      prefixes,
      wanted,
    }: { readonly digits: number; readonly prefixes: readonly string[] | null; readonly wanted: KeyTest },
    signal: AbortSignal,
  ): Promise<BucketSums> {
    const scan = await this.#sourceScan(moment, compared, prefixes, signal)
    const own = this.#options.deep ? null : await sourceChecksums(scan, { indexes, digits }, signal)
    if (own !== null) return own
    const summed = sumRows(compared, { lists: [{ indexes }], digits, wanted })
    await scanSource({ ...scan, keyless: digits === 0 }, summed.sink, signal)
    return (summed.result() satisfies SideSums).sums[0] ?? new Map()
  }

  async #sourceScan(
    { snapshot }: Moment,
    compared: ComparedTable,
    prefixes: readonly string[] | null,
    signal: AbortSignal,
  ): Promise<SourceScan> {
    const { source, readers, onRows } = this.#options
    const chunks = await source.planChunks(compared.source, signal)
    const only = prefixes === null ? {} : { prefixes }
    return { source, snapshot, compared, chunks, readers, ...only, onRows: (rows) => onRows('source', rows) }
  }

  /** Which keys differ now, in the buckets that differed a moment ago. */
  async #print(
    moment: Moment,
    { compared, view, indexes }: Ready,
    { buckets, rest }: Extract<Phase, { kind: 'prints' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { store } = this.#options
    const wanted = inBuckets(buckets)
    const options = { wanted, limit: MAX_PRINTS }
    const [expected, found] = [printRows(indexes, options), printRows(indexes, options)]
    const scan = await this.#sourceScan(moment, compared, buckets.length > MAX_PREFIXES ? null : buckets, signal)
    await bothOf(
      (stop) => scanSource(scan, expected.sink, stop),
      (stop) => scanLake({ store, view, onProblem: (problem) => this.#tell(problem) }, found.sink, stop),
      signal,
    )
    const differing = differingKeys(expected.prints, found.prints)
    const keys = differing.slice(0, MAX_ROWS)
    this.#more = Math.max(0, differing.length - keys.length)
    if (keys.length === 0) this.#lookInto(rest)
    else this.#phase = { kind: 'rows', keys, rest, since: moment.cut, round: 1 }
  }

  /** Looks again at the keys that differed; at those only. */
  async #confirm(
    moment: Moment,
    { compared, view, indexes }: Ready,
    { keys, rest, since, round }: Extract<Phase, { kind: 'rows' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { store } = this.#options
    const wanted = inKeys(new Set(keys))
    const looked = { ...compared, columns: compared.columns }
    const [expected, found] = [collectRows(looked, wanted), collectRows(looked, wanted)]
    const scan = await this.#sourceScan(moment, compared, keys, signal)
    await bothOf(
      (stop) => scanSource(scan, expected.sink, stop),
      (stop) => scanLake({ store, view, lateFrom: since, onProblem: (problem) => this.#tell(problem) }, found.sink, stop),
      signal,
    )
    const pending: string[] = []
    for (const key of keys) {
      const rows = found.rows.get(key) ?? []
      const difference = differenceOf(compared, indexes, expected.rows.get(key) ?? [], rows)
      if (difference === null) continue
      if (difference.kind === 'value' && rows.some(({ late }) => late)) pending.push(key)
      else this.#confirmed.push(difference)
    }
    if (pending.length > 0 && round < MAX_CONFIRMATIONS) {
      this.#phase = { kind: 'rows', keys: pending, rest, since: moment.cut, round: round + 1 }
      return
    }
    this.moving += pending.length
    if (this.#confirmed.length === 0) {
      this.#more = 0
      this.#lookInto(rest)
      return
    }
    const names = renamedPerhaps(compared, this.#confirmed)
    if (names.length > 0) {
      const table = /^[\w.]+$/.test(this.table) ? this.table : `'${this.table}'`
      const resync = `"portage resync ${this.#options.lake.integration} ${table}"`
      const why = `labels of an enum and attributes of a type are renamed without an event, so that older rows keep the old names`
      this.notes = [...this.notes, `${names.join(', ')}: ${why}. ${resync} takes those of today`]
    }
    await this.#judgeFiles(moment, signal)
    this.#more += rest.length
    this.#phase = { kind: 'done' }
  }

  /** Are the bytes of the files that hold wrong rows those that were written? */
  async #judgeFiles({ state }: Moment, signal: AbortSignal): Promise<void> {
    const named = new Set(this.#confirmed.flatMap(({ files }) => files))
    const files = filesOf(state.tables[this.table] ?? { base: null, changes: [] }).filter(({ key }) => named.has(key))
    for (const problem of await checkBytes(this.#options.store, files, () => {}, signal)) this.#tell(problem)
  }

  #tell(problem: FileProblem): void {
    if (!this.#problems.has(problem.file)) this.#problems.set(problem.file, problem)
  }
}

type Ready = {
  readonly compared: ComparedTable
  readonly view: LakeView
  /** Columns that are compared between source and lake. */
  readonly indexes: readonly number[]
}

const maxOf = (a = 0n, b = 0n): bigint => (a > b ? a : b)

/** Whole buckets, the first ones: hashes have no favourites. */
function sampled(sample: number, digits: number): { readonly digits: number; readonly prefixes: readonly string[] | null } {
  if (sample >= 1) return { digits, prefixes: null }
  const fine = Math.max(2, digits)
  const count = Math.max(1, Math.round(sample * 16 ** fine))
  return { digits: fine, prefixes: Array.from({ length: count }, (_, bucket) => bucketName(bucket, fine)) }
}
