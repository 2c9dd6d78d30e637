import { describe, expect, test } from 'vitest'
import { createAttempts, pauseMs } from '../../../connectors/s3/attempts.ts'
import { diagnose, failure } from '../../../connectors/s3/failure.ts'
import { partBytes } from '../../../connectors/s3/multipart.ts'
import { s3Options } from '../../../connectors/s3/options.ts'
import { IMPATIENT } from './s3-subject.ts'

const ATTEMPTED = {
  action: 's3:PutObject',
  subject: 'Object "raw/a"',
  bucket: 'lake',
  prefix: 'team',
  place: 'http://127.0.0.1:9000',
}

/** An error as the SDK throws it. */
function answered(name: string, httpStatusCode: number, more: Readonly<Record<string, unknown>> = {}): Error {
  return Object.assign(new Error('text of the server'), { name, $metadata: { httpStatusCode }, ...more })
}

describe('errors of the store', () => {
  test.each([
    ['AccessDenied', 403, 'PRIVILEGE', 'Allow s3:PutObject on arn:aws:s3:::lake/team/*'],
    ['NoSuchBucket', 404, 'NOT_FOUND', 'Create bucket "lake"'],
    ['InvalidAccessKeyId', 403, 'AUTHENTICATION', 'Correct access_key_id'],
    ['SignatureDoesNotMatch', 403, 'AUTHENTICATION', 'Correct secret_access_key'],
    ['ExpiredToken', 400, 'AUTHENTICATION', 'assume_role'],
    ['RequestTimeTooSkewed', 403, 'AUTHENTICATION', 'Set the clock'],
    ['PermanentRedirect', 301, 'CONFIGURATION', 'Set its region'],
    ['SlowDown', 503, 'THROTTLED', 'run again'],
    ['InternalError', 500, 'UNAVAILABLE', 'run again'],
    ['KMS.DisabledException', 400, 'PRIVILEGE', 'kms:GenerateDataKey'],
    ['QuotaExceeded', 400, 'FULL', 'Free space'],
    ['NotImplemented', 501, 'UNSUPPORTED', 'checksums: when_required'],
    ['InvalidStorageClass', 400, 'STORE', '(400 InvalidStorageClass)'],
  ])('%s is %s %s, with the cure', (name, status, code, cure) => {
    const error = failure(answered(name, status), ATTEMPTED)
    expect(error.code).toBe(code)
    expect(error.message).toContain('Object "raw/a": s3:PutObject failed, ')
    expect(`${error.message} (${status} ${name})`).toContain(cure)
    expect(error.message).not.toContain('text of the server')
  })

  test('an answer without a body is understood by its status', () => {
    expect(failure(answered('403', 403), ATTEMPTED)).toMatchObject({ code: 'PRIVILEGE' })
    expect(failure(answered('UnknownError', 503), ATTEMPTED)).toMatchObject({ code: 'THROTTLED', recovery: 'retry' })
  })

  test('a bucket in another region names the region, wherever the store says it', () => {
    const redirected = answered('PermanentRedirect', 301, { $response: { headers: { 'x-amz-bucket-region': 'eu-north-1' } } })
    expect(failure(redirected, ATTEMPTED).message).toContain('Set region: eu-north-1 in config/connections.yaml')
    const malformed = Object.assign(answered('AuthorizationHeaderMalformed', 400), {
      message: "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-3'",
    })
    expect(failure(malformed, ATTEMPTED).message).toContain('Set region: eu-west-3')
  })

  test('listing and bucket permissions are granted on the bucket, not on what is in it', () => {
    const cure = (action: string) => diagnose(answered('AccessDenied', 403), { ...ATTEMPTED, action }).cure
    expect(cure('s3:ListBucket')).toBe('Allow s3:ListBucket on arn:aws:s3:::lake')
    expect(cure('s3:DeleteObject')).toBe('Allow s3:DeleteObject on arn:aws:s3:::lake/team/*')
  })

  test.each([
    ['ECONNREFUSED', 'CONNECTION', 'nothing listens there'],
    ['ENOTFOUND', 'CONNECTION', 'the host name is not known'],
    ['ECONNRESET', 'CONNECTION', 'the connection was dropped'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'TLS', 'is not trusted'],
  ])('socket error %s is %s', (socket, code, words) => {
    const error = failure(Object.assign(new Error('x'), { code: socket }), ATTEMPTED)
    expect(error.code).toBe(code)
    expect(error.message).toContain(`http://127.0.0.1:9000`)
    expect(error.message).toContain(words)
  })

  test('a missing region and missing credentials say where to set them', () => {
    expect(failure(new Error('Region is missing'), ATTEMPTED).message).toContain('Set region in config/connections.yaml')
    const none = Object.assign(new Error('Could not load'), { name: 'CredentialsProviderError' })
    expect(failure(none, ATTEMPTED)).toMatchObject({ code: 'AUTHENTICATION' })
  })

  test('a clock that the SDK has corrected is worth another attempt', () => {
    const skewed = answered('RequestTimeTooSkewed', 403, { $metadata: { httpStatusCode: 403, clockSkewCorrected: true } })
    expect(diagnose(skewed, ATTEMPTED).transient).toBe(true)
    expect(diagnose(answered('RequestTimeTooSkewed', 403), ATTEMPTED).transient).toBe(false)
  })
})

