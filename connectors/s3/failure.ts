/** From what the SDK, the store and the socket throw to `ConnectorError`s with a cure. Pure. Codes: Amazon S3 API Reference, "Error responses". */
import { ConnectorError, type ErrorCode } from '../errors.ts'

/** What was tried: the permission it takes, and where. */
export type Attempted = {
  /** As IAM names it: `s3:PutObject`. */
  readonly action: string
  /** `Object "s3://bucket/key"`, `Bucket "bucket"`. */
  readonly subject: string
  readonly bucket: string
  readonly prefix: string | undefined
  /** Section of the AWS files that credentials are to come from. */
  readonly profile?: string | undefined
  /** Host of the store as messages may name it. */
  readonly place: string
}

/** What went wrong, in words. `transient`: the same request may succeed now. */
export type Diagnosis = {
  readonly code: ErrorCode
  readonly problem: string
  readonly cure: string
  readonly transient: boolean
}

type Meaning = {
  readonly code: ErrorCode
  readonly transient?: true
  readonly problem: string
  readonly cure: string | ((attempted: Attempted) => string)
}

const CONNECTION_FILE = 'config/connections.yaml'
const AGAIN = 'It was tried again in vain; run again'
const KEYS: Meaning = {
  code: 'AUTHENTICATION',
  problem: 'the store does not know the access key',
  cure: `Correct access_key_id and secret_access_key in ${CONNECTION_FILE}`,
}
const EXPIRED: Meaning = {
  code: 'AUTHENTICATION',
  problem: 'the session token is expired or not valid',
  cure: 'Get new temporary credentials, or name a role with assume_role, which is renewed by itself',
}
const SLOW: Meaning = { code: 'THROTTLED', transient: true, problem: 'the store asks to slow down', cure: AGAIN }
const BROKEN: Meaning = { code: 'UNAVAILABLE', transient: true, problem: 'the store failed inside', cure: AGAIN }
const DAMAGED: Meaning = {
  code: 'CORRUPT',
  transient: true,
  problem: 'the bytes that arrived differ from their checksum',
  cure: 'Something in between changes them: look for a proxy; for a store without CRC32 set checksums: when_required',
}
const REGION: Meaning = {
  code: 'CONFIGURATION',
  problem: 'the bucket lies in another region',
  cure: `Set its region in ${CONNECTION_FILE}`,
}
const DENIED: Meaning = {
  code: 'PRIVILEGE',
  problem: 'access is denied',
  cure: ({ action, bucket, prefix }) => {
    const allow = `Allow ${action} on ${resource(action, bucket, prefix)}`
    // Who may not list is told "denied" of an object that is not there.
    return action === 's3:GetObject' ? `${allow} and s3:ListBucket on ${resource('s3:ListBucket', bucket, prefix)}` : allow
  },
}
const GONE: Meaning = {
  code: 'NOT_FOUND',
  problem: 'the bucket does not exist',
  cure: ({ bucket }) => `Create bucket "${bucket}", or correct it in ${CONNECTION_FILE}`,
}
const FULL: Meaning = {
  code: 'FULL',
  problem: 'the store is full or its quota is used up',
  cure: 'Free space and run again; everything committed is kept',
}
const KMS: Meaning = {
  code: 'PRIVILEGE',
  problem: 'the encryption key cannot be used',
  cure: 'Correct encryption.kms_key_id, enable the key, and allow kms:GenerateDataKey and kms:Decrypt on it',
}
const UNKNOWN_WAY: Meaning = {
  code: 'UNSUPPORTED',
  problem: 'the store lacks a part of the protocol',
  cure: 'Set checksums: when_required; when it stays, use a store with conditional writes',
}
const CLOCK: Meaning = {
  code: 'AUTHENTICATION',
  problem: 'the clock of this machine and that of the store differ by more than 15 minutes',
  cure: 'Set the clock (NTP)',
}

/** Name of the error for credentials that may not take the role they should. */
export const ROLE_REFUSED = 'AssumeRoleError'

