/**
 * A lake in a directory. Objects are files; publication is a hard link, so that it is atomic and refuses to overwrite.
 * Limits: one file system with hard links; a key cannot be both an object and the prefix of one (`a` and `a/b`).
 */
import { open, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { checkKey, checkReadKey } from '../object-key.ts'
import type { Environment, ObjectStore } from '../ports.ts'
import { checkDirectory } from './check.ts'
import { makeDirectory, pruneEmpty, publish, syncDirectory } from './durable.ts'
import { failure, systemCode, throwIfAborted } from './failure.ts'
import { describe, walk } from './listing.ts'
import { removeAbandoned, temporaryNames } from './temporary.ts'
import { openFileWriter } from './writer.ts'

const isAbsence = (error: unknown): boolean => ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(systemCode(error) ?? '')

/** Opens the directory as an object store; it is created with the first object. Throws `STORE` when it cannot be used. */
export async function openFilesystemStore(path: string, environment: Pick<Environment, 'now'>): Promise<ObjectStore> {
  const root = resolve(path)
  const temporary = await temporaryNames(root)
  await removeAbandoned(root, environment.now())

  /** Runs the action with a fresh temporary name; the lake's directories are created when they turn out to be missing. */
  const withTemporary = async <T>(key: string, action: (temporary: string) => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      const name = temporary.next()
      try {
        return await action(name)
      } catch (error) {
        await unlink(name).catch(() => undefined)
        if (systemCode(error) !== 'ENOENT' || attempt === 2) throw failure(error, 'write', `Object "${key}"`)
      }
      try {
        await makeDirectory(temporary.directory)
      } catch (error) {
        throw failure(error, 'create the directory of', `Object "${key}"`)
      }
    }
  }

  return {
    kind: 'filesystem',
    async putIfAbsent(key, bytes, signal) {
      checkKey(key)
      throwIfAborted(signal, `Object "${key}"`)
      return withTemporary(key, async (name) => {
        const handle = await open(name, 'wx')
        try {
          await handle.writeFile(bytes)
          await handle.sync()
        } finally {
          await handle.close()
        }
        throwIfAborted(signal, `Object "${key}"`)
        return publish(name, join(root, key))
      })
    },
    async openWriter(key, signal) {
      checkKey(key)
      throwIfAborted(signal, `Object "${key}"`)
      return withTemporary(key, (name) => openFileWriter(key, { temporary: name, target: join(root, key) }, signal))
    },
    async get(key, options = {}) {
      checkReadKey(key)
      throwIfAborted(options.signal, `Object "${key}"`)
      try {
        return await read(join(root, key), options.range)
      } catch (error) {
        if (isAbsence(error)) return null
        throw failure(error, 'read', `Object "${key}"`)
      }
    },
    async head(key, signal) {
      checkReadKey(key)
      throwIfAborted(signal, `Object "${key}"`)
      return describe(root, key)
    },
    list: (prefix, options = {}) => walk(root, prefix, options),
    async delete(keys, signal) {
      const directories = new Set<string>()
      for (const key of keys) {
        checkKey(key)
        throwIfAborted(signal, `Object "${key}"`)
        try {
          await unlink(join(root, key))
          directories.add(dirname(join(root, key)))
        } catch (error) {
          if (!isAbsence(error)) throw failure(error, 'delete', `Object "${key}"`)
        }
      }
      for (const directory of directories) {
        await syncDirectory(directory).catch(() => undefined)
        await pruneEmpty(directory, root)
      }
    },
    address: (key) => join(root, key),
    check: () => checkDirectory(root),
    [Symbol.asyncDispose]: async () => undefined,
  }
}

async function read(path: string, range: { readonly start: number; readonly end: number } | undefined): Promise<Uint8Array> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const start = Math.min(range?.start ?? 0, size)
    const end = Math.max(start, Math.min(range?.end ?? size, size))
    const bytes = new Uint8Array(end - start)
    for (let offset = 0; offset < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, offset, bytes.length - offset, start + offset)
      if (bytesRead === 0) return bytes.subarray(0, offset)
      offset += bytesRead
    }
    return bytes
  } finally {
    await handle.close()
  }
}
