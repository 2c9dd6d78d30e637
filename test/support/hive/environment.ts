/** What a client under test is given: real pauses and the real clock. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Environment } from '../../../connectors/ports.ts'

export const hiveEnvironment: Environment = {
  now: () => new Date(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal === undefined ? {} : { signal })
  },
  random: () => 0.5,
  log: () => {},
  stateDir: '.portage',
}
