/**
 * Tables that Hive and Spark made, filled and altered by themselves: read from their files they are, row for row, what the engine's own
 * SELECT returns. Both servers stand in another time zone on purpose.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HiveClient, openHiveClient, rowsOf } from '../../connectors/hive/client/client.ts'
import { hiveClientOptions } from '../../connectors/hive/client/options.ts'
import { openHiveTables } from '../../connectors/hive/tables/tables.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import { s3 } from '../../connectors/s3/connector.ts'
import type { Tables } from '../../connectors/tables.ts'
import { openForeignReader } from '../../integrations/transfer/foreign/foreign-reader.ts'
import { parseLocation } from '../../integrations/transfer/foreign/location.ts'
import { type FoundTable, findFiles } from '../../integrations/transfer/foreign/manifest.ts'
import { portage } from '../support/command-line.ts'
import { hiveEnvironment } from '../support/hive/environment.ts'
import { type S3Endpoint, startS3Endpoint } from '../support/s3/endpoint.ts'
import { type Scratch, scratch } from '../support/scratch.ts'
import { startHiveServer } from '../support/services/hive-server.ts'
import type { JavaServer } from '../support/services/java-server.ts'
import { startSparkThrift } from '../support/services/spark-thrift.ts'
import { linesOf, strict } from '../support/table-rows.ts'

const KEYS = { accessKeyId: 'AKIAFOREIGN', secretAccessKey: 'foreign-secret' }
const ELSEWHERE = 'America/New_York'
const signal = new AbortController().signal

let directory: Scratch
let endpoint: S3Endpoint
let store: ObjectStore
beforeAll(async () => {
  directory = scratch()
  endpoint = await startS3Endpoint({ ...KEYS, directory: directory.path('s3'), buckets: ['lake'] })
  store = await openStore()
})
afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await endpoint.close()
  directory[Symbol.dispose]()
})

async function openStore(): Promise<ObjectStore> {
  const options = {
    bucket: 'lake',
    endpoint: endpoint.url,
    access_key_id: KEYS.accessKeyId,
    secret_access_key: KEYS.secretAccessKey,
  }
  const opened = await s3.openStore?.(s3.options.parse(options), hiveEnvironment)
  if (opened === undefined) throw new Error('The s3 connector opens no store')
  return opened
}

type Engine = { readonly server: JavaServer; readonly client: HiveClient; readonly tables: Tables }

async function engineOf(server: JavaServer, dialect: 'hive' | 'spark'): Promise<Engine> {
  const options = hiveClientOptions.parse({ host: server.host, port: server.port, dialect })
  const client = openHiveClient(options, hiveEnvironment)
  return { server, client, tables: openHiveTables(client) }
}

async function run(client: HiveClient, statements: readonly string[]): Promise<void> {
  for (const sql of statements) await client.statement(sql, signal)
}

async function found({ tables }: Engine, name: string): Promise<FoundTable> {
  const layout = await tables.layout?.({ schema: 't', name }, signal)
  if (!layout) throw new Error(`Table "${name}" is not there`)
  return findFiles(
    layout,
    async (location, subject) => {
      const place = parseLocation(location, subject)
      if (place.kind === 'bucket') return { store, prefix: `${place.key}/` }
      throw new Error(`"${name}" does not lie in the bucket`)
    },
    signal,
  )
}

const sorted = (lines: readonly string[]): readonly string[] => [...lines].sort()

/** Rows by the files and by the engine; columns that a server sends as text only are left out. */
async function bothWays(engine: Engine, name: string) {
  const table = await found(engine, name)
  const { columns, partitionColumns } = table.table
  const names = [...columns, ...partitionColumns].filter(({ type }) => type !== null).map((column) => column.name)
  const request = {
    from: { kind: 'table', table: { schema: 't', name } },
    columns: names,
    where: null,
    badValues: strict,
  } as const
  await using theirs = await engine.tables.openReader(request, signal)
  const files = table.table.partitions.flatMap((partition) => partition.files)
  const ours = sorted(await linesOf(openForeignReader(table, names)))
  return { ours, theirs: sorted(await linesOf(theirs)), table, files }
}

