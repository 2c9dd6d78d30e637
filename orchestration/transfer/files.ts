/** Files of a transfer: on this machine, or objects of a connected bucket. I/O. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ConnectorError } from '../../connectors/errors.ts'
import { createLocalFile, openLocalFile } from '../../connectors/filesystem/local-file.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import type { ReadableFile, WritableFile } from '../../connectors/tables.ts'
import { CHUNK_BYTES } from '../../integrations/transfer/csv/decoded-chunks.ts'
import { UsageError } from '../exit-codes.ts'
import type { Session } from '../session.ts'
import type { Address } from './address.ts'

export type FileAddress = Extract<Address, { readonly kind: 'file' | 'object' }>

export const fileName = (address: FileAddress): string =>
  address.kind === 'file' ? address.path : `s3://${address.bucket}/${address.key}`

export async function openFile(address: FileAddress, session: Session, signal: AbortSignal): Promise<ReadableFile> {
  if (address.kind === 'file') return openLocalFile(address.path)
  const { store, key } = await openBucket(address, session)
  const name = fileName(address)
  try {
    const info = await store.head(key, signal)
    if (info === null) throw new ConnectorError('NOT_FOUND', `Object "${name}" does not exist`)
    return {
      name,
      size: info.size,
      path: null,
      read: async (start, end, abort) => {
        const bytes = await store.get(key, { range: { start, end }, signal: abort })
        const expected = Math.max(0, Math.min(end, info.size) - start)
        if (bytes === null || bytes.length !== expected) {
          throw new ConnectorError(
            'CORRUPT',
            `Object "${name}" was changed while it was read. Run again when nobody writes to it`,
          )
        }
        return bytes
      },
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    }
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

export async function createFile(address: FileAddress, session: Session, signal: AbortSignal): Promise<WritableFile> {
  if (address.kind === 'file') return createLocalFile(address.path)
  const { store, key } = await openBucket(address, session)
  const name = fileName(address)
  if ((await store.head(key, signal)) !== null) {
    await store[Symbol.asyncDispose]()
    throw new ConnectorError(
      'STORE',
      `Object "${name}" exists already and is never overwritten. Give another key, or delete it first`,
    )
  }
  const writer = await store.openWriter(key, signal)
  return {
    name,
    write: (chunk) => writer.write(chunk),
    close: async () => void (await writer.close()),
    abort: () => writer.abort(),
    [Symbol.asyncDispose]: async () => {
      await writer[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}

/** The connection of the bucket, and the object's key in its store. */
async function openBucket(
  { bucket, key }: Extract<Address, { readonly kind: 'object' }>,
  { configuration, opener }: Session,
): Promise<{ readonly store: ObjectStore; readonly key: string }> {
  const buckets = [...configuration.connections.values()].filter(({ options }) => typeof options.bucket === 'string')
  const prefixOf = (options: Readonly<Record<string, unknown>>): string =>
    typeof options.prefix === 'string' && options.prefix !== '' ? `${options.prefix}/` : ''
  const found = buckets
    .filter(({ options }) => options.bucket === bucket && key.startsWith(prefixOf(options)))
    .toSorted((a, b) => prefixOf(b.options).length - prefixOf(a.options).length)[0]
  if (found === undefined) {
    const known = buckets.map(({ options }) => `s3://${String(options.bucket)}/${prefixOf(options)}`).join(', ')
    throw new UsageError(
      `s3://${bucket}/${key}: no connection of connections.yaml has that bucket and prefix${known === '' ? '' : `; there is ${known}`}`,
    )
  }
  return { store: await opener.store(found.name), key: key.slice(prefixOf(found.options).length) }
}

/** SHA-256 of a file's bytes, lower-case hex. */
export async function hashOf(file: ReadableFile, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for (let at = 0; at < file.size; at += CHUNK_BYTES)
    hash.update(await file.read(at, Math.min(file.size, at + CHUNK_BYTES), signal))
  return hash.digest('hex')
}

/** A directory of this transfer alone; disposal removes it. */
export async function openSpool(stateDir: string): Promise<AsyncDisposable & { readonly path: string }> {
  const path = join(stateDir, 'transfer', randomUUID())
  await mkdir(path, { recursive: true })
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** The file's bytes as a file of this machine, for engines that open files themselves. */
export async function onDisk(file: ReadableFile, directory: string, signal: AbortSignal): Promise<string> {
  if (file.path !== null) return file.path
  const path = join(directory, 'source')
  await using copy = await createLocalFile(path)
  for (let at = 0; at < file.size; at += CHUNK_BYTES)
    await copy.write(await file.read(at, Math.min(file.size, at + CHUNK_BYTES), signal))
  await copy.close()
  return path
}
