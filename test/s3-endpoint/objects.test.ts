/** Objects and buckets through the AWS SDK for JavaScript. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { Readable } from 'node:stream'
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3'
import { describe, expect, test } from 'vitest'
import { refusal, useEndpoint } from './endpoint-fixture.ts'
import { call, signedHeaders } from './signed-request.ts'

const fixture = useEndpoint()
const Bucket = 'lake'
const put = (Key: string, Body: string | Buffer | Readable, more: Partial<PutObjectCommandInput> = {}) =>
  fixture.client().send(new PutObjectCommand({ Bucket, Key, Body, ...more }))
const get = (Key: string, more: object = {}) => fixture.client().send(new GetObjectCommand({ Bucket, Key, ...more }))
const text = async (Key: string, more: object = {}) => (await get(Key, more)).Body?.transformToString()

test.each([
  'plain',
  'a b',
  'a+b',
  'a%20b',
  'ä/ö/ü',
  '日本/𝒳',
  'a//b',
  '/leading',
  'trailing/',
  './dot',
  'a/./b',
  "it's (1)*!~",
  'a&b=c?d#e',
  '<x>"y"</x>',
  'tab\there',
  'control\u0001here',
])('key "%s" is put, read, looked at and deleted', async (Key) => {
  await put(Key, `body of ${Key}`)
  expect(await text(Key)).toBe(`body of ${Key}`)
  expect((await fixture.client().send(new HeadObjectCommand({ Bucket, Key }))).ContentLength).toBe(
    Buffer.byteLength(`body of ${Key}`),
  )
  await fixture.client().send(new DeleteObjectCommand({ Bucket, Key }))
  expect(await refusal(get(Key))).toEqual(['NoSuchKey', 404])
})

test('what is said about an object comes back with it', async () => {
  await put('described', 'x', {
    ContentType: 'text/plain',
    CacheControl: 'no-store',
    ContentDisposition: 'attachment',
    ContentLanguage: 'de',
    Metadata: { first: '1', second: 'two words' },
    StorageClass: 'STANDARD_IA',
    ServerSideEncryption: 'aws:kms',
    SSEKMSKeyId: 'arn:aws:kms:us-east-1:111122223333:key/k',
    BucketKeyEnabled: true,
  })
  const found = await fixture.client().send(new HeadObjectCommand({ Bucket, Key: 'described' }))
  expect(found).toMatchObject({
    ContentType: 'text/plain',
    CacheControl: 'no-store',
    ContentDisposition: 'attachment',
    ContentLanguage: 'de',
    Metadata: { first: '1', second: 'two words' },
    StorageClass: 'STANDARD_IA',
    ServerSideEncryption: 'aws:kms',
    SSEKMSKeyId: 'arn:aws:kms:us-east-1:111122223333:key/k',
    BucketKeyEnabled: true,
  })
  // Under KMS an ETag is no MD5.
  expect(found.ETag).not.toBe('"9dd4e461268c8034f5c8564e155c67a6"')
  expect((await get('described', { ResponseContentType: 'a/b' })).ContentType).toBe('a/b')
})

test.each<[string, string, Partial<PutObjectCommandInput>]>([
  ['InvalidStorageClass', 'an unknown storage class', { StorageClass: 'COLD' as never }],
  ['InvalidEncryptionAlgorithmError', 'an unknown encryption', { ServerSideEncryption: 'rot13' as never }],
  ['InvalidArgument', 'a KMS key without KMS', { ServerSideEncryption: 'AES256', SSEKMSKeyId: 'k' }],
  ['AccessControlListNotSupported', 'an access list', { ACL: 'public-read' }],
  ['MetadataTooLarge', 'more than 2 KB of metadata', { Metadata: { a: 'x'.repeat(2048) } }],
])('%s for %s', async (code, _, more) => {
  expect(await refusal(put('refused', 'x', more))).toEqual([code, 400])
})

test.each([0, 1, 8191, 8192, 65_537, 1_000_003])('an object of %d bytes, from a buffer and from a stream', async (size) => {
  const bytes = Buffer.alloc(size, 'abcdefg')
  await put('sized', bytes)
  expect(Buffer.from((await (await get('sized')).Body?.transformToByteArray()) ?? []).equals(bytes)).toBe(true)
  await put('streamed', Readable.from(size === 0 ? [] : [bytes]), { ContentLength: size })
  expect(Buffer.from((await (await get('streamed')).Body?.transformToByteArray()) ?? []).equals(bytes)).toBe(true)
})

describe('ranges', () => {
  test.each([
    ['bytes=0-3', '0123', 'bytes 0-3/10'],
    ['bytes=4-', '456789', 'bytes 4-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=8-99', '89', 'bytes 8-9/10'],
    ['bytes=-99', '0123456789', 'bytes 0-9/10'],
  ])('%s', async (Range, expected, ContentRange) => {
    await put('ten', '0123456789')
    const found = await get('ten', { Range })
    expect(await found.Body?.transformToString()).toBe(expected)
    expect(found).toMatchObject({ ContentRange, ContentLength: expected.length, $metadata: { httpStatusCode: 206 } })
  })

  test.each(['bytes=10-', 'bytes=10-12', 'bytes=-0'])('%s is not satisfiable', async (Range) => {
    expect(await refusal(get('ten', { Range }))).toEqual(['InvalidRange', 416])
  })

  test.each(['bytes=3-1', 'bytes=0-1,3-4', 'lines=0-1', 'bytes=-'])('%s is no range to S3: the whole object', async (Range) => {
    expect(await text('ten', { Range })).toBe('0123456789')
  })

  test('of an empty object are not satisfiable', async () => {
    await put('none', '')
    expect(await refusal(get('none', { Range: 'bytes=0-' }))).toEqual(['InvalidRange', 416])
  })
})

describe('conditions', () => {
  test('of reads', async () => {
    const { ETag } = await put('read', 'x')
    const past = new Date(Date.now() - 86_400_000)
    const future = new Date(Date.now() + 86_400_000)
    expect(await text('read', { IfMatch: ETag })).toBe('x')
    expect(await text('read', { IfMatch: '*' })).toBe('x')
    expect(await refusal(get('read', { IfMatch: '"0"' }))).toEqual(['PreconditionFailed', 412])
    expect((await refusal(get('read', { IfNoneMatch: ETag })))[1]).toBe(304)
    expect(await text('read', { IfNoneMatch: '"0"' })).toBe('x')
    expect((await refusal(get('read', { IfModifiedSince: future })))[1]).toBe(304)
    expect(await text('read', { IfModifiedSince: past })).toBe('x')
    expect(await refusal(get('read', { IfUnmodifiedSince: past }))).toEqual(['PreconditionFailed', 412])
    // An entity tag that holds outranks a date that does not; one that fails outranks a date that holds.
    expect(await text('read', { IfMatch: ETag, IfUnmodifiedSince: past })).toBe('x')
    expect((await refusal(get('read', { IfNoneMatch: ETag, IfModifiedSince: past })))[1]).toBe(304)
  })

  test('of writes: If-None-Match', async () => {
    await put('once', 'first', { IfNoneMatch: '*' })
    expect(await refusal(put('once', 'second', { IfNoneMatch: '*' }))).toEqual(['PreconditionFailed', 412])
    expect(await text('once')).toBe('first')
    expect(
      await refusal(
        fixture.client().send(new CopyObjectCommand({ Bucket, Key: 'once', CopySource: 'lake/ten', IfNoneMatch: '*' })),
      ),
    ).toEqual(['PreconditionFailed', 412])
  })

  test('of writes: If-Match', async () => {
    expect(await refusal(put('swap', 'x', { IfMatch: '"0"' }))).toEqual(['NoSuchKey', 404])
    const { ETag } = await put('swap', '1')
    await put('swap', '2', { IfMatch: ETag })
    expect(await refusal(put('swap', '3', { IfMatch: ETag }))).toEqual(['PreconditionFailed', 412])
    expect(await refusal(put('swap', '3', { IfMatch: ETag, IfNoneMatch: '*' }))).toEqual(['NotImplemented', 501])
    expect(await text('swap')).toBe('2')
  })

  test('of deletes', async () => {
    const { ETag } = await put('doomed', '1')
    const remove = (IfMatch: string) => fixture.client().send(new DeleteObjectCommand({ Bucket, Key: 'doomed', IfMatch }))
    expect(await refusal(remove('"0"'))).toEqual(['PreconditionFailed', 412])
    await remove(ETag ?? '')
    expect(await refusal(get('doomed'))).toEqual(['NoSuchKey', 404])
  })

  test('of twenty racers one wins, the others are told 412 or 409, and after a 409 it is 412', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, racer) =>
        put('raced', `racer ${racer}`, { IfNoneMatch: '*' }).then(
          () => 'won',
          (error: Error) => error.name,
        ),
      ),
    )
    expect(answers.filter((answer) => answer === 'won')).toHaveLength(1)
    expect(answers.filter((answer) => !['won', 'PreconditionFailed', 'ConditionalRequestConflict'].includes(answer))).toEqual([])
    expect(await text('raced')).toBe(`racer ${answers.indexOf('won')}`)
    expect(await refusal(put('raced', 'late', { IfNoneMatch: '*' }))).toEqual(['PreconditionFailed', 412])
  })

  test('a delete that comes between the beginning and the end of a conditional write: 409', async () => {
    await put('contested', 'old', {})
    const { ETag = '' } = await fixture.client().send(new HeadObjectCommand({ Bucket, Key: 'contested' }))
    const wanted = { method: 'PUT', target: '/lake/contested', body: 'new', headers: { 'if-match': ETag } }
    const { headers } = signedHeaders(fixture.url(), wanted)
    const writing = request(`${fixture.url()}${wanted.target}`, {
      method: 'PUT',
      headers: { ...headers, 'content-length': '3', expect: '100-continue' },
    })
    writing.flushHeaders()
    await once(writing, 'continue')
    await fixture.client().send(new DeleteObjectCommand({ Bucket, Key: 'contested' }))
    await put('contested', 'old', {})
    writing.end('new')
    const [answer] = (await once(writing, 'response')) as [IncomingMessage]
    expect(answer.statusCode).toBe(409)
    expect(String(await answer.toArray())).toContain('<Code>ConditionalRequestConflict</Code>')
    expect(await text('contested')).toBe('old')
  })
})

test('a reader goes on with the object that it began with', async () => {
  const old = Buffer.alloc(3_000_000, 'o')
  await put('replaced', old)
  const found = await get('replaced')
  await put('replaced', 'new')
  await fixture.client().send(new DeleteObjectCommand({ Bucket, Key: 'replaced' }))
  expect(Buffer.from((await found.Body?.transformToByteArray()) ?? []).equals(old)).toBe(true)
})

test('copies keep or replace what is said about the object', async () => {
  await put('original ä', 'copied', { Metadata: { a: '1' }, ContentType: 'text/x' })
  const copy = (more: object) =>
    fixture
      .client()
      .send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `lake/${encodeURIComponent('original ä')}`, ...more }))
  expect((await copy({})).CopyObjectResult?.ETag).toBe((await get('original ä')).ETag)
  expect(await get('copy')).toMatchObject({ Metadata: { a: '1' }, ContentType: 'text/x' })
  await copy({ MetadataDirective: 'REPLACE', Metadata: { b: '2' } })
  expect((await get('copy')).Metadata).toEqual({ b: '2' })
  await copy({ ChecksumAlgorithm: 'SHA256' })
  expect((await get('copy', { ChecksumMode: 'ENABLED' })).ChecksumSHA256).toMatch(/=$/)
  expect(await refusal(copy({ CopySourceIfMatch: '"0"' }))).toEqual(['PreconditionFailed', 412])
  expect(await refusal(copy({ CopySource: 'lake/nothing' }))).toEqual(['NoSuchKey', 404])
  expect(await refusal(copy({ CopySource: 'lake' }))).toEqual(['InvalidArgument', 400])
  expect(await refusal(copy({ Key: 'original ä' }))).toEqual(['InvalidRequest', 400])
  await fixture.client().send(new DeleteObjectCommand({ Bucket, Key: 'original ä' }))
  expect(await text('copy')).toBe('copied')
})

describe('DeleteObjects', () => {
  const remove = (keys: readonly string[], more: object = {}) =>
    fixture.client().send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })), ...more } }))

  test('answers for each key, absent ones too, and quietly for none', async () => {
    await put('d/1 & <2>', 'x')
    await put('d/\u0001', 'x')
    expect((await remove(['d/1 & <2>', 'd/absent'])).Deleted?.map(({ Key }) => Key)).toEqual(['d/1 & <2>', 'd/absent'])
    expect((await remove(['d/2'], { Quiet: true })).Deleted).toBeUndefined()
    expect(await refusal(get('d/1 & <2>'))).toEqual(['NoSuchKey', 404])
  })

  test('refuses keys one by one', async () => {
    await put('kept', 'x')
    const { Deleted, Errors } = await fixture.client().send(
      new DeleteObjectsCommand({
        Bucket,
        Delete: { Objects: [{ Key: 'kept', ETag: '"0"' }, { Key: 'x'.repeat(1025) }, { Key: 'fine' }] },
      }),
    )
    expect(Deleted?.map(({ Key }) => Key)).toEqual(['fine'])
    expect(Errors?.map(({ Code }) => Code)).toEqual(['PreconditionFailed', 'KeyTooLongError'])
    expect(await text('kept')).toBe('x')
  })

  test('needs a checksum or Content-MD5, and a document as documented', async () => {
    const post = (body: string, headers = {}) => call(fixture.url(), { method: 'POST', target: '/lake?delete', body, headers })
    const document = '<Delete><Object><Key>a</Key></Object></Delete>'
    expect(await post(document)).toMatchObject({ status: 400, code: 'InvalidRequest' })
    const many = `<Delete>${'<Object><Key>a</Key></Object>'.repeat(1001)}</Delete>`
    for (const body of ['', '<Delete/>', '<Delete><Object/></Delete>', 'text', `${document}x`, many, '<!DOCTYPE a><Delete/>']) {
      const md5 = createHash('md5').update(body).digest('base64')
      expect(await post(body, { 'content-md5': md5 })).toMatchObject({ status: 400, code: 'MalformedXML' })
    }
  })
})

test('buckets are created, found, listed and deleted when empty', async () => {
  const client = fixture.client()
  await client.send(new CreateBucketCommand({ Bucket: 'another.bucket-1' }))
  expect(await refusal(client.send(new CreateBucketCommand({ Bucket: 'another.bucket-1' })))).toEqual([
    'BucketAlreadyOwnedByYou',
    409,
  ])
  expect((await client.send(new HeadBucketCommand({ Bucket: 'another.bucket-1' }))).BucketRegion).toBe('us-east-1')
  expect((await client.send(new GetBucketLocationCommand({ Bucket: 'another.bucket-1' }))).LocationConstraint).toBeUndefined()
  expect((await client.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name)).toEqual(['another.bucket-1', 'lake'])
  await put('x', 'x', { Bucket: 'another.bucket-1' })
  expect(await refusal(client.send(new DeleteBucketCommand({ Bucket: 'another.bucket-1' })))).toEqual(['BucketNotEmpty', 409])
  await client.send(new DeleteObjectCommand({ Bucket: 'another.bucket-1', Key: 'x' }))
  await client.send(new DeleteBucketCommand({ Bucket: 'another.bucket-1' }))
  expect(await refusal(client.send(new HeadBucketCommand({ Bucket: 'another.bucket-1' })))).toEqual(['NotFound', 404])
  expect(await refusal(put('x', 'x', { Bucket: 'another.bucket-1' }))).toEqual(['NoSuchBucket', 404])
})

test('a location constraint must be that of the endpoint', async () => {
  const create = (LocationConstraint: string) =>
    fixture.client().send(
      new CreateBucketCommand({
        Bucket: 'located',
        CreateBucketConfiguration: { LocationConstraint: LocationConstraint as never },
      }),
    )
  expect(await refusal(create('eu-west-1'))).toEqual(['IllegalLocationConstraintException', 400])
  expect(await refusal(create('us-east-1'))).toEqual(['InvalidLocationConstraint', 400])
})
