/** The SDK's client as the options ask for it. Retries and deadlines are ours (`attempts.ts`): the SDK tries once. */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { diagnose, ROLE_REFUSED } from './failure.ts'
import type { S3Options } from './options.ts'

type Credentials = NonNullable<S3ClientConfig['credentials']>

/** Sockets per store: readers, a writer's parts and deletions side by side. */
const MAX_SOCKETS = 64

/** Opens no connection. Credentials are looked up with the first request. */
export function createClient(options: S3Options): S3Client {
  const region = options.region ?? (options.endpoint === undefined ? undefined : 'us-east-1')
  const credentials = credentialsOf(options)
  const checksums = options.checksums === 'when_supported' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED'
  return new S3Client({
    ...(region === undefined ? {} : { region }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle: options.path_style ?? options.endpoint !== undefined,
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    maxAttempts: 1,
    requestHandler: requestHandler(options),
  })
}

function requestHandler({ connect_timeout_ms: connectionTimeout, ca }: S3Options): NonNullable<S3ClientConfig['requestHandler']> {
  const agent = { keepAlive: true, maxSockets: MAX_SOCKETS }
  return { connectionTimeout, httpAgent: agent, httpsAgent: ca === undefined ? agent : { ...agent, ca } }
}

/** Undefined: the SDK's own chain. */
function credentialsOf(options: S3Options): Credentials | undefined {
  const own = ownCredentials(options)
  return options.assume_role === undefined ? own : assumed(options, options.assume_role, own)
}

function ownCredentials(options: S3Options): Credentials | undefined {
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey, session_token: sessionToken } = options
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
}

/** The SDK keeps what this returns and asks again some minutes before `expiration`. */
function assumed(
  options: S3Options,
  role: NonNullable<S3Options['assume_role']>,
  own: Credentials | undefined,
): () => Promise<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string; expiration?: Date }> {
  return async () => {
    const { AssumeRoleCommand, STSClient } = await import('@aws-sdk/client-sts')
    const region = options.region ?? (role.endpoint === undefined ? undefined : 'us-east-1')
    const client = new STSClient({
      ...(region === undefined ? {} : { region }),
      ...(role.endpoint === undefined ? {} : { endpoint: role.endpoint }),
      ...(options.profile === undefined ? {} : { profile: options.profile }),
      ...(own === undefined ? {} : { credentials: own }),
      requestHandler: {
        connectionTimeout: options.connect_timeout_ms,
        requestTimeout: options.attempt_timeout_ms,
        throwOnRequestTimeout: true,
      },
    })
    try {
      const { Credentials: found } = await client.send(
        new AssumeRoleCommand({
          RoleArn: role.role_arn,
          RoleSessionName: role.session_name,
          DurationSeconds: role.duration_s,
          ...(role.external_id === undefined ? {} : { ExternalId: role.external_id }),
        }),
      )
      return {
        accessKeyId: found?.AccessKeyId ?? '',
        secretAccessKey: found?.SecretAccessKey ?? '',
        ...(found?.SessionToken === undefined ? {} : { sessionToken: found.SessionToken }),
        ...(found?.Expiration === undefined ? {} : { expiration: found.Expiration }),
      }
    } catch (error) {
      throw refused(error) ? Object.assign(new Error('the role was refused', { cause: error }), { name: ROLE_REFUSED }) : error
    } finally {
      client.destroy()
    }
  }
}

/** Whether the token service knows who asks and does not give the role; other failures speak for themselves. */
function refused(error: unknown): boolean {
  const attempted = { action: 'sts:AssumeRole', subject: '', bucket: '', prefix: undefined, place: 'AWS STS' }
  const { code } = diagnose(error, attempted)
  return code === 'PRIVILEGE' || code === 'STORE'
}