const VALUES = [
  "true, cast(127 as tinyint), cast(32767 as smallint), 2147483647, 9223372036854775807, cast(0.1 as float), 1.7976931348623157E308, cast('9999999.99' as decimal(9,2)), cast('999999999999.999999' as decimal(18,6)), cast('9999999999999999999999999999.9999999999' as decimal(38,10)), 'ünï 𝄞 text', 'varchar', 'ch', cast('bytes' as binary), date'9999-12-31', timestamp'9999-12-31 12:59:59.999999'",
  "false, cast(-128 as tinyint), cast(-32768 as smallint), -2147483648, -9223372036854775807, cast('NaN' as float), cast('-Infinity' as double), cast('-0.01' as decimal(9,2)), cast('12.500000' as decimal(18,6)), cast('-0.0000000001' as decimal(38,10)), '', '', '', cast('' as binary), date'0001-01-03', timestamp'0001-01-03 00:00:00'",
  'null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null',
  "true, cast(0 as tinyint), cast(0 as smallint), 0, 0, cast(-1.5 as float), cast('NaN' as double), cast('1' as decimal(9,2)), cast('1' as decimal(18,6)), cast('100' as decimal(38,10)), 'tab\\tquote', ' lead', 'a b', cast('x' as binary), date'1582-10-15', timestamp'1969-12-31 23:59:58.5'",
  "true, cast(0 as tinyint), cast(0 as smallint), 0, 0, cast(1 as float), cast(-0.1 as double), cast('1' as decimal(9,2)), cast('1' as decimal(18,6)), cast('100' as decimal(38,10)), 'x', 'x', 'ä', cast('x' as binary), date'1500-02-28', timestamp'2026-03-08 03:30:00.123456'",
]

const TYPES =
  'id int, bo boolean, ti tinyint, si smallint, i int, b bigint, f float, d double, d9 decimal(9,2), d18 decimal(18,6), d38 decimal(38,10), s string, v varchar(12), c char(6), bi binary, da date, ts timestamp'

/** In ORC by two inserts, so that there are copies (000000_0, 000000_0_copy_1); in Parquet from there. */
const everyType = (name: string): readonly string[] => {
  const rows = (from: number, to: number) =>
    VALUES.slice(from, to)
      .map((values, index) => `select ${from + index}, ${values}`)
      .join(' union all ')
  return [
    `create external table t.${name}_orc (${TYPES}) stored as orc location 's3a://lake/${name}_orc'`,
    `insert into t.${name}_orc ${rows(0, 3)}`,
    `insert into t.${name}_orc ${rows(3, 5)}`,
    `create external table t.${name}_parquet (${TYPES}) stored as parquet location 's3a://lake/${name}_parquet'`,
    `insert into t.${name}_parquet select * from t.${name}_orc`,
  ]
}

