/** ORC files to record batches, ours or anyone's, over ranged reads. */
import { type Data, type Field, RecordBatch, Schema, type Struct } from 'apache-arrow'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { TimestampMode } from './column-reader.ts'
import { damaged } from './damaged.ts'
import { type FileTail, type ReadRange, readTail, refusal } from './file-tail.ts'
import type { RowIndexEntry } from './messages.ts'
import { mayMatch, type Predicate, type StatisticsRules } from './predicate.ts'
import { flatten, type OrcType } from './schema.ts'
import {
  decodeStatistics,
  groupPositions,
  openStripe,
  readRowIndexes,
  readStreams,
  type Stripe,
  stripeReaders,
} from './stripe-reader.ts'

export type { ReadRange } from './file-tail.ts'
export type { Literal, Predicate } from './predicate.ts'

export type OrcReadOptions = {
  /** Names of top-level columns, in file order whatever order is asked for. Default: all. */
  readonly columns?: readonly string[]
  /**
   * Skips stripes and row groups whose statistics exclude a match. What is read may still hold rows that do not match.
   */
  readonly where?: Predicate
  /** Rows per batch at most; fewer where rows are large. Default: 8,192. */
  readonly batchRows?: number
  /**
   * `micros` (default) and `nanos` are Arrow timestamps, and a value that does not fit is `BAD_VALUE`; `text` is ISO-8601
   * with the full fraction.
   */
  readonly timestamps?: TimestampMode
  /**
   * A timestamp is a clock on the writer's wall (default, ORC's and Hive's meaning); or the instant at which that clock
   * showed it (Spark's): the writer's zone is taken off. Of files written in UTC both are the same.
   */
  readonly clock?: 'wall' | 'instant'
  readonly signal?: AbortSignal
}

export type OrcFile = {
  readonly rows: number
  readonly stripes: number
  /** Arrow schema of all columns, with timestamps in microseconds. Every column is nullable. */
  readonly schema: Schema
  /** Key-value metadata of the file. */
  readonly metadata: ReadonlyMap<string, Uint8Array>
  /** Null for a file of 0 bytes. */
  readonly tail: FileTail | null
  /**
   * The file's rows in order. I/O: per stripe one request for its footer, one for row indexes when there is a predicate,
   * then only the streams of the columns asked for. Memory: those streams compressed, and one batch.
   *
   * Throws `UNSUPPORTED` for files of full-ACID tables and with encrypted columns, `FORMAT` for damaged files: each batch
   * is bounded in time and memory whatever the bytes say.
   */
  read(options?: OrcReadOptions): AsyncGenerator<RecordBatch>
}

const BATCH_ROWS = 8_192

/** Reads the tail: one request, two when it is large. Throws `FORMAT` when the file is not ORC or is damaged. */
export async function openOrc(readRange: ReadRange, size: number): Promise<OrcFile> {
  const tail = await readTail(readRange, size)
  return {
    rows: tail?.rows ?? 0,
    stripes: tail?.stripes.length ?? 0,
    schema: tail === null ? new Schema([]) : schemaOf(tail, 'micros', allColumns(tail.root)),
    metadata: new Map((tail?.footer.metadata ?? []).map(({ name, value }) => [name ?? '', value ?? new Uint8Array(0)])),
    tail,
    read: (options = {}) => readRows(readRange, tail, options),
  }
}

const allColumns = (root: OrcType): ReadonlySet<number> => new Set(flatten(root).map(({ id }) => id))

/** The Arrow schema that readers of a stripe produce: built by readers of an empty one. */
function schemaOf(tail: FileTail, timestamps: TimestampMode, columns: ReadonlySet<number>): Schema {
  const empty: Stripe = {
    place: { offset: 0, indexLength: 0, dataLength: 0, footerLength: 0, rows: 0 },
    footer: { streams: [], columns: [], encryption: [] },
    streams: [],
  }
  const reader = stripeReaders(tail, empty, columns, () => null, timestamps)
  return new Schema((reader.arrow as Struct).children as Field[])
}

function selectedColumns(root: OrcType, names: readonly string[] | undefined): ReadonlySet<number> {
  if (names === undefined) return allColumns(root)
  const selected = new Set([0])
  for (const name of names) {
    const column = root.children[root.fieldNames.indexOf(name)]
    if (column === undefined) {
      throw new ConnectorError(
        'CONFIGURATION',
        `Column "${name}" is not in the file; it has ${root.fieldNames.slice(0, 20).join(', ')}`,
      )
    }
    for (const { id } of flatten(column)) selected.add(id)
  }
  return selected
}

