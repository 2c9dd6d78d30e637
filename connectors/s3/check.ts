/** Can the bucket hold a lake? Tries every call that a run makes, on objects of its own, and lists all that is wrong. */
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { ConnectorError } from '../errors.ts'
import type { Problem } from '../ports.ts'
import type { Bucket } from './bucket.ts'
import { putBytes } from './conditional-put.ts'
import { IGNORED, IGNORED_CURE, probeKey } from './conditions.ts'
import { deleteObjects } from './deletion.ts'
import { diagnose, throwIfAborted } from './failure.ts'
import { listObjects } from './listing.ts'
import { startUpload } from './multipart.ts'
import { readObject } from './read.ts'

/** An upload that is this old belongs to nobody who still works on it. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000
/** Keys whose order is looked at: what one request brings. */
const FIRST_PAGE = 900
const PROBE = new TextEncoder().encode('portage')

type Finding = { readonly code: string | null; readonly problem: string; readonly cure: string }

const IGNORES_CONDITIONS: Finding = { code: null, problem: IGNORED, cure: IGNORED_CURE }

/** Findings behind which other calls may still say something else. */
const GOES_ON: ReadonlySet<string> = new Set(['PRIVILEGE', 'UNSUPPORTED'])

export async function checkBucket(bucket: Bucket, signal: AbortSignal): Promise<readonly Problem[]> {
  const findings: Finding[] = []
  const look = async (action: string, attempt: () => Promise<Finding | null>): Promise<boolean> => {
    const finding = await found(bucket, action, signal, attempt)
    if (finding === null) return true
    // Two calls that need one permission say the same.
    if (!findings.some(({ problem, cure }) => problem === finding.problem && cure === finding.cure)) findings.push(finding)
    // Without a bucket, a connection or credentials every other call would say the same.
    return finding.code !== null && GOES_ON.has(finding.code)
  }
  // Not HeadBucket: the answer to a HEAD does not say what is wrong.
  if (await look('s3:ListBucket', () => lists(bucket, signal))) {
    const key = probeKey('')
    await look('s3:PutObject', () => puts(bucket, key, signal))
    await look('s3:PutObject', () => uploads(bucket, key, signal))
    await look('s3:GetObject', () => reads(bucket, key, signal))
    await look('s3:DeleteObject', async () => deleteObjects(bucket, [key], signal).then(() => null))
  }
  const problems = findings.map(({ problem, cure }) => ({ severity: 'error' as const, subject: bucket.name, problem, cure }))
  return problems.length > 0 ? problems : leftovers(bucket, signal)
}

async function puts(bucket: Bucket, key: string, signal: AbortSignal): Promise<Finding | null> {
  await putBytes(bucket, key, PROBE, signal)
  return (await putBytes(bucket, key, PROBE, signal)) === 'created' ? IGNORES_CONDITIONS : null
}

/** The end of a multipart upload has a condition of its own, which some stores keep only in puts. */
async function uploads(bucket: Bucket, key: string, signal: AbortSignal): Promise<Finding | null> {
  // Also where the put before was refused.
  if ((await readObject(bucket, key, { signal })) === null) return null
  const upload = await startUpload(bucket, key, signal)
  try {
    await upload.send(PROBE)
    return (await upload.complete()) === 'created' ? IGNORES_CONDITIONS : null
  } finally {
    await upload.abort()
  }
}

async function reads(bucket: Bucket, key: string, signal: AbortSignal): Promise<Finding | null> {
  const whole = await readObject(bucket, key, { signal })
  const range = await readObject(bucket, key, { signal, range: { start: 1, end: 3 } })
  if (whole === null || (isProbe(whole, 0, PROBE.length) && range !== null && isProbe(range, 1, 3))) return null
  return { code: null, problem: 'what was just written reads back differently', cure: 'Use another store' }
}

const isProbe = (bytes: Uint8Array, start: number, end: number): boolean =>
  Buffer.compare(bytes, PROBE.subarray(start, end)) === 0

async function lists(bucket: Bucket, signal: AbortSignal): Promise<null> {
  let seen = 0
  for await (const _ of listObjects(bucket, '', { signal })) if (++seen === FIRST_PAGE) return null
  return null
}

/** Uploads of killed processes cost money and are shown nowhere. Silent where it may not look: nothing else needs that permission. */
async function leftovers(bucket: Bucket, signal: AbortSignal): Promise<readonly Problem[]> {
  const input = { Bucket: bucket.options.bucket, Prefix: bucket.keyIn('') }
  const before = bucket.environment.now().getTime() - ABANDONED_AFTER_MS
  try {
    const request = { ...bucket.attempted('s3:ListBucketMultipartUploads', bucket.name), signal }
    const { Uploads: open = [] } = await bucket.attempts(request, (abortSignal) =>
      bucket.client.send(new ListMultipartUploadsCommand(input), { abortSignal }),
    )
    const old = open.filter(({ Initiated: initiated }) => initiated !== undefined && initiated.getTime() < before).length
    if (old === 0) return []
    const problem = `holds ${old} multipart ${old === 1 ? 'upload' : 'uploads'} that nobody finished for a day`
    const cure = 'give the bucket a lifecycle rule AbortIncompleteMultipartUpload'
    return [{ severity: 'warning', subject: bucket.name, problem, cure }]
  } catch (error) {
    throwIfAborted(signal, bucket.name)
    bucket.environment.log('debug', `${bucket.name}: its multipart uploads could not be listed`, { error: String(error) })
    return []
  }
}

async function found(
  bucket: Bucket,
  action: string,
  signal: AbortSignal,
  attempt: () => Promise<Finding | null>,
): Promise<Finding | null> {
  try {
    return await attempt()
  } catch (error) {
    throwIfAborted(signal, bucket.name)
    // A failed call carries the store's own error as its cause.
    const raw = error instanceof ConnectorError ? (error.cause ?? error) : error
    if (raw instanceof ConnectorError) return { code: raw.code, problem: raw.message, cure: 'The message says what to do' }
    return diagnose(raw, bucket.attempted(action, bucket.name))
  }
}
