/** A commit log that tells of each commit it made. */
import type { TableName } from '../../connectors/change.ts'
import type { Commit } from '../land/log/commit.ts'
import type { CommitLog } from '../land/log/log.ts'
import type { CaptureEvent, Emit } from './events.ts'

export function toldLog(log: CommitLog, emit: Emit): CommitLog {
  return {
    ...log,
    append: async (draft, signal) => {
      const commit = await log.append(draft, signal)
      emit(commitEvent(commit))
      return commit
    },
  }
}

/** What a commit added, as an event. */
export function commitEvent({ number, kind, position, through, tables, counts }: Commit): CaptureEvent {
  const perTable = Object.entries(tables).map(([table, { added = [] }]) => ({
    table: table as TableName,
    rows: added.reduce((rows, file) => rows + file.rows, 0),
    files: added.length,
    bytes: added.reduce((bytes, file) => bytes + file.size, 0),
  }))
  return { kind: 'commit', number, commit: kind, position, through, tables: perTable, rejects: counts.rejects }
}
