/** What lies on disk: restarts, ends of the process at any moment, foreign directories, memory. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { expect, test } from 'vitest'
import { startS3Endpoint } from '../support/s3/endpoint.ts'
import { type Scratch, scratch } from '../support/scratch.ts'
import { openClient, refusal } from './endpoint-fixture.ts'
import { call, KEYS, sha256 } from './signed-request.ts'

const Bucket = 'lake'
const start = (directory: string) => startS3Endpoint({ ...KEYS, directory, buckets: ['lake'] })

/** Data files, each with its size. */
function dataFiles({ dir }: Scratch): readonly string[] {
  return readdirSync(`${dir}/data`, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [entry.name] : [],
  )
}

test('everything is there after a restart: objects, uploads with their parts, buckets', async () => {
  using directory = scratch()
  let id: string | undefined
  let parts: { PartNumber: number; ETag: string | undefined; ChecksumCRC32: string | undefined }[] = []
  {
    await using endpoint = await start(directory.dir)
    const client = openClient(endpoint)
    await client.send(new PutObjectCommand({ Bucket, Key: 'a ä', Body: 'one', Metadata: { m: '1' }, ContentType: 'x/y' }))
    await client.send(new PutObjectCommand({ Bucket, Key: 'a ä', Body: 'two', Metadata: { m: '2' } }))
    await client.send(new PutObjectCommand({ Bucket, Key: 'gone', Body: 'x' }))
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'gone' }))
    id = (await client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'parts', ChecksumAlgorithm: 'CRC32' }))).UploadId
    const part = await client.send(new UploadPartCommand({ Bucket, Key: 'parts', UploadId: id, PartNumber: 1, Body: 'part' }))
    parts = [{ PartNumber: 1, ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32 }]
    client.destroy()
  }
  expect(dataFiles(directory)).toHaveLength(2)
  await using endpoint = await start(directory.dir)
  const client = openClient(endpoint)
  const found = await client.send(new GetObjectCommand({ Bucket, Key: 'a ä', ChecksumMode: 'ENABLED' }))
  expect(await found.Body?.transformToString()).toBe('two')
  expect(found).toMatchObject({ Metadata: { m: '2' }, ChecksumCRC32: expect.any(String) })
  expect((await client.send(new ListObjectsV2Command({ Bucket }))).Contents?.map(({ Key }) => Key)).toEqual(['a ä'])
  expect((await client.send(new ListPartsCommand({ Bucket, Key: 'parts', UploadId: id }))).Parts).toHaveLength(1)
  await client.send(new CompleteMultipartUploadCommand({ Bucket, Key: 'parts', UploadId: id, MultipartUpload: { Parts: parts } }))
  expect((await client.send(new HeadObjectCommand({ Bucket, Key: 'parts' }))).ContentLength).toBe(4)
  client.destroy()
})

test('what is replaced, deleted, aborted or refused takes no space', async () => {
  using directory = scratch()
  await using endpoint = await start(directory.dir)
  for (const body of ['one', 'two', 'three']) await call(endpoint.url, { method: 'PUT', target: '/lake/k', body })
  await call(endpoint.url, { method: 'PUT', target: '/lake/k', body: 'x', headers: { 'if-none-match': '*' } })
  await call(endpoint.url, { method: 'PUT', target: '/lake/k', body: 'x', headers: { 'x-amz-checksum-crc32': 'AAAAAA==' } })
  expect(dataFiles(directory)).toHaveLength(1)
  await call(endpoint.url, { method: 'PUT', target: '/lake/copy', headers: { 'x-amz-copy-source': 'lake/k' } })
  await call(endpoint.url, { method: 'DELETE', target: '/lake/k' })
  expect((await call(endpoint.url, { target: '/lake/copy' })).body.toString()).toBe('three')
  await call(endpoint.url, { method: 'DELETE', target: '/lake/copy' })
  expect(dataFiles(directory)).toEqual([])
})

test('an entry that was cut off was never answered; the rest of the journal counts', async () => {
  using directory = scratch()
  {
    await using endpoint = await start(directory.dir)
    for (const key of ['a', 'b']) await call(endpoint.url, { method: 'PUT', target: `/lake/${key}`, body: key })
  }
  const journal = `${directory.dir}/journal.jsonl`
  truncateSync(journal, readFileSync(journal).length - 10)
  directory.write(`data/ab/${'0'.repeat(30)}`, 'a file of ours that nothing names')
  directory.write('data/ab/notes.txt', 'a file of somebody else')
  {
    await using endpoint = await start(directory.dir)
    expect((await call(endpoint.url, { target: '/lake/a' })).body.toString()).toBe('a')
    expect((await call(endpoint.url, { target: '/lake/b' })).status).toBe(404)
    expect((await call(endpoint.url, { method: 'PUT', target: '/lake/b', body: 'again' })).status).toBe(200)
  }
  appendFileSync(journal, '{"op":"put"')
  await using endpoint = await start(directory.dir)
  expect((await call(endpoint.url, { target: '/lake/b' })).body.toString()).toBe('again')
  expect(dataFiles(directory)).toHaveLength(3)
  expect(dataFiles(directory)).toContain('notes.txt')
})

