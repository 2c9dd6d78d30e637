/**
 * The loan book in Hive and in Spark at once: a real HiveServer2 and a real Spark Thrift server over a bucket of our S3 endpoint,
 * through the command line. After each step `reconcile` holds PostgreSQL, the files and both engines against each other.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { portage } from '../support/command-line.ts'
import { type Database, sharedPostgres } from '../support/postgres.ts'
import { type S3Endpoint, startS3Endpoint } from '../support/s3/endpoint.ts'
import { type Scratch, scratch } from '../support/scratch.ts'
import { startHiveServer } from '../support/services/hive-server.ts'
import { startSparkThrift } from '../support/services/spark-thrift.ts'

const KEYS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }

const BOOK = /* sql */ `create table client (id int8 primary key, name text not null, born date, "Home Town" text);
  create table loan (id int4 primary key, client int8, a text, b text, amount numeric(12,2), rate float8, active bool,
    signed timestamptz, local timestamp, doc jsonb, mark bytea, token uuid, small int2, real float4);
  create table visit (page text, seen int4);
  create table access_token (id int8 primary key, url text);
  alter table visit replica identity full;
  insert into client select i, E'cli\\\\ent ''' || i || E'\\n😀', date '1900-01-01' + i, null from generate_series(1, 300) i;
  insert into loan select i, i % 300 + 1, 'a' || i, 'b' || i, i * 1.25, i / 7.0, i % 2 = 0, timestamptz '1960-05-05 12:00:00.123456+00' + i * interval '1 day',
    timestamp '9999-12-31 23:59:59.999999', '{"n": 1.0, "x": null}', decode(lpad(to_hex(i), 8, '0'), 'hex'),
    ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid, i, i / 3.0 from generate_series(1, 500) i;
  insert into loan (id) values (0);
  insert into visit select 'p' || i % 3, i % 5 from generate_series(1, 60) i;
  insert into visit values (null, null), (null, null);
  insert into access_token values (1, 'https://example.org/?token=x')`

/** Every type that Hive and Spark have, at its ends. */
const TYPED = /* sql */ `create schema typed;
  create table typed.value (id int8 primary key, t text, b bool, i2 int2, i4 int4, i8 int8, r4 real, r8 float8, d9 numeric(9,2), d18 numeric(18,6),
    d38 numeric(38,10), d0 numeric(38,0), n numeric, day date, at timestamptz, wall timestamp, clock time, doc jsonb, raw bytea, token uuid, list int4[]);
  insert into typed.value values
    (1, E'q''\\ \n😀', true, -32768, -2147483648, -9223372036854775808, '-Infinity', '-Infinity', -9999999.99, -999999999999.999999,
      -9999999999999999999999999999.9999999999, -99999999999999999999999999999999999999, -1.50, '0001-01-01', '0001-01-01 00:00:00.000001+00',
      '1582-10-04 23:59:59.999999', '00:00', '{"n": null}', '\\x00ff', '00000000-0000-0000-0000-000000000001', '{1,null}'),
    (2, '', false, 32767, 2147483647, 9223372036854775807, 'Infinity', 'NaN', 9999999.99, 999999999999.999999,
      9999999999999999999999999999.9999999999, 99999999999999999999999999999999999999, 1e20, '9999-12-31', '9999-12-31 23:59:59.999999+00',
      '1969-12-31 23:59:59.999999', '23:59:59.999999', '[]', '', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '{}');
  insert into typed.value (id) values (3);
  insert into typed.value (id, d9, d18, d38, day, at, wall, r4, r8) select i, i / 100.0, -i / 7.0, i / 3.0, date '1582-10-01' + i, timestamptz '1582-10-10 12:00:00.5+00' + i * interval '97 days 1 second',
    timestamp '1500-02-27 06:07:08.000009' + i * interval '13 days', i / 3.0, i / 7.0 from generate_series(4, 2000) i;
  create schema modern; create table modern.value (like typed.value including all);
  insert into modern.value select (jsonb_populate_record(v, jsonb_build_object('at', greatest(at, '1582-10-15 00:00+00'), 'wall', greatest(wall, '1582-10-15')))).*
    from typed.value v`

