/** Changes of shape in a real PostgreSQL under the default policies: what is held, what is shown, what apply brings. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { TableName } from '../../../connectors/change.ts'
import { type Job, openJob } from './job.ts'

/** One table per kind of change: rows before it, the change itself with rows after it, and whether it is held. */
const KINDS = [
  ['added', 'add column more text', 'insert into {} (id, a, n) values (10, 10, 1)', null],
  ['added_default', "add column more text default 'd'", 'update {} set a = 7 where id = 1', null],
  ['added_volatile', 'add column more double precision default random()', 'update {} set a = 7 where id = 1', null],
  ['renamed', 'rename column b to z', 'update {} set z = 7 where id = 1', null],
  ['widened', 'alter column b type numeric(14,2)', 'update {} set b = 100000000000 where id = 1', null],
  ['longer', 'alter column v type varchar(30)', "update {} set v = 'longer than ten' where id = 1", null],
  ['relaxed', 'alter column n drop not null', 'update {} set n = null where id = 1', null],
  ['stricter', 'alter column b set not null', 'update {} set b = 5 where id = 1', null],
  ['full', 'replica identity full', 'delete from {} where id = 2', null],
  ['dropped', 'drop column b', 'insert into {} (id, a, n) values (10, 10, 1)', 'column "b" dropped'],
  [
    'shorter',
    'alter column v type varchar(5)',
    // Rows do not show the new limit: it begins where the catalogue shows it.
    'select from {}',
    'column "v" changed from character varying(10) to character varying(5)',
  ],
  ['narrowed', 'alter column a type int4', 'update {} set a = 7 where id = 1', 'column "a" changed from bigint to integer'],
  [
    'retyped',
    "alter column a type text using 'n' || a",
    "update {} set a = 'x' where id = 1",
    'column "a" changed from bigint to text',
  ],
  [
    'rekeyed',
    'drop constraint rekeyed_pkey, add primary key (id, a)',
    'update {} set b = 7 where id = 1',
    'key changed from (id) to (id, a)',
  ],
] as const

const create = (
  name: string,
) => /* sql */ `create table public.${name} (id int8 primary key, a int8 not null, b numeric(12,2), v varchar(10), n int4 not null);
  insert into public.${name} select i, i * 10, i / 4.0, 'v' || i, i from generate_series(1, 4) i;`

const SHAPE_CHANGES = KINDS.map(
  ([name, change, after]) => `alter table public.${name} ${change}; ${after.replaceAll('{}', `public.${name}`)};`,
)
const HELD = KINDS.flatMap(([name, , , held]) => (held === null ? [] : [[`public.${name}`, held]]))

const relation = async (job: Job, name: string, columns: string) =>
  (await job.run('query', `select ${columns} from job.${name} order by id`, '--format', 'csv')).stdout

async function confirmed(job: Job): Promise<bigint> {
  const [slot] = await job.db.query<{ at: string }>(
    "select (confirmed_flush_lsn - '0/0'::pg_lsn)::text as at from pg_replication_slots where slot_name = $1",
    [job.slot],
  )
  return BigInt(slot?.at ?? 0)
}

