/** Where the lake of a crash run lies: a directory, or a bucket whose endpoint fails now and then. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import { s3Options } from '../../connectors/s3/options.ts'
import { openS3Store } from '../../connectors/s3/store.ts'
import { FAULTS, tableText } from '../connectors/s3/fault-list.ts'
import { environment } from '../integrations/capture/capture-harness.ts'
import { startS3Endpoint } from '../support/s3/endpoint.ts'
import type { ArmedFault } from '../support/s3/faults.ts'

export const CRASH_LAKES = ['filesystem', 's3'] as const
export type CrashLakeName = (typeof CRASH_LAKES)[number]

export type CrashLake = AsyncDisposable & {
  /** The block of connections.yaml, indented. */
  readonly connection: string
  readonly store: ObjectStore
  /** A directory with the lake's objects, for a reader that knows files only. */
  readonly files: () => Promise<string>
  /** What the lake did wrong, for people; empty when nothing. */
  readonly report: () => string
}

/** `random` decides which requests fail. */
export async function openCrashLake(name: CrashLakeName, dir: string, random: () => number): Promise<CrashLake> {
  switch (name) {
    case 'filesystem':
      return openDirectory(join(dir, 'lake'))
    case 's3':
      return await openBucket(dir, random)
    default:
      return name satisfies never
  }
}

async function openDirectory(path: string): Promise<CrashLake> {
  const store = await openFilesystemStore(path, environment)
  return {
    connection: `  connector: filesystem\n  path: ${path}`,
    store,
    files: async () => path,
    report: () => '',
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-secret' }
const BUCKET = 'crash-lake'
/** Of each fault; a run of twenty kills makes some thousand requests. */
const HITS = 400
/** Requests between two hits of one fault, at most: with a dozen of them about every fifth request fails. */
const BETWEEN = 60
/** A stall costs its whole deadline. */
const BETWEEN_STALLS = 240

async function openBucket(dir: string, random: () => number): Promise<CrashLake> {
  const endpoint = await startS3Endpoint({ ...KEYS, directory: join(dir, 'endpoint'), buckets: [BUCKET] })
  const armed = new Map<string, ArmedFault[]>()
  for (const [name, fault] of Object.entries(FAULTS)) {
    // A reader checks whole files by their checksum; the flipped bit of a range reaches DuckDB's copies, which are refused as they must be.
    if (name === 'corrupt body') continue
    let nth = 0
    const between = name.startsWith('stall') ? BETWEEN_STALLS : BETWEEN
    const hits = Array.from({ length: HITS }, () => {
      nth += 1 + Math.floor(random() * between)
      return endpoint.arm({ ...fault, nth })
    })
    armed.set(name, hits)
  }
  const options = { bucket: BUCKET, endpoint: endpoint.url, attempt_timeout_ms: 2_000, max_attempts: 12 }
  const secrets = { access_key_id: KEYS.accessKeyId, secret_access_key: KEYS.secretAccessKey }
  const store = openS3Store(s3Options.parse({ ...options, ...secrets }), environment)
  return {
    connection: Object.entries({ connector: 's3', ...options, ...secrets })
      .map(([key, value]) => `  ${key}: ${value}`)
      .join('\n'),
    store,
    files: async () => {
      endpoint.clearFaults()
      const root = join(dir, 'downloaded')
      for await (const { key } of store.list('')) {
        const bytes = await store.get(key)
        if (bytes === null) throw new Error(`${key} is listed and cannot be read`)
        await mkdir(dirname(join(root, key)), { recursive: true })
        await writeFile(join(root, key), bytes)
      }
      return root
    },
    report: () => {
      const rows = [...armed].map(([name, faults]) => [name, `${faults.reduce((sum, { hits }) => sum + hits, 0)}`])
      return tableText([['fault', 'requests hit'], ...rows, ['requests in all (newest 10,000)', `${endpoint.requests.length}`]])
    },
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]()
      await endpoint.close()
    },
  }
}
