import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSqlAccount, type SqlAccount } from './account-fixture.ts'
import { putParquet } from './parquet-objects.ts'

let account: SqlAccount
beforeAll(async () => {
  account = await openSqlAccount()
  for (const [key, n] of [
    ['t/date=2024-01-01/a.parquet', 1],
    ['t/date=2024-01-01/b.parquet', 2],
    ['t/date=2024-01-02/c.parquet', 3],
  ] as const) {
    await putParquet(account, key, `select ${n} as n`)
  }
})
afterAll(() => account[Symbol.asyncDispose]())

const CLAUSES = 'AUTO_REFRESH = FALSE REFRESH_ON_CREATE = FALSE FILE_FORMAT = (FORMAT_NAME = PARQUET)'
const DATED = `"__DATE" DATE AS (TO_DATE(SPLIT_PART(SPLIT_PART(METADATA$FILENAME, 'date=', 2), '/', 1), 'YYYY-MM-DD'))`
const N = 'n int as (value:"n"::int)'
const create = (name: string, columns = N, more = '') =>
  `CREATE OR REPLACE EXTERNAL TABLE ${name} (${columns}) ${more} LOCATION = @LAKE/t/ ${CLAUSES}`
const add = (name: string, ...files: readonly string[]) =>
  `ALTER EXTERNAL TABLE ${name} ADD FILES (${files.map((file) => `'${file}'`).join(', ')})`
const remove = (name: string, ...files: readonly string[]) =>
  `ALTER EXTERNAL TABLE ${name} REMOVE FILES (${files.map((file) => `'${file}'`).join(', ')})`
const [A, B, C] = ['date=2024-01-01/a.parquet', 'date=2024-01-01/b.parquet', 'date=2024-01-02/c.parquet'] as const

describe('files', () => {
  test('are added and removed one by one, each with an answer', async () => {
    await account.run(create('F'))
    const { columns, rows } = await account.answer(add('F', A, B, 'none.parquet'))
    expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual(['file text', 'status text', 'description text'])
    expect(rows.map(([file, status]) => [file, status])).toEqual([
      [`t/${A}`, 'REGISTERED_NEW'],
      [`t/${B}`, 'REGISTERED_NEW'],
      ['t/none.parquet', 'REGISTER_FAILED'],
    ])
    expect((await account.rows(add('F', A)))[0]?.[1]).toBe('REGISTER_SKIPPED')
    await putParquet(account, `t/${A}`, 'select 1 as n, 7 as more')
    expect((await account.rows(add('F', A)))[0]?.[1]).toBe('REGISTERED_UPDATE')
    expect((await account.rows(remove('F', A, C))).map(([, status]) => status)).toEqual(['UNREGISTERED', 'UNREGISTER_FAILED'])
    expect(await account.rows('select n from F')).toEqual([['2']])
  })

  test('of a transaction are seen by nobody else before COMMIT, and by nobody after ROLLBACK', async () => {
    const other = await account.open()
    await account.run(create('X'), add('X', A), 'BEGIN', add('X', B), remove('X', A))
    expect(await account.rows('select n from X')).toEqual([['2']])
    expect(await other.rows('select n from X')).toEqual([['1']])
    await account.run('ROLLBACK')
    expect(await account.rows('select n from X')).toEqual([['1']])
    await account.run('BEGIN', add('X', B), remove('X', A), 'COMMIT')
    expect(await other.rows('select n from X')).toEqual([['2']])
    // DDL commits what is open.
    await account.run('BEGIN', add('X', C), "COMMENT ON TABLE X IS 'now'", 'ROLLBACK')
    expect(await other.rows('select n from X order by 1')).toEqual([['2'], ['3']])
  })

  test('come and go by REFRESH, under a path and by pattern', async () => {
    await account.run(`CREATE OR REPLACE EXTERNAL TABLE R (${N}) LOCATION = @LAKE/t/ PATTERN = '.*[ac][.]parquet' ${CLAUSES}`)
    expect((await account.rows("ALTER EXTERNAL TABLE R REFRESH 'date=2024-01-01/'")).map(([file]) => file)).toEqual([`t/${A}`])
    await account.run('ALTER EXTERNAL TABLE R REFRESH')
    expect(await account.rows('select n from R order by 1')).toEqual([['1'], ['3']])
  })

  test('are listed by EXTERNAL_TABLE_FILES', async () => {
    await account.run(create('L'), add('L', B, C))
    const { columns, rows } = await account.answer(
      "select * from table(db.information_schema.external_table_files(table_name => 'DB.PUBLIC.L'))",
    )
    expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'FILE_NAME text',
      'REGISTERED_ON timestamp_ltz',
      'FILE_SIZE fixed',
      'LAST_MODIFIED timestamp_ltz',
      'ETAG text',
      'MD5 text',
    ])
    expect(rows.map(([file]) => file)).toEqual([`t/${B}`, `t/${C}`])
  })
})

