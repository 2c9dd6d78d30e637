/** Where credentials come from and what they may: each way of the connection's options against a server that checks signatures. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { ObjectStore } from '../../../connectors/ports.ts'
import { s3Options } from '../../../connectors/s3/options.ts'
import { openS3Store } from '../../../connectors/s3/store.ts'
import { type S3Endpoint, startS3Endpoint } from '../../support/s3/endpoint.ts'
import { type Scratch, scratch } from '../../support/scratch.ts'
import { IMPATIENT, s3Subject } from './s3-subject.ts'

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-secret' }
const ROLE = 'arn:aws:iam::123456789012:role/loader'
const MINUTE = 60_000
const signal = new AbortController().signal
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

let directory: Scratch
let endpoint: S3Endpoint
/** What the endpoint's clock is ahead of ours. */
let ahead = 0
beforeAll(async () => {
  directory = scratch()
  endpoint = await startS3Endpoint({
    ...KEYS,
    directory: directory.path('objects'),
    buckets: ['lake'],
    roles: [{ arn: ROLE }],
    now: () => new Date(Date.now() + ahead),
  })
})
afterAll(async () => {
  await endpoint.close()
  directory[Symbol.dispose]()
})
/** Nothing of the machine's own: no keys, no files, no metadata service. */
beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', directory.path('none'))
  vi.stubEnv('AWS_CONFIG_FILE', directory.path('none'))
})
afterEach(() => {
  ahead = 0
  vi.unstubAllEnvs()
})

const open = (options: Readonly<Record<string, unknown>> = {}): ObjectStore =>
  openS3Store(s3Options.parse({ bucket: 'lake', endpoint: endpoint.url, ...options }), IMPATIENT)

async function works(options: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await using store = open(options)
  await store.putIfAbsent('probe', bytes('x'))
  expect(await store.get('probe')).toEqual(bytes('x'))
  await store.delete(['probe'])
}

