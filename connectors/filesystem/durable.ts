/** Durable publication of files: temporary file, fsync, hard link, fsync of every directory that changed. */
import { link, mkdir, open, rmdir, unlink } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { systemCode } from './failure.ts'

/** Directories refuse fsync on some systems (Windows); there the rename-like operations are durable on their own. */
const NO_DIRECTORY_SYNC = new Set(['EPERM', 'EISDIR', 'EINVAL', 'EACCES'])

export async function syncDirectory(directory: string): Promise<void> {
  let handle: Awaited<ReturnType<typeof open>>
  try {
    handle = await open(directory, 'r')
  } catch (error) {
    if (process.platform === 'win32' && NO_DIRECTORY_SYNC.has(systemCode(error) ?? '')) return
    throw error
  }
  try {
    await handle.sync()
  } catch (error) {
    if (!NO_DIRECTORY_SYNC.has(systemCode(error) ?? '')) throw error
  } finally {
    await handle.close()
  }
}

/** Creates the directory and what is missing above it; each new name is durable before this returns. */
export async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true })
  if (first === undefined) return
  for (let created = directory; ; created = dirname(created)) {
    await syncDirectory(dirname(created))
    if (created === first || created.length <= first.length) return
  }
}

/** A pruned directory can vanish between mkdir and link; each retry needs another pruner to win again. */
const LINK_ATTEMPTS = 8

/**
 * Gives the synced temporary file its final name unless the name is taken, and removes the temporary name.
 * Durable when it returns, also when it says `exists` (the other writer may not have synced the directory yet).
 */
export async function publish(temporary: string, target: string): Promise<'created' | 'exists'> {
  let outcome: 'created' | 'exists' = 'created'
  for (let attempt = 1; ; attempt++) {
    try {
      await link(temporary, target)
      break
    } catch (error) {
      const code = systemCode(error)
      if (code === 'EEXIST') {
        outcome = 'exists'
        break
      }
      if (code !== 'ENOENT' || attempt === LINK_ATTEMPTS) throw error
      await makeDirectory(dirname(target))
    }
  }
  await unlink(temporary)
  await syncDirectory(dirname(target))
  return outcome
}

/** Removes directories that became empty, from `directory` up to but without `root`. Never fails. */
export async function pruneEmpty(directory: string, root: string): Promise<void> {
  for (let current = directory; current.startsWith(join(root, sep)) && current !== root; current = dirname(current)) {
    try {
      await rmdir(current)
    } catch {
      return
    }
  }
}
