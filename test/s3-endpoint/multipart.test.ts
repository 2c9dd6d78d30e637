/** Uploads in parts. The smallest part but the last is 5 MiB, so these move some bytes. */
import { createHash } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  type CompleteMultipartUploadCommandInput,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  DeleteBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { describe, expect, test } from 'vitest'
import { CHECKSUM_ALGORITHMS, startChecksum } from '../support/s3/checksums.ts'
import { refusal, useEndpoint } from './endpoint-fixture.ts'
import { call } from './signed-request.ts'

const fixture = useEndpoint({ buckets: ['lake', 'uploads'] })
const Bucket = 'lake'
const MIN = 5 * 1024 ** 2
const BIG = Buffer.alloc(MIN, 'big')
const SMALL = Buffer.from('small')

async function begin(Key: string, more: Partial<CreateMultipartUploadCommandInput> = {}): Promise<string> {
  const { UploadId = '' } = await fixture
    .client()
    .send(new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: 'CRC32', ...more }))
  return UploadId
}

async function upload(
  Key: string,
  UploadId: string,
  PartNumber: number,
  Body: Buffer,
  more: object = {},
): Promise<CompletedPart> {
  const { $metadata: _, ...part } = await fixture
    .client()
    .send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...more }))
  return { ...part, PartNumber }
}

const complete = (
  Key: string,
  UploadId: string,
  Parts: CompletedPart[],
  more: Partial<CompleteMultipartUploadCommandInput> = {},
) => fixture.client().send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more }))

const digest = (algorithm: (typeof CHECKSUM_ALGORITHMS)[number], ...data: readonly Buffer[]): Buffer => {
  const checksum = startChecksum(algorithm)
  for (const each of data) checksum.update(each)
  return checksum.digest()
}

test.each(CHECKSUM_ALGORITHMS)('parts in any order become one object, with %s', async (ChecksumAlgorithm) => {
  const Key = `assembled-${ChecksumAlgorithm}`
  const id = await begin(Key, { ChecksumAlgorithm, Metadata: { a: '1' }, ContentType: 'x/y' })
  const last = await upload(Key, id, 7, SMALL, { ChecksumAlgorithm })
  const first = await upload(Key, id, 2, BIG, { ChecksumAlgorithm })
  expect(await refusal(fixture.client().send(new HeadObjectCommand({ Bucket, Key })))).toEqual(['NotFound', 404])
  const done = await complete(Key, id, [first, last])
  const md5 = createHash('md5').update(createHash('md5').update(BIG).digest()).update(createHash('md5').update(SMALL).digest())
  expect(done.ETag).toBe(`"${md5.digest('hex')}-2"`)
  const whole = await fixture.client().send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }))
  const expected =
    ChecksumAlgorithm === 'CRC64NVME'
      ? { type: 'FULL_OBJECT', value: digest(ChecksumAlgorithm, BIG, SMALL).toString('base64') }
      : {
          type: 'COMPOSITE',
          value: `${digest(ChecksumAlgorithm, digest(ChecksumAlgorithm, BIG), digest(ChecksumAlgorithm, SMALL)).toString('base64')}-2`,
        }
  expect(whole).toMatchObject({ Metadata: { a: '1' }, ContentType: 'x/y', ContentLength: MIN + 5, ChecksumType: expected.type })
  expect(whole[`Checksum${ChecksumAlgorithm}`]).toBe(expected.value)
  expect(Buffer.from((await whole.Body?.transformToByteArray()) ?? []).equals(Buffer.concat([BIG, SMALL]))).toBe(true)
  const across = await fixture.client().send(new GetObjectCommand({ Bucket, Key, Range: `bytes=${MIN - 2}-${MIN + 1}` }))
  expect(await across.Body?.transformToString()).toBe(`${BIG.toString('latin1', MIN - 2)}sm`)
  const part = await fixture.client().send(new GetObjectCommand({ Bucket, Key, PartNumber: 2 }))
  expect(part).toMatchObject({ PartsCount: 2, ContentRange: `bytes ${MIN}-${MIN + 4}/${MIN + 5}` })
  expect(await part.Body?.transformToString()).toBe('small')
  expect(await refusal(fixture.client().send(new GetObjectCommand({ Bucket, Key, PartNumber: 3 })))).toEqual([
    'InvalidPartNumber',
    416,
  ])
})

test('a CRC of the full object can be asked for, and is compared with the one that the client tells', async () => {
  const Key = 'full'
  const id = await begin(Key, { ChecksumAlgorithm: 'CRC32C', ChecksumType: 'FULL_OBJECT' })
  const parts = [
    await upload(Key, id, 1, BIG, { ChecksumAlgorithm: 'CRC32C' }),
    await upload(Key, id, 2, SMALL, { ChecksumAlgorithm: 'CRC32C' }),
  ]
  const value = digest('CRC32C', BIG, SMALL).toString('base64')
  expect(await refusal(complete(Key, id, parts, { ChecksumCRC32C: 'AAAAAA==', ChecksumType: 'FULL_OBJECT' }))).toEqual([
    'BadDigest',
    400,
  ])
  expect(await refusal(complete(Key, id, parts, { ChecksumType: 'COMPOSITE' }))).toEqual(['InvalidRequest', 400])
  expect(await refusal(complete(Key, id, parts, { MpuObjectSize: 7 }))).toEqual(['InvalidRequest', 400])
  const done = await complete(Key, id, parts, { ChecksumCRC32C: value, ChecksumType: 'FULL_OBJECT', MpuObjectSize: MIN + 5 })
  expect(done).toMatchObject({ ChecksumCRC32C: value, ChecksumType: 'FULL_OBJECT' })
})

