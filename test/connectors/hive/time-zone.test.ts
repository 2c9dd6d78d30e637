/** The zone of Spark's Java machine, in which it reads timestamps of ORC files: told by check, refused by registration. */
import { expect, test } from 'vitest'
import { check } from '../../../connectors/hive/check.ts'
import { openHiveClient } from '../../../connectors/hive/client/client.ts'
import { hiveClientOptions } from '../../../connectors/hive/client/options.ts'
import { refuseMachineZone } from '../../../connectors/hive/time-zone.ts'
import { type FakeAnswer, failure, rowsAnswer, scripted } from '../../support/hive/answers.ts'
import { hiveEnvironment } from '../../support/hive/environment.ts'
import { startFakeHive } from '../../support/hive/server.ts'

const signal = new AbortController().signal
const machine = (zone: string): FakeAnswer =>
  rowsAnswer(['zone string'], [[`sun.util.calendar.ZoneInfo[id="${zone}",offset=0,dstSavings=0,useDaylight=false]`]])
const FORBIDDEN = failure('run', { message: '[UNSUPPORTED] java_method is not allowed', sqlState: '42000' })

async function spark(answer: FakeAnswer, dialect: 'hive' | 'spark' = 'spark') {
  const stack = new AsyncDisposableStack()
  const server = stack.use(
    await startFakeHive({
      script: scripted(
        ['SHOW DATABASES', rowsAnswer(['namespace string'], [['default']])],
        ['SET hive.local.time.zone', rowsAnswer(['set string'], [['hive.local.time.zone=UTC']])],
        [/^SET /, rowsAnswer(['key string', 'value string'], [['spark.sql.session.timeZone', 'UTC']])],
        [/java_method/, answer],
      ),
    }),
  )
  const options = hiveClientOptions.parse({ host: server.host, port: server.port, dialect })
  const client = stack.use(openHiveClient(options, hiveEnvironment))
  return { client, state: server.state, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

test('another one than UTC is an error of check, and nothing is registered', async () => {
  await using place = await spark(machine('Asia/Kolkata'))
  expect(await check(place.client, { server: 'Spark' }, signal)).toEqual([
    {
      severity: 'error',
      subject: 'Spark',
      problem:
        'its Java machine runs in the time zone "Asia/Kolkata": timestamps in ORC files would show another time than they hold',
      cure: 'start the server with -Duser.timezone=UTC, or set "format: parquet" under "register"',
    },
  ])
  await expect(refuseMachineZone(place.client, 'Spark', signal)).rejects.toMatchObject({
    code: 'CONFIGURATION',
    message: expect.stringContaining('-Duser.timezone=UTC'),
  })
})

test.each([
  ['UTC is well', machine('UTC')],
  ['a server that forbids calls of Java is believed', FORBIDDEN],
])('%s', async (_, answer) => {
  await using place = await spark(answer)
  expect(await check(place.client, { server: 'Spark' }, signal)).toEqual([])
  await refuseMachineZone(place.client, 'Spark', signal)
})

test('Hive is not asked: it reads them right in every zone', async () => {
  await using place = await spark(machine('Asia/Kolkata'), 'hive')
  expect(await check(place.client, { server: 'Hive' }, signal)).toEqual([])
  expect(place.state.statements.some((sql) => sql.includes('java_method'))).toBe(false)
})
