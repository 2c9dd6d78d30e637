/**
 * A lake in a bucket. Publication is a conditional write, so that it is atomic and refuses to overwrite; what a write means
 * after a lost answer is settled by a token in the object's metadata. Limits: keys of 1,024 bytes with the prefix.
 */
import { checkKey, checkReadKey } from '../object-key.ts'
import type { Environment, ObjectStore } from '../ports.ts'
import { objectSubject, openBucket } from './bucket.ts'
import { checkBucket } from './check.ts'
import { createClient } from './client.ts'
import { putBytes } from './conditional-put.ts'
import { createConditions } from './conditions.ts'
import { deleteObjects } from './deletion.ts'
import { throwIfAborted } from './failure.ts'
import { listObjects } from './listing.ts'
import type { S3Options } from './options.ts'
import { headObject, readObject } from './read.ts'
import { openObjectWriter } from './writer.ts'

/** Opens no connection: the first call does. Nothing is written before the store has shown that it keeps conditions. */
export function openS3Store(options: S3Options, environment: Environment): ObjectStore {
  const client = createClient(options)
  const bucket = openBucket(client, options, environment)
  const conditions = createConditions(bucket)
  const enter = (key: string, signal: AbortSignal | undefined): void => {
    checkKey(key)
    throwIfAborted(signal, objectSubject(key))
  }
  const enterRead = (key: string, signal: AbortSignal | undefined): void => {
    checkReadKey(key)
    throwIfAborted(signal, objectSubject(key))
  }
  return {
    kind: 's3',
    async putIfAbsent(key, bytes, signal) {
      enter(key, signal)
      await conditions.require(key, signal)
      return putBytes(bucket, key, bytes, signal)
    },
    async openWriter(key, signal) {
      enter(key, signal)
      await conditions.require(key, signal)
      return openObjectWriter(bucket, key, signal)
    },
    async get(key, given = {}) {
      enterRead(key, given.signal)
      return readObject(bucket, key, given)
    },
    async head(key, signal) {
      enterRead(key, signal)
      return headObject(bucket, key, signal)
    },
    list: (prefix, given = {}) => listObjects(bucket, prefix, given),
    async delete(keys, signal) {
      for (const key of keys) enter(key, signal)
      await deleteObjects(bucket, keys, signal)
    },
    address: (key) => `${bucket.name}/${key}`,
    check: (signal) => checkBucket(bucket, signal),
    [Symbol.asyncDispose]: async () => client.destroy(),
  }
}
