/** Stores on our S3 endpoint while it misbehaves at regular intervals, for suites that know nothing of S3. */
import { randomBytes } from 'node:crypto'
import type { ObjectStore } from '../../../connectors/ports.ts'
import { s3Options } from '../../../connectors/s3/options.ts'
import { openS3Store } from '../../../connectors/s3/store.ts'
import { FAULTS } from '../../connectors/s3/fault-list.ts'
import { IMPATIENT, type S3Server } from '../../connectors/s3/s3-subject.ts'
import { startS3Endpoint } from '../../support/s3/endpoint.ts'
import type { ArmedFault } from '../../support/s3/faults.ts'
import { scratch } from '../../support/scratch.ts'
import { killedAt } from '../capture/killed-capture.ts'

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-secret' }
const BUCKET = 'lake-under-fault'
/** As many hits as any suite here can make. */
const HITS = 1_500

export type FaultyBucket = AsyncDisposable & {
  readonly server: S3Server
  /** From now on every `every`-th request that the fault fits is hit; `mixed`: by all of them in turn. */
  readonly misbehave: (fault: string, every: number) => void
  /** Ends all faults; how many requests they hit. */
  readonly behave: () => number
  /** A store below a prefix; without one, below a new one. */
  readonly open: (prefix?: string) => ObjectStore
}

export async function openFaultyBucket(): Promise<FaultyBucket> {
  const directory = scratch()
  const endpoint = await startS3Endpoint({ ...KEYS, directory: directory.dir, buckets: [BUCKET] })
  const opened: ObjectStore[] = []
  let armed: ArmedFault[] = []
  const arm = (name: string, first: number, every: number) => {
    const fault = FAULTS[name]
    if (fault === undefined) throw new Error(`No fault "${name}"`)
    for (let hit = 0; hit < HITS; hit++) armed.push(endpoint.arm({ ...fault, nth: first + hit * every }))
  }
  return {
    server: { endpoint: endpoint.url, ...KEYS },
    misbehave: (fault, every) => {
      const names = Object.keys(FAULTS)
      if (fault !== 'mixed') arm(fault, 2, every)
      else for (const [index, name] of names.entries()) arm(name, 2 + index * every, every * names.length)
    },
    behave: () => {
      const hits = armed.reduce((sum, fault) => sum + fault.hits, 0)
      endpoint.clearFaults()
      armed = []
      return hits
    },
    open: (prefix = randomBytes(6).toString('hex')) => {
      const connection = { bucket: BUCKET, prefix, endpoint: endpoint.url, attempt_timeout_ms: 400, max_attempts: 12 }
      const keys = { access_key_id: KEYS.accessKeyId, secret_access_key: KEYS.secretAccessKey }
      const store = openS3Store(s3Options.parse({ ...connection, ...keys }), IMPATIENT)
      opened.push(store)
      return store
    },
    [Symbol.asyncDispose]: async () => {
      for (const store of opened) await store[Symbol.asyncDispose]()
      await endpoint.close()
      directory[Symbol.dispose]()
    },
  }
}

/** A run killed at a call and the next one, both under the fault; judged without it. Returns how many requests were hit. */
export async function killedUnderFault(
  bucket: FaultyBucket,
  fault: string,
  { at, every }: { readonly at: number; readonly every: number },
): Promise<number> {
  const prefix = randomBytes(6).toString('hex')
  let hits = 0
  bucket.misbehave(fault, every)
  const judge = async () => {
    hits = bucket.behave()
    return bucket.open(prefix)
  }
  const stores = { first: bucket.open(prefix), next: bucket.open(prefix), judge }
  try {
    await killedAt(at, stores, { signal: AbortSignal.timeout(100_000) })
  } finally {
    bucket.behave()
  }
  return hits
}
