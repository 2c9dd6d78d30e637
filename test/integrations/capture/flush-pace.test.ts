import { expect, test } from 'vitest'
import { MAX_PACED_MS, paceFlushes } from '../../../integrations/capture/flush-pace.ts'

const FLUSH = { intervalMs: 5_000, rows: 10, bytes: 20 }

test('a commit of few files changes nothing, one of many has the next one wait, never longer than a minute', () => {
  const pace = paceFlushes(FLUSH, 20_000)
  expect({ ...pace.policy, intervalMs: pace.policy.intervalMs }).toEqual(FLUSH)
  const after = (files: number): number => {
    pace.committed(files)
    return pace.policy.intervalMs
  }
  expect([0, 1, 27, 28, 100, 200, 1_000].map(after)).toEqual([5_000, 5_000, 5_000, 5_040, 18_000, 36_000, MAX_PACED_MS])
  expect(after(1)).toBe(5_000)
})

test('without a limit, and with an interval beyond it, the interval is the configured one', () => {
  const unlimited = paceFlushes(FLUSH, 0)
  unlimited.committed(5_000)
  expect(unlimited.policy.intervalMs).toBe(5_000)
  const slow = paceFlushes({ ...FLUSH, intervalMs: 600_000 }, 20_000)
  slow.committed(5_000)
  expect(slow.policy.intervalMs).toBe(600_000)
})