const RUN = ['run', 'loans', '--once']

/** SQL for the source and commands, in turn; then everything is compared. */
type Step = { readonly title: string; readonly does: readonly (string | readonly string[])[] }

const STEPS: readonly Step[] = [
  { title: 'the first copy', does: [RUN] },
  {
    title: 'rows inserted, updated, deleted, re-keyed and truncated; columns added, renamed and swapped',
    does: [
      `insert into loan (id, client, a) values (1001, 1, 'new'); update loan set amount = amount + 0.01, a = null where id < 50;
      delete from loan where id between 60 and 80; update loan set id = 2002 where id = 90; update client set id = 9000 where id = 9;
      delete from visit where page = 'p1' and seen = 1; insert into visit values (null, null), ('p9', 9)`,
      RUN,
      `truncate access_token; insert into access_token values (2, 'y');
      alter table loan add column grade text default E'it''s \\\\ good', add column note text;
      insert into loan (id, note) values (1002, 'noted'); alter table loan rename column client to customer;
      alter table loan rename column a to x; alter table loan rename column b to a; alter table loan rename column x to b;
      update loan set note = 'n' where id between 100 and 110; alter table client rename column "Home Town" to "home town ""new"""`,
      RUN,
    ],
  },
  {
    title: 'a column dropped, held and accepted; a wider type',
    does: [
      `alter table loan drop column doc; update loan set grade = 'b' where id between 200 and 210`,
      RUN,
      ['apply', 'loans'],
      'alter table loan alter column id type int8; update loan set small = 5 where id = 3; insert into loan (id) values (5000000000)',
      RUN,
    ],
  },
  {
    title: 'compaction, a table copied again, superseded directories deleted',
    does: [
      'update loan set amount = 1 where id between 300 and 420',
      RUN,
      ['compact', 'loans', '--renew', 'always', '--min-files', '2'],
      ['resync', 'loans', 'public.client'],
      RUN,
      ['vacuum', 'loans', '--grace', '0s'],
      ['register', 'loans'],
    ],
  },
]

let root: Scratch
let database: Database
let endpoint: S3Endpoint
const stack = new AsyncDisposableStack()
const places = () => ['--config', root.path('config'), '--state', root.path('state')]
const command = (...argv: readonly string[]) => portage([...argv, ...places()])

beforeAll(async () => {
  root = stack.use(scratch())
  endpoint = await startS3Endpoint({ ...KEYS, directory: root.path('endpoint'), buckets: ['lake'] })
  stack.defer(() => endpoint.close())
  const s3 = { url: endpoint.url, ...KEYS }
  const [hive, spark] = await Promise.all([startHiveServer({ s3 }), startSparkThrift({ s3 })])
  stack.use(hive)
  stack.use(spark)
  database = stack.use(await (await sharedPostgres()).createDatabase())
  root.write(
    'config/connections.yaml',
    `core: {connector: postgres, url: '${database.url}'}
lake: {connector: s3, bucket: lake, endpoint: '${endpoint.url}', access_key_id: ${KEYS.accessKeyId}, secret_access_key: '${KEYS.secretAccessKey}'}
hive: {connector: hive, host: 127.0.0.1, port: ${hive.port}}
spark: {connector: hive, dialect: spark, host: 127.0.0.1, port: ${spark.port}}
counted_hive: {connector: hive, host: 127.0.0.1, port: ${hive.port}, statistics: true}
counted_spark: {connector: hive, dialect: spark, host: 127.0.0.1, port: ${spark.port}, statistics: true}
`,
  )
  root.write(
    'config/integrations/loans.yaml',
    `name: loans
source: {connection: core, tables: ['public.*']}
lake: {connection: lake}
register:
  - {connection: hive, database: raw, format: orc}
  - {connection: spark, schema: raw, format: orc}
`,
  )
  root.write(
    'config/integrations/typed.yaml',
    `name: typed
source: {connection: core, tables: ['typed.*']}
lake: {connection: lake}
register:
  - {connection: counted_hive, database: parquet, format: parquet}
  - {connection: counted_spark, schema: parquet, format: parquet}
`,
  )
  root.write(
    'config/integrations/modern.yaml',
    `name: modern
source: {connection: core, tables: ['modern.*']}
lake: {connection: lake}
register:
  - {connection: hive, database: hive3, format: parquet-hive3}
  - {connection: spark, schema: hive3, format: parquet-hive3}
`,
  )
  await database.client.query(BOOK)
  await database.client.query(TYPED)
}, 600_000)
afterAll(() => stack.disposeAsync())

