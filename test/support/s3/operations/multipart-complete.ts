/** CompleteMultipartUpload: the parts named, in order, become one object. */
import { createHash } from 'node:crypto'
import type { OpenUpload, StoredObject, StoredPart } from '../catalogue.ts'
import { CHECKSUM_ALGORITHMS, type Checksum, checksumHeader, joinChecksums } from '../checksums.ts'
import { encryptionHeaders, quoted } from '../description.ts'
import { S3Error } from '../errors.ts'
import { header, type S3Request } from '../http-request.ts'
import { receiveText } from '../payload.ts'
import { checkWrite, readWriteCondition } from '../preconditions.ts'
import { xmlReply } from '../reply.ts'
import { bucketOf, type Handler, publishObject, secondOf, startWrite, uploadOf } from '../service.ts'
import { childText, element, parseXml, type XmlNode } from '../xml.ts'
import { MAX_PARTS } from './multipart.ts'

export const MIN_PART_BYTES = 5 * 1024 ** 2
const MAX_OBJECT_BYTES = 5 * 1024 ** 4
const MAX_DOCUMENT_BYTES = 4 * 1024 ** 2

type Named = { readonly number: number; readonly etag: string; readonly checksums: ReadonlyMap<string, string> }

export const completeMultipartUpload: Handler = async (service, request, auth) => {
  const condition = readWriteCondition(request)
  using start = startWrite(service, request.bucket ?? '', request.key ?? '')
  // The checksum headers of this request are about the object, not about its body.
  const { text } = await receiveText(request, auth, { maxBytes: MAX_DOCUMENT_BYTES, checksumOf: 'something else' })
  const named = readDocument(text)
  const bucket = bucketOf(service, request)
  const upload = uploadOf(bucket, request)
  checkWrite(condition, bucket.objects.get(upload.key) ?? null)
  const object = assemble(upload, chooseParts(upload, named), secondOf(service.now()))
  checkPromises(request, object)
  await publishObject(service, { op: 'put', bucket: bucket.name, key: upload.key, object, upload: upload.id }, condition, start)
  return xmlReply(
    'CompleteMultipartUploadResult',
    [
      element('Location', `http://${request.headers.get('host')}/${bucket.name}/${upload.key}`),
      element('Bucket', bucket.name),
      element('Key', upload.key),
      element('ETag', quoted(object.etag)),
      element(`Checksum${object.checksum.algorithm}`, object.checksum.value),
      element('ChecksumType', object.checksum.type),
    ],
    encryptionHeaders(object.encryption),
  )
}

function readDocument(text: string): readonly Named[] {
  const root = parseXml(text)
  if (root === null || root.name !== 'CompleteMultipartUpload') throw malformed()
  const named = root.children.map(readPart)
  if (named.length === 0 || named.length > MAX_PARTS) throw malformed()
  return named
}

function readPart(node: XmlNode): Named {
  const number = childText(node, 'PartNumber')?.trim() ?? ''
  const etag = childText(node, 'ETag')
  if (node.name !== 'Part' || !/^\d{1,5}$/.test(number) || etag === null) throw malformed()
  const others = node.children.filter(({ name }) => name !== 'PartNumber' && name !== 'ETag')
  for (const { name } of others) if (!CHECKSUM_ALGORITHMS.some((algorithm) => name === `Checksum${algorithm}`)) throw malformed()
  return {
    number: Number(number),
    etag: etag.trim().replace(/^"(.*)"$/, '$1'),
    checksums: new Map(others.map((child) => [child.name.slice('Checksum'.length), child.text.trim()])),
  }
}

function malformed(): S3Error {
  return new S3Error('MalformedXML', 'The XML you provided was not well-formed or did not validate against our published schema')
}

/** @throws S3Error `InvalidPartOrder`, `InvalidPart`, `EntityTooSmall`, or `InvalidRequest` for a missing part checksum. */
function chooseParts(upload: OpenUpload, named: readonly Named[]): readonly StoredPart[] {
  if (named.some(({ number }, index) => index > 0 && number <= (named[index - 1]?.number ?? 0))) {
    throw new S3Error(
      'InvalidPartOrder',
      'The list of parts was not in ascending order. The parts list must be specified in order by part number.',
    )
  }
  const chosen = named.map(({ number, etag, checksums }) => {
    const part = upload.parts.get(number)
    const given = part && checksums.get(part.checksum.algorithm)
    const other = [...checksums.keys()].some((algorithm) => algorithm !== part?.checksum.algorithm)
    if (part === undefined || part.etag !== etag || other || (given !== undefined && given !== part.checksum.value)) {
      throw new S3Error(
        'InvalidPart',
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
        { UploadId: upload.id, PartNumber: String(number), ETag: etag },
      )
    }
    if (upload.checksum?.type === 'COMPOSITE' && given === undefined) {
      throw new S3Error(
        'InvalidRequest',
        `The upload was created using a ${upload.checksum.algorithm.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${number} in the request.`,
      )
    }
    return { number, part }
  })
  const small = chosen.slice(0, -1).find(({ part }) => part.file.size < MIN_PART_BYTES)
  if (small !== undefined) {
    throw new S3Error('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size', {
      ProposedSize: String(small.part.file.size),
      MinSizeAllowed: String(MIN_PART_BYTES),
      PartNumber: String(small.number),
      ETag: small.part.etag,
    })
  }
  return chosen.map(({ part }) => part)
}

function assemble(
  { headers, storageClass, encryption, checksum }: OpenUpload,
  parts: readonly StoredPart[],
  modified: number,
): StoredObject {
  const md5 = createHash('md5')
  for (const { etag } of parts) md5.update(Buffer.from(etag, 'hex'))
  const { algorithm, type } = checksum ?? { algorithm: 'CRC64NVME', type: 'FULL_OBJECT' }
  const size = parts.reduce((sum, { file }) => sum + file.size, 0)
  if (size > MAX_OBJECT_BYTES) throw new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size')
  return {
    headers,
    storageClass,
    encryption,
    size,
    etag: `${md5.digest('hex')}-${parts.length}`,
    modified,
    files: parts.map(({ file }) => file),
    parts: parts.map((part) => ({ size: part.file.size, checksum: part.checksum })),
    checksum: joinChecksums(
      algorithm,
      type,
      parts.map((part) => ({ value: part.checksum.value, size: part.file.size })),
    ),
  }
}

/** What the client says of the whole object: its checksum, the kind of it, and its size. */
function checkPromises(request: S3Request, { checksum, size }: { readonly checksum: Checksum; readonly size: number }): void {
  const type = header(request, 'x-amz-checksum-type')
  if (type !== null && type.toUpperCase() !== checksum.type) {
    throw new S3Error(
      'InvalidRequest',
      `The upload was created using the ${checksum.type} checksum mode. The complete request must use the same checksum mode.`,
    )
  }
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const value = header(request, checksumHeader(algorithm))
    if (value === null) continue
    // "You can omit the number of parts": a composite value may come without it.
    const same = value === checksum.value || (checksum.type === 'COMPOSITE' && value === checksum.value.split('-')[0])
    if (algorithm !== checksum.algorithm || !same) {
      throw new S3Error('BadDigest', `The ${algorithm} you specified did not match the calculated checksum.`)
    }
  }
  const promised = header(request, 'x-amz-mp-object-size')
  if (promised !== null && promised !== String(size)) {
    throw new S3Error(
      'InvalidRequest',
      `The provided 'x-amz-mp-object-size' header value ${promised} does not match what was computed: ${size}`,
    )
  }
}
