/** CopyObject and UploadPartCopy: bytes are linked where they stay whole, read only where a range is cut out. */
import { createHash } from 'node:crypto'
import type { Description, StoredObject } from '../catalogue.ts'
import { algorithmNamed, type ChecksumAlgorithm, startChecksum } from '../checksums.ts'
import { encryptionHeaders, quoted, readDescription } from '../description.ts'
import { invalidArgument, S3Error } from '../errors.ts'
import { header, type S3Request, textHeader } from '../http-request.ts'
import { checkKey } from '../keys.ts'
import { checkRead, checkWrite, readWriteCondition } from '../preconditions.ts'
import { type ByteRange, fileBody, xmlReply } from '../reply.ts'
import {
  bucketNamed,
  bucketOf,
  type Handler,
  keyOf,
  MAX_OBJECT_BYTES,
  objectOf,
  publishObject,
  type Service,
  secondOf,
  startWrite,
  uploadOf,
} from '../service.ts'
import { element, type Xml } from '../xml.ts'
import { partNumberOf, publishPart } from './multipart.ts'
import { etagOf, stage } from './objects.ts'

type Source = { readonly bucket: string; readonly key: string; readonly object: StoredObject }

export const copyObject: Handler = async (service, request) => {
  const { name, objects } = bucketOf(service, request)
  const key = keyOf(request)
  const condition = readWriteCondition(request)
  using start = startWrite(service, name, key)
  const source = sourceOf(service, request)
  const description = copiedDescription(request, source, `${name}/${key}`)
  checkWrite(condition, objects.get(key) ?? null)
  if (source.object.size > MAX_OBJECT_BYTES) {
    throw new S3Error(
      'InvalidRequest',
      `The specified copy source is larger than the maximum allowable size for a copy source: ${MAX_OBJECT_BYTES}`,
    )
  }
  const algorithm = readAlgorithm(request)
  const digests = await digestsOf(service, source.object, algorithm)
  const files = await share(service, source.object)
  // A copy is one piece, whatever its source was put together from.
  const object: StoredObject = {
    ...description,
    size: source.object.size,
    etag: etagOf(digests.md5, description.encryption.algorithm),
    modified: secondOf(service.now()),
    files,
    parts: null,
    checksum: { algorithm: digests.algorithm, type: 'FULL_OBJECT', value: digests.value },
  }
  try {
    await publishObject(service, { op: 'put', bucket: name, key, object }, condition, start)
  } catch (error) {
    await service.storage.discard(files)
    throw error
  }
  return xmlReply('CopyObjectResult', resultElements(object), encryptionHeaders(object.encryption))
}

export const uploadPartCopy: Handler = async (service, request) => {
  const bucket = bucketOf(service, request)
  const upload = uploadOf(bucket, request)
  const number = partNumberOf(request)
  const source = sourceOf(service, request)
  const range = readCopyRange(request, source.object.size)
  if (range.end - range.start > MAX_OBJECT_BYTES)
    throw new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size')
  await using staged = await stage(service)
  using body = fileBody(service.storage, source.object.files, range)
  const md5 = createHash('md5')
  const algorithm = upload.checksum?.algorithm ?? 'CRC64NVME'
  const checksum = startChecksum(algorithm)
  for await (const chunk of body.read()) {
    md5.update(chunk)
    checksum.update(chunk)
    await staged.writer.write(chunk)
  }
  const part = {
    file: await staged.writer.close(),
    etag: etagOf(md5.digest(), upload.encryption.algorithm),
    modified: secondOf(service.now()),
    checksum: { algorithm, type: 'FULL_OBJECT', value: checksum.digest().toString('base64') },
  } as const
  await publishPart(service, { bucket: bucket.name, upload: upload.id, number, part })
  staged.keep()
  return xmlReply('CopyPartResult', resultElements(part), encryptionHeaders(upload.encryption))
}

function resultElements({ etag, modified, checksum }: Pick<StoredObject, 'etag' | 'modified' | 'checksum'>): readonly Xml[] {
  return [
    element('LastModified', new Date(modified).toISOString()),
    element('ETag', quoted(etag)),
    element(`Checksum${checksum.algorithm}`, checksum.value),
    element('ChecksumType', checksum.type),
  ]
}

