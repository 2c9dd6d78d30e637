/** Listings against a model: byte order, prefixes, delimiters, pages of every size, keys that need escapes. */
import {
  DeleteObjectCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { useEndpoint } from './endpoint-fixture.ts'
import { call } from './signed-request.ts'

const fixture = useEndpoint({ buckets: ['lake', 'model'] })
const Bucket = 'lake'

/** The order of these differs between UTF-8, UTF-16, directories and locales. */
const KEYS = [
  ' ',
  '!',
  '%',
  '%20',
  '+',
  'A',
  'a',
  'a b',
  'a%2Fb',
  'a+b',
  'a-b',
  'a/',
  'a//b',
  'a/b',
  'a/b/c',
  'a/b/d',
  'a/c',
  'a0',
  'aB',
  'a\tb',
  'b/\u0001',
  'ä',
  'ﬀ',
  '\ud83d\ude00',
  '日本/x',
  '~',
].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

type Listed = { readonly keys: readonly string[]; readonly prefixes: readonly string[]; readonly pages: number }

async function listV2(input: Partial<ListObjectsV2CommandInput>): Promise<Listed> {
  const keys: string[] = []
  const prefixes: string[] = []
  let token: string | undefined
  let pages = 0
  do {
    const page = await fixture
      .client()
      .send(new ListObjectsV2Command({ Bucket, EncodingType: 'url', ...input, ContinuationToken: token }))
    const decode = (text = '') => decodeURIComponent(text.replaceAll('+', ' '))
    keys.push(...(page.Contents ?? []).map(({ Key }) => decode(Key)))
    prefixes.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => decode(Prefix)))
    expect(page.KeyCount).toBe((page.Contents?.length ?? 0) + (page.CommonPrefixes?.length ?? 0))
    expect(page.KeyCount).toBeLessThanOrEqual(input.MaxKeys ?? 1000)
    expect(page.IsTruncated).toBe(page.NextContinuationToken !== undefined)
    token = page.NextContinuationToken
    pages += 1
  } while (token !== undefined)
  return { keys, prefixes, pages }
}

async function listV1(input: { Prefix?: string; Delimiter?: string; MaxKeys?: number }): Promise<Listed> {
  const keys: string[] = []
  const prefixes: string[] = []
  let marker: string | undefined
  let pages = 0
  for (;;) {
    const page = await fixture.client().send(new ListObjectsCommand({ Bucket, EncodingType: 'url', ...input, Marker: marker }))
    const decode = (text = '') => decodeURIComponent(text.replaceAll('+', ' '))
    keys.push(...(page.Contents ?? []).map(({ Key }) => decode(Key)))
    prefixes.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => decode(Prefix)))
    pages += 1
    if (page.IsTruncated !== true) return { keys, prefixes, pages }
    expect(page.NextMarker === undefined).toBe(input.Delimiter === undefined)
    marker = decode(page.NextMarker ?? page.Contents?.at(-1)?.Key)
  }
}

/** What S3 documents, said in the shortest way. */
function model(all: readonly string[], prefix = '', delimiter = '', after = ''): { keys: string[]; prefixes: string[] } {
  const keys: string[] = []
  const prefixes = new Set<string>()
  for (const key of all) {
    if (!key.startsWith(prefix) || Buffer.compare(Buffer.from(key), Buffer.from(after)) <= 0) continue
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    if (cut === -1) keys.push(key)
    else prefixes.add(key.slice(0, cut + delimiter.length))
  }
  return { keys, prefixes: [...prefixes] }
}

