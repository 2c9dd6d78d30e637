/** The commit log in a bucket under each fault alone, with a table of what was survived; and the contract without optional checksums. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { FAULTS, tableText } from '../connectors/s3/fault-list.ts'
import { s3Subject } from '../connectors/s3/s3-subject.ts'
import { objectStoreContract } from '../contracts/object-store.ts'
import { type FaultyBucket, killedUnderFault, openFaultyBucket } from '../integrations/land/faulty-bucket.ts'
import { logFaultsSuite } from '../integrations/land/log-faults.ts'

const KILLS = [4, 11, 17, 24, 33, 42]
/** Every so many requests that the fault fits; a stall costs its deadline. */
const every = (fault: string): number => (fault.startsWith('stall') ? 15 : 3)
/** Never met: commits and small files are put in one request. `test/connectors/s3/faults.test.ts` tries them on parts. */
const ONLY_PARTS = new Set(['error under 200'])

let bucket: FaultyBucket
objectStoreContract('s3, checksums when required', () => s3Subject(bucket.server, { checksums: 'when_required' }), {
  holdsObjectsInMemory: true,
})

const table: string[][] = [['fault', 'tests of the log', 'requests hit', 'runs killed', 'requests hit', 'left behind']]
beforeAll(async () => {
  bucket = await openFaultyBucket()
})
afterAll(async () => {
  await bucket[Symbol.asyncDispose]()
  console.log(`\n${tableText(table)}\n`)
})

describe.each(Object.keys(FAULTS).filter((fault) => !ONLY_PARTS.has(fault)))('%s', (fault) => {
  let [tests, hits] = [0, 0]
  describe('crashes, lost answers and rivals', () => {
    beforeEach(() => bucket.misbehave(fault, every(fault)))
    afterEach(() => {
      tests += 1
      hits += bucket.behave()
    })
    logFaultsSuite('s3', async () => bucket.open())
  })

  test('runs that are killed leave neither hole nor duplicate nor orphan behind the next one', async () => {
    let struck = 0
    for (const at of KILLS) struck += await killedUnderFault(bucket, fault, { at, every: every(fault) })
    expect(hits).toBeGreaterThan(0)
    expect(struck).toBeGreaterThan(0)
    table.push([fault, `${tests}`, `${hits}`, `${KILLS.length}`, `${struck}`, 'no hole, duplicate or orphan'])
  }, 300_000)
})
