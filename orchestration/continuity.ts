/** Whether a source can still be followed from where the log ends: what a run would refuse, told before it is started. Pure. */
import type { Position, SourceIdentity } from '../connectors/change.ts'
import type { Problem, SourceHealth } from '../connectors/ports.ts'
import type { LogState } from '../integrations/land/log/commit.ts'

export type Continuation = {
  readonly integration: string
  readonly slot: string
  readonly state: Pick<LogState, 'position' | 'source'>
  readonly identity: SourceIdentity
  readonly health: SourceHealth
}

/** Empty while nothing has been followed, and while everything since the newest commit is still to be had. */
export function continuityProblems({ integration, slot, state, identity, health }: Continuation): readonly Problem[] {
  const { position, source } = state
  if (position === null || source === null) return []
  const found = (problem: string): Problem[] => [
    {
      severity: 'error',
      subject: `Replication slot "${slot}"`,
      problem,
      cure: `portage resync ${integration} --all (new snapshots; history stays)`,
    },
  ]
  if (source.system !== identity.system || source.timeline !== identity.timeline || source.database !== identity.database)
    return found('cannot go on: the server is another one, or was restored or promoted, since the newest commit')
  const { walStatus, active, acknowledged } = health
  if (walStatus === 'lost')
    return found('was invalidated by the server (wal_status=lost): changes since the newest commit are lost')
  if (active === null && acknowledged === null) return found('does not exist any more: changes since the newest commit are lost')
  if (acknowledged !== null && placeOf(acknowledged) > placeOf(position))
    return found('was advanced beyond the newest commit: the changes in between are no longer sent')
  return []
}

/** Without the epoch: a source that has not been prepared does not know which one the log is in. */
const placeOf = (position: Position): string => position.slice(position.indexOf('-') + 1)
