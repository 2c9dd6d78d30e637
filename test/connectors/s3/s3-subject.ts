/** A bucket of its own at an S3 server, as the contract suites want it. */
import { randomBytes } from 'node:crypto'
import { CreateBucketCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import type { Environment, ObjectStore } from '../../../connectors/ports.ts'
import { s3Options } from '../../../connectors/s3/options.ts'
import { openS3Store } from '../../../connectors/s3/store.ts'
import { environment } from '../../integrations/capture/capture-harness.ts'

export type S3Server = { readonly endpoint: string; readonly accessKeyId: string; readonly secretAccessKey: string }

export type S3Subject = AsyncDisposable & {
  readonly bucket: string
  readonly store: ObjectStore
  readonly another: () => Promise<ObjectStore>
  readonly leftovers: () => Promise<readonly string[]>
  readonly client: S3Client
  /** Options of the connection, as connections.yaml would have them. */
  readonly connection: Readonly<Record<string, unknown>>
}

/** Pauses between attempts pass in no time: what is tried is tested, not how long it takes. */
export const IMPATIENT: Environment = { ...environment, sleep: async (_, signal) => signal?.throwIfAborted() }

export async function s3Subject(
  server: S3Server,
  options: Readonly<Record<string, unknown>> = {},
  given: Environment = IMPATIENT,
): Promise<S3Subject> {
  const bucket = `lake-${randomBytes(6).toString('hex')}`
  const { endpoint, accessKeyId, secretAccessKey } = server
  const credentials = { accessKeyId, secretAccessKey }
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials })
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  const connection = { bucket, endpoint, access_key_id: accessKeyId, secret_access_key: secretAccessKey, ...options }
  const opened: ObjectStore[] = []
  const open = () => {
    const store = openS3Store(s3Options.parse(connection), given)
    opened.push(store)
    return store
  }
  return {
    bucket,
    client,
    connection,
    store: open(),
    another: async () => open(),
    leftovers: async () => {
      const { Uploads: uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))
      return uploads.map(({ Key: key = '' }) => key)
    },
    [Symbol.asyncDispose]: async () => {
      for (const store of opened) await store[Symbol.asyncDispose]()
      client.destroy()
    },
  }
}
