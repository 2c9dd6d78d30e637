/**
 * Record batches → files. Change files stay open from commit to commit, one per table, schema version and date; base files
 * belong to one snapshot chunk. A file is durable before its entry is given out.
 */
import type { Position, Reject, RowBatch, TableName, TableSchema } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import { type DataFile, type FileFormat, openDataFile } from './data-file.ts'
import type { FileWriterOptions } from './file-writer.ts'
import type { FileEntry } from './log/commit.ts'
import { baseKey, changesKey, rejectsKey } from './log/keys.ts'
import type { CommitLog } from './log/log.ts'

export type LanderOptions = {
  readonly store: ObjectStore
  readonly log: Pick<CommitLog, 'lake' | 'writer' | 'state'>
  readonly format: FileFormat
  readonly compression: FileWriterOptions['compression']
  /** A file is closed when it has grown to this size. */
  readonly targetFileBytes: number
  /** Added to every file's key-value metadata. */
  readonly metadata: ReadonlyMap<string, string>
  /** Physical columns whose values must leave no trace in statistics. Default: none. */
  readonly unstated?: (schema: TableSchema) => ReadonlySet<string>
  /** Memory that open change files may hold together. Default: `MAX_BUFFERED_BYTES`. */
  readonly maxBufferedBytes?: number
}

export const MAX_BUFFERED_BYTES = 48 * 1024 ** 2
/** A file that takes less is not worth relieving. */
const RELIEVED_BYTES = 64 * 1024
/** Each open file holds a descriptor or an upload. */
export const MAX_OPEN_FILES = 256
/** Files published at a time: each waits for the store, not for us. */
const CLOSING_AT_ONCE = 8

/** `allocated`: when it last grew or shrank. */
type OpenFile = { readonly file: DataFile; allocated: number }

/** One snapshot chunk of a table. */
export type BasePart = { readonly schema: TableSchema; readonly generation: number; readonly part: string }

export interface Lander {
  /**
   * Adds the rows to the open change files. The batch may be released when it settles; the caller releases it. A file that is
   * opened by it lives no longer than the signal.
   */
  appendChanges(rows: RowBatch, schema: TableSchema, signal?: AbortSignal): Promise<void>
  /** Publishes every open change file and returns the entries since the last call, for one commit. */
  takeChanges(signal: AbortSignal): Promise<ReadonlyMap<TableName, readonly FileEntry[]>>
  /** Writes one chunk's rows and releases its batches. No rows, no file. Any number may run side by side. */
  writeBase(base: BasePart, batches: AsyncIterable<RowBatch>, signal: AbortSignal): Promise<readonly FileEntry[]>
  /** Deletes published files that will never be named by a commit. */
  discard(files: readonly FileEntry[], signal: AbortSignal): Promise<void>
  /** Keeps rows that a target cannot hold, as JSON lines; durable when it settles. A repeat after a crash writes them again. */
  writeRejects(rejects: readonly Reject[], signal: AbortSignal): Promise<void>
  /** Drops the open change files; published ones without a commit are swept by the next run. */
  abort(): Promise<void>
}

