/** SHOW and DESCRIBE in the columns that Snowflake documents, and what they tell. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checksumSql, floatsSql, printsSql, rowsSql } from '../../../integrations/reconcile/checksum-sql.ts'
import { VECTOR_COLUMNS, vectorColumns, vectorFile, vectorSums, vectors } from '../../support/checksum-vectors.ts'
import { engineType } from '../../support/type-table.ts'
import { openSqlAccount, type SqlAccount } from './account-fixture.ts'
import { overFiles } from './parquet-objects.ts'

let account: SqlAccount
beforeAll(async () => {
  account = await openSqlAccount()
  await account.run(
    'CREATE FILE FORMAT EXACT TYPE = PARQUET BINARY_AS_TEXT = FALSE NULL_IF = ()',
    "CREATE TABLE T (n INT COMMENT 'a number') COMMENT = 'a table'",
    'CREATE VIEW V AS SELECT n FROM T',
  )
})
afterAll(() => account[Symbol.asyncDispose]())

const names = async (sql: string) => (await account.answer(sql)).columns.map(({ name }) => name).join(' ')

test.each([
  ['SHOW DATABASES', 'created_on name is_default is_current origin owner comment options retention_time kind owner_role_type'],
  ['SHOW SCHEMAS', 'created_on name is_default is_current database_name owner comment options retention_time owner_role_type'],
  ['SHOW TERSE SCHEMAS IN DATABASE DB', 'created_on name kind database_name schema_name'],
  [
    'SHOW VIEWS IN SCHEMA DB.PUBLIC',
    'created_on name reserved database_name schema_name owner comment text is_secure is_materialized owner_role_type change_tracking',
  ],
  [
    'SHOW EXTERNAL TABLES IN ACCOUNT',
    'created_on name database_name schema_name invalid invalid_reason owner comment stage location file_format_name file_format_type cloud region notification_channel last_refreshed_on table_format last_refresh_details owner_role_type',
  ],
  [
    'SHOW STAGES',
    'created_on name database_name schema_name url has_credentials has_encryption_key owner comment region type cloud notification_channel storage_integration endpoint owner_role_type directory_enabled',
  ],
  ['SHOW FILE FORMATS', 'created_on name database_name schema_name type owner comment format_options owner_role_type'],
  ['SHOW INTEGRATIONS', 'name type category enabled comment created_on'],
  ['SHOW STORAGE INTEGRATIONS', 'name type category enabled comment created_on'],
  ['SHOW PARAMETERS IN SESSION', 'key value default level description type'],
  [
    'SHOW COLUMNS IN TABLE T',
    'table_name schema_name column_name data_type null? default kind expression comment database_name autoincrement',
  ],
  ['SHOW GRANTS ON TABLE T', 'created_on privilege granted_on name granted_to grantee_name grant_option granted_by'],
  ['SHOW GRANTS OF ROLE READER', 'created_on role granted_to grantee_name granted_by'],
  ['DESCRIBE TABLE T', 'name type kind null? default primary key unique key check expression comment policy name'],
  ['DESC STAGE LAKE', 'parent_property property property_type property_value property_default'],
  ['DESC FILE FORMAT PARQUET', 'property property_type property_value property_default'],
  ['DESC INTEGRATION LAKE_ACCESS', 'property property_type property_value property_default'],
])('%s', async (sql, columns) => {
  expect(await names(sql)).toBe(columns)
})

test('LIKE takes patterns without regard to case; STARTS WITH and LIMIT … FROM go on', async () => {
  await account.run('CREATE TABLE LIKE_A1 (n INT)', 'CREATE TABLE LIKE_A2 (n INT)', 'CREATE TABLE LIKEXA3 (n INT)')
  const found = async (sql: string) => (await account.rows(sql)).map(([, name]) => name)
  expect(await found("SHOW TABLES LIKE 'like_a%'")).toEqual(['LIKEXA3', 'LIKE_A1', 'LIKE_A2'])
  expect(await found("SHOW TABLES LIKE 'like\\\\_a%'")).toEqual(['LIKE_A1', 'LIKE_A2'])
  expect(await found("SHOW TABLES LIKE '%' STARTS WITH 'LIKE_' LIMIT 1 FROM 'LIKE_A1'")).toEqual(['LIKE_A2'])
})

test('comments are shown where they were put', async () => {
  await account.run(
    "COMMENT ON COLUMN V.n IS 'shown'",
    "ALTER VIEW V SET COMMENT = 'a view'",
    "COMMENT ON SCHEMA PUBLIC IS 'the usual'",
    "ALTER TABLE T MODIFY COLUMN n COMMENT 'another'",
  )
  expect((await account.rows('DESCRIBE VIEW V')).map((row) => row[9])).toEqual(['shown'])
  expect((await account.rows('DESCRIBE TABLE T')).map((row) => row[9])).toEqual(['another'])
  expect(
    await account.rows("select table_name, comment from information_schema.tables where table_name in ('T', 'V') order by 1"),
  ).toEqual([
    ['T', 'a table'],
    ['V', 'a view'],
  ])
})

test('what dbt asks for its documentation: tables and columns of the INFORMATION_SCHEMA, joined', async () => {
  const place = (type: string) => `
    select table_catalog as "table_database", table_schema as "table_schema", table_name as "table_name", ${type}`
  const wanted = `where (("table_schema" ilike 'public' and upper("table_schema") = upper('public')
    and "table_name" ilike 't' and upper("table_name") = upper('t')))`
  const sql = `with tables as (${place(`
      case when is_dynamic = 'YES' and table_type = 'BASE TABLE' THEN 'DYNAMIC TABLE' else table_type end as "table_type",
      comment as "table_comment",
      -- the role that owns the table
      table_owner as "table_owner", 'Row Count' as "stats:row_count:label", row_count as "stats:row_count:value",
      (row_count is not null) as "stats:row_count:include",
      to_varchar(convert_timezone('UTC', last_altered), 'yyyy-mm-dd HH24:MI'||'UTC') as "stats:last_modified:value",
      (last_altered is not null and table_type in ('BASE TABLE', 'INTERACTIVE TABLE')) as "stats:last_modified:include"
      from DB.INFORMATION_SCHEMA.tables ${wanted}`)}),
    columns as (${place(`column_name as "column_name", ordinal_position as "column_index", data_type as "column_type",
      comment as "column_comment" from DB.INFORMATION_SCHEMA.columns ${wanted}`)})
    select * from tables join columns using ("table_database", "table_schema", "table_name") order by "column_index"`
  const { columns, rows } = await account.answer(sql)
  expect(columns.map(({ name }) => name).slice(0, 6)).toEqual([
    'table_database',
    'table_schema',
    'table_name',
    'table_type',
    'table_comment',
    'table_owner',
  ])
  expect(rows.map((row) => [...row.slice(0, 5), row[9]?.replace(/\d/g, '9'), ...row.slice(-4)])).toEqual([
    ['DB', 'PUBLIC', 'T', 'BASE TABLE', 'a table', '9999-99-99 99:99UTC', 'N', '1', 'NUMBER', 'another'],
  ])
})

test('reconcile: the golden SQL comes to the golden vectors over an external table', async () => {
  account.put('vectors/v.parquet', await vectorFile())
  const columns = VECTOR_COLUMNS.map(({ name, type }) => {
    const read =
      type.kind === 'timestamp' ? `value:"${name}"::timestamp_ntz` : `value:"${name}"::${engineType(type, 'snowflake')}`
    return `"${name}" ${type.kind === 'timestamp' ? 'timestamp_ntz(6)' : engineType(type, 'snowflake')} as (${read})`
  })
  const table = await overFiles(account, 'vectors', columns.join(', '), "FORMAT_NAME = 'EXACT'")
  const checked = vectorColumns('"')
  const [key] = checked
  if (key === undefined) throw new Error('the vectors have no key')
  const query = { from: `${table} t`, columns: checked, key: [key], digits: 1, prefixes: null }
  const sums = await account.rows(checksumSql('snowflake', query))
  expect(sums.toSorted(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1))).toEqual(vectorSums())
  const prints = new Map((await account.rows(printsSql('snowflake', query))).map(([id, print]) => [id, print]))
  expect(vectors().map(({ key: id, md5 }) => prints.get(id) === md5.slice(0, 15))).toEqual(vectors().map(() => true))
  const texts = new Map((await account.rows(rowsSql('snowflake', query))).map(([id, ...fields]) => [id, fields.join('\u001f')]))
  expect(vectors().map(({ key: id }) => texts.get(id))).toEqual(vectors().map(({ row }) => row))
  expect(
    await account.rows(floatsSql('snowflake', "(select * from (values (1.5::float), ('NaN'::float), (null)) t (f)) t", ['t.f'])),
  ).toEqual([['2', '1', '1.5', '1.5']])
})
