/** ListParts and ListMultipartUploads. */
import type { OpenUpload } from '../catalogue.ts'
import { quoted } from '../description.ts'
import { invalidArgument } from '../errors.ts'
import { parameter, type S3Request } from '../http-request.ts'
import { compareKeys, listingEncode } from '../keys.ts'
import { xmlReply } from '../reply.ts'
import { bucketOf, type Handler, OWNER, uploadOf } from '../service.ts'
import { element, type Xml } from '../xml.ts'
import { readLimit } from './listings.ts'

const MAX_ENTRIES = 1000

const OWNED: readonly Xml[] = ['Initiator', 'Owner'].map((role) =>
  element(role, [element('ID', OWNER.id), element('DisplayName', OWNER.name)]),
)

export const listParts: Handler = async (service, request) => {
  const bucket = bucketOf(service, request)
  const upload = uploadOf(bucket, request)
  const encode = readEncoding(request)
  const marker = readLimit(request, 'part-number-marker', 2 ** 31 - 1)
  const after = parameter(request, 'part-number-marker') === null ? 0 : marker
  const limit = readLimit(request, 'max-parts', MAX_ENTRIES)
  const parts = [...upload.parts].filter(([number]) => number > after).sort(([a], [b]) => a - b)
  const page = parts.slice(0, limit)
  return xmlReply('ListPartsResult', [
    element('Bucket', bucket.name),
    element('Key', encode(upload.key)),
    element('UploadId', upload.id),
    ...OWNED,
    element('StorageClass', upload.storageClass),
    element('PartNumberMarker', after),
    element('NextPartNumberMarker', page.at(-1)?.[0] ?? 0),
    element('MaxParts', limit),
    element('IsTruncated', page.length < parts.length),
    ...(upload.checksum === null
      ? []
      : [element('ChecksumAlgorithm', upload.checksum.algorithm), element('ChecksumType', upload.checksum.type)]),
    ...page.map(([number, part]) =>
      element('Part', [
        element('PartNumber', number),
        element('LastModified', new Date(part.modified).toISOString()),
        element('ETag', quoted(part.etag)),
        element('Size', part.file.size),
        element(`Checksum${part.checksum.algorithm}`, part.checksum.value),
      ]),
    ),
  ])
}

/** By key, then by the time an upload began. */
export const listMultipartUploads: Handler = async (service, request) => {
  const bucket = bucketOf(service, request)
  const encode = readEncoding(request)
  const prefix = parameter(request, 'prefix') ?? ''
  const delimiter = parameter(request, 'delimiter') ?? ''
  const keyMarker = parameter(request, 'key-marker') ?? ''
  const idMarker = keyMarker === '' ? '' : (parameter(request, 'upload-id-marker') ?? '')
  const limit = readLimit(request, 'max-uploads', MAX_ENTRIES)
  const all = [...bucket.uploads.values()].filter(({ key }) => key.startsWith(prefix)).sort(inOrder)
  const entries = grouped(after(all, keyMarker, idMarker), prefix, delimiter)
  const page = entries.slice(0, limit)
  const last = page.at(-1)
  const truncated = page.length < entries.length && last !== undefined
  return xmlReply('ListMultipartUploadsResult', [
    element('Bucket', bucket.name),
    element('KeyMarker', encode(keyMarker)),
    element('UploadIdMarker', idMarker),
    element('NextKeyMarker', truncated ? encode(typeof last === 'string' ? last : last.key) : ''),
    element('NextUploadIdMarker', truncated && typeof last !== 'string' ? last.id : ''),
    element('Prefix', encode(prefix)),
    element('Delimiter', delimiter === '' ? null : encode(delimiter)),
    element('EncodingType', parameter(request, 'encoding-type')),
    element('MaxUploads', limit),
    element('IsTruncated', truncated),
    ...page.flatMap((entry) => (typeof entry === 'string' ? [] : [uploadElement(entry, encode)])),
    ...page.flatMap((entry) =>
      typeof entry === 'string' ? [element('CommonPrefixes', [element('Prefix', encode(entry))])] : [],
    ),
  ])
}

function uploadElement(upload: OpenUpload, encode: (text: string) => string): Xml {
  return element('Upload', [
    element('Key', encode(upload.key)),
    element('UploadId', upload.id),
    ...OWNED,
    element('StorageClass', upload.storageClass),
    element('Initiated', new Date(upload.started).toISOString()),
    element('ChecksumAlgorithm', upload.checksum?.algorithm ?? null),
    element('ChecksumType', upload.checksum?.type ?? null),
  ])
}

function inOrder(a: OpenUpload, b: OpenUpload): number {
  return compareKeys(a.key, b.key) || a.started - b.started || compareKeys(a.id, b.id)
}

/** Keys after the marker; of the marker's own key the uploads after the named one. */
function after(uploads: readonly OpenUpload[], keyMarker: string, idMarker: string): readonly OpenUpload[] {
  if (keyMarker === '') return uploads
  const found = uploads.findIndex(({ key, id }) => key === keyMarker && id === idMarker)
  return uploads.filter(
    ({ key }, index) => compareKeys(key, keyMarker) > 0 || (key === keyMarker && found !== -1 && index > found),
  )
}

/** Uploads and, in place of those below a common prefix, the prefix once. */
function grouped(uploads: readonly OpenUpload[], prefix: string, delimiter: string): readonly (OpenUpload | string)[] {
  const entries: (OpenUpload | string)[] = []
  for (const upload of uploads) {
    const cut = delimiter === '' ? -1 : upload.key.indexOf(delimiter, prefix.length)
    const common = cut === -1 ? null : upload.key.slice(0, cut + delimiter.length)
    if (common === null) entries.push(upload)
    else if (entries.at(-1) !== common) entries.push(common)
  }
  return entries
}

function readEncoding(request: S3Request): (text: string) => string {
  const encoding = parameter(request, 'encoding-type')
  if (encoding === null) return (text) => text
  if (encoding !== 'url') throw invalidArgument('Invalid Encoding Method specified in Request', 'encoding-type', encoding)
  return listingEncode
}