describe('attempts', () => {
  const limits = { attempt_timeout_ms: 1_000, deadline_ms: 60_000, max_attempts: 4 }

  test('are repeated for what passes, up to the limit, and end with the last failure', async () => {
    let calls = 0
    const attempts = createAttempts(limits, IMPATIENT)
    const failing = attempts(ATTEMPTED, async () => {
      calls += 1
      throw answered('SlowDown', 503)
    })
    await expect(failing).rejects.toMatchObject({ code: 'THROTTLED' })
    expect(calls).toBe(4)
    calls = 0
    const denied = attempts(ATTEMPTED, async () => {
      calls += 1
      throw answered('AccessDenied', 403)
    })
    await expect(denied).rejects.toMatchObject({ code: 'PRIVILEGE' })
    expect(calls).toBe(1)
  })

  test('end at the deadline although some are left', async () => {
    let now = 0
    const clock = { ...IMPATIENT, now: () => new Date(now), random: () => 0.5 }
    let calls = 0
    const failing = createAttempts(limits, clock)(ATTEMPTED, async () => {
      calls += 1
      now += 25_000
      throw answered('InternalError', 500)
    })
    await expect(failing).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(calls).toBe(3)
  })

  test('end with a stalled attempt, which is told, and with the signal of the caller', async () => {
    const attempts = createAttempts({ ...limits, attempt_timeout_ms: 20, max_attempts: 2 }, IMPATIENT)
    const never = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('request aborted'))))
    await expect(attempts(ATTEMPTED, never)).rejects.toMatchObject({ code: 'TIMEOUT' })
    const stop = new AbortController()
    const stopped = createAttempts(limits, IMPATIENT)({ ...ATTEMPTED, signal: stop.signal }, never)
    stop.abort()
    await expect(stopped).rejects.toMatchObject({ code: 'ABORTED' })
  })

  test('pause for any time up to a limit that doubles, longer when asked to slow down', () => {
    expect([1, 2, 3, 20].map((attempt) => pauseMs(attempt, false, () => 1))).toEqual([100, 200, 400, 20_000])
    expect([1, 2, 20].map((attempt) => pauseMs(attempt, true, () => 1))).toEqual([400, 800, 20_000])
    expect(pauseMs(5, true, () => 0)).toBe(0)
  })
})

test('ten thousand parts hold five tebibytes, each within the limits', () => {
  let total = 0
  for (let number = 1; number <= 10_000; number++) {
    expect(partBytes(number)).toBeGreaterThanOrEqual(5 * 1024 ** 2)
    expect(partBytes(number)).toBeLessThanOrEqual(5 * 1024 ** 3)
    total += partBytes(number)
  }
  expect(total).toBeGreaterThan(5 * 1024 ** 4)
})

describe('options', () => {
  const problems = (options: Readonly<Record<string, unknown>>): string[] =>
    (s3Options.safeParse({ bucket: 'my-lake', ...options }).error?.issues ?? []).map(({ path }) => path.join('.'))

  test('need a bucket only', () => {
    expect(problems({})).toEqual([])
    expect(problems({ bucket: 'Lake_1' })).toEqual(['bucket'])
    expect(problems({ bucket: 's3://lake' })).toEqual(['bucket'])
    expect(problems({ bucket: 'lake--eun1-az1--x-s3' })).toEqual(['bucket'])
  })

  test('take keys in pairs, and either keys or a profile', () => {
    expect(problems({ access_key_id: 'a' })).toEqual(['secret_access_key'])
    expect(problems({ secret_access_key: 'a' })).toEqual(['access_key_id'])
    expect(problems({ session_token: 'a' })).toEqual(['session_token'])
    expect(problems({ access_key_id: 'a', secret_access_key: 'b', profile: 'p' })).toEqual(['profile'])
  })

  test('refuse an endpoint with credentials, a path or another protocol', () => {
    expect(problems({ endpoint: 'https://minio.example:9000' })).toEqual([])
    for (const endpoint of ['https://me:secret@minio.example', 'https://minio.example/bucket', 'ftp://minio.example', 'minio']) {
      expect(problems({ endpoint })).toEqual(['endpoint'])
    }
  })

  test('refuse a prefix with a slash at either end, and a role that is none', () => {
    expect(problems({ prefix: 'a/b' })).toEqual([])
    expect(problems({ prefix: '/a' })).toEqual(['prefix'])
    expect(problems({ prefix: 'a/' })).toEqual(['prefix'])
    expect(problems({ assume_role: { role_arn: 'arn:aws:iam::123456789012:role/loader' } })).toEqual([])
    expect(problems({ assume_role: { role_arn: 'loader' } })).toEqual(['assume_role.role_arn'])
  })
})
