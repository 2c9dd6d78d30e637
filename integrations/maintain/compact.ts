/**
 * Compaction of one table beside a running capture: small change files become larger ones, and the base is renewed. Nothing is
 * deleted: files that are no longer live stay until `vacuum`, for readers of earlier commits.
 */
import type { Op, TableName, TableSchema } from '../../connectors/change.ts'
import type { Environment, ObjectStore } from '../../connectors/ports.ts'
import type { FileFormat } from '../land/data-file.ts'
import type { FileWriterOptions } from '../land/file-writer.ts'
import type { FileEntry, LogState, TableCommit } from '../land/log/commit.ts'
import { baseKey, changesKey } from '../land/log/keys.ts'
import type { CommitLog } from '../land/log/log.ts'
import { isRetaken } from '../land/retaken.ts'
import { type ColumnBatch, readColumnBatches } from '../read/columns/column-batches.ts'
import { ColumnVector } from '../read/columns/column-vector.ts'
import { type CompactionPolicy, type MergeGroup, planCompaction, type Renewal, renewalAt } from './compaction-plan.ts'
import { currentRows, type SelectedFile, UnbalancedBagSignal } from './current-rows.ts'
import { GivenUpSignal, type Intent } from './intent.ts'
import { orderedRows } from './ordered-rows.ts'
import { type RewrittenFiles, rewriteFiles } from './rewritten-files.ts'
import { FIRST_COLUMN, fileColumns, withheld } from './table-columns.ts'

export type MaintenanceOptions = {
  readonly store: ObjectStore
  /** Opened for maintenance. */
  readonly log: CommitLog
  readonly intent: Intent
  readonly environment: Pick<Environment, 'now' | 'log'>
  readonly format: FileFormat
  readonly compression: FileWriterOptions['compression']
  readonly targetFileBytes: number
  /** Physical columns whose values must leave no trace in statistics. */
  readonly unstated: (schema: TableSchema) => ReadonlySet<string>
  readonly onProgress: (event: MaintenanceEvent) => void
  /** Keys compared at a time; more keys take more passes. Default: `MAX_KEYS`. */
  readonly maxKeys?: number
  readonly signal: AbortSignal
}

/** `rows` of `total` so far, in this step of the table. */
export type MaintenanceEvent = {
  readonly table: TableName
  readonly step: 'merge' | 'decide' | 'renew'
  readonly rows: number
  readonly total: number
}

export type CompactionOutcome = {
  readonly table: TableName
  /** Change files merged, and what they became. */
  readonly merged: { readonly files: number; readonly into: number; readonly rows: number }
  /** Null when the base was not renewed; `why` says so. */
  readonly renewed: { readonly rows: number; readonly files: number; readonly read: number; readonly at: string } | null
  readonly why: string | null
  /** In words, when work was given up because the log went another way meanwhile. */
  readonly givenUp: string | null
  readonly bytesWritten: number
}

/** Merges of this many partitions are committed together. */
const GROUPS_PER_COMMIT = 64

/** Throws what the store throws and `CORRUPT` for damaged inputs; what was committed before stays. */
export async function compactTable(
  table: TableName,
  policy: CompactionPolicy,
  options: MaintenanceOptions,
): Promise<CompactionOutcome> {
  const { log, environment } = options
  const state = log.state()
  const current = state.tables[table]
  const outcome = { table, merged: { files: 0, into: 0, rows: 0 }, renewed: null, why: null, givenUp: null, bytesWritten: 0 }
  if (current === undefined) return { ...outcome, givenUp: 'it left the integration' }
  const plan = planCompaction(log.lake, current, { position: state.position, now: environment.now() }, policy)
  let merged = outcome.merged
  let bytesWritten = 0
  const sizeOf = (files: readonly FileEntry[]): number => files.reduce((sum, { size }) => sum + size, 0)
  try {
    for (let first = 0; first < plan.merges.length; first += GROUPS_PER_COMMIT) {
      const groups = plan.merges.slice(first, first + GROUPS_PER_COMMIT)
      const inputs = groups.flatMap(({ files }) => files)
      const files = await mergeGroups(table, groups, options)
      merged = {
        files: merged.files + inputs.length,
        into: merged.into + files.length,
        rows: merged.rows + inputs.reduce((sum, { rows }) => sum + rows, 0),
      }
      bytesWritten += sizeOf(files)
    }
    if (plan.renewal === null) return { ...outcome, merged, bytesWritten, why: plan.unrenewed }
    const renewed = await renewBase(table, plan.renewal, options)
    if (typeof renewed === 'string') return { ...outcome, merged, bytesWritten, why: renewed }
    return { ...outcome, merged, renewed: renewed.told, bytesWritten: bytesWritten + sizeOf(renewed.files) }
  } catch (error) {
    if (error instanceof GivenUpSignal) return { ...outcome, merged, bytesWritten, givenUp: error.message }
    throw error
  }
}

