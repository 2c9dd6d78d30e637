/** One endpoint for the tests of a file, on a scripted SQL side. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { type SnowflakeEndpoint, type SnowflakeEndpointOptions, startSnowflakeEndpoint } from '../support/snowflake/endpoint.ts'
import { ADA } from './driver.ts'
import { type Answer, type ScriptedEngine, scriptedEngine } from './scripted-engine.ts'

export type Fixture = { readonly endpoint: () => SnowflakeEndpoint; readonly engine: () => ScriptedEngine }

/** Started before the tests of the calling file, stopped after them; faults are forgotten after each test. */
export function useEndpoint(script: Readonly<Record<string, Answer>>, options: Partial<SnowflakeEndpointOptions> = {}): Fixture {
  let endpoint: SnowflakeEndpoint
  let engine: ScriptedEngine
  beforeAll(async () => {
    engine = scriptedEngine(script)
    endpoint = await startSnowflakeEndpoint({ engine, account: 'local', users: [ADA], ...options })
  })
  afterEach(() => endpoint.clearFaults())
  afterAll(() => endpoint.close())
  return { endpoint: () => endpoint, engine: () => engine }
}

/** Holds in the end, also on a machine that is busy. */
export function eventually<T>(read: () => T) {
  return expect.poll(read, { timeout: 20_000 })
}
