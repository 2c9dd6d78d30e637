/** The commit log in a bucket whose endpoint fails in every way in turn; each way by itself: `npm run test:services`. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type FaultyBucket, killedUnderFault, openFaultyBucket } from './faulty-bucket.ts'
import { logFaultsSuite } from './log-faults.ts'

let bucket: FaultyBucket
beforeAll(async () => {
  bucket = await openFaultyBucket()
})
afterAll(() => bucket[Symbol.asyncDispose]())

describe('while every fourth request fails', () => {
  beforeEach(() => bucket.misbehave('mixed', 4))
  afterEach(() => {
    expect(bucket.behave()).toBeGreaterThan(0)
  })

  logFaultsSuite('s3', async () => bucket.open())
})

test.each([3, 8, 14, 21, 27, 34])(
  'a run killed at call %i under mixed faults leaves neither hole nor duplicate nor orphan behind the next one',
  async (at) => {
    expect(await killedUnderFault(bucket, 'mixed', { at, every: 4 })).toBeGreaterThan(10)
  },
  120_000,
)
