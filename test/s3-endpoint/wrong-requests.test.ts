/** Requests that a signature, a date or an address must not let pass, each with the code that AWS documents for it. */
import { describe, expect, test } from 'vitest'
import { useEndpoint } from './endpoint-fixture.ts'
import { type Answer, amzDate, call, KEYS, presign, send, UNSIGNED } from './signed-request.ts'

const fixture = useEndpoint()
const put = { method: 'PUT', target: '/lake/key', body: 'content' } as const
const get = { method: 'GET', target: '/lake/key' } as const
const refused = (answer: Answer): readonly [number, string | null] => [answer.status, answer.code]
const minutes = (count: number): Date => new Date(Date.now() + count * 60_000)

test('a request signed by hand is taken, and its answer has the parts of one from S3', async () => {
  const answer = await call(fixture.url(), put)
  expect(answer.status).toBe(200)
  expect(answer.headers['x-amz-request-id']).toMatch(/^[0-9A-F]{16}$/)
  expect(answer.headers['x-amz-id-2']).toBeTruthy()
  const missing = await call(fixture.url(), { target: '/lake/no%20such%20key' })
  expect(missing.headers['content-type']).toBe('application/xml')
  expect(missing.body.toString()).toMatch(
    /^<\?xml version="1.0" encoding="UTF-8"\?>\n<Error><Code>NoSuchKey<\/Code><Message>.+<\/Message><Resource>\/lake\/no%20such%20key<\/Resource><Key>no such key<\/Key><RequestId>[0-9A-F]{16}<\/RequestId><HostId>.+<\/HostId><\/Error>$/,
  )
})

describe('a header signature', () => {
  test.each<[string, number, string, Parameters<typeof call>[1]]>([
    ['of another secret', 403, 'SignatureDoesNotMatch', { ...get, keys: { ...KEYS, secretAccessKey: 'x' } }],
    ['of an unknown key', 403, 'InvalidAccessKeyId', { ...get, keys: { accessKeyId: 'AKIAUNKNOWN', secretAccessKey: 'x' } }],
    ['with a session token that nobody issued', 400, 'InvalidToken', { ...get, keys: { ...KEYS, sessionToken: 'x' } }],
    ['for another region', 400, 'AuthorizationHeaderMalformed', { ...get, region: 'eu-west-1' }],
    ['for another service', 400, 'AuthorizationHeaderMalformed', { ...get, service: 'ec2' }],
    ['from 16 minutes ago', 403, 'RequestTimeTooSkewed', { ...get, at: minutes(-16) }],
    ['from 16 minutes ahead', 403, 'RequestTimeTooSkewed', { ...get, at: minutes(16) }],
    ['beside an unsigned x-amz- header', 403, 'AccessDenied', { ...put, unsigned: { 'x-amz-acl': 'private' } }],
    ['whose body was changed', 400, 'XAmzContentSHA256Mismatch', { ...put, tamper: (sent) => void sent.body.write('C') }],
    [
      'whose path was changed',
      403,
      'SignatureDoesNotMatch',
      {
        ...get,
        tamper: (sent) => {
          sent.target = '/lake/other'
        },
      },
    ],
    [
      'whose query was changed',
      403,
      'SignatureDoesNotMatch',
      {
        target: '/lake?list-type=2&prefix=a',
        tamper: (sent) => {
          sent.target = '/lake?list-type=2&prefix=b'
        },
      },
    ],
    [
      'whose signed header was changed',
      403,
      'SignatureDoesNotMatch',
      {
        ...put,
        headers: { 'x-amz-meta-a': '1' },
        tamper: (sent) => {
          sent.headers['x-amz-meta-a'] = '2'
        },
      },
    ],
    [
      'whose date was changed',
      403,
      'SignatureDoesNotMatch',
      {
        ...get,
        tamper: (sent) => {
          sent.headers['x-amz-date'] = amzDate(minutes(1))
        },
      },
    ],
    [
      'without a date',
      403,
      'AccessDenied',
      {
        ...get,
        tamper: (sent) => {
          delete sent.headers['x-amz-date']
        },
      },
    ],
    [
      'without x-amz-content-sha256',
      400,
      'InvalidRequest',
      {
        ...get,
        tamper: (sent) => {
          delete sent.headers['x-amz-content-sha256']
        },
      },
    ],
    [
      'that is none',
      400,
      'AuthorizationHeaderMalformed',
      {
        ...get,
        tamper: (sent) => {
          sent.headers.authorization = 'AWS4-HMAC-SHA256 Credential=x'
        },
      },
    ],
    [
      'of version 2',
      400,
      'InvalidRequest',
      {
        ...get,
        tamper: (sent) => {
          sent.headers.authorization = 'AWS AKIAIOSFODNN7EXAMPLE:qgk2+6Sv9/oM7G3qLEjTH1a1l1g='
        },
      },
    ],
  ])('%s: %d %s', async (_, status, code, wanted) => {
    expect(refused(await call(fixture.url(), wanted))).toEqual([status, code])
  })

  test('is needed', async () => {
    expect(refused(await send(fixture.url(), { method: 'GET', target: '/lake/key' }))).toEqual([403, 'AccessDenied'])
  })

  test('holds for escapes and parameter orders of the client, spaces inside values and repeated names', async () => {
    const answer = await call(fixture.url(), { ...put, target: '/lake/a/b%20%2B~', headers: { 'x-amz-meta-a': 'b c' } })
    expect(answer.status).toBe(200)
    // Escaped more than needed: the signature covers what the address means.
    const tilde = await call(fixture.url(), {
      target: '/lake/a/b%20%2B~',
      tamper: (sent) => {
        sent.target = '/lake/%61/b%20%2b%7E'
      },
    })
    expect(tilde).toMatchObject({ status: 200, headers: { 'x-amz-meta-a': 'b c' } })
  })

  test('of 14 minutes ago is taken', async () => {
    expect((await call(fixture.url(), { ...get, at: minutes(-14) })).status).toBe(200)
  })
})

