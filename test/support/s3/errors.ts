/**
 * Refusals as Amazon S3 words them: code, HTTP status, XML document.
 * "Error responses", Amazon S3 API Reference: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
import { element } from './xml.ts'

const STATUS = {
  AccessControlListNotSupported: 400,
  AccessDenied: 403,
  AuthorizationHeaderMalformed: 400,
  AuthorizationQueryParametersError: 400,
  BadDigest: 400,
  BucketAlreadyOwnedByYou: 409,
  BucketNotEmpty: 409,
  ConditionalRequestConflict: 409,
  EntityTooLarge: 400,
  EntityTooSmall: 400,
  ExpiredToken: 400,
  IllegalLocationConstraintException: 400,
  IncompleteBody: 400,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidBucketName: 400,
  InvalidChunkSizeError: 403,
  InvalidDigest: 400,
  InvalidEncryptionAlgorithmError: 400,
  InvalidLocationConstraint: 400,
  InvalidPart: 400,
  InvalidPartNumber: 416,
  InvalidPartOrder: 400,
  InvalidRange: 416,
  InvalidRequest: 400,
  InvalidStorageClass: 400,
  InvalidToken: 400,
  InvalidURI: 400,
  KeyTooLongError: 400,
  MalformedTrailerError: 400,
  MalformedXML: 400,
  MaxMessageLengthExceeded: 400,
  MetadataTooLarge: 400,
  MethodNotAllowed: 405,
  MissingContentLength: 411,
  MissingRequestBodyError: 400,
  MissingSecurityHeader: 400,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchUpload: 404,
  NotImplemented: 501,
  NotModified: 304,
  PreconditionFailed: 412,
  RequestTimeTooSkewed: 403,
  RequestTimeout: 400,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  SlowDown: 503,
  TooManyBuckets: 400,
  XAmzContentSHA256Mismatch: 400,
} as const

export type S3Code = keyof typeof STATUS

/** Further elements of the error document, in order. */
export type ErrorDetails = Readonly<Record<string, string>>

/** A request that is answered with an error document. */
export class S3Error extends Error {
  readonly code: S3Code
  readonly status: number
  readonly details: ErrorDetails
  readonly headers: Readonly<Record<string, string>>
  override readonly name = 'S3Error'

  constructor(
    code: S3Code,
    message: string,
    details: ErrorDetails = {},
    options: { readonly cause?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.status = STATUS[code]
    this.details = details
    this.headers = options.headers ?? {}
  }
}

/** 501 of everything that Amazon S3 may know and this endpoint does not: never ignored. */
export function notImplemented(kind: 'Header' | 'Parameter' | 'Operation', name: string): S3Error {
  const message =
    kind === 'Header'
      ? 'A header you provided implies functionality that is not implemented'
      : `This endpoint does not implement ${kind.toLowerCase()} "${name}"`
  return new S3Error('NotImplemented', message, { [kind]: name })
}

export function invalidArgument(message: string, name: string, value: string): S3Error {
  return new S3Error('InvalidArgument', message, { ArgumentName: name, ArgumentValue: value })
}

export type ErrorText = { readonly code: string; readonly message: string; readonly details?: ErrorDetails }

/** The XML document of an error. */
export function errorDocument(
  error: ErrorText,
  at: { readonly resource: string; readonly requestId: string; readonly hostId: string },
): string {
  const details = Object.entries({ Resource: at.resource, ...error.details, RequestId: at.requestId, HostId: at.hostId })
  const body = element('Error', [
    element('Code', error.code),
    element('Message', error.message),
    ...details.map(([name, value]) => element(name, value)),
  ])
  return `<?xml version="1.0" encoding="UTF-8"?>\n${body.xml}`
}
