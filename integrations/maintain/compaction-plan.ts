/** What compaction would do to a table, from the log alone. Pure. */
import type { Position, TableSchema } from '../../connectors/change.ts'
import type { FileEntry, TableState } from '../land/log/commit.ts'
import { changesDateOf, type LakePlace } from '../land/log/keys.ts'
import { isRetaken } from '../land/retaken.ts'
import { fits } from './table-columns.ts'

export type CompactionPolicy = {
  /** Neighbouring small files of one partition are merged from this many on. */
  readonly minFiles: number
  readonly targetFileBytes: number
  /** Only partitions whose day ended this long ago; 0: all. */
  readonly olderThanMs: number
  /** `auto`: when enough changes lie above the base. `always`: whenever there are any. */
  readonly renew: 'auto' | 'always' | 'never'
}

export const DEFAULT_MIN_FILES = 8
/** Share of the base's rows that changes must reach before renewing it pays. */
export const RENEW_SHARE = 0.1
/** Fewer changes than this are no burden to any reader. */
export const RENEW_MIN_CHANGES = 10_000

/** Neighbours in position order, of one partition, to become one file or a few of the target size. */
export type MergeGroup = { readonly date: string; readonly files: readonly FileEntry[]; readonly schema: TableSchema }

export type Renewal = {
  /** The cut whose current rows the renewed base will hold. */
  readonly at: Position
  readonly base: readonly FileEntry[]
  readonly boundary: Position
  readonly layered: boolean
  readonly changes: readonly FileEntry[]
}

export type TablePlan = {
  readonly merges: readonly MergeGroup[]
  readonly renewal: Renewal | null
  /** Why the base is not renewed. */
  readonly unrenewed: string | null
}

const DAY_MS = 86_400_000

export function planCompaction(
  lake: LakePlace,
  table: TableState,
  state: { readonly position: Position | null; readonly now: Date },
  policy: CompactionPolicy,
): TablePlan {
  const merges = planMerges(lake, table, policy, state.now)
  const found = planRenewal(table, state.position, policy)
  return typeof found === 'string' ? { merges, renewal: null, unrenewed: found } : { merges, renewal: found, unrenewed: null }
}

/** Files that are worth merging: well below the target. */
export const isSmall = ({ size }: FileEntry, targetFileBytes: number): boolean => size < targetFileBytes / 2

function planMerges(lake: LakePlace, table: TableState, policy: CompactionPolicy, now: Date): readonly MergeGroup[] {
  const { minFiles, targetFileBytes, olderThanMs } = policy
  const byDate = Map.groupBy(table.changes, ({ key }) => changesDateOf(lake, key))
  const groups: MergeGroup[] = []
  for (const [date, files] of [...byDate].sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1))) {
    if (date === null || (olderThanMs > 0 && ageOf(date, now) < olderThanMs)) continue
    let run: FileEntry[] = []
    let schema: TableSchema | null = null
    const close = (): void => {
      const bytes = run.reduce((sum, { size }) => sum + size, 0)
      if (schema !== null && run.length >= 2 && (run.length >= minFiles || bytes >= targetFileBytes))
        groups.push({ date, files: run, schema })
      run = []
      schema = null
    }
    for (const file of inPositionOrder(files)) {
      const version: TableSchema | undefined = table.versions[file.schemaVersion]
      // Files of rows taken again stay files of their own: readers that go on from a position know them by it.
      if (version === undefined || file.format !== 'parquet' || !isSmall(file, targetFileBytes) || isRetaken(file)) {
        close()
        continue
      }
      const joint: TableSchema | null = schema === null ? version : jointVersion(schema, version)
      if (joint === null) close()
      schema = joint ?? version
      run.push(file)
    }
    close()
  }
  return groups
}

/** Since the day ended. */
const ageOf = (date: string, now: Date): number => now.getTime() - (Date.parse(`${date}T00:00:00Z`) + DAY_MS)

/** The newer of both when it holds the rows of the other, too. */
function jointVersion(a: TableSchema, b: TableSchema): TableSchema | null {
  const [older, newer] = a.version <= b.version ? [a, b] : [b, a]
  return fits(older, newer) ? newer : null
}

const inPositionOrder = (files: readonly FileEntry[]): readonly FileEntry[] =>
  files.toSorted((a, b) => (a.minPosition < b.minPosition ? -1 : a.minPosition > b.minPosition ? 1 : 0))

const rowsOf = (files: readonly FileEntry[]): number => files.reduce((sum, { rows }) => sum + rows, 0)

function planRenewal(table: TableState, position: Position | null, policy: CompactionPolicy): Renewal | string {
  const { base, pending } = table
  if (policy.renew === 'never') return 'not asked for'
  if (base === null) return 'no snapshot is complete yet'
  if (pending !== null) return 'a new snapshot is under way'
  const renewal = renewalAt(table, position)
  if (typeof renewal === 'string') return renewal
  const changed = rowsOf(renewal.changes)
  if (changed === 0) return 'nothing has changed since the base'
  if (policy.renew === 'auto' && changed < Math.max(RENEW_MIN_CHANGES, rowsOf(renewal.base) * RENEW_SHARE)) {
    return `${changed} changes are few beside ${rowsOf(renewal.base)} rows`
  }
  return renewal
}

/** What a base at that cut is made of; in words why there can be none. */
export function renewalAt(table: TableState, at: Position | null): Renewal | string {
  const { base } = table
  if (base === null) return 'no snapshot is complete yet'
  const through = base.files.reduce((top, { maxPosition }) => (maxPosition > top ? maxPosition : top), base.boundary)
  if (at === null || at < through) return 'the stream has not passed the snapshot yet'
  const renewed = base.renewed !== undefined && base.renewed.boundary <= at ? base.renewed : null
  const { files, boundary } = renewed ?? base
  const changes = table.changes.filter(({ minPosition, maxPosition }) => maxPosition > boundary && minPosition <= at)
  const inputs = [...files, ...changes]
  const misfit = inputs.find(({ schemaVersion }) => {
    const version = table.versions[schemaVersion]
    return version === undefined || !fits(version, table.schema)
  })
  if (misfit !== undefined) return `"${misfit.key}" has a column of another type than the table`
  if (inputs.some(({ format }) => format !== 'parquet')) return 'its files are not Parquet'
  return { at, base: files, boundary, layered: renewed === null && through > base.boundary, changes }
}
