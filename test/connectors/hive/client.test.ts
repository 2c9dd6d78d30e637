/** The Hive client against a fake HiveServer2 that speaks real Thrift: values, sessions, ways to connect. */
import { describe, expect, test } from 'vitest'
import { type HiveClient, openHiveClient, rowsOf } from '../../../connectors/hive/client/client.ts'
import { hiveClientOptions } from '../../../connectors/hive/client/options.ts'
import { selfSignedCertificate } from '../../../orchestration/dev/self-signed.ts'
import { DONE, failure, rowsAnswer, type Script, scripted } from '../../support/hive/answers.ts'
import { hiveEnvironment } from '../../support/hive/environment.ts'
import { type FakeHiveOptions, type FakeHiveServer, startFakeHive } from '../../support/hive/server.ts'

const signal = new AbortController().signal

function clientOf(server: FakeHiveServer, options: Readonly<Record<string, unknown>> = {}): HiveClient {
  return openHiveClient(hiveClientOptions.parse({ host: '127.0.0.1', port: server.port, ...options }), hiveEnvironment)
}

async function allRows(client: HiveClient, sql: string) {
  const result = await client.query(sql, signal)
  const rows = []
  for await (const row of rowsOf(result)) rows.push(row)
  return { columns: result.columns, rows }
}

const VALUES = rowsAnswer(
  [
    'b boolean',
    't tinyint',
    's smallint',
    'i int',
    'l bigint',
    'f float',
    'd double',
    'dec decimal(38,18)',
    'v varchar(20)',
    'c char(3)',
    'day date',
    'ts timestamp',
    'list array',
    'm map',
    'r struct',
    'x binary',
    'n void',
    'l bigint',
  ],
  [
    [
      true,
      -128,
      -32768,
      -2147483648,
      2n ** 63n - 1n,
      0.1,
      Number.NaN,
      '12345678901234567890.123456789012345678',
      'žluťoučký 🐎',
      'ab ',
      '1582-10-04',
      '0001-01-01 00:00:00.123456789',
      '[1,null,3]',
      '{"k":"v"}',
      '{"a":1,"b":null}',
      new Uint8Array([0, 255, 10]),
      null,
      -(2n ** 63n),
    ],
    Array.from({ length: 18 }, () => null),
    [
      false,
      127,
      32767,
      2147483647,
      0n,
      1.5,
      -Infinity,
      '0',
      '',
      '   ',
      '9999-12-31',
      '9999-12-31 23:59:59',
      '[]',
      '{}',
      '{}',
      new Uint8Array(0),
      null,
      1n,
    ],
  ],
)

const script: Script = scripted(
  ['values', VALUES],
  ['empty', rowsAnswer(['a int', 'b string'], [])],
  ['ddl', DONE],
  ['spark ddl', rowsAnswer([], [])],
  ['many', { columns: ['id bigint', 'name string'], rows: () => numbered(25_001) }],
  ['wide', { columns: ['s string'], rows: () => Array.from({ length: 1_000 }, () => ['x'.repeat(64 * 1024)] as const) }],
  [
    /^fail (execute|run|fetch)/,
    (sql) => failure(sql.slice(5) as 'run', { message: 'FAILED: no', errorCode: 10001, sqlState: '42S02' }, ['a int']),
  ],
)

function* numbered(count: number): Generator<readonly [bigint, string | null]> {
  for (let id = 0; id < count; id++) yield [BigInt(id), id % 3 === 0 ? null : `name ${id}`]
}

const start = (options: Partial<FakeHiveOptions> = {}): Promise<FakeHiveServer> => startFakeHive({ script, ...options })

