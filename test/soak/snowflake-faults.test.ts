/** Everything that the Snowflake connector does, under every fault of the endpoint at its first four statements. */
import { afterAll, beforeAll, test } from 'vitest'
import {
  type FaultySubject,
  faultySubject,
  OPERATIONS,
  PAUSED,
  SILENT,
  survive,
  TOLD,
} from '../connectors/snowflake/survived-faults.ts'

let at: FaultySubject
beforeAll(async () => {
  at = await faultySubject()
})
afterAll(() => at?.[Symbol.asyncDispose]())

test.each(Object.keys(OPERATIONS) as (keyof typeof OPERATIONS)[])(
  '%s, under every fault',
  async (name) => {
    await survive(at, name, { effects: { ...PAUSED, ...TOLD, ...SILENT }, numbers: [1, 2, 3, 4] })
  },
  900_000,
)
