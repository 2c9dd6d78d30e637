/** A warehouse held against the lake, at the same cut: both read the same files, so what differs, differs for good. I/O. */
import type { Position } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { Environment, ObjectStore, TableRegistration, Warehouse } from '../../connectors/ports.ts'
import type { LakePlace } from '../land/log/keys.ts'
import { loadState } from '../land/log/read.ts'
import { keptBack } from '../register/refused.ts'
import { registrationOf } from '../register/registration.ts'
import { differingBuckets, digitsFor, firstBuckets, totalRows } from './bucket-sums.ts'
import { GIVEN_UP_MS } from './coverage.ts'
import { differenceOf, differingKeys } from './drill-down.ts'
import { type EngineSums, type LakeSums, sumsFor } from './engine-sums.ts'
import { rowsIn, scanLake } from './lake-rows.ts'
import type { SideReport } from './report.ts'
import { collectRows, EVERY_KEY, inBuckets, inKeys, printRows, sumRows } from './sinks.ts'
import {
  type WarehouseTable,
  warehouseChecksums,
  warehouseFloats,
  warehouseFullRows,
  warehousePrints,
  warehouseTable,
} from './warehouse-rows.ts'

export type WarehousePlace = {
  readonly connection: string
  readonly schema: string
  readonly everyMs: number
  readonly warehouse: Warehouse
}

export type WarehouseOptions = {
  readonly store: ObjectStore
  readonly lake: LakePlace
  readonly environment: Pick<Environment, 'now' | 'sleep'>
  /** How long to wait for a registration, its cadence not counted. */
  readonly patienceMs: number
  /** Whether somebody will register what is missing. */
  readonly isRunning: (signal: AbortSignal) => Promise<boolean>
  readonly onWait: (message: string) => void
}

const POLL_MS = 500
const MAX_PRINTS = 200_000
const MAX_ROWS = 1_000

/** What a warehouse shows of every table, once it has what was committed before the cut. */
export type ShownTables = {
  readonly commit: number
  readonly tables: ReadonlyMap<string, TableRegistration>
  /** It cannot hold these: what it shows of them is of an earlier commit. */
  readonly keptBack: ReadonlySet<string>
}

/** Null with its reason when the warehouse is behind and nobody brings it forward. */
export async function shownThrough(
  place: WarehousePlace,
  options: WarehouseOptions,
  needed: { readonly position: Position; readonly commit: number },
  signal: AbortSignal,
): Promise<ShownTables | { readonly reason: string }> {
  const { store, lake, environment, patienceMs } = options
  const { warehouse, schema, connection } = place
  const deadline = environment.now().getTime() + place.everyMs + patienceMs
  let told = false
  let absentSince: number | null = null
  for (;;) {
    const registered = await warehouse.registered(lake.integration, schema, signal)
    if (registered !== null) {
      const state = await loadState(store, lake, { at: registered.commit, signal })
      if (registered.commit >= needed.commit || (state.position !== null && state.position >= needed.position)) {
        const all = { integration: lake.integration, schema, dialect: warehouse.dialect, store, dryRun: true }
        const request = registrationOf(state, all)
        const kept = keptBack(state, { integration: lake.integration, schema }, warehouse, registered)
        return {
          commit: registered.commit,
          tables: new Map((request?.tables ?? []).map((table) => [table.table, table])),
          keptBack: new Set(kept.map(({ table }) => table)),
        }
      }
    }
    if (await options.isRunning(signal)) absentSince = null
    else absentSince ??= environment.now().getTime()
    const now = environment.now().getTime()
    const shows = registered === null ? 'shows nothing yet' : `shows commit ${registered.commit}`
    if (now > deadline || (absentSince !== null && now - absentSince > GIVEN_UP_MS)) {
      return { reason: `it ${shows}, which is older than the position: run "portage register ${lake.integration}"` }
    }
    if (!told) options.onWait(`waiting for a registration in "${connection}"`)
    told = true
    await environment.sleep(POLL_MS, signal)
  }
}

