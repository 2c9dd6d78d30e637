/** `portage reconcile` over a real PostgreSQL, the files of a lake and DuckDB: what is equal, and everything that can be wrong. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { ReconcileReport, SideReport, TableReport } from '../../../integrations/reconcile/report.ts'
import { type Job, openJob } from '../main-job/job.ts'
import { filesOf, flipBit, rewrite } from './damage.ts'

const LOANS = /* sql */ `
  create table public.loan (id int8 primary key, name text, amount numeric(12,2), note text);
  insert into public.loan
    select i, 'name ' || i, i * 1.25, case when i % 3 = 0 then null else repeat('x', 40) end from generate_series(1, 3000) i;
  create table public.event (at timestamptz, what text, score float8);
  alter table public.event replica identity full;
  insert into public.event
    select timestamptz '2026-01-01' + i * interval '1 minute', 'e' || i % 7, i / 7.0 from generate_series(1, 500) i;`

const CHANGES = /* sql */ `
  update public.loan set amount = amount + 1 where id % 10 = 0;
  delete from public.loan where id > 2900;
  insert into public.event values (now(), 'late', 'NaN'), (null, null, '-0');
  delete from public.event where what = 'e3'`

async function loans(): Promise<Job> {
  const at = await openJob()
  await at.db.query(LOANS)
  await at.catchUp()
  await at.db.query(CHANGES)
  await at.catchUp()
  return at
}

type Found = { readonly code: number; readonly report: ReconcileReport; readonly table: (name: string) => TableReport }

async function reconciled(at: Job, ...options: readonly string[]): Promise<Found> {
  const { code, stdout, stderr } = await at.run('reconcile', '--json', ...options)
  if (!stdout.startsWith('{')) throw new Error(`reconcile ended with ${code}: ${stderr}`)
  const report = JSON.parse(stdout) as ReconcileReport
  const table = (name: string) => {
    const found = report.tables.find((each) => each.table === name)
    if (found === undefined) throw new Error(`no table ${name}`)
    return found
  }
  return { code, report, table }
}

const side = (table: TableReport, wanted: SideReport['side']): SideReport | undefined =>
  table.sides.find((each) => each.side === wanted)
const found = (table: TableReport, wanted: SideReport['side'] = 'lake') =>
  (side(table, wanted)?.differences ?? []).map(({ kind, key, columns }) => [kind, key, columns])
const firstBase = async (at: Job, table: string) => filesOf(at, await at.state(), table).base[0] ?? ''

test('what was carried is equal, with and without a look at every byte, and is on record', async () => {
  await using at = await loans()
  const plain = await at.run('reconcile')
  expect(plain.stdout).toContain('Source, lake and warehouses agree')
  expect(plain.code).toBe(0)
  const deep = await reconciled(at, '--deep')
  expect(deep).toMatchObject({
    code: 0,
    report: {
      verdict: 'equal',
      tables: [
        { table: 'public.event', sourceRows: 430, columns: { compared: 3, byRange: ['score'] } },
        { table: 'public.loan', sourceRows: 2900, columns: { compared: 4 } },
      ],
    },
  })
  const one = await reconciled(at, '--table', 'public.loan', '--sample', '20%')
  expect(one.code).toBe(0)
  expect(one.report.tables).toHaveLength(1)
  expect(one.table('public.loan').sourceRows).toBeGreaterThan(400)
  expect(one.table('public.loan').sourceRows).toBeLessThan(800)
  const audit = await at.run('audit', '--json')
  expect(audit.stdout).toMatch(/"event": ?"reconcile"/)
}, 60_000)

test('one wrong value, while queries succeed as ever: the key, the column, the file', async () => {
  await using at = await loans()
  const file = await firstBase(at, 'public.loan')
  await rewrite(file, `select * replace (case when id = 1717 then amount + 0.01 else amount end as amount) from f`)
  const query = await at.run('query', 'select count(*) as n from job.loan', '--format', 'csv')
  expect(query).toMatchObject({ code: 0, stdout: 'n\n2900\n' })
  const { code, report, table } = await reconciled(at)
  expect(code).toBe(4)
  expect(report.verdict).toBe('different')
  expect(table('public.event').verdict).toBe('equal')
  expect(found(table('public.loan'))).toEqual([['value', { id: '1717' }, ['amount']]])
  expect(side(table('public.loan'), 'lake')?.differences[0]?.files).toHaveLength(1)
  expect(table('public.loan').files.map(({ file: key }) => file.endsWith(key))).toEqual([true])
  // DuckDB shows what the file holds.
  expect(side(table('public.loan'), 'warehouse')?.verdict).toBe('equal')
  const people = await at.run('reconcile')
  expect(people.code).toBe(4)
  expect(people.stdout).toMatch(/value +id=1717 {2}in amount/)
  const { stdout } = await at.run('audit', '--json')
  expect(stdout).toMatch(/"different": ?"public\.loan"/)
  expect(stdout).not.toContain('1717')
  expect(people.stderr).not.toContain('1717')
}, 60_000)

