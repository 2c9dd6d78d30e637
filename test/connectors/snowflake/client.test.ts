/** The client over the real driver, against the endpoint's protocol with a scripted SQL side. */
import { generateKeyPairSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ConnectorError } from '../../../connectors/errors.ts'
import { openSnowflakeClient, type SnowflakeClient } from '../../../connectors/snowflake/client.ts'
import { connectionOptions } from '../../../connectors/snowflake/driver.ts'
import { type SnowflakeOptions, snowflakeOptions } from '../../../connectors/snowflake/options.ts'
import { selfSignedCertificate } from '../../../orchestration/dev/self-signed.ts'
import { scratch } from '../../support/scratch.ts'
import { type SnowflakeEndpoint, startSnowflakeEndpoint } from '../../support/snowflake/endpoint.ts'
import { EXPIRED, LOST_ANSWER, PROXY_PAGE, UNAVAILABLE } from '../../support/snowflake/faults.ts'
import { type ClientEngine, clientEngine, type ScriptedAnswer } from './client-engine.ts'
import { connectionOf, testEnvironment } from './connection.ts'

const signal = new AbortController().signal
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const SEALED = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' }).toString()
const USER = {
  name: 'ADA',
  password: 'correct horse',
  publicKeys: [publicKey.export({ type: 'spki', format: 'pem' }).toString()],
  oauthTokens: [{ token: 'oauth-token' }],
  accessTokens: [{ token: 'pat-token' }],
}

const VALUES: ScriptedAnswer = {
  columns: [
    ['N', 'fixed', 38, 0],
    ['D', 'fixed', 38, 37],
    ['F', 'real'],
    ['T', 'text'],
    ['B', 'boolean'],
    ['DT', 'date'],
    ['TM', 'time'],
    ['TS', 'timestamp_ntz'],
    ['V', 'variant'],
    ['Y', 'binary'],
  ],
  rows: [
    [
      '99999999999999999999999999999999999999',
      '0.9999999999999999999999999999999999999',
      'NaN',
      'NULL',
      '1',
      '-719162',
      '86399.123456789',
      '-0.000000001',
      '{"a": 9007199254740993}',
      '00FF',
    ],
    [
      '-1',
      '-0.0000000000000000000000000000000000001',
      '-inf',
      "a'b",
      '0',
      '2932896',
      '0.000000000',
      '253402300799.999999000',
      '"undefined"',
      '',
    ],
    [null, null, null, null, null, null, null, null, null, null],
  ],
}
const MANY: ScriptedAnswer = {
  columns: [['ID', 'fixed', 10, 0]],
  rows: Array.from({ length: 5_000 }, (_, id) => [String(id)]),
}

test('a certificate that nobody vouches for is refused at once', async () => {
  const { key, certificate } = selfSignedCertificate(new Date(), '127.0.0.1')
  const engine = clientEngine({})
  await using endpoint = await startSnowflakeEndpoint({
    engine,
    account: 'local',
    users: [USER],
    tls: { key, cert: certificate },
  })
  const options = snowflakeOptions.parse({ ...connectionOf(endpoint), user: 'ADA', password: 'correct horse' })
  await expect(openSnowflakeClient(options, testEnvironment(), { integration: 'loans', run: 'r1' })).rejects.toMatchObject({
    code: 'TLS',
  })
})

