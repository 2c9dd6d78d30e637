/** The Hive client against a real HiveServer2 and a real Spark Thrift server, whose own time zone is another one on purpose. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HiveClient, openHiveClient, rowsOf } from '../../connectors/hive/client/client.ts'
import { hiveClientOptions } from '../../connectors/hive/client/options.ts'
import { hiveEnvironment } from '../support/hive/environment.ts'
import { type HiveServer, startHiveServer } from '../support/services/hive-server.ts'
import type { JavaServer } from '../support/services/java-server.ts'
import { serverFigures } from '../support/services/server-figures.ts'
import { startSparkThrift } from '../support/services/spark-thrift.ts'

const ELSEWHERE = 'Asia/Kolkata'
const signal = new AbortController().signal

type Options = Readonly<Record<string, unknown>>

function clientOf(server: JavaServer, options: Options): HiveClient {
  return openHiveClient(hiveClientOptions.parse({ host: server.host, port: server.port, ...options }), hiveEnvironment)
}

async function rows(client: HiveClient, sql: string) {
  const found = []
  for await (const row of rowsOf(await client.query(sql, signal))) found.push(row)
  return found
}

/** What differs between the two; both answer to the rest alike. */
const SERVERS = {
  hive: {
    start: (): Promise<HiveServer> => startHiveServer({ http: true, timeZone: ELSEWHERE }),
    auth: { auth: 'none', user: 'ada', password: 'anything' },
    otherAuth: { auth: 'nosasl' },
    transports: ['binary', 'http'],
    protocols: [5, 7, 8, 9, 10],
    millionRows:
      "select pos as id, concat('name ', pos) as name from (select posexplode(split(repeat(',', 999999), ',')) as (pos, x)) t",
    long: "select count(*) from (select posexplode(split(repeat(',', 30000), ','))) a cross join (select posexplode(split(repeat(',', 30000), ','))) b cross join (select posexplode(split(repeat(',', 30000), ','))) c",
    failsAtFetch: { session: {}, sql: 'select assert_true(id < 0) from one_row' },
  },
  spark: {
    start: (): Promise<JavaServer> =>
      startSparkThrift({ auth: 'NOSASL', timeZone: 'UTC', settings: { 'spark.sql.session.timeZone': ELSEWHERE } }),
    auth: { auth: 'nosasl', user: 'ada' },
    otherAuth: { auth: 'none' },
    transports: ['binary'],
    protocols: [6, 7, 8, 9, 10, 11],
    millionRows: "select id, concat('name ', id) as name from range(1000000)",
    // Many small tasks: one that runs does not look whether it was cancelled.
    long: 'select count(*) from range(0, 1000000, 1, 4000) a cross join range(1000000) b where a.id * b.id = -1',
    failsAtFetch: {
      session: { 'spark.sql.thriftServer.incrementalCollect': 'true' },
      sql: 'select 1 / (id - 90000) from range(0, 100000, 1, 4)',
    },
  },
} as const

