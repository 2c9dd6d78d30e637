/**
 * AWS Signature Version 4, the receiving side. Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)":
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Credential, Credentials } from './credentials.ts'
import { S3Error } from './errors.ts'
import { parameter, type S3Request } from './http-request.ts'
import { uriEncode } from './keys.ts'
import { ALGORITHM, type Claim, readClaim } from './signature-claim.ts'

export const MAX_SKEW_MS = 15 * 60_000

/** A request whose signature holds, and what chained signatures of its chunks need. */
export type Authenticated = {
  readonly credential: Credential
  /** The value of x-amz-content-sha256, or `UNSIGNED-PAYLOAD` of a presigned request. */
  readonly payload: string
  readonly timestamp: string
  readonly scope: string
  readonly signingKey: Buffer
  readonly signature: string
  readonly presigned: boolean
}

export type Verifier = {
  readonly credentials: Credentials
  readonly region: string
  readonly service: 's3' | 'sts'
  readonly now: () => Date
}

/**
 * `bodyHash`: of a service whose clients do not send it.
 *
 * @throws S3Error with the code that S3 documents for what is wrong.
 */
export function authenticate(request: S3Request, verifier: Verifier, bodyHash: string | null = null): Authenticated {
  const claim = readClaim(request, bodyHash)
  checkScope(claim, verifier)
  const credential = verifier.credentials.find(claim.accessKeyId)
  if (credential === null) {
    throw new S3Error('InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.', {
      AWSAccessKeyId: claim.accessKeyId,
    })
  }
  checkToken(claim, credential, verifier.now())
  const scope = `${claim.date}/${claim.region}/${claim.service}/aws4_request`
  const signingKey = deriveKey(credential.secretAccessKey, claim)
  const canonical = canonicalRequest(request, claim)
  const toSign = [ALGORITHM, claim.timestamp, scope, sha256(Buffer.from(canonical, 'latin1'))].join('\n')
  const expected = createHmac('sha256', signingKey).update(toSign).digest('hex')
  if (!sameSignature(expected, claim.signature)) {
    throw signatureMismatch({
      AWSAccessKeyId: claim.accessKeyId,
      StringToSign: toSign,
      SignatureProvided: claim.signature,
      CanonicalRequest: canonical,
    })
  }
  checkHeadersSigned(request, claim)
  checkTime(request, claim, verifier.now())
  return {
    credential,
    payload: claim.payload,
    timestamp: claim.timestamp,
    scope,
    signingKey,
    signature: claim.signature,
    presigned: claim.presigned,
  }
}

export function signatureMismatch(details: Readonly<Record<string, string>> = {}): S3Error {
  return new S3Error(
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    details,
  )
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

export function sameSignature(expected: string, given: string): boolean {
  const one = Buffer.from(expected)
  const other = Buffer.from(given)
  return one.length === other.length && timingSafeEqual(one, other)
}

export function deriveKey(
  secret: string,
  scope: { readonly date: string; readonly region: string; readonly service: string },
): Buffer {
  return [scope.date, scope.region, scope.service, 'aws4_request'].reduce<Buffer>(
    (key, part) => createHmac('sha256', key).update(part).digest(),
    Buffer.from(`AWS4${secret}`),
  )
}

function checkScope(claim: Claim, { region, service }: Verifier): void {
  const refuse = (message: string, details = {}) =>
    claim.presigned
      ? new S3Error('AuthorizationQueryParametersError', `Error parsing the X-Amz-Credential parameter; ${message}`, details)
      : new S3Error('AuthorizationHeaderMalformed', `The authorization header is malformed; ${message}`, details)
  if (claim.region !== region) {
    throw refuse(`the region '${claim.region}' is wrong; expecting '${region}'`, { Region: region })
  }
  if (claim.service !== service) throw refuse(`incorrect service "${claim.service}". This endpoint belongs to "${service}".`)
  if (instantOf(claim.timestamp) === null) {
    if (claim.presigned) {
      throw new S3Error(
        'AuthorizationQueryParametersError',
        "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
      )
    }
    throw new S3Error('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header')
  }
  if (!claim.timestamp.startsWith(claim.date)) {
    throw refuse(
      `Invalid credential date "${claim.date}". This date is not the same as X-Amz-Date: "${claim.timestamp.slice(0, 8)}".`,
    )
  }
}

function checkToken({ token }: Claim, credential: Credential, now: Date): void {
  if (token !== credential.sessionToken) {
    throw new S3Error('InvalidToken', 'The provided token is malformed or otherwise invalid.', { 'Token-0': token ?? '' })
  }
  if (credential.expiresAt !== null && credential.expiresAt <= now) {
    throw new S3Error('ExpiredToken', 'The provided token has expired.')
  }
}

/** S3 canonicalises what it decoded, so a client's choice of escapes does not matter; paths are encoded once. */
function canonicalRequest(request: S3Request, claim: Claim): string {
  const pairs = request.query
    .filter(([name]) => !(claim.presigned && name === 'X-Amz-Signature'))
    .map(([name, value]) => `${uriEncode(name)}=${uriEncode(value)}`)
    .sort()
  const headers = claim.signedHeaders.map((name) => {
    const value = request.headers.get(name)
    if (value === undefined) throw signatureMismatch({ AWSAccessKeyId: claim.accessKeyId, SignatureProvided: claim.signature })
    return `${name}:${value.trim().replace(/ +/g, ' ')}\n`
  })
  const path = uriEncode(request.path).replaceAll('%2F', '/')
  return [request.method, path, pairs.join('&'), headers.join(''), claim.signedHeaders.join(';'), claim.payload].join('\n')
}

/** The host and every x-amz- header must be among the signed ones. */
function checkHeadersSigned(request: S3Request, claim: Claim): void {
  const signed = new Set(claim.signedHeaders)
  const unsigned = [...request.headers.keys()].filter(
    (name) =>
      (name === 'host' || name.startsWith('x-amz-')) &&
      !signed.has(name) &&
      !(claim.presigned && name === 'x-amz-content-sha256'),
  )
  if (unsigned.length > 0) {
    throw new S3Error('AccessDenied', 'There were headers present in the request which were not signed', {
      HeadersNotSigned: unsigned.join(', '),
    })
  }
}

function checkTime(request: S3Request, claim: Claim, now: Date): void {
  const signedAt = instantOf(claim.timestamp) ?? 0
  const ahead = signedAt - now.getTime()
  if (claim.presigned) {
    const seconds = Number(parameter(request, 'X-Amz-Expires'))
    const expires = new Date(signedAt + seconds * 1000)
    if (ahead > MAX_SKEW_MS) throw new S3Error('AccessDenied', 'Request is not yet valid', { ServerTime: isoSecond(now) })
    if (expires < now) {
      throw new S3Error('AccessDenied', 'Request has expired', {
        'X-Amz-Expires': String(seconds),
        Expires: isoSecond(expires),
        ServerTime: isoSecond(now),
      })
    }
  } else if (Math.abs(ahead) > MAX_SKEW_MS) {
    throw new S3Error('RequestTimeTooSkewed', 'The difference between the request time and the current time is too large.', {
      RequestTime: claim.timestamp,
      ServerTime: isoSecond(now),
      MaxAllowedSkewMilliseconds: String(MAX_SKEW_MS),
    })
  }
}

function isoSecond(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`
}

/** Milliseconds of `YYYYMMDDTHHMMSSZ`, null for anything else. */
function instantOf(timestamp: string): number | null {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp)
  if (match === null) return null
  const [, year, month, day, hour, minute, second] = match
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(at) ? null : at
}
