/** Makes a request showable for an engine that reads directories: writes what it lacks, says what there is. I/O through the store. */
import type { TableName, TableSchema } from '../../../connectors/change.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import type {
  ObjectStore,
  ProjectedDirectory,
  Registered,
  RegisterRequest,
  TableProjection,
  TableRegistration,
  Warehouse,
} from '../../../connectors/ports.ts'
import type { RefusedTables } from '../../../connectors/refused-table.ts'
import type { FileWriterOptions } from '../../land/file-writer.ts'
import { isOfOneTable, keptRelations } from '../refused.ts'
import type { Remembered } from '../remembered.ts'
import { type DirectoryFormatName, directoryFormat, storedAs } from './formats.ts'
import { directoryKey, type ProjectionPlace } from './keys.ts'
import { type PlannedDirectory, type PlanOptions, type ProjectionPlan, planProjection } from './plan.ts'
import {
  changesHash,
  directoriesOf,
  encodeState,
  filesHash,
  parseState,
  shapeOf,
  shortHash,
  type TableState,
  type Written,
} from './state.ts'
import { storedSchema } from './stored-schema.ts'
import { writeDirectory } from './write.ts'

export type ProjectionOptions = {
  readonly store: ObjectStore
  readonly place: ProjectionPlace
  readonly warehouse: Pick<Warehouse, 'dialect'>
  readonly format: DirectoryFormatName
  /** See `ProjectionSettings`. */
  readonly formatOf?: (table: TableName, recorded: DirectoryFormatName | null) => DirectoryFormatName | null
  readonly compression: FileWriterOptions['compression']
  readonly targetFileBytes: number
  /** Write every directory anew. */
  readonly repair: boolean
  /** Tables that the warehouse cannot hold are put here, and stay as it shows them. Absent: the first one ends it. */
  readonly refusals?: RefusedTables
  /** What was refused before, so that a large table is not read anew at every registration. */
  readonly remembered?: Remembered['values']
}

/**
 * The request with a projection per table. Every file is in the store, durably, when it settles; nothing shows it yet. A repeat
 * after a crash finds its own files by their names. On a dry run nothing is written and new directories have the rows that the log expects.
 */
export async function projectRequest(
  request: RegisterRequest,
  shown: Registered | null,
  options: ProjectionOptions,
  signal: AbortSignal,
): Promise<RegisterRequest> {
  const before = new Map<string, TableState | null>()
  for (const [relation, text] of shown?.projected ?? []) before.set(relation, parseState(text))
  let [filesAdded, filesRemoved] = [0, 0]
  const tables: TableRegistration[] = []
  for (const table of request.tables) {
    signal.throwIfAborted()
    const old = before.get(table.relation) ?? null
    const format = options.formatOf?.(table.table, old?.format ?? null) ?? options.format
    const made = await tableOrRefusal({ table, old, request, options: { ...options, format } }, signal)
    if (made === null) continue
    before.delete(table.relation)
    const { state, projected } = made
    const files = fileCounts(old, state)
    filesAdded += files.added
    filesRemoved += files.removed
    tables.push({ ...table, projected })
  }
  const kept = [...keptRelations(new Set(options.refusals?.keys()), shown, request.tables).values()]
  for (const relation of kept) before.delete(relation)
  for (const gone of before.values()) if (gone !== null) filesRemoved += fileCounts(gone, null).removed
  return { ...request, tables, projection: { filesAdded, filesRemoved }, ...(kept.length === 0 ? {} : { kept }) }
}

/** Null for a table that is refused. */
async function tableOrRefusal(projecting: Projecting, signal: AbortSignal): Promise<Projection | null> {
  const { table, options } = projecting
  const { refusals, remembered } = options
  if (refusals?.has(table.table)) return null
  const files = [...table.base, ...(table.renewed?.files ?? [])]
  const of = filesHash(files, [options.format, shortHash([table.schema.id]), String(table.schema.version)])
  const known = remembered?.get(table.table)
  if (refusals !== undefined && known?.of === of) {
    refusals.set(table.table, known.error)
    return null
  }
  try {
    const made = await projectTable(projecting, signal)
    remembered?.delete(table.table)
    return made
  } catch (error) {
    if (refusals === undefined || !isOfOneTable(error)) throw error
    refusals.set(table.table, error)
    remembered?.set(table.table, { of, error })
    return null
  }
}

type Projection = { readonly state: TableState; readonly projected: TableProjection }

type Projecting = {
  readonly table: TableRegistration
  readonly old: TableState | null
  readonly request: RegisterRequest
  readonly options: ProjectionOptions
}

