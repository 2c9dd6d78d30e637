/**
 * Temporary files of one process, in `<root>/.tmp-portage/`, named `<place>-<pid>-<random>`. What a killed process left
 * is removed when the store is opened again: at once when the process is known to be gone, else after a day.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readdir, readlink, stat, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { systemCode } from './failure.ts'

export const TEMPORARY_DIRECTORY = '.tmp-portage'

const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000

/** Process ids mean something only within one host and process namespace (containers share volumes, not ids). */
async function placeName(): Promise<string> {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '')
  return createHash('sha256').update(`${hostname()} ${namespace}`).digest('hex').slice(0, 12)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
}

export type TemporaryNames = { readonly directory: string; readonly next: () => string }

export async function temporaryNames(root: string): Promise<TemporaryNames> {
  const directory = join(root, TEMPORARY_DIRECTORY)
  const place = await placeName()
  return { directory, next: () => join(directory, `${place}-${process.pid}-${randomBytes(8).toString('hex')}`) }
}

/** Removes temporary files of dead processes. Never fails: what cannot be removed waits for the next time. */
export async function removeAbandoned(root: string, now: Date): Promise<void> {
  const directory = join(root, TEMPORARY_DIRECTORY)
  const place = await placeName()
  const names = await readdir(directory).catch(() => [])
  for (const name of names) {
    const [owner, pid] = name.split('-')
    const path = join(directory, name)
    const gone = owner === place && !isAlive(Number(pid))
    const info = gone ? null : await stat(path).catch(() => null)
    if (gone || (info !== null && now.getTime() - info.mtimeMs > ABANDONED_AFTER_MS)) await unlink(path).catch(() => undefined)
  }
}
