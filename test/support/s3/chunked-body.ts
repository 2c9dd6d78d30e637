/**
 * The `aws-chunked` encoding: `<hex size>[;chunk-signature=<hex>]\r\n<bytes>\r\n`, ended by a chunk of size 0 and,
 * when announced, trailing headers. Amazon S3 API Reference, "Signature Calculations for the Authorization Header:
 * Transferring Payload in Multiple Chunks" and "… Including Trailing Headers".
 */
import { createHash, createHmac, type Hash } from 'node:crypto'
import { S3Error } from './errors.ts'
import { type Authenticated, sameSignature, sha256, signatureMismatch } from './signature.ts'

export const STREAMING_UNSIGNED_TRAILER = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
export const STREAMING_SIGNED = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'
export const STREAMING_SIGNED_TRAILER = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'

/** Smaller chunks are refused, but for the last one. */
export const MIN_CHUNK_BYTES = 8192
const MAX_LINE_BYTES = 8192

export type ChunkedBody = {
  /** Lower-case names of the trailing headers that were announced. */
  readonly trailers: readonly string[]
  readonly signed: boolean
  readonly auth: Authenticated
}

/** The decoded bytes; returns the trailing headers. Pieces are views of the source's buffers. */
export async function* decodeChunks(
  source: AsyncIterable<Buffer>,
  { trailers, signed, auth }: ChunkedBody,
): AsyncGenerator<Buffer, ReadonlyMap<string, string>> {
  const input = bufferedInput(source)
  let previous = auth.signature
  let before = MIN_CHUNK_BYTES
  for (let number = 1; ; number++) {
    const { size, signature } = readChunkLine(await input.line(), signed)
    if (size > 0 && before < MIN_CHUNK_BYTES) {
      throw new S3Error('InvalidChunkSizeError', 'Only the last chunk is allowed to have a size less than 8192 bytes', {
        Chunk: String(number),
        BadChunkSize: String(before),
      })
    }
    before = size
    const hash = signed ? createHash('sha256') : null
    yield* input.take(size, hash)
    if (hash !== null) {
      const data = hash.digest('hex')
      const toSign = ['AWS4-HMAC-SHA256-PAYLOAD', auth.timestamp, auth.scope, previous, sha256(''), data].join('\n')
      previous = checkSignature(auth, toSign, signature)
    }
    if (size === 0) break
    await input.newline()
  }
  const found = await readTrailers(input)
  checkTrailers(found, { trailers, signed, auth }, previous)
  return found.headers
}

function readChunkLine(line: string, signed: boolean): { size: number; signature: string } {
  const match = /^([0-9a-f]{1,10})(?:;chunk-signature=([0-9a-f]{64}))?$/i.exec(line)
  if (match === null || (match[2] === undefined) === signed) throw incomplete('The chunk header is malformed')
  return { size: Number.parseInt(match[1] ?? '', 16), signature: match[2] ?? '' }
}

function checkSignature(auth: Authenticated, toSign: string, given: string): string {
  const expected = createHmac('sha256', auth.signingKey).update(toSign).digest('hex')
  if (!sameSignature(expected, given)) {
    throw signatureMismatch({ AWSAccessKeyId: auth.credential.accessKeyId, StringToSign: toSign, SignatureProvided: given })
  }
  return expected
}

type Trailers = { readonly headers: ReadonlyMap<string, string>; readonly signedText: string; readonly signature: string | null }

async function readTrailers(input: Input): Promise<Trailers> {
  const headers = new Map<string, string>()
  let signedText = ''
  let signature: string | null = null
  for (;;) {
    const line = await input.line()
    if (line === '') break
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).trim().toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (colon <= 0 || headers.has(name) || signature !== null) throw malformedTrailer()
    if (name === 'x-amz-trailer-signature') {
      signature = value
    } else {
      headers.set(name, value)
      signedText += `${name}:${value}\n`
    }
  }
  if (!(await input.atEnd())) throw incomplete('The request body continues after its last chunk')
  return { headers, signedText, signature }
}

function checkTrailers(found: Trailers, { trailers, signed, auth }: ChunkedBody, previous: string): void {
  const names = [...found.headers.keys()].sort()
  if (names.join() !== [...trailers].sort().join()) throw malformedTrailer()
  if (!signed || trailers.length === 0) {
    if (found.signature !== null) throw malformedTrailer()
    return
  }
  if (found.signature === null) throw malformedTrailer()
  const toSign = ['AWS4-HMAC-SHA256-TRAILER', auth.timestamp, auth.scope, previous, sha256(found.signedText)].join('\n')
  checkSignature(auth, toSign, found.signature)
}

function malformedTrailer(): S3Error {
  return new S3Error(
    'MalformedTrailerError',
    'The request contained trailing data that was not well-formed or did not conform to our published schema.',
  )
}

function incomplete(message: string): S3Error {
  return new S3Error('IncompleteBody', message)
}

type Input = {
  /** Up to CR LF, without it. */
  readonly line: () => Promise<string>
  readonly newline: () => Promise<void>
  readonly take: (size: number, hash: Hash | null) => AsyncGenerator<Buffer, void>
  readonly atEnd: () => Promise<boolean>
}

function bufferedInput(source: AsyncIterable<Buffer>): Input {
  const iterator = source[Symbol.asyncIterator]()
  let rest: Buffer = Buffer.alloc(0)
  const more = async (): Promise<boolean> => {
    const { done, value } = await iterator.next()
    if (done === true) return false
    rest = rest.length === 0 ? value : Buffer.concat([rest, value])
    return true
  }
  const line = async (): Promise<string> => {
    for (;;) {
      const end = rest.indexOf('\r\n')
      if (end !== -1) {
        const text = rest.toString('latin1', 0, end)
        rest = rest.subarray(end + 2)
        return text
      }
      if (rest.length > MAX_LINE_BYTES) throw incomplete('A line of the chunked body is too long')
      if (!(await more())) throw incomplete('The request body terminated unexpectedly')
    }
  }
  return {
    line,
    newline: async () => {
      if ((await line()) !== '') throw incomplete('A chunk is longer than its header says')
    },
    take: async function* (size, hash) {
      for (let left = size; left > 0; ) {
        if (rest.length === 0 && !(await more())) throw incomplete('The request body terminated unexpectedly')
        const piece = rest.subarray(0, left)
        rest = rest.subarray(piece.length)
        left -= piece.length
        if (piece.length === 0) continue
        hash?.update(piece)
        yield piece
      }
    },
    atEnd: async () => {
      while (rest.length === 0) if (!(await more())) return true
      return false
    },
  }
}
