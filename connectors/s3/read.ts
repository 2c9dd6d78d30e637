/** Reads an object or a range of it; a body that ends early is read again, never taken for the whole. */
import { GetObjectCommand, type GetObjectCommandOutput, HeadObjectCommand } from '@aws-sdk/client-s3'
import type { ObjectInfo } from '../ports.ts'
import { type Bucket, objectSubject } from './bucket.ts'
import { nameOf, statusOf } from './failure.ts'

type ReadOptions = {
  readonly range?: { readonly start: number; readonly end: number } | undefined
  readonly signal?: AbortSignal | undefined
}

/** Null: there is no object. A range beyond its end is cut. */
export async function readObject(bucket: Bucket, key: string, { range, signal }: ReadOptions): Promise<Uint8Array | null> {
  // HTTP has no empty range (RFC 9110, 14.1.2).
  if (range !== undefined && range.end <= range.start) {
    return (await headObject(bucket, key, signal)) === null ? null : new Uint8Array(0)
  }
  const input = {
    Bucket: bucket.options.bucket,
    Key: bucket.keyIn(key),
    ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }),
  }
  return bucket.attempts({ ...bucket.attempted('s3:GetObject', objectSubject(key)), signal }, async (abortSignal, alive) => {
    try {
      return await readBody(await bucket.client.send(new GetObjectCommand(input), { abortSignal }), abortSignal, alive, range)
    } catch (error) {
      if (isAbsent(error)) return null
      // Begins at or after the end of the object (416).
      if (range !== undefined && (statusOf(error) === 416 || nameOf(error) === 'InvalidRange')) return new Uint8Array(0)
      throw error
    }
  })
}

export async function headObject(bucket: Bucket, key: string, signal: AbortSignal | undefined): Promise<ObjectInfo | null> {
  const input = { Bucket: bucket.options.bucket, Key: bucket.keyIn(key) }
  return bucket.attempts({ ...bucket.attempted('s3:GetObject', objectSubject(key)), signal }, async (abortSignal) => {
    try {
      const { ContentLength, LastModified } = await bucket.client.send(new HeadObjectCommand(input), { abortSignal })
      return { key, size: ContentLength ?? 0, modified: LastModified ?? new Date(0) }
    } catch (error) {
      if (isAbsent(error)) return null
      throw await reasonOf(error, bucket, input, abortSignal)
    }
  })
}

/** The answer to a HEAD has no body that would say what is wrong: a GET is asked for the same. */
async function reasonOf(
  error: unknown,
  { client }: Bucket,
  input: { readonly Bucket: string; readonly Key: string },
  abortSignal: AbortSignal,
): Promise<unknown> {
  if (![301, 400, 403].includes(statusOf(error))) return error
  try {
    const { Body: body } = await client.send(new GetObjectCommand({ ...input, Range: 'bytes=0-0' }), { abortSignal })
    await body?.transformToByteArray()
    return error
  } catch (reason) {
    return reason
  }
}

/** An absent bucket has a name of its own (in answers with a body). */
function isAbsent(error: unknown): boolean {
  return statusOf(error) === 404 && nameOf(error) !== 'NoSuchBucket'
}

async function readBody(
  { Body: body, ContentLength: length, ContentRange: answered }: GetObjectCommandOutput,
  signal: AbortSignal,
  alive: () => void,
  range: ReadOptions['range'],
): Promise<Uint8Array> {
  if (length === undefined) throw cut('an answer without a length')
  if (range !== undefined) checkRange(answered, range, length)
  const bytes = new Uint8Array(length)
  let filled = 0
  if (body !== undefined) {
    const stream = body as AsyncIterable<Uint8Array> & { destroy?(error?: Error): void }
    const stop = () => stream.destroy?.(new Error('aborted'))
    signal.addEventListener('abort', stop, { once: true })
    try {
      for await (const chunk of stream) {
        alive()
        if (filled + chunk.length > length) throw cut(`more than ${length} bytes`)
        bytes.set(chunk, filled)
        filled += chunk.length
      }
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }
  if (filled !== length) throw cut(`${filled} of ${length} bytes`)
  return bytes
}

/** A store that ignores `Range` would answer with other bytes than those asked for. */
function checkRange(
  answered: string | undefined,
  { start, end }: { readonly start: number; readonly end: number },
  length: number,
) {
  const [, first, last, size] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(answered ?? '') ?? []
  const wanted = size === undefined || size === '*' ? end : Math.min(end, Number(size))
  if (Number(first) !== start || Number(last) !== wanted - 1 || length !== wanted - start) {
    throw Object.assign(new Error(`asked for bytes ${start} to ${end}, got "${answered ?? 'all'}"`), { name: 'IncompleteBody' })
  }
}

/** Repeated like a dropped connection. */
function cut(what: string): Error {
  return Object.assign(new Error(`the body had ${what}`), { code: 'ECONNRESET' })
}
