/** A listed object as bytes by ranges, for as long as it stays the object that was listed. I/O through the store. */
import { createHash } from 'node:crypto'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { ObjectInfo, ObjectStore } from '../../../connectors/ports.ts'
import type { ForeignDataFile, ReadRange } from './foreign-file.ts'
import { openOrcDataFile } from './orc-data-file.ts'
import { openParquetDataFile } from './parquet-data-file.ts'

export type StoredFile = {
  readonly store: ObjectStore
  readonly object: ObjectInfo
  readonly format: 'orc' | 'parquet'
}

/** Reads the footer only. Throws `CORRUPT` when the object is another one, or gone; `FORMAT`, `UNSUPPORTED` with its address. */
export async function openStoredFile(stored: StoredFile, signal: AbortSignal): Promise<ForeignDataFile> {
  const hash = createHash('sha256')
  const plain = rangesOf(stored, signal)
  // Of what opening reads; rows are read through the same ranges later.
  let opening = true
  const read: ReadRange = async (start, end) => {
    const bytes = await plain(start, end)
    if (opening) hash.update(bytes)
    return bytes
  }
  const footerHash = (): string => {
    opening = false
    return hash.digest('hex')
  }
  const open = stored.format === 'orc' ? openOrcDataFile : openParquetDataFile
  return await aboutFile(stored, () => open(read, stored.object.size, footerHash))
}

function rangesOf(stored: StoredFile, signal: AbortSignal): ReadRange {
  const { store, object } = stored
  return async (start, end) => {
    if (!(start >= 0 && start <= end && end <= object.size)) {
      throw new ConnectorError('FORMAT', `the file is damaged: it points to bytes ${start} to ${end} of its ${object.size}`)
    }
    const bytes = await store.get(object.key, { range: { start, end }, signal })
    if (bytes === null || bytes.length !== end - start) throw changed(stored)
    return bytes
  }
}

/** Throws `CORRUPT` unless the store still says of it what the listing said. */
export async function requireUnchanged(stored: StoredFile, signal: AbortSignal): Promise<void> {
  const now = await stored.store.head(stored.object.key, signal)
  if (now === null || now.size !== stored.object.size || now.modified.getTime() !== stored.object.modified.getTime()) {
    throw changed(stored)
  }
}

const nameOf = ({ store, object }: StoredFile): string => `File "${store.address(object.key)}"`

function changed(stored: StoredFile): ConnectorError {
  return new ConnectorError('CORRUPT', `${nameOf(stored)} was changed while it was read. Run again when nobody writes to it`)
}

/** Errors of decoders, with the file that they are about. */
export async function aboutFile<T>(stored: StoredFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw withFile(stored, error)
  }
}

export function withFile(stored: StoredFile, error: unknown): unknown {
  if (!(error instanceof ConnectorError) || !['FORMAT', 'UNSUPPORTED', 'BAD_VALUE'].includes(error.code)) return error
  const cure =
    error.code === 'BAD_VALUE'
      ? '. Leave the column out with --columns, or read it through the server with a query that casts it'
      : ''
  return new ConnectorError(error.code, `${nameOf(stored)}: ${error.message}${cure}`, { cause: error.cause })
}