describe('a bucket of odd keys', () => {
  beforeAll(async () => {
    for (const Key of [...KEYS].reverse()) await fixture.client().send(new PutObjectCommand({ Bucket, Key, Body: Key }))
  })

  test.each([1, 2, 3, 7, 1000])('is listed in byte order in pages of %d, by both versions', async (MaxKeys) => {
    expect((await listV2({ MaxKeys })).keys).toEqual(KEYS)
    expect((await listV1({ MaxKeys })).keys).toEqual(KEYS)
    expect((await listV2({ MaxKeys })).pages).toBe(Math.ceil(KEYS.length / MaxKeys))
  })

  test('is grouped by any delimiter below any prefix, in pages of any size', async () => {
    for (const Delimiter of ['/', '%', '//']) {
      for (const Prefix of ['', 'a', 'a/', 'a/b', 'nothing']) {
        for (const MaxKeys of [2, 1000]) {
          const expected = model(KEYS, Prefix, Delimiter)
          expect(await listV2({ Delimiter, Prefix, MaxKeys })).toMatchObject(expected)
          expect(await listV1({ Delimiter, Prefix, MaxKeys })).toMatchObject(expected)
        }
      }
    }
  })

  test('is listed after any key, there or not', async () => {
    for (const StartAfter of [...KEYS, 'a/a', 'zzz', '\u0000', 'a/b/cc']) {
      expect((await listV2({ StartAfter, MaxKeys: 5 })).keys).toEqual(model(KEYS, '', '', StartAfter).keys)
      expect((await listV2({ StartAfter, Prefix: 'a/' })).keys).toEqual(model(KEYS, 'a/', '', StartAfter).keys)
    }
  })

  test('shows keys as they are without an encoding, control characters as references', async () => {
    const { body } = await call(fixture.url(), { target: '/lake?list-type=2&prefix=b' })
    expect(body.toString()).toContain('<Key>b/&#x1;</Key>')
    const { body: encoded } = await call(fixture.url(), { target: '/lake?encoding-type=url&list-type=2&prefix=a%20' })
    expect(encoded.toString()).toContain('<Prefix>a+</Prefix>')
    expect(encoded.toString()).toContain('<Key>a+b</Key>')
  })

  test('of no keys at all: max-keys 0', async () => {
    const page = await fixture.client().send(new ListObjectsV2Command({ Bucket, MaxKeys: 0 }))
    expect(page).toMatchObject({ KeyCount: 0, IsTruncated: false })
  })

  test('tells size, entity tag, time, checksum and, when asked, the owner', async () => {
    const page = await fixture.client().send(new ListObjectsV2Command({ Bucket, Prefix: 'a/b/c', FetchOwner: true }))
    expect(page.Contents).toMatchObject([
      {
        Key: 'a/b/c',
        Size: 5,
        ETag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
        LastModified: expect.any(Date),
        StorageClass: 'STANDARD',
        ChecksumAlgorithm: ['CRC32'],
        ChecksumType: 'FULL_OBJECT',
        Owner: { ID: expect.any(String) },
      },
    ])
  })
})

test('any keys, put and deleted in any order, are listed as the model says', async () => {
  const key = fc.stringMatching(/^[ab/é\u{1f600}\uff00]{1,5}$/u)
  const step = fc.tuple(fc.boolean(), key)
  const input = fc.record({
    prefix: fc.constantFrom('', 'a', 'a/', '/'),
    delimiter: fc.constantFrom('', '/'),
    size: fc.integer({ min: 1, max: 4 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 15 }), input, async (steps, { prefix, delimiter, size }) => {
      const usable = steps.filter(([, Key]) => Key !== '')
      const left = new Set<string>()
      for (const [add, Key] of usable) {
        if (add) await fixture.client().send(new PutObjectCommand({ Bucket: 'model', Key, Body: 'x' }))
        else await fixture.client().send(new DeleteObjectCommand({ Bucket: 'model', Key }))
        if (add) left.add(Key)
        else left.delete(Key)
      }
      const sorted = [...left].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      expect(await listV2({ Bucket: 'model', Prefix: prefix, Delimiter: delimiter, MaxKeys: size })).toMatchObject(
        model(sorted, prefix, delimiter),
      )
      for (const Key of left) await fixture.client().send(new DeleteObjectCommand({ Bucket: 'model', Key }))
    }),
    { numRuns: 40 },
  )
})
