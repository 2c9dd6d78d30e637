/** Deletes in batches of a thousand; each key has an answer of its own, and those that passed away are tried again. */
import { type _Error, DeleteObjectCommand, DeleteObjectsCommand } from '@aws-sdk/client-s3'
import { type Bucket, objectSubject } from './bucket.ts'
import { diagnose, failure } from './failure.ts'

/** Limit of DeleteObjects. */
const BATCH_KEYS = 1000
/** Requests at once where batches are not possible. */
const SINGLE_REQUESTS = 16

/** An absent key is not an error. Throws what one of them is refused for; others may be gone then. */
export async function deleteObjects(bucket: Bucket, keys: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  const distinct = [...new Set(keys)]
  // A batch must carry a checksum that stores of that kind may not know.
  const single = bucket.options.checksums === 'when_required'
  const size = single ? SINGLE_REQUESTS : BATCH_KEYS
  for (let start = 0; start < distinct.length; start += size) {
    const batch = distinct.slice(start, start + size)
    if (single) await Promise.all(batch.map((key) => deleteOne(bucket, key, signal)))
    else await deleteBatch(bucket, batch, signal)
  }
}

async function deleteOne(bucket: Bucket, key: string, signal: AbortSignal | undefined): Promise<void> {
  const input = { Bucket: bucket.options.bucket, Key: bucket.keyIn(key) }
  await bucket.attempts({ ...bucket.attempted('s3:DeleteObject', objectSubject(key)), signal }, (abortSignal) =>
    bucket.client.send(new DeleteObjectCommand(input), { abortSignal }),
  )
}

async function deleteBatch(bucket: Bucket, keys: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  const request = bucket.attempted('s3:DeleteObject', keys.length === 1 ? objectSubject(keys[0] ?? '') : `${keys.length} objects`)
  let left = keys
  await bucket.attempts({ ...request, signal }, async (abortSignal) => {
    const input = {
      Bucket: bucket.options.bucket,
      Delete: { Objects: left.map((key) => ({ Key: bucket.keyIn(key) })), Quiet: true },
    }
    const { Errors: errors = [] } = await bucket.client.send(new DeleteObjectsCommand(input), { abortSignal })
    const kept = errors.filter(({ Code: code }) => code !== 'NoSuchKey')
    if (kept.length === 0) return
    const final = kept.find((error) => !diagnose(asError(error), request).transient)
    if (final !== undefined) {
      const key = bucket.keyOf(final.Key ?? '') ?? ''
      throw failure(asError(final), { ...request, subject: `${objectSubject(key)}, one of ${kept.length} that stay` })
    }
    left = kept.flatMap(({ Key: key }) => bucket.keyOf(key ?? '') ?? [])
    throw asError(kept[0] ?? {})
  })
}

/** The answer for one key has the shape of an error's body. */
function asError({ Code: name = 'InternalError', Message: message }: _Error): Error {
  return Object.assign(new Error(message ?? name), { name })
}
