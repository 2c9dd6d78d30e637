import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { portage } from '../../support/command-line.ts'
import { startS3Endpoint } from '../../support/s3/endpoint.ts'
import { scratch } from '../../support/scratch.ts'

const KEYS = { accessKeyId: 'AKIATRANSFER', secretAccessKey: 'transfer-secret' }

test('objects of a bucket are read and written by the connection that has it, and a lake may lie in one', async () => {
  using place = scratch()
  await using endpoint = await startS3Endpoint({ ...KEYS, directory: place.path('s3'), buckets: ['exports', 'lake'] })
  const keys = `endpoint: '${endpoint.url}', access_key_id: ${KEYS.accessKeyId}, secret_access_key: ${KEYS.secretAccessKey}`
  place.write(
    'config/connections.yaml',
    `out: {connector: s3, bucket: exports, prefix: day, ${keys}}\nlake: {connector: s3, bucket: lake, ${keys}}\nduckdb: {connector: duckdb}\n`,
  )
  const run = (...argv: readonly string[]) => portage([...argv, '--config', place.path('config'), '--state', place.path('state')])
  place.write('x.csv', 'id,amount\n1,2.50\n2,\n')
  const lines = [
    ['transfer', `file:${place.path('x.csv')}`, 's3://exports/day/x.csv'],
    ['transfer', 's3://exports/day/x.csv', 'lake:x', '--keep-original'],
    ['transfer', 'lake:x', 's3://exports/day/x.parquet'],
    ['transfer', 's3://exports/day/x.parquet', `file:${place.path('y.csv')}`],
    ['transfer', 's3://exports/day/x.csv', 'lake:x', '--mode', 'append', '--again'],
  ]
  for (const argv of lines) expect(await run(...argv)).toMatchObject({ code: 0 })
  expect(readFileSync(place.path('y.csv'), 'utf8')).toBe('id,amount\n1,2.50\n2,\n')
  expect((await run('query', 'select count(*), sum(amount) from transfers.x')).stdout).toContain('4,5.00')
  expect((await run('status')).stdout).toContain('transfers: commit 4')
  const taken = await run('transfer', 'lake:x', 's3://exports/day/x.parquet')
  expect(taken.stderr).toContain('exists already and is never overwritten')
  const elsewhere = await run('transfer', 's3://exports/night/x.csv', 'lake:y')
  expect(elsewhere.stderr).toContain('there is s3://exports/day/')
  const absent = await run('transfer', 's3://exports/day/z.csv', 'lake:y')
  expect([absent.code, absent.stderr]).toEqual([1, expect.stringContaining('does not exist')])
})
