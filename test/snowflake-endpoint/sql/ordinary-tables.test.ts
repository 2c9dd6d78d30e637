/** Ordinary tables and views, as dbt and an analyst use them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSqlAccount, type SqlAccount } from './account-fixture.ts'

let account: SqlAccount
beforeAll(async () => {
  account = await openSqlAccount()
})
afterAll(() => account[Symbol.asyncDispose]())

test('rows are inserted, changed, merged and deleted, and counted', async () => {
  await account.run('CREATE TABLE LOAN (id INT NOT NULL, amount NUMBER(9,2) DEFAULT 7, at TIMESTAMP_NTZ(6), doc VARIANT)')
  const counted = async (sql: string) => {
    const { columns, rows } = await account.answer(sql)
    return Object.fromEntries(columns.map(({ name }, index) => [name.replace('number of ', ''), Number(rows[0]?.[index])]))
  }
  expect(await counted("INSERT INTO LOAN SELECT 1, 2.555, '2024-01-01 00:00:00.123456789', PARSE_JSON('{\"a\":1}')")).toEqual({
    'rows inserted': 1,
  })
  expect(await counted('INSERT INTO LOAN (id) VALUES (2), (3)')).toEqual({ 'rows inserted': 2 })
  expect(await counted('UPDATE LOAN SET amount = amount + 1 WHERE id > 1')).toEqual({
    'rows updated': 2,
    'multi-joined rows updated': 0,
  })
  const merge = `MERGE INTO DB.PUBLIC.LOAN AS t USING (SELECT 3 AS id, 30 AS amount UNION ALL SELECT 4, 40 UNION ALL SELECT 1, NULL) AS s ON t.id = s.id
    WHEN MATCHED AND s.amount IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET amount = s.amount WHEN NOT MATCHED THEN INSERT (id, amount) VALUES (s.id, s.amount)`
  expect(await counted(merge)).toEqual({ 'rows inserted': 1, 'rows updated': 1, 'rows deleted': 1 })
  expect(await account.rows('SELECT id, amount, at FROM LOAN ORDER BY id')).toEqual([
    ['2', '8.00', null],
    ['3', '30.00', null],
    ['4', '40.00', null],
  ])
  expect(await counted('DELETE FROM LOAN USING (SELECT 2 AS gone) g WHERE id = g.gone')).toEqual({ 'rows deleted': 1 })
  expect(await counted('INSERT OVERWRITE INTO LOAN (id) SELECT 9')).toEqual({ 'rows inserted': 1 })
  expect(await account.rows('SELECT id FROM LOAN')).toEqual([['9']])
})

test('a transaction is undone by ROLLBACK, kept by COMMIT, and committed by DDL', async () => {
  const other = await account.open()
  await account.run('CREATE OR REPLACE TABLE T (n INT)', 'BEGIN', 'INSERT INTO T VALUES (1)')
  expect(await other.rows('SELECT count(*) FROM T')).toEqual([['0']])
  await account.run(
    'ROLLBACK',
    'BEGIN TRANSACTION',
    'INSERT INTO T VALUES (2)',
    'COMMIT',
    'START TRANSACTION',
    'INSERT INTO T VALUES (3)',
    'CREATE TABLE T2 (n INT)',
    'ROLLBACK',
  )
  expect(await other.rows('SELECT n FROM T ORDER BY 1')).toEqual([['2'], ['3']])
})

test('a statement that fails does not end the transaction around files and reads', async () => {
  await account.run('CREATE OR REPLACE TABLE T (n INT)', 'BEGIN')
  expect(await account.refusal("SELECT 'x'::number FROM (SELECT 1)")).toMatch(/^100038/)
  await account.run('INSERT INTO T VALUES (1)', 'COMMIT')
  expect(await account.rows('SELECT n FROM T')).toEqual([['1']])
})

test.each([
  ['INSERT INTO N VALUES (NULL, 1)', /^100072 22000 .*column: A/],
  ['INSERT INTO N VALUES (1)', /^002020 21S01/],
  ['INSERT INTO N (a, x) VALUES (1, 2)', /^000904 42000/],
  ["INSERT INTO N VALUES (1, 'x')", /^100038 22018/],
  ['UPDATE N SET a = NULL', /^100072/],
  ['MERGE INTO N USING (SELECT 1 a UNION ALL SELECT 1) s ON N.a = s.a WHEN MATCHED THEN UPDATE SET b = 2', /^100090 42P18/],
  ['INSERT INTO NOBODY VALUES (1)', /^002003 42S02/],
  ['CREATE TABLE N (a INT)', /^002002 42710/],
  ['CREATE TABLE N2 (a INT, A INT)', /^002025 42S21/],
  ['CREATE VIEW N AS SELECT 1 a', /^002002 42710/],
  ['CREATE OR REPLACE VIEW N AS SELECT 1 a', /^002203 02000/],
  ['CREATE VIEW V (a, b) AS SELECT 1', /^001008/],
  ['DROP VIEW N', /^002203 02000/],
  ['ALTER VIEW N RENAME TO M', /^002203/],
  ['TRUNCATE TABLE NOBODY', /^002003/],
])('%s is refused', async (sql, refusal) => {
  await account.run('CREATE TABLE IF NOT EXISTS N (a INT NOT NULL, b INT)', 'TRUNCATE TABLE N', 'INSERT INTO N VALUES (1, 1)')
  expect(await account.refusal(sql)).toMatch(refusal)
})

describe('what dbt sends', () => {
  test('is taken, with the answers that it reads', async () => {
    await account
      .run(
        "ALTER SESSION SET QUERY_TAG = 'dbt'",
        'create schema if not exists DB.MARTS',
        "create or replace transient table DB.MARTS.A as (select 1 as id, 'x' as name)",
        "create or replace temporary table DB.MARTS.A__dbt_tmp as (select 2 as id, 'y' as name, 5 as more)",
        'alter table DB.MARTS.A add column MORE NUMBER(38,0)',
        'create or replace view DB.MARTS.B as (select * from DB.MARTS.A)',
        'comment on table DB.MARTS.A IS $$what it is$$',
        "comment if exists on column DB.MARTS.A.ID is 'the key'",
        'begin',
        'delete from DB.MARTS.A using DB.MARTS.A__dbt_tmp where (DB.MARTS.A__dbt_tmp.id = DB.MARTS.A.id)',
        'insert into DB.MARTS.A ("ID", "NAME", "MORE") (select "ID", "NAME", "MORE" from DB.MARTS.A__dbt_tmp)',
        'commit',
        'drop table if exists DB.MARTS.A__dbt_tmp cascade',
        'drop view if exists DB.MARTS.NOTHING cascade',
        'truncate table DB.MARTS.B2',
      )
      .catch((error: Error) => expect(error.message).toContain('B2'))
    const told = async (sql: string) => {
      const { columns, rows } = await account.answer(sql)
      return rows.map((row) => Object.fromEntries(columns.map(({ name }, index) => [name, row[index]])))
    }
    expect((await told('show terse schemas in database DB limit 10000')).map(({ name }) => name)).toContain('MARTS')
    expect(await told('show objects in DB.MARTS limit 10000')).toMatchObject([
      { database_name: 'DB', schema_name: 'MARTS', name: 'A', kind: 'TABLE', is_dynamic: 'N', is_iceberg: 'N' },
      { database_name: 'DB', schema_name: 'MARTS', name: 'B', kind: 'VIEW' },
    ])
    expect(await account.refusal('show objects in DB.NOWHERE')).toMatch(/^002043 02000/)
    const { columns: functions } = await account.answer('show user functions in schema DB.MARTS')
    expect(functions.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['catalog_name', 'schema_name', 'name', 'is_builtin']),
    )
    const { columns, rows } = await account.answer('describe table DB.MARTS.A')
    expect(columns).toHaveLength(11)
    expect(rows.map(([name, type, kind, nullable]) => [name, type, kind, nullable])).toEqual([
      ['ID', 'NUMBER(1,0)', 'COLUMN', 'Y'],
      ['NAME', 'VARCHAR(1)', 'COLUMN', 'Y'],
      ['MORE', 'NUMBER(38,0)', 'COLUMN', 'Y'],
    ])
    // A view keeps the columns that it was made with, and says so when they are others now.
    expect(await account.rows('select * from DB.MARTS.A order by id')).toEqual([
      ['1', 'x', null],
      ['2', 'y', '5'],
    ])
    expect(
      await told(
        "select table_name, comment from DB.information_schema.tables where table_schema = 'MARTS' and table_name = 'A'",
      ),
    ).toEqual([{ TABLE_NAME: 'A', COMMENT: 'what it is' }])
  })
})

test('a temporary table, stage or view ends with its session', async () => {
  const other = await account.open()
  await other.run(
    'CREATE TEMPORARY TABLE GONE (n INT)',
    "CREATE TEMPORARY STAGE GONE_STAGE URL = 's3://lake/' STORAGE_INTEGRATION = LAKE_ACCESS",
    'CREATE TEMPORARY VIEW GONE_VIEW AS SELECT 1 AS n',
  )
  expect(await other.rows('SELECT count(*) FROM GONE')).toEqual([['0']])
  await other.session[Symbol.asyncDispose]()
  expect(await account.refusal('SELECT * FROM GONE')).toMatch(/^002003/)
  expect(await account.refusal('SELECT * FROM GONE_VIEW')).toMatch(/^002003/)
  expect(await account.refusal('LIST @GONE_STAGE')).toMatch(/^002003/)
})

test('a view means what its names meant where it lies, and tells when its query has other columns now', async () => {
  await account.run(
    'CREATE SCHEMA V1',
    'CREATE TABLE INNER_ONE (n INT)',
    'CREATE VIEW SHOWN AS SELECT * FROM INNER_ONE',
    'USE SCHEMA PUBLIC',
  )
  expect(await account.rows('SELECT count(*) FROM V1.SHOWN')).toEqual([['0']])
  await account.run('ALTER TABLE V1.INNER_ONE ADD COLUMN m INT')
  expect(await account.refusal('SELECT * FROM V1.SHOWN')).toMatch(/declared 1 column\(s\), but view query produces 2/)
  await account.run('DROP TABLE V1.INNER_ONE')
  expect(await account.refusal('SELECT * FROM V1.SHOWN')).toMatch(/^002003 42S02/)
})