describe.each(['hive', 'spark'] as const)('%s', (dialect) => {
  const setup = SERVERS[dialect]
  const own = { ...setup.auth, dialect }
  let server: JavaServer & { readonly httpPort?: number | null }
  let client: HiveClient
  beforeAll(async () => {
    server = await setup.start()
    const atStart = await server.rss()
    console.log(await serverFigures(dialect, { startMs: server.startMs, rssBytes: atStart }))
    client = clientOf(server, own)
  })
  afterAll(async () => {
    await client[Symbol.asyncDispose]()
    await server.stop()
  })

  const VALUES = `select true as b, cast(-128 as tinyint) as t, cast(-32768 as smallint) as s, cast(-2147483648 as int) as i,
    9223372036854775807 as l, cast(0.1 as float) as f, cast('NaN' as double) as nan, cast('-Infinity' as double) as inf,
    cast('12345678901234567890.123456789012345678' as decimal(38,18)) as d, cast('1.50' as decimal(5,2)) as small,
    cast('abc' as varchar(20)) as v, cast('ab' as char(3)) as c, cast('1582-10-15' as date) as day,
    cast('2020-02-29 23:59:59.123456' as timestamp) as ts, cast('0001-01-01 00:00:00' as timestamp) as early,
    'ž 🐎' as text, '' as empty, cast(null as string) as n, cast('ab' as binary) as x, array(named_struct('a', 1, 'b', cast(null as string))) as nested,
    map('k', cast(1.5 as double)) as m`

  const EXPECTED = [
    true,
    -128,
    -32768,
    -2147483648,
    9223372036854775807n,
    Math.fround(0.1),
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    '12345678901234567890.123456789012345678',
    '1.50',
    'abc',
    // Spark knows padding and limits in tables only.
    dialect === 'hive' ? 'ab ' : 'ab',
    '1582-10-15',
    '2020-02-29 23:59:59.123456',
    '0001-01-01 00:00:00',
    'ž 🐎',
    '',
    null,
    Buffer.from('ab'),
    '[{"a":1,"b":null}]',
    '{"k":1.5}',
  ]

  test('every type and awkward value arrives exactly', async () => {
    const result = await client.query(VALUES, signal)
    expect(result.columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'b boolean',
      't tinyint',
      's smallint',
      'i int',
      'l bigint',
      'f float',
      'nan double',
      'inf double',
      'd decimal(38,18)',
      'small decimal(5,2)',
      dialect === 'hive' ? 'v varchar(20)' : 'v string',
      dialect === 'hive' ? 'c char(3)' : 'c string',
      'day date',
      'ts timestamp',
      'early timestamp',
      'text string',
      'empty string',
      'n string',
      'x binary',
      'nested array',
      'm map',
    ])
    const found = []
    for await (const row of rowsOf(result)) found.push(row)
    expect(found).toEqual([EXPECTED])
  })

  test.each(setup.protocols)('protocol version %i gives the same values', async (protocol) => {
    await using other = clientOf(server, { ...own, protocol })
    const bytes = VALUES.replace("cast('ab' as binary) as x", "'ab' as x")
    expect(await rows(other, protocol < 6 ? bytes : VALUES)).toEqual([
      protocol < 6 ? EXPECTED.map((value) => (value instanceof Buffer ? 'ab' : value)) : EXPECTED,
    ])
  })

  test.each(setup.transports)('the %s transport gives the same values', async (transport) => {
    const port = (transport === 'http' ? server.httpPort : null) ?? server.port
    await using other = clientOf(server, { ...own, transport, port })
    expect(await rows(other, VALUES)).toEqual([EXPECTED])
  })

  test('the session is in UTC, whatever the server’s own zone is', async () => {
    expect(await rows(client, 'select from_unixtime(0)')).toEqual([['1970-01-01 00:00:00']])
  })

  test('tables: names as the query has them, empty results with columns, nulls beside values, statements without a result', async () => {
    await client.statement('create table one_row (id bigint, `name` string) stored as orc', signal)
    const empty = await client.query('select * from one_row', signal)
    expect(empty.columns).toEqual([
      { name: 'id', type: 'bigint' },
      { name: 'name', type: 'string' },
    ])
    expect(await rows(client, 'select * from one_row')).toEqual([])
    await client.statement("insert into one_row values (1, 'a'), (null, 'b'), (3, null)", signal)
    expect(await rows(client, 'select * from one_row order by name nulls first')).toEqual([
      [3n, null],
      [1n, 'a'],
      [null, 'b'],
    ])
    const twice = await client.query('select a.id, b.id from one_row a join one_row b on a.id = b.id where a.id = 1', signal)
    expect(twice.columns).toHaveLength(2)
    for await (const row of rowsOf(twice)) expect(row).toEqual([1n, 1n])
  })

  test('a million rows stream through in little memory', async () => {
    const before = process.memoryUsage().rss
    const result = await client.query(setup.millionRows, signal)
    let [count, sum, most] = [0, 0n, 0]
    const began = performance.now()
    for await (const page of result.pages) {
      count += page.rows
      for (const id of page.columns[0] ?? []) sum += BigInt(id as number | bigint)
      expect(page.columns[1]?.[0]).toBe(`name ${count - page.rows}`)
      most = Math.max(most, process.memoryUsage().rss)
    }
    console.log(
      `${dialect}: 1,000,000 rows in ${Math.round(performance.now() - began)} ms, ${Math.round((most - before) / 1e6)} MB`,
    )
    expect([count, sum]).toEqual([1_000_000, 499_999_500_000n])
    expect(most - before).toBeLessThan(300e6)
  })

  test('what the engine refuses says why, and the session goes on', async () => {
    await expect(client.query('select * from nowhere', signal)).rejects.toMatchObject({ code: 'NOT_FOUND', message: /nowhere/ })
    await expect(client.statement('selec 1', signal)).rejects.toMatchObject({ code: 'STATEMENT', message: /SQLSTATE 42/ })
    expect(await rows(client, 'select 1')).toEqual([[1]])
  })

  test('a failure while rows are fetched is one of the statement', async () => {
    await using other = clientOf(server, { ...own, session: setup.failsAtFetch.session })
    const reading = rows(other, setup.failsAtFetch.sql)
    await expect(reading).rejects.toMatchObject({ name: 'ConnectorError', code: 'STATEMENT' })
    expect(await rows(other, 'select 2')).toEqual([[2]])
  })

  test('an abort stops the engine’s work; the session goes on', async () => {
    const stop = new AbortController()
    const running = client.query(setup.long, stop.signal)
    const soon = setTimeout(() => stop.abort(), 3_000)
    await expect(running).rejects.toMatchObject({ code: 'ABORTED' })
    clearTimeout(soon)
    const asked = performance.now()
    expect(await rows(client, 'select 3')).toEqual([[3]])
    expect(performance.now() - asked).toBeLessThan(60_000)
  })

  test('another login than the server’s ends in an error that names the setting', async () => {
    await using other = clientOf(server, { dialect, ...setup.otherAuth, connect_timeout_ms: 10_000 })
    await expect(other.statement('select 1', signal)).rejects.toMatchObject({ message: /hive\.server2\.authentication/ })
  })

  test('a server that is killed is noticed while a statement runs', async () => {
    console.log(`${dialect}: ${Math.round((await server.rss()) / 1e6)} MB after its tests`)
    const running = client.query(setup.long, signal)
    const soon = setTimeout(() => void server.kill(), 2_000)
    await expect(running).rejects.toMatchObject({ code: 'CONNECTION' })
    clearTimeout(soon)
    await expect(client.statement('select 1', signal)).rejects.toMatchObject({ code: 'CONNECTION', message: /nothing listens/ })
  })
})
