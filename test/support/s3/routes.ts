/** Which operation a request asks for, and which parameters and headers that operation knows. All others are refused. */
import { notImplemented, S3Error } from './errors.ts'
import { parameter, type S3Request } from './http-request.ts'

type Level = 'service' | 'bucket' | 'object'

type Route = {
  readonly method: string
  readonly level: Level
  /** Parameters that must be there for this operation. */
  readonly needs: readonly string[]
  /** Header that must be there. */
  readonly header?: string
  readonly parameters: readonly string[]
  readonly headers: readonly string[]
}

const ENCRYPTION = [
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-bucket-key-enabled',
  'x-amz-server-side-encryption-context',
]
const UPLOAD = ['x-amz-decoded-content-length', 'x-amz-trailer', 'x-amz-sdk-checksum-algorithm', 'x-amz-checksum-*']
const OBJECT = ['x-amz-meta-*', 'x-amz-storage-class', 'x-amz-acl', ...ENCRYPTION]
const COPY_SOURCE = [
  'x-amz-copy-source',
  'x-amz-copy-source-if-match',
  'x-amz-copy-source-if-none-match',
  'x-amz-copy-source-if-modified-since',
  'x-amz-copy-source-if-unmodified-since',
]
const ANSWER = [
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
  'response-content-language',
  'response-content-type',
  'response-expires',
]
const LISTING = ['prefix', 'delimiter', 'encoding-type']

/** More demanding routes first. */
const ROUTES = {
  ListBuckets: route('GET', 'service', [], ['max-buckets', 'prefix', 'continuation-token', 'bucket-region']),
  GetBucketLocation: route('GET', 'bucket', ['location']),
  ListMultipartUploads: route('GET', 'bucket', ['uploads'], [...LISTING, 'key-marker', 'upload-id-marker', 'max-uploads']),
  ListObjectsV2: route(
    'GET',
    'bucket',
    ['list-type'],
    [...LISTING, 'start-after', 'continuation-token', 'max-keys', 'fetch-owner'],
  ),
  ListObjects: route('GET', 'bucket', [], [...LISTING, 'marker', 'max-keys']),
  HeadBucket: route('HEAD', 'bucket', []),
  CreateBucket: route('PUT', 'bucket', [], [], ['x-amz-acl', 'x-amz-object-ownership', ...UPLOAD]),
  DeleteBucket: route('DELETE', 'bucket', []),
  DeleteObjects: route('POST', 'bucket', ['delete'], [], UPLOAD),
  ListParts: route('GET', 'object', ['uploadId'], ['max-parts', 'part-number-marker', 'encoding-type']),
  GetObject: route('GET', 'object', [], ['partNumber', ...ANSWER], ['x-amz-checksum-mode']),
  HeadObject: route('HEAD', 'object', [], ['partNumber', ...ANSWER], ['x-amz-checksum-mode']),
  UploadPartCopy: route(
    'PUT',
    'object',
    ['uploadId', 'partNumber'],
    [],
    [...COPY_SOURCE, 'x-amz-copy-source-range'],
    'x-amz-copy-source',
  ),
  UploadPart: route('PUT', 'object', ['uploadId', 'partNumber'], [], UPLOAD),
  CopyObject: route(
    'PUT',
    'object',
    [],
    [],
    [...COPY_SOURCE, ...OBJECT, 'x-amz-metadata-directive', 'x-amz-checksum-algorithm'],
    'x-amz-copy-source',
  ),
  PutObject: route('PUT', 'object', [], [], [...OBJECT, ...UPLOAD]),
  CreateMultipartUpload: route('POST', 'object', ['uploads'], [], [...OBJECT, 'x-amz-checksum-algorithm', 'x-amz-checksum-type']),
  CompleteMultipartUpload: route('POST', 'object', ['uploadId'], [], [...UPLOAD, 'x-amz-checksum-type', 'x-amz-mp-object-size']),
  AbortMultipartUpload: route('DELETE', 'object', ['uploadId']),
  DeleteObject: route('DELETE', 'object', []),
} as const satisfies Readonly<Record<string, Route>>

export type Operation = keyof typeof ROUTES | 'AssumeRole'

/** On every request; `x-id` names the operation and is there for people. */
const EVERYWHERE = new Set(['x-id'])
const PRESIGNED = new Set([
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
  'X-Amz-Security-Token',
  'X-Amz-Content-Sha256',
])
const ANY_HEADER = [
  'x-amz-api-version',
  'x-amz-date',
  'x-amz-content-sha256',
  'x-amz-security-token',
  'x-amz-user-agent',
  'x-amz-te',
]

function route(
  method: string,
  level: Level,
  needs: readonly string[],
  parameters: readonly string[] = [],
  headers: readonly string[] = [],
  header?: string,
): Route {
  return { method, level, needs, parameters, headers, ...(header === undefined ? {} : { header }) }
}

/** @throws S3Error `NotImplemented` for what this endpoint does not know, `MethodNotAllowed` for what S3 does not. */
export function operationOf(request: S3Request): keyof typeof ROUTES {
  const level: Level = request.bucket === null ? 'service' : request.key === null ? 'bucket' : 'object'
  const entries = Object.entries(ROUTES) as [keyof typeof ROUTES, Route][]
  const found = entries.find(
    ([, each]) =>
      each.method === request.method &&
      each.level === level &&
      each.needs.every((name) => parameter(request, name) !== null) &&
      (each.header === undefined || request.headers.has(each.header)),
  )
  if (found === undefined) {
    if (request.method === 'POST' && level !== 'service') throw notImplemented('Operation', 'POST')
    throw new S3Error('MethodNotAllowed', 'The specified method is not allowed against this resource.', {
      Method: request.method,
      ResourceType: level.toUpperCase(),
    })
  }
  const [name, { needs, parameters, headers }] = found
  for (const [each] of request.query) {
    if (needs.includes(each) || parameters.includes(each) || EVERYWHERE.has(each) || PRESIGNED.has(each)) continue
    // Some SDKs move x-amz- headers into the query when they presign.
    if (each.toLowerCase().startsWith('x-amz-') && allows([...headers, ...ANY_HEADER], each.toLowerCase())) continue
    throw notImplemented('Parameter', each)
  }
  for (const each of request.headers.keys()) {
    if (each.startsWith('x-amz-') && !allows([...headers, ...ANY_HEADER], each)) throw notImplemented('Header', each)
  }
  return name
}

function allows(known: readonly string[], name: string): boolean {
  return known.some((each) => (each.endsWith('*') ? name.startsWith(each.slice(0, -1)) : each === name))
}