describe('without keys in the connection', () => {
  test('those of the environment are used', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', KEYS.accessKeyId)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', KEYS.secretAccessKey)
    await works()
  })

  test('those of a profile, with the region that it names', async () => {
    const keys = `aws_access_key_id = ${KEYS.accessKeyId}\naws_secret_access_key = ${KEYS.secretAccessKey}\n`
    directory.write('credentials', `[default]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = x\n\n[lake]\n${keys}`)
    directory.write('config', '[profile lake]\nregion = us-east-1\n\n[profile north]\nregion = eu-north-1\n')
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', directory.path('credentials'))
    vi.stubEnv('AWS_CONFIG_FILE', directory.path('config'))
    await works({ profile: 'lake' })
    await works({ profile: 'lake', assume_role: { role_arn: ROLE, endpoint: endpoint.url } })
    await using other = open()
    await expect(other.get('x')).rejects.toMatchObject({ code: 'AUTHENTICATION' })
    await using absent = open({ profile: 'nobody' })
    await expect(absent.get('x')).rejects.toThrow(/no credentials were found.*profile "nobody"/)
  })

  test('those that a container gets', async () => {
    const sts = new STSClient({
      endpoint: endpoint.url,
      region: 'us-east-1',
      credentials: { accessKeyId: KEYS.accessKeyId, secretAccessKey: KEYS.secretAccessKey },
    })
    const { Credentials: given } = await sts.send(new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: 'container' }))
    sts.destroy()
    const server = createServer((_, response) => {
      const { AccessKeyId, SecretAccessKey, SessionToken: Token, Expiration } = given ?? {}
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ AccessKeyId, SecretAccessKey, Token, Expiration }))
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`)
    try {
      await works()
    } finally {
      server.close()
    }
  })

  test('when there are none, check and every call say where to set them', async () => {
    await using store = open()
    await expect(store.get('x')).rejects.toMatchObject({ code: 'AUTHENTICATION' })
    const [problem, ...more] = await store.check(signal)
    expect(more).toEqual([])
    expect(problem?.problem).toBe('no credentials were found')
    expect(problem?.cure).toContain('Set access_key_id and secret_access_key')
  })
})

test('who cannot log in is told that, not that a role is refused', async () => {
  const assume_role = { role_arn: ROLE, endpoint: endpoint.url }
  await using none = open({ assume_role })
  await expect(none.get('x')).rejects.toThrow('no credentials were found')
  await using unknown = open({ assume_role, access_key_id: 'AKIDUNKNOWN', secret_access_key: 'x' })
  await expect(unknown.get('x')).rejects.toThrow('Correct access_key_id and secret_access_key')
  await using wrong = open({ assume_role, access_key_id: KEYS.accessKeyId, secret_access_key: 'x' })
  await expect(wrong.get('x')).rejects.toThrow('Correct secret_access_key')
})

test('a role is taken again before its credentials end, and not before', async () => {
  const taken = () => endpoint.requests.filter(({ operation }) => operation === 'AssumeRole').length
  const options = {
    access_key_id: KEYS.accessKeyId,
    secret_access_key: KEYS.secretAccessKey,
    assume_role: { role_arn: ROLE, endpoint: endpoint.url, duration_s: 900 },
  }
  await using lasting = open(options)
  const before = taken()
  for (let call = 0; call < 3; call++) await lasting.get('x')
  expect(taken() - before).toBe(1)
  // Its credentials end in two minutes from the start.
  ahead = -13 * MINUTE
  await using ending = open(options)
  const between = taken()
  for (let call = 0; call < 3; call++) await ending.get('x')
  expect(taken() - between).toBeGreaterThanOrEqual(3)
})

test('a clock that is hours off is corrected by what the store says', async () => {
  ahead = 5 * 60 * MINUTE
  await works({ access_key_id: KEYS.accessKeyId, secret_access_key: KEYS.secretAccessKey })
})

test('objects are encrypted with the key that was asked for, in one part and in several', async () => {
  const kms_key_id = 'arn:aws:kms:us-east-1:111122223333:key/k'
  await using one = await s3Subject({ endpoint: endpoint.url, ...KEYS }, { encryption: { kms_key_id } })
  await one.store.putIfAbsent('small', bytes('x'))
  await using writer = await one.store.openWriter('large')
  for (let n = 0; n < 3; n++) await writer.write(new Uint8Array(6 * 1024 ** 2))
  await writer.close()
  for (const Key of ['small', 'large']) {
    const head = await one.client.send(new HeadObjectCommand({ Bucket: one.bucket, Key }))
    expect(head).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: kms_key_id })
  }
})

describe('rights that are missing', () => {
  test('who may read but not write is told the action and where, by a put and by a writer; nothing is left', async () => {
    await using one = await s3Subject({ endpoint: endpoint.url, ...KEYS }, { prefix: 'team' })
    await one.store.putIfAbsent('there', bytes('x'))
    for (const operation of ['PutObject', 'CreateMultipartUpload', 'UploadPart'] as const)
      endpoint.arm({ operation, times: 99, effect: { kind: 'error', when: 'before', status: 403, code: 'AccessDenied' } })
    const allow = `Allow s3:PutObject on arn:aws:s3:::${one.bucket}/team/*`
    await expect(one.store.putIfAbsent('new', bytes('x'))).rejects.toThrow(allow)
    const write = async () => {
      await using writer = await one.store.openWriter('large')
      for (let n = 0; n < 3; n++) await writer.write(new Uint8Array(6 * 1024 ** 2))
      await writer.close()
    }
    await expect(write()).rejects.toThrow(allow)
    expect(await one.store.get('there')).toEqual(bytes('x'))
    const found = await one.store.check(signal)
    endpoint.clearFaults()
    expect(found.map(({ cure }) => cure)).toEqual([allow])
    expect(await one.leftovers()).toEqual([])
  })

  test('a key that may not be used for encryption is named as such', async () => {
    await using one = await s3Subject({ endpoint: endpoint.url, ...KEYS }, { encryption: { kms_key_id: 'gone' } })
    await one.store.putIfAbsent('warm', bytes(''))
    endpoint.arm({
      operation: 'PutObject',
      effect: { kind: 'error', when: 'before', status: 400, code: 'KMS.NotFoundException' },
    })
    await expect(one.store.putIfAbsent('a', bytes('x'))).rejects.toThrow('Correct encryption.kms_key_id')
    endpoint.clearFaults()
  })
})

test('three thousand keys of other people, odd ones among them, are listed whole and in order from any of them on', async () => {
  await using one = await s3Subject({ endpoint: endpoint.url, ...KEYS })
  const odd = ['a b', 'a+b', 'a%2Fb', 'a&<>"\'', 'ä', '\u{1F600}', '￿', 'a\tb', 'a//b', 'A', 'a.', '~']
  const names = [...odd, ...Array.from({ length: 2_500 }, (_, n) => `k/${n}`)]
  const { PutObjectCommand } = await import('@aws-sdk/client-s3')
  for (let start = 0; start < names.length; start += 50) {
    const some = names.slice(start, start + 50)
    await Promise.all(some.map((Key) => one.client.send(new PutObjectCommand({ Bucket: one.bucket, Key, Body: 'x' }))))
  }
  const ordered = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const list = async (after?: string) => {
    const keys: string[] = []
    for await (const { key } of one.store.list('', after === undefined ? {} : { after })) keys.push(key)
    return keys
  }
  expect(await list()).toEqual(ordered)
  for (const place of [0, 3, 1_200, ordered.length - 2]) expect(await list(ordered[place])).toEqual(ordered.slice(place + 1))
  const listings = endpoint.requests.filter(({ bucket, operation }) => bucket === one.bucket && operation === 'ListObjectsV2')
  expect(listings.length).toBeGreaterThanOrEqual(3)
})