describe('columns', () => {
  test('VALUE is the first of *, pseudo columns are none of it', async () => {
    await account.run(create('S', `${N}, "Lower" varchar as (metadata$filename)`), add('S', B))
    const { columns, rows } = await account.answer('select * from S')
    expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual(['VALUE variant', 'N fixed', 'Lower text'])
    expect(rows).toEqual([['{\n  "n": 2\n}', '2', `t/${B}`]])
    expect(await account.rows('select metadata$filename, metadata$file_row_number, s.value:n::int from S s')).toEqual([
      [`t/${B}`, '1', '2'],
    ])
  })

  test('are added, renamed and dropped; partition columns stay', async () => {
    await account.run(create('K', `${N}, ${DATED}`, 'PARTITION BY ("__DATE")'), add('K', B))
    await account.run(
      'ALTER TABLE K ADD COLUMN "m" VARCHAR(9) AS (value:"n"::varchar(9))',
      'ALTER TABLE K RENAME COLUMN n TO o',
      'ALTER TABLE K ADD COLUMN p FLOAT AS (value:"n"::float)',
      'ALTER TABLE K DROP COLUMN p',
    )
    expect((await account.rows('DESCRIBE EXTERNAL TABLE K')).map(([name, type, kind]) => [name, type, kind])).toEqual([
      ['VALUE', 'VARIANT', 'COLUMN'],
      ['O', 'NUMBER(38,0)', 'VIRTUAL'],
      ['__DATE', 'DATE', 'VIRTUAL'],
      ['m', 'VARCHAR(9)', 'VIRTUAL'],
    ])
    expect(await account.rows('select o, "__DATE", "m" from K where "__DATE" = \'2024-01-01\'')).toEqual([['2', '19723', '2']])
    expect(await account.refusal('ALTER TABLE K DROP COLUMN "__DATE"')).toMatch(/^001008 22023/)
    expect(await account.refusal('ALTER TABLE K ADD COLUMN o INT AS (1)')).toMatch(/^002025 42S21/)
    expect(await account.refusal('ALTER TABLE K ADD COLUMN q INT')).toMatch(/^001008 22023/)
    expect(await account.refusal('ALTER TABLE K DROP COLUMN q')).toMatch(/^000904 42000/)
  })

  test.each([
    ['a subquery', 'n int as ((select 1))', '', '001008'],
    ['an unknown function', 'n int as (frob(value:"n"))', '', '002140'],
    ['another column', 'n int as (1), m int as (n)', '', '000904'],
    ['the name VALUE', 'value int as (1)', '', '002025'],
    ['a name twice', 'n int as (1), n int as (2)', '', '002025'],
    ['no cast between the types', 'n boolean as (current_date)', '', '001065'],
    ['VALUE in a partition', 'd date as (value:"d"::date)', 'PARTITION BY (d)', '001008'],
    ['a regular expression in a partition', "d varchar as (regexp_substr(metadata$filename, 'x'))", 'PARTITION BY (d)', '001008'],
    ['an unknown partition column', 'n int as (1)', 'PARTITION BY (d)', '000904'],
  ])('with %s are refused', async (_, columns, more, code) => {
    expect(await account.refusal(create('BAD', columns, more))).toMatch(new RegExp(`^${code} `))
    expect(await account.refusal('DESCRIBE EXTERNAL TABLE BAD')).toMatch(/^002003/)
  })

  test('a path that the partition expression cannot take is refused when it is added', async () => {
    await account.run(create('P', `${N}, ${DATED}`, 'PARTITION BY ("__DATE")'))
    await putParquet(account, 't/date=soon/a.parquet', 'select 1 as n')
    expect(await account.refusal(add('P', 'date=soon/a.parquet'))).toMatch(/^10\d{4} 22007/)
    expect(await account.rows('select count(*) from P')).toEqual([['0']])
  })
})

