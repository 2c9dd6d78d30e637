/**
 * Does the store keep `If-None-Match: *`? One that ignores it would let two writers overwrite each other's commits, so nothing
 * is written through a store that has not shown it: the same new key is put twice, and the second put must be refused.
 */
import { randomBytes } from 'node:crypto'
import { ConnectorError } from '../errors.ts'
import { type Bucket, objectSubject, PROBES } from './bucket.ts'
import { putBytes } from './conditional-put.ts'
import { deleteObjects } from './deletion.ts'
import { throwIfAborted } from './failure.ts'

/** Segment that listings leave out, under the first segment of the key that is about to be written: permissions may end there. */
export function probeKey(beside: string): string {
  const slash = beside.indexOf('/')
  return `${slash < 0 ? '' : beside.slice(0, slash + 1)}${PROBES}probe-${randomBytes(12).toString('hex')}`
}

export const IGNORED = 'the store ignores If-None-Match: two writers could overwrite each other'
export const IGNORED_CURE = 'Use a store with conditional writes (Amazon S3, MinIO, Ceph, R2, …), in a version that has them'

export type Conditions = {
  /** Throws `UNSUPPORTED` when the store ignores conditions; asks it once, and again after a failure. */
  readonly require: (beside: string, signal: AbortSignal | undefined) => Promise<void>
}

export function createConditions(bucket: Bucket): Conditions {
  let proof: Promise<void> | null = null
  const prove = async (beside: string, signal: AbortSignal | undefined): Promise<void> => {
    const key = probeKey(beside)
    await putBytes(bucket, key, new Uint8Array(1), signal)
    const again = await putBytes(bucket, key, new Uint8Array(1), signal)
    await deleteObjects(bucket, [key], signal).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      bucket.environment.log('warn', `${objectSubject(key)} "${key}" could not be deleted`, { reason })
    })
    if (again === 'created') throw new ConnectorError('UNSUPPORTED', `${bucket.name}: ${IGNORED}. ${IGNORED_CURE}`)
  }
  return {
    require: async (beside, signal) => {
      // One caller's abort must not fail the others.
      proof ??= prove(beside, undefined)
      const asked = proof
      try {
        await asked
      } catch (error) {
        if (proof === asked) proof = null
        throw error
      }
      throwIfAborted(signal, objectSubject(beside))
    },
  }
}