/** `/bucket/key` or `bucket/key`, percent-encoded. */
function sourceOf(service: Service, request: S3Request): Source {
  const text = textHeader(request, 'x-amz-copy-source') ?? ''
  const malformed = () =>
    invalidArgument('Copy Source must mention the source bucket and key: sourcebucket/sourcekey', 'x-amz-copy-source', text)
  const mark = text.indexOf('?')
  if (mark !== -1) throw new S3Error('NotImplemented', 'This endpoint keeps no versions', { Header: 'x-amz-copy-source' })
  let plain: string
  try {
    plain = decodeURIComponent(text).replace(/^\//, '')
  } catch (cause) {
    throw new S3Error('InvalidArgument', 'x-amz-copy-source is not encoded as an address', {}, { cause })
  }
  const slash = plain.indexOf('/')
  if (slash <= 0 || slash === plain.length - 1) throw malformed()
  const bucket = plain.slice(0, slash)
  const key = plain.slice(slash + 1)
  checkKey(key)
  const object = objectOf(bucketNamed(service, bucket), key)
  checkRead(request, object, 'source')
  return { bucket, key, object }
}

/** Of the source, or new with `REPLACE`; encryption and storage class are always those of the request. */
function copiedDescription(request: S3Request, source: Source, target: string): Description {
  const directive = header(request, 'x-amz-metadata-directive') ?? 'COPY'
  if (directive !== 'COPY' && directive !== 'REPLACE')
    throw invalidArgument('Unknown metadata directive.', 'x-amz-metadata-directive', directive)
  const given = readDescription(request)
  const unchanged =
    directive === 'COPY' && !request.headers.has('x-amz-storage-class') && !request.headers.has('x-amz-server-side-encryption')
  if (unchanged && target === `${source.bucket}/${source.key}`) {
    throw new S3Error(
      'InvalidRequest',
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    )
  }
  return directive === 'REPLACE' ? given : { ...given, headers: source.object.headers }
}

function readAlgorithm(request: S3Request): ChecksumAlgorithm | null {
  const name = header(request, 'x-amz-checksum-algorithm')
  if (name === null) return null
  const algorithm = algorithmNamed(name)
  if (algorithm === null) throw new S3Error('InvalidRequest', 'Checksum algorithm provided is unsupported.')
  return algorithm
}

type Digests = { readonly md5: Buffer; readonly algorithm: ChecksumAlgorithm; readonly value: string }

/** What is known of the whole object is taken over; else its bytes are read. */
async function digestsOf(service: Service, object: StoredObject, wanted: ChecksumAlgorithm | null): Promise<Digests> {
  const known = object.checksum.type === 'FULL_OBJECT'
  const algorithm = wanted ?? object.checksum.algorithm
  if (known && algorithm === object.checksum.algorithm && object.parts === null && object.encryption.algorithm === 'AES256') {
    return { md5: Buffer.from(object.etag, 'hex'), algorithm, value: object.checksum.value }
  }
  const md5 = createHash('md5')
  const checksum = startChecksum(algorithm)
  using body = fileBody(service.storage, object.files, { start: 0, end: object.size })
  for await (const chunk of body.read()) {
    md5.update(chunk)
    checksum.update(chunk)
  }
  return { md5: md5.digest(), algorithm, value: checksum.digest().toString('base64') }
}

async function share(service: Service, object: StoredObject): Promise<StoredObject['files']> {
  using _ = service.storage.hold(object.files)
  const files: StoredObject['files'][number][] = []
  try {
    for (const file of object.files) files.push(await service.storage.share(file))
    return files
  } catch (error) {
    await service.storage.discard(files)
    throw error
  }
}

/** `bytes=a-b`, both within the source. */
function readCopyRange(request: S3Request, size: number): ByteRange {
  const text = header(request, 'x-amz-copy-source-range')
  if (text === null) return { start: 0, end: size }
  const match = /^bytes=(\d+)-(\d+)$/.exec(text)
  const range = { start: Number(match?.[1]), end: Number(match?.[2]) + 1 }
  if (match === null) {
    throw invalidArgument(
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
      'x-amz-copy-source-range',
      text,
    )
  }
  if (range.start >= range.end || range.end > size) {
    throw invalidArgument(`Range specified is not valid for source object of size: ${size}`, 'x-amz-copy-source-range', text)
  }
  return range
}
