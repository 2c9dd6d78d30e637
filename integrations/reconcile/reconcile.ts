/**
 * Source against lake against warehouses, at one position, while everything is being written. The source is read in a held snapshot;
 * the lake by our own reader over the files of a pinned commit, as of the snapshot's cut; each warehouse by its own SQL over what it
 * shows, as of the same cut. Changes nothing anywhere.
 */
import type { Position, TableName } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { Environment, ObjectStore, Source } from '../../connectors/ports.ts'
import type { LogState } from '../land/log/commit.ts'
import type { LakePlace } from '../land/log/keys.ts'
import { loadLog } from '../land/log/read.ts'
import { Coverage } from './coverage.ts'
import { rangedColumns } from './engine-sums.ts'
import { type ReconcileReport, type SideReport, type TableReport, type Verdict, worst } from './report.ts'
import { type Moment, TableWork } from './table-work.ts'
import { compareWarehouse, shownThrough, type WarehousePlace } from './warehouse-side.ts'

/** Told while it works; never a row value. */
export type ReconcileEvent =
  | { readonly kind: 'position'; readonly position: Position; readonly commit: number; readonly tables: number }
  | { readonly kind: 'wait'; readonly message: string }
  | { readonly kind: 'rows'; readonly table: TableName; readonly side: 'source' | 'lake'; readonly rows: number }
  | { readonly kind: 'table'; readonly report: TableReport }

export type ReconcileOptions = {
  readonly store: ObjectStore
  readonly lake: LakePlace
  /** Behind the column policies: what it yields is what should be in the lake. */
  readonly source: Source
  /** Opens the same once more; disposed here. */
  readonly openSource: () => Promise<Source>
  readonly warehouses: readonly WarehousePlace[]
  /** Null: every table of the log. */
  readonly tables: readonly TableName[] | null
  readonly sample: number
  readonly deep: boolean
  readonly readers: number
  readonly maxSnapshotAgeMs: number
  readonly patienceMs: number
  readonly environment: Pick<Environment, 'now' | 'sleep'>
  readonly onEvent: (event: ReconcileEvent) => void
}

const PAUSE_MS = 1_000
/** A registration in between may spoil an answer. */
const MAX_ATTEMPTS = 6

/** Throws `NOT_FOUND` without a lake, `SOURCE_CHANGED` for another server, and what `Coverage.through` throws. */
export async function reconcile(options: ReconcileOptions, signal: AbortSignal): Promise<ReconcileReport> {
  const { store, lake, source, environment, onEvent } = options
  const started = environment.now().getTime()
  const loaded = await loadLog(store, lake, { signal })
  await refuseStrangers(loaded.state, options, signal)
  const coverage = new Coverage(
    {
      store,
      lake,
      source,
      openSource: options.openSource,
      environment,
      patienceMs: options.patienceMs,
      onWait: (message) => onEvent({ kind: 'wait', message }),
    },
    loaded,
  )
  const names = options.tables ?? (await everyTable(loaded.state, source, signal))
  const engines = new Set(options.warehouses.map(({ warehouse }) => warehouse.dialect.name))
  const work = names.map(
    (table) =>
      new TableWork(table, { ...options, engines, onRows: (side, rows) => onEvent({ kind: 'rows', table, side, rows }) }),
  )
  const seconds = new Map<TableName, number>()
  const sides = new Map<TableName, readonly SideReport[]>()
  const reports = new Map<TableName, TableReport>()
  for (let waits = 0; work.some(({ done }) => !done); ) {
    // Whatever a table lacked has to happen first.
    const lacking = work.reduce((sum, { retries }) => sum + retries, 0)
    if (lacking > waits) await environment.sleep(PAUSE_MS, signal)
    waits = lacking
    const fresh = await oneMoment(options, coverage, work, seconds, signal)
    if (fresh.length > 0) await compareWarehouses(options, fresh, sides, signal)
    for (const each of work) {
      if (!each.done || reports.has(each.table)) continue
      const report = tableReport(each, sides.get(each.table) ?? [], seconds.get(each.table) ?? 0)
      reports.set(each.table, report)
      onEvent({ kind: 'table', report })
    }
  }
  const tables = [...reports.values()].toSorted((a, b) => (a.table < b.table ? -1 : 1))
  return {
    integration: lake.integration,
    verdict: worst(tables.map(({ verdict }) => verdict)),
    at: new Date(started).toISOString(),
    sample: options.sample,
    deep: options.deep,
    tables,
    seconds: (environment.now().getTime() - started) / 1000,
  }
}

/** Tables of the log and of the source: what only one of them has is a finding, unless the log knows that the source dropped it. */
async function everyTable(state: LogState, source: Source, signal: AbortSignal): Promise<readonly TableName[]> {
  const { tables } = await source.describe(signal)
  const landed = Object.entries(state.tables).flatMap(([table, { gone }]) => (gone === null ? [table as TableName] : []))
  return [...new Set([...landed, ...tables.map(({ table }) => table)])].toSorted()
}

async function refuseStrangers(state: LogState, { lake, source }: ReconcileOptions, signal: AbortSignal): Promise<void> {
  const { integration } = lake
  if (state.source === null || Object.keys(state.tables).length === 0) {
    throw new ConnectorError(
      'NOT_FOUND',
      `Integration "${integration}" has nothing in the lake yet. "portage run ${integration}" copies every table`,
    )
  }
  const identity = await source.identity(signal)
  if (
    identity.system === state.source.system &&
    identity.timeline === state.source.timeline &&
    identity.database === state.source.database
  )
    return
  throw new ConnectorError(
    'SOURCE_CHANGED',
    `The lake of integration "${integration}" was copied from another server or database than the connection leads to. Correct the connection, or run "portage resync ${integration} --all"`,
  )
}

