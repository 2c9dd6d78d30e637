/**
 * Copies of lake objects on this machine, for lakes that DuckDB cannot open where they are. Objects never change, so a copy is right
 * for ever once its checksum was; a copy that no registration needs goes when room is needed. I/O.
 */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { ConnectorError } from '../errors.ts'
import type { Environment, RegisteredFile, RegisterRequest, TableRegistration } from '../ports.ts'

export type CopyOptions = {
  readonly directory: string
  /** What all copies may take together. */
  readonly maxBytes: number
}

/** Asked only when there are copies. */
export type CopiesAsked = {
  /** They are to be read and verified once more. */
  readonly again: () => Promise<boolean>
  /** Paths of copies that other relations read. */
  readonly beside: () => Promise<ReadonlySet<string>>
}

const ALONE: CopiesAsked = { again: async () => false, beside: async () => new Set() }

export interface LocalCopies {
  /**
   * The request with addresses of this machine. Unless it is a dry run every file is there, verified. Throws `FULL` when the files do not fit,
   * `PROOF` for an object that is gone or not what the log says.
   */
  localize(request: RegisterRequest, signal: AbortSignal, asked?: CopiesAsked): Promise<RegisterRequest>
}

const PIECE_BYTES = 8 * 1024 ** 2
const AT_ONCE = 4
/** A query that began before a registration may still open files of the one before. */
const KEPT_MS = 60 * 60_000
const PART = '.part'

export function localCopies({ directory, maxBytes }: CopyOptions, environment: Pick<Environment, 'now'>): LocalCopies {
  /** Paths that this process has seen whole. */
  const known = new Set<string>()
  const root = resolve(directory)

  const pathOf = (file: RegisteredFile): string => (isAbsolute(file.address) ? file.address : join(root, placeOf(file.address)))

  const present = async (path: string, size: number): Promise<boolean> => {
    if (known.has(path)) return true
    const found = await stat(path).catch(() => null)
    if (found?.size !== size) return false
    const now = environment.now()
    await utimes(path, now, now)
    return true
  }

  const download = async (file: RegisteredFile, path: string, request: RegisterRequest, signal: AbortSignal): Promise<void> => {
    await mkdir(dirname(path), { recursive: true })
    const part = `${path}.${randomUUID()}${PART}`
    const hash = createHash('sha256')
    try {
      await using handle = await open(part, 'wx')
      for (let start = 0; start < file.size; start += PIECE_BYTES) {
        const range = { start, end: Math.min(start + PIECE_BYTES, file.size) }
        const bytes = await request.readObject(file.key, range, signal)
        if (bytes === null) {
          throw new ConnectorError('PROOF', `Object "${file.key}" is in the commit log but not in the lake. ${CURE}`)
        }
        hash.update(bytes)
        await handle.write(bytes)
      }
      const sha256 = hash.digest('hex')
      if (sha256 !== file.sha256) {
        throw new ConnectorError(
          'PROOF',
          `Object "${file.key}" has the checksum ${sha256}, the commit log says ${file.sha256}. ${CURE}`,
        )
      }
      await handle.sync()
    } catch (error) {
      await rm(part, { force: true })
      throw writeFailure(error, root)
    }
    await rename(part, path)
  }

  const makeRoom = async (wanted: ReadonlySet<string>, missingBytes: number, wantedBytes: number): Promise<void> => {
    if (wantedBytes > maxBytes) {
      throw new ConnectorError(
        'FULL',
        `The registered files take ${mib(wantedBytes)} MiB, and the copies of lake objects may take ${mib(maxBytes)} MiB. Raise "cache_limit" of the DuckDB connection, compact the tables, or leave some out`,
      )
    }
    const copies = await listCopies(root)
    let total = copies.reduce((sum, { size }) => sum + size, 0) + missingBytes
    const oldest = environment.now().getTime() - KEPT_MS
    for (const { path, size, used } of copies.toSorted((a, b) => a.used - b.used)) {
      if (total <= maxBytes || used > oldest) break
      if (wanted.has(path)) continue
      await rm(path, { force: true })
      known.delete(path)
      total -= size
    }
  }

  return {
    async localize(request, signal, asked = ALONE) {
      const remote = request.tables.flatMap(filesOf).filter(({ address }) => !isAbsolute(address))
      if (remote.length === 0) return request
      const local = withAddresses(request, pathOf)
      if (request.dryRun) return local
      const paths = new Map(remote.map((file) => [pathOf(file), file]))
      const missing: (readonly [string, RegisteredFile])[] = []
      const anew = await asked.again()
      for (const [path, file] of paths) if (anew || !(await present(path, file.size))) missing.push([path, file])
      const bytes = (files: Iterable<RegisteredFile>): number => [...files].reduce((sum, { size }) => sum + size, 0)
      if (missing.length > 0) {
        const missingBytes = bytes(missing.map(([, file]) => file))
        await makeRoom(new Set([...paths.keys(), ...(await asked.beside())]), missingBytes, bytes(paths.values()))
      }
      const queue = missing[Symbol.iterator]()
      const worker = async (): Promise<void> => {
        for (const [path, file] of queue) {
          signal.throwIfAborted()
          await download(file, path, request, signal)
        }
      }
      const results = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker))
      for (const result of results) if (result.status === 'rejected') throw result.reason
      for (const path of paths.keys()) known.add(path)
      return local
    },
  }
}

const CURE = 'Restore it from a backup or an earlier version of the bucket, or take the table anew with "portage resync"'

const mib = (bytes: number): number => Math.ceil(bytes / 1024 ** 2)

/** `s3://bucket/key` → `s3/bucket/key`. Keys hold no `..` and no backslash (see `ObjectStore`). */
const placeOf = (address: string): string => address.replace(/^(\w+):\/\//, '$1/')

const filesOf = ({ base, changes, renewed }: TableRegistration): readonly RegisteredFile[] => [
  ...base,
  ...changes,
  ...(renewed?.files ?? []),
]

function withAddresses(request: RegisterRequest, address: (file: RegisteredFile) => string): RegisterRequest {
  const local = (files: readonly RegisteredFile[]) => files.map((file) => ({ ...file, address: address(file) }))
  const tables = request.tables.map((table) => ({
    ...table,
    base: local(table.base),
    changes: local(table.changes),
    ...(table.renewed === undefined
      ? {}
      : { renewed: { ...table.renewed, files: local(table.renewed.files), recent: local(table.renewed.recent) } }),
  }))
  return { ...request, tables }
}

type Copy = { readonly path: string; readonly size: number; readonly used: number }

/** Copies and what interrupted downloads left, with the time when they were last asked for. */
async function listCopies(root: string): Promise<readonly Copy[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])
  const copies: Copy[] = []
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const found = await stat(path).catch(() => null)
    if (found !== null) copies.push({ path, size: found.size, used: found.mtimeMs })
  }
  return copies
}

function writeFailure(error: unknown, root: string): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error
  const text = `No room on disk for copies of lake objects in "${root}". Free space, or set "cache" of the DuckDB connection to another directory`
  return new ConnectorError('FULL', text, { cause: error })
}
