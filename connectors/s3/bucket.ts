/** What every call to the bucket needs: the client, the names, the attempts, and the options of a write. */
import { randomUUID } from 'node:crypto'
import type { PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3'
import type { Environment } from '../ports.ts'
import { type Attempts, createAttempts } from './attempts.ts'
import type { Attempted } from './failure.ts'
import { bucketName, type S3Options } from './options.ts'

export type Bucket = {
  readonly client: S3Client
  readonly options: S3Options
  readonly attempts: Attempts
  readonly environment: Pick<Environment, 'now' | 'sleep' | 'random' | 'log'>
  /** `s3://bucket/prefix`, for messages. */
  readonly name: string
  /** The key in the bucket of a key of the store, and back (null: not below our prefix). */
  readonly keyIn: (key: string) => string
  readonly keyOf: (inBucket: string) => string | null
  readonly attempted: (action: string, subject: string) => Attempted
}

export function openBucket(client: S3Client, options: S3Options, environment: Bucket['environment']): Bucket {
  const root = options.prefix === undefined ? '' : `${options.prefix}/`
  const place = options.endpoint ?? (options.assume_role === undefined ? 'Amazon S3' : 'Amazon S3 or STS')
  return {
    client,
    options,
    attempts: createAttempts(options, environment),
    environment,
    name: bucketName(options),
    keyIn: (key) => root + key,
    keyOf: (inBucket) => (inBucket.startsWith(root) ? inBucket.slice(root.length) : null),
    attempted: (action, subject) => ({
      ...{ action, subject, place },
      ...{ bucket: options.bucket, prefix: options.prefix, profile: options.profile },
    }),
  }
}

/** Directory of objects of the store's own, as in the other stores; listings leave it out. */
export const PROBES = '.tmp-portage/'

export const objectSubject = (key: string): string => (key.includes(PROBES) ? 'Probe object' : `Object "${key}"`)

/** User metadata that tells our own write from another's when its answer was lost. */
const TOKEN = 'portage-write'

export const newToken = (): string => randomUUID()

/** What the store's metadata say of the writer; undefined when they say nothing. */
export const tokenIn = (metadata: Readonly<Record<string, string>> | undefined): string | undefined => metadata?.[TOKEN]

/** Fields of a PutObject or CreateMultipartUpload: where, by whom, encrypted how. */
export function writeFields(
  { options, keyIn }: Bucket,
  key: string,
  token: string,
): Pick<PutObjectCommandInput, 'Bucket' | 'Key' | 'Metadata' | 'ServerSideEncryption' | 'SSEKMSKeyId'> {
  const { bucket, encryption } = options
  return {
    Bucket: bucket,
    Key: keyIn(key),
    Metadata: { [TOKEN]: token },
    ...(encryption === undefined ? {} : encryption === 'AES256' ? { ServerSideEncryption: 'AES256' } : {}),
    ...(typeof encryption === 'object' ? { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: encryption.kms_key_id } : {}),
  }
}
