/** AssumeRole of the Security Token Service: query protocol, on the same port. AWS STS API Reference, "AssumeRole". */
import { randomBytes, randomUUID } from 'node:crypto'
import type { Credentials } from './credentials.ts'
import { S3Error } from './errors.ts'
import type { S3Request } from './http-request.ts'
import type { Reply } from './reply.ts'
import { authenticate, sha256 } from './signature.ts'
import { element, xmlDocument } from './xml.ts'

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/'
const MAX_FORM_BYTES = 64 * 1024
const SECONDS = { least: 900, most: 43_200, usual: 3600 }
const KNOWN = ['Action', 'Version', 'RoleArn', 'RoleSessionName', 'DurationSeconds', 'ExternalId']

/** A role that may be assumed; with `externalId` only by who knows it. */
export type Role = { readonly arn: string; readonly externalId?: string }

export type TokenService = {
  readonly credentials: Credentials
  readonly roles: readonly Role[]
  readonly region: string
  readonly now: () => Date
}

class StsError extends Error {
  readonly code: string
  readonly status: number

  constructor(code: string, status: number, message: string) {
    super(message)
    this.code = code
    this.status = status
  }
}

export function isTokenRequest({ method, path, bucket, headers }: S3Request): boolean {
  const form = 'application/x-www-form-urlencoded'
  return method === 'POST' && path === '/' && bucket === null && (headers.get('content-type') ?? '').startsWith(form)
}

/** Answers every request, with an error document of STS where it must. */
export async function answerTokenRequest(service: TokenService, request: S3Request): Promise<Reply> {
  try {
    return await assumeRole(service, request)
  } catch (error) {
    // The two services share the rules of signatures, not the words.
    const { code, status, message } =
      error instanceof StsError
        ? error
        : error instanceof S3Error
          ? { code: error.code, status: error.status, message: error.message }
          : { code: 'InternalFailure', status: 500, message: 'The request processing has failed because of an unknown error' }
    const body = xmlDocument(
      'ErrorResponse',
      [
        element('Error', [
          element('Type', status < 500 ? 'Sender' : 'Receiver'),
          element('Code', code),
          element('Message', message),
        ]),
        element('RequestId', randomUUID()),
      ],
      NAMESPACE,
    )
    return { status, headers: { 'content-type': 'text/xml' }, body }
  }
}

async function assumeRole(service: TokenService, request: S3Request): Promise<Reply> {
  const body = await readBody(request)
  authenticate(request, { ...service, service: 'sts' }, sha256(body))
  const form = new URLSearchParams(body.toString('utf8'))
  const action = form.get('Action')
  if (action !== 'AssumeRole' || form.get('Version') !== '2011-06-15') {
    throw new StsError('InvalidAction', 400, `Could not find operation ${action} for version ${form.get('Version')}`)
  }
  const unknown = [...form.keys()].find((name) => !KNOWN.includes(name))
  if (unknown !== undefined) throw new StsError('ValidationError', 400, `This endpoint does not implement parameter ${unknown}`)
  const { arn, session, seconds } = readRequest(form)
  const role = service.roles.find((each) => each.arn === arn)
  if (role === undefined || (role.externalId !== undefined && role.externalId !== form.get('ExternalId'))) {
    throw new StsError('AccessDenied', 403, `Not authorized to perform: sts:AssumeRole on resource: ${arn}`)
  }
  const issued = service.credentials.issue(new Date(service.now().getTime() + seconds * 1000))
  const id = `AROA${randomBytes(8).toString('hex').toUpperCase()}:${session}`
  return {
    status: 200,
    headers: { 'content-type': 'text/xml' },
    body: xmlDocument(
      'AssumeRoleResponse',
      [
        element('AssumeRoleResult', [
          element('AssumedRoleUser', [
            element('AssumedRoleId', id),
            element('Arn', `${arn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/${session}`),
          ]),
          element('Credentials', [
            element('AccessKeyId', issued.accessKeyId),
            element('SecretAccessKey', issued.secretAccessKey),
            element('SessionToken', issued.sessionToken),
            element('Expiration', issued.expiresAt.toISOString()),
          ]),
        ]),
        element('ResponseMetadata', [element('RequestId', randomUUID())]),
      ],
      NAMESPACE,
    ),
  }
}

function readRequest(form: URLSearchParams): { arn: string; session: string; seconds: number } {
  const arn = form.get('RoleArn') ?? ''
  const session = form.get('RoleSessionName') ?? ''
  const seconds = Number(form.get('DurationSeconds') ?? SECONDS.usual)
  if (!/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(arn))
    throw new StsError('ValidationError', 400, `${arn} is invalid`)
  if (!/^[\w+=,.@-]{2,64}$/.test(session)) {
    throw new StsError('ValidationError', 400, 'Member must satisfy regular expression pattern: [\\w+=,.@-]* at roleSessionName')
  }
  if (!Number.isInteger(seconds) || seconds < SECONDS.least || seconds > SECONDS.most) {
    throw new StsError('ValidationError', 400, `DurationSeconds must be between ${SECONDS.least} and ${SECONDS.most}`)
  }
  return { arn, session, seconds }
}

async function readBody(request: S3Request): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  request.wantBody()
  for await (const chunk of request.body) {
    size += chunk.length
    if (size > MAX_FORM_BYTES) throw new StsError('RequestEntityTooLarge', 413, 'The request is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
