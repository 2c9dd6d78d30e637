/** Roles: what one may not do is refused with the name of what is missing. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSqlAccount, type SqlAccount, type TestSession } from './account-fixture.ts'
import { putParquet } from './parquet-objects.ts'

let account: SqlAccount
let writer: TestSession
beforeAll(async () => {
  account = await openSqlAccount()
  await putParquet(account, 'a/a.parquet', 'select 1 as n')
  writer = await account.open('WRITER')
  await account.run('CREATE SCHEMA RAW', 'USE SCHEMA PUBLIC')
})
afterAll(() => account[Symbol.asyncDispose]())

const TABLE = `CREATE EXTERNAL TABLE DB.RAW.T (n int as (value:"n"::int)) LOCATION = @DB.PUBLIC.LAKE/a/ AUTO_REFRESH = FALSE REFRESH_ON_CREATE = FALSE FILE_FORMAT = (FORMAT_NAME = 'DB.PUBLIC.PARQUET')`

test('each grant that is missing is named, until none is', async () => {
  const steps: readonly (readonly [grant: string, refusal: RegExp])[] = [
    ['GRANT USAGE ON DATABASE DB TO ROLE WRITER', /^002003 02000 .*Database 'DB' does not exist or not authorized/s],
    ['GRANT USAGE ON SCHEMA DB.RAW TO ROLE WRITER', /^002003 02000 .*Schema 'DB.RAW' does not exist or not authorized/s],
    [
      'GRANT CREATE EXTERNAL TABLE ON SCHEMA DB.RAW TO ROLE WRITER',
      /^003001 42501 .*Insufficient privileges to operate on schema 'RAW'/s,
    ],
    ['GRANT USAGE ON SCHEMA DB.PUBLIC TO ROLE WRITER', /^002003 02000 .*Schema 'DB.PUBLIC'/s],
    ['GRANT USAGE ON STAGE DB.PUBLIC.LAKE TO ROLE WRITER', /^002003 02000 .*Stage 'DB.PUBLIC.LAKE'/s],
    ['GRANT USAGE ON FILE FORMAT DB.PUBLIC.PARQUET TO ROLE WRITER', /^002003 02000 .*File format 'DB.PUBLIC.PARQUET'/s],
  ]
  for (const [grant, refusal] of steps) {
    expect(await writer.refusal(TABLE)).toMatch(refusal)
    await account.run(grant)
  }
  await writer.run(TABLE)
})

test('a role reads what it was granted, through a view what the owner may', async () => {
  const reader = await account.open('READER')
  await account.run(
    'GRANT USAGE ON DATABASE DB TO ROLE READER',
    'GRANT USAGE ON SCHEMA DB.RAW TO ROLE READER',
    'CREATE VIEW DB.RAW.SEEN AS SELECT n FROM DB.RAW.T',
  )
  await account.run("ALTER EXTERNAL TABLE DB.RAW.T ADD FILES ('a.parquet')")
  expect(await reader.refusal('select * from db.raw.seen')).toMatch(/^002003 42S02/)
  await account.run('GRANT SELECT ON ALL VIEWS IN SCHEMA DB.RAW TO ROLE READER')
  expect(await reader.refusal('select * from db.raw.seen')).toMatch(/^000606 57P03/)
  await account.run('GRANT USAGE ON WAREHOUSE WH TO ROLE READER')
  await reader.run('USE WAREHOUSE WH')
  expect(await reader.rows('select * from db.raw.seen')).toEqual([['1']])
  expect(await reader.refusal('select n from db.raw.t')).toMatch(/^002003 42S02/)
  await account.run('GRANT REFERENCES ON EXTERNAL TABLE DB.RAW.T TO ROLE READER')
  expect(await reader.refusal('select n from db.raw.t')).toMatch(/^003001 42501 .*external table 'T'/s)
  expect(await reader.refusal('DROP EXTERNAL TABLE DB.RAW.T')).toMatch(/^003001 42501/)
  await account.run('REVOKE SELECT ON VIEW DB.RAW.SEEN FROM ROLE READER')
  expect(await reader.refusal('select * from db.raw.seen')).toMatch(/^002003 42S02/)
})

test('roles include others; CURRENT_ROLE and SHOW GRANTS say so', async () => {
  await account.run('CREATE ROLE TEAM', 'GRANT ROLE READER TO ROLE TEAM', 'GRANT ROLE TEAM TO USER ADA')
  const team = await account.open('TEAM')
  expect(await team.rows("select current_role(), is_role_in_session('READER'), is_role_in_session('WRITER')")).toEqual([
    ['TEAM', '1', '0'],
  ])
  const { columns, rows } = await account.answer('SHOW GRANTS TO ROLE TEAM')
  expect(columns.map(({ name }) => name)).toEqual([
    'created_on',
    'privilege',
    'granted_on',
    'name',
    'granted_to',
    'grantee_name',
    'grant_option',
    'granted_by',
  ])
  expect(rows.map(([, privilege, on, name]) => [privilege, on, name])).toEqual([
    ['USAGE', 'ROLE', 'PUBLIC'],
    ['USAGE', 'ROLE', 'READER'],
  ])
  expect(await team.refusal('USE ROLE NOBODY')).toMatch(/^003013 42501/)
  await expect(account.open('NOBODY')).rejects.toThrow(/NOBODY/)
})

describe('policies', () => {
  beforeAll(async () => {
    await account.run(
      'USE SCHEMA DB.PUBLIC',
      "CREATE TABLE PEOPLE AS SELECT * FROM (VALUES (1, 'ann'), (2, 'bob')) t (id, name)",
      'CREATE VIEW PEOPLE_SEEN (id, name) AS SELECT id, name FROM PEOPLE',
      "CREATE MASKING POLICY HIDE AS (v VARCHAR) RETURNS VARCHAR -> case when current_role() = 'ACCOUNTADMIN' then v else '***' end",
      'CREATE ROW ACCESS POLICY FEW AS (i NUMBER) RETURNS BOOLEAN -> i > 1',
      'ALTER VIEW PEOPLE_SEEN MODIFY COLUMN name SET MASKING POLICY HIDE',
      'ALTER VIEW PEOPLE_SEEN ADD ROW ACCESS POLICY FEW ON (id)',
      'GRANT USAGE ON SCHEMA DB.PUBLIC TO ROLE READER',
      'GRANT SELECT ON VIEW PEOPLE_SEEN TO ROLE READER',
      'GRANT USAGE ON DATABASE DB TO ROLE READER',
      'GRANT USAGE ON WAREHOUSE WH TO ROLE READER',
    )
  })

  test('mask columns and keep rows back, by the role that asks', async () => {
    const reader = await account.open('READER')
    expect(await account.rows('select * from PEOPLE_SEEN')).toEqual([['2', 'bob']])
    expect(await reader.rows('select * from DB.PUBLIC.PEOPLE_SEEN')).toEqual([['2', '***']])
  })

  test('are found by POLICY_REFERENCES, and lost when the view is replaced without them', async () => {
    const references = () =>
      account.rows(
        "select policy_kind, policy_name, ref_column_name, ref_arg_column_names from table(information_schema.policy_references(ref_entity_name => 'DB.PUBLIC.PEOPLE_SEEN', ref_entity_domain => 'VIEW')) order by 1",
      )
    expect(await references()).toEqual([
      ['MASKING_POLICY', 'HIDE', 'NAME', null],
      ['ROW_ACCESS_POLICY', 'FEW', null, '[ "ID" ]'],
    ])
    expect(await account.refusal('DROP MASKING POLICY HIDE')).toMatch(/^001008/)
    await account.run(
      "CREATE OR REPLACE VIEW PEOPLE_SEEN (id, name WITH MASKING POLICY HIDE COMMENT 'x') WITH ROW ACCESS POLICY FEW ON (id) COPY GRANTS AS SELECT id, name FROM PEOPLE",
    )
    expect(await references()).toHaveLength(2)
    await account.run('CREATE OR REPLACE VIEW PEOPLE_SEEN AS SELECT id, name FROM PEOPLE')
    expect(await references()).toEqual([])
    expect(await account.rows('select count(*) from PEOPLE_SEEN')).toEqual([['2']])
  })
})