describe('a presigned address', () => {
  const fetchPresigned = (target: string, method = 'GET') =>
    send(fixture.url(), { method, target, headers: { host: new URL(fixture.url()).host } })

  test('is good for its time, its method and its parameters', async () => {
    const target = presign(fixture.url(), { ...get, expires: 60 })
    expect((await fetchPresigned(target)).body.toString()).toBe('content')
    expect(refused(await fetchPresigned(target, 'DELETE'))).toEqual([403, 'SignatureDoesNotMatch'])
    expect(refused(await fetchPresigned(`${target}&partNumber=1`))).toEqual([403, 'SignatureDoesNotMatch'])
    expect(refused(await fetchPresigned(target.replace('X-Amz-Expires=60', 'X-Amz-Expires=600')))).toEqual([
      403,
      'SignatureDoesNotMatch',
    ])
  })

  test('may put, with the headers that were signed', async () => {
    const wanted = { method: 'PUT', target: '/lake/presigned', headers: { 'x-amz-meta-by': 'me' }, expires: 60 }
    const target = presign(fixture.url(), wanted)
    const host = new URL(fixture.url()).host
    const answer = await send(fixture.url(), { method: 'PUT', target, headers: { host, 'x-amz-meta-by': 'me' }, body: 'p' })
    expect(answer.status).toBe(200)
    const other = await send(fixture.url(), { method: 'PUT', target, headers: { host, 'x-amz-meta-by': 'you' }, body: 'p' })
    expect(refused(other)).toEqual([403, 'SignatureDoesNotMatch'])
  })

  test.each([
    ['expired', { at: minutes(-2), expires: 60 }, 403, 'AccessDenied', 'Request has expired'],
    ['from the future', { at: minutes(20), expires: 60 }, 403, 'AccessDenied', 'Request is not yet valid'],
    ['good for eight days', { expires: 8 * 86_400 }, 400, 'AuthorizationQueryParametersError', 'less than a week'],
    ['good for some time', { expires: 'soon' }, 400, 'AuthorizationQueryParametersError', 'should be a number'],
    [
      'of another region',
      { expires: 60, region: 'eu-west-1' },
      400,
      'AuthorizationQueryParametersError',
      "expecting 'us-east-1'",
    ],
  ])('that is %s is refused', async (_, wanted, status, code, words) => {
    const answer = await fetchPresigned(presign(fixture.url(), { ...get, ...wanted }))
    expect(refused(answer)).toEqual([status, code])
    expect(answer.body.toString()).toContain(words)
  })

  test('with an Authorization header beside it is refused', async () => {
    const target = presign(fixture.url(), { ...get, expires: 60 })
    const answer = await send(fixture.url(), {
      method: 'GET',
      target,
      headers: { host: new URL(fixture.url()).host, authorization: 'AWS4-HMAC-SHA256 x' },
    })
    expect(refused(answer)).toEqual([400, 'InvalidArgument'])
  })
})

