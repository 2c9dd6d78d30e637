/** Bodies that are not what was said about them are refused, and nothing of them is ever seen. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import {
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  checksumHeader,
  joinChecksums,
  startChecksum,
} from '../support/s3/checksums.ts'
import { useEndpoint } from './endpoint-fixture.ts'
import { type Answer, call, callChunked, signedHeaders, UNSIGNED } from './signed-request.ts'

const fixture = useEndpoint({ idleMs: 300 })
const body = 'content'
const put = { method: 'PUT', target: '/lake/body', body } as const
const refused = (answer: Answer): readonly [number, string | null] => [answer.status, answer.code]
const digestOf = (algorithm: ChecksumAlgorithm, data: string | Buffer): string => {
  const checksum = startChecksum(algorithm)
  checksum.update(Buffer.from(data))
  return checksum.digest().toString('base64')
}

describe('a refused body leaves nothing', () => {
  afterEach(async () => {
    expect((await call(fixture.url(), { target: '/lake/body' })).status).toBe(404)
  })

  test.each(CHECKSUM_ALGORITHMS)('wrong %s in a header: BadDigest', async (algorithm) => {
    const headers = { [checksumHeader(algorithm)]: digestOf(algorithm, 'other') }
    expect(refused(await call(fixture.url(), { ...put, headers }))).toEqual([400, 'BadDigest'])
  })

  test.each(CHECKSUM_ALGORITHMS)('wrong %s in a trailer: BadDigest', async (algorithm) => {
    const trailers = { [checksumHeader(algorithm)]: digestOf(algorithm, 'other') }
    for (const signed of [true, false]) {
      const answer = await callChunked(fixture.url(), put, { chunks: [Buffer.from(body)], trailers, signed })
      expect(refused(answer)).toEqual([400, 'BadDigest'])
    }
  })

  test.each([
    ['a checksum of the wrong length', 'InvalidRequest', { 'x-amz-checksum-crc32': 'AAAA' }],
    ['a checksum that is no base64', 'InvalidRequest', { 'x-amz-checksum-sha256': '!' }],
    [
      'two checksums',
      'InvalidRequest',
      { 'x-amz-checksum-crc32': digestOf('CRC32', body), 'x-amz-checksum-sha1': digestOf('SHA1', body) },
    ],
    ['an unknown algorithm', 'InvalidRequest', { 'x-amz-checksum-md4': 'AAAA' }],
    ['an announced checksum that is not there', 'InvalidRequest', { 'x-amz-sdk-checksum-algorithm': 'CRC32' }],
    [
      'another checksum than announced',
      'InvalidRequest',
      { 'x-amz-sdk-checksum-algorithm': 'CRC32', 'x-amz-checksum-sha1': digestOf('SHA1', body) },
    ],
    ['a trailer of a body without one', 'InvalidRequest', { 'x-amz-trailer': 'x-amz-checksum-crc32' }],
    ['a wrong Content-MD5', 'BadDigest', { 'content-md5': createHash('md5').update('other').digest('base64') }],
    ['a Content-MD5 that is none', 'InvalidDigest', { 'content-md5': 'AAAA' }],
  ])('%s: %s', async (_, code, headers) => {
    expect(refused(await call(fixture.url(), { ...put, headers }))).toEqual([400, code])
  })

  test('more than 5 GiB: EntityTooLarge, before it is sent', async () => {
    const headers = { 'content-length': String(5 * 1024 ** 3 + 1), expect: '100-continue' }
    const { headers: signed } = signedHeaders(fixture.url(), { method: 'PUT', target: '/lake/body', payload: UNSIGNED })
    const answer = await exchange('PUT /lake/body HTTP/1.1', { ...signed, ...headers }, [])
    expect(answer).toContain('400 Bad Request')
    expect(answer).toContain('<Code>EntityTooLarge</Code>')
    expect(answer).not.toContain('100 Continue')
  })

  test('no length: MissingContentLength', async () => {
    const { headers } = signedHeaders(fixture.url(), { method: 'PUT', target: '/lake/body', payload: UNSIGNED })
    expect(await exchange('PUT /lake/body HTTP/1.1', headers, [])).toContain('<Code>MissingContentLength</Code>')
  })

  test('a body that stops: RequestTimeout', async () => {
    const { headers } = signedHeaders(fixture.url(), { method: 'PUT', target: '/lake/body', payload: UNSIGNED })
    expect(await exchange('PUT /lake/body HTTP/1.1', { ...headers, 'content-length': '10' }, ['half'])).toContain(
      '<Code>RequestTimeout</Code>',
    )
  })

  test('a client that leaves in the middle', async () => {
    const { headers } = signedHeaders(fixture.url(), { method: 'PUT', target: '/lake/body', payload: UNSIGNED })
    const before = fixture.endpoint().requests.length
    const socket = connect(fixture.endpoint().port, '127.0.0.1')
    await once(socket, 'connect')
    socket.end(`${head('PUT /lake/body HTTP/1.1', { ...headers, 'content-length': '10' })}half`)
    socket.resume()
    await once(socket, 'close')
    await expect.poll(() => fixture.endpoint().requests.length).toBe(before + 1)
  })

  describe('in chunks', () => {
    const chunks = [Buffer.alloc(8192, 'a'), Buffer.alloc(8192, 'b'), Buffer.from('c')]
    const whole = Buffer.concat(chunks)
    const trailers = { 'x-amz-checksum-crc32c': digestOf('CRC32C', whole) }
    const replace = (from: string | RegExp, to: string) => (parts: string[]) => {
      parts[1] = parts[1]?.replace(from, to) ?? ''
    }

    test.each<[string, number, string, (parts: string[]) => void]>([
      ['a changed byte', 403, 'SignatureDoesNotMatch', replace('bbbbbbbb', 'bbbbbbbx')],
      ['a changed signature', 403, 'SignatureDoesNotMatch', replace(/signature=..../, 'signature=0000')],
      ['two chunks exchanged', 403, 'SignatureDoesNotMatch', (parts) => parts.splice(0, 2, parts[1] ?? '', parts[0] ?? '')],
      ['a chunk sent twice', 403, 'SignatureDoesNotMatch', (parts) => parts.splice(1, 0, parts[0] ?? '')],
      ['a chunk left out', 403, 'SignatureDoesNotMatch', (parts) => parts.splice(1, 1)],
      ['a chunk without a signature', 400, 'IncompleteBody', replace(';chunk-signature=', ';x=')],
      ['no last chunk', 400, 'IncompleteBody', (parts) => parts.splice(3)],
      ['something after the end', 400, 'IncompleteBody', (parts) => parts.push('x')],
      ['a chunk header that is too long', 400, 'IncompleteBody', replace('signature=', 'signature=0')],
    ])('%s: %d %s', async (_, status, code, tamper) => {
      expect(refused(await callChunked(fixture.url(), put, { chunks, signed: true, tamper }))).toEqual([status, code])
    })

    test.each<[string, number, string, Readonly<Record<string, string>>, (parts: string[]) => void]>([
      [
        'a changed trailer',
        403,
        'SignatureDoesNotMatch',
        trailers,
        (parts) => void parts.splice(4, 1, 'x-amz-checksum-crc32c:AAAAAA==\r\n'),
      ],
      ['a trailer without its signature', 400, 'MalformedTrailerError', trailers, (parts) => void parts.splice(5, 1)],
      ['a trailer that does not come', 400, 'MalformedTrailerError', trailers, (parts) => void parts.splice(4, 2)],
      [
        'a trailer that was not announced',
        400,
        'MalformedTrailerError',
        trailers,
        (parts) => void parts.splice(5, 0, 'x-amz-meta-a:1\r\n'),
      ],
    ])('%s: %d %s', async (_, status, code, given, tamper) => {
      expect(refused(await callChunked(fixture.url(), put, { chunks, trailers: given, signed: true, tamper }))).toEqual([
        status,
        code,
      ])
    })

    test('a small chunk before the last: InvalidChunkSizeError', async () => {
      const answer = await callChunked(fixture.url(), put, {
        chunks: [Buffer.from('a'), Buffer.from('b')],
        trailers: { 'x-amz-checksum-crc32': digestOf('CRC32', 'ab') },
        signed: false,
      })
      expect(refused(answer)).toEqual([403, 'InvalidChunkSizeError'])
      expect(answer.body.toString()).toContain('<Chunk>2</Chunk><BadChunkSize>1</BadChunkSize>')
    })

    test('less or more than promised: IncompleteBody', async () => {
      for (const length of ['16384', '16386']) {
        const wanted = { ...put, headers: { 'x-amz-decoded-content-length': length } }
        expect(refused(await callChunked(fixture.url(), wanted, { chunks, signed: true }))).toEqual([400, 'IncompleteBody'])
      }
    })

    test('no decoded length: MissingContentLength', async () => {
      const wanted = { ...put, payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', body: '0\r\n\r\n' }
      expect(refused(await call(fixture.url(), wanted))).toEqual([411, 'MissingContentLength'])
    })
  })
})

function head(line: string, headers: Readonly<Record<string, string>>): string {
  return `${[line, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)].join('\r\n')}\r\n\r\n`
}

/** Writes to a socket and reads until the endpoint closes it. */
async function exchange(line: string, headers: Readonly<Record<string, string>>, pieces: readonly string[]): Promise<string> {
  const socket = connect(fixture.endpoint().port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write([head(line, { connection: 'close', ...headers }), ...pieces].join(''))
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return answer
}

test.each(CHECKSUM_ALGORITHMS)('a right %s is kept and told to whoever asks', async (algorithm) => {
  const name = checksumHeader(algorithm)
  const value = digestOf(algorithm, body)
  const target = `/lake/right-${algorithm}`
  expect(await call(fixture.url(), { ...put, target, headers: { [name]: value } })).toMatchObject({
    status: 200,
    headers: { [name]: value },
  })
  for (const signed of [true, false]) {
    const answer = await callChunked(
      fixture.url(),
      { target },
      { chunks: [Buffer.from(body)], trailers: { [name]: value }, signed },
    )
    expect(answer).toMatchObject({ status: 200, headers: { [name]: value } })
  }
  const get = await call(fixture.url(), { target, headers: { 'x-amz-checksum-mode': 'ENABLED' } })
  expect(get.body.toString()).toBe(body)
  expect(get.headers).toMatchObject({ [name]: value, 'x-amz-checksum-type': 'FULL_OBJECT' })
  expect((await call(fixture.url(), { target })).headers[name]).toBeUndefined()
  const ranged = await call(fixture.url(), { target, headers: { 'x-amz-checksum-mode': 'ENABLED', range: 'bytes=0-1' } })
  expect(ranged).toMatchObject({ status: 206 })
  expect(ranged.headers[name]).toBeUndefined()
})

test('without a checksum of the client S3 keeps CRC-64/NVME', async () => {
  await call(fixture.url(), { ...put, target: '/lake/default' })
  const { headers } = await call(fixture.url(), {
    method: 'HEAD',
    target: '/lake/default',
    headers: { 'x-amz-checksum-mode': 'ENABLED' },
  })
  expect(headers['x-amz-checksum-crc64nvme']).toBe(digestOf('CRC64NVME', body))
})

test('aws-chunked is no part of the content encoding that is kept', async () => {
  const wanted = { target: '/lake/encoded', headers: { 'content-encoding': 'gzip,aws-chunked' } }
  await callChunked(fixture.url(), wanted, { chunks: [Buffer.from('x')], signed: true })
  expect((await call(fixture.url(), { target: '/lake/encoded' })).headers['content-encoding']).toBe('gzip')
})

test('the checksums of "123456789" are those of their catalogues', () => {
  expect(CHECKSUM_ALGORITHMS.map((algorithm) => Buffer.from(digestOf(algorithm, '123456789'), 'base64').toString('hex'))).toEqual(
    [
      'cbf43926',
      'e3069283',
      'ae8b14860a799888',
      createHash('sha1').update('123456789').digest('hex'),
      createHash('sha256').update('123456789').digest('hex'),
    ],
  )
})

test('a CRC of a whole is that of its pieces joined, and does not depend on how it was fed', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(pieces, fc.constantFrom('CRC32', 'CRC32C', 'CRC64NVME'), (list, algorithm) => {
      const buffers = list.map((each) => Buffer.from(each))
      const whole = digestOf(algorithm, Buffer.concat(buffers))
      const running = startChecksum(algorithm)
      for (const buffer of buffers) running.update(buffer)
      expect(running.digest().toString('base64')).toBe(whole)
      const parts = buffers.map((buffer) => ({ value: digestOf(algorithm, buffer), size: buffer.length }))
      expect(joinChecksums(algorithm, 'FULL_OBJECT', parts).value).toBe(whole)
    }),
  )
  expect(Buffer.from(digestOf('CRC32', 'x'), 'base64').readUInt32BE()).toBe(crc32('x'))
})
