/**
 * A multipart upload: parts one after the other, completed with `If-None-Match: *`. Amazon S3 User Guide, "Uploading and
 * copying objects using multipart upload": at most 10,000 parts of 5 MiB to 5 GiB, the last one may be smaller.
 */
import { crc32 } from 'node:zlib'
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { ConnectorError } from '../errors.ts'
import { type Bucket, newToken, objectSubject, writeFields } from './bucket.ts'
import { type Outcome, writeOnce } from './conditional-put.ts'
import { nameOf } from './failure.ts'

/** Nobody waits longer for a store to drop what is of no use. */
const DROP_MS = 10_000
const FIRST_PART_BYTES = 8 * 1024 ** 2
const PARTS_OF_ONE_SIZE = 1_000

/**
 * Bytes of part `number` (from 1): 8 MiB, doubled after each thousand, so that 10,000 parts hold more than the 5 TiB that an
 * object may have. All equal up to 8 GB: some stores want it so.
 */
export function partBytes(number: number): number {
  return FIRST_PART_BYTES * 2 ** Math.floor((number - 1) / PARTS_OF_ONE_SIZE)
}

export type Upload = {
  /** Parts sent so far. */
  readonly count: () => number
  /** Sends the next part; its bytes must stay until it settles. */
  readonly send: (bytes: Uint8Array) => Promise<void>
  readonly complete: () => Promise<Outcome>
  /** The store drops the parts. Never fails: what stays is named by `check`. */
  readonly abort: () => Promise<void>
}

type SentPart = {
  readonly PartNumber: number
  readonly size: number
  readonly ETag: string
  readonly checksum: string | undefined
}

export async function startUpload(bucket: Bucket, key: string, signal: AbortSignal | undefined): Promise<Upload> {
  const token = newToken()
  const request = { ...bucket.attempted('s3:PutObject', objectSubject(key)), signal }
  const checked = bucket.options.checksums === 'when_supported'
  const create = {
    ...writeFields(bucket, key, token),
    // Of the whole object and not of its parts: a reader can check it.
    ...(checked ? ({ ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' } as const) : {}),
  }
  let begun = 0
  const { UploadId: id } = await bucket.attempts(request, (abortSignal) => {
    begun += 1
    return bucket.client.send(new CreateMultipartUploadCommand(create), { abortSignal })
  })
  const place = { Bucket: bucket.options.bucket, Key: bucket.keyIn(key), UploadId: id }
  const parts: SentPart[] = []
  let size = 0
  let checksum = 0

  const finish = async (abortSignal: AbortSignal): Promise<unknown> => {
    const send = (tags: ReadonlyMap<number, string>) => {
      const completed = parts.map((part) => completedPart(part, tags))
      const input = { ...place, IfNoneMatch: '*', MultipartUpload: { Parts: completed } }
      const whole = checked ? ({ ChecksumCRC32: crcText(checksum), ChecksumType: 'FULL_OBJECT' } as const) : {}
      return bucket.client.send(new CompleteMultipartUploadCommand({ ...input, ...whole }), { abortSignal })
    }
    try {
      return await send(new Map())
    } catch (error) {
      // The store does not know an ETag that it answered itself: it is asked for those that it has.
      if (nameOf(error) !== 'InvalidPart') throw error
      return await send(await storedTags(bucket, place, parts, abortSignal))
    }
  }

  return {
    count: () => parts.length,
    send: async (bytes) => {
      const number = parts.length + 1
      const input = { ...place, PartNumber: number, Body: bytes, ContentLength: bytes.length }
      const command = { ...input, ...(checked ? ({ ChecksumAlgorithm: 'CRC32' } as const) : {}) }
      const { ETag = '', ChecksumCRC32: stored } = await bucket.attempts({ ...request, bytes: bytes.length }, (abortSignal) =>
        bucket.client.send(new UploadPartCommand(command), { abortSignal }),
      )
      parts.push({ PartNumber: number, size: bytes.length, ETag, checksum: stored })
      size += bytes.length
      checksum = crc32(bytes, checksum)
    },
    complete: async () => {
      const outcome = await writeOnce({
        bucket,
        key,
        token,
        signal,
        // A store that copies the parts together takes its time.
        bytes: size,
        send: finish,
        // Completed, by the request whose answer was lost; or its parts are gone.
        alsoDoubtful: (error) => nameOf(error) === 'NoSuchUpload',
        // Without metadata nothing tells two uploads apart. Data keys are used by one writer only.
        isOurs: async () => true,
      })
      if (outcome === 'created' && begun > 1) await dropUploads(bucket, place, null)
      return outcome
    },
    abort: () => dropUploads(bucket, place, begun > 1 ? null : (id ?? null)),
  }
}

/**
 * Has the store drop the parts of one upload, or of all uploads of the key: when the answer to the first request was lost
 * there is one that nobody can name. Never fails: `check` tells of what stays.
 */
async function dropUploads(bucket: Bucket, place: Place, id: string | null): Promise<void> {
  const { Bucket, Key } = place
  const signal = AbortSignal.timeout(DROP_MS)
  const request = { ...bucket.attempted('s3:AbortMultipartUpload', objectSubject(bucket.keyOf(Key) ?? Key)), signal }
  try {
    for (const UploadId of id === null ? await openUploads(bucket, place, signal) : [id]) {
      await bucket.attempts(request, async (abortSignal) => {
        try {
          await bucket.client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }), { abortSignal })
        } catch (error) {
          if (nameOf(error) !== 'NoSuchUpload') throw error
        }
      })
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    bucket.environment.log('warn', `${request.subject}: its upload could not be aborted`, { reason })
  }
}

async function openUploads(bucket: Bucket, { Bucket, Key }: Place, signal: AbortSignal): Promise<readonly string[]> {
  const request = { ...bucket.attempted('s3:ListBucketMultipartUploads', bucket.name), signal }
  const { Uploads: open = [] } = await bucket.attempts(request, (abortSignal) =>
    bucket.client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: Key }), { abortSignal }),
  )
  return open.flatMap(({ Key: of, UploadId: id }) => (of === Key && id !== undefined ? [id] : []))
}

