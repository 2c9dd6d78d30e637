/** PutObject, GetObject, HeadObject, DeleteObject. */
import { createHash } from 'node:crypto'
import type { StoredObject } from '../catalogue.ts'
import { checksumHeaders, encryptionHeaders, objectHeaders, quoted, readDescription } from '../description.ts'
import { invalidArgument, S3Error } from '../errors.ts'
import { header, parameter, type S3Request } from '../http-request.ts'
import { receive } from '../payload.ts'
import { checkRead, checkWrite, readWriteCondition } from '../preconditions.ts'
import { type ByteRange, emptyReply, fileBody, type Reply } from '../reply.ts'
import {
  bucketOf,
  type Handler,
  keyOf,
  MAX_OBJECT_BYTES,
  objectOf,
  publishDeletion,
  publishObject,
  type Service,
  secondOf,
  startWrite,
} from '../service.ts'
import type { DataWriter } from '../storage.ts'

export const putObject: Handler = async (service, request, auth) => {
  const { name, objects } = bucketOf(service, request)
  const key = keyOf(request)
  const description = readDescription(request)
  const condition = readWriteCondition(request)
  using start = startWrite(service, name, key)
  // S3 looks before it takes the body, and again when the body is there.
  checkWrite(condition, objects.get(key) ?? null)
  await using staged = await stage(service)
  const { writer } = staged
  const received = await receive(request, auth, (chunk) => writer.write(chunk), { maxBytes: MAX_OBJECT_BYTES })
  const object: StoredObject = {
    ...description,
    size: received.size,
    etag: etagOf(received.md5, description.encryption.algorithm),
    modified: secondOf(service.now()),
    files: [await writer.close()],
    parts: null,
    checksum: { ...received.checksum, type: 'FULL_OBJECT' },
  }
  await publishObject(service, { op: 'put', bucket: name, key, object }, condition, start)
  staged.keep()
  return emptyReply(200, {
    etag: quoted(object.etag),
    ...encryptionHeaders(object.encryption),
    ...checksumHeaders(object.checksum),
  })
}

/** A data file that is deleted unless it is kept. */
export async function stage(
  service: Service,
): Promise<AsyncDisposable & { readonly writer: DataWriter; readonly keep: () => void }> {
  const inner = await service.storage.openWriter()
  let kept = false
  let closed: { file: string; size: number } | null = null
  return {
    writer: {
      get size() {
        return inner.size
      },
      write: inner.write,
      close: async () => {
        closed = await inner.close()
        return closed
      },
      discard: inner.discard,
    },
    keep: () => {
      kept = true
    },
    [Symbol.asyncDispose]: async () => {
      if (kept) return
      await inner.discard()
      if (closed !== null) await service.storage.discard([closed])
    },
  }
}

/** The MD5 of the bytes, except under KMS: "ETags … encrypted with SSE-KMS are not an MD5 digest of their object data". */
export function etagOf(md5: Buffer, encryption: StoredObject['encryption']['algorithm']): string {
  return encryption === 'AES256' ? md5.toString('hex') : createHash('md5').update(encryption).update(md5).digest('hex')
}

export const getObject: Handler = async (service, request) => {
  const { object, status, headers, range } = await look(service, request)
  return { status, headers, body: fileBody(service.storage, object.files, range) }
}

export const headObject: Handler = async (service, request) => {
  const { status, headers } = await look(service, request)
  return emptyReply(status, headers)
}

type Looked = Omit<Reply, 'body'> & { readonly object: StoredObject; readonly range: ByteRange }

async function look(service: Service, request: S3Request): Promise<Looked> {
  const object = objectOf(bucketOf(service, request), keyOf(request))
  checkRead(request, object, 'object')
  const rangeText = request.headers.get('range')
  const partText = parameter(request, 'partNumber')
  if (rangeText !== undefined && partText !== null) {
    throw new S3Error('InvalidRequest', 'Cannot specify both Range header and partNumber query parameter')
  }
  const part = partText === null ? null : readPartRange(object, partText)
  const asked = rangeText === undefined ? null : readRange(rangeText, object.size)
  const range = part?.range ?? asked ?? { start: 0, end: object.size }
  const partial = asked !== null || (part !== null && object.size > 0)
  // The SDK for C++ writes it in lower case.
  const mode = header(request, 'x-amz-checksum-mode')?.toUpperCase() ?? null
  if (mode !== null && mode !== 'ENABLED')
    throw invalidArgument('x-amz-checksum-mode must be ENABLED', 'x-amz-checksum-mode', mode)
  const whole = range.start === 0 && range.end === object.size
  const checksum = mode === null ? null : part !== null ? part.checksum : whole ? object.checksum : null
  return {
    object,
    range,
    status: partial ? 206 : 200,
    headers: {
      ...objectHeaders(object),
      ...overrides(request),
      ...checksumHeaders(checksum),
      'content-length': String(range.end - range.start),
      ...(partial ? { 'content-range': `bytes ${range.start}-${range.end - 1}/${object.size}` } : {}),
      ...(partText !== null && object.parts !== null ? { 'x-amz-mp-parts-count': String(object.parts.length) } : {}),
    },
  }
}

/** `bytes=a-b`, `bytes=a-`, `bytes=-n`. Null for anything else, several ranges too: then S3 sends the whole object. */
function readRange(text: string, size: number): ByteRange | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(text.trim())
  if (match === null || (match[1] === '' && match[2] === '')) return null
  const [, first, last] = match
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first)
  const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size)
  if (first !== '' && last !== '' && Number(last) < Number(first)) return null
  if (start >= size || (first === '' && Number(last) === 0)) {
    throw new S3Error(
      'InvalidRange',
      'The requested range is not satisfiable',
      { RangeRequested: text, ActualObjectSize: String(size) },
      {
        headers: { 'content-range': `bytes */${size}` },
      },
    )
  }
  return { start, end }
}

/** Bytes of one part. An object that was put whole is its own first part. */
function readPartRange(object: StoredObject, text: string): { range: ByteRange; checksum: StoredObject['checksum'] | null } {
  const number = Number(text)
  if (!/^\d{1,5}$/.test(text) || number < 1 || number > 10_000) {
    throw invalidArgument('Part number must be an integer between 1 and 10000, inclusive', 'partNumber', text)
  }
  const parts = object.parts ?? [{ size: object.size, checksum: object.checksum }]
  const part = parts[number - 1]
  if (part === undefined) {
    throw new S3Error('InvalidPartNumber', 'The requested partnumber is not satisfiable', {
      PartNumberRequested: text,
      ActualPartCount: String(parts.length),
    })
  }
  const start = parts.slice(0, number - 1).reduce((sum, { size }) => sum + size, 0)
  return { range: { start, end: start + part.size }, checksum: part.checksum }
}

/** `response-content-type` and its like. */
function overrides(request: S3Request): Readonly<Record<string, string>> {
  const found = request.query.filter(([name]) => name.startsWith('response-'))
  return Object.fromEntries(found.map(([name, value]) => [name.slice('response-'.length), value]))
}

export const deleteObject: Handler = async (service, request) => {
  const { name } = bucketOf(service, request)
  const key = keyOf(request)
  const match = request.headers.get('if-match')
  await publishDeletion(service, name, [key], ({ objects }) => {
    if (match !== undefined) checkWrite({ kind: 'etag', etag: match }, objects.get(key) ?? null)
    return []
  })
  return emptyReply(204)
}
