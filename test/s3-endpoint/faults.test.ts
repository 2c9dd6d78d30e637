/** The faults that a test may ask for: what the client sees, and what then lies in the bucket. */
import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { afterEach, describe, expect, test } from 'vitest'
import { CONFLICT, LOST_ANSWER, SLOW_DOWN } from '../support/s3/faults.ts'
import { refusal, useEndpoint } from './endpoint-fixture.ts'
import { call, KEYS, send } from './signed-request.ts'

const fixture = useEndpoint({ roles: [{ arn: 'arn:aws:iam::123456789012:role/lake', externalId: 'portage' }] })
const Bucket = 'lake'
const put = (Key: string, Body = 'x', client: S3Client = fixture.client()) =>
  client.send(new PutObjectCommand({ Bucket, Key, Body }))
const get = (Key: string) => fixture.client().send(new GetObjectCommand({ Bucket, Key }))
const exists = async (Key: string) =>
  (await refusal(fixture.client().send(new HeadObjectCommand({ Bucket, Key }))))[0] === 'no error'

afterEach(() => fixture.endpoint().clearFaults())

describe('an error', () => {
  test('before: nothing was done', async () => {
    fixture.endpoint().arm({ effect: SLOW_DOWN })
    expect(await refusal(put('before'))).toEqual(['SlowDown', 503])
    expect(await exists('before')).toBe(false)
  })

  test('after: it took effect', async () => {
    fixture.endpoint().arm({ effect: LOST_ANSWER })
    expect(await refusal(put('after'))).toEqual(['InternalError', 500])
    expect(await exists('after')).toBe(true)
  })

  test('with a status, a code and a wait of its own', async () => {
    fixture.endpoint().arm({ effect: { kind: 'error', when: 'before', status: 429, code: 'Patience', retryAfterSeconds: 7 } })
    expect(await call(fixture.url(), { target: '/lake/x' })).toMatchObject({
      status: 429,
      code: 'Patience',
      headers: { 'retry-after': '7' },
    })
    fixture.endpoint().arm({ effect: CONFLICT })
    expect(await refusal(put('conflict'))).toEqual(['ConditionalRequestConflict', 409])
  })

  test('in the body of a 200', async () => {
    fixture.endpoint().arm({ effect: { kind: 'error-in-body', code: 'InternalError' } })
    expect(await call(fixture.url(), { target: '/lake?list-type=2' })).toMatchObject({ status: 200, code: 'InternalError' })
  })
})

describe('a connection', () => {
  test('reset before and after', async () => {
    fixture.endpoint().arm({ effect: { kind: 'reset', when: 'before' } })
    await expect(put('reset-before')).rejects.toThrow(/ECONNRESET|socket hang up/)
    expect(await exists('reset-before')).toBe(false)
    fixture.endpoint().arm({ operation: 'PutObject', effect: { kind: 'reset', when: 'after' } })
    await expect(put('reset-after')).rejects.toThrow(/ECONNRESET|socket hang up/)
    expect(await exists('reset-after')).toBe(true)
  })

  test('stalled until the client leaves', async () => {
    fixture.endpoint().arm({ operation: 'PutObject', effect: { kind: 'stall', when: 'after' } })
    const patience = new AbortController()
    const stalled = fixture
      .client()
      .send(new PutObjectCommand({ Bucket, Key: 'stalled', Body: 'x' }), { abortSignal: patience.signal })
    await expect.poll(() => exists('stalled')).toBe(true)
    patience.abort()
    await expect(stalled).rejects.toThrow()
    await expect.poll(() => fixture.endpoint().requests.at(-1)).toMatchObject({ fault: 'stall', status: 0 })
  })

  test('stalled for a while answers in the end', async () => {
    fixture.endpoint().arm({ effect: { kind: 'stall', when: 'before', ms: 20 } })
    await put('delayed')
    expect(await exists('delayed')).toBe(true)
  })

  test('dropped in the middle of an upload', async () => {
    fixture.endpoint().arm({ effect: { kind: 'drop-upload', bytes: 100_000 } })
    await expect(put('dropped', 'x'.repeat(1_000_000))).rejects.toThrow()
    expect(await exists('dropped')).toBe(false)
  })
})

