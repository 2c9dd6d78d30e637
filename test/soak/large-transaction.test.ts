/** One transaction however large: landed whole, in one commit, in memory that does not grow with it. */
import { expect, test } from 'vitest'
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import { readCommits } from '../../integrations/land/log/read.ts'
import type { CaptureJob } from '../bench/capture-child.ts'
import { measureCapture, PAYMENT, PAYMENT_ROWS, startBenchServer } from '../bench/capture-server.ts'
import { scratch } from '../support/scratch.ts'

const MAX_MB = 256
const FLAT_MB = 40

test('a transaction of 2 M inserts, then one of 2 M updates, stays within 256 MB, as one of a quarter does', async () => {
  await using server = await startBenchServer()
  using root = scratch()
  const { client } = server
  await client.query(PAYMENT)
  const lake = root.path('lake')
  const job: CaptureJob = { url: server.url, integration: 'large', tables: ['public.payment'], lake, readers: 1, part: 'follow' }
  await measureCapture(job)
  const land = async (rows: number, sql: string, values: readonly unknown[] = []): Promise<number> => {
    await client.query(sql, [...values])
    const measured = await measureCapture(job)
    expect(measured.rows).toBe(rows)
    return measured.peakMb
  }
  const quarter = await land(500_000, PAYMENT_ROWS, [1, 500_000])
  const inserts = await land(2_000_000, PAYMENT_ROWS, [500_001, 2_500_000])
  const updates = await land(2_000_000, 'update payment set attempts = 9 where id > $1', [500_000])
  const rolledBack = async (): Promise<void> => {
    await client.query('begin')
    await client.query('update payment set attempts = 8')
    await client.query('savepoint s')
    await client.query('delete from payment')
    await client.query('rollback')
  }
  await rolledBack()
  await client.query('begin; savepoint s')
  await client.query('update payment set attempts = 7 where id <= 1000')
  await client.query('rollback to s; update payment set attempts = 6 where id <= 10; commit')
  expect((await measureCapture(job)).rows).toBe(10)
  console.log(
    `peak MB: 0.5 M inserts ${quarter.toFixed(0)}, 2 M inserts ${inserts.toFixed(0)}, 2 M updates ${updates.toFixed(0)}`,
  )
  expect(Math.max(quarter, inserts, updates)).toBeLessThanOrEqual(MAX_MB)
  expect(inserts - quarter).toBeLessThan(FLAT_MB)
  await using store = await openFilesystemStore(lake, { now: () => new Date() })
  const changes: number[] = []
  const signal = new AbortController().signal
  for await (const commit of readCommits(store, { prefix: 'raw', integration: 'large' }, { from: 1, signal })) {
    if (commit.kind === 'changes' && commit.counts.changes > 0) changes.push(commit.counts.changes)
  }
  expect(changes).toEqual([500_000, 2_000_000, 2_000_000, 10])
}, 900_000)
