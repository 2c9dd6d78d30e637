/** The worked examples of the Amazon S3 API Reference, sent as printed there: keys, instants, signatures. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type S3Endpoint, startS3Endpoint } from '../support/s3/endpoint.ts'
import { type Scratch, scratch } from '../support/scratch.ts'
import { KEYS, send, sha256 } from './signed-request.ts'

const HOST = 'examplebucket.s3.amazonaws.com'
const DATE = '20130524T000000Z'
const EMPTY = sha256('')

let directory: Scratch
let endpoint: S3Endpoint
beforeAll(async () => {
  directory = scratch()
  endpoint = await startS3Endpoint({
    ...KEYS,
    directory: directory.dir,
    baseDomain: 's3.amazonaws.com',
    buckets: ['examplebucket'],
    now: () => new Date('2013-05-24T00:00:00Z'),
  })
})
afterAll(async () => {
  await endpoint.close()
  directory[Symbol.dispose]()
})

function authorization(signedHeaders: string, signature: string): string {
  return `AWS4-HMAC-SHA256 Credential=${KEYS.accessKeyId}/20130524/us-east-1/s3/aws4_request,SignedHeaders=${signedHeaders},Signature=${signature}`
}

test('"PUT Object", then "GET Object" of another name', async () => {
  const body = 'Welcome to Amazon S3.'
  const put = await send(endpoint.url, {
    method: 'PUT',
    target: '/test$file.text',
    headers: {
      host: HOST,
      date: 'Fri, 24 May 2013 00:00:00 GMT',
      'x-amz-date': DATE,
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
      authorization: authorization(
        'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
        '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
      ),
    },
    body,
  })
  expect(put).toMatchObject({ status: 200, headers: { etag: `"${createHash('md5').update(body).digest('hex')}"` } })
  const get = await send(endpoint.url, {
    method: 'GET',
    target: '/test.txt',
    headers: {
      host: HOST,
      range: 'bytes=0-9',
      'x-amz-content-sha256': EMPTY,
      'x-amz-date': DATE,
      authorization: authorization(
        'host;range;x-amz-content-sha256;x-amz-date',
        'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
      ),
    },
  })
  expect(get).toMatchObject({ status: 404, code: 'NoSuchKey' })
})

test('"GET Bucket Lifecycle" is understood and not known here', async () => {
  const answer = await send(endpoint.url, {
    method: 'GET',
    target: '/?lifecycle',
    headers: {
      host: HOST,
      'x-amz-content-sha256': EMPTY,
      'x-amz-date': DATE,
      authorization: authorization(
        'host;x-amz-content-sha256;x-amz-date',
        'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
      ),
    },
  })
  expect(answer).toMatchObject({ status: 501, code: 'NotImplemented' })
})

test('"Get Bucket (List Objects)"', async () => {
  const answer = await send(endpoint.url, {
    method: 'GET',
    target: '/?max-keys=2&prefix=J',
    headers: {
      host: HOST,
      'x-amz-content-sha256': EMPTY,
      'x-amz-date': DATE,
      authorization: authorization(
        'host;x-amz-content-sha256;x-amz-date',
        '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
      ),
    },
  })
  expect(answer.status).toBe(200)
  expect(answer.body.toString()).toContain('<Prefix>J</Prefix><MaxKeys>2</MaxKeys>')
})

test('the presigned GET of "Authenticating Requests: Using Query Parameters"', async () => {
  const target =
    '/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature='
  const signature = 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404'
  const get = (signed: string) => send(endpoint.url, { method: 'GET', target: `${target}${signed}`, headers: { host: HOST } })
  expect(await get(signature)).toMatchObject({ status: 404, code: 'NoSuchKey' })
  expect(await get(signature.replace('a', 'b'))).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
})

const CHUNK_SIGNATURES = {
  plain: [
    'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
    '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
    'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
  ],
  trailer: [
    'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
    '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
    '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
  ],
} as const

function chunks([first, second, last]: readonly [string, string, string]): string {
  return [
    `10000;chunk-signature=${first}\r\n${'a'.repeat(65_536)}\r\n`,
    `400;chunk-signature=${second}\r\n${'a'.repeat(1024)}\r\n`,
    `0;chunk-signature=${last}\r\n`,
  ].join('')
}

test('"PUT Object" in signed chunks', async () => {
  const put = (body: string) =>
    send(endpoint.url, {
      method: 'PUT',
      target: '/examplebucket/chunkObject.txt',
      headers: {
        host: 's3.amazonaws.com',
        'content-encoding': 'aws-chunked',
        'content-length': '66824',
        'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
        'x-amz-date': DATE,
        'x-amz-decoded-content-length': '66560',
        'x-amz-storage-class': 'REDUCED_REDUNDANCY',
        authorization: authorization(
          'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class',
          '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
        ),
      },
      body,
    })
  const body = `${chunks(CHUNK_SIGNATURES.plain)}\r\n`
  expect(body).toHaveLength(66_824)
  expect(await put(body)).toMatchObject({ status: 200 })
  expect(await put(body.replace('aaaa', 'aaab'))).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
})

test('"PUT Object" in signed chunks with a trailing checksum', async () => {
  const put = (trailer: string, signature: string) =>
    send(endpoint.url, {
      method: 'PUT',
      target: '/examplebucket/chunkObject.txt',
      headers: {
        host: 's3.amazonaws.com',
        'content-encoding': 'aws-chunked',
        'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
        'x-amz-date': DATE,
        'x-amz-decoded-content-length': '66560',
        'x-amz-storage-class': 'REDUCED_REDUNDANCY',
        'x-amz-trailer': 'x-amz-checksum-crc32c',
        authorization: authorization(
          'content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer',
          '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
        ),
      },
      body: `${chunks(CHUNK_SIGNATURES.trailer)}${trailer}\r\nx-amz-trailer-signature:${signature}\r\n\r\n`,
    })
  const signature = 'd81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435'
  expect(await put('x-amz-checksum-crc32c:sOO8/Q==', signature)).toMatchObject({
    status: 200,
    headers: { 'x-amz-checksum-crc32c': 'sOO8/Q==' },
  })
  expect(await put('x-amz-checksum-crc32c:sOO8/A==', signature)).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
  expect(await put('x-amz-checksum-crc32c:sOO8/Q==', signature.replace('d', 'e'))).toMatchObject({
    code: 'SignatureDoesNotMatch',
  })
})