/** Every row of the file, under the target version. The bytes read are checked against the log's checksum. */
export function openFile(
  table: TableName,
  file: FileEntry,
  target: TableSchema,
  { store, log, signal }: MaintenanceOptions,
): AsyncGenerator<ColumnBatch> {
  const versions = log.state().tables[table]?.versions ?? {}
  return readColumnBatches({ store, file, columns: fileColumns({ versions }, file, target), verify: true, signal })
}

async function mergeGroups(
  table: TableName,
  groups: readonly MergeGroup[],
  options: MaintenanceOptions,
): Promise<readonly FileEntry[]> {
  const inputs = groups.flatMap(({ files }) => files)
  const total = inputs.reduce((sum, { rows }) => sum + rows, 0)
  let done = 0
  return await rewriting(table, options, async (open) => {
    const added: FileEntry[] = []
    for (const { date, files, schema } of groups) {
      const target = open({ schema, part: 'changes', date, inputs: files })
      const rows = orderedRows(files, (file) => openFile(table, file, schema, options), { strict: true })
      for await (const run of rows) {
        await target.appendRange(run.batch, run.from, run.to)
        done += run.to - run.from
        options.onProgress({ table, step: 'merge', rows: done, total })
        await options.intent.keepAlive(options.signal)
      }
      added.push(...(await target.close()))
    }
    const removed = inputs.map(({ key }) => key)
    return {
      added,
      draft: (state) => {
        const live = new Set(state.tables[table]?.changes.map(({ key }) => key))
        if (!removed.every((key) => live.has(key))) throw new GivenUpSignal('files that it merged are no longer live')
        return { removed, added }
      },
    }
  })
}

/** The renewed base in the log; in words why there is none. */
async function renewBase(
  table: TableName,
  planned: Renewal,
  options: MaintenanceOptions,
): Promise<{ readonly files: readonly FileEntry[]; readonly told: NonNullable<CompactionOutcome['renewed']> } | string> {
  const { log } = options
  const state = log.state().tables[table]
  // Merging has replaced change files meanwhile: the same rows in other places.
  const renewal = state === undefined ? 'it left the integration' : renewalAt(state, planned.at)
  if (state === undefined || typeof renewal === 'string') return typeof renewal === 'string' ? renewal : 'it left the integration'
  const { schema, base } = state
  const { at } = renewal
  let chosen: readonly SelectedFile[]
  try {
    chosen = await chooseRows(table, schema, renewal, options)
  } catch (error) {
    if (error instanceof UnbalancedBagSignal) return 'some of its deletes match no row; "portage reconcile" tells more'
    throw error
  }
  const files = await rewriting(table, options, async (open) => {
    const target = open({ schema, part: 'base', date: null, inputs: chosen.map(({ file }) => file), boundary: at })
    await copyChosen(table, schema, chosen, target, options)
    const added = await target.close()
    return {
      added,
      draft: (newest) => {
        const now = newest.tables[table]
        const same =
          now?.base?.generation === base?.generation &&
          now?.base?.boundary === base?.boundary &&
          now?.base?.renewed?.boundary === base?.renewed?.boundary &&
          now?.schema.id === schema.id
        if (now === undefined || !same) throw new GivenUpSignal('its base was replaced meanwhile')
        const seen = new Set(renewal.changes.map(({ key }) => key))
        const unseen = now.changes.some(
          (file) => isRetaken(file) && file.minPosition > renewal.boundary && file.minPosition <= at && !seen.has(file.key),
        )
        if (unseen) throw new GivenUpSignal('rows of it were taken again meanwhile')
        const removed = (now.base?.renewed?.files ?? []).map(({ key }) => key)
        return { renewed: { boundary: at }, added, ...(removed.length === 0 ? {} : { removed }) }
      },
    }
  })
  const rows = files.reduce((sum, file) => sum + file.rows, 0)
  const read = chosen.reduce((sum, { file }) => sum + file.rows, 0)
  return { files, told: { rows, files: files.length, read, at } }
}

/** The current rows at the renewal's cut, decided from keys and positions. */
export async function chooseRows(
  table: TableName,
  schema: TableSchema,
  renewal: Renewal,
  options: MaintenanceOptions,
): Promise<readonly SelectedFile[]> {
  const { store, log, signal, onProgress } = options
  const versions = log.state().tables[table]?.versions ?? {}
  const total = [...renewal.base, ...renewal.changes].reduce((sum, { rows }) => sum + rows, 0)
  let rows = 0
  return await currentRows({
    schema,
    base: renewal.base,
    boundary: renewal.boundary,
    layered: renewal.layered,
    changes: renewal.changes,
    through: renewal.at,
    ...(options.maxKeys === undefined ? {} : { maxKeys: options.maxKeys }),
    open: async function* (file, names, needed) {
      const all = fileColumns({ versions }, file, schema)
      const metadata = all.slice(0, FIRST_COLUMN).map((column) => (needed ? column : { ...column, name: '', from: null }))
      const columns = [...metadata, ...names.flatMap((name) => all.find((column) => column.name === name) ?? [])]
      for await (const batch of readColumnBatches({ store, file, columns, verify: false, signal })) {
        rows += batch.rows
        onProgress({ table, step: 'decide', rows: Math.min(rows, total), total })
        await options.intent.keepAlive(signal)
        yield batch
      }
    },
  })
}

