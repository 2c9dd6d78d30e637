/** A bucket as stages see it: over S3's protocol, or a directory of this machine. I/O. */
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { SqlError } from '../../engine.ts'

export type StoredObject = { readonly key: string; readonly size: number; readonly etag: string; readonly lastModified: Date }

export interface Bucket {
  /** Tells apart buckets of one name at different places. */
  readonly identity: string
  list(prefix: string, signal: AbortSignal): Promise<readonly StoredObject[]>
  head(key: string, signal: AbortSignal): Promise<StoredObject | null>
  /** Into a new file; false when there is no such object. */
  download(key: string, path: string, signal: AbortSignal): Promise<boolean>
  put(key: string, bytes: Uint8Array, signal: AbortSignal): Promise<void>
  delete(key: string, signal: AbortSignal): Promise<void>
}

export type BucketAddress = {
  readonly bucket: string
  /** URL; null = the region's own. */
  readonly endpoint: string | null
  readonly region: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken: string | null }
}

/** As Snowflake says that storage refused or failed; `words` hold no secret. */
export const storageError = (words: string): SqlError =>
  new SqlError('091003', '57014', `Failure using stage area. Cause: [${words}]`)

/** The client is loaded when a stage on S3 is used. */
export async function openS3Bucket({ bucket, endpoint, region, credentials }: BucketAddress): Promise<Bucket & AsyncDisposable> {
  const s3 = await import('@aws-sdk/client-s3')
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  const client = new s3.S3Client({
    region,
    ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }) },
    maxAttempts: 3,
  })
  const at = { Bucket: bucket }
  const attempt = async <T>(work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work()
    } catch (error) {
      const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } }
      if (name === 'NoSuchKey' || name === 'NotFound') return null
      if (name === 'AbortError') throw error
      throw storageError(
        `${name === 'NoSuchBucket' ? 'The specified bucket does not exist' : name} (Status Code: ${$metadata?.httpStatusCode ?? 0})`,
      )
    }
  }
  return {
    identity: `${endpoint ?? region}/${bucket}`,
    list: async (prefix, signal) => {
      const found: StoredObject[] = []
      let token: string | undefined
      do {
        const page = await attempt(() =>
          client.send(
            new s3.ListObjectsV2Command({ ...at, Prefix: prefix, ...(token === undefined ? {} : { ContinuationToken: token }) }),
            { abortSignal: signal },
          ),
        )
        for (const { Key, Size, ETag, LastModified } of page?.Contents ?? []) {
          if (Key !== undefined)
            found.push({ key: Key, size: Size ?? 0, etag: unquoted(ETag), lastModified: LastModified ?? new Date(0) })
        }
        token = page?.NextContinuationToken
      } while (token !== undefined)
      return found
    },
    head: async (key, signal) => {
      const found = await attempt(() => client.send(new s3.HeadObjectCommand({ ...at, Key: key }), { abortSignal: signal }))
      return found === null
        ? null
        : { key, size: found.ContentLength ?? 0, etag: unquoted(found.ETag), lastModified: found.LastModified ?? new Date(0) }
    },
    download: async (key, path, signal) => {
      const found = await attempt(() => client.send(new s3.GetObjectCommand({ ...at, Key: key }), { abortSignal: signal }))
      if (found === null) return false
      if (!(found.Body instanceof Readable)) throw storageError('an object without a body')
      await mkdir(dirname(path), { recursive: true })
      await pipeline(found.Body, createWriteStream(path), { signal })
      return true
    },
    put: async (key, bytes, signal) => {
      await attempt(() => client.send(new s3.PutObjectCommand({ ...at, Key: key, Body: bytes }), { abortSignal: signal }))
    },
    delete: async (key, signal) => {
      await attempt(() => client.send(new s3.DeleteObjectCommand({ ...at, Key: key }), { abortSignal: signal }))
    },
    [Symbol.asyncDispose]: async () => client.destroy(),
  }
}

const unquoted = (etag: string | undefined): string => (etag ?? '').replaceAll('"', '')

/** Keys are paths below the directory. */
export function openDirectoryBucket(directory: string): Bucket {
  const pathOf = (key: string): string => {
    if (key.split('/').includes('..')) throw storageError('a key leaves its bucket')
    return join(directory, key)
  }
  const found = async (key: string): Promise<StoredObject | null> => {
    const file = await stat(pathOf(key)).catch(() => null)
    if (file === null || !file.isFile()) return null
    return {
      key,
      size: file.size,
      etag: `${file.size.toString(16)}-${Math.round(file.mtimeMs).toString(16)}`,
      lastModified: file.mtime,
    }
  }
  return {
    identity: directory,
    list: async (prefix) => {
      const start = prefix.slice(0, prefix.lastIndexOf('/') + 1)
      const entries = await readdir(pathOf(start), { recursive: true, withFileTypes: true }).catch(() => [])
      const keys = entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
        .filter((key) => key.startsWith(prefix))
        .sort()
      const objects = await Promise.all(keys.map(found))
      return objects.filter((each) => each !== null)
    },
    head: found,
    download: async (key, path) => {
      const bytes = await readFile(pathOf(key)).catch(() => null)
      if (bytes === null) return false
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, bytes)
      return true
    },
    put: async (key, bytes) => {
      const path = pathOf(key)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(`${path}.part`, bytes)
      await rename(`${path}.part`, path)
    },
    delete: async (key) => rm(pathOf(key), { force: true }),
  }
}
