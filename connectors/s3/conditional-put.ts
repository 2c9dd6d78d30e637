/**
 * Publishes an object only where there is none: `If-None-Match: *` (Amazon S3 User Guide, "Conditional writes"). 412: the key
 * is taken. 409: another write of the key is under way, try again. An answer that was lost leaves the outcome open: the
 * request is repeated, and a 412 then is looked into, because the object may be our own.
 */
import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { ConnectorError } from '../errors.ts'
import { type Bucket, newToken, objectSubject, tokenIn, writeFields } from './bucket.ts'
import { nameOf, statusOf } from './failure.ts'
import { readObject } from './read.ts'

export type Outcome = 'created' | 'exists'

/** A write that carries `If-None-Match: *` and whose object will bear the token. */
export type ConditionalWrite = {
  readonly bucket: Bucket
  readonly key: string
  readonly token: string
  readonly signal?: AbortSignal | undefined
  readonly bytes: number
  readonly send: (signal: AbortSignal) => Promise<unknown>
  /** Answers that, after a lost one, may mean that the write was done: 412 always does. */
  readonly alsoDoubtful?: (error: unknown) => boolean
  /** For stores that keep no metadata: whether the object under the key is what we wrote. */
  readonly isOurs: () => Promise<boolean>
}

/** 412: the key is taken. */
export const isTaken = (error: unknown): boolean => statusOf(error) === 412 || nameOf(error) === 'PreconditionFailed'

/** The store said that it did nothing. Everything else, no answer above all, leaves the outcome open. */
function isRefused(error: unknown): boolean {
  const status = statusOf(error)
  return (status >= 400 && status < 500) || nameOf(error) === 'SlowDown'
}

/** `created` exactly when the object under the key is this write's. Throws what keeps failing: then the outcome is unknown. */
export async function writeOnce(write: ConditionalWrite): Promise<Outcome> {
  const { bucket, key, signal } = write
  let doubt = false
  const request = {
    ...bucket.attempted('s3:PutObject', objectSubject(key)),
    signal,
    bytes: write.bytes,
    onRepeat: (error: unknown) => {
      doubt ||= !isRefused(error)
    },
  }
  return bucket.attempts(request, async (attemptSignal) => {
    try {
      await write.send(attemptSignal)
      return 'created'
    } catch (error) {
      const doubtful = isTaken(error) || write.alsoDoubtful?.(error) === true
      if (doubtful && doubt) return (await standsByUs(write)) ? 'created' : missing(write, error)
      if (isTaken(error)) return 'exists'
      throw error
    }
  })
}

function missing({ key, bucket }: ConditionalWrite, error: unknown): Outcome {
  if (isTaken(error)) return 'exists'
  const subject = objectSubject(key)
  throw new ConnectorError('UNAVAILABLE', `${subject} in ${bucket.name}: the upload was lost on the way to its end. Run again`, {
    cause: error,
  })
}

/** The token decides; a store that keeps no metadata is asked for the content. */
async function standsByUs({ bucket, key, token, signal, isOurs }: ConditionalWrite): Promise<boolean> {
  const found = await headToken(bucket, key, signal)
  if (found === null) return false
  return found === undefined ? isOurs() : found === token
}

/** Null: there is no object. Undefined: it has no token. */
async function headToken(bucket: Bucket, key: string, signal: AbortSignal | undefined): Promise<string | undefined | null> {
  const input = { Bucket: bucket.options.bucket, Key: bucket.keyIn(key) }
  return bucket.attempts({ ...bucket.attempted('s3:GetObject', objectSubject(key)), signal }, async (abortSignal) => {
    try {
      return tokenIn((await bucket.client.send(new HeadObjectCommand(input), { abortSignal })).Metadata)
    } catch (error) {
      if (statusOf(error) === 404) return null
      throw error
    }
  })
}

/** Puts the bytes in one request. */
export async function putBytes(
  bucket: Bucket,
  key: string,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const token = newToken()
  const input = { ...writeFields(bucket, key, token), Body: bytes, ContentLength: bytes.length, IfNoneMatch: '*' }
  return writeOnce({
    bucket,
    key,
    token,
    signal,
    bytes: bytes.length,
    send: (abortSignal) => bucket.client.send(new PutObjectCommand(input), { abortSignal }),
    isOurs: async () => {
      const found = await readObject(bucket, key, { signal })
      return found !== null && Buffer.compare(found, bytes) === 0
    },
  })
}
