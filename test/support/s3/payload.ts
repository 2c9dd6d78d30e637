/**
 * The body of a request: decoded, measured, hashed and compared with everything the client said about it, while it streams
 * to its place. Nothing that fails a comparison is ever published.
 */
import { createHash, type Hash } from 'node:crypto'
import {
  algorithmNamed,
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  checksumHeader,
  isChecksumValue,
  startChecksum,
} from './checksums.ts'
import { decodeChunks, STREAMING_SIGNED, STREAMING_SIGNED_TRAILER, STREAMING_UNSIGNED_TRAILER } from './chunked-body.ts'
import { invalidArgument, notImplemented, S3Error } from './errors.ts'
import { header, type S3Request } from './http-request.ts'
import type { Authenticated } from './signature.ts'
import { UNSIGNED } from './signature-claim.ts'

export type Sink = (chunk: Buffer) => Promise<void>

export type Received = {
  readonly size: number
  readonly md5: Buffer
  /** Of the algorithm that the client used, else of `fallback`. */
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly value: string }
  /** Whether the client sent a checksum, whether it sent a Content-MD5. */
  readonly given: { readonly checksum: boolean; readonly md5: boolean }
}

export type PayloadLimits = {
  readonly maxBytes: number
  /** The checksum that is kept when the client sends none; S3 takes CRC-64/NVME. */
  readonly fallback?: ChecksumAlgorithm
  /** What x-amz-checksum- headers are about. Default: this body. */
  readonly checksumOf?: 'body' | 'something else'
}

type Promised = {
  readonly algorithm: ChecksumAlgorithm | null
  /** Null: it comes in the trailer. */
  readonly value: string | null
  readonly trailer: boolean
}

/** @throws S3Error as documented: `BadDigest`, `InvalidDigest`, `IncompleteBody`, `EntityTooLarge`, `XAmzContentSHA256Mismatch`, … */
export async function receive(request: S3Request, auth: Authenticated, sink: Sink, limits: PayloadLimits): Promise<Received> {
  const encoding = payloadKind(auth)
  const promised = limits.checksumOf === 'something else' ? NO_CHECKSUM : promisedChecksum(request, encoding.trailer)
  const contentMd5 = readContentMd5(request)
  const length = expectedLength(request, encoding.chunked)
  if (length > limits.maxBytes) {
    throw new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size', {
      ProposedSize: String(length),
      MaxSizeAllowed: String(limits.maxBytes),
    })
  }
  const algorithm = promised.algorithm ?? limits.fallback ?? 'CRC64NVME'
  const checksum = startChecksum(algorithm)
  const md5 = createHash('md5')
  const sha = encoding.sha256 === null ? null : createHash('sha256')
  let size = 0
  const take = async (chunk: Buffer): Promise<void> => {
    size += chunk.length
    if (size > length) throw incomplete(length, size)
    md5.update(chunk)
    sha?.update(chunk)
    checksum.update(chunk)
    await sink(chunk)
  }
  request.wantBody()
  const trailers = encoding.chunked
    ? await drain(
        decodeChunks(request.body, {
          trailers: promised.trailer ? announcedTrailers(request) : [],
          signed: encoding.signed,
          auth,
        }),
        take,
      )
    : await drainPlain(request.body, take)
  if (size !== length) throw incomplete(length, size)
  checkSha256(sha, encoding.sha256)
  const digest = md5.digest()
  if (contentMd5 !== null && !contentMd5.equals(digest)) {
    throw new S3Error('BadDigest', 'The Content-MD5 you specified did not match what we received.', {
      ExpectedDigest: contentMd5.toString('base64'),
      CalculatedDigest: digest.toString('base64'),
    })
  }
  const value = checksum.digest().toString('base64')
  if (promised.algorithm !== null) {
    const expected = promised.trailer ? trailers.get(checksumHeader(promised.algorithm)) : promised.value
    checkChecksum(promised.algorithm, expected ?? '', value)
  }
  return {
    size,
    md5: digest,
    checksum: { algorithm, value },
    given: { checksum: promised.algorithm !== null, md5: contentMd5 !== null },
  }
}

/** A whole small body, for documents. */
export async function receiveText(
  request: S3Request,
  auth: Authenticated,
  limits: Omit<PayloadLimits, 'fallback'>,
): Promise<{ readonly text: string; readonly proven: boolean }> {
  const chunks: Buffer[] = []
  const sink = async (chunk: Buffer) => void chunks.push(Buffer.from(chunk))
  const { given } = await receive(request, auth, sink, { ...limits, fallback: 'CRC32' })
  return { text: Buffer.concat(chunks).toString('utf8'), proven: given.checksum || given.md5 }
}

type PayloadKind = {
  readonly chunked: boolean
  readonly signed: boolean
  readonly trailer: boolean
  readonly sha256: string | null
}

