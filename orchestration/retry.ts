/** The one place that acts on recoveries: `retry` errors are tried again with exponential pauses, all others end the work. */
import type { Recovery } from '../connectors/errors.ts'
import type { Environment } from '../connectors/ports.ts'
import { recoveryOfAny } from './exit-codes.ts'

export type RetryOptions = {
  readonly environment: Pick<Environment, 'now' | 'sleep' | 'random'>
  readonly signal: AbortSignal
  /** Give up when nothing has progressed for this long; asked at each failure. */
  readonly deadlineMs: () => number
  /** First pause. Default: 500. */
  readonly baseMs?: number
  /** Longest pause. Default: 30,000. */
  readonly maxMs?: number
  /** Told before each pause. */
  readonly onAttempt?: (failed: { readonly attempt: number; readonly error: unknown; readonly pauseMs: number }) => void
  /** Told when the deadline has passed, before the last error is thrown. */
  readonly onGiveUp?: (gaveUp: { readonly attempts: number; readonly forMs: number }) => void
  /** Default: the recovery of the error's code. */
  readonly recovery?: (error: unknown) => Recovery
}

export type Attempt = {
  /** From 1. */
  readonly number: number
  /** Something durable happened: pauses and the deadline start over. */
  readonly progressed: () => void
}

/** The result of the first attempt that succeeds. Rejects with the last error when it cannot be retried, the deadline has passed or the signal is aborted. */
export async function retry<Result>(work: (attempt: Attempt) => Promise<Result>, options: RetryOptions): Promise<Result> {
  const { environment, signal, baseMs = 500, maxMs = 30_000 } = options
  let failures = 0
  let progressAt = environment.now().getTime()
  const progressed = (): void => {
    failures = 0
    progressAt = environment.now().getTime()
  }
  for (let number = 1; ; number++) {
    try {
      return await work({ number, progressed })
    } catch (error) {
      if (signal.aborted || (options.recovery ?? recoveryOfAny)(error) !== 'retry') throw error
      failures += 1
      const pauseMs = backOffMs(failures, { baseMs, maxMs, random: environment.random })
      const forMs = environment.now().getTime() - progressAt
      if (forMs + pauseMs > options.deadlineMs()) {
        options.onGiveUp?.({ attempts: number, forMs })
        throw error
      }
      options.onAttempt?.({ attempt: number, error, pauseMs })
      await environment.sleep(pauseMs, signal)
    }
  }
}

/** Doubles with each failure up to `maxMs`; the upper half is chance, so that many processes do not return together. */
export function backOffMs(
  failures: number,
  { baseMs, maxMs, random }: { readonly baseMs: number; readonly maxMs: number; readonly random: () => number },
): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30))
  return Math.round(ceiling / 2 + (random() * ceiling) / 2)
}
