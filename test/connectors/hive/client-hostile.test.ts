/** The Hive client before servers that answer what no server may, or are none: a clear error, soon, and the connection is given up. */
import { once } from 'node:events'
import { createServer as createHttpServer, type ServerResponse } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { ConnectorError } from '../../../connectors/errors.ts'
import { type HiveClient, openHiveClient, rowsOf } from '../../../connectors/hive/client/client.ts'
import { MessageScanner } from '../../../connectors/hive/client/message-scanner.ts'
import { hiveClientOptions } from '../../../connectors/hive/client/options.ts'
import { DONE, rowsAnswer, scripted } from '../../support/hive/answers.ts'
import { hiveEnvironment } from '../../support/hive/environment.ts'
import { type FakeFault, type FakeHiveOptions, startFakeHive } from '../../support/hive/server.ts'

const signal = new AbortController().signal

const script = scripted(
  ['ddl', DONE],
  [
    'rows',
    rowsAnswer(
      ['a int', 'b string'],
      [
        [1, 'x'],
        [2, null],
      ],
    ),
  ],
)

const start = (options: Partial<FakeHiveOptions> = {}) => startFakeHive({ script, ...options })

function clientOf(server: { readonly port: number }, options: Readonly<Record<string, unknown>> = {}): HiveClient {
  const given = { host: '127.0.0.1', port: server.port, connect_timeout_ms: 30_000, call_timeout_ms: 30_000, ...options }
  return openHiveClient(hiveClientOptions.parse(given), hiveEnvironment)
}

async function read(client: HiveClient, sql: string): Promise<unknown> {
  const found = []
  for await (const row of rowsOf(await client.query(sql, signal))) found.push(row)
  return found
}

const failureOf = async (work: Promise<unknown>): Promise<ConnectorError> =>
  await work.then(
    () => expect.unreachable('it was taken for an answer'),
    (error: ConnectorError) => error,
  )

const WAYS = [
  ['bare', { auth: 'NOSASL' as const }, { auth: 'nosasl' }, 0],
  ['framed', {}, {}, 4],
  ['over HTTP', { transport: 'http' as const }, { transport: 'http' }, 0],
] as const

/** The answer as it stands behind the bytes of its frame, with a frame that fits again. */
const within =
  (frame: number, change: (message: Buffer) => Buffer) =>
  (answer: Buffer): Buffer => {
    const changed = change(Buffer.from(answer.subarray(frame)))
    if (frame === 0) return changed
    const head = Buffer.alloc(4)
    head.writeInt32BE(changed.length)
    return Buffer.concat([head, changed])
  }

/** A message is: version and type, length and text of the name, sequence, struct. */
const nameEnd = (message: Buffer): number => 8 + message.readInt32BE(4)
const structAt = (message: Buffer): number => nameEnd(message) + 4

function written(message: Buffer, at: number, value: number): Buffer {
  message.writeInt32BE(value, at)
  return message
}

const withStruct = (message: Buffer, ...bytes: readonly number[]): Buffer =>
  Buffer.concat([message.subarray(0, structAt(message)), Buffer.from(bytes)])

const HUGE = [0x7f, 0xff, 0xff, 0xff]
const MINUS = [0xff, 0xff, 0xff, 0xff]

