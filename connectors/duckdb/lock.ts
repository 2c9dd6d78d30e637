/** One registering process at a time per views file. I/O. */

import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ConnectorError } from '../errors.ts'
import type { Environment } from '../ports.ts'
import { type Database, openDatabase } from './instance.ts'

const RETRY_MS = 100
export const LOCK_TIMEOUT_MS = 60_000

const chains = new Map<string, Promise<unknown>>()

/**
 * Runs the work while no other process or task of this machine holds the same path. The lock is DuckDB's own file lock
 * on `<path>.lock`: the system frees it when a process dies. Throws `TIMEOUT` after a minute.
 */
export async function withFileLock<T>(
  path: string,
  environment: Pick<Environment, 'sleep' | 'now'>,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  // File locks belong to the process, so tasks inside it queue here.
  const before = chains.get(path) ?? Promise.resolve()
  const mine = before.then(
    () => holding(path, environment, signal, work),
    () => holding(path, environment, signal, work),
  )
  chains.set(path, mine)
  try {
    return await mine
  } finally {
    if (chains.get(path) === mine) chains.delete(path)
  }
}

async function holding<T>(
  path: string,
  environment: Pick<Environment, 'sleep' | 'now'>,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true })
  const deadline = environment.now().getTime() + LOCK_TIMEOUT_MS
  for (;;) {
    signal.throwIfAborted()
    const lock = await tryLock(`${path}.lock`)
    if ('connection' in lock) {
      await using _ = lock
      return await work()
    }
    if (environment.now().getTime() >= deadline) {
      throw new ConnectorError(
        'TIMEOUT',
        `DuckDB views file "${path}" has been locked by another registration for ${LOCK_TIMEOUT_MS / 1000} s`,
        { cause: lock.busy },
      )
    }
    await environment.sleep(RETRY_MS, signal)
  }
}

async function tryLock(path: string): Promise<Database | { readonly busy: unknown }> {
  try {
    return await openDatabase(path, { access: 'write', threads: 1, memoryLimit: null, temporaryDirectory: null })
  } catch (error) {
    if (error instanceof Error && /lock/i.test(error.message)) return { busy: error }
    throw new ConnectorError('STORE', `Lock file "${path}" of the DuckDB warehouse cannot be opened for writing`, {
      cause: error,
    })
  }
}
