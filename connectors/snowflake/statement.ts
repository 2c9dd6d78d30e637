/** One statement: settles by its answer, its deadline or its signal, and is cancelled on the server when it is given up. I/O. */
import type { StatementOption } from 'snowflake-sdk'
import { ConnectorError } from '../errors.ts'
import type { DriverConnection, DriverStatement } from './driver.ts'
import { aborted, failure } from './failure.ts'
import { settledWithin, timeoutError } from './within.ts'

export type StartedStatement = {
  readonly statement: DriverStatement
  /** Rejects when the deadline passes or the signal fires; never resolves. */
  readonly stopped: Promise<never>
  /** Ends the watch. */
  readonly release: () => void
  /** Tells the server to stop working; does not wait. */
  readonly cancel: () => void
}

type Limits = {
  readonly subject: string /** Longest time, for the answer and its rows. */
  readonly ms: number
  readonly signal: AbortSignal
}

/** Resolves when the answer's first part is there. */
export async function startStatement(
  connection: DriverConnection,
  options: StatementOption,
  { subject, ms, signal }: Limits,
): Promise<StartedStatement> {
  if (signal.aborted) throw aborted(subject, signal.reason)
  let statement: DriverStatement | undefined
  const answered = new Promise<DriverStatement>((resolve, reject) => {
    // Copied, because the driver writes into it.
    statement = connection.execute({
      ...options,
      complete: (error, done) => (error === undefined || error === null ? resolve(done) : reject(error)),
    })
  })
  const cancel = () => {
    try {
      statement?.cancel(() => {})
    } catch {
      // It never reached the server.
    }
  }
  const started = performance.now()
  try {
    const done = await settledWithin(answered, { ms, signal })
    const watch = watched(ms - (performance.now() - started), signal)
    return { statement: done, cancel, stopped: watch.stopped, release: watch.release }
  } catch (error) {
    if (signal.aborted) {
      cancel()
      throw aborted(subject, signal.reason)
    }
    if (error instanceof Error && error.name === 'TimeoutError') {
      cancel()
      throw new ConnectorError(
        'TIMEOUT',
        `${subject}: no answer within its ${Math.round(ms / 1000)} s. Raise statement_timeout_s in config/connections.yaml, or use a larger virtual warehouse`,
        { cause: error },
      )
    }
    throw failure(subject, error)
  }
}

function watched(ms: number, signal: AbortSignal): Pick<StartedStatement, 'stopped' | 'release'> {
  let release = () => {}
  const stopped = new Promise<never>((_, reject) => {
    // A result that nobody reads keeps no process alive.
    const timer = setTimeout(() => reject(timeoutError(ms)), Math.max(0, ms)).unref()
    const stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    release = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
  })
  stopped.catch(() => {})
  return { stopped, release }
}