describe('Hive', () => {
  let engine: Engine
  beforeAll(async () => {
    const server = await startHiveServer({ s3: { url: endpoint.url, ...KEYS }, acid: true, timeZone: ELSEWHERE })
    engine = await engineOf(server, 'hive')
    await run(engine.client, ['create database t', 'set hive.exec.dynamic.partition.mode=nonstrict'])
  })
  afterAll(async () => {
    await engine.tables[Symbol.asyncDispose]()
    await engine.server.stop()
  })

  test('every type, its limits, NULL and old days, in ORC and Parquet; two inserts', async () => {
    await run(engine.client, everyType('every'))
    for (const [format, most] of [
      ['orc', 2],
      ['parquet', 1],
    ] as const) {
      const { ours, theirs, files } = await bothWays(engine, `every_${format}`)
      expect(ours).toEqual(theirs)
      expect(ours).toHaveLength(5)
      expect(files.length).toBeGreaterThanOrEqual(most)
    }
  })

  test.each(['orc', 'parquet'])(
    '%s in partitions with odd values, places of their own, and an older shape: columns added, widened, renamed',
    async (format) => {
      const table = `t.visits_${format}`
      // Without it Hive itself cannot read the partitions of Parquet any more.
      const cascade = format === 'parquet' ? ' cascade' : ''
      await run(engine.client, [
        `create external table ${table} (a int, f float, d decimal(8,2), s string) partitioned by (day date, country string, n int) stored as ${format} location 's3a://lake/visits_${format}'`,
        `insert into ${table} partition (day, country, n) select 1, cast(0.5 as float), 12.50, 'x', date'2026-01-02', 'a/b c:%ü', 5 union all select 2, cast(0.1 as float), -1.25, 'y', date'2026-01-03', cast(null as string), cast(null as int)`,
        `alter table ${table} partition (day='2026-01-02', country='a/b c:%\\u00fc', n=5) set location 's3a://lake/elsewhere/${format}'`,
        `insert into ${table} partition (day='2026-01-02', country='a/b c:%\\u00fc', n=5) select 3, cast(2 as float), 3.00, 'z'`,
        `alter table ${table} change a a bigint${cascade}`,
        `alter table ${table} change f f double${cascade}`,
        `alter table ${table} change d d decimal(20,4)${cascade}`,
        `alter table ${table} change s renamed varchar(2)${cascade}`,
        `alter table ${table} add columns (extra int)`,
        `insert into ${table} partition (day='2026-01-02', country='a/b c:%\\u00fc', n=5) select 4, 0.1, 4.5, 'long', 44`,
        `insert into ${table} partition (day, country, n) select 9007199254740993, 0.1, 5.0625, 'new', 55, date'0001-01-03', 'q', -1`,
      ])
      const { ours, theirs, table: read } = await bothWays(engine, `visits_${format}`)
      expect(ours).toEqual(theirs)
      expect(ours).toHaveLength(4)
      const partitions = read.table.partitions
      expect(partitions.map(({ values }) => values)).toContainEqual(['2026-01-03', null, null])
      expect(partitions.find(({ values }) => values[1] === 'a/b c:%ü')?.location).toBe(`s3a://lake/elsewhere/${format}`)
      expect(partitions.filter(({ columns }) => columns !== undefined)).toHaveLength(2)
    },
  )

  test('UNION ALL, directories below the table, columns without names', async () => {
    await run(engine.client, [
      "insert overwrite directory 's3a://lake/below/inner/deep' stored as orc select 1 a, 'deep' b",
      "insert overwrite directory 's3a://lake/below/_hidden' stored as orc select 2 a, 'hidden' b",
      "create external table t.below (a int, b string) stored as orc location 's3a://lake/below'",
      "insert into t.below select 3, 'flat'",
      "create external table t.other (a int, b string) stored as orc location 's3a://lake/other'",
      "insert into t.other values (4, 'x'), (5, 'y')",
      "create external table t.unioned stored as orc location 's3a://lake/unioned' as select * from t.below union all select * from t.other",
    ])
    const below = await bothWays(engine, 'below')
    expect(below.ours).toEqual(below.theirs)
    expect(below.files.map(({ matchedBy, rows }) => [matchedBy, rows])).toEqual([
      ['name', 1],
      ['position', 1],
    ])
    const both = await bothWays(engine, 'unioned')
    expect(both.ours).toEqual(['1 | deep', '3 | flat', '4 | x', '5 | y'])
    expect(both.theirs).toEqual(both.ours)
    expect(both.files.map(({ address }) => address)).toContainEqual(expect.stringContaining('/HIVE_UNION_SUBDIR_2/'))
  })

  test.each(['orc', 'parquet'])('nested values in %s are those that Hive shows', async (format) => {
    const table = `t.nested_${format}`
    await run(engine.client, [
      `create external table ${table} (id int, a array<int>, m map<string,array<string>>, s struct<x:int,y:struct<z:bigint>>) stored as ${format} location 's3a://lake/nested_${format}'`,
      `insert into ${table} select 1, array(1, cast(null as int), 3), map('k', array('v', cast(null as string)), 'e', array('')), named_struct('x', 1, 'y', named_struct('z', 9007199254740993))`,
      `insert into ${table} select 2, cast(null as array<int>), cast(null as map<string,array<string>>), cast(null as struct<x:int,y:struct<z:bigint>>)`,
    ])
    const ours = sorted(await linesOf(openForeignReader(await found(engine, `nested_${format}`), null)))
    expect(ours).toEqual(['1 | [1,null,3] | [["k",["v",null]],["e",[""]]] | {"x":1,"y":{"z":9007199254740993}}', '2 | ␀ | ␀ | ␀'])
    const theirs = []
    for await (const row of rowsOf(await engine.client.query(`select * from ${table} where id = 1`, signal))) theirs.push(row)
    expect(theirs).toEqual([[1, '[1,null,3]', '{"k":["v",null],"e":[""]}', '{"x":1,"y":{"z":9007199254740993}}']])
  })

  const REFUSED = [
    ['acid', "create managed table t.acid (a int) stored as orc tblproperties ('transactional'='true')", 'full-ACID'],
    [
      'inserts',
      "create managed table t.inserts (a int) stored as orc tblproperties ('transactional'='true', 'transactional_properties'='insert_only')",
      'insert-only',
    ],
    ['seen', 'create view t.seen as select 1 a', 'is a view'],
    ['summed', 'create materialized view t.summed as select a, count(*) n from t.acid group by a', 'is a materialized view'],
    ['lines', "create external table t.lines (a int) stored as textfile location 's3a://lake/lines'", 'neither ORC nor Parquet'],
    ['avro', "create external table t.avro (a int) stored as avro location 's3a://lake/avro'", 'neither ORC nor Parquet'],
    [
      'iceberg',
      "create external table t.iceberg (a int) stored as parquet location 's3a://lake/iceberg' tblproperties ('table_type'='ICEBERG')",
      'Apache Iceberg',
    ],
    [
      'delta',
      "create external table t.delta (a int) stored as parquet location 's3a://lake/delta' tblproperties ('spark.sql.sources.provider'='delta')",
      'Delta Lake',
    ],
    [
      'hudi',
      "create external table t.hudi (a int) stored as parquet location 's3a://lake/hudi' tblproperties ('hoodie.table.name'='hudi')",
      'Apache Hudi',
    ],
  ] as const
  test.each(REFUSED)('%s is refused by name', async (name, statement, message) => {
    await run(engine.client, [statement])
    await expect(found(engine, name)).rejects.toMatchObject({ code: 'UNSUPPORTED', message: expect.stringContaining(message) })
  })

  test('files of ACID tables are refused by path and by content, too, when the catalogue does not say it', async () => {
    await run(engine.client, [
      "create managed table t.events (a int, b string) stored as orc tblproperties ('transactional'='true')",
      "insert into t.events values (1, 'x')",
      "create external table t.kept (a int, b string) stored as orc location 's3a://lake/kept'",
    ])
    const rows = []
    for await (const row of rowsOf(await engine.client.query('select input__file__name from t.events', signal))) rows.push(row)
    const path = String(rows[0]?.[0]).replace(/^file:/, '')
    const { readFile } = await import('node:fs/promises')
    const bytes = new Uint8Array(await readFile(path))
    await store.putIfAbsent('kept/000000_0', bytes)
    await expect(found(engine, 'kept')).rejects.toThrow('full-ACID')
    await store.putIfAbsent('kept/delta_0000001_0000001_0000/bucket_00000', bytes)
    await expect(found(engine, 'kept')).rejects.toThrow('transactional (ACID) table')
  })

  test('portage transfer and inspect carry it to a lake', async () => {
    const s3 = `{connector: s3, bucket: lake, endpoint: '${endpoint.url}', access_key_id: ${KEYS.accessKeyId}, secret_access_key: ${KEYS.secretAccessKey}}`
    directory.write(
      'config/connections.yaml',
      `hive: {connector: hive, host: 127.0.0.1, port: ${engine.server.port}}\nfiles: ${s3}\nlake: {connector: filesystem, path: '${directory.path('lake')}'}\nduckdb: {connector: duckdb}\n`,
    )
    const cli = (...argv: readonly string[]) =>
      portage([...argv, '--config', directory.path('config'), '--state', directory.path('state')])
    expect((await cli('inspect', 'hive:t.visits_orc')).stdout).toContain('orc of hive, 4 rows')
    expect(await cli('transfer', 'hive:t.visits_orc', 'lake:visits')).toMatchObject({ code: 0 })
    expect(await cli('transfer', 'lake:visits', `file:${directory.path('visits.csv')}`)).toMatchObject({ code: 0 })
    expect(directory.read('visits.csv')).toContain('9007199254740993,0.1,5.0625,ne,55,0001-01-03,q,-1')
    expect(await cli('transfer', 'hive:select a from t.seen', `file:${directory.path('seen.csv')}`)).toMatchObject({ code: 0 })
    expect(directory.read('seen.csv')).toBe('a\n1\n')
  })
})

