/** The Hive client when the server hangs, drops, cheats or is told to stop: every wait ends, nothing is sent twice. */

import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { MessageReader } from '../../../connectors/hive/client/binary-protocol.ts'
import { type HiveClient, openHiveClient, rowsOf } from '../../../connectors/hive/client/client.ts'
import { MessageScanner } from '../../../connectors/hive/client/message-scanner.ts'
import { hiveClientOptions } from '../../../connectors/hive/client/options.ts'
import { DONE, type FakeAnswer, scripted } from '../../support/hive/answers.ts'
import { hiveEnvironment } from '../../support/hive/environment.ts'
import { type FakeFault, type FakeHiveOptions, type FakeHiveServer, startFakeHive } from '../../support/hive/server.ts'

const MANY: FakeAnswer = { columns: ['id bigint', 'name string'], rows: () => endless() }

function* endless(): Generator<readonly [bigint, string]> {
  for (let id = 0n; ; id++) yield [id, 'x'.repeat(40)]
}

const script = scripted(
  ['ddl', DONE],
  ['many', MANY],
  ['long', { running: Number.POSITIVE_INFINITY }],
  ['later', { columns: ['a int'], rows: [[1]], running: 3 }],
)

const start = (options: Partial<FakeHiveOptions> = {}): Promise<FakeHiveServer> => startFakeHive({ script, ...options })

function clientOf(server: { readonly port: number }, options: Readonly<Record<string, unknown>> = {}): HiveClient {
  return openHiveClient(
    hiveClientOptions.parse({ host: '127.0.0.1', port: server.port, connect_timeout_ms: 400, call_timeout_ms: 400, ...options }),
    hiveEnvironment,
  )
}

const signal = new AbortController().signal

/** Reads the first pages of a result that never ends. */
async function somePages(client: HiveClient): Promise<void> {
  const result = await client.query('many', signal)
  let pages = 0
  for await (const page of result.pages) {
    pages += page.rows > 0 ? 1 : 0
    if (pages === 3) break
  }
}

const CALLS = ['OpenSession', 'ExecuteStatement', 'GetOperationStatus', 'GetResultSetMetadata', 'FetchResults'] as const

describe.each([
  ['bare', { auth: 'NOSASL' as const }, { auth: 'nosasl' }],
  ['after a login', {}, {}],
  ['over HTTP', { transport: 'http' as const }, { transport: 'http' }],
])('a server, %s,', (_name, serverOptions, clientOptions) => {
  test.each(CALLS)('that never answers %s is given up at the deadline', async (call) => {
    await using server = await start(serverOptions)
    await using client = clientOf(server, clientOptions)
    server.arm({ call, kind: 'silent' })
    await expect(somePages(client)).rejects.toMatchObject({ code: 'TIMEOUT', recovery: 'retry' })
    await client.statement('ddl', signal)
  })

  test.each(CALLS.flatMap((call) => (['drop', 'half'] as const).map((kind) => [kind, call] as const)))(
    'that hangs up (%s) at %s is noticed at once, and the next statement connects again',
    async (kind, call) => {
      await using server = await start(serverOptions)
      await using client = clientOf(server, { ...clientOptions, connect_timeout_ms: 60_000, call_timeout_ms: 60_000 })
      server.arm({ call, kind })
      await expect(somePages(client)).rejects.toMatchObject({ code: 'CONNECTION', recovery: 'retry' })
      expect(server.state.statements.length).toBe(
        call === 'OpenSession' || (call === 'ExecuteStatement' && kind === 'drop') ? 0 : 1,
      )
      await somePages(client)
    },
  )

  test.each(CALLS)('that answers %s with something else ends in a clear error', async (call) => {
    await using server = await start(serverOptions)
    await using client = clientOf(server, clientOptions)
    server.arm({ call, kind: 'bytes' })
    const error = await somePages(client).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ name: 'ConnectorError' })
    // Framed, the bytes announce a message of a gigabyte or one that never ends.
    expect([call === 'OpenSession' ? 'CONFIGURATION' : 'CONNECTION', 'TIMEOUT']).toContain((error as { code: string }).code)
    await client.statement('ddl', signal)
  })

  test('that is slow, but not too slow, is waited for', async () => {
    await using server = await start(serverOptions)
    await using client = clientOf(server, clientOptions)
    for (const call of CALLS) server.arm({ call, kind: 'slow', ms: 30 } satisfies FakeFault)
    await somePages(client)
  })
})

