/** The views-only database file: read where it stands, replaced as a whole by rename. I/O. */
import { copyFile, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ConnectorError } from '../errors.ts'
import type { Environment } from '../ports.ts'
import { type Database, type OpenOptions, openDatabase } from './instance.ts'
import { hasLedger } from './ledger.ts'
import { withFileLock } from './lock.ts'

export type ViewsFile = {
  readonly path: string
  /**
   * Opens the newest file for reading; null when nothing was ever registered. A later swap does not disturb it. Throws
   * `UNAVAILABLE` while another process has it open for writing, `CORRUPT` for a damaged file and `CONFIGURATION` for a
   * database of someone else.
   */
  read(): Promise<Database | null>
  /**
   * Hands a writable copy of the newest file (or a new one) to the work and swaps it in when the work returns true. Readers
   * see the old file or the new one, whole. One caller at a time per path, across processes.
   */
  replace(signal: AbortSignal, work: (next: Database) => Promise<boolean>): Promise<void>
}

export function viewsFile(
  path: string,
  settings: Pick<OpenOptions, 'threads' | 'memoryLimit' | 'temporaryDirectory'>,
  environment: Pick<Environment, 'sleep' | 'now'>,
): ViewsFile {
  const next = `${path}.next`
  const openAt = async (file: string, access: 'read' | 'write') => {
    try {
      return await openDatabase(file, { ...settings, access })
    } catch (error) {
      const holder = lockHolder(error)
      if (holder !== null) {
        throw new ConnectorError(
          'UNAVAILABLE',
          `DuckDB views file "${file}" is open for writing in ${holder}, which keeps everyone else out. Close it there, or open it read-only (duckdb -readonly)`,
          { cause: error },
        )
      }
      throw new ConnectorError(
        'CORRUPT',
        `DuckDB views file "${file}" cannot be opened. It holds views only: delete it and register again with "portage register <integration> --repair"`,
        { cause: error },
      )
    }
  }
  const read = async (): Promise<Database | null> => {
    if (!(await exists(path))) return null
    const database = await openAt(path, 'read')
    if (await hasLedger(database)) return database
    await database[Symbol.asyncDispose]()
    throw new ConnectorError(
      'CONFIGURATION',
      `DuckDB file "${path}" was not made by Portage, which replaces its file of views as a whole. Give the connection another "path"`,
    )
  }
  return {
    path,
    read,
    replace: (signal, work) =>
      withFileLock(path, environment, signal, async () => {
        await mkdir(dirname(path), { recursive: true })
        await discard(next)
        try {
          const current = await read()
          await current?.[Symbol.asyncDispose]()
          if (current !== null) await copyFile(path, next)
          let changed: boolean
          {
            await using database = await openAt(next, 'write')
            changed = await work(database)
          }
          if (!changed) return
          signal.throwIfAborted()
          await syncPath(next)
          await rename(next, path)
          await syncPath(dirname(path))
        } finally {
          await discard(next)
        }
      }),
  }
}

/** Who holds the file, in DuckDB's words ("Conflicting lock is held in … (PID 4711)"); null when that is not what is wrong. */
function lockHolder(error: unknown): string | null {
  const message = error instanceof Error ? error.message : ''
  if (!/could not set lock|conflicting lock/i.test(message)) return null
  const pid = /\(PID (\d+)\)/i.exec(message)?.[1]
  return pid === undefined ? 'another process' : `process ${pid}`
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw new ConnectorError('STORE', `DuckDB views file "${path}" cannot be looked at`, { cause: error })
  }
}

async function discard(next: string): Promise<void> {
  await rm(next, { force: true })
  await rm(`${next}.wal`, { force: true })
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
