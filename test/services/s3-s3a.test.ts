/** Hadoop's s3a (AWS SDK for Java 2) as a client of our S3 endpoint: the way Spark and Hive reach a lake. */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type S3Endpoint, startS3Endpoint } from '../support/s3/endpoint.ts'
import { type Scratch, scratch } from '../support/scratch.ts'
import { mavenJars } from '../support/services/maven.ts'
import { spark } from '../support/services/spark.ts'

const SCRIPT = fileURLToPath(new URL('./s3/s3a_client.py', import.meta.url))
const POM = fileURLToPath(new URL('./s3/pom.xml', import.meta.url))
const KEYS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }

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

test('s3a works: create, overwrite, rename, list, delete, 50 MB in parts, Spark tables', async () => {
  const { stdout } = await spark(SCRIPT, {
    args: [endpoint.url, 'lake'],
    jars: await mavenJars(POM),
    env: { AWS_ACCESS_KEY_ID: KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey },
  }).catch((error: { stdout?: string; stderr?: string }) => ({ stdout: error.stdout || String(error.stderr) }))
  const checks = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { check: string; ok: boolean; why?: string })
  expect(checks.filter(({ ok }) => !ok)).toEqual([])
  expect(checks.map(({ check }) => check)).toEqual([
    'create_and_overwrite',
    'directories',
    'list_rename_delete',
    'large_in_parts',
    'encryption_and_checksums',
    'tables',
    'wrong_keys',
  ])
  const used = new Set(endpoint.requests.map(({ operation }) => operation))
  for (const operation of [
    'ListObjects',
    'ListObjectsV2',
    'DeleteObjects',
    'CopyObject',
    'UploadPartCopy',
    'CompleteMultipartUpload',
  ]) {
    expect(used).toContain(operation)
  }
  expect(endpoint.requests.filter(({ status }) => status >= 500)).toEqual([])
}, 600_000)