describe('a wrong list of parts is refused and the upload goes on', () => {
  test.each<[string, (parts: CompletedPart[]) => CompletedPart[], string]>([
    ['out of order', (parts) => parts.toReversed(), 'InvalidPartOrder'],
    ['with one twice', ([first = {}]) => [first, first], 'InvalidPartOrder'],
    ['with one that was never uploaded', (parts) => [...parts, { PartNumber: 9, ETag: '"0"' }], 'InvalidPart'],
    ['with another entity tag', ([first = {}, last = {}]) => [first, { ...last, ETag: first.ETag }], 'InvalidPart'],
    ['with another checksum', ([first = {}, last = {}]) => [first, { ...last, ChecksumCRC32: 'AAAAAA==' }], 'InvalidPart'],
    ['without the checksums', (parts) => parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag })), 'InvalidRequest'],
    ['empty', () => [], 'MalformedXML'],
  ])('%s', async (_, change, code) => {
    const id = await begin('wrong')
    const parts = [await upload('wrong', id, 1, BIG), await upload('wrong', id, 2, SMALL)]
    expect(await refusal(complete('wrong', id, change(parts)))).toEqual([code, 400])
    await complete('wrong', id, parts)
  })

  test('with a small part before the last', async () => {
    const id = await begin('wrong')
    const parts = [await upload('wrong', id, 1, BIG.subarray(1)), await upload('wrong', id, 2, SMALL)]
    expect(await refusal(complete('wrong', id, parts))).toEqual(['EntityTooSmall', 400])
    await fixture.client().send(new AbortMultipartUploadCommand({ Bucket, Key: 'wrong', UploadId: id }))
  })

  test('that is no document', async () => {
    const id = await begin('wrong')
    for (const body of [
      '',
      '<CompleteMultipartUpload>',
      '<Other/>',
      '<CompleteMultipartUpload><Part/></CompleteMultipartUpload>',
    ]) {
      const answer = await call(fixture.url(), { method: 'POST', target: `/lake/wrong?uploadId=${id}`, body })
      expect(answer).toMatchObject({ status: 400, code: 'MalformedXML' })
    }
  })
})

test('a part may be sent again; the newest counts', async () => {
  const id = await begin('again')
  await upload('again', id, 1, Buffer.from('first try'))
  const part = await upload('again', id, 1, Buffer.from('second try'))
  await complete('again', id, [part])
  expect(await (await fixture.client().send(new GetObjectCommand({ Bucket, Key: 'again' }))).Body?.transformToString()).toBe(
    'second try',
  )
})

test('checksums of parts must be of the kind that was announced', async () => {
  const id = await begin('kinds', { ChecksumAlgorithm: 'SHA256' })
  expect(await refusal(upload('kinds', id, 1, SMALL, { ChecksumAlgorithm: 'CRC32' }))).toEqual(['InvalidRequest', 400])
  const bare = await call(fixture.url(), { method: 'PUT', target: `/lake/kinds?partNumber=1&uploadId=${id}`, body: 'x' })
  expect(bare).toMatchObject({ status: 400, code: 'InvalidRequest' })
  const silent = await begin('kinds', { ChecksumAlgorithm: undefined })
  expect(await refusal(upload('kinds', silent, 1, SMALL, { ChecksumAlgorithm: 'CRC32' }))).toEqual(['InvalidRequest', 400])
  expect(await refusal(begin('kinds', { ChecksumAlgorithm: 'SHA1', ChecksumType: 'FULL_OBJECT' }))).toEqual([
    'InvalidRequest',
    400,
  ])
  expect(await refusal(begin('kinds', { ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'COMPOSITE' }))).toEqual([
    'InvalidRequest',
    400,
  ])
})

test('completing is conditional like a put', async () => {
  const one = await begin('once')
  const other = await begin('once')
  const parts = [await upload('once', one, 1, Buffer.from('one'))]
  const others = [await upload('once', other, 1, Buffer.from('other'))]
  const answers = await Promise.all([
    refusal(complete('once', one, parts, { IfNoneMatch: '*' })),
    refusal(complete('once', other, others, { IfNoneMatch: '*' })),
  ])
  expect(answers.filter(([name]) => name === 'no error')).toHaveLength(1)
  expect(answers.filter(([, status]) => status === 412 || status === 409)).toHaveLength(1)
  const loser = answers[0]?.[0] === 'no error' ? { id: other, parts: others } : { id: one, parts }
  expect(await refusal(complete('once', loser.id, loser.parts, { IfNoneMatch: '*' }))).toEqual(['PreconditionFailed', 412])
  expect(await refusal(complete('once', loser.id, loser.parts, { IfMatch: '"0"' }))).toEqual(['PreconditionFailed', 412])
  await complete('once', loser.id, loser.parts)
})