describe('user-specified partitions', () => {
  const shape = `day varchar as (nullif(parse_json(metadata$external_table_partition):"DAY"::varchar, '-')::varchar), ${N}`
  const made = () => account.run(create('U', shape, 'PARTITION BY (day) PARTITION_TYPE = USER_SPECIFIED'))

  test('come with their values and go with their place', async () => {
    await made()
    await account.run(
      "ALTER EXTERNAL TABLE U ADD PARTITION (day = 'mon') LOCATION 'date=2024-01-01/'",
      "ALTER EXTERNAL TABLE U ADD PARTITION (day = '-') LOCATION 'date=2024-01-02'",
    )
    expect(await account.rows('select day, n from U order by n')).toEqual([
      ['mon', '1'],
      ['mon', '2'],
      [null, '3'],
    ])
    await account.run("ALTER EXTERNAL TABLE U DROP PARTITION LOCATION 'date=2024-01-01'")
    expect(await account.rows('select day, n from U')).toEqual([[null, '3']])
  })

  test('shut REFRESH, ADD FILES and REMOVE FILES out, and computed ones ADD PARTITION', async () => {
    await made()
    await account.run(create('V'))
    const refused = [
      add('U', A),
      remove('U', A),
      'ALTER EXTERNAL TABLE U REFRESH',
      "ALTER EXTERNAL TABLE V ADD PARTITION (day = 'x') LOCATION 'y'",
      "ALTER EXTERNAL TABLE V DROP PARTITION LOCATION 'y'",
    ]
    for (const sql of refused) expect(await account.refusal(sql)).toMatch(/^000002 0A000/)
    expect(await account.refusal("ALTER EXTERNAL TABLE U ADD PARTITION (night = 'x') LOCATION 'y'")).toMatch(/^000904/)
  })
})

