import { expect, test } from 'vitest'
import { ConnectorError } from '../../connectors/errors.ts'
import { backOffMs, retry } from '../../orchestration/retry.ts'

/** A clock that only sleeping moves. */
function clock() {
  let at = 0
  const slept: number[] = []
  return {
    slept,
    advance: (ms: number) => {
      at += ms
    },
    environment: {
      now: () => new Date(at),
      random: () => 0.5,
      sleep: async (ms: number, signal?: AbortSignal) => {
        signal?.throwIfAborted()
        slept.push(ms)
        at += ms
      },
    },
  }
}

const lost = () => new ConnectorError('CONNECTION', 'connection lost')
const signal = new AbortController().signal

test('a passing failure is tried again after growing pauses', async () => {
  const { environment, slept } = clock()
  const told: number[] = []
  const result = await retry(
    async ({ number }) => {
      if (number < 4) throw lost()
      return `attempt ${number}`
    },
    { environment, signal, deadlineMs: () => 60_000, onAttempt: ({ attempt }) => told.push(attempt) },
  )
  expect(result).toBe('attempt 4')
  expect(slept).toEqual([375, 750, 1500])
  expect(told).toEqual([1, 2, 3])
})

test('what a person or a developer must see to is never tried again', async () => {
  for (const error of [new ConnectorError('PRIVILEGE', 'no'), new ConnectorError('INTERNAL', 'no'), new TypeError('bug')]) {
    const { environment, slept } = clock()
    const attempt = retry(() => Promise.reject(error), { environment, signal, deadlineMs: () => 60_000 })
    await expect(attempt).rejects.toBe(error)
    expect(slept).toEqual([])
  }
})

test('it gives up when nothing has progressed until the deadline, and progress starts it over', async () => {
  const { environment, slept, advance } = clock()
  let attempts = 0
  const options = { environment, signal, deadlineMs: () => 10_000 }
  const attempt = retry(async ({ progressed }) => {
    attempts += 1
    advance(4000)
    if (attempts < 4) progressed()
    throw lost()
  }, options)
  await expect(attempt).rejects.toThrow('connection lost')
  expect(attempts).toBe(5)
  expect(slept).toEqual([375, 375, 375, 750])
})

test('an aborted signal ends it with the error at hand', async () => {
  const { environment } = clock()
  const stop = new AbortController()
  const attempt = retry(
    async () => {
      stop.abort()
      throw lost()
    },
    { environment, signal: stop.signal, deadlineMs: () => 60_000 },
  )
  await expect(attempt).rejects.toThrow('connection lost')
})

test('pauses are bounded and at least half are kept whatever chance says', () => {
  const limits = { baseMs: 500, maxMs: 30_000 }
  expect(backOffMs(1, { ...limits, random: () => 0 })).toBe(250)
  expect(backOffMs(40, { ...limits, random: () => 0 })).toBe(15_000)
  expect(backOffMs(400, { ...limits, random: () => 1 })).toBe(30_000)
})