test('an upload that is aborted, completed or unknown is no more', async () => {
  const id = await begin('ended')
  await upload('ended', id, 1, SMALL)
  await fixture.client().send(new AbortMultipartUploadCommand({ Bucket, Key: 'ended', UploadId: id }))
  const done = await begin('ended')
  const parts = [await upload('ended', done, 1, SMALL)]
  await complete('ended', done, parts)
  for (const UploadId of [id, done, 'unknown']) {
    const target = { Bucket, Key: 'ended', UploadId }
    expect(await refusal(upload('ended', UploadId, 1, SMALL))).toEqual(['NoSuchUpload', 404])
    expect(await refusal(complete('ended', UploadId, parts))).toEqual(['NoSuchUpload', 404])
    expect(await refusal(fixture.client().send(new AbortMultipartUploadCommand(target)))).toEqual(['NoSuchUpload', 404])
    expect(await refusal(fixture.client().send(new ListPartsCommand(target)))).toEqual(['NoSuchUpload', 404])
  }
  const open = await begin('ended')
  expect(await refusal(upload('other key', open, 1, SMALL))).toEqual(['NoSuchUpload', 404])
  for (const number of [0, 10_001]) expect(await refusal(upload('ended', open, number, SMALL))).toEqual(['InvalidArgument', 400])
})

test('parts can be copied, whole or a range of them', async () => {
  await fixture.client().send(new PutObjectCommand({ Bucket, Key: 'source', Body: Buffer.concat([BIG, SMALL]) }))
  const id = await begin('pieces', { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' })
  const copy = async (PartNumber: number, CopySourceRange?: string) => {
    const command = new UploadPartCopyCommand({
      Bucket,
      Key: 'pieces',
      UploadId: id,
      PartNumber,
      CopySource: 'lake/source',
      CopySourceRange,
    })
    return { PartNumber, ETag: (await fixture.client().send(command)).CopyPartResult?.ETag }
  }
  const parts = [await copy(1), await copy(2, `bytes=${MIN}-${MIN + 2}`)]
  expect(await refusal(copy(3, `bytes=0-${MIN + 5}`))).toEqual(['InvalidArgument', 400])
  expect(await refusal(copy(3, 'bytes=0-'))).toEqual(['InvalidArgument', 400])
  const { ChecksumCRC32 } = await complete('pieces', id, parts)
  expect(ChecksumCRC32).toBe(digest('CRC32', BIG, SMALL, SMALL.subarray(0, 3)).toString('base64'))
})

test('parts are listed in pages', async () => {
  const id = await begin('listed')
  for (const number of [5, 3, 1]) await upload('listed', id, number, SMALL)
  const list = (more: object) => fixture.client().send(new ListPartsCommand({ Bucket, Key: 'listed', UploadId: id, ...more }))
  const first = await list({ MaxParts: 2 })
  expect(first).toMatchObject({
    IsTruncated: true,
    NextPartNumberMarker: '3',
    ChecksumAlgorithm: 'CRC32',
    ChecksumType: 'COMPOSITE',
  })
  expect(first.Parts?.map(({ PartNumber }) => PartNumber)).toEqual([1, 3])
  const second = await list({ PartNumberMarker: first.NextPartNumberMarker })
  expect(second).toMatchObject({ IsTruncated: false, Parts: [{ PartNumber: 5, Size: 5 }] })
})

test('uploads are listed by key and age, by prefix and delimiter, in pages; a bucket with one is not empty', async () => {
  const ids: string[] = []
  for (const Key of ['b', 'a/2', 'a/1', 'a/1', 'ä']) ids.push(await begin(Key, { Bucket: 'uploads' }))
  const list = (more: object) =>
    fixture.client().send(new ListMultipartUploadsCommand({ Bucket: 'uploads', EncodingType: 'url', ...more }))
  expect((await list({})).Uploads?.map(({ Key }) => Key)).toEqual(['a/1', 'a/1', 'a/2', 'b', '%C3%A4'])
  expect((await list({ Prefix: 'a/' })).Uploads).toHaveLength(3)
  expect(await list({ Delimiter: '/' })).toMatchObject({
    CommonPrefixes: [{ Prefix: 'a/' }],
    Uploads: [{ Key: 'b' }, { Key: '%C3%A4' }],
  })
  const seen: (string | undefined)[] = []
  let page = await list({ MaxUploads: 1 })
  for (;;) {
    seen.push(...(page.Uploads ?? []).map(({ UploadId }) => UploadId))
    if (page.IsTruncated !== true) break
    page = await list({ MaxUploads: 1, KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker })
  }
  expect(seen).toHaveLength(5)
  expect(new Set(seen)).toEqual(new Set(ids))
  expect(await refusal(fixture.client().send(new DeleteBucketCommand({ Bucket: 'uploads' })))).toEqual(['BucketNotEmpty', 409])
})