describe('Spark', () => {
  let engine: Engine
  beforeAll(async () => {
    const server = await startSparkThrift({ s3: { url: endpoint.url, ...KEYS }, timeZone: ELSEWHERE })
    engine = await engineOf(server, 'spark')
    await run(engine.client, ['create database t'])
  })
  afterAll(async () => {
    await engine.tables[Symbol.asyncDispose]()
    await engine.server.stop()
  })

  test('every type, its limits, NULL and old days, in ORC and Parquet', async () => {
    await run(engine.client, everyType('spark'))
    for (const format of ['orc', 'parquet']) {
      const { ours, theirs } = await bothWays(engine, `spark_${format}`)
      expect(ours).toEqual(theirs)
      expect(ours).toHaveLength(5)
    }
  })

  test.each(['orc', 'parquet'])('%s in partitions of every type, with columns added and a place of its own', async (format) => {
    const table = `t.parts_${format}`
    await run(engine.client, [
      `create table ${table} (id int, Name string, wall timestamp_ntz, at timestamp, i int, ts timestamp, d decimal(10,2), b boolean, v varchar(10), c char(4), dt date) using ${format} partitioned by (i, ts, d, b, v, c, dt) location 's3a://lake/parts_${format}'`,
      `insert into ${table} select 1, 'x', timestamp_ntz'2026-03-08 02:30:00.5', timestamp'2026-03-08 02:30:00.5', 5, timestamp'2026-01-01 10:11:12.5', 3.10, true, 'v\\'q/\\\\z', 'ab', date'0001-01-03'`,
      `insert into ${table} select 2, null, null, null, null, null, null, null, null, null, null`,
      `alter table ${table} add columns (extra bigint)`,
      `insert into ${table} (id, Name, wall, at, extra, i, ts, d, b, v, c, dt) select 3, 'z', null, null, 7, 6, null, null, false, 'ü', 'x', date'2026-01-02'`,
      `alter table ${table} partition (i=6, ts=null, d=null, b=false, v='ü', c='x   ', dt='2026-01-02') set location 's3a://lake/moved_${format}'`,
    ])
    const { ours, theirs, files } = await bothWays(engine, `parts_${format}`)
    expect(ours).toEqual(theirs)
    // Nothing lies at the new place of the third one.
    expect([ours.length, files.length]).toEqual([2, 2])
  })

  test('tables of Hive`s kind, buckets, nested values', async () => {
    await run(engine.client, [
      "create external table t.serde (id bigint, s string) partitioned by (y int) stored as orc location 's3a://lake/serde'",
      "insert into t.serde partition (y=3) values (1, 'a'), (2, null)",
      'alter table t.serde add columns (extra int)',
      "insert into t.serde partition (y=4) values (3, 'b', 5)",
      "create table t.buckets (k int, v string) using parquet clustered by (k) into 2 buckets location 's3a://lake/buckets'",
      "insert into t.buckets values (1, 'x'), (2, 'y'), (3, 'z')",
      `create table t.wide (id int, s struct<${Array.from({ length: 40 }, (_, index) => `f${index}:int`).join(',')}>) using orc location 's3a://lake/wide'`,
      `insert into t.wide select 1, named_struct(${Array.from({ length: 40 }, (_, index) => `'f${index}', ${index}`).join(', ')})`,
      "create table t.deep (id int, a array<struct<k:string,v:map<string,int>>>) using parquet location 's3a://lake/deep'",
      "insert into t.deep values (1, array(named_struct('k', 'q', 'v', map('z', 1, 'y', null)), null)), (2, array()), (3, null)",
    ])
    for (const name of ['serde', 'buckets']) {
      const { ours, theirs } = await bothWays(engine, name)
      expect(ours).toEqual(theirs)
      expect(ours).toHaveLength(3)
    }
    const [wide] = await linesOf(openForeignReader(await found(engine, 'wide'), null))
    expect(wide).toMatch(/^1 \| \{"f0":0,.*"f39":39\}$/)
    expect(sorted(await linesOf(openForeignReader(await found(engine, 'deep'), null)))).toEqual([
      '1 | [{"k":"q","v":[["z",1],["y",null]]},null]',
      '2 | []',
      '3 | ␀',
    ])
  })

  const REFUSED = [
    ['seen', 'create view t.seen as select 1 a', 'is a view'],
    ['lines', "create table t.lines (a int) using csv location 's3a://lake/spark_lines'", 'neither ORC nor Parquet'],
    [
      'delta',
      "create table t.delta (a int) using parquet location 's3a://lake/spark_delta' tblproperties ('delta.minReaderVersion'='1')",
      'Delta Lake',
    ],
  ] as const
  test.each(REFUSED)('%s is refused by name', async (name, statement, message) => {
    await run(engine.client, [statement])
    await expect(found(engine, name)).rejects.toMatchObject({ code: 'UNSUPPORTED', message: expect.stringContaining(message) })
  })

  test('files in directories that Spark does not read are refused, not left out', async () => {
    await run(engine.client, [
      "create table t.hidden (a int) using parquet location 's3a://lake/hidden'",
      'insert into t.hidden values (1)',
    ])
    const [object] = (await found(engine, 'hidden')).places.flatMap(({ files }) => files)
    const bytes = await store.get(object?.stored.object.key ?? '')
    await store.putIfAbsent('hidden/HIVE_UNION_SUBDIR_1/000000_0', bytes ?? new Uint8Array())
    await expect(found(engine, 'hidden')).rejects.toThrow('Spark does not read them')
  })
})
