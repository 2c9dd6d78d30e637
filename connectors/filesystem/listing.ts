/** Walks a directory tree in ascending byte order of whole keys, one directory in memory per level. */
import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ObjectInfo } from '../ports.ts'
import { failure, systemCode, throwIfAborted } from './failure.ts'

/** A directory `a` holds keys `a/…`, which stand after `a.b` and `a-b` but before `a0`: it is sorted by its name with the slash. */
type Entry = { readonly sort: string; readonly directory: boolean }

export async function* walk(
  root: string,
  prefix: string,
  options: { readonly after?: string; readonly signal?: AbortSignal },
): AsyncGenerator<ObjectInfo> {
  const start = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  yield* walkDirectory(root, start, prefix, options.after ?? '', options.signal)
}

async function* walkDirectory(
  root: string,
  path: string,
  prefix: string,
  after: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<ObjectInfo> {
  throwIfAborted(signal, `Listing of "${prefix}"`)
  for (const entry of await entriesOf(root, path)) {
    const key = path + entry.sort
    if (!key.startsWith(prefix) && !(entry.directory && prefix.startsWith(key))) continue
    if (entry.directory) {
      if (key > after || after.startsWith(key)) yield* walkDirectory(root, key, prefix, after, signal)
      continue
    }
    if (key <= after) continue
    throwIfAborted(signal, `Listing of "${prefix}"`)
    const info = await describe(root, key)
    if (info !== null) yield info
  }
}

async function entriesOf(root: string, path: string): Promise<readonly Entry[]> {
  let found: Dirent[]
  try {
    found = await readdir(join(root, path), { withFileTypes: true })
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return []
    throw failure(error, 'list', `Directory "${path}"`)
  }
  const entries: Entry[] = []
  for (const entry of found) {
    if (entry.name.startsWith('.tmp-')) continue
    if (entry.isDirectory()) entries.push({ sort: `${entry.name}/`, directory: true })
    else if (entry.isFile()) entries.push({ sort: entry.name, directory: false })
  }
  return entries.sort((a, b) => (a.sort < b.sort ? -1 : 1))
}

/** Null when the object is absent (also when it was deleted since the directory was read). */
export async function describe(root: string, key: string): Promise<ObjectInfo | null> {
  try {
    const info = await stat(join(root, key))
    return info.isFile() ? { key, size: info.size, modified: info.mtime } : null
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return null
    throw failure(error, 'read the size of', `Object "${key}"`)
  }
}