/** The chosen rows as they are; `op`: with this operation instead of their own. */
export async function copyChosen(
  table: TableName,
  schema: TableSchema,
  chosen: readonly SelectedFile[],
  target: RewrittenFiles,
  options: MaintenanceOptions & { readonly op?: Op },
): Promise<void> {
  const total = chosen.reduce((sum, { file }) => sum + file.rows, 0)
  let done = 0
  let picked = new Int32Array(0)
  for (const { file, keep, kept } of chosen) {
    if (kept === 0) {
      done += file.rows
      continue
    }
    let first = 0
    for await (const stored of openFile(table, file, schema, options)) {
      const batch = options.op === undefined ? stored : withOperation(stored, options.op)
      if (picked.length < batch.rows) picked = new Int32Array(batch.rows)
      let count = 0
      for (let row = 0; row < batch.rows; row++) {
        const number = first + row
        if ((((keep[number >> 3] as number) >> (number & 7)) & 1) === 1) picked[count++] = row
      }
      if (count === batch.rows) await target.appendRange(batch, 0, count)
      else if (count > 0) await target.appendPicked(batch, picked, count)
      first += batch.rows
      done += batch.rows
      options.onProgress({ table, step: 'renew', rows: done, total })
      await options.intent.keepAlive(options.signal)
    }
  }
}

function withOperation({ rows, columns }: ColumnBatch, op: Op): ColumnBatch {
  const [own, ...others] = columns
  if (own === undefined) return { rows, columns }
  const operations = new ColumnVector(own.type, Math.max(8, rows))
  operations.appendText(op, rows)
  return { rows, columns: [operations, ...others] }
}

type OpenTarget = (target: {
  readonly schema: TableSchema
  readonly part: 'base' | 'changes'
  readonly date: string | null
  /** Whose withheld statistics are withheld in the new files, too. */
  readonly inputs: readonly FileEntry[]
  /** Of a base. */
  readonly boundary?: string
}) => RewrittenFiles

let parts = 0

/**
 * Lets `work` write files and commits what it drafts of the newest state. What it wrote is deleted when nothing of it can be
 * in the log; after a commit with an unknown outcome it stays for vacuum.
 */
export async function rewriting(
  table: TableName,
  options: MaintenanceOptions,
  work: (open: OpenTarget) => Promise<{
    readonly added: readonly FileEntry[]
    readonly draft: (state: LogState) => TableCommit
  }>,
): Promise<readonly FileEntry[]> {
  const { store, log, intent, signal, format } = options
  const written: string[] = []
  const opened: RewrittenFiles[] = []
  const open: OpenTarget = ({ schema, part, date, inputs, boundary }) => {
    const target = rewriteFiles({
      store,
      format,
      compression: options.compression,
      schema,
      part,
      key: () => {
        const origin = { commit: log.state().number + 1, writer: log.writer, part: parts++, extension: format.extension }
        return date === null ? baseKey(log.lake, table, origin) : changesKey(log.lake, table, date, origin)
      },
      targetFileBytes: options.targetFileBytes,
      signal,
      metadata: new Map([
        ['portage.integration', log.lake.integration],
        ['portage.table', table],
        ['portage.schema_version', String(schema.version)],
        ['portage.commit', String(log.state().number + 1)],
        ['portage.writer', log.writer],
        ...(boundary === undefined ? [] : ([['portage.boundary', boundary]] as const)),
      ]),
      unstated: new Set([...options.unstated(schema), ...withheld(inputs)]),
      onFile: ({ key }) => written.push(key),
    })
    opened.push(target)
    return target
  }
  let appending = false
  try {
    const { added, draft } = await work(open)
    intent.assertAlive()
    signal.throwIfAborted()
    await log.append((state) => {
      appending = false
      const change = draft(state)
      appending = true
      return { kind: 'maintenance', tables: { [table]: change } }
    }, signal)
    return added
  } catch (error) {
    for (const target of opened) await target.abort()
    // Best effort: vacuum finds what stays. Not with the caller's signal, which may be what ended the work.
    if (!appending) await store.delete(written).catch(() => undefined)
    throw error
  }
}
