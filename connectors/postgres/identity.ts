/** Who the server is, and whether a log can be continued from it. */
import type { SourceIdentity } from '../change.ts'
import { ConnectorError } from '../errors.ts'
import type { Session } from './connect.ts'
import { formatLsn } from './decode/position.ts'

/** From IDENTIFY_SYSTEM on a replication session. */
export async function readIdentity(replication: Session, control: Session): Promise<SourceIdentity> {
  const [system] = await replication.rows<{ systemid: string; timeline: number; dbname: string }>(
    'IDENTIFY_SYSTEM',
    [],
    'IDENTIFY_SYSTEM',
  )
  const [server] = await control.rows<{ version: string }>(/* sql */ `select current_setting('server_version') as version`)
  if (system === undefined || server === undefined) throw new ConnectorError('INTERNAL', 'IDENTIFY_SYSTEM answered no row')
  const version = `PostgreSQL ${server.version.split(' ')[0] ?? ''}`
  return { system: system.systemid, timeline: Number(system.timeline), database: system.dbname, version }
}

/** Throws `SOURCE_CHANGED` unless both are one server's log; the version may differ. */
export function refuseOther(recorded: SourceIdentity, now: SourceIdentity, integration: string): void {
  const differences = [
    recorded.system === now.system ? null : `system ${now.system} instead of ${recorded.system}`,
    recorded.timeline === now.timeline ? null : `timeline ${now.timeline} instead of ${recorded.timeline}`,
    recorded.database === now.database ? null : `database "${now.database}" instead of "${recorded.database}"`,
  ].filter((difference) => difference !== null)
  if (differences.length === 0) return
  throw new ConnectorError(
    'SOURCE_CHANGED',
    `The server is another one, or was restored or promoted, since the newest commit: ${differences.join(', ')}. ` +
      `Run "portage resync ${integration} --all" to take new snapshots and continue from here`,
  )
}

/**
 * The server's log must reach the newest commit: what was streamed had been flushed. Throws `SOURCE_CHANGED` when it ends
 * before, which no crash explains, but the same server started from an older copy of its files.
 */
export function refuseOlder(from: bigint, end: bigint, integration: string): void {
  if (end >= from) return
  throw new ConnectorError(
    'SOURCE_CHANGED',
    `The server's log ends at ${formatLsn(end)}, before the newest commit at ${formatLsn(from)}: it was restored from an older copy. ` +
      `Run "portage resync ${integration} --all" to take new snapshots and continue from here`,
  )
}