/** By error code of the store, or name of the SDK's error. */
const BY_NAME: Readonly<Record<string, Meaning>> = {
  NoSuchBucket: GONE,
  AccessDenied: DENIED,
  AllAccessDisabled: DENIED,
  AccountProblem: DENIED,
  Forbidden: DENIED,
  InvalidAccessKeyId: KEYS,
  InvalidClientTokenId: KEYS,
  UnrecognizedClientException: KEYS,
  ExpiredToken: EXPIRED,
  ExpiredTokenException: EXPIRED,
  InvalidToken: EXPIRED,
  TokenRefreshRequired: EXPIRED,
  SignatureDoesNotMatch: {
    code: 'AUTHENTICATION',
    problem: 'the signature does not match',
    cure: `Correct secret_access_key in ${CONNECTION_FILE}; a proxy that rewrites requests breaks signatures too`,
  },
  CredentialsProviderError: {
    code: 'AUTHENTICATION',
    problem: 'no credentials were found',
    cure: ({ profile }) =>
      profile === undefined
        ? `Set access_key_id and secret_access_key or profile in ${CONNECTION_FILE}, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`
        : `Give profile "${profile}" keys in ~/.aws/credentials (or the file that AWS_SHARED_CREDENTIALS_FILE names), or correct profile in ${CONNECTION_FILE}`,
  },
  [ROLE_REFUSED]: {
    code: 'PRIVILEGE',
    problem: 'the role of assume_role could not be taken',
    cure: `Allow sts:AssumeRole on it to these credentials, and correct role_arn and external_id in ${CONNECTION_FILE}`,
  },
  RequestTimeTooSkewed: CLOCK,
  RequestExpired: CLOCK,
  PermanentRedirect: REGION,
  TemporaryRedirect: REGION,
  AuthorizationHeaderMalformed: REGION,
  IllegalLocationConstraintException: REGION,
  SlowDown: SLOW,
  ServiceUnavailable: SLOW,
  TooManyRequests: SLOW,
  TooManyRequestsException: SLOW,
  RequestLimitExceeded: SLOW,
  Throttling: SLOW,
  ThrottlingException: SLOW,
  InternalError: BROKEN,
  OperationAborted: BROKEN,
  ConditionalRequestConflict: BROKEN,
  NoSuchUpload: {
    code: 'UNAVAILABLE',
    problem: 'the store dropped the parts sent so far',
    cure: 'Run again; a lifecycle rule that aborts uploads should leave them at least a day',
  },
  RequestTimeout: { code: 'TIMEOUT', transient: true, problem: 'the store gave up waiting for the request', cure: AGAIN },
  TimeoutError: {
    code: 'TIMEOUT',
    transient: true,
    problem: 'no answer in time',
    cure: `Check network and endpoint, or raise attempt_timeout_ms in ${CONNECTION_FILE}`,
  },
  BadDigest: DAMAGED,
  InvalidDigest: DAMAGED,
  XAmzContentSHA256Mismatch: DAMAGED,
  XAmzContentChecksumMismatch: DAMAGED,
  IncompleteBody: DAMAGED,
  QuotaExceeded: FULL,
  InsufficientStorage: FULL,
  XMinioStorageFull: FULL,
  NotImplemented: UNKNOWN_WAY,
  MethodNotAllowed: UNKNOWN_WAY,
}

const BY_STATUS: Readonly<Record<number, Meaning>> = {
  301: REGION,
  307: REGION,
  401: KEYS,
  403: DENIED,
  429: SLOW,
  500: BROKEN,
  501: UNKNOWN_WAY,
  502: BROKEN,
  503: SLOW,
  504: BROKEN,
  507: FULL,
}

const DROPPED = 'the connection was dropped'
const BY_SOCKET: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the host does not answer',
  ECONNRESET: DROPPED,
  ECONNABORTED: DROPPED,
  EPIPE: DROPPED,
  ERR_STREAM_PREMATURE_CLOSE: DROPPED,
}

/** Names an error's fields without trusting its class: the SDK, sockets and TLS each have their own. */
type Found = {
  readonly name: string
  readonly code: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly message: string
  readonly skewCorrected: boolean
}

/** Codes of Node's TLS layer for a certificate that is not trusted. */
const CERTIFICATE = /^(?:CERT_|ERR_TLS|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(?:GET|VERIFY)_)/

