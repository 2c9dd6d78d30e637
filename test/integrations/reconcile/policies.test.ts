/** `portage reconcile` behind policies: what the lake should hold is what the policies make of the source. */
import { expect, test } from 'vitest'
import type { ReconcileReport } from '../../../integrations/reconcile/report.ts'
import { type Job, openJob } from '../main-job/job.ts'
import { filesOf, rewrite } from './damage.ts'

async function reconciled(
  at: Job,
  ...options: readonly string[]
): Promise<{ readonly code: number; readonly report: ReconcileReport }> {
  const { code, stdout, stderr } = await at.run('reconcile', '--json', ...options)
  if (!stdout.startsWith('{')) throw new Error(`reconcile ended with ${code}: ${stderr}`)
  return { code, report: JSON.parse(stdout) as ReconcileReport }
}

const BAD = /* sql */ `
  create table public.bad (id int8 primary key, amount numeric(12,2), born date, seen timestamptz, at time, free numeric, note text);
  insert into public.bad values (1, 1.50, '2000-01-01', '2000-01-01 00:00+00', '12:00', 1.5, 'a'),
    (2, 'NaN', '2000-01-01', null, null, null, 'nan'), (3, 3, '0044-03-15 BC', null, null, null, 'bc'), (4, 4, 'infinity', null, null, 4, 'inf'),
    (5, 5, null, '54321-06-07 00:00+00', null, null, 'far'), (6, 6, null, '-infinity', '24:00', null, 'end'), (7, 7, null, null, null, 12345.6789, 'free');
  create table public.twin (like public.bad including all);
  insert into public.twin select * from public.bad;
  create table public.told (like public.bad including all);
  insert into public.told select * from public.bad where at is null or at <> '24:00'`

test('values that do not fit: NULL, left out, as text', async () => {
  await using at = await openJob({
    more: `on_bad_value: reject
columns:
  public.bad.free: {type: 'decimal(10,4)'}
  public.twin.*: {on_bad_value: 'null'}
  public.twin.free: {type: 'decimal(6,1)', on_bad_value: 'null'}
  public.told.*: {on_bad_value: text}
`,
  })
  await at.db.query(BAD)
  await at.catchUp()
  await at.db.query(`insert into public.bad (id, born, note) values (8, '-infinity', 'late'), (9, '1999-01-01', 'fine');
    insert into public.twin (id, free) values (8, 'Infinity'), (9, 0.05); update public.told set note = 'x' where id < 5`)
  await at.catchUp()
  for (const options of [[], ['--deep']]) {
    const { code, report } = await reconciled(at, ...options)
    expect(report.tables.map(({ table, sourceRows, verdict }) => [table, sourceRows, verdict])).toEqual([
      ['public.bad', 3, 'equal'],
      ['public.told', 6, 'equal'],
      ['public.twin', 9, 'equal'],
    ])
    expect(code).toBe(0)
  }
}, 60_000)

const PEOPLE = /* sql */ `
  create table public.person (id int8 primary key, email text, phone text, notes text, region text, card text);
  insert into public.person select i, 'p' || i || '@example.org', '+48 600 ' || i, 'secret ' || i, (array['eu','us'])[1 + i % 2], 'card ' || i
    from generate_series(1, 400) i;
  create table public.login (email text primary key, seen timestamptz);
  insert into public.login select 'p' || i || '@example.org', timestamptz '2026-01-01' + i * interval '1 hour' from generate_series(1, 200) i`

test('masked, renamed, excluded columns and filtered rows; a wrong mask is found where masks are looked at', async () => {
  await using at = await openJob({
    env: { PII_KEY: 'a key for tests, long enough' },
    more: `columns:
  public.person.email: {mask: {hmac_sha256: '\${env:PII_KEY}'}, rename: mail}
  public.person.phone: {mask: {partial: {keep_last: 2}}}
  public.person.card: {mask: 'null'}
  public.person.notes: {exclude: true}
  public.login.email: {mask: {hmac_sha256: '\${env:PII_KEY}'}}
tables:
  public.person: {where: "region = 'eu'"}
`,
  })
  await at.db.query(PEOPLE)
  await at.catchUp()
  await at.db.query(`update public.person set region = 'us' where id = 10; update public.person set email = 'new@example.org' where id = 20;
    delete from public.login where email like 'p1%'`)
  await at.catchUp()
  const plain = await reconciled(at)
  expect(plain.report.tables.map(({ table, verdict, reason }) => [table, verdict, reason])).toEqual([
    ['public.login', 'equal', null],
    ['public.person', 'equal', null],
  ])
  expect(plain.report.tables[1]?.notes).toEqual([
    'column "notes" is not compared: it is excluded',
    'masked, compared with --deep only: mail, phone, card',
  ])
  expect(plain.report.tables[1]?.sourceRows).toBe(199)
  expect(plain.code).toBe(0)
  expect((await reconciled(at, '--deep')).code).toBe(0)

  const [file = ''] = filesOf(at, await at.state(), 'public.person').base
  await rewrite(file, `select * replace (case when id = 30 then '****99' else phone end as phone) from f`)
  const deep = await reconciled(at, '--deep', '--table', 'public.person')
  expect(deep.code).toBe(4)
  expect(deep.report.tables[0]?.sides[0]?.differences).toMatchObject([{ kind: 'value', key: { id: '30' }, columns: ['phone'] }])
}, 90_000)
