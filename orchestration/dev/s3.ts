/** The S3 endpoint of `portage dev up`: on a directory of the state, loopback only, with keys of its own. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { ConnectorError } from '../../connectors/errors.ts'
import { hasCode, keptText } from './kept-text.ts'
import { DEV_S3_FILES } from './sample-config.ts'

export const DEV_BUCKET = 'lake'

export type DevS3 = AsyncDisposable & {
  readonly url: string
  readonly region: string
  /** Absolute paths of the files that hold URL and keys. */
  readonly files: Readonly<Record<keyof typeof DEV_S3_FILES, string>>
}

/**
 * Starts the endpoint and writes its URL and keys into files, readable by this user only. Keys that are there already are
 * used: those of an earlier start, or one's own. The endpoint keeps its objects between starts.
 *
 * @throws ConnectorError `UNAVAILABLE` when the port is taken.
 */
export async function startDevS3(state: string, port: number | undefined): Promise<DevS3> {
  // The one piece of the test support that ships: tests and users must have the same endpoint.
  const [{ startS3Endpoint }, { randomCredentials }] = await Promise.all([
    import('../../test/support/s3/endpoint.ts'),
    import('../../test/support/s3/credentials.ts'),
  ])
  const files = {
    url: resolve(state, DEV_S3_FILES.url),
    accessKeyId: resolve(state, DEV_S3_FILES.accessKeyId),
    secretAccessKey: resolve(state, DEV_S3_FILES.secretAccessKey),
  }
  mkdirSync(dirname(files.url), { recursive: true })
  const fresh = randomCredentials()
  const endpoint = await startS3Endpoint({
    directory: resolve(state, 'dev', 's3'),
    accessKeyId: keptText(files.accessKeyId, fresh.accessKeyId),
    secretAccessKey: keptText(files.secretAccessKey, fresh.secretAccessKey),
    buckets: [DEV_BUCKET],
    ...(port === undefined ? {} : { port }),
  }).catch((cause: unknown) => {
    if (port === undefined || !hasCode(cause, 'EADDRINUSE')) throw cause
    throw new ConnectorError(
      'UNAVAILABLE',
      `S3 endpoint: port ${port} of 127.0.0.1 is taken by another program. Leave out --s3-port, or name another`,
      { cause },
    )
  })
  writeFileSync(files.url, `${endpoint.url}\n`, { mode: 0o600 })
  return { url: endpoint.url, region: endpoint.region, files, [Symbol.asyncDispose]: () => endpoint.close() }
}