function payloadKind({ payload }: Authenticated): PayloadKind {
  switch (payload) {
    case UNSIGNED:
      return { chunked: false, signed: false, trailer: false, sha256: null }
    case STREAMING_UNSIGNED_TRAILER:
      return { chunked: true, signed: false, trailer: true, sha256: null }
    case STREAMING_SIGNED:
      return { chunked: true, signed: true, trailer: false, sha256: null }
    case STREAMING_SIGNED_TRAILER:
      return { chunked: true, signed: true, trailer: true, sha256: null }
    default:
      if (/^[0-9a-f]{64}$/.test(payload)) return { chunked: false, signed: true, trailer: false, sha256: payload }
      if (payload.startsWith('STREAMING-')) throw notImplemented('Header', 'x-amz-content-sha256')
      throw invalidArgument(
        'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
        'x-amz-content-sha256',
        payload,
      )
  }
}

const NO_CHECKSUM: Promised = { algorithm: null, value: null, trailer: false }

function announcedTrailers(request: S3Request): readonly string[] {
  return (header(request, 'x-amz-trailer') ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '')
}

const NOT_VALUES = new Set(['x-amz-checksum-type', 'x-amz-checksum-algorithm', 'x-amz-checksum-mode'])

function promisedChecksum(request: S3Request, mayTrail: boolean): Promised {
  const trailers = announcedTrailers(request)
  const headers = [...request.headers.keys(), ...request.query.map(([name]) => name.toLowerCase())].filter(
    (name) => name.startsWith('x-amz-checksum-') && !NOT_VALUES.has(name),
  )
  const named = [...headers, ...trailers]
  const unknown = named.find((name) => !CHECKSUM_ALGORITHMS.some((algorithm) => checksumHeader(algorithm) === name))
  if (unknown !== undefined)
    throw new S3Error('InvalidRequest', 'The algorithm type you specified in x-amz-checksum- header is invalid.')
  if (named.length > 1) {
    throw new S3Error('InvalidRequest', 'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.')
  }
  if (trailers.length > 0 !== mayTrail) {
    throw new S3Error('InvalidRequest', 'x-amz-trailer and an x-amz-content-sha256 that ends in -TRAILER must come together')
  }
  const algorithm = CHECKSUM_ALGORITHMS.find((each) => checksumHeader(each) === named[0]) ?? null
  const declared = header(request, 'x-amz-sdk-checksum-algorithm')
  if (declared !== null) {
    const wanted = algorithmNamed(declared)
    if (wanted === null) throw new S3Error('InvalidRequest', 'Value for x-amz-sdk-checksum-algorithm header is invalid.')
    if (wanted !== algorithm) {
      throw new S3Error(
        'InvalidRequest',
        'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
      )
    }
  }
  const value = algorithm === null || trailers.length > 0 ? null : header(request, checksumHeader(algorithm))
  if (algorithm !== null && value !== null) checkForm(algorithm, value)
  return { algorithm, value, trailer: trailers.length > 0 }
}

function checkForm(algorithm: ChecksumAlgorithm, value: string): void {
  if (isChecksumValue(algorithm, value)) return
  throw new S3Error('InvalidRequest', `Value for ${checksumHeader(algorithm)} header is invalid.`)
}

function checkChecksum(algorithm: ChecksumAlgorithm, expected: string, value: string): void {
  checkForm(algorithm, expected)
  if (expected !== value) {
    throw new S3Error('BadDigest', `The ${algorithm} you specified did not match the calculated checksum.`)
  }
}

function readContentMd5(request: S3Request): Buffer | null {
  const text = request.headers.get('content-md5')
  if (text === undefined) return null
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== 16 || bytes.toString('base64') !== text) {
    throw new S3Error('InvalidDigest', 'The Content-MD5 you specified was invalid.', { 'Content-MD5': text })
  }
  return bytes
}

/** Length of the decoded body, which S3 always wants to know beforehand. */
function expectedLength(request: S3Request, chunked: boolean): number {
  const name = chunked ? 'x-amz-decoded-content-length' : 'content-length'
  const text = header(request, name)
  if (!chunked && request.headers.has('transfer-encoding')) throw notImplemented('Header', 'Transfer-Encoding')
  if (text === null) throw new S3Error('MissingContentLength', 'You must provide the Content-Length HTTP header.')
  if (!/^\d{1,15}$/.test(text)) throw invalidArgument(`${name} must be a number`, name, text)
  return Number(text)
}

function incomplete(expected: number, found: number): S3Error {
  return new S3Error('IncompleteBody', 'You did not provide the number of bytes specified by the Content-Length HTTP header', {
    NumberBytesExpected: String(expected),
    NumberBytesProvided: String(found),
  })
}

function checkSha256(hash: Hash | null, expected: string | null): void {
  const found = hash?.digest('hex') ?? null
  if (found !== null && expected !== null && found !== expected) {
    throw new S3Error(
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
      {
        ClientComputedContentSHA256: expected,
        S3ComputedContentSHA256: found,
      },
    )
  }
}

async function drain(
  chunks: AsyncGenerator<Buffer, ReadonlyMap<string, string>>,
  take: Sink,
): Promise<ReadonlyMap<string, string>> {
  for (;;) {
    const next = await chunks.next()
    if (next.done === true) return next.value
    await take(next.value)
  }
}

async function drainPlain(source: AsyncIterable<Buffer>, take: Sink): Promise<ReadonlyMap<string, string>> {
  for await (const chunk of source) await take(chunk)
  return new Map()
}
