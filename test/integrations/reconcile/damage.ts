/** Damages a lake's files in ways that leave them readable, or not. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'
import type { FileEntry, LogState } from '../../../integrations/land/log/commit.ts'
import type { Job } from '../main-job/job.ts'

/** Paths of a table's live files. */
export function filesOf(
  job: Job,
  state: LogState,
  table: string,
): { readonly base: readonly string[]; readonly changes: readonly string[] } {
  const [, found] = Object.entries(state.tables).find(([name]) => name === table) ?? []
  const paths = (files: readonly FileEntry[]) => files.map(({ key }) => job.root.path('lake', key))
  return { base: paths(found?.base?.files ?? []), changes: paths(found?.changes ?? []) }
}

/** Replaces a file by the rows that a select over `f` answers. */
export async function rewrite(path: string, select: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const quoted = `'${path.replaceAll("'", "''")}'`
  await connection.run(`set TimeZone = 'UTC'`)
  await connection.run(
    `copy (with f as (select * from read_parquet(${quoted})) ${select}) to '${path}.new' (format parquet, compression zstd)`,
  )
  connection.closeSync()
  instance.closeSync()
  renameSync(`${path}.new`, path)
}

/** Turns one bit of a file over. */
export function flipBit(path: string, bit: number): void {
  const bytes = readFileSync(path)
  const at = Math.floor(bit / 8) % bytes.length
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit % 8))
  writeFileSync(path, bytes)
}
