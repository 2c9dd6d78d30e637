/** Two sides read at the same time. */

/** Both results; the first failure ends the other side, and is thrown when both have ended. */
export async function bothOf<A, B>(
  first: (signal: AbortSignal) => Promise<A>,
  second: (signal: AbortSignal) => Promise<B>,
  signal: AbortSignal,
): Promise<[A, B]> {
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const failures: unknown[] = []
  const guarded = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    try {
      return await work(either)
    } catch (error) {
      failures.push(error)
      stop.abort()
      throw error
    }
  }
  const settled = await Promise.allSettled([guarded(first), guarded(second)])
  const [a, b] = settled
  if (a.status === 'fulfilled' && b.status === 'fulfilled') return [a.value, b.value]
  throw failures[0]
}