describe('what this endpoint does not know is refused, never ignored', () => {
  test.each([
    ['a subresource', { target: '/lake/key?tagging' }],
    ['versions', { target: '/lake/key?versionId=1' }],
    ['a policy', { target: '/lake?policy' }],
    ['a website', { method: 'PUT', target: '/lake?website', body: '<a/>' }],
    ['tags', { ...put, headers: { 'x-amz-tagging': 'a=b' } }],
    ['object locks', { ...put, headers: { 'x-amz-object-lock-mode': 'GOVERNANCE' } }],
    ['customer keys', { ...put, headers: { 'x-amz-server-side-encryption-customer-algorithm': 'AES256' } }],
    ['append', { ...put, headers: { 'x-amz-write-offset-bytes': '7' } }],
    ['SelectObjectContent', { method: 'POST', target: '/lake/key?select&select-type=2', body: '<a/>' }],
    ['If-None-Match of an ETag', { ...put, headers: { 'if-none-match': '"x"' } }],
    ['If-Modified-Since of a write', { ...put, headers: { 'if-modified-since': 'Fri, 24 May 2013 00:00:00 GMT' } }],
    ['a chunked body of unknown length', { ...put, payload: UNSIGNED, headers: { 'transfer-encoding': 'chunked' } }],
    ['elliptic-curve chunks', { ...put, payload: 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD' }],
  ])('%s', async (_, wanted) => {
    expect(refused(await call(fixture.url(), wanted))).toEqual([501, 'NotImplemented'])
  })

  test('other methods', async () => {
    expect(refused(await call(fixture.url(), { method: 'PATCH', target: '/lake/key' }))).toEqual([405, 'MethodNotAllowed'])
    expect(refused(await call(fixture.url(), { method: 'DELETE', target: '/' }))).toEqual([405, 'MethodNotAllowed'])
  })

  test('a multipart listing type, an encoding, a number', async () => {
    for (const query of [
      'list-type=1',
      'list-type=2&encoding-type=base64',
      'list-type=2&max-keys=many',
      'list-type=2&continuation-token=%21',
    ]) {
      expect(refused(await call(fixture.url(), { target: `/lake?${query}` }))).toEqual([400, 'InvalidArgument'])
    }
  })
})

describe('addresses', () => {
  test.each([
    ['no UTF-8', 400, 'InvalidURI', '/lake/%ff'],
    ['a broken escape', 400, 'InvalidURI', '/lake/%zz'],
    ['a key above its bucket', 400, 'InvalidURI', '/lake/a/../../b'],
    ['a key of 1025 bytes', 400, 'KeyTooLongError', `/lake/${'%C3%A9'.repeat(512)}x`],
    ['an unknown bucket', 404, 'NoSuchBucket', '/elsewhere/key'],
  ])('%s: %d %s', async (_, status, code, target) => {
    expect(refused(await call(fixture.url(), { ...put, target }))).toEqual([status, code])
  })

  test.each(['ab', 'Upper', 'a..b', '10.0.0.1', '-a-', 'a_b', 'xn--abc', 'abc-s3alias', 'a'.repeat(64)])(
    'bucket "%s" is not created',
    async (bucket) => {
      expect(refused(await call(fixture.url(), { method: 'PUT', target: `/${bucket}` }))).toEqual([400, 'InvalidBucketName'])
    },
  )

  test('a key of 1024 bytes is good', async () => {
    expect((await call(fixture.url(), { ...put, target: `/lake/${'%C3%A9'.repeat(512)}` })).status).toBe(200)
  })

  test('a bucket may stand in the host', async () => {
    const host = `lake.localhost:${fixture.endpoint().port}`
    const answer = await call(fixture.url(), { ...put, target: '/in-host', headers: { host } })
    expect(answer.status).toBe(200)
    expect((await call(fixture.url(), { target: '/lake/in-host' })).body.toString()).toBe('content')
  })
})