describe('values', () => {
  test.each([6, 8, 10])('are exact by protocol version %i, repeated column names kept', async (protocol) => {
    await using server = await start()
    await using client = clientOf(server, { protocol })
    const { columns, rows } = await allRows(client, 'values')
    expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual(VALUES.columns)
    expect(columns.filter(({ name }) => name === 'l')).toHaveLength(2)
    expect(rows).toHaveLength(3)
    const [first = [], second = [], third = []] = rows
    expect(first.slice(0, 5)).toEqual([true, -128, -32768, -2147483648, 9223372036854775807n])
    expect(first[5]).toBe(Math.fround(0.1))
    expect(first[6]).toBeNaN()
    expect(first.slice(7, 15)).toEqual([
      '12345678901234567890.123456789012345678',
      'žluťoučký 🐎',
      'ab ',
      '1582-10-04',
      '0001-01-01 00:00:00.123456789',
      '[1,null,3]',
      '{"k":"v"}',
      '{"a":1,"b":null}',
    ])
    expect([...(first[15] as Uint8Array)]).toEqual([0, 255, 10])
    expect(first.slice(16)).toEqual([null, -9223372036854775808n])
    expect(second).toEqual(Array.from({ length: 18 }, () => null))
    expect(third[6]).toBe(-Infinity)
    expect(third[17]).toBe(1n)
  })

  test('come as rows before protocol version 6; bytes are refused there, with the cure', async () => {
    await using server = await start({
      script: scripted(
        [
          'rows',
          rowsAnswer(
            ['a bigint', 'b string', 'c float'],
            [
              [2n ** 62n, null, 0.1],
              [null, 'x', null],
            ],
          ),
        ],
        ['bytes', rowsAnswer(['x binary'], [['a']])],
      ),
    })
    await using client = clientOf(server, { protocol: 5 })
    expect((await allRows(client, 'rows')).rows).toEqual([
      [2n ** 62n, null, Math.fround(0.1)],
      [null, 'x', null],
    ])
    await expect(allRows(client, 'bytes')).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('Set protocol to 6'),
    })
  })

  test('come by pages until an empty one, whatever the server says of more', async () => {
    await using server = await start()
    await using client = clientOf(server)
    const result = await client.query('many', signal)
    const pages = []
    for await (const page of result.pages) pages.push(page)
    expect(pages.map(({ rows }) => rows)).toEqual([500, 10_000, 10_000, 4_501])
    expect(pages[3]?.columns[0]?.at(-1)).toBe(25_000n)
    expect(pages[0]?.columns[1]?.slice(0, 3)).toEqual([null, 'name 1', 'name 2'])
    expect(server.state.operations.size).toBe(0)
  })

  test('a result without rows has its columns, a statement without a result none', async () => {
    await using server = await start()
    await using client = clientOf(server)
    expect(await allRows(client, 'empty')).toEqual({
      columns: [
        { name: 'a', type: 'int' },
        { name: 'b', type: 'string' },
      ],
      rows: [],
    })
    expect(await allRows(client, 'ddl')).toEqual({ columns: [], rows: [] })
    expect(await allRows(client, 'spark ddl')).toEqual({ columns: [], rows: [] })
    await client.statement('values', signal)
    expect(server.state.operations.size).toBe(0)
  })

  test('come in pages of some megabytes: the wider the rows, the fewer at once, and none before the last page was taken', async () => {
    await using server = await start()
    await using client = clientOf(server)
    const fetched = () => server.state.calls.filter((call) => call === 'FetchResults').length
    const result = await client.query('wide', signal)
    expect(fetched()).toBe(0)
    const sizes: number[] = []
    for await (const page of result.pages) {
      sizes.push(page.rows)
      expect(fetched()).toBe(sizes.length)
    }
    expect(sizes).toEqual([500, 255, 245])
  })

  test('that nobody wants any more are let go: the operation is closed when the reader stops', async () => {
    await using server = await start()
    await using client = clientOf(server, { page_rows: 100 })
    const result = await client.query('many', signal)
    for await (const page of result.pages) {
      expect(page.rows).toBe(100)
      break
    }
    expect(server.state.operations.size).toBe(0)
    expect(() => result.pages[Symbol.asyncIterator]()).toThrow(/asked for twice/)
  })
})

describe('sessions', () => {
  test('one is opened by the first statement, with settings of the dialect and of the block, and closed in the end', async () => {
    await using server = await start()
    {
      await using client = clientOf(server, { user: 'ada', session: { 'a.b': 'c', 'use:database': 'd' } })
      expect(server.state.sessions.size).toBe(0)
      await Promise.all([client.statement('ddl', signal), client.statement('ddl', signal)])
      expect(server.state.opened).toEqual([
        expect.objectContaining({
          user: 'ada',
          settings: {
            'set:hiveconf:hive.local.time.zone': 'UTC',
            'set:hiveconf:hive.resultset.use.unique.column.names': 'false',
            'set:hiveconf:a.b': 'c',
            'use:database': 'd',
          },
        }),
      ])
    }
    expect(server.state.sessions.size).toBe(0)
    await using spark = clientOf(server, { dialect: 'spark' })
    await spark.statement('ddl', signal)
    expect(server.state.opened[1]?.settings).toEqual({ 'set:hiveconf:spark.sql.session.timeZone': 'UTC' })
  })

  test('a server that forgot the session gets the statement again in a new one, for it ran none', async () => {
    await using server = await start()
    await using client = clientOf(server)
    await client.statement('ddl', signal)
    server.forgetSessions()
    await client.statement('ddl', signal)
    expect(server.state.statements).toEqual(['ddl', 'ddl'])
    expect(server.state.opened).toHaveLength(2)
  })

  test('a client that was closed says so', async () => {
    await using server = await start()
    const client = clientOf(server)
    await client[Symbol.asyncDispose]()
    await expect(client.statement('ddl', signal)).rejects.toMatchObject({ code: 'INTERNAL' })
  })
})

