/** Writes one directory of files. I/O through the store. */
import type { Position, TableSchema } from '../../../connectors/change.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { ObjectStore, ObjectWriter, RegisteredFile } from '../../../connectors/ports.ts'
import type { FileWriter, FileWriterOptions } from '../../land/file-writer.ts'
import { openObjectFile } from '../../land/object-file.ts'
import type { DirectoryFormat } from './formats.ts'
import { directoryFileKey } from './keys.ts'
import { directoryRows, directorySchema } from './rows.ts'

export type DirectoryOptions = {
  readonly store: ObjectStore
  readonly format: DirectoryFormat
  readonly compression: FileWriterOptions['compression']
  readonly targetFileBytes: number
  readonly schema: TableSchema
  /** The same columns under the names that they are written with. */
  readonly stored: TableSchema
  /** Of the directory, without the slash at its end. */
  readonly key: string
  readonly files: readonly RegisteredFile[]
  readonly after: Position | null
  readonly before: Position | null
  readonly metadata: ReadonlyMap<string, string>
  readonly unstated: ReadonlySet<string>
}

export type DirectoryOutcome = { readonly files: number; readonly rows: number; readonly last: Position | null }

const FEWEST_ROWS = 65_536

type OpenFile = { readonly writer: FileWriter; readonly object: ObjectWriter | null }

/**
 * Equal calls write equal rows into equal names: files are cut by rows, whose number follows from the sizes that the log records.
 * Files that are there already, left by a registration that was interrupted, are kept. Throws what the formats throw (`BAD_VALUE`),
 * `PROOF` when a file of the lake is not what the commit says.
 */
export async function writeDirectory(options: DirectoryOptions, signal: AbortSignal): Promise<DirectoryOutcome> {
  const { store, format, schema, stored, key } = options
  const fileRows = rowsPerFile(options)
  const there = new Set<string>()
  for await (const object of store.list(`${key}/`, { signal })) there.add(object.key)
  let [files, rows] = [0, 0]
  let last: Position | null = null
  let open: OpenFile | null = null
  const openFile = async (): Promise<OpenFile> => {
    const name = directoryFileKey(key, files, format.extension)
    const { compression, metadata, unstated } = options
    const make = (sink: Pick<ObjectWriter, 'write'>): FileWriter =>
      format.createWriter({ schema: directorySchema(stored), sink, compression, metadata, unstated })
    files += 1
    if (there.has(name)) return { writer: make({ write: async () => {} }), object: null }
    return await openObjectFile(store, name, make, signal)
  }
  try {
    for await (const { batch, last: highest } of directoryRows(options, signal)) {
      open ??= await openFile()
      await open.writer.append(batch)
      rows += batch.numRows
      if (last === null || highest > last) last = highest
      if (open.writer.rows < fileRows) continue
      await finish(open, store, signal)
      open = null
    }
    if (open !== null) await finish(open, store, signal)
    open = null
    return { files, rows, last }
  } catch (error) {
    throw badValue(error, schema, format)
  } finally {
    await open?.object?.abort()
  }
}

/** Another registration of the same commit may have been quicker: its file is this one. */
async function finish({ writer, object }: OpenFile, store: ObjectStore, signal: AbortSignal): Promise<void> {
  await writer.finish()
  try {
    await object?.close()
  } catch (error) {
    const isThere = error instanceof ConnectorError && error.code === 'STORE' && object !== null
    if (!isThere || (await store.head(object.key, signal)) === null) throw error
  }
}

function rowsPerFile({ files, targetFileBytes }: DirectoryOptions): number {
  const sum = (of: (file: RegisteredFile) => number): number => files.reduce((total, file) => total + of(file), 0)
  const bytesPerRow =
    sum(({ size }) => size) /
    Math.max(
      1,
      sum(({ rows }) => rows),
    )
  return Math.max(FEWEST_ROWS, Math.floor(targetFileBytes / Math.max(1, bytesPerRow)))
}

const CURES: Readonly<Record<DirectoryFormat['name'], string>> = {
  orc: '. Give the warehouse "format: parquet" under "register", for Hive 3 "format: parquet-hive3"',
  parquet: '',
  'parquet-hive3': '. Give the warehouse "format: orc" under "register"',
}

/** Formats name the column; who reads the message also needs the table and the way out. */
function badValue(error: unknown, { table }: TableSchema, format: DirectoryFormat): unknown {
  if (!(error instanceof ConnectorError) || error.code !== 'BAD_VALUE') return error
  const cure = CURES[format.name]
  return new ConnectorError('BAD_VALUE', `Table "${table}" cannot be written as ${format.name}: ${error.message}${cure}`, {
    cause: error,
  })
}
