import { afterAll, beforeAll, test } from 'vitest'
import { LIVE } from '../../support/snowflake-account.ts'
import { type FaultySubject, faultySubject, OPERATIONS, SILENT, survive, TOLD } from './survived-faults.ts'

let at: FaultySubject
beforeAll(async () => {
  at = await faultySubject()
})
afterAll(() => at?.[Symbol.asyncDispose]())

const names = LIVE ? [] : (Object.keys(OPERATIONS) as (keyof typeof OPERATIONS)[])

test.each(names)(
  '%s: every fault that is told at once, at the first and the third statement',
  async (name) => {
    await survive(at, name, { effects: TOLD, numbers: [1, 3] })
  },
  60_000,
)

test.each(LIVE ? [] : (['query', 'unload'] as const))(
  '%s: silence and broken answers are given up in time',
  async (name) => {
    await survive(at, name, { effects: SILENT, numbers: [2] })
  },
  120_000,
)
