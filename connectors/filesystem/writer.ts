/** A streamed object: bytes go to a temporary file, the name appears at `close`. Memory: one chunk. */
import { createHash } from 'node:crypto'
import { open, unlink } from 'node:fs/promises'
import { ConnectorError } from '../errors.ts'
import type { ObjectWriter, StoredObject } from '../ports.ts'
import { publish } from './durable.ts'
import { failure, throwIfAborted } from './failure.ts'

export async function openFileWriter(
  key: string,
  paths: { readonly temporary: string; readonly target: string },
  signal: AbortSignal | undefined,
): Promise<ObjectWriter> {
  const subject = `Object "${key}"`
  const handle = await open(paths.temporary, 'wx')
  const hash = createHash('sha256')
  let size = 0
  let state: 'open' | 'closed' | 'aborted' = 'open'

  const discard = async (): Promise<void> => {
    state = 'aborted'
    await handle.close().catch(() => undefined)
    await unlink(paths.temporary).catch(() => undefined)
  }
  const step = async <T>(doing: string, action: () => Promise<T>): Promise<T> => {
    if (state !== 'open') throw new ConnectorError('INTERNAL', `${subject}: ${doing} after it was ${state}`)
    try {
      throwIfAborted(signal, subject)
      return await action()
    } catch (error) {
      await discard()
      throw failure(error, doing, subject)
    }
  }

  return {
    key,
    get bytesWritten() {
      return size
    },
    write: (chunk) =>
      step('write', async () => {
        for (let offset = 0; offset < chunk.length; ) {
          const { bytesWritten } = await handle.write(chunk, offset, chunk.length - offset)
          offset += bytesWritten
        }
        hash.update(chunk)
        size += chunk.length
      }),
    close: (): Promise<StoredObject> =>
      step('publish', async () => {
        await handle.sync()
        await handle.close()
        throwIfAborted(signal, subject)
        if ((await publish(paths.temporary, paths.target)) === 'exists') {
          throw new ConnectorError('STORE', `${subject} already exists. Objects are written once`)
        }
        state = 'closed'
        return { key, size, sha256: hash.digest('hex') }
      }),
    abort: async () => {
      if (state === 'open') await discard()
    },
    [Symbol.asyncDispose]: async () => {
      if (state === 'open') await discard()
    },
  }
}
