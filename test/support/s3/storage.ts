/**
 * The disk below the endpoint: `journal.jsonl` (one line per entry, the truth), `data/` (bytes, written before the entry
 * that names them), `lock`. What was answered survives the end of the process at any moment; a power cut may take the
 * newest entries, because nothing is fsynced.
 */
import { randomBytes } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { type FileHandle, link, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Catalogue, type Entry, type StoredFile } from './catalogue.ts'
import { S3Error } from './errors.ts'

const FORMAT = { portageS3: 1 }

/** A new data file. `discard` after `close` does nothing. */
export interface DataWriter {
  readonly size: number
  write(chunk: Uint8Array): Promise<void>
  close(): Promise<StoredFile>
  discard(): Promise<void>
}

export interface Storage extends AsyncDisposable {
  readonly catalogue: Catalogue
  openWriter(): Promise<DataWriter>
  /** Another name for the same bytes. */
  share(file: StoredFile): Promise<StoredFile>
  /** Keeps files from being deleted until the hold is released; call it without awaiting after looking them up. */
  hold(files: readonly StoredFile[]): Disposable
  openReader(file: StoredFile): Promise<FileHandle>
  /** Gives up files that no entry names. */
  discard(files: readonly StoredFile[]): Promise<void>
  /**
   * One at a time, in the order of the calls: `decide` looks at the state and returns what becomes of it, or throws;
   * the entry is on disk before it can be seen.
   */
  publish(decide: (catalogue: Catalogue) => Entry | null): Promise<void>
}

/**
 * Opens a directory, created when absent; data files that nothing names are deleted.
 *
 * @throws Error when another process has it open, or when its journal is not one.
 */
export async function openStorage(directory: string): Promise<Storage> {
  await mkdir(join(directory, 'data'), { recursive: true, mode: 0o700 })
  const unlock = await lock(join(directory, 'lock'))
  try {
    const catalogue = await replay(join(directory, 'journal.jsonl'))
    await deleteUnnamed(directory, catalogue)
    const journal = await rewrite(join(directory, 'journal.jsonl'), catalogue)
    return storageOf(directory, { catalogue, journal, unlock })
  } catch (error) {
    await unlock()
    throw error
  }
}

type Parts = { readonly catalogue: Catalogue; readonly journal: FileHandle; readonly unlock: () => Promise<void> }

function storageOf(directory: string, { catalogue, journal, unlock }: Parts): Storage {
  const shards = new Set<string>()
  let tail: Promise<unknown> = Promise.resolve()
  let failure: unknown = null
  const path = (file: string): string => join(directory, 'data', file)
  const newFile = async (): Promise<string> => {
    const name = randomBytes(16).toString('hex')
    const shard = name.slice(0, 2)
    if (!shards.has(shard)) await mkdir(path(shard), { recursive: true, mode: 0o700 })
    shards.add(shard)
    return `${shard}/${name.slice(2)}`
  }
  /** Readers of each file; `gone` when it is to be deleted with the last of them. */
  const held = new Map<string, { readers: number; gone: boolean }>()
  const discard = async (files: readonly StoredFile[]): Promise<void> => {
    const free = files.filter(({ file }) => {
      const entry = held.get(file)
      if (entry !== undefined) entry.gone = true
      return entry === undefined
    })
    await Promise.all(free.map(({ file }) => rm(path(file), { force: true })))
  }
  const release = (file: string): void => {
    const entry = held.get(file)
    if (entry === undefined) return
    entry.readers -= 1
    if (entry.readers > 0) return
    held.delete(file)
    // What this leaves behind, the next start deletes.
    if (entry.gone) void rm(path(file), { force: true }).catch(() => undefined)
  }
  const append = async (entry: Entry): Promise<void> => {
    // A half-written line would hide every later one: after a failure nothing is published until the directory is reopened.
    if (failure !== null)
      throw new S3Error('InternalError', 'The journal of this endpoint cannot be written', {}, { cause: failure })
    try {
      await journal.appendFile(`${JSON.stringify(entry)}\n`)
    } catch (error) {
      failure = error
      throw error
    }
  }
  return {
    catalogue,
    discard,
    openWriter: async () => {
      const file = await newFile()
      return dataWriter(await open(path(file), 'wx', 0o600), file, () => discard([{ file, size: 0 }]))
    },
    share: async ({ file, size }) => {
      const copy = await newFile()
      await link(path(file), path(copy))
      return { file: copy, size }
    },
    hold: (files) => {
      const names = files.map(({ file }) => file)
      for (const name of names) {
        const entry = held.get(name)
        if (entry === undefined) held.set(name, { readers: 1, gone: false })
        else entry.readers += 1
      }
      return { [Symbol.dispose]: () => names.splice(0).forEach(release) }
    },
    openReader: ({ file }) => open(path(file), 'r'),
    publish: (decide) => {
      const done = tail.then(async () => {
        const entry = decide(catalogue)
        if (entry === null) return
        await append(entry)
        // What cannot be deleted now, the next start deletes: the entry took effect.
        await discard(catalogue.apply(entry)).catch(() => undefined)
      })
      tail = done.catch(() => undefined)
      return done
    },
    [Symbol.asyncDispose]: async () => {
      await tail
      await journal.close()
      await unlock()
    },
  }
}

