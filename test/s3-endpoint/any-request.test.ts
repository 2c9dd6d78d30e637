/** No request, however odd, is answered with a 500, ends the endpoint, or leaves a file behind that nothing names. */

import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type S3Endpoint, startS3Endpoint } from '../support/s3/endpoint.ts'
import { type Scratch, scratch } from '../support/scratch.ts'
import { call, KEYS, UNSIGNED } from './signed-request.ts'

let directory: Scratch
let endpoint: S3Endpoint
const defects: unknown[] = []
beforeEach(async () => {
  directory = scratch()
  endpoint = await startS3Endpoint({
    ...KEYS,
    directory: directory.dir,
    buckets: ['lake'],
    onDefect: (error) => void defects.push(error),
  })
})
afterEach(async () => {
  await endpoint.close()
  directory[Symbol.dispose]()
})

const odd = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '1',
    '-1',
    '2',
    '1000000000000000000000',
    'x',
    '*',
    '"0"',
    'url',
    '/',
    'true',
    'bytes=0-1',
    'lake/key',
    'AES256',
  ),
  fc.string({ maxLength: 12 }),
)
const parameters = fc.constantFrom(
  'list-type',
  'prefix',
  'delimiter',
  'max-keys',
  'start-after',
  'continuation-token',
  'encoding-type',
  'marker',
  'uploads',
  'uploadId',
  'partNumber',
  'delete',
  'location',
  'key-marker',
  'upload-id-marker',
  'max-uploads',
  'max-parts',
  'part-number-marker',
  'fetch-owner',
  'response-content-type',
  'x-id',
  'versionId',
  'acl',
)
const headers = fc.constantFrom(
  'range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'content-md5',
  'content-type',
  'content-encoding',
  'x-amz-copy-source',
  'x-amz-copy-source-range',
  'x-amz-copy-source-if-match',
  'x-amz-metadata-directive',
  'x-amz-storage-class',
  'x-amz-server-side-encryption',
  'x-amz-checksum-crc32',
  'x-amz-checksum-algorithm',
  'x-amz-checksum-type',
  'x-amz-checksum-mode',
  'x-amz-sdk-checksum-algorithm',
  'x-amz-decoded-content-length',
  'x-amz-trailer',
  'x-amz-acl',
  'x-amz-mp-object-size',
  'x-amz-meta-a',
)
const printable = (text: string): string =>
  text
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .trim()
    .replaceAll(/ +/g, ' ')
const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`)
const payloads = [
  UNSIGNED,
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
]
const documents = [
  '<Delete><Object><Key>key</Key></Object></Delete>',
  '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>',
  '<a b="c">&lt;&#x41;</a>',
  '0\r\n\r\n',
  '5;chunk-signature=x\r\n',
]

/** `UPLOAD` stands for an upload that is open. */
const usual = fc.constantFrom(
  'GET /',
  'GET /lake',
  'GET /lake?list-type=2',
  'GET /lake?uploads=',
  'GET /lake/key',
  'GET /lake/key?uploadId=UPLOAD',
  'HEAD /lake/key',
  'PUT /lake/key',
  'PUT /lake/key',
  'PUT /lake/key?partNumber=1&uploadId=UPLOAD',
  'POST /lake?delete=',
  'POST /lake/key?uploads=',
  'POST /lake/key?uploadId=UPLOAD',
  'DELETE /lake/key',
  'PUT /new-bucket',
  'DELETE /new-bucket',
)
const unusual = fc
  .tuple(
    fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'),
    fc.constantFrom('/lake/', '/lake/%F0%9F%98%80', '/No', '//', '/lake//', '/lake/key'),
  )
  .map((words) => words.join(' '))
const requests = fc.record({
  line: fc.oneof({ weight: 4, arbitrary: usual }, { weight: 1, arbitrary: unusual }),
  query: fc.dictionary(parameters, odd, { maxKeys: 1 }),
  headers: fc.dictionary(headers, odd, { maxKeys: 2 }),
  payload: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom(...payloads) }),
  body: fc.oneof(fc.constant(''), fc.constantFrom(...documents), fc.string({ maxLength: 40 })),
})

test('signed requests of any shape', async () => {
  const created = await call(endpoint.url, { method: 'POST', target: '/lake/key?uploads=' })
  const upload = /<UploadId>(.*)<\/UploadId>/.exec(created.body.toString())?.[1] ?? ''
  await fc.assert(
    fc.asyncProperty(requests, async ({ line, query, headers: given, payload, body }) => {
      const [method = '', path = ''] = line.replace('UPLOAD', upload).split(' ')
      const pairs = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`)
      const sent = Object.entries(given).map(([name, value]) => [name, printable(value)] as const)
      const answer = await call(endpoint.url, {
        method,
        target: [path, ...pairs].reduce((target, pair) => `${target}${target.includes('?') ? '&' : '?'}${pair}`),
        headers: Object.fromEntries(sent.filter(([, value]) => value !== '')),
        body: method === 'GET' || method === 'HEAD' ? '' : body,
        ...(payload === undefined ? {} : { payload }),
      })
      expect(answer.code).not.toBe('SignatureDoesNotMatch')
      expect([200, 204, 206, 304, 400, 403, 404, 405, 409, 411, 412, 416, 501]).toContain(answer.status)
    }),
    { numRuns: 1000 },
  )
  expect(defects).toEqual([])
  const seen = new Set(endpoint.requests.map(({ status }) => status))
  for (const status of [200, 204, 400, 404, 501]) expect(seen).toContain(status)
  for (const target of ['/lake/key', '/lake/%F0%9F%98%80', '/lake//', `/lake/key?uploadId=${upload}`]) {
    await call(endpoint.url, { method: 'DELETE', target })
  }
  const { body } = await call(endpoint.url, { target: '/lake?list-type=2' })
  expect(body.toString()).toContain('<KeyCount>0</KeyCount>')
  const left = readdirSync(`${directory.dir}/data`, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  expect(left).toEqual([])
}, 120_000)

test('bytes that are no request', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string({ maxLength: 200 }),
        fc.constantFrom('GET / HTTP/1.1\r\n\r\n', 'PUT /lake/k HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx'),
      ),
      async (text) => {
        const socket = connect(endpoint.port, '127.0.0.1')
        socket.on('error', () => undefined)
        socket.resume()
        await once(socket, 'connect')
        socket.end(text)
        if (!socket.closed) await once(socket, 'close')
      },
    ),
    { numRuns: 100 },
  )
  expect(defects).toEqual([])
  expect((await call(endpoint.url, { target: '/lake?list-type=2' })).status).toBe(200)
})
