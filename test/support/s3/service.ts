/** What operations share: who holds what, the clock, and the rules of a conditional publication. */
import type { Bucket, Entry, OpenUpload, StoredObject } from './catalogue.ts'
import { S3Error } from './errors.ts'
import { parameter, type S3Request } from './http-request.ts'
import { checkKey } from './keys.ts'
import { checkWrite, type WriteCondition } from './preconditions.ts'
import type { Reply } from './reply.ts'
import type { Authenticated } from './signature.ts'
import type { Storage } from './storage.ts'

export type Service = {
  readonly storage: Storage
  readonly region: string
  readonly now: () => Date
  /** Publications under way, by bucket and key. */
  readonly pending: Map<string, number>
  /** Writes that began and are not decided, by bucket and key. */
  readonly writes: Map<string, Set<WriteStart>>
}

export type Handler = (service: Service, request: S3Request, auth: Authenticated) => Promise<Reply>

/** One account owns everything. */
export const OWNER = { id: '75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a', name: 'portage' }

export const MAX_OBJECT_BYTES = 5 * 1024 ** 3

/** Whole seconds, as S3 tells times. */
export function secondOf(now: Date): number {
  return Math.floor(now.getTime() / 1000) * 1000
}

export function bucketOf(service: Service, request: S3Request): Bucket {
  return bucketNamed(service, request.bucket ?? '')
}

export function bucketNamed(service: Service, name: string): Bucket {
  const bucket = service.storage.catalogue.buckets.get(name)
  if (bucket === undefined) throw new S3Error('NoSuchBucket', 'The specified bucket does not exist', { BucketName: name })
  return bucket
}

export function keyOf(request: S3Request): string {
  const key = request.key ?? ''
  checkKey(key)
  return key
}

export function objectOf(bucket: Bucket, key: string): StoredObject {
  const object = bucket.objects.get(key)
  if (object === undefined) throw new S3Error('NoSuchKey', 'The specified key does not exist.', { Key: key })
  return object
}

export function uploadOf(bucket: Bucket, request: S3Request): OpenUpload {
  const id = parameter(request, 'uploadId') ?? ''
  const upload = bucket.uploads.get(id)
  if (upload === undefined || upload.key !== request.key) {
    throw new S3Error(
      'NoSuchUpload',
      'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
      { UploadId: id },
    )
  }
  return upload
}

/** A write from its beginning to its end: it must know whether its key was deleted meanwhile. */
export type WriteStart = Disposable & { readonly name: string; deleted: boolean }

export function startWrite({ writes }: Service, bucket: string, key: string): WriteStart {
  const name = `${bucket}/${key}`
  const start: WriteStart = {
    name,
    deleted: false,
    [Symbol.dispose]: () => {
      const others = writes.get(name)
      others?.delete(start)
      if (others?.size === 0) writes.delete(name)
    },
  }
  const begun = writes.get(name) ?? new Set()
  writes.set(name, begun.add(start))
  return start
}

/**
 * Makes an object visible, or refuses: 412 when the condition does not hold, 409 when another operation on the key is
 * under way at this moment or deleted it since this write began. The one whose publication comes first wins.
 */
export async function publishObject(
  service: Service,
  entry: Extract<Entry, { op: 'put' }>,
  condition: WriteCondition | null,
  start: WriteStart,
): Promise<void> {
  const { bucket, key } = entry
  if (condition !== null) {
    checkWrite(condition, bucketNamed(service, bucket).objects.get(key) ?? null)
    if ((service.pending.get(start.name) ?? 0) > 0 || start.deleted) {
      throw new S3Error(
        'ConditionalRequestConflict',
        'The conditional request cannot succeed due to a conflicting operation against this resource.',
        {
          Condition: condition.kind === 'absent' ? 'If-None-Match' : 'If-Match',
          Key: key,
        },
      )
    }
  }
  await whilePending(service, [start.name], () =>
    service.storage.publish(() => {
      const held = bucketNamed(service, bucket)
      checkWrite(condition, held.objects.get(key) ?? null)
      if (entry.upload !== undefined && !held.uploads.has(entry.upload)) {
        throw new S3Error('NoSuchUpload', 'The specified upload does not exist.', { UploadId: entry.upload })
      }
      return entry
    }),
  )
}

/** Deletes those of the keys that are there. `decide` may refuse when its turn comes: all by throwing, some by returning them. */
export async function publishDeletion(
  service: Service,
  bucket: string,
  keys: readonly string[],
  decide: (bucket: Bucket) => readonly string[] = () => [],
): Promise<void> {
  const names = keys.map((key) => `${bucket}/${key}`)
  await whilePending(service, names, () =>
    service.storage.publish(() => {
      const held = bucketNamed(service, bucket)
      const refused = new Set(decide(held))
      const there = keys.filter((key) => !refused.has(key) && held.objects.get(key) !== undefined)
      for (const key of there) for (const write of service.writes.get(`${bucket}/${key}`) ?? []) write.deleted = true
      return there.length === 0 ? null : { op: 'delete', bucket, keys: there }
    }),
  )
}

async function whilePending(service: Service, names: readonly string[], work: () => Promise<void>): Promise<void> {
  const { pending } = service
  for (const name of names) pending.set(name, (pending.get(name) ?? 0) + 1)
  try {
    await work()
  } finally {
    for (const name of names) {
      const left = (pending.get(name) ?? 1) - 1
      if (left === 0) pending.delete(name)
      else pending.set(name, left)
    }
  }
}
