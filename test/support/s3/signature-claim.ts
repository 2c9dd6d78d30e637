/**
 * What a request says about who signed it and how, in its Authorization header or in its query. Amazon S3 API Reference,
 * "Authenticating Requests: Using the Authorization Header" and "… Using Query Parameters".
 */
import { S3Error } from './errors.ts'
import { parameter, type S3Request } from './http-request.ts'

export const ALGORITHM = 'AWS4-HMAC-SHA256'
export const MAX_PRESIGNED_SECONDS = 604_800
export const UNSIGNED = 'UNSIGNED-PAYLOAD'

/** Who claims to have signed what, not yet believed. */
export type Claim = {
  readonly accessKeyId: string
  readonly date: string
  readonly region: string
  readonly service: string
  readonly timestamp: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  readonly payload: string
  readonly token: string | null
  readonly presigned: boolean
}

/** `bodyHash`: of a service whose clients do not send it. */
export function readClaim(request: S3Request, bodyHash: string | null): Claim {
  const authorization = request.headers.get('authorization')
  const queryAlgorithm = parameter(request, 'X-Amz-Algorithm')
  if (authorization !== undefined && queryAlgorithm !== null) {
    throw new S3Error(
      'InvalidArgument',
      'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the Authorization header should be specified',
      {
        ArgumentName: 'Authorization',
        ArgumentValue: '',
      },
    )
  }
  if (queryAlgorithm !== null) return queryClaim(request, queryAlgorithm)
  if (authorization !== undefined) return headerClaim(request, authorization, bodyHash)
  if (parameter(request, 'Signature') !== null) throw unsupportedMechanism()
  throw new S3Error('AccessDenied', 'Access Denied')
}

function unsupportedMechanism(): S3Error {
  return new S3Error(
    'InvalidRequest',
    'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
  )
}

function headerClaim(request: S3Request, authorization: string, bodyHash: string | null): Claim {
  const [algorithm, ...rest] = authorization.split(/\s+/)
  if (algorithm !== ALGORITHM) throw unsupportedMechanism()
  const fields = new Map(
    rest
      .join('')
      .split(',')
      .map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)] as const),
  )
  const malformed = (message: string) =>
    new S3Error('AuthorizationHeaderMalformed', `The authorization header is malformed; ${message}`)
  const [credential, signedHeaders, signature] = ['Credential', 'SignedHeaders', 'Signature'].map((name) => fields.get(name))
  if (!credential || !signedHeaders || !signature || fields.size !== 3) {
    throw malformed('the authorization header requires three components: Credential, SignedHeaders, and Signature.')
  }
  const timestamp = request.headers.get('x-amz-date') ?? isoFromHttpDate(request.headers.get('date'))
  if (timestamp === null) {
    throw new S3Error('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header')
  }
  const payload = bodyHash ?? request.headers.get('x-amz-content-sha256')
  if (payload === undefined) {
    throw new S3Error('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256')
  }
  return {
    ...readScope(credential, malformed),
    timestamp,
    signedHeaders: signedHeaders.split(';'),
    signature,
    payload,
    token: request.headers.get('x-amz-security-token') ?? null,
    presigned: false,
  }
}

function queryClaim(request: S3Request, algorithm: string): Claim {
  const malformed = (message: string) => new S3Error('AuthorizationQueryParametersError', message)
  if (algorithm !== ALGORITHM) throw malformed('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"')
  const names = ['X-Amz-Credential', 'X-Amz-Date', 'X-Amz-SignedHeaders', 'X-Amz-Signature'] as const
  const [credential, timestamp, signedHeaders, signature] = names.map((name) => parameter(request, name))
  const expires = parameter(request, 'X-Amz-Expires')
  if (!credential || !timestamp || !signedHeaders || !signature || !expires) {
    throw malformed(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    )
  }
  if (!/^\d+$/.test(expires)) throw malformed('X-Amz-Expires should be a number')
  if (Number(expires) > MAX_PRESIGNED_SECONDS) {
    throw malformed(
      'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
    )
  }
  return {
    ...readScope(credential, malformed),
    timestamp,
    signedHeaders: signedHeaders.split(';'),
    signature,
    payload: request.headers.get('x-amz-content-sha256') ?? parameter(request, 'X-Amz-Content-Sha256') ?? UNSIGNED,
    token: parameter(request, 'X-Amz-Security-Token'),
    presigned: true,
  }
}

function readScope(
  credential: string,
  malformed: (message: string) => S3Error,
): Pick<Claim, 'accessKeyId' | 'date' | 'region' | 'service'> {
  const parts = credential.split('/')
  const [terminal, service, region, date] = parts.toReversed()
  const accessKeyId = parts.slice(0, -4).join('/')
  if (
    parts.length < 5 ||
    terminal !== 'aws4_request' ||
    !service ||
    !region ||
    !date ||
    !/^\d{8}$/.test(date) ||
    accessKeyId === ''
  ) {
    throw malformed('the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".')
  }
  return { accessKeyId, date, region, service }
}

function isoFromHttpDate(text: string | undefined): string | null {
  const at = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(at) ? null : `${new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}