describe('stages and replacing', () => {
  test('CREATE OR REPLACE STAGE unlinks the tables on it; ALTER STAGE does not', async () => {
    const url = "URL = 's3://lake/' STORAGE_INTEGRATION = LAKE_ACCESS"
    await account.run(
      `CREATE STAGE OTHER ${url}`,
      `CREATE EXTERNAL TABLE ON_OTHER (${N}) LOCATION = @OTHER/t/ ${CLAUSES}`,
      add('ON_OTHER', B),
    )
    await account.run(`CREATE STAGE IF NOT EXISTS OTHER ${url}`, `ALTER STAGE OTHER SET ${url}`)
    expect(await account.rows('select n from ON_OTHER')).toEqual([['2']])
    await account.run(`CREATE OR REPLACE STAGE OTHER ${url}`)
    expect(await account.refusal('select n from ON_OTHER')).toMatch(/^001008 22023 .*invalid/s)
    expect(await account.refusal(add('ON_OTHER', C))).toMatch(/invalid/)
    const { columns, rows } = await account.answer("SHOW EXTERNAL TABLES LIKE 'ON\\\\_OTHER'")
    const at = (name: string) => rows[0]?.[columns.findIndex((column) => column.name === name)]
    expect([at('invalid'), at('invalid_reason')]).toEqual(['true', expect.stringContaining('DB.PUBLIC.OTHER')])
  })

  test('a table that is replaced begins without files, grants and policies; COPY GRANTS keeps grants', async () => {
    await account.run(create('G'), add('G', A), 'GRANT SELECT ON EXTERNAL TABLE G TO ROLE READER')
    const selects = async () =>
      (await account.rows('SHOW GRANTS ON EXTERNAL TABLE G')).filter(([, privilege]) => privilege === 'SELECT').length
    expect(await selects()).toBe(1)
    await account.run(`${create('G')} COPY GRANTS`)
    expect([await selects(), await account.rows('select count(*) from G')]).toEqual([1, [['0']]])
    await account.run(create('G'))
    expect(await selects()).toBe(0)
  })

  test.each([
    ["CREATE STAGE S9 URL = 'ftp://x/'", '001008'],
    ["CREATE STAGE S9 URL = 's3://elsewhere/' STORAGE_INTEGRATION = LAKE_ACCESS", '001008'],
    ["CREATE STAGE S9 URL = 's3://lake/' STORAGE_INTEGRATION = NOBODY", '002003'],
    ["CREATE STAGE S9 URL = 's3compat://lake/' CREDENTIALS = (AWS_KEY_ID = 'a' AWS_SECRET_KEY = 'b')", '001008'],
    ["CREATE STAGE S9 URL = 's3://lake/' ENDPOINT = 'x'", '001008'],
    ['CREATE STAGE S9', '001008'],
    ["CREATE STAGE LAKE URL = 's3://lake/'", '002002'],
    ['CREATE FILE FORMAT F9 TYPE = ORC BINARY_AS_TEXT = FALSE', '001008'],
    [`CREATE EXTERNAL TABLE T9 (${N}) LOCATION = @NOWHERE/ ${CLAUSES}`, '002003'],
    [`CREATE EXTERNAL TABLE T9 (${N}) LOCATION = @LAKE/ AUTO_REFRESH = FALSE FILE_FORMAT = (FORMAT_NAME = NONE)`, '002003'],
    [`CREATE EXTERNAL TABLE T9 (${N}) LOCATION = @LAKE/ FILE_FORMAT = (TYPE = PARQUET)`, '001008'],
    ['ALTER EXTERNAL TABLE NOBODY REFRESH', '002003'],
    ['DROP EXTERNAL TABLE NOBODY', '002003'],
  ])('%s is refused', async (sql, code) => {
    expect(await account.refusal(sql)).toMatch(new RegExp(`^${code} `))
  })

  test('what may be absent is no error', async () => {
    await account.run(
      'DROP EXTERNAL TABLE IF EXISTS NOBODY',
      'ALTER EXTERNAL TABLE IF EXISTS NOBODY REFRESH',
      'DROP SCHEMA IF EXISTS NOWHERE',
      'DROP VIEW IF EXISTS NOWHERE.NOTHING',
    )
  })
})

test('INFER_SCHEMA tells the columns of files', async () => {
  await putParquet(account, 'infer/a.parquet', "select 1::int as n, 'x' as t, 1.5::decimal(9,2) as d")
  expect(
    await account.rows(
      "select column_name, type from table(infer_schema(location => '@LAKE/infer/', file_format => 'PARQUET')) order by order_id",
    ),
  ).toEqual([
    ['n', 'NUMBER(38,0)'],
    ['t', 'VARCHAR(16777216)'],
    ['d', 'NUMBER(9,2)'],
  ])
})

test('400,000 rows join in about a second', async () => {
  await putParquet(
    account,
    'big/a.parquet',
    "select range as id, 'client ' || range as name, (range * 1.05)::decimal(12,2) as amount, make_timestamp(1700000000000000 + range) at time zone 'UTC' as seen from range(400000)",
  )
  await account.run(`CREATE EXTERNAL TABLE BIG (id number(19,0) as (value:"id"::number(19,0)), name varchar as (value:"name"::varchar), amount number(12,2) as (value:"amount"::number(12,2)))
    LOCATION = @LAKE/big/ AUTO_REFRESH = FALSE REFRESH_ON_CREATE = TRUE FILE_FORMAT = (FORMAT_NAME = PARQUET)`)
  const join = "select count(*), sum(a.amount) from BIG a join BIG b on a.id = b.id where b.name like 'client%'"
  await account.answer(join)
  const start = performance.now()
  expect(await account.rows(join)).toEqual([['400000', '83999790000.00']])
  expect(performance.now() - start).toBeLessThan(8_000)
})