export function diagnose(error: unknown, attempted: Attempted): Diagnosis {
  const found = look(error)
  // Before the name: the SDK calls a dropped connection a TimeoutError.
  const socket = found.status === 0 ? BY_SOCKET[found.code] : undefined
  if (socket !== undefined) {
    const cure = `Check endpoint and region in ${CONNECTION_FILE}, network and firewall`
    return { code: 'CONNECTION', problem: `${attempted.place}: ${socket} (${found.code})`, cure, transient: true }
  }
  const meaning = meaningOf(found)
  const name = found.status > 0 && found.name !== '' ? ` (${found.status} ${found.name})` : ''
  if (meaning !== null) {
    const cure = typeof meaning.cure === 'string' ? meaning.cure : meaning.cure(attempted)
    const transient = meaning.transient === true || found.skewCorrected
    return { code: meaning.code, problem: `${meaning.problem}${name}`, cure: withRegion(cure, meaning, found), transient }
  }
  if (CERTIFICATE.test(found.code)) {
    const cure = `Give the authority's PEM text as ca in ${CONNECTION_FILE}, or correct the endpoint`
    return {
      code: 'TLS',
      problem: `the certificate of ${attempted.place} is not trusted (${found.code})`,
      cure,
      transient: false,
    }
  }
  const what = name === '' ? found.name || 'an error' : name.slice(2, -1)
  return { code: 'STORE', problem: `the store answered ${what}`, cure: '"portage check" tries every call', transient: false }
}

/** Passes `ConnectorError`s on. The server's own text stays in the cause. */
export function failure(error: unknown, attempted: Attempted): ConnectorError {
  if (error instanceof ConnectorError) return error
  const { code, problem, cure } = diagnose(error, attempted)
  return new ConnectorError(code, `${attempted.subject}: ${attempted.action} failed, ${problem}. ${cure}`, { cause: error })
}

/** The HTTP status of an answer, 0 when there was none. */
export function statusOf(error: unknown): number {
  return look(error).status
}

export function nameOf(error: unknown): string {
  return look(error).name
}

/** Throws `ABORTED` when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, subject: string): void {
  if (signal?.aborted === true) throw new ConnectorError('ABORTED', `${subject}: aborted`, { cause: signal.reason })
}

function meaningOf(found: Found): Meaning | null {
  if (found.name.startsWith('KMS.')) return KMS
  if (/^Region is missing/.test(found.message)) {
    return { code: 'CONFIGURATION', problem: 'no region is set', cure: `Set region in ${CONNECTION_FILE}, or AWS_REGION` }
  }
  // The SDK has no code of its own for it.
  if (/^Checksum mismatch/i.test(found.message)) return DAMAGED
  const named = BY_NAME[found.name] ?? BY_NAME[found.code]
  // A wrong region is told in an AuthorizationHeaderMalformed, and so is a malformed key.
  if (named === REGION && found.name === 'AuthorizationHeaderMalformed' && !/region/i.test(found.message)) return KEYS
  return named ?? BY_STATUS[found.status] ?? null
}

function withRegion(cure: string, meaning: Meaning, { headers, message }: Found): string {
  if (meaning !== REGION) return cure
  const region = headers['x-amz-bucket-region'] ?? /expecting '([a-z0-9-]+)'/.exec(message)?.[1]
  return region === undefined ? cure : `Set region: ${region} in ${CONNECTION_FILE}`
}

/** Actions on the bucket itself are granted on its own ARN, those on objects on what is in it. */
function resource(action: string, bucket: string, prefix: string | undefined): string {
  if (/^s3:(?:List|GetBucket)/.test(action)) return `arn:aws:s3:::${bucket}`
  return `arn:aws:s3:::${bucket}/${prefix === undefined ? '' : `${prefix}/`}*`
}

function look(error: unknown): Found {
  const fields = isRecord(error) ? error : {}
  const metadata = isRecord(fields.$metadata) ? fields.$metadata : {}
  const response = isRecord(fields.$response) ? fields.$response : {}
  const cause = isRecord(fields.cause) ? fields.cause : {}
  const code = textOf(fields.code) || textOf(fields.Code) || textOf(cause.code)
  const name = textOf(fields.Code) || textOf(fields.name)
  return {
    // Answers without a body (HEAD) have a number or a placeholder for a name.
    name: /^(?:Error|\d+|Unknown|UnknownError)$/.test(name) ? '' : name,
    code,
    status: typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : 0,
    headers: isRecord(response.headers) ? (response.headers as Record<string, string>) : {},
    message: textOf(fields.message),
    skewCorrected: metadata.clockSkewCorrected === true,
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object'
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