describe('a statement', () => {
  test('that was sent is never sent again by the client', async () => {
    await using server = await start()
    await using client = clientOf(server)
    server.arm({ call: 'ExecuteStatement', kind: 'half' })
    await expect(client.statement('ddl', signal)).rejects.toMatchObject({ code: 'CONNECTION' })
    expect(server.state.statements).toEqual(['ddl'])
  })

  test('that outlives its deadline is cancelled on the server', async () => {
    await using server = await start()
    await using client = clientOf(server, { statement_timeout_ms: 120 })
    await expect(client.statement('long', signal)).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('statement_timeout_ms'),
    })
    expect(server.state.canceled).toEqual(['long'])
    expect(server.state.operations.size).toBe(0)
    await client.statement('ddl', signal)
    expect(server.state.opened).toHaveLength(1)
  })

  test('that is aborted while it runs is cancelled; the session goes on', async () => {
    await using server = await start()
    await using client = clientOf(server)
    const stop = new AbortController()
    const running = client.statement('long', stop.signal)
    await until(() => server.state.calls.includes('GetOperationStatus'))
    stop.abort()
    await expect(running).rejects.toMatchObject({ code: 'ABORTED' })
    expect(server.state.canceled).toEqual(['long'])
    expect(server.state.operations.size).toBe(0)
    await client.statement('ddl', signal)
    expect(server.state.opened).toHaveLength(1)
  })

  test('that is aborted while its rows are read is cancelled and closed', async () => {
    await using server = await start()
    await using client = clientOf(server)
    const stop = new AbortController()
    const result = await client.query('many', stop.signal)
    const reading = (async () => {
      for await (const _ of rowsOf(result)) stop.abort()
    })()
    await expect(reading).rejects.toThrow()
    expect(server.state.canceled).toEqual(['many'])
    expect(server.state.operations.size).toBe(0)
  })

  test('that is aborted while the server says nothing ends soon, at the price of the connection', async () => {
    await using server = await start()
    await using client = clientOf(server, { call_timeout_ms: 60_000 })
    await client.statement('ddl', signal)
    server.arm({ call: 'ExecuteStatement', kind: 'silent' })
    const stop = new AbortController()
    const asked = performance.now()
    const running = client.statement('ddl', stop.signal)
    await until(() => server.state.calls.filter((call) => call === 'ExecuteStatement').length === 2)
    stop.abort()
    await expect(running).rejects.toMatchObject({ code: 'ABORTED' })
    expect(performance.now() - asked).toBeLessThan(10_000)
    await client.statement('ddl', signal)
    expect(server.state.opened).toHaveLength(2)
  })

  test('that is aborted before it begins is not sent', async () => {
    await using server = await start()
    await using client = clientOf(server)
    await expect(client.statement('ddl', AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' })
    expect(server.state.calls).toEqual([])
  })

  test('is polled with growing pauses', async () => {
    const pauses: number[] = []
    await using server = await start()
    await using client = openHiveClient(hiveClientOptions.parse({ host: '127.0.0.1', port: server.port }), {
      ...hiveEnvironment,
      sleep: async (ms) => void pauses.push(ms),
    })
    await client.statement('later', signal)
    expect(pauses).toEqual([50, 75, 112.5])
  })
})