/** Compares one table; `passing`: at a later moment it may go well. Throws only what is not about the table (a connection). */
export async function compareWarehouse(
  place: WarehousePlace,
  options: WarehouseOptions,
  shown: ShownTables,
  lakeSums: LakeSums,
  signal: AbortSignal,
): Promise<SideReport & { readonly passing?: true }> {
  const { digits, prefixes, until } = lakeSums
  const name = `${place.connection}.${place.schema}`
  const about = { side: 'warehouse', name, rows: null, reason: null, differences: [], more: 0, floats: [] } as const
  const held = sumsFor(lakeSums, place.warehouse.dialect.name)
  if (held === null) throw new ConnectorError('INTERNAL', `The lake was not summed up for "${name}"`)
  const { compared, rendered } = held
  const registration = shown.tables.get(compared.source.table)
  if (shown.keptBack.has(compared.source.table)) {
    const reason = `it cannot hold the table as it is: "portage register ${options.lake.integration}" says why`
    return { ...about, verdict: 'skipped', reason }
  }
  if (registration === undefined) return { ...about, verdict: 'skipped', reason: 'it does not show the table yet', passing: true }
  const shownUntil = registration.until
  if (shownUntil !== undefined && shownUntil < until) {
    const reason = 'a schema change is held: look at "portage plan", accept with "portage apply"'
    return { ...about, verdict: 'skipped', reason }
  }
  if (registration.baseThrough > until)
    return { ...about, verdict: 'skipped', reason: 'the table was copied again meanwhile', passing: true }
  const table = warehouseTable(place.warehouse, { schema: place.schema, registration, compared, rendered, until })
  if (table.columns.map(({ index }) => index).join() !== rendered.join()) {
    return { ...about, verdict: 'skipped', reason: 'it shows the table in another shape', passing: true }
  }
  try {
    const sums = await warehouseChecksums(table, { digits, prefixes }, signal)
    const rows = Number(totalRows(sums))
    const floats = prefixes === null ? differingFloats(held, await warehouseFloats(table, signal)) : []
    const buckets = differingBuckets(held.sums, sums)
    if (buckets.length === 0) return { ...about, rows, floats, verdict: floats.length > 0 ? 'different' : 'equal' }
    const { differences, more } = await drillDown(table, options, { ...held, digits, prefixes }, signal)
    return { ...about, rows, floats, differences, more, verdict: 'different' }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof ConnectorError) || error.recovery === 'retry') throw error
    return { ...about, verdict: 'skipped', reason: `it cannot read the table: ${error.message}` }
  }
}

/** The range of a bag's floats is unknown: rows that were taken away again may have made it. */
function differingFloats(
  { compared, floats }: EngineSums,
  found: Awaited<ReturnType<typeof warehouseFloats>>,
): readonly string[] {
  return [...floats].flatMap(([name, range]) => {
    const other = found.get(name)
    if (other === undefined) return []
    const same = compared.bag ? range.count === other.count && range.nans === other.nans : range.equals(other)
    return same ? [] : [name]
  })
}

/** First the buckets that differ, then the keys in them, then their rows. */
async function drillDown(
  table: WarehouseTable,
  { store }: WarehouseOptions,
  { compared, view, rendered, prefixes, ...whole }: EngineSums & Pick<LakeSums, 'digits' | 'prefixes'>,
  signal: AbortSignal,
): Promise<Pick<SideReport, 'differences' | 'more'>> {
  const scan = { store, view, onProblem: () => {} }
  const digits = Math.max(whole.digits, digitsFor(rowsIn(view)))
  const wanted = prefixes === null ? EVERY_KEY : inBuckets(prefixes)
  const summed = sumRows(compared, { lists: [{ indexes: rendered }], digits, wanted })
  await scanLake(scan, summed.sink, signal)
  const [lakeSums = new Map()] = summed.result().sums
  const shownSums = await warehouseChecksums(table, { digits, prefixes }, signal)
  const { buckets, rest } = firstBuckets(differingBuckets(lakeSums, shownSums), (bucket) =>
    Number(shownSums.get(bucket)?.rows ?? lakeSums.get(bucket)?.rows ?? 0n),
  )
  const expected = printRows(rendered, { wanted: inBuckets(buckets), limit: MAX_PRINTS })
  await scanLake(scan, expected.sink, signal)
  const found = await warehousePrints(table, { digits, prefixes: buckets, limit: MAX_PRINTS }, signal)
  const differing = differingKeys(expected.prints, found)
  const keys = differing.slice(0, MAX_ROWS)
  const rows = collectRows(compared, inKeys(new Set(keys)))
  await scanLake(scan, rows.sink, signal)
  const shown = await warehouseFullRows(table, compared, keys, signal)
  const differences = keys.flatMap(
    (key) => differenceOf(compared, rendered, rows.rows.get(key) ?? [], shown.get(key) ?? []) ?? [],
  )
  return { differences, more: differing.length - keys.length + rest.length }
}
