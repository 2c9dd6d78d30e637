/** Where the server's log ends, and messages that move it. */
import { ConnectorError } from '../errors.ts'
import type { Session } from './connect.ts'
import { parseLsn } from './decode/position.ts'

/**
 * Writes an empty logical message in a transaction of its own and answers the end of its record: everything committed so
 * far lies before it, and because the commit is flushed, the stream is bound to pass it. (The end of the log itself may
 * stay unflushed for as long as nothing else commits.) A standby cannot write: there it is the replayed end.
 */
export async function emitMessage(session: Session, content: string): Promise<bigint> {
  const [row] = await session.rows<{ lsn: string }>(
    /* sql */ `select case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
      else pg_logical_emit_message(true, 'portage', $1) end::text as lsn`,
    [content],
    'Writing a logical message',
  )
  return lsnOf(row)
}

/** The flushed (on a standby: replayed) end of the log. */
export async function flushedLsn(session: Session): Promise<bigint> {
  const [row] = await session.rows<{ lsn: string }>(
    /* sql */ `select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end::text as lsn`,
    [],
    'Reading the end of the log',
  )
  return lsnOf(row)
}

/** A cut not before anything that is visible now: commit records are inserted before they become visible. */
export async function insertedLsn(session: Session): Promise<bigint> {
  const [row] = await session.rows<{ lsn: string }>(
    /* sql */ `select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end::text as lsn`,
    [],
    'Reading the end of the log',
  )
  return lsnOf(row)
}

function lsnOf(row: { readonly lsn: string } | undefined): bigint {
  if (row === undefined) throw new ConnectorError('INTERNAL', 'The server answered no log position')
  return parseLsn(row.lsn)
}
