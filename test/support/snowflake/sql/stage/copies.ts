/** Local copies of staged files, one per content. A copy is made whole before it has its name. I/O. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Bucket, StoredObject } from './bucket.ts'

/** Where the key begins in a copy's path: behind the directory and a hash. */
export const keyStart = (directory: string): number => directory.length + 1 + 64 + 1

/** No character that the file system or DuckDB's patterns give a meaning. */
const encoded = (segment: string): string => encodeURIComponent(segment).replaceAll('*', '%2A')

export interface Copies {
  readonly directory: string
  /** The path of the object's copy; null when the object is gone. */
  get(bucket: Bucket, object: StoredObject, signal: AbortSignal): Promise<string | null>
}

export function openCopies(directory: string): Copies {
  const running = new Map<string, Promise<string | null>>()
  const fetch = async (bucket: Bucket, object: StoredObject, path: string, signal: AbortSignal): Promise<string | null> => {
    if ((await stat(path).catch(() => null)) !== null) return path
    await mkdir(dirname(path), { recursive: true })
    const part = `${path}.${randomUUID()}.part`
    try {
      if (!(await bucket.download(object.key, part, signal))) return null
      await rename(part, path)
      return path
    } finally {
      await rm(part, { force: true })
    }
  }
  return {
    directory,
    get: async (bucket, object, signal) => {
      const hash = createHash('sha256').update([bucket.identity, object.key, object.etag, object.size].join('\n')).digest('hex')
      const path = join(directory, hash, ...object.key.split('/').map(encoded))
      const known = running.get(path) ?? fetch(bucket, object, path, signal)
      running.set(path, known)
      try {
        return await known
      } finally {
        running.delete(path)
      }
    },
  }
}
