/** What `reconcile` found, as data. Keys stand in it: it goes to the caller's own output and nowhere else. */
import type { Position, TableName } from '../../connectors/change.ts'
import type { RowDifference } from './drill-down.ts'
import type { FileProblem } from './lake-rows.ts'

/**
 * `equal`; `different`; `moving`: rows differed each time but changed in between, so that nothing is proven; `skipped`: could
 * not be compared, for `reason`.
 */
export type Verdict = 'equal' | 'different' | 'moving' | 'skipped'

/** Differences of one pair of sides. */
export type SideReport = {
  /** `lake` against the source, or a warehouse against the lake. */
  readonly side: 'lake' | 'warehouse'
  /** Connection and schema of a warehouse; empty for the lake. */
  readonly name: string
  readonly verdict: Verdict
  readonly reason: string | null
  readonly rows: number | null
  readonly differences: readonly RowDifference[]
  /** Keys that differ beyond those listed. */
  readonly more: number
  /** Float columns whose count, least or greatest value differs. */
  readonly floats: readonly string[]
}

export type TableReport = {
  readonly table: TableName
  readonly verdict: Verdict
  readonly reason: string | null
  /** Where it was compared, and the commit that was read. */
  readonly position: Position | null
  readonly commit: number | null
  readonly sourceRows: number | null
  readonly sides: readonly SideReport[]
  readonly files: readonly FileProblem[]
  /** How many live files were looked at, and whether their bytes were read. */
  readonly filesChecked: number
  readonly columns: { readonly compared: number; readonly byRange: readonly string[] }
  readonly notes: readonly string[]
  readonly seconds: number
}

export type ReconcileReport = {
  readonly integration: string
  readonly verdict: Verdict
  readonly at: string
  readonly sample: number
  readonly deep: boolean
  readonly tables: readonly TableReport[]
  readonly seconds: number
}

/** The worst of several: what differs outweighs what could not be compared. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  for (const verdict of ['different', 'skipped', 'moving'] as const) if (verdicts.includes(verdict)) return verdict
  return 'equal'
}
