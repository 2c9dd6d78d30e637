/** What check says of a connection before anything is registered. */
import { expect, test } from 'vitest'
import { check } from '../../../connectors/hive/check.ts'
import { openHiveClient } from '../../../connectors/hive/client/client.ts'
import { hiveClientOptions, sendsPasswordInClear } from '../../../connectors/hive/client/options.ts'
import { openHiveTables } from '../../../connectors/hive/tables/tables.ts'
import { failure, rowsAnswer, scripted } from '../../support/hive/answers.ts'
import { describedTables } from '../../support/hive/described.ts'
import { hiveEnvironment } from '../../support/hive/environment.ts'
import { type FakeHiveOptions, startFakeHive } from '../../support/hive/server.ts'

const signal = new AbortController().signal

async function clientOf(server: FakeHiveOptions, options: Readonly<Record<string, unknown>> = {}) {
  const stack = new AsyncDisposableStack()
  const { host, port } = stack.use(await startFakeHive(server))
  const client = stack.use(openHiveClient(hiveClientOptions.parse({ host, port, ...options }), hiveEnvironment))
  return { client, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const DATABASES = ['SHOW DATABASES', rowsAnswer(['name string'], [['default']])] as const
const HIVE = scripted(DATABASES, [/^SET /, rowsAnswer(['set string'], [['hive.local.time.zone=UTC']])])
const SPARK = scripted(DATABASES, [/^SET /, rowsAnswer(['key string', 'value string'], [['x', '<undefined>']])])

test.each([
  ['hive', SPARK, 'it is Spark, the connection says "dialect: hive"', 'Set "dialect: spark"'],
  ['spark', HIVE, 'it is Hive, the connection says "dialect: spark"', 'Set "dialect: hive"'],
] as const)('dialect: %s in front of the other engine is an error', async (dialect, script, problem, cure) => {
  await using place = await clientOf({ script }, { dialect })
  expect(await check(place.client, { server: 'here' }, signal)).toEqual([
    { severity: 'error', subject: 'here', problem, cure: expect.stringContaining(cure) },
  ])
})

test.each(['hive', 'spark'] as const)('dialect: %s before the tables of the other engine: none is read', async (dialect) => {
  const other = dialect === 'hive' ? 'spark' : 'hive'
  await using place = await clientOf({ script: describedTables(other) }, { dialect })
  await using tables = openHiveTables(place.client)
  await expect(tables.layout?.({ schema: 'fixtures', name: 'visits' }, signal)).rejects.toMatchObject({
    code: 'CONFIGURATION',
    message: expect.stringContaining(`Set "dialect: ${other}" in config/connections.yaml`),
  })
})

test('a refused login and a missing privilege are told in the server`s words, with the cure', async () => {
  await using refused = await clientOf({ script: HIVE, users: { ada: 'right' } }, { user: 'ada', password: 'wrong' })
  expect(await check(refused.client, { server: 'here' }, signal)).toMatchObject([
    { severity: 'error', problem: expect.stringMatching(/refused the login.*hive\.server2\.authentication/) },
  ])
  const denied = failure('execute', { message: 'HiveAccessControlException Permission denied: user [ada]', sqlState: '42000' })
  await using forbidden = await clientOf({ script: scripted(['SHOW DATABASES', denied]) })
  expect(await check(forbidden.client, { server: 'here' }, signal)).toMatchObject([
    { severity: 'error', problem: expect.stringContaining('Grant what the server names') },
  ])
})

test('a password that travels in clear to another machine is a warning', async () => {
  await using place = await clientOf({ script: HIVE })
  expect(await check(place.client, { server: 'here', passwordInClear: true }, signal)).toMatchObject([
    { severity: 'warning', problem: expect.stringContaining('unencrypted'), cure: expect.stringContaining('tls: true') },
  ])
  const far = { host: 'hive.example', password: 'x' }
  expect(sendsPasswordInClear(hiveClientOptions.parse(far))).toBe(true)
  expect(sendsPasswordInClear(hiveClientOptions.parse({ ...far, transport: 'http', auth: 'nosasl' }))).toBe(true)
  for (const safe of [{ tls: true }, { host: '127.0.0.1' }, { host: 'localhost' }, { password: undefined }]) {
    expect(sendsPasswordInClear(hiveClientOptions.parse({ ...far, ...safe }))).toBe(false)
  }
})
