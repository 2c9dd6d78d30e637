/** Files on this machine, outside any lake: read by ranges, written as a whole. I/O. */
import { randomBytes } from 'node:crypto'
import { open, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ConnectorError } from '../errors.ts'
import type { ReadableFile, WritableFile } from '../tables.ts'
import { makeDirectory, syncDirectory } from './durable.ts'
import { failure, systemCode } from './failure.ts'

/** Throws `NOT_FOUND` when there is no such file, `STORE` when it cannot be read. */
export async function openLocalFile(path: string): Promise<ReadableFile> {
  const subject = `File "${path}"`
  let handle: Awaited<ReturnType<typeof open>>
  try {
    handle = await open(path, 'r')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw new ConnectorError('NOT_FOUND', `${subject} does not exist`, { cause: error })
    throw failure(error, 'read', subject)
  }
  const before = await handle.stat()
  if (!before.isFile()) {
    await handle.close()
    throw new ConnectorError(
      'STORE',
      `${subject} is not a file${before.isDirectory() ? ' but a directory; name one file in it' : ''}`,
    )
  }
  return {
    name: path,
    size: before.size,
    path,
    read: async (start, end, signal) => {
      signal.throwIfAborted()
      const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(end, before.size) - start))
      try {
        for (let filled = 0; filled < bytes.length; ) {
          const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, start + filled)
          if (bytesRead === 0) break
          filled += bytesRead
        }
      } catch (error) {
        throw failure(error, 'read', subject)
      }
      const now = await handle.stat()
      if (now.size !== before.size || now.mtimeMs !== before.mtimeMs) {
        throw new ConnectorError('CORRUPT', `${subject} was changed while it was read. Run again when nobody writes to it`)
      }
      return bytes
    },
    [Symbol.asyncDispose]: () => handle.close(),
  }
}

/** The bytes stand under a temporary name beside the target until `close` renames them over it, durably. */
export async function createLocalFile(path: string): Promise<WritableFile> {
  const subject = `File "${path}"`
  const directory = dirname(path)
  const temporary = join(directory, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
  let handle: Awaited<ReturnType<typeof open>>
  try {
    const present = await stat(path).catch(() => null)
    if (present?.isDirectory()) throw new ConnectorError('STORE', `${subject} is a directory; name a file in it`)
    await makeDirectory(directory)
    handle = await open(temporary, 'wx')
  } catch (error) {
    throw error instanceof ConnectorError ? error : failure(error, 'create', subject)
  }
  let state: 'open' | 'closed' = 'open'
  const abort = async (): Promise<void> => {
    if (state === 'closed') return
    state = 'closed'
    await handle.close().catch(() => undefined)
    await unlink(temporary).catch(() => undefined)
  }
  return {
    name: path,
    write: async (chunk) => {
      try {
        for (let written = 0; written < chunk.length; ) {
          written += (await handle.write(chunk, written, chunk.length - written)).bytesWritten
        }
      } catch (error) {
        throw failure(error, 'write', subject)
      }
    },
    close: async () => {
      try {
        await handle.sync()
        await handle.close()
        await rename(temporary, path)
        state = 'closed'
        await syncDirectory(directory)
      } catch (error) {
        throw failure(error, 'write', subject)
      }
    },
    abort,
    [Symbol.asyncDispose]: abort,
  }
}
