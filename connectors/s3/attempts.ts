/**
 * One request, tried until it answers: full jitter between attempts (AWS Architecture Blog, "Exponential Backoff And
 * Jitter"), a deadline per attempt that grows with the body, one for all of them. Nothing here repeats what has an effect of
 * its own: conditional writes bring their own rule (`conditional-put.ts`).
 */
import { ConnectorError } from '../errors.ts'
import type { Environment } from '../ports.ts'
import { type Attempted, diagnose, failure, throwIfAborted } from './failure.ts'
import type { S3Options } from './options.ts'

/** A body is given this much time on top, so that a slow line is not taken for a stalled one. */
const SLOWEST_BYTES_PER_SECOND = 256 * 1024
const FIRST_PAUSE_MS = 100
/** "Reduce your request rate" is meant: pauses start longer. */
const FIRST_THROTTLED_PAUSE_MS = 400
const LONGEST_PAUSE_MS = 20_000
/** Failures of one request before a person should know. */
const TOLD_FROM = 4

export type AttemptLimits = Pick<S3Options, 'attempt_timeout_ms' | 'deadline_ms' | 'max_attempts'>

export type RequestOptions = Attempted & {
  readonly signal?: AbortSignal | undefined
  /** Of the request's body. */
  readonly bytes?: number
  /** Told of each failure that is tried again, before the pause. */
  readonly onRepeat?: (error: unknown) => void
}

/** `alive` restarts the attempt's clock: bytes of the answer came. */
export type Attempt<T> = (signal: AbortSignal, alive: () => void) => Promise<T>

export type Attempts = <T>(options: RequestOptions, attempt: Attempt<T>) => Promise<T>

export function createAttempts(
  limits: AttemptLimits,
  environment: Pick<Environment, 'now' | 'sleep' | 'random' | 'log'>,
): Attempts {
  return async (options, attempt) => {
    const { signal, subject } = options
    const started = environment.now().getTime()
    for (let number = 1; ; number++) {
      throwIfAborted(signal, subject)
      try {
        return await within(limits.attempt_timeout_ms + ((options.bytes ?? 0) * 1000) / SLOWEST_BYTES_PER_SECOND, signal, attempt)
      } catch (error) {
        throwIfAborted(signal, subject)
        if (error instanceof ConnectorError) throw error
        const { code, problem, transient } = diagnose(error, options)
        const pause = pauseMs(number, code === 'THROTTLED', environment.random)
        const late = environment.now().getTime() - started + pause > limits.deadline_ms
        if (!transient || late || number === limits.max_attempts) throw failure(error, options)
        const level = number < TOLD_FROM ? 'debug' : 'warn'
        environment.log(level, `${subject}: ${options.action} is tried again`, { attempt: number, problem, pauseMs: pause })
        options.onRepeat?.(error)
        await pausedFor(pause, environment, signal, subject)
      }
    }
  }
}

/** Any moment between nothing and a limit that doubles. */
export function pauseMs(attempt: number, throttled: boolean, random: () => number): number {
  const first = throttled ? FIRST_THROTTLED_PAUSE_MS : FIRST_PAUSE_MS
  return Math.round(random() * Math.min(LONGEST_PAUSE_MS, first * 2 ** (attempt - 1)))
}

async function pausedFor(
  ms: number,
  environment: Pick<Environment, 'sleep'>,
  signal: AbortSignal | undefined,
  subject: string,
): Promise<void> {
  try {
    await environment.sleep(ms, signal)
  } catch (error) {
    throwIfAborted(signal, subject)
    throw error
  }
}

/** Ends the attempt by the caller's signal or when nothing moved for `ms`. The timer and the listener end with it. */
async function within<T>(ms: number, signal: AbortSignal | undefined, attempt: Attempt<T>): Promise<T> {
  const control = new AbortController()
  const stop = () => control.abort(signal?.reason)
  const timedOut = Object.assign(new Error(`no answer in ${Math.round(ms)} ms`), { name: 'TimeoutError' })
  const timer = setTimeout(() => control.abort(timedOut), ms)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    return await attempt(control.signal, () => timer.refresh())
  } catch (error) {
    // The SDK throws an error of its own for an aborted request.
    throw control.signal.reason === timedOut ? timedOut : error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}