describe('ways to connect', () => {
  const users = { ada: 'sécret' }
  const { certificate, key } = selfSignedCertificate(new Date())

  test.each([
    ['bare', { auth: 'NOSASL' as const }, { auth: 'nosasl' }],
    ['with any password', {}, {}],
    ['with user and password', { users }, { auth: 'ldap', user: 'ada', password: 'sécret' }],
    ['over HTTP', { transport: 'http' as const, users }, { transport: 'http', user: 'ada', password: 'sécret' }],
    ['over HTTP on another path', { transport: 'http' as const, httpPath: 'a/b' }, { transport: 'http', http_path: '/a/b' }],
    ['over TLS', { tls: { certificate, key } }, { tls: true, ca: certificate }],
    ['over TLS, bare', { tls: { certificate, key }, auth: 'NOSASL' as const }, { tls: true, ca: certificate, auth: 'nosasl' }],
    ['over HTTPS', { tls: { certificate, key }, transport: 'http' as const }, { tls: true, ca: certificate, transport: 'http' }],
  ])('%s', async (_name, serverOptions, clientOptions) => {
    await using server = await start(serverOptions)
    await using client = clientOf(server, clientOptions)
    expect((await allRows(client, 'many')).rows).toHaveLength(25_001)
  })

  test.each([
    ['a wrong password', { users }, { auth: 'ldap', user: 'ada', password: 'wrong' }, 'AUTHENTICATION'],
    [
      'a wrong password over HTTP',
      { users, transport: 'http' as const },
      { transport: 'http', user: 'ada', password: 'wrong' },
      'AUTHENTICATION',
    ],
    ['another path', { transport: 'http' as const }, { transport: 'http', http_path: 'other' }, 'CONFIGURATION'],
    ['an unknown authority', { tls: { certificate, key } }, { tls: true }, 'TLS'],
    [
      'an unknown authority over HTTPS',
      { tls: { certificate, key }, transport: 'http' as const },
      { tls: true, transport: 'http' },
      'TLS',
    ],
    [
      'a certificate of another host',
      { tls: { certificate, key } },
      { tls: true, ca: certificate, tls_server_name: 'db.example' },
      'TLS',
    ],
    ['TLS to a server without', {}, { tls: true }, 'CONNECTION'],
    ['a login that the server does not expect', { auth: 'NOSASL' as const }, { auth: 'none' }, 'CONNECTION'],
    ['no login where one is expected', {}, { auth: 'nosasl' }, 'CONNECTION'],
    ['binary to an HTTP server', { transport: 'http' as const }, { connect_timeout_ms: 500 }, 'CONFIGURATION'],
  ])('%s is refused, with the field to correct and without the password', async (_name, serverOptions, clientOptions, code) => {
    await using server = await start(serverOptions)
    await using client = clientOf(server, clientOptions)
    const error: unknown = await client.statement('ddl', signal).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code })
    expect(String(error)).toContain('config/connections.yaml')
    expect(String(error)).not.toMatch(/sécret|wrong/)
  })

  test('Kerberos is refused by name, with what to install', async () => {
    await using server = await start()
    await using client = clientOf(server, { auth: 'kerberos' })
    await expect(client.statement('ddl', signal)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('npm install kerberos'),
    })
  })
})

describe('failures of a statement', () => {
  test.each(['execute', 'run', 'fetch'])('at %s carry the server’s code and SQLSTATE', async (at) => {
    await using server = await start()
    await using client = clientOf(server)
    await expect(allRows(client, `fail ${at}`)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('(code 10001, SQLSTATE 42S02)'),
    })
    expect(server.state.operations.size).toBe(0)
    expect(server.state.statements).toHaveLength(1)
    await client.statement('ddl', signal)
  })
})

describe('options', () => {
  test.each([
    [{ host: 'h', ca: 'x' }, 'ca'],
    [{ host: 'h', auth: 'ldap' }, 'password'],
    [{ host: 'h', auth: 'nosasl', password: 'x' }, 'password'],
    [{ host: 'h', auth: 'kerberos', transport: 'http' }, 'transport'],
    [{ host: 'h', user: 'a:b', transport: 'http' }, 'user'],
    [{ host: 'h', user: 'a\0b' }, 'user'],
    [{ host: 'h', password: 'a\0b' }, 'password'],
    [{ host: 'h', protocol: 12 }, 'protocol'],
    [{ host: 'h', session: { 'a b': 'c' } }, 'session'],
  ])('%o: %s', (options, path) => {
    const { error } = hiveClientOptions.safeParse(options)
    expect(error?.issues.map((issue) => issue.path[0])).toContain(path)
  })
})
