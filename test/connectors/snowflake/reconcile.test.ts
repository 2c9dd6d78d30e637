/** Reconcile inside Snowflake: the golden vectors, and a registered integration held against PostgreSQL. */

import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { checksumSql, printsSql, rowsSql } from '../../../integrations/reconcile/checksum-sql.ts'
import { vectorColumns, vectorFile, vectorSums, vectors } from '../../support/checksum-vectors.ts'
import { portage } from '../../support/command-line.ts'
import { sharedPostgres } from '../../support/postgres.ts'
import { scratch } from '../../support/scratch.ts'
import { openTestAccount, type TestAccount } from '../../support/snowflake-account.ts'

function configure(account: TestAccount, url = '') {
  const { connection, lake, schema } = account
  const made = scratch({
    'config/connections.yaml': stringify({
      core: { connector: 'postgres', url },
      snow: { connector: 'snowflake', ...connection },
      lake: { connector: 's3', ...lake },
    }),
    'config/integrations/book.yaml': stringify({
      name: 'book',
      source: { connection: 'core', tables: ['public.*'] },
      lake: { connection: 'lake' },
      register: [{ connection: 'snow', schema }],
    }),
  })
  const run = (...argv: readonly string[]) =>
    portage([...argv, '--config', made.path('config'), '--state', made.path('state'), '--verbose'])
  return { run, [Symbol.dispose]: () => made[Symbol.dispose]() }
}

test('Snowflake comes to the vectors', async () => {
  await using account = await openTestAccount()
  using configured = configure(account)
  await account.store.putIfAbsent('vectors/f.parquet', await vectorFile())
  const { code, stderr } = await configured.run('link', account.store.address('vectors/'), `snow:${account.schema}.vector`)
  expect(code, stderr).toBe(0)
  const columns = vectorColumns('"').map(({ expression, type }) => ({
    expression: expression.toUpperCase().replace('T.', 't.'),
    type,
  }))
  const query = { from: `${account.schema}.vector t`, columns, key: columns.slice(0, 1), digits: 1, prefixes: null }
  const byKey = (rows: readonly (readonly unknown[])[]) => rows.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1))
  const rows = await account.rows(rowsSql('snowflake', query))
  expect(byKey(rows.map(([key, ...fields]) => [key, fields.join('\u001f')]))).toEqual(
    byKey(vectors().map(({ row, key }) => [key, row])),
  )
  const prints = await account.rows(printsSql('snowflake', query))
  expect(byKey(prints)).toEqual(byKey(vectors().map(({ key, md5 }) => [key, md5.slice(0, 15)])))
  const sums = await account.rows(checksumSql('snowflake', query))
  expect(byKey(sums)).toEqual(vectorSums())
})

test('a registered integration equals PostgreSQL along its changes; rows that vanish from the account are found by key', async () => {
  await using account = await openTestAccount()
  await using database = await (await sharedPostgres()).createDatabase()
  using configured = configure(account, database.url)
  await database.query(`create table public.every (
    id bigint primary key, flag bool, small smallint, amount numeric(12,2), share numeric(9,9), ratio float8, label text, doc jsonb, raw json,
    token uuid, bytes bytea, born date, clock time, seen timestamptz, wall timestamp, tags text[])`)
  await database.query('create table public.bag (a int, b text)')
  await database.query('alter table public.bag replica identity full')
  await database.query(`insert into public.every select n, n % 2 = 0, n, n * 1.05, n / 1000.0, n / 3.0, 'l\\N ' || chr(31) || n, jsonb_build_object('n', n, 'd', 1.50),
    '{"b":  1,"a": [null, "\\u00e9"]}', md5(n::text)::uuid, decode(lpad(to_hex(n), 2, '0'), 'hex'), date '1969-12-01' + n, time '03:04:05.06' + n * interval '1 s',
    timestamptz '1969-12-31 23:59:59.999999+00' + n * interval '1 s', timestamp '2024-02-29 00:00:00.1' + n * interval '1 day', array['x', null, n::text]
    from generate_series(1, 50) n`)
  await database.query('insert into public.every (id) values (51)')
  await database.query(`insert into public.bag select n % 3, 'b' from generate_series(1, 9) n`)
  const said = async (...argv: readonly string[]) => {
    const { code, stdout, stderr } = await configured.run(...argv)
    return { code, text: stdout + stderr }
  }
  const first = await said('run', 'book', '--until-current')
  expect(first.code, first.text).toBe(0)
  const equal = await said('reconcile', 'book')
  expect(equal.text).toContain(`snow.${account.schema}`)
  expect(equal.code).toBe(0)
  await database.query(`update public.every set label = 'changed', doc = null where id % 7 = 0`)
  await database.query('delete from public.every where id % 11 = 0')
  await database.query(`delete from public.bag where ctid = (select min(ctid) from public.bag)`)
  await database.query(`alter table public.every add column later text default 'x'`)
  await database.query(`insert into public.every (id, later) values (100, 'y')`)
  expect((await said('run', 'book', '--until-current')).code).toBe(0)
  expect((await said('reconcile', 'book')).code).toBe(0)
  expect((await said('compact', 'book', '--renew', 'always')).code).toBe(0)
  expect((await said('register', 'book')).code).toBe(0)
  expect((await said('reconcile', 'book')).code).toBe(0)

  const tables = await account.rows(`SHOW EXTERNAL TABLES IN SCHEMA ${account.schema}`)
  const names = tables.flatMap((row) => row.filter((cell) => /^EVERY__CHANGES/i.test(cell ?? '')))
  const [file] = (
    await account.rows(
      `SELECT FILE_NAME FROM TABLE(INFORMATION_SCHEMA.EXTERNAL_TABLE_FILES(TABLE_NAME => '${account.schema}.${names[0]}'))`,
    )
  )[0] ?? ['']
  await account.rows(`ALTER EXTERNAL TABLE ${account.schema}.${names[0]} REMOVE FILES ('${file?.slice(file.indexOf('date='))}')`)
  const found = await said('reconcile', 'book')
  expect(found.code).toBe(4)
  expect(found.text).toContain('public.every')
})
