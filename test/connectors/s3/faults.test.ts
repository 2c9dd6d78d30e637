/** Every call of the store under every fault of the endpoint: the answer is the same as without. Prints what was survived. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ObjectStore } from '../../../connectors/ports.ts'
import { type S3Endpoint, startS3Endpoint } from '../../support/s3/endpoint.ts'
import { scratch } from '../../support/scratch.ts'
import { FAULTS, tableText } from './fault-list.ts'
import { type S3Subject, s3Subject } from './s3-subject.ts'

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-secret' }
const LARGE = 9 * 1024 ** 2
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')

const directory = scratch()
let endpoint: S3Endpoint
beforeAll(async () => {
  endpoint = await startS3Endpoint({ ...KEYS, directory: directory.dir })
})
afterAll(async () => {
  await endpoint.close()
  directory[Symbol.dispose]()
})

async function written(store: ObjectStore, key: string, size: number): Promise<void> {
  const piece = new Uint8Array(1024 ** 2).map((_, index) => index % 251)
  const hash = createHash('sha256')
  const writer = await store.openWriter(key)
  for (let left = size; left > 0; left -= piece.length) {
    const chunk = piece.subarray(0, Math.min(left, piece.length))
    hash.update(chunk)
    await writer.write(chunk)
  }
  const digest = hash.digest('hex')
  expect(await writer.close()).toEqual({ key, size, sha256: digest })
  expect(sha256((await store.get(key)) ?? new Uint8Array())).toBe(digest)
}

/** Each call with what it must answer; `there` and `list/…` are in the bucket. */
const CALLS: Readonly<Record<string, (store: ObjectStore) => Promise<void>>> = {
  'put new': async (store) => expect(await store.putIfAbsent('new', bytes('ours'))).toBe('created'),
  'put taken': async (store) => expect(await store.putIfAbsent('there', bytes('content'))).toBe('exists'),
  'write small': (store) => written(store, 'small', 1000),
  'write parts': (store) => written(store, 'large', LARGE),
  get: async (store) => expect(await store.get('there')).toEqual(bytes('content')),
  'get nothing': async (store) => expect(await store.get('absent')).toBeNull(),
  range: async (store) => expect(await store.get('there', { range: { start: 2, end: 5 } })).toEqual(bytes('nte')),
  head: async (store) => expect(await store.head('there')).toMatchObject({ size: 7 }),
  list: async (store) => {
    const keys: string[] = []
    for await (const { key } of store.list('list/')) keys.push(key)
    expect(keys).toEqual(['list/1', 'list/2'])
  },
  delete: async (store) => {
    await store.delete(['list/1', 'list/2', 'absent'])
    for await (const _ of store.list('list/')) expect.unreachable()
  },
}

/** A range has no checksum in S3: only what reads the file can see that. */
const UNSEEN = new Set(['corrupt body/range'])

async function prepared(): Promise<S3Subject> {
  const subject = await s3Subject({ endpoint: endpoint.url, ...KEYS }, { attempt_timeout_ms: 600 })
  await subject.store.putIfAbsent('there', bytes('content'))
  for (const key of ['list/1', 'list/2']) await subject.store.putIfAbsent(key, bytes(key))
  return subject
}

describe('every call of the store survives', () => {
  const table: string[][] = [['fault \\ requests hit', ...Object.keys(CALLS)]]
  afterAll(() => console.log(`\n${tableText(table)}\n`))

  test.each(Object.entries(FAULTS))(
    '%s',
    async (name, fault) => {
      const row = [name]
      for (const [call, attempt] of Object.entries(CALLS)) {
        if (UNSEEN.has(`${name}/${call}`)) {
          row.push('unseen')
          continue
        }
        await using subject = await prepared()
        const armed = endpoint.arm({ ...fault, times: 2 })
        await attempt(subject.store)
        row.push(armed.hits === 0 ? '–' : `${armed.hits}`)
        endpoint.clearFaults()
        expect(await subject.leftovers()).toEqual([])
      }
      table.push(row)
    },
    120_000,
  )
})

test('a fault that does not pass ends with its code, after the attempts that are allowed', async () => {
  const lasting = {
    '503 SlowDown': 'THROTTLED',
    '500, nothing done': 'UNAVAILABLE',
    'reset before': 'CONNECTION',
    'stall before': 'TIMEOUT',
  }
  for (const [name, code] of Object.entries(lasting)) {
    await using subject = await s3Subject({ endpoint: endpoint.url, ...KEYS }, { attempt_timeout_ms: 400, max_attempts: 3 })
    await subject.store.putIfAbsent('warm', bytes(''))
    const armed = endpoint.arm({ effect: FAULTS[name]?.effect ?? { kind: 'wrong-etag' }, times: 1_000 })
    await expect(subject.store.get('warm')).rejects.toMatchObject({ code, recovery: 'retry' })
    expect(armed.hits).toBe(3)
    endpoint.clearFaults()
  }
})
