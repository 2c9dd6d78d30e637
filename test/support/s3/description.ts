/** What uploaders say about objects, read from and written to headers. */
import type { Description, Encryption, StoredObject } from './catalogue.ts'
import { type Checksum, checksumHeader } from './checksums.ts'
import { invalidArgument, S3Error } from './errors.ts'
import { header, type S3Request } from './http-request.ts'

const KEPT = ['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-type', 'expires']
const STORAGE_CLASSES = ['STANDARD', 'REDUCED_REDUNDANCY', 'STANDARD_IA', 'ONEZONE_IA', 'INTELLIGENT_TIERING', 'GLACIER_IR']
const ENCRYPTIONS = ['AES256', 'aws:kms', 'aws:kms:dsse'] as const
const MAX_METADATA_BYTES = 2048
const META = 'x-amz-meta-'
const SSE = 'x-amz-server-side-encryption'

/** @throws S3Error for what S3 refuses: access lists, unknown storage classes, too much metadata, wrong encryption. */
export function readDescription(request: S3Request): Description {
  const acl = header(request, 'x-amz-acl')
  if (acl !== null && acl !== 'private' && acl !== 'bucket-owner-full-control') {
    throw new S3Error('AccessControlListNotSupported', 'The bucket does not allow ACLs')
  }
  const storageClass = header(request, 'x-amz-storage-class') ?? 'STANDARD'
  if (!STORAGE_CLASSES.includes(storageClass)) {
    throw new S3Error('InvalidStorageClass', 'The storage class you specified is not valid', {
      StorageClassRequested: storageClass,
    })
  }
  return { headers: readHeaders(request), storageClass, encryption: readEncryption(request) }
}

function readHeaders(request: S3Request): Readonly<Record<string, string>> {
  const kept: Record<string, string> = { 'content-type': 'binary/octet-stream' }
  for (const name of KEPT) {
    const value = request.headers.get(name)
    if (value !== undefined) kept[name] = value
  }
  const encoding = (kept['content-encoding'] ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '' && each !== 'aws-chunked')
    .join(',')
  delete kept['content-encoding']
  if (encoding !== '') kept['content-encoding'] = encoding
  let bytes = 0
  const names = [...request.headers.keys(), ...request.query.map(([name]) => name.toLowerCase())]
  for (const name of new Set(names.filter((each) => each.startsWith(META)))) {
    const value = header(request, name) ?? ''
    bytes += name.length - META.length + value.length
    kept[name] = value
  }
  if (bytes > MAX_METADATA_BYTES) {
    throw new S3Error('MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size', {
      Size: String(bytes),
      MaxSizeAllowed: String(MAX_METADATA_BYTES),
    })
  }
  return kept
}

function readEncryption(request: S3Request): Encryption {
  const given = header(request, SSE)
  const keyId = header(request, `${SSE}-aws-kms-key-id`)
  const bucketKey = header(request, `${SSE}-bucket-key-enabled`)
  const algorithm = ENCRYPTIONS.find((each) => each === (given ?? 'AES256'))
  if (algorithm === undefined) {
    throw new S3Error(
      'InvalidEncryptionAlgorithmError',
      'The encryption request you specified is not valid. Supported value: AES256.',
      {
        ServerSideEncryption: given ?? '',
      },
    )
  }
  if (algorithm === 'AES256' && keyId !== null) {
    throw invalidArgument(
      `Server Side Encryption with AWS KMS managed key requires HTTP header ${SSE} : aws:kms`,
      `${SSE}-aws-kms-key-id`,
      keyId,
    )
  }
  if (bucketKey !== null && bucketKey !== 'true' && bucketKey !== 'false') {
    throw invalidArgument('The value must be true or false', `${SSE}-bucket-key-enabled`, bucketKey)
  }
  return { algorithm, keyId, bucketKey: bucketKey === 'true' }
}

/** The key that S3 would take from its own service when none is named. */
const MANAGED_KEY = 'arn:aws:kms:us-east-1:000000000000:key/aws-managed'

export function encryptionHeaders({ algorithm, keyId, bucketKey }: Encryption): Readonly<Record<string, string>> {
  if (algorithm === 'AES256') return { [SSE]: algorithm }
  return {
    [SSE]: algorithm,
    [`${SSE}-aws-kms-key-id`]: keyId ?? MANAGED_KEY,
    ...(bucketKey ? { [`${SSE}-bucket-key-enabled`]: 'true' } : {}),
  }
}

export function checksumHeaders(checksum: Checksum | null): Readonly<Record<string, string>> {
  if (checksum === null) return {}
  return { [checksumHeader(checksum.algorithm)]: checksum.value, 'x-amz-checksum-type': checksum.type }
}

/** Headers of GET and HEAD, but for length, range and checksum. */
export function objectHeaders(object: StoredObject): Readonly<Record<string, string>> {
  return {
    ...object.headers,
    ...encryptionHeaders(object.encryption),
    ...(object.storageClass === 'STANDARD' ? {} : { 'x-amz-storage-class': object.storageClass }),
    etag: quoted(object.etag),
    'last-modified': new Date(object.modified).toUTCString(),
    'accept-ranges': 'bytes',
  }
}

export function quoted(etag: string): string {
  return `"${etag}"`
}
