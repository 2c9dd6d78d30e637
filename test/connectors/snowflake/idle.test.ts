/** A session that nobody used for hours: its tokens are over, and the next statement runs all the same. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSnowflakeClient, type SnowflakeClient } from '../../../connectors/snowflake/client.ts'
import { snowflakeOptions } from '../../../connectors/snowflake/options.ts'
import { type SnowflakeEndpoint, startSnowflakeEndpoint } from '../../support/snowflake/endpoint.ts'
import { UNAVAILABLE } from '../../support/snowflake/faults.ts'
import { type ClientEngine, clientEngine } from './client-engine.ts'
import { connectionOf, testEnvironment } from './connection.ts'

const signal = new AbortController().signal
const HOUR_MS = 3_600_000

let now: number
let engine: ClientEngine
let endpoint: SnowflakeEndpoint
let client: SnowflakeClient
let accessTokens: { token: string; expiresAt?: Date }[]

beforeEach(async () => {
  now = Date.UTC(2026, 0, 1)
  engine = clientEngine({ one: { columns: [['A', 'text']], rows: [['1']] } })
  accessTokens = [{ token: 'pat', expiresAt: new Date(now + 24 * HOUR_MS) }]
  endpoint = await startSnowflakeEndpoint({
    engine,
    account: 'local',
    users: [{ name: 'ADA', accessTokens }],
    now: () => new Date(now),
  })
  const options = snowflakeOptions.parse({ ...connectionOf(endpoint), token: 'pat' })
  client = await openSnowflakeClient(options, testEnvironment(), { integration: 'loans', run: 'r1' })
})
afterEach(async () => {
  await client[Symbol.asyncDispose]()
  await endpoint.close()
})

const one = async (repeatable = true) => (await client.run('one', { signal, repeatable })).rows
const asked = () => endpoint.requests.flatMap(({ kind }) => (kind === 'login' || kind === 'renewal' ? [kind] : []))
const ran = () => engine.executed.filter((sql) => sql === 'one').length

test('two hours: the session token is renewed by the master token, and the session is the same', async () => {
  now += 2 * HOUR_MS
  expect(await one(false)).toEqual([['1']])
  expect(asked()).toEqual(['login', 'renewal'])
})

test('a renewal that fails is a session that ended: another one is opened, and the statement runs once', async () => {
  now += 2 * HOUR_MS
  endpoint.arm({ request: 'renewal', effect: UNAVAILABLE })
  expect(await one()).toEqual([['1']])
  expect([ran(), asked()]).toEqual([1, ['login', 'renewal', 'login']])
})

test('five hours: the master token is over, too; a new session is opened and pinned, and the statement runs once', async () => {
  const pinned = () => engine.executed.filter((sql) => sql.startsWith('ALTER SESSION SET')).length
  expect(pinned()).toBe(1)
  now += 5 * HOUR_MS
  expect(await one()).toEqual([['1']])
  expect([asked(), ran(), pinned()]).toEqual([['login', 'renewal', 'login'], 1, 2])
})

test('what may not be sent twice is an error that is worth another try, and the next statement finds a new session', async () => {
  now += 5 * HOUR_MS
  await expect(one(false)).rejects.toMatchObject({ code: 'CONNECTION', recovery: 'retry' })
  expect(ran()).toBe(0)
  expect(await one(false)).toEqual([['1']])
})

test('two days: the access token is over, and the error says what to do', async () => {
  now += 48 * HOUR_MS
  await expect(one()).rejects.toMatchObject({
    code: 'AUTHENTICATION',
    message: expect.stringContaining('Get a new token and set it in config/connections.yaml'),
  })
})