export function openLander(options: LanderOptions): Lander {
  const { store, log } = options
  const maxBuffered = options.maxBufferedBytes ?? MAX_BUFFERED_BYTES
  /** In order of use: the first has waited longest. */
  const open = new Map<string, OpenFile>()
  let finished: FileEntry[] = []
  let owners = new Map<string, TableName>()
  let parts = 0

  const origin = (extension: string) => ({ commit: log.state().number + 1, writer: log.writer, part: parts++, extension })

  const openFile = (
    { schema, rows }: { readonly schema: TableSchema; readonly rows: RowBatch },
    base: BasePart | null,
    signal?: AbortSignal,
  ): Promise<DataFile> => {
    const from = origin(options.format.extension)
    const key = base === null ? changesKey(log.lake, schema.table, dateOf(rows), from) : baseKey(log.lake, schema.table, from)
    const metadata = new Map([
      ...options.metadata,
      ['portage.integration', log.lake.integration],
      ['portage.table', schema.table],
      ['portage.schema_version', String(schema.version)],
      ['portage.commit', String(from.commit)],
      ['portage.writer', log.writer],
      ...(base === null ? [] : ([['portage.snapshot', `${base.generation}/${base.part}`]] as const)),
    ])
    const { format, compression } = options
    const unstated = options.unstated?.(schema) ?? new Set<string>()
    const part = base === null ? 'changes' : 'base'
    return openDataFile({ store, key, format, compression, schema, part, metadata, unstated, signal }, rows)
  }

  const finish = async (name: string, { file }: OpenFile): Promise<void> => {
    open.delete(name)
    try {
      const entry = await file.close()
      owners.set(entry.key, file.schema.table)
      finished.push(entry)
    } catch (error) {
      await file.abort()
      throw error
    }
  }

  /**
   * Keeps memory bounded: the fullest files end a row group, which costs no file. Files are closed only when too many are
   * open, or when even their empty buffers are too much: those that have waited longest.
   */
  const relieve = async (): Promise<void> => {
    for (;;) {
      const entries = [...open]
      const [oldest] = entries
      if (oldest === undefined) return
      const allocated = entries.reduce((sum, [, { allocated: bytes }]) => sum + bytes, 0)
      if (entries.length > MAX_OPEN_FILES) {
        await finish(...oldest)
        continue
      }
      if (allocated <= maxBuffered) return
      const fullest = entries.reduce((most, each) => (each[1].allocated > most[1].allocated ? each : most))
      const [, full] = fullest
      const before = full.allocated
      if (before < RELIEVED_BYTES) await finish(...oldest)
      else {
        await full.file.relieve()
        full.allocated = full.file.allocated
        // What stays is not in row groups.
        if (full.allocated > before / 2) await finish(...fullest)
      }
    }
  }

  const abort = async (): Promise<void> => {
    const files = [...open.values()]
    open.clear()
    finished = []
    owners = new Map()
    await Promise.all(files.map(({ file }) => file.abort()))
  }

  return {
    async appendChanges(rows, schema, signal) {
      if (rows.batch.numRows === 0) return
      // A table that left the log and came back has other versions under the same numbers.
      const name = `${schema.table}\n${schema.version}\n${schema.since}\n${dateOf(rows)}`
      const entry = open.get(name) ?? { file: await openFile({ schema, rows }, null, signal), allocated: 0 }
      open.delete(name)
      open.set(name, entry)
      await entry.file.append(rows)
      entry.allocated = entry.file.allocated
      if (entry.file.bytes >= options.targetFileBytes) await finish(name, entry)
      await relieve()
    },
    async takeChanges(signal) {
      signal.throwIfAborted()
      try {
        const queue = [...open][Symbol.iterator]()
        const closing = async (): Promise<void> => {
          for (const [name, entry] of queue) await finish(name, entry)
        }
        await settleAll(Array.from({ length: CLOSING_AT_ONCE }, closing))
      } catch (error) {
        await abort()
        throw error
      }
      const taken = finished.sort((a, b) => (a.key < b.key ? -1 : 1))
      const byTable = Map.groupBy(taken, ({ key }) => owners.get(key) as TableName)
      finished = []
      owners = new Map()
      return byTable
    },
    async writeBase(base, batches, signal) {
      const entries: FileEntry[] = []
      let file: DataFile | null = null
      try {
        for await (const rows of batches) {
          try {
            signal.throwIfAborted()
            if (rows.batch.numRows === 0) continue
            file ??= await openFile({ schema: base.schema, rows }, base, signal)
            await file.append(rows)
          } finally {
            rows.release()
          }
          if (file.bytes < options.targetFileBytes) continue
          entries.push(await file.close())
          file = null
        }
        if (file !== null) entries.push(await file.close())
        return entries
      } catch (error) {
        await file?.abort()
        throw error
      }
    },
    discard: (files, signal) =>
      store.delete(
        files.map(({ key }) => key),
        signal,
      ),
    async writeRejects(rejects, signal) {
      if (rejects.length === 0) return
      await using writer = await store.openWriter(rejectsKey(log.lake, origin('jsonl')), signal)
      for (const reject of rejects) await writer.write(encodeReject(reject))
      await writer.close()
    },
    abort,
  }
}

/** Waits for all, so that nothing goes on behind an error; then throws the first one. */
async function settleAll(actions: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(actions)) if (result.status === 'rejected') throw result.reason
}

function dateOf(rows: RowBatch): string {
  if (rows.date !== null) return rows.date
  throw new ConnectorError('INTERNAL', `Change batch of "${rows.table.table}" has no date`)
}

/** One line of a rejects file. */
export type RejectLine = {
  readonly table: TableName
  readonly position: Position
  readonly column: string
  readonly reason: string
  readonly row: Reject['row']
}

function encodeReject({ table, position, column, reason, row }: Reject): Uint8Array {
  const line: RejectLine = { table, position, column, reason, row }
  return new TextEncoder().encode(`${JSON.stringify(line)}\n`)
}
