/** `portage reconcile` over a real PostgreSQL, the files of a lake and DuckDB: what is equal, and everything that can be wrong. */
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openJob } from '../main-job/job.ts'

const LOANS = /* sql */ `
  create table public.loan (id int8 primary key, name text, amount numeric(12,2), note text);
  insert into public.loan select i, 'name ' || i, i * 1.25, case when i % 3 = 0 then null else repeat('x', 40) end from generate_series(1, 3000) i;
  create table public.event (at timestamptz, what text, score float8);
  alter table public.event replica identity full;
  insert into public.event select timestamptz '2026-01-01' + i * interval '1 minute', 'e' || i % 7, i / 7.0 from generate_series(1, 500) i;`

test('what was carried is equal, with and without a look at every byte', async () => {
  await using at = await openJob({ source: ', heartbeat: 1s' })
  await at.db.query(LOANS)
  await at.catchUp()
  await at.db.query(`update public.loan set amount = amount + 1 where id % 10 = 0; delete from public.loan where id > 2900;
    insert into public.event values (now(), 'late', 'NaN'), (null, null, '-0')`)
  await at.db.query(`delete from public.event where what = 'e3'`)
  await at.catchUp()
  const plain = await at.run('reconcile')
  expect(plain.stdout + plain.stderr).toContain('Source, lake and warehouses agree')
  expect(plain).toMatchObject({ code: 0 })
  const deep = await at.run('reconcile', '--deep', '--json')
  expect(deep).toMatchObject({ code: 0 })
  expect(JSON.parse(deep.stdout)).toMatchObject({
    verdict: 'equal',
    tables: [
      { table: 'public.event', sourceRows: 430, columns: { compared: 3 } },
      { table: 'public.loan', sourceRows: 2900, columns: { compared: 4 } },
    ],
  })
  console.log(plain.stdout, plain.stderr, readdirSync(at.root.path('lake'), { recursive: true }).length)
}, 60_000)
