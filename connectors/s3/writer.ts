/** A streamed object: small ones in one put, larger ones in parts. Memory: one part being filled, one on its way. */
import { createHash } from 'node:crypto'
import { ConnectorError } from '../errors.ts'
import type { ObjectWriter, StoredObject } from '../ports.ts'
import { type Bucket, objectSubject } from './bucket.ts'
import { putBytes } from './conditional-put.ts'
import { throwIfAborted } from './failure.ts'
import { partBytes, startUpload, type Upload } from './multipart.ts'
import { createPartBuffer, type PartBuffer } from './part-buffer.ts'

export function openObjectWriter(bucket: Bucket, key: string, outer: AbortSignal | undefined): ObjectWriter {
  const subject = objectSubject(key)
  const hash = createHash('sha256')
  const stop = new AbortController()
  const signal = outer === undefined ? stop.signal : AbortSignal.any([outer, stop.signal])
  let size = 0
  let state: 'open' | 'closed' | 'aborted' = 'open'
  let upload: Promise<Upload> | null = null
  let filling = createPartBuffer(partBytes(1))
  let spare: PartBuffer | null = null
  let started = 0
  /** The part on its way; never rejects: the failure is thrown by the next step. */
  let sending: Promise<void> = Promise.resolve()
  let failed: { readonly error: unknown } | null = null

  const settled = async (): Promise<void> => {
    await sending
    if (failed !== null) throw failed.error
  }
  /** Waits for the part before, hands this one over and goes on with the other buffer. */
  const handOver = async (): Promise<void> => {
    await settled()
    started += 1
    upload ??= startUpload(bucket, key, signal)
    const [part, to] = [filling, upload]
    sending = (async () => (await to).send(part.bytes()))().catch((error: unknown) => {
      failed = { error }
    })
    filling = spare ?? createPartBuffer(partBytes(started + 1), true)
    filling.reset(partBytes(started + 1))
    spare = part
  }
  const discard = async (): Promise<void> => {
    state = 'aborted'
    stop.abort()
    await sending
    const begun = await upload?.catch(() => null)
    await begun?.abort()
  }
  const step = async <T>(doing: string, action: () => Promise<T>): Promise<T> => {
    if (state !== 'open') throw new ConnectorError('INTERNAL', `${subject}: ${doing} after it was ${state}`)
    try {
      throwIfAborted(outer, subject)
      return await action()
    } catch (error) {
      await discard()
      throw error
    }
  }

  return {
    key,
    get bytesWritten() {
      return size
    },
    get buffered() {
      return filling.allocated + (spare?.allocated ?? 0)
    },
    write: (chunk) =>
      step('write', async () => {
        for (let offset = 0; offset < chunk.length; ) {
          if (filling.length === partBytes(started + 1)) await handOver()
          offset += filling.append(chunk, offset)
        }
        hash.update(chunk)
        size += chunk.length
      }),
    close: (): Promise<StoredObject> =>
      step('publish', async () => {
        if (upload !== null) await handOver()
        await settled()
        const outcome = upload === null ? await putBytes(bucket, key, filling.bytes(), signal) : await (await upload).complete()
        if (outcome === 'exists') throw new ConnectorError('STORE', `${subject} already exists. Objects are written once`)
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
