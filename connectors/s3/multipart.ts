/**
 * A multipart upload: parts one after the other, completed with `If-None-Match: *`. Amazon S3 User Guide, "Uploading and
 * copying objects using multipart upload": at most 10,000 parts of 5 MiB to 5 GiB, the last one may be smaller.
 */
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  paginateListParts,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { ConnectorError } from '../errors.ts'
import { type Bucket, newToken, objectSubject, writeFields } from './bucket.ts'
import { type Outcome, writeOnce } from './conditional-put.ts'
import { nameOf } from './failure.ts'

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
    ...(checked ? ({ ChecksumAlgorithm: 'CRC32', ChecksumType: 'COMPOSITE' } as const) : {}),
  }
  const { UploadId: id } = await bucket.attempts(request, (abortSignal) =>
    bucket.client.send(new CreateMultipartUploadCommand(create), { abortSignal }),
  )
  const place = { Bucket: bucket.options.bucket, Key: bucket.keyIn(key), UploadId: id }
  const parts: SentPart[] = []
  let size = 0

  const finish = async (abortSignal: AbortSignal): Promise<unknown> => {
    const send = (tags: ReadonlyMap<number, string>) => {
      const completed = parts.map((part) => completedPart(part, tags))
      const command = new CompleteMultipartUploadCommand({ ...place, IfNoneMatch: '*', MultipartUpload: { Parts: completed } })
      return bucket.client.send(command, { abortSignal })
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
      const { ETag = '', ChecksumCRC32: checksum } = await bucket.attempts({ ...request, bytes: bytes.length }, (abortSignal) =>
        bucket.client.send(new UploadPartCommand(command), { abortSignal }),
      )
      parts.push({ PartNumber: number, size: bytes.length, ETag, checksum })
      size += bytes.length
    },
    complete: () =>
      writeOnce({
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
      }),
    abort: async () => {
      const subject = { ...bucket.attempted('s3:AbortMultipartUpload', objectSubject(key)) }
      try {
        await bucket.attempts(subject, (abortSignal) =>
          bucket.client.send(new AbortMultipartUploadCommand(place), { abortSignal }),
        )
      } catch (error) {
        if (nameOf(error instanceof ConnectorError ? error.cause : error) === 'NoSuchUpload') return
        const reason = error instanceof Error ? error.message : String(error)
        bucket.environment.log('warn', `${subject.subject}: its upload could not be aborted`, { reason })
      }
    },
  }
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
  for await (const { Parts: stored = [] } of paginateListParts({ client: bucket.client }, place, { abortSignal })) {
    for (const { PartNumber: number = 0, ETag: tag = '', Size: size, ChecksumCRC32: checksum } of stored) {
      const sent = parts[number - 1]
      if (sent === undefined || sent.size !== size || (checksum !== undefined && sent.checksum !== checksum)) continue
      tags.set(number, tag)
    }
  }
  if (tags.size === parts.length) return tags
  const subject = `Object in ${bucket.name}: upload of ${parts.length} parts`
  throw new ConnectorError('UNAVAILABLE', `${subject}: the store holds ${tags.size} of them as they were sent. Run again`)
}