/** Field heads: type, id. 2 bool, 8 i32, 11 string, 12 struct, 13 map, 15 list. */
const MESSAGES: readonly (readonly [string, (message: Buffer) => Buffer])[] = [
  ['another version of the protocol', (message) => written(message, 0, 0x7001_0002)],
  ['a call instead of an answer', (message) => written(message, 0, 0x80010001 | 0)],
  [
    'the name of another call',
    (message) => Buffer.from(message.toString('latin1').replace('FetchResults', 'FetchResultz'), 'latin1'),
  ],
  ['the number of another call', (message) => written(message, nameEnd(message), 4711)],
  ['a name of negative length', (message) => written(message, 4, -1)],
  ['a name of two gigabytes', (message) => written(message, 4, 0x7fff_ffff)],
  ['a type that is none', (message) => withStruct(message, 99, 0, 1, 0)],
  [
    'a text of negative length',
    (message) => withStruct(message, 12, 0, 0, 12, 0, 1, 8, 0, 1, 0, 0, 0, 3, 11, 0, 5, ...MINUS, 0, 0, 0),
  ],
  [
    'a text of two gigabytes',
    (message) => withStruct(message, 12, 0, 0, 12, 0, 1, 8, 0, 1, 0, 0, 0, 3, 11, 0, 5, ...HUGE, 0, 0, 0),
  ],
  ['a list of two thousand million', (message) => withStruct(message, 12, 0, 0, 15, 0, 9, 8, ...HUGE, 0, 0)],
  ['a map of two thousand million', (message) => withStruct(message, 12, 0, 0, 13, 0, 9, 3, 3, ...HUGE, 0, 0)],
  ['structs without end', (message) => Buffer.concat([withStruct(message), Buffer.alloc(30_000, Buffer.from([12, 0, 1]))])],
  ['nothing in it', (message) => withStruct(message, 0)],
  ['more than its message', (message) => Buffer.concat([message, Buffer.from('more')])],
]

describe.each(WAYS)('a server, %s,', (way, serverOptions, clientOptions, frame) => {
  test.each(MESSAGES)('that answers with %s is refused, and spoken to anew', async (what, change) => {
    await using server = await start(serverOptions)
    await using client = clientOf(server, clientOptions)
    server.arm({ call: 'FetchResults', kind: 'bytes', bytes: within(frame, change) })
    const asked = performance.now()
    // Behind a frame or a body nobody looks at what follows the struct.
    if (what === 'more than its message' && way !== 'bare') {
      expect(await read(client, 'rows')).toHaveLength(2)
      return
    }
    const error = await failureOf(read(client, 'rows'))
    expect(`${error.code} ${error.message}`).toMatch(/^CONNECTION .*again/)
    expect(performance.now() - asked).toBeLessThan(10_000)
    expect(await read(client, 'rows')).toHaveLength(2)
    expect(server.state.opened.length).toBeGreaterThan(1)
  })

  test('that drips its answer is given up at the deadline', async () => {
    await using server = await start(serverOptions)
    await using client = clientOf(server, { ...clientOptions, call_timeout_ms: 500 })
    server.arm({ call: 'FetchResults', kind: 'drip', ms: 20 })
    await expect(read(client, 'rows')).rejects.toMatchObject({ code: 'TIMEOUT' })
    await using patient = clientOf(server, clientOptions)
    expect(await read(patient, 'rows')).toHaveLength(2)
  })

  test('whose side of the protocol fails says why, and is tried again', async () => {
    await using server = await start(serverOptions)
    await using client = clientOf(server, clientOptions)
    const exception = (text: string) => (message: Buffer) => {
      const words = Buffer.from(text)
      const head = written(Buffer.from(message), 0, 0x80010003 | 0)
      return Buffer.concat([withStruct(head, 11, 0, 1, 0, 0, 0, words.length), words, Buffer.from([8, 0, 2, 0, 0, 0, 6, 0])])
    }
    const arm = (call: string, text: string) => server.arm({ call, kind: 'bytes', bytes: within(frame, exception(text)) })
    arm('FetchResults', 'Internal error processing FetchResults')
    await expect(read(client, 'rows')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: /Internal error processing FetchResults/,
    })
    await using other = clientOf(server, clientOptions)
    arm('OpenSession', "Invalid method name: 'OpenSession'")
    await expect(read(other, 'rows')).rejects.toMatchObject({ code: 'CONFIGURATION', message: /another kind.*10000.*9083/ })
  })
})