test('check finds both servers well', async () => {
  expect(await command('check')).toMatchObject({ code: 0, stderr: '' })
})

test.each(STEPS)('$title: both engines hold what PostgreSQL holds', { timeout: 900_000 }, async ({ does }) => {
  for (const each of does) {
    if (typeof each === 'string') await database.client.query(each)
    else {
      const { code, stdout, stderr } = await command(...each)
      // 3: something is held, which is what the step is about.
      const isWell = code === 0 || (each === RUN && code === 3)
      expect([each[0], isWell ? 0 : code, isWell ? '' : stdout + stderr]).toEqual([each[0], 0, ''])
    }
  }
  const { code, stdout, stderr } = await command('reconcile', 'loans')
  expect([code, code === 0 ? '' : stdout + stderr]).toEqual([0, ''])
  for (const name of ['hive.raw', 'spark.raw']) expect(stdout).toContain(name)
})

test('a question to Spark and to Hive has one answer', async () => {
  const sql = "select id, grade from raw.loan where grade = 'b' order by id limit 2"
  const answers = await Promise.all(
    ['hive', 'spark'].map((name) => command('query', sql, '--connection', name, '--format', 'csv')),
  )
  for (const { code, stdout } of answers) expect([code, stdout]).toEqual([0, 'id,grade\n200,b\n201,b\n'])
})

test('in Parquet both engines hold every type as PostgreSQL does, in the base and in changes', { timeout: 600_000 }, async () => {
  const change = /* sql */ `update typed.value set wall = wall - interval '1 day', d38 = -d38, at = at - interval '400 years' where id between 1000 and 1100;
    insert into typed.value select id + 10000, t, b, i2, i4, i8, r4, r8, d9, d18, d38, d0, n, day, at, wall, clock, doc, raw, token, list from typed.value where id < 3;
    delete from typed.value where id = 5; alter table typed.value add column later timestamp; insert into typed.value (id, later) values (20000, '1582-10-15 00:00')`
  expect(await command('run', 'typed', '--once')).toMatchObject({ code: 0 })
  await database.client.query(change)
  expect(await command('run', 'typed', '--once')).toMatchObject({ code: 0 })
  const { code, stdout, stderr } = await command('reconcile', 'typed')
  expect([code, code === 0 ? '' : stdout + stderr]).toEqual([0, ''])
  for (const name of ['counted_hive.parquet', 'counted_spark.parquet']) expect(stdout).toContain(name)
})

test('in Parquet for Hive 3 both hold every type as well; a timestamp that Hive 4 would shift is refused, the table stays', {
  timeout: 600_000,
}, async () => {
  expect(await command('run', 'modern', '--once')).toMatchObject({ code: 0 })
  await database.client.query(/* sql */ `update modern.value set d38 = -d38, at = at + interval '1 microsecond' where id between 1000 and 1100;
    delete from modern.value where id = 5; alter table modern.value add column later timestamp; insert into modern.value (id, later) values (20000, '1582-10-15 00:00')`)
  expect(await command('run', 'modern', '--once')).toMatchObject({ code: 0 })
  const { code, stdout, stderr } = await command('reconcile', 'modern')
  expect([code, code === 0 ? '' : stdout + stderr]).toEqual([0, ''])
  for (const name of ['hive.hive3', 'spark.hive3']) expect(stdout).toContain(name)
  await database.client.query(`insert into modern.value (id, later) values (20001, '1582-10-14 23:59:59.999999')`)
  const refused = await command('run', 'modern', '--once')
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain(
    'Table "modern.value" cannot be written as parquet-hive3: Column "later" has a timestamp before 1582-10-15',
  )
  for (const name of ['hive', 'spark']) {
    const shown = await command('query', 'select max(id) from hive3.modern_value', '--connection', name, '--format', 'csv')
    expect([shown.code, shown.stdout.split('\n')[1]]).toEqual([0, '20000'])
  }
})

