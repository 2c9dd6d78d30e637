/** A lander over a bucket that stops answering: a stop does not wait for it. */
import { describe, expect, test } from 'vitest'
import type { RowBatch, SourceTable } from '../../../connectors/change.ts'
import { recordBatch } from '../../../connectors/memory/arrow-batch.ts'
import type { ObjectStore } from '../../../connectors/ports.ts'
import { openLander } from '../../../integrations/land/lander.ts'
import { createParquetWriter } from '../../../integrations/land/parquet/writer.ts'
import { s3Subject } from '../../connectors/s3/s3-subject.ts'
import { LOAN, loanSchema, openTestLog, rowAt } from '../../support/lake.ts'
import { startS3Endpoint } from '../../support/s3/endpoint.ts'
import { scratch } from '../../support/scratch.ts'

/** So long a request waits for its answer when nothing ends it. */
const ANSWER_MS = 30_000
const SCHEMA = loanSchema()
const SOURCE: SourceTable = { ...SCHEMA, table: LOAN, storage: 's', definition: 'd', key: [1] }

function changesOf(index: number): RowBatch {
  const position = rowAt(index + 1, 1)
  const values = new Map<number, number | string>([
    [1, index],
    [2, `${index}`.repeat(300_000)],
  ])
  const committedAt = new Date('2026-01-31T10:00:00Z')
  const batch = recordBatch(SOURCE, 'changes', [{ op: 'c', position, committedAt, unchanged: [], values }])
  return {
    table: SOURCE,
    part: 'changes',
    batch,
    date: '2026-01-31',
    firstPosition: position,
    lastPosition: position,
    release: () => {},
  }
}

async function open(store: ObjectStore) {
  const format = { name: 'parquet', extension: 'parquet', createWriter: createParquetWriter } as const
  const log = await openTestLog(store)
  return openLander({ store, log, format, compression: 'none', targetFileBytes: 64 * 1024 ** 2, metadata: new Map() })
}

describe('a store that does not answer', () => {
  const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-secret' }
  const fromStall = {
    operation: ['PutObject', 'UploadPart'],
    key: /changes/,
    times: 99,
    effect: { kind: 'stall', when: 'before' },
  } as const

  test.each([
    ['small', 1],
    ['in parts', 40],
  ])(
    'a stop does not wait for a file: %s',
    async (_, batches) => {
      using directory = scratch()
      await using endpoint = await startS3Endpoint({ ...KEYS, directory: directory.dir })
      await using subject = await s3Subject({ endpoint: endpoint.url, ...KEYS })
      const lander = await open(subject.store)
      const stalled = endpoint.arm(fromStall)
      const stop = new AbortController()
      const landing = (async () => {
        for (let index = 0; index < batches; index++) {
          const rows = changesOf(index)
          await lander.appendChanges(rows, SCHEMA, stop.signal)
        }
        await lander.takeChanges(stop.signal)
      })()
      const ended = landing.catch((error: unknown) => error)
      await expect.poll(() => stalled.hits, { timeout: 60_000 }).toBeGreaterThan(0)
      const asked = performance.now()
      stop.abort()
      expect(await ended).toMatchObject({ code: 'ABORTED' })
      await lander.abort()
      expect(performance.now() - asked).toBeLessThan(ANSWER_MS / 2)
      expect(await subject.leftovers()).toEqual([])
    },
    90_000,
  )
})
