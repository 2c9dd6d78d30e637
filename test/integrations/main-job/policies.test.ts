/** Masks, left-out and renamed columns and row filters over a real PostgreSQL: right in the tables, and no trace of what is hidden. */
import { createHmac } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { filesOf, rewrite } from '../reconcile/damage.ts'
import { type Job, openJob } from './job.ts'

const KEY = 'a key of the tests, not a secret'
const hmac = (text: string): string => createHmac('sha256', KEY).update(text).digest('hex')

/** Uncompressed, so that a value that was landed can be found by its bytes. */
const openPolicyJob = (policies: string): Promise<Job> =>
  openJob({ more: policies, lake: ', compression: none', env: { PII_KEY: KEY } })

const rows = async (job: Job, sql: string): Promise<readonly Record<string, unknown>[]> => {
  const { code, stdout, stderr } = await job.run('query', sql, '--format', 'json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** Every file below the scratch directory, and what the commands printed, that shows one of the texts. */
function traces(job: Job, texts: readonly string[], printed: readonly string[]): readonly string[] {
  const found: string[] = []
  const config = job.root.path('config')
  const files = readdirSync(job.root.path(''), { recursive: true, encoding: 'utf8' })
    .map((file) => job.root.path(file))
    .filter((file) => !file.startsWith(config) && statSync(file).isFile())
  expect(files.length).toBeGreaterThan(5)
  for (const file of files) {
    const bytes = readFileSync(file)
    for (const text of texts) if (bytes.includes(text)) found.push(`${text} in ${file}`)
  }
  for (const text of texts) if (printed.some((output) => output.includes(text))) found.push(`${text} was printed`)
  return found
}

const CANARIES = ['CanaryMail', 'CanaryPhone', 'CanaryNote', 'CanaryCity', 'CanaryDefault', 'CanaryOld']

test('hidden values leave no trace: files, statistics, rejects, log, output; by snapshot, stream and update alike', async () => {
  await using job = await openPolicyJob(`on_bad_value: reject
columns:
  public.client.email: {mask: {hmac_sha256: '\${env:PII_KEY}'}}
  public.client.phone: {mask: {partial: {keep_last: 2}}}
  public.client.notes: {exclude: true}
  public.client.city: {mask: {fixed: somewhere}}
  public.client.born: {mask: 'null'}
  public.client.nick: {rename: called}
  public.client.late: {mask: {hmac_sha256: '\${env:PII_KEY}'}}
  public.account.mail: {mask: {hmac_sha256: '\${env:PII_KEY}'}}
  public.account.sum: {mask: {hmac_sha256: '\${env:PII_KEY}'}}
`)
  const { db } = job
  const run = () => job.run('run', '--until-current', '--verbose')
  await db.query(`create table public.client (id int primary key, email text, phone text, notes text, city text, born date, nick text, late text, amount numeric(8,2));
    comment on column public.client.nick is 'how friends call them';
    create table public.account (mail text primary key, sum bigint)`)
  await db.query(`insert into public.client values
    (1, 'CanaryMail1@x.org', 'CanaryPhone-77', 'CanaryNote' || repeat('n', 5000), 'CanaryCity', '1980-01-02', 'Al', null, 1.50),
    (2, null, '12', null, null, null, null, 'CanaryOld', 2)`)
  await db.query(`insert into public.account values ('CanaryMail1@x.org', 7), ('CanaryMail2@x.org', null)`)
  const first = await run()
  expect(first).toMatchObject({ code: 0 })

  await using running = job.spawn('run', '--verbose')
  await running.shows('follow')
  await db.query(`insert into public.client values (3, 'CanaryMail3@x.org', 'CanaryPhone-99', 'CanaryNote', 'CanaryCity', '1990-03-04', 'Bo', 'CanaryOld', 3),
    (4, 'CanaryMail4@x.org', 'CanaryPhone', 'CanaryNote', 'CanaryCity', null, null, null, 'NaN')`)
  await db.query(`update public.client set nick = 'Ally' where id = 1`)
  await db.query(`update public.account set mail = 'CanaryMail9@x.org' where sum = 7`)
  await db.query(`delete from public.client where id = 2`)
  await db.query(`alter table public.client add column more text default 'shown', add column hidden text default 'CanaryDefault'`)
  await db.query(`alter table public.client rename column email to mail`)
  await db.query(`update public.client set mail = 'CanaryMail5@x.org' where id = 3`)
  await running.shows('Column "public.client.mail" stays hidden as before')
  running.process.kill('SIGTERM')
  const second = await running.ended
  expect(second.code, second.stderr).toBe(0)
  const text = job.root.read('config/integrations/job.yaml')
  // After a rename the rule must name the column that exists.
  expect(await run()).toMatchObject({ code: 2 })
  job.root.write('config/integrations/job.yaml', text.replace('client.email', 'client.mail'))
  const third = await run()
  expect(third.code, third.stderr).toBe(0)

  expect(await rows(job, 'select * exclude (hidden) from job.client order by id')).toEqual([
    {
      id: 1,
      mail: hmac('CanaryMail1@x.org'),
      phone: '****77',
      city: 'somewhere',
      born: null,
      called: 'Ally',
      late: null,
      amount: '1.50',
      more: 'shown',
    },
    {
      id: 3,
      mail: hmac('CanaryMail5@x.org'),
      phone: '****99',
      city: 'somewhere',
      born: null,
      called: 'Bo',
      late: hmac('CanaryOld'),
      amount: '3.00',
      more: 'shown',
    },
  ])
  expect(await rows(job, 'select * from job.account order by sum nulls last')).toEqual([
    { mail: hmac('CanaryMail9@x.org'), sum: hmac('7') },
    { mail: hmac('CanaryMail2@x.org'), sum: null },
  ])
  const rejected = readdirSync(join(job.root.path('lake'), 'raw/job/rejects')).map((file) =>
    JSON.parse(job.root.read(join('lake/raw/job/rejects', file))),
  )
  expect(rejected.map(({ column, row }) => [column, Object.keys(row)])).toEqual([['amount', ['id', 'called', 'amount']]])
  const printed = [first, second, third].flatMap(({ stdout, stderr }) => [stdout, stderr])
  // `hidden` is not named by any rule: its default is the one canary that must be found, or the search finds nothing at all.
  const found = traces(job, CANARIES, printed)
  expect(found.filter((trace) => !trace.startsWith('CanaryDefault'))).toEqual([])
  expect(found.length).toBeGreaterThan(0)
})

test('a row filter carries exactly the rows that Postgres selects, whatever is inserted, changed, moved or deleted', async () => {
  const where = `status in ('paid', 'late') and (amount >= 100.5 or note is null) and not (day between '2026-02-01' and '2026-02-28')`
  await using job = await openPolicyJob(`tables:
  public.loan: {where: "${where}"}
  public.entry: {where: "kind <> 'CanaryOld'"}
`)
  const { db } = job
  await db.query(`create type public.state as enum ('paid', 'late', 'CanaryOld');
    create table public.loan (id int primary key, status public.state, amount numeric(10,2), note text, day date, at timestamptz);
    create table public.entry (kind text, n int);
    alter table public.entry replica identity full`)
  const insert = (from: number, to: number) =>
    db.query(
      `insert into public.loan select n, (array['paid','late','CanaryOld',null])[1 + n % 4]::public.state, (n * 37 % 201), case when n % 3 = 0 then null else 'note' end, '2026-01-15'::date + n % 60, now() from generate_series(${from}, ${to}) n`,
    )
  await insert(1, 200)
  await db.query(`insert into public.entry select (array['a','CanaryOld',null])[1 + n % 3], n % 5 from generate_series(1, 50) n`)
  await job.catchUp()
  const equal = async (): Promise<void> => {
    const expected = await db.query<{ rows: string | null }>(
      `select string_agg(id::text, ',' order by id) as rows from public.loan where ${where}`,
    )
    const [lake] = await rows(job, `select string_agg(id::varchar, ',' order by id) as rows from job.loan`)
    expect(lake?.rows).toBe(expected[0]?.rows)
    const entries = await db.query<{ rows: string | null }>(
      `select string_agg(kind || n, ',' order by kind, n) as rows from public.entry where kind <> 'CanaryOld'`,
    )
    expect((await rows(job, `select string_agg(kind || n, ',' order by kind, n) as rows from job.entry`))[0]?.rows).toBe(
      entries[0]?.rows,
    )
  }
  await equal()
  await insert(201, 300)
  await db.query(`update public.loan set amount = amount + 50 where id % 2 = 0`)
  await db.query(`update public.loan set id = id + 1000 where id % 7 = 0`)
  await db.query(`update public.loan set status = 'CanaryOld', note = 'CanaryNote' where id % 5 = 0`)
  await db.query(`update public.loan set status = 'late', note = null where status = 'CanaryOld' and id % 10 = 0`)
  await db.query(`delete from public.loan where id % 11 = 0`)
  await db.query(
    `update public.entry set kind = 'CanaryOld' where n = 1; update public.entry set kind = 'b' where kind = 'CanaryOld' and n = 2; delete from public.entry where n = 3`,
  )
  await job.catchUp()
  await equal()
  expect(traces(job, ['CanaryNote', 'CanaryOld'], [])).toEqual([])

  // Another filter is another table: it is copied again.
  job.root.write('config/integrations/job.yaml', job.root.read('config/integrations/job.yaml').replace(where, 'amount < 100'))
  await db.query(`update public.loan set amount = 1 where id = 2`)
  await job.catchUp()
  const [expected] = await db.query<{ n: string }>('select count(*) as n from public.loan where amount < 100')
  expect((await rows(job, 'select count(*)::varchar as n from job.loan'))[0]?.n).toBe(expected?.n)
})

test('no command shows what is hidden: plans, comparisons, compaction, exports, the audit trail, files of the state', async () => {
  await using job = await openPolicyJob(`on_bad_value: reject
columns:
  public.guest.mail: {mask: {hmac_sha256: '\${env:PII_KEY}'}}
  public.guest.city: {mask: {fixed: somewhere}}
  public.guest.notes: {exclude: true}
  public.guest.score: {mask: {partial: {keep_last: 1}}}
  public.guest.due: {exclude: true}
`)
  const { db } = job
  const printed: string[] = []
  const ran = async (code: number, ...argv: readonly string[]) => {
    const ended = await job.run(...argv)
    expect([argv[0], ended.code, ended.stderr.slice(0, ended.code === code ? 0 : 2000)]).toEqual([argv[0], code, ''])
    printed.push(ended.stdout, ended.stderr)
    return ended.stdout
  }
  await db.query(
    `create table public.guest (mail text primary key, city text default 'CanaryDefault', notes text, score numeric(12,2), due date, n int)`,
  )
  await db.query(`insert into public.guest select 'CanaryMail' || i, 'CanaryCity' || i, 'CanaryNote' || i, i * 1000 + 7777777.25, 'infinity', i
    from generate_series(1, 40) i`)
  await ran(0, 'check', 'job', '--json')
  await ran(0, 'run', '--until-current', '--verbose', '--json')
  await db.query(`update public.guest set city = 'CanaryCityNew', notes = repeat('CanaryNote', 900) where n <= 20`)
  await db.query(`update public.guest set score = 'NaN' where n = 3`)
  await db.query(`update public.guest set n = -n where n = 4`)
  await db.query(`alter table public.guest add column late text default 'x', alter column city type varchar(200)`)
  await ran(0, 'plan', 'job', '--json', '--all')
  await ran(0, 'run', '--until-current', '--verbose', '--json')
  for (const argv of [
    ['plan', '--all'],
    ['status'],
    ['status', '--json'],
    ['compact', '--renew', 'always', '--json'],
    ['audit', '--json'],
    ['audit', '--verify'],
  ])
    await ran(0, ...argv)
  await ran(0, 'discover', 'core', '--json')
  await ran(0, 'reconcile', '--deep', '--json')
  await ran(0, 'resync', 'job', 'public.guest', '--where', 'n = 9')
  await ran(0, 'run', '--until-current', '--json')
  // A row that is wrong is shown by its key: the masked one.
  const { changes, base } = filesOf(job, await job.state(), 'public.guest')
  for (const path of [...changes, ...base]) await rewrite(path, `select * replace (n + 1000 as n) from f`)
  const differing = await ran(4, 'reconcile', '--deep', '--json')
  expect(differing).toContain(hmac('CanaryMail30'))
  await ran(4, 'reconcile')
  expect(await ran(0, 'query', 'select * from job.guest_changes', '--format', 'json')).toContain(hmac('CanaryMail1'))
  for (const path of changes) await ran(0, 'inspect', path, '--rows', '5')
  await ran(0, 'transfer', 'lake:job.public.guest', `file:${job.root.path('out.csv')}`)
  await ran(1, 'query', 'select cast(mail as int) from job.guest')
  await ran(0, 'vacuum', '--grace', '0s', '--json')
  const hidden = ['CanaryMail', 'CanaryCity', 'CanaryNote', '7778777', '7817777', '7807777']
  expect(traces(job, hidden, printed)).toEqual([])
  expect(job.root.read('out.csv')).toContain(hmac('CanaryMail1'))
}, 120_000)

test('a rejected update takes the row away that a filter carried, also where whole old rows are logged', async () => {
  await using job = await openPolicyJob(`on_bad_value: reject\ntables:\n  public.loan: {where: "status = 'paid'"}\n`)
  const { db } = job
  await db.query('create table public.loan (id int primary key, status text, amount numeric(8,2))')
  await db.query('alter table public.loan replica identity full')
  await db.query(`insert into public.loan values (1, 'paid', 1), (2, 'paid', 2), (3, 'open', 3)`)
  expect(await job.run('run', '--until-current')).toMatchObject({ code: 0 })
  await db.query(`update public.loan set amount = 'NaN' where id in (1, 3)`)
  expect(await job.run('run', '--until-current')).toMatchObject({ code: 0 })
  expect(await rows(job, 'select id, amount from job.loan')).toEqual([{ id: 2, amount: '2.00' }])
  expect(await rows(job, `select id, _op from job.loan_changes where _op <> 'r'`)).toEqual([{ id: 1, _op: 'd' }])
})

test('rules that cannot be carried out are told all at once by check and stop a run before anything is written', async () => {
  await using job = await openPolicyJob(`columns:
  public.client.id: {mask: {fixed: x}}
  public.client.name: {rename: mail}
  public.account.id: {exclude: true}
  public.client.nmae: {mask: {hmac_sha256: '\${env:PII_KEY}'}}
tables:
  public.client: {where: "name > 'a' and missing = 1"}
  public.account: {where: "sum = 'much'"}
`)
  await job.db.query(
    `create table public.client (id int primary key, name text, mail text); create table public.account (id int primary key, sum bigint)`,
  )
  for (const command of [['check'], ['run', '--once']]) {
    const { code, stdout, stderr } = await job.run(...command)
    expect(code).toBe(2)
    const said = stdout + stderr
    expect(said).toContain(
      'Column "public.client.id" is part of the key; the mask fixed makes different keys alike. Use hmac_sha256',
    )
    expect(said).toContain('Column "public.client.name" cannot be renamed to "mail"')
    expect(said).toContain('Column "public.account.id" is part of the key and cannot be left out')
    expect(said).toContain(
      '"public.client.nmae" names no column of the tables of this integration (did you mean "public.client.name"?)',
    )
    expect(said).toContain('whose order depends on the source')
    expect(said).toContain('expected a number')
  }
  expect((await job.state()).number).toBe(0)
})

test('masks that come, change and go take a new copy of the table; a mask that vanishes from the YAML stops the run', async () => {
  await using job = await openPolicyJob('columns: {}\n')
  const { db } = job
  await db.query(
    `create table public.client (id int primary key, email text); insert into public.client values (1, 'a'), (2, 'b')`,
  )
  await job.catchUp()
  const yaml = job.root.read('config/integrations/job.yaml')
  const withRule = (rule: string) =>
    job.root.write('config/integrations/job.yaml', yaml.replace('columns: {}', `columns: {public.client.email: {${rule}}}`))
  const emails = async () => (await rows(job, 'select email from job.client order by id')).map(({ email }) => email)
  withRule(`mask: {hmac_sha256: '\${env:PII_KEY}'}`)
  await db.query(`update public.client set email = 'c' where id = 2`)
  await job.catchUp()
  expect(await emails()).toEqual([hmac('a'), hmac('c')])
  withRule('mask: {partial: {keep_last: 0}}')
  await job.catchUp()
  expect(await emails()).toEqual(['****', '****'])
  job.root.write('config/integrations/job.yaml', yaml)
  expect(await job.run('run', '--once')).toMatchObject({ code: 2, stderr: expect.stringContaining('say "mask: none" for it') })
  withRule('mask: none')
  await db.query(`insert into public.client values (3, 'd')`)
  await job.catchUp()
  expect(await emails()).toEqual(['a', 'c', 'd'])
  withRule('exclude: true')
  await db.query(`insert into public.client values (4, 'CanaryMail')`)
  await job.catchUp()
  expect(Object.keys((await rows(job, 'select * from job.client'))[0] ?? {})).toEqual(['id'])
  withRule('exclude: false')
  await job.catchUp()
  expect(await emails()).toEqual(['a', 'c', 'd', 'CanaryMail'])
})