async function projectTable({ table, old, request, options }: Projecting, signal: AbortSignal): Promise<Projection> {
  const { format, place, store } = options
  const stored = storedSchema(table.schema)
  const planned = (startOver: PlanOptions['startOver']) =>
    planProjection({ ...table, schema: stored }, old, { commit: request.commit, format, startOver })
  let plan = planned(options.repair ? 'everything' : 'nothing')
  let state = await carryOut(plan, { table, stored, request, options }, signal)
  if (!request.dryRun && !adds(plan, state)) {
    plan = planned(options.repair ? 'everything' : 'changes')
    state = await carryOut(plan, { table, stored, request, options }, signal)
    if (!adds(plan, state)) throw miscounted(table.table, plan, state)
  }
  const superseded = old === null ? [] : directoriesOf(old)
  const recorded = new Set(superseded)
  const directories = [
    ...(['base', 'renewed'] as const).flatMap((part) => {
      const each = state[part]
      return each === null ? [] : [shownDirectory(part, each)]
    }),
    ...state.changes.map((each) => shownDirectory('changes', each)),
  ]
  const address = store.address(directoryKey(place, table.table, '')).replace(/\/$/, '')
  function shownDirectory(part: ProjectedDirectory['part'], { name, files, rows }: Written): ProjectedDirectory {
    const key = directoryKey(place, table.table, name)
    return { part, name, files, rows, address: store.address(key), recorded: recorded.has(name) }
  }
  return {
    state,
    projected: {
      format: storedAs(format),
      generation: plan.generation,
      schema: stored,
      address,
      directories,
      superseded,
      state: encodeState(state),
    },
  }
}

/** Whether the directories of changes hold as many rows as the log says. */
function adds({ changeRows }: ProjectionPlan, { changes }: TableState): boolean {
  return changeRows === null || changes.reduce((sum, { rows }) => sum + rows, 0) === changeRows
}

async function carryOut(
  plan: ProjectionPlan,
  { table, stored, request, options }: Omit<Projecting, 'old'> & { readonly stored: TableSchema },
  signal: AbortSignal,
): Promise<TableState> {
  const { store, place, compression, targetFileBytes } = options
  const { schema } = table
  const format = directoryFormat(options.format, options.warehouse.dialect.name)
  const write = async (directory: PlannedDirectory) => {
    const expected = directory.files.reduce((sum, { rows }) => sum + rows, 0)
    const { name, files, after, before } = directory
    if (request.dryRun) return { name, files: 1, rows: expected, last: directory.files.at(-1)?.maxPosition ?? null }
    const metadata = new Map([
      ['portage.integration', request.integration],
      ['portage.table', table.table],
      ['portage.schema_version', String(schema.version)],
    ])
    const outcome = await writeDirectory(
      {
        store,
        format,
        compression,
        targetFileBytes,
        schema,
        stored,
        key: directoryKey(place, table.table, name),
        files,
        after,
        before,
        metadata,
        unstated: masked(stored),
      },
      signal,
    )
    return { name, ...outcome }
  }
  const whole = async (part: ProjectionPlan['base']): Promise<TableState['base']> => {
    if (part === null || !('part' in part)) return part
    const { name, files, rows } = await write(part)
    return { name, files, rows, of: filesHash(part.files) }
  }
  const base = await whole(plan.base)
  const renewed = await whole(plan.renewed)
  const changes = [...plan.kept]
  if (plan.added !== null) {
    const { name, files, rows, last } = await write(plan.added.directory)
    if (last !== null) changes.push({ name, files, rows, through: last, weight: plan.added.weight })
  }
  return {
    table: table.table,
    id: shortHash([schema.id]),
    format: options.format,
    generation: plan.generation,
    columns: stored.columns.length,
    shape: shapeOf(stored, stored.columns.length),
    base,
    renewed,
    changes,
    changesOf: changesHash(table),
  }
}

/** Columns whose values must leave no trace in statistics. */
const masked = ({ columns }: TableRegistration['schema']): ReadonlySet<string> =>
  new Set(columns.filter(({ policy }) => policy?.mask !== undefined).map(({ physical }) => physical))

/** Files of directories that are new, and of those that are no longer shown. */
function fileCounts(before: TableState | null, after: TableState | null): { readonly added: number; readonly removed: number } {
  const of = (state: TableState | null): readonly Written[] =>
    state === null ? [] : [state.base, state.renewed, ...state.changes].flatMap((each) => (each === null ? [] : [each]))
  const count = (some: readonly Written[], others: readonly Written[]): number => {
    const known = new Set(others.map(({ name }) => name))
    return some.reduce((sum, { name, files }) => sum + (known.has(name) ? 0 : files), 0)
  }
  return { added: count(of(after), of(before)), removed: count(of(before), of(after)) }
}

function miscounted(table: TableName, { changeRows }: ProjectionPlan, { changes }: TableState): ConnectorError {
  const held = changes.reduce((sum, { rows }) => sum + rows, 0)
  return new ConnectorError(
    'PROOF',
    `Changes of "${table}" read from the lake are ${held} rows, the log says ${changeRows}. Nothing was registered; look with "portage reconcile"`,
  )
}
