/** Rows that were put aside: handed to the lake by the writer, or into a file of JSON lines. */
import { createLocalFile } from '../../connectors/filesystem/local-file.ts'
import type { RejectedRow } from '../../connectors/tables.ts'
import { UsageError } from '../exit-codes.ts'

export type Rejects = {
  readonly add: (row: RejectedRow) => void
  /** Those since the last call, once there are enough of them for a file; all of them when `count` of them wait for the end. */
  readonly take: () => readonly RejectedRow[]
  readonly count: () => number
  /** Writes the file, if one was asked for. */
  readonly close: () => Promise<void>
}

/** Rows kept in memory at most, where they go into a file at the end. */
const MAX_ROWS = 100_000

/** `path` null: the lake keeps them. */
export function openRejects(path: string | null): Rejects {
  let waiting: RejectedRow[] = []
  let count = 0
  return {
    add: (row) => {
      count++
      waiting.push(row)
      if (path !== null && waiting.length > MAX_ROWS) {
        throw new UsageError(
          `More than ${MAX_ROWS} rows are rejected: this is not a matter of single rows. Give --types, or load into a lake`,
        )
      }
    },
    take: () => {
      const taken = waiting
      waiting = []
      return taken
    },
    count: () => count,
    close: async () => {
      if (path === null || waiting.length === 0) return
      await using file = await createLocalFile(path)
      for (const row of waiting) await file.write(new TextEncoder().encode(`${JSON.stringify(row)}\n`))
      await file.close()
    },
  }
}