test('each engine has the statistics that were asked for; what someone did to the files table is told and mended', {
  timeout: 600_000,
}, async () => {
  const table = 'parquet.portage_files__typed_value__1'
  const asked = async (sql: string, name: string) => {
    const { code, stdout, stderr } = await command('query', sql, '--connection', name, '--format', 'csv')
    expect([code, code === 0 ? '' : stderr]).toEqual([0, ''])
    return stdout
  }
  for (const [name, rows] of Object.entries({ counted_hive: /numRows\s*,\s*2000\b/, counted_spark: /, 2000 rows/ })) {
    const base = /base-\d+-[0-9a-f]+/.exec(await asked(`show partitions ${table}`, name))?.[0]
    expect(await asked(`describe formatted ${table} partition (portage_directory='${base}')`, name)).toMatch(rows)
    await asked(`alter table ${table} set tblproperties ('external.table.purge'='true', 'discover.partitions'='TRUE')`, name)
    await asked(`alter table ${table} set location 's3a://lake/elsewhere'`, name)
    await asked(`alter table ${table} partition (portage_directory='${base}') set location 's3a://lake/moved'`, name)
  }
  await asked(`alter table ${table} set fileformat orc`, 'counted_hive')
  const told = (await command('plan', 'typed', '--json')).stdout
  for (const [name, what] of [
    ['counted_hive', 'is orc, registered as parquet'],
    ...['counted_hive', 'counted_spark'].flatMap((each) => [
      [each, 'would delete its files when it is dropped (external.table.purge)'],
      [each, 'lets the metastore add and drop its partitions (discover.partitions)'],
      [each, 'is at \\"s3://lake/elsewhere\\", registered at \\"s3://lake/'],
    ]),
  ]) {
    expect(told).toContain(`${name} ${table} ${what}`)
  }
  const moved = /(counted_\w+) \S+ has its partition \\"base-[0-9a-f-]+\\" at \\"s3:\/\/lake\/moved\\"/g
  expect([...told.matchAll(moved)].map(([, name]) => name)).toEqual(['counted_hive', 'counted_spark'])
  // Spark changes no format in place.
  await asked(`drop table ${table}`, 'counted_spark')
  const strange = `create external table ${table} (id bigint) partitioned by (portage_directory string) stored as orc location 's3a://lake/strange'`
  await asked(strange, 'counted_spark')
  const spark = `counted_spark ${table} is orc, registered as parquet`
  expect((await command('plan', 'typed', '--json')).stdout).toContain(spark)
  expect(await command('register', 'typed', '--repair')).toMatchObject({ code: 0, stderr: '' })
  expect((await command('plan', 'typed', '--deep', '--json')).stdout).not.toContain('portage_files__')
  expect(await command('reconcile', 'typed')).toMatchObject({ code: 0 })
})

test('plan finds both as they were registered; remove takes views and tables and leaves the files', async () => {
  expect(await command('plan', 'loans')).toMatchObject({ code: 0 })
  expect((await command('plan', 'loans', '--json')).stdout).not.toContain('registered as')
  const { code, stdout } = await command('remove', 'loans', '--yes')
  expect(code).toBe(0)
  expect(stdout).toContain('DROP VIEW IF EXISTS `raw`.`loan`')
  expect(stdout).toMatch(/keep \d+ objects/)
  const left = await command('query', 'show tables in raw', '--connection', 'spark', '--format', 'csv')
  expect(left.stdout.trim().split('\n')).toHaveLength(1)
})