test.each(['away', 'at work'])(
  'every kind of change, %s: held or applied as documented, nothing lost after apply',
  async (when) => {
    await using job = await openJob({ schemaChanges: '{}' })
    await job.db.query(KINDS.map(([name]) => create(name)).join('\n'))
    await job.db.query('create table public.witness (id int8 primary key, n int8); insert into public.witness values (1, 0)')
    await job.db.query(`${create('removed')} ${create('again')}`)
    await job.catchUp()
    const before = await Promise.all(HELD.map(([table]) => relation(job, (table ?? '').slice(7), 'id, a, b, v, n')))

    const happen = async (): Promise<void> => {
      for (const sql of SHAPE_CHANGES) await job.db.query(sql)
      await job.db.query('drop table public.removed; drop table public.again')
      await job.db.query('create table public.again (id text primary key); insert into public.again values ($$new$$)')
      await job.db.query('update public.witness set n = 1')
    }
    if (when === 'away') await happen()
    else {
      await using run = job.spawn('run')
      await run.shows(/follow: .*current/)
      await happen()
      await expect
        .poll(async () => (await job.run('query', 'select n from job.witness', '--format', 'csv')).stdout, { timeout: 30_000 })
        .toBe('n\n1\n')
      run.process.kill('SIGTERM')
      expect((await run.ended).code).toBe(0)
    }
    const slotBefore = await confirmed(job)
    const ended = await job.run('run', '--until-current')
    expect([ended.code, ended.stderr]).toEqual([3, expect.stringContaining('"portage apply job" accepts it')])

    const status = JSON.parse((await job.run('status', '--json')).stdout)[0] as { tables: { table: string; held: string[] }[] }
    expect(status.tables.filter(({ held }) => held.length > 0).map(({ table, held }) => [table, ...held])).toEqual(
      [...HELD, ['public.again', 'table dropped and created again'], ['public.removed', 'table dropped']].toSorted(
        ([a = ''], [b = '']) => (a < b ? -1 : 1),
      ),
    )
    expect(await Promise.all(HELD.map(([table]) => relation(job, (table ?? '').slice(7), 'id, a, b, v, n')))).toEqual(before)
    expect(await relation(job, 'again', 'id')).toBe('id\n1\n2\n3\n4\n')
    expect(await relation(job, 'renamed', 'z')).toBe('z\n7.00\n0.50\n0.75\n1.00\n')

    // What is held is acknowledged all the same: the source may drop its log.
    await job.db.query('insert into public.dropped (id, a, n) select i, i, i from generate_series(100, 299) i')
    await job.run('run', '--until-current')
    expect(await confirmed(job)).toBeGreaterThan(slotBefore)
    expect(await relation(job, 'dropped', 'id')).toBe('id\n1\n2\n3\n4\n')

    const plan = await job.run('plan', '--json')
    expect(plan.code).toBe(3)
    const planned = JSON.parse(plan.stdout) as { tables: { table: string; held: boolean; findings: string[] }[] }
    expect(planned.tables.filter(({ held }) => held).map(({ table }) => table)).toEqual(
      [...HELD.map(([table]) => table), 'public.again', 'public.removed'].toSorted(),
    )
    expect(planned.tables.flatMap(({ findings }) => findings)).toEqual([])

    expect(await job.run('apply', 'job', 'public.dropped')).toMatchObject({ code: 0 })
    expect(await relation(job, 'dropped', 'id').then((text) => text.split('\n').length)).toBe(1 + 5 + 200 + 1)
    expect((await job.run('run', '--until-current')).code).toBe(3)
    expect((await job.run('apply', 'job')).code).toBe(0)
    expect((await job.run('run', '--until-current')).code).toBe(0)
    expect(await job.differences()).toEqual([])
    expect((await job.run('plan')).code).toBe(0)
  },
  300_000,
)

test('fail stops a run, at work and away, before anything of the new shape is landed; under hold it goes on and nothing is lost', async () => {
  await using job = await openJob({ schemaChanges: '{drop_column: fail}' })
  await job.db.query(create('loan'))
  await job.catchUp()
  await using run = job.spawn('run')
  await run.shows(/follow: .*current/)
  await job.db.query(
    "update public.loan set v = 'before' where id = 1; alter table public.loan drop column b; update public.loan set v = 'after' where id = 2",
  )
  const { code, stderr } = await run.ended
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/column "b" dropped \(schema_changes\.drop_column in .*job\.yaml:6 is "fail"\)/),
  ])
  const version = async () => (await job.state()).tables['public.loan' as TableName]?.schema.version
  expect(await version()).toBe(1)
  const landed = (await job.state()).position ?? ''
  expect((await job.run('run', '--until-current')).code).toBe(1)
  expect(await version()).toBe(1)
  // The next run reads it again from there: the slot is not beyond the log.
  expect((await job.state()).position).toBe(landed)

  const yaml = job.root.path('config/integrations/job.yaml')
  writeFileSync(yaml, readFileSync(yaml, 'utf8').replace('drop_column: fail', 'drop_column: hold'))
  expect((await job.run('run', '--until-current')).code).toBe(3)
  expect(await relation(job, 'loan', 'id, b, v')).toBe('id,b,v\n1,0.25,before\n2,0.50,v2\n3,0.75,v3\n4,1.00,v4\n')
  expect((await job.run('apply', 'job')).code).toBe(0)
  expect(await job.differences()).toEqual([])
  expect(await relation(job, 'loan_changes', 'count(*) as n, 0 as id')).toBe('n,id\n6,0\n')
}, 60_000)
