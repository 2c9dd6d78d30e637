/** The buckets that stages of the account lead to, opened once each; and which stage may go where. */
import type { Account } from '../catalogue/account.ts'
import type { Stage, StageOptions } from '../catalogue/objects.ts'
import { invalidParameter } from '../errors.ts'
import { type Bucket, type BucketAddress, openDirectoryBucket, openS3Bucket, storageError } from './bucket.ts'

export type StorageOptions = {
  /** Where `s3://` leads, and with which keys storage integrations go there; null = nowhere. */
  readonly s3: {
    readonly endpoint: string | null
    readonly region: string
    readonly accessKeyId: string
    readonly secretAccessKey: string
  } | null
  /** Buckets of `s3://` and `s3compat://` that are directories of this machine, by name. */
  readonly directories: ReadonlyMap<string, string>
}

export type StagePlace = {
  readonly scheme: 's3' | 's3compat'
  readonly bucket: string /** With a trailing slash, or empty. */
  readonly prefix: string
}

/** `s3://bucket/path/`; throws 001008 for anything else. */
export function stagePlace(url: string): StagePlace {
  const found = /^(s3|s3gov|s3compat):\/\/([a-z0-9][a-z0-9.-]+)(?:\/(.*))?$/.exec(url)
  if (found === null || (found[1] !== 's3' && found[1] !== 's3compat'))
    throw invalidParameter(`invalid URL prefix found in: '${url}'`)
  const prefix = found[3] ?? ''
  return { scheme: found[1], bucket: found[2] ?? '', prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/` }
}

/** Host names of this machine are spoken to without TLS. */
const endpointUrl = (host: string): string =>
  /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/.test(host) ? `http://${host}` : `https://${host}`

export interface Buckets extends AsyncDisposable {
  /** The bucket of a stage's options; throws when the account leads to none. */
  open(options: StageOptions): Promise<Bucket>
}

export function openBuckets(storage: StorageOptions, account: Account): Buckets {
  const opened = new Map<string, Promise<Bucket & Partial<AsyncDisposable>>>()
  const addressOf = (options: StageOptions): BucketAddress => {
    const { scheme, bucket } = stagePlace(options.url)
    if (scheme === 's3compat') {
      if (options.endpoint === null) throw invalidParameter("missing property 'ENDPOINT' for 's3compat' stage")
      if (options.credentials === null) throw storageError('Access Denied (Status Code: 403; Error Code: AccessDenied)')
      return {
        bucket,
        endpoint: endpointUrl(options.endpoint),
        region: storage.s3?.region ?? 'us-east-1',
        credentials: options.credentials,
      }
    }
    if (storage.s3 === null) throw storageError('The specified bucket is not reachable from this account')
    const { endpoint, region, accessKeyId, secretAccessKey } = storage.s3
    if (options.credentials !== null) return { bucket, endpoint, region, credentials: options.credentials }
    const integration = options.integration === null ? undefined : account.integrations.get(options.integration)
    if (integration === undefined) throw storageError('Access Denied (Status Code: 403; Error Code: AccessDenied)')
    return { bucket, endpoint, region, credentials: { accessKeyId, secretAccessKey, sessionToken: null } }
  }
  return {
    open: async (options) => {
      const { bucket } = stagePlace(options.url)
      const directory = storage.directories.get(bucket)
      if (directory !== undefined) return openDirectoryBucket(directory)
      const address = addressOf(options)
      const key = JSON.stringify(address)
      const known = opened.get(key) ?? openS3Bucket(address)
      opened.set(key, known)
      return await known
    },
    [Symbol.asyncDispose]: async () => {
      for (const each of opened.values()) await (await each)[Symbol.asyncDispose]?.()
    },
  }
}

/** Throws when the stage's integration does not allow its place. */
export function checkAllowed(account: Account, { url, integration }: StageOptions): void {
  if (integration === null) return
  const { allowed = [] } = account.integrations.get(integration) ?? {}
  if (!allowed.some((each) => each === '*' || url.startsWith(each) || `${url}/`.startsWith(each))) {
    throw invalidParameter(
      `Location '${url}' is not allowed by integration '${integration}'. Please use DESC INTEGRATION to check out allowed and blocked locations.`,
    )
  }
}

/** A stage's path joined to its place: the key prefix in the bucket. */
export const keyPrefix = (stage: Pick<Stage, 'options'>, path: string): string => `${stagePlace(stage.options.url).prefix}${path}`
