/** Whether the files that the log names are there as it says: by listing, and on demand byte by byte. I/O through the store. */
import { createHash } from 'node:crypto'
import type { TableName } from '../../connectors/change.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import type { FileEntry, TableState } from '../land/log/commit.ts'
import { type LakePlace, tablePrefix } from '../land/log/keys.ts'
import type { FileProblem } from './lake-rows.ts'

const READ_BYTES = 8 * 1024 * 1024

/** Every file that a table's state names. */
export function filesOf({ base, changes }: Pick<TableState, 'base' | 'changes'>): readonly FileEntry[] {
  return [...(base?.files ?? []), ...(base?.renewed?.files ?? []), ...changes]
}

export type FileFindings = {
  readonly problems: readonly FileProblem[]
  /** Sizes of files that are not as large as the log says. */
  readonly sizes: ReadonlyMap<string, number>
}

/** Files that are missing or have another size. Files of later commits are nobody's concern here. */
export async function checkFiles(
  store: ObjectStore,
  lake: LakePlace,
  table: TableName,
  files: readonly FileEntry[],
  signal: AbortSignal,
): Promise<FileFindings> {
  const sizes = new Map<string, number>()
  for await (const { key, size } of store.list(tablePrefix(lake, table), { signal })) sizes.set(key, size)
  const problems: FileProblem[] = []
  const wrong = new Map<string, number>()
  for (const { key, size } of files) {
    const found = sizes.get(key) ?? (await store.head(key, signal))?.size
    if (found === undefined) problems.push({ file: key, problem: 'is missing' })
    else if (found !== size) {
      problems.push({ file: key, problem: `has ${found} bytes; the log says ${size}` })
      wrong.set(key, found)
    }
  }
  return { problems, sizes: wrong }
}

/** Files whose bytes are not those that were written. */
export async function checkBytes(
  store: ObjectStore,
  files: readonly FileEntry[],
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<readonly FileProblem[]> {
  const problems: FileProblem[] = []
  for (const file of files) {
    const digest = await digestOf(store, file, onBytes, signal)
    if (digest !== file.sha256) {
      problems.push({
        file: file.key,
        problem: digest === null ? 'is missing or too short' : 'has other bytes than were written (SHA-256)',
      })
    }
  }
  return problems
}

async function digestOf(
  store: ObjectStore,
  { key, size }: FileEntry,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string | null> {
  const hash = createHash('sha256')
  for (let start = 0; start < size; start += READ_BYTES) {
    const end = Math.min(size, start + READ_BYTES)
    const bytes = await store.get(key, { range: { start, end }, signal })
    if (bytes === null || bytes.length !== end - start) return null
    hash.update(bytes)
    onBytes(bytes.length)
  }
  return hash.digest('hex')
}