async function* readRows(readRange: ReadRange, tail: FileTail | null, options: OrcReadOptions): AsyncGenerator<RecordBatch> {
  if (tail === null) return
  const refused = refusal(tail)
  if (refused !== null) throw refused
  const columns = selectedColumns(tail.root, options.columns)
  const schema = schemaOf(tail, options.timestamps ?? 'micros', columns)
  const rules: StatisticsRules = {
    hybrid: tail.hybrid,
    javaVersion: (tail.footer.writer ?? 0) === 0 ? (tail.postScript.writerVersion ?? 0) : null,
  }
  const { where } = options
  if (where !== undefined && !mayMatch(where, tail.root, (column) => decodeStatistics(tail.footer.statistics[column.id]), rules))
    return
  for (const [index, place] of tail.stripes.entries()) {
    options.signal?.throwIfAborted()
    if (place.rows === 0) continue
    const statistics = tail.stripeStatistics[index] ?? []
    if (where !== undefined && !mayMatch(where, tail.root, (column) => decodeStatistics(statistics[column.id]), rules)) continue
    const stripe = await openStripe(readRange, tail, index)
    const stride = tail.footer.rowIndexStride ?? 0
    const skipping =
      where === undefined || stride === 0 ? null : await skippedGroups(readRange, tail, stripe, { columns, where, rules, stride })
    yield* stripeRows({ readRange, tail, stripe, columns, schema, options, skipping, stride })
  }
}

type Skipping = {
  readonly groups: readonly boolean[]
  readonly indexes: ReadonlyMap<number, readonly RowIndexEntry[]>
}

/** Which row groups of a stripe can match; null when all can. */
async function skippedGroups(
  readRange: ReadRange,
  tail: FileTail,
  stripe: Stripe,
  {
    columns,
    where,
    rules,
    stride,
  }: {
    readonly columns: ReadonlySet<number>
    readonly where: Predicate
    readonly rules: StatisticsRules
    readonly stride: number
  },
): Promise<Skipping | null> {
  const asked = new Set([...columns, ...predicateColumns(where, tail.root)])
  const indexes = await readRowIndexes(readRange, stripe, asked, tail.compression)
  const count = Math.ceil(stripe.place.rows / stride)
  // No index is longer than the rows: a stride of 1 in a stripe of 2^50 rows must not become a list.
  const known = Math.max(0, ...[...indexes.values()].map((entries) => entries.length))
  if (known < count) return null
  const groups: boolean[] = []
  for (let group = 0; group < count; group++) {
    groups.push(mayMatch(where, tail.root, (column) => indexes.get(column.id)?.[group]?.statistics ?? null, rules))
  }
  return groups.every((group) => group) ? null : { groups, indexes }
}

function predicateColumns(predicate: Predicate, root: OrcType): number[] {
  if ('and' in predicate) return predicate.and.flatMap((part) => predicateColumns(part, root))
  if ('or' in predicate) return predicate.or.flatMap((part) => predicateColumns(part, root))
  if ('not' in predicate) return predicateColumns(predicate.not, root)
  const column = root.children[root.fieldNames.indexOf(predicate.column)]
  return column === undefined ? [] : [column.id]
}

type StripeTask = {
  readonly readRange: ReadRange
  readonly tail: FileTail
  readonly stripe: Stripe
  readonly columns: ReadonlySet<number>
  readonly schema: Schema
  readonly options: OrcReadOptions
  readonly skipping: Skipping | null
  readonly stride: number
}

async function* stripeRows(task: StripeTask): AsyncGenerator<RecordBatch> {
  const { tail, stripe, columns, options, skipping, stride } = task
  const { rows } = stripe.place
  const runs = skipping === null ? [{ from: 0, to: rows }] : groupRuns(skipping.groups, stride, rows)
  if (runs.length === 0) return
  const stream = await readStreams(task.readRange, stripe, columns)
  const reader = decoding(() => stripeReaders(tail, stripe, columns, stream, options.timestamps ?? 'micros', options.clock))
  const batchRows = Math.max(1, options.batchRows ?? BATCH_ROWS)
  let at = 0
  for (const { from, to } of runs) {
    const target = at
    decoding(() => {
      const positions = from > target && skipping !== null ? groupPositions(skipping.indexes, columns, from / stride) : null
      if (positions !== null) reader.seek(positions)
      else reader.skip(from - target)
    })
    at = from
    while (at < to) {
      options.signal?.throwIfAborted()
      const count = decoding(() => reader.fitting(Math.min(batchRows, to - at)))
      const data = decoding(() => reader.read(count, null, count))
      at += count
      yield new RecordBatch(task.schema, data as Data<Struct>)
    }
  }
}

function groupRuns(groups: readonly boolean[], stride: number, rows: number): { from: number; to: number }[] {
  const runs: { from: number; to: number }[] = []
  for (const [group, wanted] of groups.entries()) {
    if (!wanted) continue
    const from = group * stride
    const to = Math.min(rows, from + stride)
    const last = runs.at(-1)
    if (last !== undefined && last.to === from) last.to = to
    else runs.push({ from, to })
  }
  return runs
}

/** Anything that decoding hostile bytes throws is damage. */
function decoding<T>(run: () => T): T {
  try {
    return run()
  } catch (cause) {
    if (cause instanceof ConnectorError) throw cause
    throw damaged('stripe', 'it cannot be decoded', { cause })
  }
}
