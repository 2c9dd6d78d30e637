/**
 * What warehouses are held against. Some engines render floats bit by bit and are compared in every column; the others get a checksum
 * without the floats, and these by their range. Pure.
 */
import type { Position } from '../../connectors/change.ts'
import type { Dialect } from '../../connectors/ports.ts'
import type { BucketSums } from './bucket-sums.ts'
import { rendersFloats } from './checksum-sql.ts'
import { asEnginesCompare, type ComparedTable } from './compared-table.ts'
import type { FloatRange } from './float-range.ts'
import type { LakeView } from './lake-rows.ts'
import type { ColumnList, SideSums } from './sinks.ts'

export type EngineSums = {
  /** Its view of the table: of a bag, `compared.key` is what the engine renders. */
  readonly view: LakeView
  readonly compared: ComparedTable
  /** The columns in the checksum. */
  readonly rendered: readonly number[]
  readonly sums: BucketSums
  /** By column name; empty where floats are in the checksum. */
  readonly floats: ReadonlyMap<string, FloatRange>
}

/** Taken when the lake was read; null: none of the warehouses is compared that way. */
export type LakeSums = {
  readonly until: Position
  readonly commit: number
  readonly digits: number
  readonly prefixes: readonly string[] | null
  readonly exact: EngineSums | null
  readonly ranged: EngineSums | null
}

/** Equal floats of two kinds (0 and −0) may stand for each other in a bag: its floats are never compared bit by bit. */
function isExact(compared: ComparedTable, engine: Dialect['name']): boolean {
  const floats = compared.columns.some(({ float }) => float)
  return !floats || (rendersFloats(engine) && !compared.bag)
}

/** What the engine's own checksums are to be equal to. */
export function sumsFor({ exact, ranged }: LakeSums, engine: Dialect['name']): EngineSums | null {
  return exact !== null && isExact(exact.compared, engine) ? exact : ranged
}

export type EngineLists = {
  /** The list asked for first, then what the engines need beside it. */
  readonly lists: readonly ColumnList[]
  /** The ranges of floats are needed, too. */
  readonly ranged: boolean
  readonly take: (result: SideSums, at: Pick<LakeSums, 'commit' | 'digits' | 'prefixes'>) => LakeSums
}

export function engineLists(view: LakeView, first: readonly number[], engines: ReadonlySet<Dialect['name']>): EngineLists {
  const { compared } = view
  const lists: ColumnList[] = [{ indexes: first }]
  const place = (list: ColumnList): number => {
    const known = lists.findIndex(({ indexes, key }) => key === list.key && indexes.join() === list.indexes.join())
    return known >= 0 ? known : lists.push(list) - 1
  }
  const all = compared.columns.map((_, index) => index)
  const shown = asEnginesCompare(compared)
  const plain = all.filter((index) => compared.columns[index]?.float !== true)
  const names = [...engines]
  const exactAt = names.some((name) => isExact(compared, name)) ? place({ indexes: all }) : null
  const rangedAt = names.every((name) => isExact(compared, name))
    ? null
    : place({ indexes: plain, ...(shown === compared ? {} : { key: shown.key }) })
  return {
    lists,
    ranged: rangedAt !== null,
    take: ({ sums, floats }, at) => {
      const sumsAt = (index: number): BucketSums => sums[index] ?? new Map()
      const ranged = rangedAt === null ? null : { compared: shown, rendered: plain, sums: sumsAt(rangedAt), floats }
      return {
        ...at,
        until: view.until,
        exact: exactAt === null ? null : { view, compared, rendered: all, sums: sumsAt(exactAt), floats: new Map() },
        ranged: ranged === null ? null : { ...ranged, view: { ...view, compared: shown } },
      }
    },
  }
}

/** Columns that some engine compares by their range only. */
export function rangedColumns({ ranged }: LakeSums): readonly string[] {
  return ranged === null ? [] : ranged.compared.columns.flatMap(({ float, name }) => (float ? [name] : []))
}