function dataWriter(handle: FileHandle, file: string, remove: () => Promise<void>): DataWriter {
  let size = 0
  let state: 'open' | 'closed' | 'discarded' = 'open'
  return {
    get size() {
      return size
    },
    write: async (chunk) => {
      for (let offset = 0; offset < chunk.length; ) {
        const { bytesWritten } = await handle.write(chunk, offset)
        offset += bytesWritten
      }
      size += chunk.length
    },
    close: async () => {
      await handle.close()
      state = 'closed'
      return { file, size }
    },
    discard: async () => {
      if (state !== 'open') return
      state = 'discarded'
      await handle.close()
      await remove()
    },
  }
}

/** @throws Error naming the line that cannot be read. */
async function replay(path: string): Promise<Catalogue> {
  const catalogue = new Catalogue()
  if (!existsSync(path)) return catalogue
  let number = 0
  for await (const line of wholeLines(path)) {
    number += 1
    if (number === 1 && line !== JSON.stringify(FORMAT)) throw new Error(`"${path}" is not a journal of this S3 endpoint`)
    if (number > 1) catalogue.apply(parseEntry(line, `${path}:${number}`))
  }
  return catalogue
}

function parseEntry(line: string, at: string): Entry {
  try {
    return JSON.parse(line) as Entry
  } catch (cause) {
    throw new Error(`${at}: this line of the journal is damaged. Restore the file, or delete the directory`, { cause })
  }
}

/** Without a last one that has no end: it was cut short by the end of the process, and never answered. */
async function* wholeLines(path: string): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: 1024 * 1024 })) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

/** The journal without history, ready for more. */
async function rewrite(path: string, catalogue: Catalogue): Promise<FileHandle> {
  const fresh = `${path}.new`
  const handle = await open(fresh, 'w', 0o600)
  try {
    await handle.appendFile(`${JSON.stringify(FORMAT)}\n`)
    for (const entry of catalogue.entries()) await handle.appendFile(`${JSON.stringify(entry)}\n`)
    await handle.sync()
  } catch (error) {
    await handle.close()
    throw error
  }
  await rename(fresh, path)
  return handle
}

/** Touches only files that are named as ours are. */
async function deleteUnnamed(directory: string, catalogue: Catalogue): Promise<void> {
  const named = catalogue.files()
  const data = join(directory, 'data')
  for (const shard of await readdir(data)) {
    if (!/^[0-9a-f]{2}$/.test(shard)) continue
    for (const name of await readdir(join(data, shard))) {
      if (/^[0-9a-f]{30}$/.test(name) && !named.has(`${shard}/${name}`)) await rm(join(data, shard, name), { force: true })
    }
  }
}

/** One process per directory; a lock whose process is gone is taken over. */
async function lock(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx', mode: 0o600 })
      return () => rm(path, { force: true })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      const holder = Number(await readFile(path, 'utf8').catch(() => ''))
      if (isAlive(holder)) {
        throw new Error(`"${path}" is held by process ${holder}. Stop it, or delete the file if that is another program`)
      }
      await rm(path, { force: true })
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
