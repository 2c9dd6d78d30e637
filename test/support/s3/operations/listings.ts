/** ListObjectsV2 and ListObjects: byte order of keys, common prefixes counted as keys. */
import type { Bucket, StoredObject } from '../catalogue.ts'
import { quoted } from '../description.ts'
import { invalidArgument } from '../errors.ts'
import { parameter, type S3Request } from '../http-request.ts'
import { compareKeys, listingEncode } from '../keys.ts'
import { xmlReply } from '../reply.ts'
import { bucketOf, type Handler, OWNER } from '../service.ts'
import { element, type Xml } from '../xml.ts'

const MAX_KEYS = 1000
const LAST_CHARACTER = '\u{10ffff}'

type Scope = {
  readonly prefix: string
  readonly delimiter: string
  readonly maxKeys: number
  readonly encode: (text: string) => string
  readonly encoding: string | null
}

/** After a key; with `prefix` after every key below it. */
type Start = { readonly after: string; readonly prefix: boolean }

type Page = {
  readonly contents: readonly (readonly [string, StoredObject])[]
  readonly prefixes: readonly string[]
  /** Where the next page begins; null on the last. */
  readonly next: Start | null
}

export const listObjectsV2: Handler = async (service, request) => {
  const bucket = bucketOf(service, request)
  if (parameter(request, 'list-type') !== '2')
    throw invalidArgument('Invalid List Type', 'list-type', parameter(request, 'list-type') ?? '')
  const scope = readScope(request)
  const token = parameter(request, 'continuation-token')
  const startAfter = parameter(request, 'start-after')
  const start = token === null ? startAt(startAfter ?? '', scope) : readToken(token)
  const page = pageOf(bucket, scope, start)
  const owner = parameter(request, 'fetch-owner') === 'true'
  return xmlReply('ListBucketResult', [
    ...scopeElements(bucket, scope),
    element('KeyCount', page.contents.length + page.prefixes.length),
    element('ContinuationToken', token),
    element('StartAfter', startAfter === null ? null : scope.encode(startAfter)),
    element('NextContinuationToken', page.next === null ? null : writeToken(page.next)),
    ...pageElements(page, scope, owner),
  ])
}

export const listObjects: Handler = async (service, request) => {
  const bucket = bucketOf(service, request)
  const scope = readScope(request)
  const marker = parameter(request, 'marker') ?? ''
  const page = pageOf(bucket, scope, startAt(marker, scope))
  return xmlReply('ListBucketResult', [
    ...scopeElements(bucket, scope),
    element('Marker', scope.encode(marker)),
    // Only with a delimiter; otherwise the last key is the next marker.
    element('NextMarker', page.next === null || scope.delimiter === '' ? null : scope.encode(page.next.after)),
    ...pageElements(page, scope, true),
  ])
}

/** A marker that is a common prefix stands for every key below it. */
function startAt(marker: string, { prefix, delimiter }: Scope): Start {
  const common = delimiter !== '' && marker.length > prefix.length && marker.startsWith(prefix) && marker.endsWith(delimiter)
  return { after: marker, prefix: common }
}

function readScope(request: S3Request): Scope {
  const encoding = parameter(request, 'encoding-type')
  if (encoding !== null && encoding !== 'url') {
    throw invalidArgument('Invalid Encoding Method specified in Request', 'encoding-type', encoding)
  }
  return {
    prefix: parameter(request, 'prefix') ?? '',
    delimiter: parameter(request, 'delimiter') ?? '',
    maxKeys: readLimit(request, 'max-keys', MAX_KEYS),
    encoding,
    encode: encoding === 'url' ? listingEncode : (text) => text,
  }
}

/** How many entries a page has at most. */
export function readLimit(request: S3Request, name: string, most: number): number {
  const text = parameter(request, name)
  if (text === null || text === '') return most
  if (!/^\d{1,10}$/.test(text) || Number(text) > 2 ** 31 - 1) {
    throw invalidArgument(`Argument ${name} must be an integer between 0 and 2147483647`, name, text)
  }
  return Math.min(Number(text), most)
}

function pageOf({ objects }: Bucket, { prefix, delimiter, maxKeys }: Scope, start: Start): Page {
  const contents: (readonly [string, StoredObject])[] = []
  const prefixes: string[] = []
  if (maxKeys === 0) return { contents, prefixes, next: null }
  let last: Start = start
  // Nothing below the prefix sorts before it.
  let from: Start & { readonly inclusive?: boolean } =
    start.prefix || compareKeys(start.after, prefix) >= 0 ? start : { after: prefix, prefix: false, inclusive: true }
  for (;;) {
    let skip: Start | null = null
    for (const [key, object] of objects.walk(
      from.prefix ? `${from.after}${LAST_CHARACTER}` : from.after,
      from.inclusive !== true,
    )) {
      if (from.prefix && key.startsWith(from.after)) continue
      if (!key.startsWith(prefix)) return { contents, prefixes, next: null }
      if (contents.length + prefixes.length === maxKeys) return { contents, prefixes, next: last }
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
      if (cut === -1) {
        contents.push([key, object])
        last = { after: key, prefix: false }
        continue
      }
      const common = key.slice(0, cut + delimiter.length)
      prefixes.push(common)
      last = { after: common, prefix: true }
      skip = last
      break
    }
    if (skip === null) return { contents, prefixes, next: null }
    from = skip
  }
}

function scopeElements({ name }: Bucket, { prefix, delimiter, maxKeys, encode, encoding }: Scope): readonly Xml[] {
  return [
    element('Name', name),
    element('Prefix', encode(prefix)),
    element('MaxKeys', maxKeys),
    element('Delimiter', delimiter === '' ? null : encode(delimiter)),
    element('EncodingType', encoding),
  ]
}

function pageElements({ contents, prefixes, next }: Page, { encode }: Scope, owner: boolean): readonly Xml[] {
  return [
    element('IsTruncated', next !== null),
    ...contents.map(([key, object]) => contentElement(encode(key), object, owner)),
    ...prefixes.map((prefix) => element('CommonPrefixes', [element('Prefix', encode(prefix))])),
  ]
}

function contentElement(key: string, object: StoredObject, owner: boolean): Xml {
  return element('Contents', [
    element('Key', key),
    element('LastModified', new Date(object.modified).toISOString()),
    element('ETag', quoted(object.etag)),
    element('ChecksumAlgorithm', object.checksum.algorithm),
    element('ChecksumType', object.checksum.type),
    element('Size', object.size),
    ...(owner ? [element('Owner', [element('ID', OWNER.id), element('DisplayName', OWNER.name)])] : []),
    element('StorageClass', object.storageClass),
  ])
}

function writeToken({ after, prefix }: Start): string {
  return Buffer.from(`${prefix ? 'p' : 'k'}${after}`).toString('base64')
}

function readToken(token: string): Start {
  const text = Buffer.from(token, 'base64').toString('utf8')
  if (!/^[pk]/.test(text) || Buffer.from(text).toString('base64') !== token) {
    throw invalidArgument('The continuation token provided is incorrect', 'continuation-token', token)
  }
  return { after: text.slice(1), prefix: text.startsWith('p') }
}