type Change = NonNullable<FakeFault['result']>
const ROWS = { values: [1, 2], nulls: Buffer.alloc(1) }
const sets =
  (...columns: readonly object[]): Change =>
  () => ({
    status: { statusCode: 0 },
    results: { startRowOffset: { buffer: Buffer.alloc(8) }, rows: [], columns },
  })
const text = (...values: readonly string[]) => ({ stringVal: { values, nulls: Buffer.alloc(1) } })

const STRUCTURES: readonly (readonly [string, string, Change, RegExp])[] = [
  ['columns of different lengths', 'FetchResults', sets({ i32Val: ROWS }, text('x')), /different lengths/],
  [
    'more columns than it named',
    'FetchResults',
    sets({ i32Val: ROWS }, text('x', 'y'), text('x', 'y')),
    /3 columns of values for 2/,
  ],
  ['fewer columns than it named', 'FetchResults', sets({ i32Val: ROWS }), /1 columns of values for 2/],
  ['texts for numbers', 'FetchResults', sets(text('1', '2'), text('x', 'y')), /stringVal for column "a", which is int/],
  ['a column without values', 'FetchResults', sets({}, text('x', 'y')), /a column|column "a"/],
  ['no operation', 'ExecuteStatement', () => ({ status: { statusCode: 0 } }), /without an operation/],
  ['no state', 'GetOperationStatus', () => ({ status: { statusCode: 0 } }), /without a state/],
]

describe('a server whose structures lack what the interface requires', () => {
  test.each(STRUCTURES)('(%s) is refused; the operation is closed', async (_what, call, result, message) => {
    await using server = await start()
    await using client = clientOf(server)
    server.arm({ call, kind: 'result', result })
    const error = await failureOf(read(client, 'rows'))
    expect(error).toMatchObject({ name: 'ConnectorError', message: expect.stringMatching(message) })
    if (call !== 'ExecuteStatement') expect(server.state.operations.size).toBe(0)
    expect(await read(client, 'rows')).toHaveLength(2)
  })

  test('(a session) is refused at once', async () => {
    await using server = await start()
    await using client = clientOf(server)
    server.arm({ call: 'OpenSession', kind: 'result', result: () => ({ status: { statusCode: 0 }, serverProtocolVersion: 7 }) })
    await expect(read(client, 'rows')).rejects.toMatchObject({ name: 'ConnectorError', message: /without a session/ })
  })

  test('but says more than this client knows is understood', async () => {
    await using server = await start({ auth: 'NOSASL' })
    await using client = clientOf(server, { auth: 'nosasl' })
    // A field 99 of a map of texts, before the others.
    const bytes = (message: Buffer) => {
      const at = structAt(message) + 3
      const extra = Buffer.from([13, 0, 99, 11, 11, 0, 0, 0, 1, 0, 0, 0, 1, 97, 0, 0, 0, 1, 98])
      return Buffer.concat([message.subarray(0, at), extra, message.subarray(at)])
    }
    server.arm({ call: 'FetchResults', kind: 'bytes', bytes })
    expect(await read(client, 'rows')).toEqual([
      [1, 'x'],
      [2, null],
    ])
  })
})

