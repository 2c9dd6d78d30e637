/** Tables that are compared as a whole first: what differs is found all the same, in the files and in a warehouse. */
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import type { ReconcileReport } from '../../../integrations/reconcile/report.ts'
import { type Job, openJob } from '../main-job/job.ts'
import { filesOf, rewrite } from './damage.ts'

const ROWS = 25_000

/** The first is keyed, the second a bag; both have floats and changes. */
async function readings(): Promise<Job> {
  const at = await openJob()
  await at.db.query(/* sql */ `
    create table public.reading (id int8 primary key, label text, celsius float8, humidity float4);
    create table public.loose (label text, celsius float8);
    alter table public.loose replica identity full;
    insert into public.reading select i, 'label ' || i % 50, case when i % 9 = 0 then null else -i / 7.0 end, i / 3.0 from generate_series(1, ${ROWS}) i;
    insert into public.loose select 'label ' || i % 50, i / 7.0 from generate_series(1, ${ROWS}) i`)
  await at.catchUp()
  await at.db.query(/* sql */ `
    update public.reading set celsius = '-0', humidity = 'NaN' where id % 1000 = 0;
    delete from public.reading where id > 24900;
    delete from public.loose where label = 'label 3'`)
  await at.catchUp()
  return at
}

async function reconciled(at: Job, ...options: readonly string[]) {
  const { code, stdout, stderr } = await at.run('reconcile', '--json', ...options)
  if (!stdout.startsWith('{')) throw new Error(`reconcile ended with ${code}: ${stderr}`)
  const { tables } = JSON.parse(stdout) as ReconcileReport
  const sides = tables.flatMap(({ table, sides: each }) =>
    each.map(({ side, verdict, differences }) => ({
      table,
      side,
      verdict,
      differences: differences.map(({ kind, key, columns }) => [kind, key, columns]),
    })),
  )
  return { code, tables, sides }
}

/** Lets DuckDB show something else than the files hold. */
async function falsify(at: Job, view: string, replaced: string): Promise<void> {
  const instance = await DuckDBInstance.create(at.root.path('views.duckdb'))
  const connection = await instance.connect()
  await connection.run(`alter view job."${view}" rename to "${view}_true"`)
  await connection.run(`create view job."${view}" as select * replace (${replaced}) from job."${view}_true"`)
  connection.closeSync()
  instance.closeSync()
}

test('equal, with and without --deep and by sample; DuckDB is compared in its floats, too', async () => {
  await using at = await readings()
  for (const options of [[], ['--deep'], ['--sample', '10%']]) {
    const { code, tables } = await reconciled(at, ...options)
    expect([options, code, tables.map(({ verdict }) => verdict)]).toEqual([options, 0, ['equal', 'equal']])
    expect(tables.map(({ columns }) => columns.byRange)).toEqual(options[0] === '--sample' ? [[], []] : [['celsius'], []])
  }
}, 90_000)

test('a wrong value in a file is found by its key', async () => {
  await using at = await readings()
  const [file = ''] = filesOf(at, await at.state(), 'public.reading').base
  await rewrite(file, 'select * replace (case when id = 4711 then 0 else celsius end as celsius) from f')
  const { code, sides } = await reconciled(at, '--table', 'public.reading')
  expect(code).toBe(4)
  expect(sides).toEqual([
    { table: 'public.reading', side: 'lake', verdict: 'different', differences: [['value', { id: '4711' }, ['celsius']]] },
    { table: 'public.reading', side: 'warehouse', verdict: 'equal', differences: [] },
  ])
}, 90_000)

test('a float that only DuckDB shows otherwise is found by its key', async () => {
  await using at = await readings()
  await falsify(at, 'reading_changes', 'case when id = 4711 then celsius + 1e-9 else celsius end as celsius')
  const { code, sides } = await reconciled(at, '--table', 'public.reading')
  expect(code).toBe(4)
  expect(sides).toEqual([
    { table: 'public.reading', side: 'lake', verdict: 'equal', differences: [] },
    { table: 'public.reading', side: 'warehouse', verdict: 'different', differences: [['value', { id: '4711' }, ['celsius']]] },
  ])
}, 90_000)
