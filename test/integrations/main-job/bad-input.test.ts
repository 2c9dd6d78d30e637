/** What people and machines do to the main job: a clear error or a recovery, nothing lost, no row value or password anywhere. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Job, openJob } from './job.ts'

const LOANS = `create table t (id int primary key, v text); insert into t select n, 'CANARY-' || n from generate_series(1, 50) n`

const until = (job: Job) => job.run('run', '--until-current', '--verbose')
const filesOf = (job: Job): string[] =>
  readdirSync(job.root.path('lake'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(json|parquet)$/.test(file))
    .toSorted()

test('a slot that was dropped or advanced: refused, told by status and check, cured by resync', async () => {
  await using job = await openJob()
  await job.db.query(LOANS)
  await job.catchUp()
  for (const [harm, says] of [
    [`select pg_drop_replication_slot('${job.slot}')`, /does not exist/],
    [`select pg_replication_slot_advance('${job.slot}', pg_current_wal_lsn())`, /was advanced .*beyond the newest commit/],
  ] as const) {
    await job.db.query(`update t set v = v || 'x' where id < 10; delete from t where id = (select max(id) from t)`)
    await job.db.query(harm)
    const refused = await until(job)
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(says) })
    expect(refused.stderr).toContain('Run "portage resync job --all"')
    expect((await job.run('status')).stdout).toMatch(says)
    expect(await job.run('check')).toMatchObject({ code: 1, stdout: expect.stringMatching(/portage resync job --all/) })
    expect((await job.run('resync', 'job', '--all')).code).toBe(0)
    await job.catchUp()
    expect(await job.differences()).toEqual([])
    expect((await job.run('check')).code).toBe(0)
  }
})

test('damage in the lake is an error with its key, and what is whole goes on once it is repaired', async () => {
  await using job = await openJob()
  await job.db.query(LOANS)
  await job.catchUp()
  await job.db.query(`insert into t values (1000, 'CANARY-n')`)
  await job.catchUp()
  const lake = job.root.path('lake')
  const harmed = async (file: string, change: Uint8Array | null, commands: readonly string[][], says: RegExp): Promise<void> => {
    const whole = readFileSync(join(lake, file))
    rmSync(join(lake, file))
    if (change !== null) writeFileSync(join(lake, file), change)
    for (const command of commands) {
      const { code, stderr } = await job.run(...command)
      expect({ command, code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(says) })
      expect(stderr).not.toContain('CANARY')
    }
    rmSync(join(lake, file), { force: true })
    writeFileSync(join(lake, file), whole)
  }
  const data = filesOf(job).find((file) => file.includes('/changes/')) ?? ''
  const log = filesOf(job).filter((file) => file.includes('/log/'))
  const [newest, third] = [log.at(-1) ?? '', log[2] ?? '']
  const cut = readFileSync(join(lake, data)).subarray(0, 100)
  const query = ['query', 'select count(*) from job.t']
  await harmed(data, null, [query, ['register', '--repair']], new RegExp(data.split('/').at(-1) ?? ''))
  await harmed(
    data,
    cut,
    [query, ['register', '--repair'], ['inspect', join(lake, data)]],
    new RegExp(data.split('/').at(-1) ?? ''),
  )
  await harmed(newest, Buffer.from('{"protocol":{'), [['status'], ['run', '--once']], /Commit ".*json" is not JSON/)
  await harmed(third, null, [['run', '--once']], /Commit 3 of integration "job" is missing/)
  await job.catchUp()
  expect(await job.differences()).toEqual([])
})

test('two runs: the first is fenced and acknowledges nothing more; the lake alone is enough to go on elsewhere', async () => {
  await using job = await openJob()
  await job.db.query(LOANS)
  await using first = job.spawn('run')
  await first.shows('registered')
  const polite = await job.run('run', '--until-current', '--no-take-over')
  expect(polite).toMatchObject({ code: 1, stderr: expect.stringContaining('is in use by another run') })
  await job.db.query(`insert into t values (1000, 'CANARY-n')`)
  await job.catchUp()
  const fenced = await first.ended
  expect(fenced).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/was taken over by .*(acknowledges|has acknowledged) nothing more/),
  })
  const [slot] = await job.db.query<{ place: string }>(
    `select '0001-' || lpad(to_hex((confirmed_flush_lsn - '0/0')::bigint), 16, '0') || '-00000000' as place from pg_replication_slots where slot_name = $1`,
    [job.slot],
  )
  expect((slot?.place ?? '~') <= ((await job.state()).position ?? '')).toBe(true)
  await job.db.query(`insert into t values (1001, 'CANARY-e')`)
  rmSync(job.root.path('state'), { recursive: true, force: true })
  rmSync(job.root.path('views.duckdb'), { force: true })
  await job.catchUp()
  expect(await job.differences()).toEqual([])
})

test('a column of a reserved name stops the run until it is renamed; rows written before go on', async () => {
  await using job = await openJob()
  await job.db.query(LOANS)
  await job.catchUp()
  await job.db.query('alter table t add column _op text')
  await job.db.query(`insert into t values (1000, 'CANARY', 'x')`)
  const refused = await until(job)
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('has a column "_op", a name that Portage keeps') })
  await job.db.query('alter table t rename _op to op')
  await job.catchUp()
  expect(await job.differences()).toEqual([])
})

test('odd names and shapes arrive: quotes, dots, case, unicode, no columns, no rows, 250 columns, long keys, 5 MB values', async () => {
  await using job = await openJob()
  await job.db.query(/* sql */ `
    create table "Ünï ""q"" .dot" ("ID" int primary key, "a.b" text, "sp ace" text, "q""uote" text, "ünï" text, "ID_1" int, "Id" int);
    insert into "Ünï ""q"" .dot" values (1, 'a', 'b', 'c', 'd', 5, 6);
    create table "Case" (id int primary key); create table "case" (id int primary key);
    insert into "Case" values (1); insert into "case" values (2);
    create table empty (id int primary key, v text);
    create table nothing (); alter table nothing replica identity full;
    create table gen (id int generated always as identity primary key, a int, b int generated always as (a * 2) stored);
    insert into gen (a) values (1), (2);
    create table parent (id int primary key, v text);
    create table child (extra int, primary key (id)) inherits (parent);
    insert into parent values (1, 'p'); insert into child values (2, 'c', 3);
    create view seen as select * from gen; create materialized view kept as select * from gen; create temp table gone (id int);
    create table wide (id int primary key, ${Array.from({ length: 250 }, (_, i) => `c${i} ${i % 2 ? 'text' : 'numeric(10,2)'} default '${i}'`).join(', ')});
    insert into wide (id) select generate_series(1, 10);
    create table longkey (k text primary key, v text); insert into longkey select repeat(md5(n::text), 50), 'x' from generate_series(1, 5) n;
    create table big (id int primary key, v text); insert into big values (1, repeat('CANARY ', 700000));
    create table later (id int, primary key (id) deferrable); alter table later replica identity full`)
  await job.catchUp()
  expect(await job.differences()).toEqual([])
  await job.db.query(/* sql */ `
    update "Ünï ""q"" .dot" set "ID" = 2, "Id" = 7; insert into "Case" values (3); insert into nothing default values;
    insert into gen (a) values (3); update child set v = 'cc'; update parent set v = v || '!'; update wide set c7 = 'changed';
    update longkey set v = 'y'; update big set id = 2; insert into big values (3, repeat('x', 5000000));
    insert into empty values (1, null), (2, ''); insert into later values (1), (2); delete from later where id = 1`)
  await job.catchUp()
  expect(await job.differences()).toEqual([])
  expect(
    filesOf(job).some(
      (file) =>
        file.endsWith('.json') &&
        readFileSync(job.root.path('lake', file)).includes(
          'CANARY CANARY CANARY CANARY CANARY CANARY CANARY CANARY CANARY CANARY',
        ),
    ),
  ).toBe(false)
})

test('a new table that cannot be carried is left out of a run at work, which says so; cured, it is copied', async () => {
  await using job = await openJob()
  await job.db.query('create table public.note (id int8 primary key, body text); insert into public.note values (1, $$a$$)')
  await job.catchUp()
  await job.db.query('create table public.bag (x int); insert into public.bag values (1)')
  await job.db.query('create table public.other (id int8 primary key); insert into public.other values (7)')
  const ended = await job.catchUp()
  expect(ended.stderr).toContain('Table \\"public.bag\\" is left out, the others go on: it has no primary key')
  expect(Object.keys((await job.state()).tables)).toEqual(['public.note', 'public.other'])
  await job.db.query('update public.bag set x = 2')
  expect(await job.run('check')).toMatchObject({ code: 1, stdout: expect.stringContaining('public.bag') })
  await job.db.query('alter table public.bag replica identity full')
  await job.catchUp()
  expect(Object.keys((await job.state()).tables).toSorted()).toEqual(['public.bag', 'public.note', 'public.other'])
  expect(await job.differences()).toEqual([])
}, 60_000)