describe('somebody else on the port', () => {
  const GREETINGS: readonly (readonly [string, (socket: Socket) => void])[] = [
    ['SSH', (socket) => socket.write('SSH-2.0-OpenSSH_9.6\r\n')],
    ['HTTP', (socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n'))],
    ['TLS', (socket) => socket.once('data', () => socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, 50])))],
    ['SMTP', (socket) => socket.write('220 mail ready\r\n')],
  ]
  const logins = [{ auth: 'none' }, { auth: 'nosasl' }, { transport: 'http' }, { tls: true }] as const
  for (const [name, greet] of GREETINGS) {
    test.each(logins)(`${name} is told apart from a server (%j)`, async (login) => {
      const server = createServer((socket) => {
        socket.on('error', () => {})
        greet(socket)
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as { readonly port: number }
      await using client = clientOf({ port }, login)
      const error = await failureOf(client.statement('ddl', signal))
      const said = `${error.code} ${error.message}`
      if ('tls' in login) expect(said).toMatch(/^(?:TLS|CONNECTION) .*tls/)
      else if ('transport' in login && name === 'HTTP') expect(said).toMatch(/^CONNECTION .*HTTP 400.*transport/)
      else expect(said).toMatch(/^CONFIGURATION .*(?:not what was expected).*hive\.server2/)
      server.close()
    })
  }

  test('a login that is answered with an unknown status, or with more than an answer', async () => {
    for (const [answer, expected] of [
      [[9, 0, 0, 0, 0], 'CONFIGURATION'],
      [[3, 0, 0, 0, 5, ...Buffer.from('no\nat')], 'AUTHENTICATION'],
      [[5, 0x7f, 0xff, 0xff, 0xff], 'CONFIGURATION'],
      [[5, 0, 0, 0, 0, 1, 2], 'CONFIGURATION'],
      [[2, 0, 0, 0, 0], 'AUTHENTICATION'],
    ] as const) {
      const server = createServer(
        (socket) => void socket.on('error', () => {}).once('data', () => socket.write(Buffer.from(answer))),
      )
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      await using client = clientOf(server.address() as { readonly port: number })
      expect((await failureOf(client.statement('ddl', signal))).code).toBe(expected)
      server.close()
    }
  })
})

describe('a server of HTTP', () => {
  const answers: readonly (readonly [string, (response: ServerResponse) => void, RegExp])[] = [
    [
      'a redirect',
      (response) => void response.writeHead(302, { location: 'http://elsewhere.example/?token=abc' }).end(),
      /^CONFIGURATION .*redirect.*not followed/,
    ],
    [
      '401',
      (response) => void response.writeHead(401).end('<html>no</html>'),
      /^AUTHENTICATION .*HTTP 401.*user, password and auth/,
    ],
    ['403', (response) => void response.writeHead(403).end(), /^AUTHENTICATION .*HTTP 403/],
    ['404', (response) => void response.writeHead(404).end(), /^CONFIGURATION .*http_path/],
    ['429', (response) => void response.writeHead(429).end(), /^THROTTLED /],
    ['500', (response) => void response.writeHead(500).end('trace'), /^CONNECTION .*HTTP 500.*transport/],
    ['503', (response) => void response.writeHead(503).end(), /^UNAVAILABLE /],
    ['a page', (response) => void response.end('<html>Welcome</html>'), /^CONFIGURATION .*not what was expected.*transport/],
    ['an empty body', (response) => void response.end(), /^CONFIGURATION .*not what was expected/],
    [
      'compressed bytes',
      (response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x')),
      /^CONFIGURATION /,
    ],
    [
      'a body cut short',
      (response) => {
        response.writeHead(200, { 'content-length': 100 })
        response.write('x', () => response.destroy())
      },
      /^CONNECTION .*again/,
    ],
  ]
  test.each(answers)('that answers with %s', async (_what, answer, expected) => {
    const server = createHttpServer((request, response) => {
      expect(request.headers['accept-encoding']).toBe('identity')
      request.resume()
      answer(response)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    await using client = clientOf(server.address() as { readonly port: number }, {
      transport: 'http',
      user: 'ada',
      password: 'se%cret',
    })
    const { code, message } = await failureOf(client.statement('ddl', signal))
    expect(`${code} ${message}`).toMatch(expected)
    expect(message).not.toMatch(/se%cret|token=abc|<html>/)
    server.close()
    server.closeAllConnections()
  })
})

test('a map whose size alone is there does not keep the scanner counting', () => {
  const head = [0x80, 1, 0, 2, 0, 0, 0, 1, 97, 0, 0, 0, 1]
  const started = performance.now()
  expect(() => new MessageScanner(1_000_000).feed(Buffer.from([...head, 13, 0, 1, 3, 8, ...HUGE]))).toThrow(/longer than/)
  expect(performance.now() - started).toBeLessThan(500)
})
