/** One endpoint for the tests of a file, with a bucket `lake`. */
import { S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll } from 'vitest'
import { type S3Endpoint, type S3EndpointOptions, startS3Endpoint } from '../support/s3/endpoint.ts'
import { type Scratch, scratch } from '../support/scratch.ts'
import { KEYS } from './signed-request.ts'

export type Fixture = {
  readonly endpoint: () => S3Endpoint
  readonly url: () => string
  /** Of the AWS SDK, with every checksum that it knows. */
  readonly client: () => S3Client
}

/** Started before the tests of the calling file, stopped after them. */
export function useEndpoint(options: Partial<S3EndpointOptions> = {}): Fixture {
  let directory: Scratch
  let endpoint: S3Endpoint
  let client: S3Client
  beforeAll(async () => {
    directory = scratch()
    endpoint = await startS3Endpoint({ ...KEYS, directory: directory.dir, buckets: ['lake'], ...options })
    client = openClient(endpoint)
  })
  afterAll(async () => {
    client.destroy()
    await endpoint.close()
    directory[Symbol.dispose]()
  })
  return { endpoint: () => endpoint, url: () => endpoint.url, client: () => client }
}

export function openClient({ url, region }: Pick<S3Endpoint, 'url' | 'region'>): S3Client {
  return new S3Client({ endpoint: url, region, forcePathStyle: true, credentials: KEYS, maxAttempts: 1 })
}

/** Name and status of the error that a promise of the SDK rejects with. */
export async function refusal(promise: Promise<unknown>): Promise<readonly [string, number | undefined]> {
  try {
    await promise
  } catch (error) {
    const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } }
    return [name, $metadata?.httpStatusCode]
  }
  return ['no error', undefined]
}
