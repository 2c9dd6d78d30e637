/** Lists the bucket page by page. ListObjectsV2 answers in ascending order of UTF-8 bytes, a thousand keys at a time. */
import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3'
import { ConnectorError } from '../errors.ts'
import type { ObjectInfo } from '../ports.ts'
import type { Bucket } from './bucket.ts'

/** Keys of stores for themselves (probes), as in the other stores. */
const RESERVED = /(?:^|\/)\.tmp-/

export async function* listObjects(
  bucket: Bucket,
  prefix: string,
  options: { readonly after?: string | undefined; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<ObjectInfo> {
  const after = options.after ?? ''
  let token: string | undefined
  let last = ''
  do {
    const page = await readPage(bucket, prefix, { after, token, signal: options.signal })
    for (const { Key: encoded, Size: size, LastModified: modified } of page.Contents ?? []) {
      const inBucket = page.EncodingType === 'url' ? decode(encoded ?? '') : (encoded ?? '')
      const key = bucket.keyOf(inBucket)
      if (isBefore(inBucket, last)) throw unordered(bucket, prefix)
      last = inBucket
      // Consoles make "directories": empty objects that end in a slash.
      if (key === null || key === '' || key.endsWith('/') || RESERVED.test(key)) continue
      if (after !== '' && Buffer.compare(Buffer.from(key), Buffer.from(after)) <= 0) continue
      yield { key, size: size ?? 0, modified: modified ?? new Date(0) }
    }
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined
  } while (token !== undefined)
}

function readPage(
  bucket: Bucket,
  prefix: string,
  {
    after,
    token,
    signal,
  }: { readonly after: string; readonly token: string | undefined; readonly signal: AbortSignal | undefined },
): Promise<ListObjectsV2CommandOutput> {
  const input = {
    Bucket: bucket.options.bucket,
    Prefix: bucket.keyIn(prefix),
    // XML 1.0 cannot carry every character that a key of other people may have.
    EncodingType: 'url',
    ...(after === '' ? {} : { StartAfter: bucket.keyIn(after) }),
    ...(token === undefined ? {} : { ContinuationToken: token }),
  } as const
  const subject = `Listing of "${prefix}"`
  return bucket.attempts({ ...bucket.attempted('s3:ListBucket', subject), signal }, (abortSignal) =>
    bucket.client.send(new ListObjectsV2Command(input), { abortSignal }),
  )
}

/** In UTF-8; the order of UTF-16 differs beyond the basic plane. */
const isBefore = (key: string, other: string): boolean => key < other && Buffer.compare(Buffer.from(key), Buffer.from(other)) < 0

/** The newest commit is found by the order of keys. */
function unordered(bucket: Bucket, prefix: string): ConnectorError {
  const found = 'the store lists keys in another order than that of their bytes'
  return new ConnectorError('UNSUPPORTED', `Listing of "${prefix}" in ${bucket.name}: ${found}. Use another store`)
}

/** S3 writes a space as `+`. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', '%20'))
  } catch {
    return text
  }
}