describe('an answer', () => {
  test('with another ETag', async () => {
    const { ETag } = await put('tagged')
    fixture.endpoint().arm({ effect: { kind: 'wrong-etag' }, times: 3 })
    expect((await put('tagged')).ETag).not.toBe(ETag)
    expect((await get('tagged')).ETag).not.toBe(ETag)
    const listed = await fixture.client().send(new ListObjectsV2Command({ Bucket, Prefix: 'tagged' }))
    expect(listed.Contents?.[0]?.ETag).not.toBe(ETag)
    expect((await get('tagged')).ETag).toBe(ETag)
  })

  test('with a wrong byte is noticed by the SDK through its checksum', async () => {
    await put('corrupt', 'content')
    fixture.endpoint().arm({ effect: { kind: 'corrupt-body' } })
    const found = await get('corrupt')
    await expect(found.Body?.transformToString()).rejects.toThrow(/[Cc]hecksum/)
    expect(await (await get('corrupt')).Body?.transformToString()).toBe('content')
  })

  test('cut off', async () => {
    await put('cut', 'c'.repeat(500_000))
    for (const bytes of [0, 1000, 499_999]) {
      fixture.endpoint().arm({ effect: { kind: 'truncate-body', bytes } })
      await expect(get('cut').then(({ Body }) => Body?.transformToString())).rejects.toThrow()
    }
  })

  test('slow, and whole', async () => {
    await put('slow', 's'.repeat(40_000))
    fixture.endpoint().arm({ effect: { kind: 'slow-body', bytesPerSecond: 400_000 } })
    const started = Date.now()
    expect(await (await get('slow')).Body?.transformToString()).toHaveLength(40_000)
    expect(Date.now() - started).toBeGreaterThan(80)
  })
})

test('a fault hits the requests that it names, so often as it says, and counts', async () => {
  const armed = fixture
    .endpoint()
    .arm({ operation: ['PutObject', 'GetObject'], key: /^log\/\d+$/, nth: 2, times: 2, effect: SLOW_DOWN })
  const names: string[] = []
  for (const key of ['log/1', 'data/1', 'log/2', 'log/3', 'log/4']) names.push((await refusal(put(key)))[0])
  expect(names).toEqual(['no error', 'no error', 'SlowDown', 'SlowDown', 'no error'])
  expect([armed.seen, armed.hits]).toEqual([4, 2])
  armed.disarm()
  expect(
    fixture
      .endpoint()
      .requests.slice(-5)
      .map(({ operation, key, status, code, fault }) => [operation, key, status, code, fault]),
  ).toEqual([
    ['PutObject', 'log/1', 200, null, null],
    ['PutObject', 'data/1', 200, null, null],
    ['PutObject', 'log/2', 503, 'SlowDown', 'error'],
    ['PutObject', 'log/3', 503, 'SlowDown', 'error'],
    ['PutObject', 'log/4', 200, null, null],
  ])
})

describe('AssumeRole', () => {
  const assume = async (more: object = {}) => {
    const client = new STSClient({ endpoint: fixture.url(), region: 'us-east-1', credentials: KEYS, maxAttempts: 1 })
    try {
      const input = { RoleArn: 'arn:aws:iam::123456789012:role/lake', RoleSessionName: 'portage', ExternalId: 'portage', ...more }
      return (await client.send(new AssumeRoleCommand(input))).Credentials
    } finally {
      client.destroy()
    }
  }

  test('gives credentials that work with their token, until they expire', async () => {
    const found = await assume({ DurationSeconds: 900 })
    const { AccessKeyId: accessKeyId = '', SecretAccessKey: secretAccessKey = '', SessionToken: sessionToken = '' } = found ?? {}
    await put('assumed')
    const keys = { accessKeyId, secretAccessKey, sessionToken }
    expect((await call(fixture.url(), { target: '/lake/assumed', keys })).status).toBe(200)
    expect(await call(fixture.url(), { target: '/lake/assumed', keys: { accessKeyId, secretAccessKey } })).toMatchObject({
      code: 'InvalidToken',
    })
    expect(found?.Expiration?.getTime()).toBeGreaterThan(Date.now() + 890_000)
  })

  test.each([
    ['AccessDenied', 403, { ExternalId: 'other' }],
    ['AccessDenied', 403, { RoleArn: 'arn:aws:iam::123456789012:role/other' }],
    ['ValidationError', 400, { RoleArn: 'lake' }],
    ['ValidationError', 400, { DurationSeconds: 60 }],
    ['ValidationError', 400, { Policy: '{}' }],
  ])('%s %d for %o', async (name, status, more) => {
    expect(await refusal(assume(more))).toEqual([name, status])
  })

  test('wants a signature for STS', async () => {
    const wanted = {
      method: 'POST',
      target: '/',
      body: 'Action=AssumeRole&Version=2011-06-15',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    }
    expect((await call(fixture.url(), { ...wanted, service: 's3' })).body.toString()).toContain('AuthorizationHeaderMalformed')
    expect(
      (
        await call(fixture.url(), { ...wanted, service: 'sts', body: 'Action=GetCallerIdentity&Version=2011-06-15' })
      ).body.toString(),
    ).toContain('InvalidAction')
    expect((await send(fixture.url(), { ...wanted })).status).toBe(403)
  })
})