/** Every unfinished table takes one step, in one snapshot while it is young enough. Answers the tables whose checksums are new. */
async function oneMoment(
  options: ReconcileOptions,
  coverage: Coverage,
  work: readonly TableWork[],
  seconds: Map<TableName, number>,
  signal: AbortSignal,
): Promise<readonly TableWork[]> {
  const { source, environment, onEvent, maxSnapshotAgeMs } = options
  await using snapshot = await source.holdSnapshot(signal, (message) => onEvent({ kind: 'wait', message }))
  const epoch = coverage.state.source?.epoch ?? 1
  const cut = inEpoch(snapshot.position, epoch)
  const state = await coverage.through(cut, signal)
  const described = await source.describe(signal)
  const moment: Moment = { snapshot, cut, state, tables: new Map(described.tables.map((table) => [table.table, table])) }
  const waiting = work.filter(({ done }) => !done)
  onEvent({ kind: 'position', position: cut, commit: state.number, tables: waiting.length })
  const fresh: TableWork[] = []
  for (const each of waiting) {
    const began = environment.now().getTime()
    if (each !== waiting[0] && began - snapshot.openedAt.getTime() > maxSnapshotAgeMs) break
    const had = each.lakeSums
    await each.step(moment, signal)
    if (each.lakeSums !== null && each.lakeSums !== had) fresh.push(each)
    seconds.set(each.table, (seconds.get(each.table) ?? 0) + (environment.now().getTime() - began) / 1000)
  }
  return fresh
}

/** The same place in the log, as the lake counts its epochs: the source was not prepared by us (ARCHITECTURE.md §1). */
const inEpoch = (position: Position, epoch: number): Position =>
  (epoch.toString(16).padStart(4, '0') + position.slice(4)) as Position

async function compareWarehouses(
  options: ReconcileOptions,
  fresh: readonly TableWork[],
  sides: Map<TableName, readonly SideReport[]>,
  signal: AbortSignal,
): Promise<void> {
  const { store, lake, environment, patienceMs, source, onEvent } = options
  const warehouseOptions = {
    store,
    lake,
    environment,
    patienceMs,
    isRunning: async (stop: AbortSignal) => (await source.health(stop)).active === true,
    onWait: (message: string) => onEvent({ kind: 'wait', message }),
  }
  const position = fresh.reduce(
    (newest, each) => (each.position !== null && each.position > newest ? each.position : newest),
    '' as Position,
  )
  const commit = Math.max(...fresh.map((each) => each.commit ?? 0))
  const needed = { position, commit }
  for (const place of options.warehouses) {
    let shown = await shownThrough(place, warehouseOptions, needed, signal)
    for (const each of fresh) {
      if (each.lakeSums === null) continue
      let report: SideReport & { readonly passing?: true }
      for (let attempt = 1; ; attempt++) {
        report =
          'reason' in shown
            ? skippedSide(place, shown.reason)
            : await compareWarehouse(place, warehouseOptions, shown, each.lakeSums, signal)
        if (report.verdict === 'equal' || 'reason' in shown || attempt === MAX_ATTEMPTS) break
        // The relations may have been shown anew in between, with other names or from another base.
        const now = await place.warehouse.registered(lake.integration, place.schema, signal)
        if (now?.commit === shown.commit) break
        shown = await shownThrough(place, warehouseOptions, needed, signal)
      }
      if (report.passing === true && each.restart()) {
        sides.delete(each.table)
        continue
      }
      const { passing, ...kept } = report
      sides.set(each.table, [...(sides.get(each.table) ?? []), kept])
    }
  }
}

function skippedSide({ connection, schema }: WarehousePlace, reason: string): SideReport {
  return {
    side: 'warehouse',
    name: `${connection}.${schema}`,
    verdict: 'skipped',
    reason,
    rows: null,
    differences: [],
    more: 0,
    floats: [],
  }
}

function tableReport(each: TableWork, warehouses: readonly SideReport[], seconds: number): TableReport {
  const { rows, more } = each.differences
  const lake: SideReport = {
    side: 'lake',
    name: '',
    verdict: each.skipped !== null ? 'skipped' : rows.length + more > 0 ? 'different' : each.moving > 0 ? 'moving' : 'equal',
    reason: each.skipped ?? (each.moving > 0 ? `${each.moving} rows changed faster than they could be compared` : null),
    rows: each.lakeRows === null ? null : Number(each.lakeRows),
    differences: rows,
    more,
    floats: [],
  }
  const sides = [lake, ...warehouses]
  const files: Verdict = each.files.length > 0 ? 'different' : 'equal'
  return {
    table: each.table,
    verdict: worst([files, ...sides.map(({ verdict }) => verdict)]),
    reason: sides.find(({ reason }) => reason !== null)?.reason ?? null,
    position: each.position,
    commit: each.commit,
    sourceRows: each.sourceRows === null ? null : Number(each.sourceRows),
    sides,
    files: each.files,
    filesChecked: each.filesChecked,
    columns: { compared: each.comparedColumns, byRange: each.lakeSums === null ? [] : rangedColumns(each.lakeSums) },
    notes: each.notes,
    seconds,
  }
}