describe('a session', () => {
  let engine: ClientEngine
  let endpoint: SnowflakeEndpoint
  const opened: SnowflakeClient[] = []
  beforeAll(async () => {
    engine = clientEngine({ one: { columns: [['A', 'text']], rows: [['1']] }, values: VALUES, many: MANY })
    endpoint = await startSnowflakeEndpoint({
      engine,
      account: 'local',
      users: [USER],
      limits: { inlineBytes: 1_000, chunkBytes: 8_000 },
    })
  })
  beforeEach(() => engine.stubborn.clear())
  afterEach(async () => {
    endpoint.clearFaults()
    for (const client of opened.splice(0)) await client[Symbol.asyncDispose]()
  })
  afterAll(() => endpoint.close())

  const open = async (
    more: Partial<SnowflakeOptions> | Record<string, unknown> = {},
    limit?: AbortSignal,
  ): Promise<SnowflakeClient> => {
    const options = snowflakeOptions.parse({ ...connectionOf(endpoint), user: 'ADA', password: 'correct horse', ...more })
    const client = await openSnowflakeClient(options, testEnvironment(), { integration: 'loans', run: 'r1' }, limit)
    opened.push(client)
    return client
  }
  const one = async (client: SnowflakeClient) => (await client.run('one', { signal, repeatable: true })).rows
  const failed = async (promise: Promise<unknown>): Promise<ConnectorError> => {
    const error = await promise.then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(ConnectorError)
    return error as ConnectorError
  }

  describe('logs in', () => {
    test.each<readonly [string, Record<string, unknown>]>([
      ['a password', {}],
      ['a private key', { password: undefined, private_key: PEM }],
      ['an encrypted private key', { password: undefined, private_key: SEALED, passphrase: 'open sesame' }],
      ['a programmatic access token', { password: undefined, user: undefined, token: 'pat-token' }],
      ['an OAuth token', { password: undefined, user: undefined, oauth_token: 'oauth-token' }],
    ])('with %s', async (_name, credentials) => {
      expect(await one(await open(credentials))).toEqual([['1']])
    })

    test('with the file of a key, and with one connection block twice: the driver may not write into it', async () => {
      using directory = scratch()
      const file = directory.path('key.p8')
      await writeFile(file, PEM, { mode: 0o600 })
      const options = snowflakeOptions.parse({ ...connectionOf(endpoint), user: 'ADA', private_key_path: file })
      const before = structuredClone(options)
      for (const _ of [1, 2]) {
        await using client = await openSnowflakeClient(options, testEnvironment(), { integration: 'loans', run: 'r1' })
        expect(await one(client)).toEqual([['1']])
      }
      expect(options).toEqual(before)
    })

    test('refused, it says what to correct and never what was sent', async () => {
      const error = await failed(open({ password: 'hunter2' }))
      expect([error.code, error.message]).toEqual([
        'AUTHENTICATION',
        expect.stringMatching(/^Log-in to Snowflake account "local at 127\.0\.0\.1:\d+": .*Correct user and password/),
      ])
      expect(JSON.stringify(error) + error.message).not.toContain('hunter2')
      expect(
        (
          await failed(
            open({
              password: undefined,
              private_key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
                type: 'pkcs8',
                format: 'pem',
              }),
            }),
          )
        ).code,
      ).toBe('AUTHENTICATION')
      expect((await failed(open({ password: undefined, user: undefined, token: 'wrong' }))).code).toBe('AUTHENTICATION')
    })

    test('again after a 503 and a reset; not for ever', async () => {
      endpoint.arm({ request: 'login', times: 2, effect: UNAVAILABLE })
      endpoint.arm({ request: 'login', nth: 3, effect: { kind: 'reset', when: 'before' } })
      expect(await one(await open())).toEqual([['1']])
      endpoint.clearFaults()
      endpoint.arm({ request: 'login', times: 100, effect: UNAVAILABLE })
      const error = await failed(open())
      expect([error.code, error.recovery]).toEqual(['UNAVAILABLE', 'retry'])
    })

    test('to nobody: a silent server and a closed port are errors in time', async () => {
      endpoint.arm({ request: 'login', times: 100, effect: { kind: 'stall', when: 'before' } })
      const silent = await failed(open({ request_timeout_ms: 200, max_attempts: 2 }))
      expect(silent.recovery).toBe('retry')
      endpoint.clearFaults()
      const gone = await failed(open({ port: 1, max_attempts: 2 }))
      expect([gone.code, gone.recovery]).toEqual(['CONNECTION', 'retry'])
    })

    test('a signal ends it', async () => {
      endpoint.arm({ request: 'login', effect: { kind: 'stall', when: 'before' } })
      const stop = new AbortController()
      const opening = open({}, stop.signal)
      stop.abort()
      expect((await failed(opening)).code).toBe('ABORTED')
    })
  })

  describe('is pinned', () => {
    test('parameters are set, read back, and the tag names integration and run', async () => {
      await one(await open())
      const set = engine.executed.findLast((sql) => sql.startsWith('ALTER SESSION SET')) ?? ''
      for (const part of [
        "TIMEZONE = 'UTC'",
        "TIMESTAMP_TYPE_MAPPING = 'TIMESTAMP_NTZ'",
        'QUOTED_IDENTIFIERS_IGNORE_CASE = FALSE',
        "BINARY_OUTPUT_FORMAT = 'HEX'",
        'ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION = FALSE',
        'STATEMENT_TIMEOUT_IN_SECONDS = 600',
        "QUERY_TAG = 'portage:loans:r1'",
      ]) {
        expect(set).toContain(part)
      }
    })

    test('a parameter that an administrator fixed is named, and nothing is run', async () => {
      engine.stubborn.set('TIMEZONE', 'America/Los_Angeles')
      const error = await failed(open())
      expect([error.code, error.message.includes('TIMEZONE')]).toEqual(['CONFIGURATION', true])
    })

    test('nothing is written beside it, and the driver asks no cloud who it is', () => {
      expect(existsSync('snowflake.log')).toBe(false)
      expect(process.env.SNOWFLAKE_DISABLE_PLATFORM_DETECTION).toBe('true')
      expect(connectionOptions(snowflakeOptions.parse({ account: 'a', user: 'u', password: 'p' }))).not.toHaveProperty(
        'accessUrl',
      )
    })
  })

  test('values are exact texts; NULL is null and "NULL" a text; VARIANTs are not evaluated', async () => {
    const client = await open()
    const { columns, rows } = await client.run('values', { signal, repeatable: true })
    expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual(VALUES.columns.map(([name, type]) => `${name} ${type}`))
    expect(rows).toEqual([
      [
        '9'.repeat(38),
        `0.${'9'.repeat(37)}`,
        'NaN',
        'NULL',
        'true',
        '0001-01-01',
        '23:59:59.123456789',
        '1969-12-31 23:59:59.999999999',
        '{"a": 9007199254740993}',
        '00FF',
      ],
      [
        '-1',
        `-0.${'0'.repeat(36)}1`,
        '-inf',
        "a'b",
        'false',
        '9999-12-31',
        '00:00:00.000000000',
        '9999-12-31 23:59:59.999999000',
        '"undefined"',
        '',
      ],
      Array.from({ length: 10 }, () => null),
    ])
  })

  test('binds go by type, integers beyond 2^53 as text', async () => {
    const client = await open()
    await client.run('one', { binds: ['a', 1, 2n ** 60n, true, null], signal, repeatable: true })
    expect(engine.bound.slice(-5)).toEqual(['TEXT:a', 'FIXED:1', 'TEXT:1152921504606846976', 'BOOLEAN:true', 'TEXT:null'])
  })

  test('a large answer streams in batches, also when a chunk has to be fetched again; leaving it early ends it', async () => {
    const client = await open()
    endpoint.arm({ request: 'chunk', nth: 2, effect: UNAVAILABLE })
    const { columns, batches } = await client.stream('many', { signal, repeatable: true })
    expect(columns.map(({ name }) => name)).toEqual(['ID'])
    const ids: (string | null | undefined)[] = []
    for await (const batch of batches) ids.push(...batch.map(([id]) => id))
    expect(ids).toEqual(MANY.rows.map(([id]) => id))
    const again = await client.stream('many', { signal, repeatable: true })
    for await (const batch of again.batches) {
      expect(batch.length).toBeGreaterThan(0)
      break
    }
    expect(await one(client)).toEqual([['1']])
  })

  test('a damaged or truncated chunk is an error, never fewer rows', async () => {
    const client = await open()
    for (const effect of [{ kind: 'truncate', bytes: 20 }, { kind: 'corrupt' }] as const) {
      endpoint.arm({ request: 'chunk', times: 100, effect })
      const error = await failed(client.run('many', { signal, repeatable: false, deadlineMs: 1_500 }))
      expect(error.code).toMatch(/^(CONNECTION|TIMEOUT|INTERNAL)$/)
      endpoint.clearFaults()
    }
    expect(await one(client)).toEqual([['1']])
  })

  describe('ends in time', () => {
    test('a statement that hangs is cancelled on the server at its deadline, and the session goes on', async () => {
      const client = await open()
      const error = await failed(client.run('hang', { signal, repeatable: true, deadlineMs: 300 }))
      expect([error.code, error.recovery]).toEqual(['TIMEOUT', 'retry'])
      expect(await one(client)).toEqual([['1']])
      expect(endpoint.requests.some(({ kind }) => kind === 'abort')).toBe(true)
    })

    test('a signal cancels it', async () => {
      const client = await open()
      const stop = new AbortController()
      const running = failed(client.run('hang', { signal: stop.signal, repeatable: true }))
      stop.abort()
      expect((await running).code).toBe('ABORTED')
      expect(await one(client)).toEqual([['1']])
    })

    test('closing waits for no one', async () => {
      const client = await open()
      await one(client)
      endpoint.arm({ request: 'logout', times: 100, effect: { kind: 'stall', when: 'before' } })
      const started = performance.now()
      await client[Symbol.asyncDispose]()
      expect(performance.now() - started).toBeLessThan(5_000)
      expect((await failed(one(client))).code).toBe('INTERNAL')
    })
  })

  describe('repeats', () => {
    test.each([
      ['a 503', UNAVAILABLE],
      ['a lost answer', LOST_ANSWER],
      ['an expired session', EXPIRED],
    ] as const)('after %s, and the statement ran once', async (_name, effect) => {
      const client = await open()
      const before = engine.executed.filter((sql) => sql === 'one').length
      endpoint.arm({ request: 'query', sql: 'one', effect })
      expect(await one(client)).toEqual([['1']])
      expect(engine.executed.filter((sql) => sql === 'one').length - before).toBe(1)
    })

    test('in a new session when the old one is gone, but only what may be repeated', async () => {
      const client = await open()
      endpoint.arm({ request: 'query', sql: 'one', effect: { kind: 'session-gone', when: 'before' } })
      expect(await one(client)).toEqual([['1']])
      endpoint.arm({ request: 'query', sql: 'one', effect: { kind: 'session-gone', when: 'before' } })
      const error = await failed(client.run('one', { signal, repeatable: false }))
      expect([error.code, error.recovery]).toEqual(['CONNECTION', 'retry'])
      expect(await one(client)).toEqual([['1']])
    })

    test('not what the server refuses: its code is told, its words stay in the cause', async () => {
      const client = await open()
      const refused = await failed(client.run('refused', { signal, repeatable: true }))
      expect([refused.code, refused.message.includes('001003'), refused.message.includes('SECRET')]).toEqual([
        'STATEMENT',
        true,
        false,
      ])
      expect(String((refused.cause as Error).message)).toContain('SECRET')
      expect((await failed(client.run('forbidden', { signal, repeatable: true }))).code).toBe('PRIVILEGE')
    })

    test('a page of a proxy is no answer', async () => {
      const client = await open({ max_attempts: 2 })
      endpoint.arm({ request: 'query', sql: 'one', times: 100, effect: PROXY_PAGE })
      const error = await failed(client.run('one', { signal, repeatable: true, deadlineMs: 5_000 }))
      expect(error.recovery).toBe('retry')
    })
  })

  test('statements run one after the other in the order of the calls', async () => {
    const client = await open()
    const before = engine.executed.length
    await Promise.all(['one', 'values', 'one', 'many'].map((sql) => client.run(sql, { signal, repeatable: true })))
    expect(engine.executed.slice(before)).toEqual(['one', 'values', 'one', 'many'])
  })
})