test('a row twice, a row missing, a row too many, two rows with their values swapped', async () => {
  await using at = await loans()
  const file = await firstBase(at, 'public.loan')
  const swapped = `case id when 101 then (select name from f where id = 102) when 102 then (select name from f where id = 101) else name end`
  await rewrite(
    file,
    `select * replace (${swapped} as name) from f where id <> 55
      union all select * from f where id = 77
      union all select * replace (9001 as id) from f where id = 1`,
  )
  const { code, table } = await reconciled(at, '--table', 'public.loan')
  expect(code).toBe(4)
  expect(found(table('public.loan')).toSorted()).toEqual([
    ['duplicate', { id: '77' }, []],
    ['extra', { id: '9001' }, []],
    ['missing', { id: '55' }, []],
    ['value', { id: '101' }, ['name']],
    ['value', { id: '102' }, ['name']],
  ])
}, 60_000)

test('a bag: a row once more, a row lost', async () => {
  await using at = await loans()
  const file = await firstBase(at, 'public.event')
  await rewrite(
    file,
    `select * from f where score <> 1.0 union all select * from f where what = 'e2' and score = (select min(score) from f where what = 'e2')`,
  )
  const { code, table } = await reconciled(at, '--table', 'public.event')
  expect(code).toBe(4)
  expect(found(table('public.event')).toSorted()).toEqual([
    ['duplicate', { at: '2026-01-01 00:02:00.000000', what: 'e2', score: String(2 / 7) }, []],
    ['missing', { at: '2026-01-01 00:07:00.000000', what: 'e0', score: '1' }, []],
  ])
}, 60_000)

test('a missing file is named, with keys that are lost with it', async () => {
  await using at = await loans()
  const { changes } = filesOf(at, await at.state(), 'public.loan')
  const [file = ''] = changes
  rmSync(file)
  const { code, table } = await reconciled(at, '--table', 'public.loan')
  expect(code).toBe(4)
  const [problem] = table('public.loan').files
  expect(file.endsWith(problem?.file ?? '?')).toBe(true)
  expect(problem?.problem).toBe('is missing')
  const lost = found(table('public.loan'))
  // 290 updates and 100 deletes were in it.
  expect(lost.filter(([kind]) => kind === 'value')).toHaveLength(290)
  expect(lost.filter(([kind]) => kind === 'extra')).toHaveLength(100)
  expect(side(table('public.loan'), 'warehouse')?.verdict).toBe('skipped')
}, 60_000)

test('every flipped bit is found by --deep, and its file named', async () => {
  await using at = await loans()
  const file = await firstBase(at, 'public.loan')
  const whole = readFileSync(file)
  for (let step = 0; step < 4; step++) {
    writeFileSync(file, whole)
    flipBit(file, Math.floor((whole.length * 8 * (step + 0.37)) / 4) + step)
    const { code, table } = await reconciled(at, '--table', 'public.loan', '--deep')
    expect([step, code]).toEqual([step, 4])
    expect(file.endsWith(table('public.loan').files[0]?.file ?? '?')).toBe(true)
  }
  writeFileSync(file, whole)
  expect((await reconciled(at, '--table', 'public.loan', '--deep')).code).toBe(0)
}, 90_000)

test('without a run, an idle source is compared and a changed one is refused with the cure', async () => {
  await using at = await loans()
  expect((await reconciled(at)).code).toBe(0)
  await at.db.query('update public.loan set amount = 0 where id = 3')
  const refused = await at.run('reconcile')
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('is not running, and the source has changed since commit')
  expect(refused.stderr).toContain('Run "portage run job --until-current"')
  await at.catchUp()
  expect((await reconciled(at)).code).toBe(0)
}, 60_000)