test('a directory has one endpoint at a time; a lock whose process is gone does not count', async () => {
  using directory = scratch()
  {
    await using _ = await start(directory.dir)
    await expect(start(directory.dir)).rejects.toThrow(`is held by process ${process.pid}`)
  }
  expect(existsSync(`${directory.dir}/lock`)).toBe(false)
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  writeFileSync(`${directory.dir}/lock`, String(child.pid))
  await using endpoint = await start(directory.dir)
  expect((await call(endpoint.url, { target: '/lake?list-type=2' })).status).toBe(200)
})

test('a journal of something else, or damaged in the middle, is refused and not touched', async () => {
  using directory = scratch()
  const journal = `${directory.dir}/journal.jsonl`
  for (const text of ['{"other":1}\n', '{"portageS3":1}\nnot json\n{"op":"create-bucket","bucket":"b","at":0}\n']) {
    writeFileSync(journal, text)
    await expect(start(directory.dir)).rejects.toThrow(journal)
    expect(readFileSync(journal, 'utf8')).toBe(text)
  }
  expect(existsSync(`${directory.dir}/lock`)).toBe(false)
})

test('wrong options are told before anything is started', async () => {
  using directory = scratch()
  await expect(startS3Endpoint({ ...KEYS, directory: directory.dir, buckets: ['Not A Bucket'] })).rejects.toThrow(
    '"Not A Bucket"',
  )
  await using endpoint = await start(directory.dir)
  using other = scratch()
  await expect(startS3Endpoint({ ...KEYS, directory: other.dir, port: endpoint.port })).rejects.toThrow('EADDRINUSE')
  // A start that failed holds nothing.
  await using _ = await start(other.dir)
})

type Served = AsyncDisposable & { readonly child: ChildProcess; readonly url: string; readonly line: () => Promise<string> }

async function serve(directory: string): Promise<Served> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./serve.ts', import.meta.url)), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async () => String((await lines.next()).value)
  const ended = once(child, 'exit')
  return {
    child,
    url: await line(),
    line,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

test('kill -9 in the middle of writes: what was answered is there, what was not is whole or absent, nothing else', async () => {
  using directory = scratch()
  const answered = new Map<string, string>()
  const begun = new Set<string>()
  for (let round = 0; round < 4; round++) {
    await using served = await serve(directory.dir)
    let enough = 0
    const writer = async (name: number): Promise<void> => {
      for (let count = 0; ; count++) {
        const key = `r${round}/w${name}/${count}`
        const body = `${key} `.repeat(5000)
        begun.add(key)
        const answer = await call(served.url, { method: 'PUT', target: `/lake/${key}`, body, headers: { 'if-none-match': '*' } })
        expect(answer.status).toBe(200)
        answered.set(key, sha256(body))
        enough += 1
        if (enough === 25) served.child.kill('SIGKILL')
      }
    }
    await Promise.allSettled([0, 1, 2].map(writer))
  }
  await using endpoint = await start(directory.dir)
  const client = openClient(endpoint)
  const listed: string[] = []
  for (let token: string | undefined, more = true; more; more = token !== undefined) {
    const page = await client.send(new ListObjectsV2Command({ Bucket, ContinuationToken: token }))
    listed.push(...(page.Contents ?? []).map(({ Key = '' }) => Key))
    token = page.NextContinuationToken
  }
  expect(answered.size).toBeGreaterThanOrEqual(100)
  expect([...answered.keys()].filter((key) => !listed.includes(key))).toEqual([])
  expect(listed.filter((key) => !begun.has(key))).toEqual([])
  for (const key of listed) {
    const { body } = await call(endpoint.url, { target: `/lake/${key}` })
    expect(sha256(body)).toBe(sha256(`${key} `.repeat(5000)))
  }
  expect(dataFiles(directory)).toHaveLength(listed.length)
  client.destroy()
}, 180_000)

test('objects pass through in pieces: 400 MB up and down within 200 MB of memory', async () => {
  using directory = scratch()
  await using served = await serve(directory.dir)
  const client = new S3Client({
    endpoint: served.url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: KEYS,
    maxAttempts: 1,
  })
  const piece = Buffer.alloc(64 * 1024, 'p')
  const ContentLength = 100 * 1024 ** 2
  const body = () =>
    Readable.from(
      (function* () {
        for (let sent = 0; sent < ContentLength; sent += piece.length) yield piece
      })(),
    )
  const together = [1, 2].map(async (number) => {
    const Key = `large-${number}`
    await client.send(new PutObjectCommand({ Bucket, Key, Body: body(), ContentLength }))
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }))
    let read = 0
    for await (const chunk of Body as Readable) read += (chunk as Buffer).length
    return read
  })
  expect(await Promise.all(together)).toEqual([ContentLength, ContentLength])
  served.child.kill('SIGUSR2')
  expect(Number(await served.line())).toBeLessThan(200 * 1024)
  client.destroy()
}, 180_000)

test('a closed endpoint answers nothing and lets go of its port', async () => {
  using directory = scratch()
  const endpoint = await start(directory.dir)
  const client = openClient(endpoint)
  await client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'x' }))
  await Promise.all([endpoint.close(), endpoint.close()])
  expect((await refusal(client.send(new HeadObjectCommand({ Bucket, Key: 'a' }))))[1]).toBeUndefined()
  await using again = await startS3Endpoint({ ...KEYS, directory: directory.dir, port: endpoint.port })
  expect(again.port).toBe(endpoint.port)
  client.destroy()
})