/** As S3 writes it: four bytes, most significant first, in base64. */
function crcText(checksum: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(checksum)
  return bytes.toString('base64')
}

function completedPart(part: SentPart, tags: ReadonlyMap<number, string>): CompletedPart {
  return {
    PartNumber: part.PartNumber,
    ETag: tags.get(part.PartNumber) ?? part.ETag,
    ...(part.checksum === undefined ? {} : { ChecksumCRC32: part.checksum }),
  }
}

type Place = { readonly Bucket: string; readonly Key: string; readonly UploadId: string | undefined }

/** ETags by part number. Throws `CORRUPT` when a part is not what was sent. */
async function storedTags(
  bucket: Bucket,
  place: Place,
  parts: readonly SentPart[],
  abortSignal: AbortSignal,
): Promise<ReadonlyMap<number, string>> {
  const tags = new Map<number, string>()
  // Not the SDK's paginator: it goes on as long as there is a marker, and the last page has one too.
  for (let marker: string | undefined, more = true; more; ) {
    const command = new ListPartsCommand({ ...place, ...(marker === undefined ? {} : { PartNumberMarker: marker }) })
    const {
      Parts: stored = [],
      IsTruncated: truncated,
      NextPartNumberMarker: next,
    } = await bucket.client.send(command, { abortSignal })
    for (const { PartNumber: number = 0, ETag: tag = '', Size: size, ChecksumCRC32: checksum } of stored) {
      const sent = parts[number - 1]
      if (sent === undefined || sent.size !== size || (checksum !== undefined && sent.checksum !== checksum)) continue
      tags.set(number, tag)
    }
    more = truncated === true && next !== undefined
    marker = next
  }
  if (tags.size === parts.length) return tags
  const subject = `Object in ${bucket.name}: upload of ${parts.length} parts`
  throw new ConnectorError('UNAVAILABLE', `${subject}: the store holds ${tags.size} of them as they were sent. Run again`)
}