test('wrong words are refused before anything is read', async () => {
  await using at = await openJob()
  expect(await at.run('reconcile')).toMatchObject({ code: 1, stderr: expect.stringContaining('portage run job') })
  await at.db.query(LOANS)
  await at.catchUp()
  const unknown = await at.run('reconcile', '--table', 'public.lona')
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('public.loan') })
  for (const sample of ['0', '101%', 'half', '-5%']) {
    expect(await at.run('reconcile', '--sample', sample)).toMatchObject({ code: 2 })
  }
}, 60_000)

test('a run compares at the rhythm that the file asks for, and says what it finds without a key', async () => {
  await using at = await openJob({ source: ', heartbeat: 500ms', more: 'reconcile: {every: 1s}' })
  await at.db.query(LOANS)
  await at.catchUp()
  await using run = at.spawn('run')
  await run.shows('reconcile: 2 tables equal')
  const file = await firstBase(at, 'public.loan')
  await rewrite(file, `select * replace (case when id = 1717 then amount + 0.01 else amount end as amount) from f`)
  await run.shows('public.loan DIFFERS between source, lake and warehouses: "portage reconcile job" shows the keys')
  expect(run.stderr()).not.toContain('1717')
  const beside = await reconciled(at)
  expect(beside.code).toBe(4)
  expect(found(beside.table('public.loan'))).toEqual([['value', { id: '1717' }, ['amount']]])
  run.process.kill('SIGTERM')
  expect((await run.ended).code).toBe(0)
}, 90_000)

test('a table that the lake does not have, one that the source has no more, and one that differs in every row', async () => {
  await using at = await openJob()
  await at.db.query(`${LOANS}; create table public.gone (id int primary key); insert into public.gone values (1);
    create table public.wide (id int8 primary key, v text); insert into public.wide select i, 'v' from generate_series(1, 30000) i`)
  await at.catchUp()
  await at.db.query('create table public.newer (id int primary key); drop table public.gone')
  const file = await firstBase(at, 'public.wide')
  await rewrite(file, `select * replace ('w' as v) from f`)
  const { code, report, table } = await reconciled(at)
  expect(code).toBe(4)
  expect(report.tables.map((each) => [each.table, each.verdict, each.reason])).toEqual([
    ['public.event', 'equal', null],
    ['public.gone', 'skipped', 'the source no longer has it'],
    ['public.loan', 'equal', null],
    ['public.newer', 'skipped', 'the lake does not have it yet'],
    ['public.wide', 'different', null],
  ])
  const wide = side(table('public.wide'), 'lake')
  expect(wide?.differences.length).toBe(1000)
  expect(wide?.differences.every(({ kind, columns }) => kind === 'value' && columns.join() === 'v')).toBe(true)
  expect(wide?.more).toBe(29_000)
}, 300_000)

test('labels of an enum that the source renamed: the column, the cause and the cure; a new copy shows them', async () => {
  await using at = await openJob()
  await at.db.query(`create type public.mood as enum ('glad', 'sad');
    create type public.place as (town text);
    create table public.guest (id int primary key, mood public.mood, moods public.mood[], home public.place, name text);
    insert into public.guest select i, (array['glad', 'sad'])[1 + i % 2]::public.mood, '{sad}', '(x)', 'n' from generate_series(1, 50) i`)
  await at.catchUp()
  await at.db.query(`alter type public.mood rename value 'glad' to 'happy'`)
  await at.db.query(`alter type public.place rename attribute town to city`)
  await at.db.query(`update public.guest set name = 'm' where id <= 10`)
  await at.catchUp()
  const renamed = await reconciled(at)
  expect(renamed.code).toBe(4)
  expect(found(renamed.table('public.guest'))).toHaveLength(40)
  const [note] = renamed.table('public.guest').notes
  expect(note).toMatch(/^"mood", "home": labels of an enum .* renamed without an event/)
  expect(note).toContain('"portage resync job public.guest"')
  expect((await at.run('resync', 'job', 'public.guest')).code).toBe(0)
  await at.catchUp()
  expect(await reconciled(at)).toMatchObject({ code: 0, report: { tables: [{ verdict: 'equal', notes: [] }] } })
}, 60_000)
