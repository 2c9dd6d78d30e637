/** Waiting for what cannot be stopped. */

/** Named as the errors of aborted timers are. */
export function timeoutError(ms: number): Error {
  return Object.assign(new Error(`no answer in ${Math.round(ms)} ms`), { name: 'TimeoutError', code: 'ETIMEDOUT' })
}

/** The promise's outcome, or a `TimeoutError`, or the signal's reason, whichever comes first. What loses is left to itself. */
export async function settledWithin<T>(
  promise: Promise<T>,
  { ms, signal }: { readonly ms: number; readonly signal: AbortSignal },
): Promise<T> {
  promise.catch(() => {})
  signal.throwIfAborted()
  let timer: NodeJS.Timeout | undefined
  let stop = () => {}
  const ended = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timeoutError(ms)), Math.max(0, ms))
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([promise, ended])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}
