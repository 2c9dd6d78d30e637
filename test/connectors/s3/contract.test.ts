/** The contract suites on our S3 endpoint, and what a bucket has beyond them. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CreateMultipartUploadCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Environment, ObjectStore } from '../../../connectors/ports.ts'
import { s3Options } from '../../../connectors/s3/options.ts'
import { openS3Store } from '../../../connectors/s3/store.ts'
import { objectStoreContract } from '../../contracts/object-store.ts'
import { lostAnswerContract } from '../../contracts/object-store-log.ts'
import { type S3Endpoint, startS3Endpoint } from '../../support/s3/endpoint.ts'
import { LOST_ANSWER } from '../../support/s3/faults.ts'
import { type Scratch, scratch } from '../../support/scratch.ts'
import { IMPATIENT, s3Subject } from './s3-subject.ts'

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-secret' }
const ROLE = 'arn:aws:iam::123456789012:role/loader'
const signal = new AbortController().signal
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

let directory: Scratch
let endpoint: S3Endpoint
beforeAll(async () => {
  directory = scratch()
  endpoint = await startS3Endpoint({ ...KEYS, directory: directory.dir, roles: [{ arn: ROLE, externalId: 'portage-7' }] })
})
afterAll(async () => {
  await endpoint.close()
  directory[Symbol.dispose]()
})

const subject = (options: Readonly<Record<string, unknown>> = {}, environment?: Environment) =>
  s3Subject({ endpoint: endpoint.url, ...KEYS }, options, environment)

// The endpoint runs in this process and its buffers count: `memory.test.ts` measures the store alone.
const shared = { holdsObjectsInMemory: true }
objectStoreContract('s3', () => subject({ prefix: 'team/a' }), shared)
lostAnswerContract('s3', async () => {
  const opened = await subject()
  await opened.store.putIfAbsent('warm', bytes('')).then(() => opened.store.delete(['warm']))
  const operation = ['PutObject', 'CompleteMultipartUpload'] as const
  return { ...opened, loseAnswers: (times) => void endpoint.arm({ operation, key: /^(?!.*\.tmp-)/, times, effect: LOST_ANSWER }) }
})

describe('s3 store', () => {
  test('keys lie below the prefix, addresses name them, and neighbours are neither listed nor touched', async () => {
    await using one = await subject({ prefix: 'team/a' })
    await one.store.putIfAbsent('raw/x', bytes('x'))
    await one.client.send(new PutObjectCommand({ Bucket: one.bucket, Key: 'team/ab/raw/y', Body: 'y' }))
    await one.client.send(new HeadObjectCommand({ Bucket: one.bucket, Key: 'team/a/raw/x' }))
    expect(one.store.address('raw/x')).toBe(`s3://${one.bucket}/team/a/raw/x`)
    expect(await keysOf(one.store, '')).toEqual(['raw/x'])
    expect(await one.store.get('raw/y')).toBeNull()
  })

  test('objects of other people are listed as they are; markers of directories are not', async () => {
    await using one = await subject()
    for (const Key of ['a/', 'a/b c+d&<é>.csv', 'a/ü\u{1F600}', 'a/.tmp-portage/probe-1']) {
      await one.client.send(new PutObjectCommand({ Bucket: one.bucket, Key, Body: 'x' }))
    }
    expect(await keysOf(one.store, 'a/')).toEqual(['a/b c+d&<é>.csv', 'a/ü\u{1F600}'])
  })

  test('objects carry a checksum, in one part and in several, and the encryption that was asked for', async () => {
    await using one = await subject({ encryption: 'AES256' })
    const writer = await one.store.openWriter('large')
    for (let n = 0; n < 3; n++) await writer.write(new Uint8Array(6 * 1024 ** 2))
    await writer.close()
    await one.store.putIfAbsent('small', bytes('x'))
    const head = async (Key: string) =>
      one.client.send(new HeadObjectCommand({ Bucket: one.bucket, Key, ChecksumMode: 'ENABLED' }))
    expect(await head('small')).toMatchObject({ ServerSideEncryption: 'AES256', ChecksumCRC32: expect.any(String) })
    expect(await head('large')).toMatchObject({
      ServerSideEncryption: 'AES256',
      ChecksumCRC32: expect.stringMatching(/^[^-]+$/),
      ChecksumType: 'FULL_OBJECT',
    })
    const parts = endpoint.requests.filter(({ bucket, operation }) => bucket === one.bucket && operation === 'UploadPart')
    expect(parts).toHaveLength(3)
  })

  test('a writer tells the memory that it holds, so that many open ones stay within a bound', async () => {
    await using one = await subject()
    await using writer = await one.store.openWriter('large')
    expect(writer.buffered).toBe(0)
    await writer.write(new Uint8Array(1000))
    expect(writer.buffered).toBe(64 * 1024)
    for (let piece = 0; piece < 20; piece++) await writer.write(new Uint8Array(1024 ** 2))
    expect(writer.buffered).toBe(16 * 1024 ** 2)
  })

  test('a role is taken, with its external id', async () => {
    const role = { role_arn: ROLE, external_id: 'portage-7', endpoint: endpoint.url }
    await using one = await subject({ assume_role: role })
    expect(await one.store.putIfAbsent('a', bytes('x'))).toBe('created')
    await using other = await subject({ assume_role: { ...role, external_id: 'someone' } })
    const refused = other.store.putIfAbsent('a', bytes('x'))
    await expect(refused).rejects.toMatchObject({ code: 'PRIVILEGE' })
    await expect(refused).rejects.toThrow('Allow sts:AssumeRole')
    expect(await other.store.check(signal)).toMatchObject([{ problem: 'the role of assume_role could not be taken' }])
  })

  test('nothing is written after a stop, and a stop ends a stalled call', async () => {
    await using one = await subject()
    await one.store.putIfAbsent('warm', bytes(''))
    endpoint.arm({ operation: 'GetObject', key: 'warm', effect: { kind: 'stall', when: 'before' } })
    const stop = new AbortController()
    const reading = one.store.get('warm', { signal: stop.signal })
    stop.abort()
    await expect(reading).rejects.toMatchObject({ code: 'ABORTED' })
    endpoint.clearFaults()
  })
})

describe('check of a bucket', () => {
  test('counts the uploads that killed processes left, once they are a day old', async () => {
    const tomorrow = () => new Date(Date.now() + 25 * 60 * 60 * 1000)
    await using one = await subject({}, { ...IMPATIENT, now: tomorrow })
    await one.client.send(new CreateMultipartUploadCommand({ Bucket: one.bucket, Key: 'raw/killed' }))
    const problem = 'holds 1 multipart upload that nobody finished for a day'
    expect(await one.store.check(signal)).toMatchObject([{ severity: 'warning', problem }])
    await using fresh = await subject()
    await fresh.client.send(new CreateMultipartUploadCommand({ Bucket: fresh.bucket, Key: 'raw/at-work' }))
    expect(await fresh.store.check(signal)).toEqual([])
  })

  const problemsOf = async (options: Readonly<Record<string, unknown>>) => {
    await using one = await subject(options)
    return await one.store.check(signal)
  }

  test('finds nothing wrong with a good one and leaves nothing in it', async () => {
    await using one = await subject()
    expect(await one.store.check(signal)).toEqual([])
    const { Contents: contents } = await one.client.send(
      new (await import('@aws-sdk/client-s3')).ListObjectsV2Command({ Bucket: one.bucket }),
    )
    expect(contents ?? []).toEqual([])
    expect(await one.leftovers()).toEqual([])
  })

  test.each([
    ['a bucket that is not there', { bucket: 'not-there' }, 'the bucket does not exist', 'Create bucket "not-there"'],
    ['an unknown key', { access_key_id: 'AKIDUNKNOWN' }, 'access', 'config/connections.yaml'],
    ['a wrong secret', { secret_access_key: 'wrong' }, 's', 'config/connections.yaml'],
    ['nothing at the endpoint', { endpoint: 'http://127.0.0.1:1', max_attempts: 1 }, 'nothing listens there', 'Check endpoint'],
    ['an unknown host', { endpoint: 'http://no.such.host.invalid', max_attempts: 1 }, 'host name', 'Check endpoint'],
    ['another region', { region: 'eu-west-1' }, 'another region', 'Set region: us-east-1'],
  ])('names %s, once', async (_, options, problem, cure) => {
    const found = await problemsOf(options)
    expect(found).toHaveLength(1)
    expect(found[0]?.problem).toContain(problem)
    expect(found[0]?.cure).toContain(cure)
    expect(JSON.stringify(found)).not.toContain('not-a-secret')
  })

  test('names every permission that is missing, each with its action', async () => {
    await using one = await subject()
    const refused = (operation: 'PutObject' | 'GetObject' | 'DeleteObjects' | 'ListObjectsV2') =>
      endpoint.arm({ operation, times: 99, effect: { kind: 'error', when: 'before', status: 403, code: 'AccessDenied' } })
    for (const operation of ['PutObject', 'GetObject', 'DeleteObjects', 'ListObjectsV2'] as const) refused(operation)
    const found = await one.store.check(signal)
    endpoint.clearFaults()
    expect(found.map(({ cure }) => cure)).toEqual([
      `Allow s3:ListBucket on arn:aws:s3:::${one.bucket}`,
      `Allow s3:PutObject on arn:aws:s3:::${one.bucket}/*`,
      `Allow s3:GetObject on arn:aws:s3:::${one.bucket}/* and s3:ListBucket on arn:aws:s3:::${one.bucket}`,
      `Allow s3:DeleteObject on arn:aws:s3:::${one.bucket}/*`,
    ])
  })
})

const LISTING = `<ListBucketResult>${['b', 'a'].map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('')}</ListBucketResult>`

describe('a store that ignores If-None-Match and lists as it likes', () => {
  let careless: Server
  const objects = new Map<string, { readonly body: Buffer; readonly token: string }>()
  beforeAll(async () => {
    careless = createServer((request, response) => {
      const key = decodeURIComponent(new URL(request.url ?? '', 'http://x').pathname)
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const token = String(request.headers['x-amz-meta-portage-write'] ?? '')
        if (request.method === 'PUT') objects.set(key, { body: Buffer.concat(chunks), token })
        if (request.method === 'POST') return void response.end('<DeleteResult/>')
        const found = objects.get(key)
        if (/^\/careless\/?$/.test(key)) return void response.end(LISTING)
        if (request.method === 'GET' && found === undefined) return void response.writeHead(404).end()
        response.end(request.method === 'GET' ? found?.body : undefined)
      })
    })
    await new Promise<void>((listening) => careless.listen(0, '127.0.0.1', listening))
  })
  afterAll(() => {
    careless.close()
  })

  test('is refused before anything is written through it, each time, and by check', async () => {
    const at = `http://127.0.0.1:${(careless.address() as AddressInfo).port}`
    const keys = { access_key_id: 'a', secret_access_key: 'b' }
    await using store = openS3Store(s3Options.parse({ bucket: 'careless', endpoint: at, ...keys }), IMPATIENT)
    for (const attempt of [
      () => store.putIfAbsent('raw/log/1', bytes('x')),
      () => store.openWriter('raw/data/1'),
      () => store.putIfAbsent('raw/log/1', bytes('x')),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'UNSUPPORTED' })
      await expect(attempt()).rejects.toThrow(/ignores If-None-Match/)
    }
    expect([...objects.keys()].filter((key) => !key.includes('.tmp-portage'))).toEqual([])
    await expect(keysOf(store, '')).rejects.toThrow('lists keys in another order')
    expect((await store.check(signal)).map(({ problem }) => problem)).toContain(
      'the store ignores If-None-Match: two writers could overwrite each other',
    )
  })
})

async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key)
  return keys
}
