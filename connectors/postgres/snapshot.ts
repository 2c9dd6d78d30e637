/** A consistent view of the whole database at a log position: a temporary slot's consistent point with its exported snapshot. */
import { ConnectorError } from '../errors.ts'
import type { Environment, HeldSnapshot } from '../ports.ts'
import type { Session } from './connect.ts'
import { cutAt, parseLsn } from './decode/position.ts'
import { quoteIdentifier } from './identifiers.ts'
import { createWatched } from './slot.ts'

/**
 * The snapshot holds exactly what committed before its position: the consistent point is where decoding would begin. Its
 * session stays idle until disposal, when slot and snapshot vanish together.
 */
export async function holdSnapshot(options: {
  readonly session: Session
  readonly control: Session
  readonly epoch: number
  readonly environment: Environment
  readonly onWait: (message: string) => void
  readonly signal: AbortSignal
  readonly terminate: (session: Session) => Promise<void>
}): Promise<HeldSnapshot> {
  const { session, epoch, environment } = options
  const name = `portage_snapshot_${session.pid}_${Math.floor(environment.random() * 0xffff_ffff).toString(16)}`
  try {
    const sql = `CREATE_REPLICATION_SLOT ${quoteIdentifier(name)} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT`
    const created = await createWatched(session, sql, name, options)
    if (created.snapshot_name === null) throw new ConnectorError('INTERNAL', `Replication slot "${name}" exported no snapshot`)
    return {
      position: cutAt(epoch, parseLsn(created.consistent_point)),
      token: created.snapshot_name,
      openedAt: environment.now(),
      [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    }
  } catch (error) {
    await session[Symbol.asyncDispose]()
    throw error
  }
}
