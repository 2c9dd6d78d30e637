/**
 * moto as a second opinion: the object store contract against it, and the same requests to it and to our endpoint. Where the
 * two differ, the AWS documentation decides; every difference is in the table here and in `test/support/s3/README.md`.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { s3Subject } from '../connectors/s3/s3-subject.ts'
import { objectStoreContract } from '../contracts/object-store.ts'
import { type Answer, call, callChunked, KEYS, presign, send, type Wanted } from '../s3-endpoint/signed-request.ts'
import { type S3Endpoint, startS3Endpoint } from '../support/s3/endpoint.ts'
import { type Scratch, scratch } from '../support/scratch.ts'
import { type Moto, startMoto } from '../support/services/moto.ts'

let moto: Moto
let ours: S3Endpoint
let directory: Scratch
beforeAll(async () => {
  directory = scratch()
  ours = await startS3Endpoint({ ...KEYS, directory: directory.dir, buckets: ['lake'] })
  moto = await startMoto()
  await call(moto.url, { method: 'PUT', target: '/lake' })
})
afterAll(async () => {
  await moto[Symbol.asyncDispose]()
  await ours.close()
  directory[Symbol.dispose]()
})

objectStoreContract('s3 on moto', () => s3Subject({ endpoint: moto.url, ...KEYS }), { holdsObjectsInMemory: true })

type Probe = (url: string) => Promise<Answer>
const probe =
  (wanted: Wanted): Probe =>
  (url) =>
    call(url, wanted)
const put = (target: string, more: Partial<Wanted> = {}) => probe({ method: 'PUT', target, body: 'content', ...more })
const crc = { 'x-amz-checksum-crc32': 'AAAAAA==' }

/** In this order: later ones see what earlier ones left. */
const AGREED: Readonly<Record<string, Probe>> = {
  put: put('/lake/a'),
  'put of an odd key': put('/lake/%20a%2Bb%25/%C3%A4'),
  'put if absent': put('/lake/once', { headers: { 'if-none-match': '*' } }),
  'put if absent, again': put('/lake/once', { headers: { 'if-none-match': '*' } }),
  'put if another': put('/lake/a', { headers: { 'if-match': '"0"' } }),
  'put into no bucket': put('/elsewhere/a'),
  get: probe({ target: '/lake/a' }),
  'get a range': probe({ target: '/lake/a', headers: { range: 'bytes=2-4' } }),
  'get the end': probe({ target: '/lake/a', headers: { range: 'bytes=-3' } }),
  'get beyond the end': probe({ target: '/lake/a', headers: { range: 'bytes=100-' } }),
  'get if another': probe({ target: '/lake/a', headers: { 'if-match': '"0"' } }),
  'get nothing': probe({ target: '/lake/nothing' }),
  'head nothing': probe({ method: 'HEAD', target: '/lake/nothing' }),
  list: probe({ target: '/lake?list-type=2&encoding-type=url' }),
  'list below a delimiter': probe({ target: '/lake?delimiter=%2F&list-type=2' }),
  copy: probe({ method: 'PUT', target: '/lake/copy', headers: { 'x-amz-copy-source': 'lake/a' } }),
  'copy nothing': probe({ method: 'PUT', target: '/lake/copy', headers: { 'x-amz-copy-source': 'lake/nothing' } }),
  delete: probe({ method: 'DELETE', target: '/lake/copy' }),
  'delete nothing': probe({ method: 'DELETE', target: '/lake/nothing' }),
  'abort no upload': probe({ method: 'DELETE', target: '/lake/a?uploadId=x' }),
  'delete a bucket that is not empty': probe({ method: 'DELETE', target: '/lake' }),
  'head no bucket': probe({ method: 'HEAD', target: '/elsewhere' }),
}

type Verdict = { readonly ours: string; readonly moto: string; readonly request: Probe }

/** What AWS documents is `ours`; see the README for where. */
const DIFFERENT: Readonly<Record<string, Verdict>> = {
  'wrong signature': {
    ours: '403 SignatureDoesNotMatch',
    moto: '200',
    request: probe({ target: '/lake/a', keys: { ...KEYS, secretAccessKey: 'wrong' } }),
  },
  'no signature': { ours: '403 AccessDenied', moto: '403', request: (url) => send(url, { method: 'GET', target: '/lake/a' }) },
  'request of an hour ago': {
    ours: '403 RequestTimeTooSkewed',
    moto: '200',
    request: (url) => call(url, { target: '/lake/a', at: new Date(Date.now() - 3_600_000) }),
  },
  'presigned and expired': {
    ours: '403 AccessDenied',
    moto: '200',
    request: (url) =>
      send(url, {
        method: 'GET',
        target: presign(url, { target: '/lake/a', expires: 60, at: new Date(Date.now() - 600_000) }),
        headers: { host: new URL(url).host },
      }),
  },
  'body other than its signed hash': {
    ours: '400 XAmzContentSHA256Mismatch',
    moto: '200',
    request: put('/lake/hash', { tamper: ({ body }) => void body.write('C') }),
  },
  'wrong checksum in a header': { ours: '400 BadDigest', moto: '200', request: put('/lake/crc', { headers: crc }) },
  'wrong checksum in a trailer': {
    ours: '400 BadDigest',
    moto: '200',
    request: (url) =>
      callChunked(url, { target: '/lake/trailer' }, { chunks: [Buffer.from('content')], trailers: crc, signed: false }),
  },
  'wrong signature of a chunk': {
    ours: '403 SignatureDoesNotMatch',
    moto: '200',
    request: (url) =>
      callChunked(
        url,
        { target: '/lake/chunk' },
        {
          chunks: [Buffer.from('content')],
          signed: true,
          tamper: (parts) => {
            parts[0] = parts[0]?.replace('content', 'CONTENT') ?? ''
          },
        },
      ),
  },
  'wrong Content-MD5': {
    ours: '400 BadDigest',
    moto: '200',
    request: put('/lake/md5', { headers: { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' } }),
  },
  'part of no upload': { ours: '404 NoSuchUpload', moto: '500', request: put('/lake/a?partNumber=1&uploadId=x') },
  'bucket with a bad name': {
    ours: '400 InvalidBucketName',
    moto: '200',
    request: probe({ method: 'PUT', target: '/Bad_Name' }),
  },
  'unknown header of S3': {
    ours: '501 NotImplemented',
    moto: '200',
    request: put('/lake/a', { headers: { 'x-amz-unheard-of': '1' } }),
  },
}

const told = ({ status, code }: Answer): string => (code === null ? String(status) : `${status} ${code}`)

test('agrees with our endpoint on status and error code of what both know', async () => {
  const differing: string[] = []
  for (const [name, request] of Object.entries(AGREED)) {
    const [one, other] = [told(await request(ours.url)), told(await request(moto.url))]
    if (one !== other) differing.push(`${name}: ours ${one}, moto ${other}`)
  }
  expect(differing).toEqual([])
})

test.each(Object.entries(DIFFERENT))('differs as written down: %s', async (_, verdict) => {
  expect({ ours: told(await verdict.request(ours.url)), moto: told(await verdict.request(moto.url)) }).toEqual({
    ours: verdict.ours,
    moto: verdict.moto,
  })
})

test('every difference is in the README of the endpoint', () => {
  const readme = readFileSync(fileURLToPath(new URL('../support/s3/README.md', import.meta.url)), 'utf8')
  const rows = Object.entries(DIFFERENT).map(([name, verdict]) => `| ${name} | ${verdict.ours} | ${verdict.moto} |`)
  expect(rows.filter((row) => !readme.includes(row))).toEqual([])
})
