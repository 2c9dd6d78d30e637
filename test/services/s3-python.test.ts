/** Python's clients of our S3 endpoint: boto3, with its C implementation of checksums, and pyarrow, with the AWS SDK for C++. */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { python } from '../support/python.ts'
import { type S3Endpoint, startS3Endpoint } from '../support/s3/endpoint.ts'
import { type Scratch, scratch } from '../support/scratch.ts'

const script = (name: string): string => fileURLToPath(new URL(`./s3/${name}`, import.meta.url))
const REQUIREMENTS = fileURLToPath(new URL('./s3-requirements.txt', import.meta.url))
const KEYS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
const ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
  AWS_EC2_METADATA_DISABLED: 'true',
}

let directory: Scratch
let endpoint: S3Endpoint
beforeAll(async () => {
  directory = scratch()
  endpoint = await startS3Endpoint({ ...KEYS, directory: directory.dir, buckets: ['lake'] })
})
afterAll(async () => {
  await endpoint.close()
  directory[Symbol.dispose]()
})

test('boto3 works: keys, checksums, conditions, racers, transfers in parts, presigned addresses, buckets', async () => {
  const { stdout } = await python(script('boto3_client.py'), [endpoint.url, 'lake'], {
    requirements: REQUIREMENTS,
    env: ENVIRONMENT,
  })
  const checks = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { check: string; ok: boolean; why?: string })
  expect(checks.filter(({ ok }) => !ok)).toEqual([])
  expect(checks.map(({ check }) => check)).toEqual([
    'odd_keys',
    'checksums',
    'payload_signing',
    'conditions',
    'racers',
    'transfers',
    'presigned',
    'wrong_keys',
    'buckets',
    'refusals',
  ])
  expect(endpoint.requests.filter(({ status }) => status >= 500 && status !== 501)).toEqual([])
})

test('pyarrow works: tables, partitioned sets, 23 MB in parts, copies, moves, directories', async () => {
  const { stdout } = await python(script('pyarrow_client.py'), [new URL(endpoint.url).host, 'lake'], { env: ENVIRONMENT })
  expect(stdout).toBe('ok\n')
  const used = new Set(endpoint.requests.map(({ operation }) => operation))
  for (const operation of ['UploadPart', 'CompleteMultipartUpload', 'CopyObject', 'DeleteObjects'] as const) {
    expect(used).toContain(operation)
  }
})