describe('a server that is not there', () => {
  test('nothing listens', async () => {
    const server = await start()
    await server.close()
    await using client = clientOf(server)
    await expect(client.statement('ddl', signal)).rejects.toMatchObject({ code: 'CONNECTION', message: /nothing listens/ })
  })

  test('somebody listens and says nothing', async () => {
    const silent = createServer(() => {})
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as { port: number }
    for (const auth of ['none', 'nosasl']) {
      const client = clientOf({ port }, { auth })
      await expect(client.statement('ddl', signal)).rejects.toMatchObject({
        code: 'TIMEOUT',
        message: /hive\.server2\.authentication/,
      })
      await client[Symbol.asyncDispose]()
    }
    silent.close()
  })

  test('it goes while the client is idle: the next statement finds out and connects again', async () => {
    await using server = await start()
    await using client = clientOf(server)
    await client.statement('ddl', signal)
    server.dropConnections()
    await until(() => server.connections() === 0)
    await client.statement('ddl', signal)
    expect(server.state.opened).toHaveLength(2)
  })

  test('the first of two that open a session is aborted: the other gets it', async () => {
    await using server = await start()
    server.arm({ call: 'OpenSession', kind: 'slow', ms: 100 })
    await using client = clientOf(server)
    const stop = new AbortController()
    const first = client.statement('ddl', stop.signal)
    const second = client.statement('ddl', signal)
    await until(() => server.state.calls.includes('OpenSession'))
    stop.abort()
    await expect(first).rejects.toMatchObject({ code: 'ABORTED' })
    await second
    expect(server.state.opened).toHaveLength(1)
  })
})

describe('the end of a message in a stream', () => {
  test('is found in chunks of every size', async () => {
    await using server = await start({
      auth: 'NOSASL',
      script: scripted([
        'a',
        {
          columns: ['l bigint', 's string', 'x binary'],
          rows: [
            [1n, 'ž', null],
            [null, '', new Uint8Array(9)],
          ],
        },
      ]),
    })
    const answers: Buffer[] = []
    // Between client and server, so that real answers are what is cut.
    const relay = createServer((near) => {
      const far = connect(server.port, '127.0.0.1')
      near.on('data', (chunk) => far.write(chunk))
      far.on('data', (chunk) => {
        answers.push(chunk)
        near.write(chunk)
      })
      near.on('close', () => far.destroy())
    })
    relay.listen(0, '127.0.0.1')
    await once(relay, 'listening')
    {
      await using client = clientOf(relay.address() as { port: number }, { auth: 'nosasl' })
      for await (const _ of rowsOf(await client.query('a', signal)));
    }
    relay.close()
    expect(answers.length).toBeGreaterThan(5)
    for (const answer of answers) {
      for (const size of [1, 2, 3, 5, 7, 11, answer.length]) {
        const scanner = new MessageScanner(1_000_000)
        const found: Buffer[] = []
        for (let at = 0; at < answer.length; at += size) {
          const whole = scanner.feed(answer.subarray(at, at + size))
          if (whole !== null) found.push(whole)
        }
        expect(found).toEqual([answer])
      }
    }
  })

  test('is not looked for in what is no message, or too long a one', () => {
    expect(() => new MessageScanner(1000).feed(Buffer.from('HTTP/1.1 400'))).toThrow(/binary protocol/)
    const endless = Buffer.from([0x80, 1, 0, 2, 0, 0, 0, 1, 97, 0, 0, 0, 1, 15, 0, 1, 10, 0x7f, 0xff, 0xff, 0xff])
    expect(() => new MessageScanner(1000).feed(endless)).toThrow(/longer than/)
    const negative = Buffer.from([0x80, 1, 0, 2, 0xff, 0xff, 0xff, 0xff])
    expect(() => new MessageScanner(1000).feed(negative)).toThrow(/negative/)
    const deep = Buffer.concat([Buffer.from([0x80, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1]), Buffer.alloc(900, Buffer.from([12, 0, 1]))])
    expect(() => new MessageScanner(1000).feed(deep)).toThrow(/too deep/)
  })
})

describe('a message that was sent to do harm', () => {
  test('is refused before the stack or the memory is gone', () => {
    const deep = new MessageReader(Buffer.alloc(9_000_000, Buffer.from([12, 0, 1])))
    expect(() => deep.skip(12)).toThrow(/too deep/)
    const lists = new MessageReader(Buffer.alloc(5_000_000, Buffer.from([15, 0, 0, 0, 1])))
    expect(() => lists.skip(15)).toThrow(/too deep/)
    expect(() => new MessageReader(Buffer.from([0x7f, 0xff, 0xff, 0xff])).readBinary()).toThrow(/beyond the end/)
    expect(() => new MessageReader(Buffer.from([10, 0x7f, 0xff, 0xff, 0xff])).readListBegin()).toThrow(/beyond the end/)
    expect(() => new MessageReader(Buffer.from([99])).skip(99)).toThrow(/type 99/)
  })
})

async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { interval: 5 }).toBe(true)
}
