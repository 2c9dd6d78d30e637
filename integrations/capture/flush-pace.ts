/**
 * How often change files may be made. A commit has a file for every table that changed: with hundreds of tables that change a
 * little, a short interval would make a storm of small files. After a commit of many files the next one waits longer.
 */
import type { FlushPolicy } from '../../connectors/ports.ts'

/** However many the files, nothing waits longer. */
export const MAX_PACED_MS = 60_000
const HOUR_MS = 3_600_000

export type FlushPace = {
  /** Its `intervalMs` is the configured one or longer, as the newest commit asks for. */
  readonly policy: FlushPolicy
  /** Told of every commit of changes. */
  readonly committed: (files: number) => void
}

/** `filesPerHour`: as many change files as a steady stream makes at most; 0 = no matter. Row and byte limits stay as they are. */
export function paceFlushes(flush: FlushPolicy, filesPerHour: number): FlushPace {
  let intervalMs = flush.intervalMs
  return {
    policy: {
      rows: flush.rows,
      bytes: flush.bytes,
      get intervalMs() {
        return intervalMs
      },
    },
    committed: (files) => {
      const paced = filesPerHour === 0 ? 0 : Math.min(MAX_PACED_MS, (files * HOUR_MS) / filesPerHour)
      intervalMs = Math.max(flush.intervalMs, paced)
    },
  }
}
