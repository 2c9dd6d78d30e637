/** From when to when each data file was needed to read some commit's state: the log from its first commit on. Pure. */
import type { TableName } from '../../connectors/change.ts'
import type { Commit, FileEntry, LogState, TableState } from '../land/log/commit.ts'
import { applyCommit, EMPTY_STATE } from '../land/log/fold.ts'
import { shownFiles } from '../land/log/shown.ts'

export type FileLife = {
  readonly key: string
  readonly table: TableName
  readonly size: number
  /** The commit that named it. */
  readonly from: number
  /** The first commit whose state does without it; null while it is live or part of a snapshot under way. */
  readonly to: number | null
  /** When that commit was made. */
  readonly endedAt: Date | null
}

export type History = {
  readonly state: LogState
  readonly lives: ReadonlyMap<string, FileLife>
  /** By token of a run: the number of its claim. */
  readonly claims: ReadonlyMap<string, number>
  /** By token of maintenance: when it announced itself last. */
  readonly intents: ReadonlyMap<string, Date>
  /** What warehouses show of tables that are kept back. */
  readonly shown: ReadonlySet<string>
}

export async function readHistory(commits: AsyncIterable<Commit>): Promise<History> {
  let state = EMPTY_STATE
  const lives = new Map<string, FileLife>()
  const claims = new Map<string, number>()
  const intents = new Map<string, Date>()
  for await (const commit of commits) {
    const before = state
    state = applyCommit(state, commit)
    if (commit.kind === 'claim') claims.set(commit.writer, commit.number)
    if (commit.kind === 'intent') intents.set(commit.writer, new Date(commit.createdAt))
    for (const [name, change] of Object.entries(commit.tables)) {
      const table = name as TableName
      for (const { key, size } of change.added ?? []) {
        lives.set(key, { key, table, size, from: commit.number, to: null, endedAt: null })
      }
      if (!takesAway(change)) continue
      const kept = new Set(filesOf(state.tables[table]).map(({ key }) => key))
      for (const { key } of filesOf(before.tables[table])) {
        const life = lives.get(key)
        if (kept.has(key) || life === undefined) continue
        lives.set(key, { ...life, to: commit.number, endedAt: new Date(commit.createdAt) })
      }
    }
  }
  const shown = new Set(Object.values(state.tables).flatMap((table) => shownFiles(table).map(({ key }) => key)))
  return { state, lives, claims, intents, shown }
}

const takesAway = ({ removed, snapshot, dropped }: Commit['tables'][TableName]): boolean =>
  removed !== undefined || dropped === true || snapshot?.start !== undefined || snapshot?.complete === true

const filesOf = (table: TableState | undefined): readonly FileEntry[] => [
  ...(table?.base?.files ?? []),
  ...(table?.base?.renewed?.files ?? []),
  ...(table?.pending?.files ?? []),
  ...(table?.changes ?? []),
]
