/**
 * Lets a table's history begin later: its base becomes the current rows at that cut, changes at or below it are no longer live.
 * Rows as of any later position stay what they are. Files stay until vacuum.
 */
import { OPS, type Position, type TableName } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { Commit, FileEntry, TableState } from '../land/log/commit.ts'
import { changesDateOf } from '../land/log/keys.ts'
import { chooseRows, copyChosen, type MaintenanceOptions, openFile, rewriting } from './compact.ts'
import { renewalAt } from './compaction-plan.ts'
import { UnbalancedBagSignal } from './current-rows.ts'
import { GivenUpSignal } from './intent.ts'
import { orderedRows } from './ordered-rows.ts'
import { firstAbove, positionBytes } from './position-bytes.ts'
import { POSITION } from './table-columns.ts'

export type HistoryOutcome = {
  readonly table: TableName
  /** Where history begins now; null when nothing was dropped. */
  readonly from: Position | null
  /** Rows of changes that left it. */
  readonly changes: number
  readonly files: number
  /** Why nothing was dropped. */
  readonly why: string | null
}

/**
 * For each moment the cut of the newest commit that is not younger: everything at or below it was committed in the source
 * before that moment.
 */
export async function cutsBefore<const Moments extends readonly Date[]>(
  commits: AsyncIterable<Commit>,
  moments: Moments,
): Promise<{ readonly [Index in keyof Moments]: Position | null }> {
  const cuts: (Position | null)[] = moments.map(() => null)
  for await (const { createdAt, position } of commits) {
    const at = Date.parse(createdAt)
    for (const [index, moment] of moments.entries()) if (at <= moment.getTime()) cuts[index] = position
  }
  return cuts as { readonly [Index in keyof Moments]: Position | null }
}

/** What would leave the history of a table at that cut; in words why nothing would. Pure. */
export function droppable(table: TableState, cut: Position | null): readonly FileEntry[] | string {
  const { base, pending, changes } = table
  if (base === null) return 'no snapshot is complete yet'
  if (pending !== null) return 'a new snapshot is under way'
  const older = cut === null ? [] : changes.filter(({ minPosition }) => minPosition <= cut)
  if (cut === null || older.length === 0) return 'it has no changes that old'
  return older
}

/** Throws as `compactTable` does. */
export async function dropHistory(table: TableName, cut: Position | null, options: MaintenanceOptions): Promise<HistoryOutcome> {
  const nothing = (why: string): HistoryOutcome => ({ table, from: null, changes: 0, files: 0, why })
  const state = options.log.state().tables[table]
  if (state === undefined) return nothing('it left the integration')
  const older = droppable(state, cut)
  if (typeof older === 'string' || cut === null) return nothing(String(older))
  const boundary = state.base?.boundary
  if (boundary === undefined) return nothing('no snapshot is complete yet')
  try {
    // Changes at or below the boundary are history alone: the base covers them already.
    const why = cut <= boundary ? await dropCovered(table, state, cut, options) : await moveBase(table, state, cut, options)
    if (why !== null) return nothing(why)
  } catch (error) {
    if (error instanceof GivenUpSignal) return nothing(`given up: ${error.message}`)
    throw error
  }
  const gone = older.filter(({ maxPosition }) => maxPosition <= cut)
  return { table, from: cut, changes: gone.reduce((sum, { rows }) => sum + rows, 0), files: gone.length, why: null }
}

async function dropCovered(
  table: TableName,
  state: TableState,
  cut: Position,
  options: MaintenanceOptions,
): Promise<string | null> {
  await rewriting(table, options, async (open) => {
    const { added, removed } = await withoutOlder(table, state, cut, options, open)
    return {
      added,
      draft: (newest) => {
        assertLive(newest.tables[table], removed)
        return { removed, ...(added.length === 0 ? {} : { added }) }
      },
    }
  })
  return null
}

async function moveBase(table: TableName, state: TableState, cut: Position, options: MaintenanceOptions): Promise<string | null> {
  const renewal = renewalAt(state, cut)
  if (typeof renewal === 'string') return renewal
  const { schema } = state
  try {
    await rewriting(table, options, async (open) => {
      const chosen = await chooseRows(table, schema, renewal, options)
      const inputs = chosen.map(({ file }) => file)
      const target = open({ schema, part: 'base', date: null, inputs, boundary: cut })
      // Whoever tells base rows from changes in the history does so by their operation.
      await copyChosen(table, schema, chosen, target, { ...options, op: OPS.snapshot })
      const base = await target.close()
      const younger = await withoutOlder(table, state, cut, options, open)
      const added = [...base, ...younger.added]
      return {
        added,
        draft: (newest) => {
          const now = newest.tables[table]
          const overtaken = now?.base?.renewed !== undefined && now.base.renewed.boundary <= cut ? now.base.renewed.files : []
          const removed = [
            ...new Set([...[...(state.base?.files ?? []), ...overtaken].map(({ key }) => key), ...younger.removed]),
          ]
          assertLive(now, removed)
          const stale = now?.changes.some(({ key, minPosition }) => minPosition <= cut && !removed.includes(key))
          if (stale === true) throw new GivenUpSignal('its changes were merged meanwhile')
          return { history: { from: cut }, added, removed }
        },
      }
    })
    return null
  } catch (error) {
    if (error instanceof UnbalancedBagSignal) return 'some of its deletes match no row; "portage reconcile" tells more'
    throw error
  }
}

function assertLive(table: TableState | undefined, keys: readonly string[]): void {
  const live = new Set(
    [...(table?.changes ?? []), ...(table?.base?.files ?? []), ...(table?.base?.renewed?.files ?? [])].map(({ key }) => key),
  )
  if (!keys.every((key) => live.has(key))) throw new GivenUpSignal('its files were replaced meanwhile')
}

/** Files with rows at or below the cut go; what they hold above it is written anew. */
async function withoutOlder(
  table: TableName,
  state: TableState,
  cut: Position,
  options: MaintenanceOptions,
  open: Parameters<Parameters<typeof rewriting>[2]>[0],
): Promise<{ readonly added: readonly FileEntry[]; readonly removed: readonly string[] }> {
  const older = state.changes.filter(({ minPosition }) => minPosition <= cut)
  const added: FileEntry[] = []
  const bound = positionBytes(cut)
  for (const file of older.filter(({ maxPosition }) => maxPosition > cut)) {
    const date = changesDateOf(options.log.lake, file.key)
    const schema = state.versions[file.schemaVersion]
    if (date === null || schema === undefined) {
      throw new ConnectorError('CORRUPT', `File "${file.key}" is in no partition or of an unknown schema version`)
    }
    const target = open({ schema, part: 'changes', date, inputs: [file] })
    for await (const run of orderedRows([file], (each) => openFile(table, each, schema, options), { strict: true })) {
      const positions = run.batch.columns[POSITION]
      const from = positions === undefined ? run.to : firstAbove(positions, run.from, run.to, bound)
      if (from < run.to) await target.appendRange(run.batch, from, run.to)
    }
    added.push(...(await target.close()))
  }
  return { added, removed: older.map(({ key }) => key) }
}
