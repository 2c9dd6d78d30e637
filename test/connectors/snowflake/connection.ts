/** Connection options for the local endpoint, and an environment without pauses. */
import type { Environment } from '../../../connectors/ports.ts'
import type { SnowflakeEndpoint } from '../../support/snowflake/endpoint.ts'

export function connectionOf({ account, host, port, protocol }: SnowflakeEndpoint) {
  return { account, host, port, protocol } as const
}

/** The real clock; pauses end at once. */
export function testEnvironment(stateDir = '.'): Environment {
  return {
    now: () => new Date(),
    sleep: async (_ms, signal) => signal?.throwIfAborted(),
    random: () => 0.5,
    log: () => {},
    stateDir,
  }
}
