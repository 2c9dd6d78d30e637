/**
 * Maintenance announces itself in the log by an intent before it writes a file, and again while it works: files of a token
 * whose newest intent is old belong to nobody, and vacuum deletes them. Whoever has been silent too long must not commit.
 */
import type { Environment } from '../../connectors/ports.ts'
import type { CommitLog } from '../land/log/log.ts'

/** A worker announces itself again after this long. */
export const INTENT_EVERY_MS = 10 * 60_000
/** After this long without a new intent a worker gives up what it wrote. Clocks may differ by as much as half of `INTENT_DEAD_MS`. */
export const INTENT_STALE_MS = 30 * 60_000
/** Vacuum takes files of tokens that have been silent for this long, whatever its grace period. */
export const INTENT_DEAD_MS = 60 * 60_000

/** The work was given up, nothing of it is in the log: its inputs are gone, or it was silent for too long. */
export class GivenUpSignal extends Error {}

export interface Intent {
  /** Call now and then. Throws `GivenUpSignal` when the last announcement is too old. */
  keepAlive(signal: AbortSignal): Promise<void>
  /** Throws `GivenUpSignal` when the last announcement is too old for a commit. */
  assertAlive(): void
}

export async function announce(log: CommitLog, environment: Pick<Environment, 'now'>, signal: AbortSignal): Promise<Intent> {
  let last = environment.now().getTime()
  await log.append(() => ({ kind: 'intent' }), signal)
  const age = () => environment.now().getTime() - last
  const assertAlive = (): void => {
    if (age() > INTENT_STALE_MS) throw new GivenUpSignal('it stood still for too long')
  }
  return {
    assertAlive,
    async keepAlive(each) {
      if (age() < INTENT_EVERY_MS) return
      assertAlive()
      const at = environment.now().getTime()
      await log.append(() => ({ kind: 'intent' }), each)
      last = at
    },
  }
}
