/** CreateMultipartUpload, UploadPart, AbortMultipartUpload. Amazon S3 User Guide, "Multipart upload overview". */
import { randomBytes } from 'node:crypto'
import type { Entry, Upload } from '../catalogue.ts'
import { algorithmNamed, multipartChecksumType } from '../checksums.ts'
import { checksumHeaders, encryptionHeaders, quoted, readDescription } from '../description.ts'
import { invalidArgument, S3Error } from '../errors.ts'
import { header, parameter, type S3Request } from '../http-request.ts'
import { receive } from '../payload.ts'
import { emptyReply, xmlReply } from '../reply.ts'
import { bucketNamed, bucketOf, type Handler, keyOf, MAX_OBJECT_BYTES, type Service, secondOf, uploadOf } from '../service.ts'
import { element } from '../xml.ts'
import { etagOf, stage } from './objects.ts'

export const MAX_PARTS = 10_000

export const createMultipartUpload: Handler = async (service, request) => {
  const { name } = bucketOf(service, request)
  const key = keyOf(request)
  const upload: Upload = {
    ...readDescription(request),
    id: randomBytes(48).toString('base64url'),
    key,
    started: secondOf(service.now()),
    checksum: readChecksumChoice(request),
  }
  await service.storage.publish(() => {
    bucketNamed(service, name)
    return { op: 'create-upload', bucket: name, upload }
  })
  return xmlReply(
    'InitiateMultipartUploadResult',
    [element('Bucket', name), element('Key', key), element('UploadId', upload.id)],
    {
      ...encryptionHeaders(upload.encryption),
      ...(upload.checksum === null
        ? {}
        : { 'x-amz-checksum-algorithm': upload.checksum.algorithm, 'x-amz-checksum-type': upload.checksum.type }),
    },
  )
}

function readChecksumChoice(request: S3Request): Upload['checksum'] {
  const name = header(request, 'x-amz-checksum-algorithm')
  const type = header(request, 'x-amz-checksum-type')
  if (name === null) {
    if (type === null) return null
    throw new S3Error(
      'InvalidRequest',
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    )
  }
  const algorithm = algorithmNamed(name)
  if (algorithm === null)
    throw new S3Error(
      'InvalidRequest',
      'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]',
    )
  const chosen = multipartChecksumType(algorithm, type?.toUpperCase() ?? null)
  if (chosen === null) {
    throw new S3Error(
      'InvalidRequest',
      `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
    )
  }
  return { algorithm, type: chosen }
}

export const uploadPart: Handler = async (service, request, auth) => {
  const bucket = bucketOf(service, request)
  const number = partNumberOf(request)
  const upload = uploadOf(bucket, request)
  await using staged = await stage(service)
  const { checksum, md5, given } = await receive(request, auth, (chunk) => staged.writer.write(chunk), {
    maxBytes: MAX_OBJECT_BYTES,
    ...(upload.checksum === null ? {} : { fallback: upload.checksum.algorithm }),
  })
  const expected = upload.checksum?.algorithm ?? null
  const actual = given.checksum ? checksum.algorithm : null
  // Without a choice at the start parts may still be proven by what S3 takes on its own.
  const agreed = expected === null ? actual === null || actual === 'CRC64NVME' : actual === expected
  if (!agreed && (actual !== null || upload.checksum?.type === 'COMPOSITE')) {
    const words = [expected, actual].map((each) => each?.toLowerCase() ?? 'null')
    throw new S3Error(
      'InvalidRequest',
      `Checksum Type mismatch occurred, expected checksum Type: ${words[0]}, actual checksum Type: ${words[1]}`,
    )
  }
  const part = {
    file: await staged.writer.close(),
    etag: etagOf(md5, upload.encryption.algorithm),
    modified: secondOf(service.now()),
    checksum: { ...checksum, type: 'FULL_OBJECT' },
  } as const
  await publishPart(service, { bucket: bucket.name, upload: upload.id, number, part })
  staged.keep()
  const { 'x-amz-checksum-type': _, ...checksums } = checksumHeaders(part.checksum)
  return emptyReply(200, { etag: quoted(part.etag), ...encryptionHeaders(upload.encryption), ...checksums })
}

export function partNumberOf(request: S3Request): number {
  const text = parameter(request, 'partNumber') ?? ''
  const number = Number(text)
  if (!/^\d{1,5}$/.test(text) || number < 1 || number > MAX_PARTS) {
    throw invalidArgument(`Part number must be an integer between 1 and ${MAX_PARTS}, inclusive`, 'partNumber', text)
  }
  return number
}

/** A part replaces an earlier one of its number. */
export async function publishPart(service: Service, part: Omit<Extract<Entry, { op: 'put-part' }>, 'op'>): Promise<void> {
  await service.storage.publish(() => {
    if (!bucketNamed(service, part.bucket).uploads.has(part.upload)) {
      throw new S3Error('NoSuchUpload', 'The specified upload does not exist.', { UploadId: part.upload })
    }
    return { op: 'put-part', ...part }
  })
}

export const abortMultipartUpload: Handler = async (service, request) => {
  const { name } = bucketOf(service, request)
  await service.storage.publish(() => {
    const { id } = uploadOf(bucketNamed(service, name), request)
    return { op: 'abort-upload', bucket: name, upload: id }
  })
  return emptyReply(204)
}
