/** Running the main job: signals, neighbours, files in use, dry runs, idle databases. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openDuckdbWarehouse } from '../../../connectors/duckdb/warehouse.ts'
import { sharedPostgres } from '../../support/postgres.ts'
import { TEST_ENVIRONMENT } from '../../support/postgres-source.ts'
import { queryRows } from '../../support/query-rows.ts'
import { type Job, openJob } from './job.ts'

const HOLD_FILE = fileURLToPath(new URL('../../connectors/duckdb/hold-file.ts', import.meta.url))

const NOTES = /* sql */ `create table public.note (id int8 primary key, body text);
  insert into public.note select n, md5(n::text) from generate_series(1, 20000) n`

const lakeFiles = ({ root }: Job) => readdirSync(root.path('lake'), { recursive: true, encoding: 'utf8' }).toSorted()

/** Settles when the log holds so many changes. */
const landedChanges = (job: Job, changes: number) =>
  expect.poll(async () => (await job.state()).counts.changes, { timeout: 20_000 }).toBe(changes)

test('a run that is told to stop, whenever that is, ends with 0 and in good order, and the next one carries on', async () => {
  await using job = await openJob()
  await job.db.query(NOTES)
  const moments = ['claim', 'snapshot: public.note', 'prepare', 'follow', 'registered'] as const
  for (const [round, moment] of moments.entries()) {
    await using run = job.spawn('run')
    const begun = run.shows(moment)
    await job.db.query('insert into public.note select n, $2 from generate_series($1::int, $1::int + 99) n', [
      1_000_000 + round * 100,
      `round ${round}`,
    ])
    await begun
    run.process.kill(round % 2 === 0 ? 'SIGTERM' : 'SIGINT')
    const { code, stdout, stderr } = await run.ended
    expect([code, stdout + stderr]).toEqual([0, expect.stringContaining('stopped in good order; run again to carry on')])
  }
  await job.catchUp()
  expect(await job.differences()).toEqual([])
}, 60_000)

test('a run ends when its work is done, without lingering', async () => {
  await using job = await openJob()
  await job.db.query('create table public.note (id int8 primary key)')
  await using run = job.spawn('run', '--once')
  const summary = once(run.process.stdout ?? run.process, 'data').then(() => performance.now())
  const [printedAt] = await Promise.all([summary, run.ended])
  expect(performance.now() - printedAt).toBeLessThan(1900)
}, 60_000)

test('two integrations share a lake and a views file, which shows whole commits at every moment', async () => {
  await using job = await openJob()
  const { db, root } = job
  await db.query(
    'create table public.left (id int8 primary key, n int8); create table public.right (id int8 primary key, n int8)',
  )
  await db.query('insert into public.left values (1, 0); insert into public.right values (1, 0)')
  root.write(
    'config/integrations/other.yaml',
    root.read('config/integrations/job.yaml').replaceAll('job', 'other').replaceAll('_t_', '_other_t_'),
  )
  for (const name of ['job', 'other']) expect(await job.run('run', name, '--until-current')).toMatchObject({ code: 0 })
  await using warehouse = await openDuckdbWarehouse(
    { path: root.path('views.duckdb') },
    { ...TEST_ENVIRONMENT, stateDir: root.path('state') },
  )
  const written = new AbortController()
  const looking = (async () => {
    const seen: string[] = []
    while (!written.signal.aborted) {
      for (const schema of ['job', 'other']) {
        seen.push(...(await queryRows(warehouse, `select l.n - r.n from ${schema}.left l join ${schema}.right r using (id)`)))
      }
    }
    return seen
  })()
  for (let round = 1; round <= 3; round++) {
    await db.query('begin; update public.left set n = n + 1; update public.right set n = n + 1; commit')
    const runs = await Promise.all(['job', 'other'].map((name) => job.run('run', name, '--until-current')))
    expect(runs.map(({ code }) => code)).toEqual([0, 0])
  }
  written.abort()
  expect(new Set(await looking)).toEqual(new Set(['0']))
  for (const schema of ['job', 'other']) expect(await queryRows(warehouse, `select n from ${schema}.right`)).toEqual(['3'])
}, 60_000)

test('while someone has the views file open for writing, rows land all the same and are registered afterwards', async () => {
  await using job = await openJob()
  await job.db.query('create table public.note (id int8 primary key); insert into public.note values (1)')
  await job.catchUp()
  const holder = spawn(process.execPath, [HOLD_FILE, job.root.path('views.duckdb')], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(holder.stdout, 'data')
  await using run = job.spawn('run')
  await run.shows(`is open for writing in process ${holder.pid}`)
  await job.db.query('insert into public.note values (2)')
  await landedChanges(job, 1)
  const registered = run.shows('registered duck')
  holder.stdin.end()
  await registered
  run.process.kill('SIGTERM')
  expect(await run.ended).toMatchObject({ code: 0 })
  expect(await job.differences()).toEqual([])
}, 60_000)

test('a dry run leaves source, lake and warehouse as they are', async () => {
  await using job = await openJob()
  const { db } = job
  const state = async () => ({
    // Not restart_lsn: the look at the log below may move it.
    slots: await db.query(
      'select slot_name, confirmed_flush_lsn, active from pg_replication_slots where database = current_database()',
    ),
    publications: await db.query('select p.*, t.* from pg_publication p left join pg_publication_tables t using (pubname)'),
    wal: await db.query(
      `select count(*) from pg_logical_slot_peek_binary_changes($1, null, null, 'proto_version', '1', 'publication_names', $2)`,
      [job.slot, job.publication],
    ),
    files: lakeFiles(job),
  })
  await db.query('create table public.note (id int8 primary key)')
  await job.catchUp()
  // The server lets go of a slot a moment after its client has gone.
  const held = () => db.query<{ active: boolean }>('select active from pg_replication_slots where slot_name = $1', [job.slot])
  await expect.poll(async () => (await held())[0]?.active).toBe(false)
  await db.query('create table public.later (id int8 primary key); insert into public.note values (1)')
  const before = await state()
  const { code, stdout } = await job.run('run', '--dry-run')
  expect([code, stdout]).toEqual([0, expect.stringContaining('copy "public.later"')])
  expect(await state()).toEqual(before)
})

test('remove leaves a run at work alone, and says who holds the slot', async () => {
  await using job = await openJob()
  await job.db.query('create table public.note (id int8 primary key); insert into public.note values (0)')
  await using run = job.spawn('run')
  await run.shows('registered duck')
  const before = lakeFiles(job)
  for (const data of [[], ['--data']]) {
    const refused = await job.run('remove', 'job', '--yes', ...data)
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/slot "\w+" is held by pid \d+/)])
  }
  expect(before.filter((file) => !lakeFiles(job).includes(file))).toEqual([])
  await job.db.query('insert into public.note values (1)')
  await landedChanges(job, 1)
  run.process.kill('SIGINT')
  expect(await run.ended).toMatchObject({ code: 0 })
  expect(await job.run('remove', 'job', '--yes', '--data')).toMatchObject({ code: 0 })
  expect(lakeFiles(job).filter((file) => file.includes('/job/') && /\.(parquet|json)$/.test(file))).toEqual([])
}, 60_000)

test('an idle database lets the server drop its log while another database is busy', async () => {
  await using job = await openJob({ source: ', heartbeat: 200ms' })
  await using busy = await (await sharedPostgres()).createDatabase()
  await job.db.query('create table public.note (id int8 primary key); insert into public.note values (0)')
  await busy.query('create table noise (body text)')
  await using run = job.spawn('run')
  await run.shows('registered duck')
  for (let round = 0; round < 3; round++) {
    await busy.query(`insert into noise select repeat(md5(n::text), 10) from generate_series(1, 5000) n`)
    const [head] = await busy.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')
    await expect
      .poll(
        () =>
          job.db.query('select 1 from pg_replication_slots where slot_name = $1 and confirmed_flush_lsn >= $2::pg_lsn', [
            job.slot,
            head?.lsn,
          ]),
        { timeout: 10_000 },
      )
      .toHaveLength(1)
  }
  run.process.kill('SIGTERM')
  expect(await run.ended).toMatchObject({ code: 0 })
}, 60_000)

test('query --at shows the tables as of any commit, in every format, whatever happened since', async () => {
  await using at = await openJob()
  const { db } = at
  await db.query(`create table public.loan (id int primary key, amount numeric(10,2)); insert into public.loan values (1, 10.5)`)
  await at.catchUp()
  const then = (await at.state()).number
  await db.query(
    `alter table public.loan rename column amount to sum; insert into public.loan values (2, 20); delete from public.loan where id = 1`,
  )
  await at.catchUp()
  const now = (await at.state()).number
  const query = (commit: string, ...more: readonly string[]) => at.run('query', 'from job.loan', '--at', commit, ...more)
  expect(await query(String(then))).toEqual({ code: 0, stdout: 'id,amount\n1,10.50\n', stderr: '' })
  expect((await query(String(now), '--format', 'json')).stdout).toBe('{"id":2,"sum":"20.00"}\n')
  for (const format of ['table', 'arrow', 'parquet']) {
    expect(await query(String(then), '--format', format, '--integration', 'job')).toMatchObject({ code: 0, stderr: '' })
  }
  expect(await query(String(now + 1))).toMatchObject({ code: 1, stderr: expect.stringContaining(`the newest is ${now}`) })
  expect(await query('latest')).toMatchObject({ code: 2, stderr: expect.stringContaining('expected the number of a commit') })
  expect(await query('1', '--connection', 'duck')).toMatchObject({ code: 2 })
  expect(await query('1', '--integration', 'jbo')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('did you mean "job"'),
  })
  expect((await at.run('query', 'from job.loan')).stdout).toBe('id,sum\n2,20.00\n')
})

test('a table is copied again beside a run at work, in another process, under writes', async () => {
  await using job = await openJob()
  await job.db.query(NOTES)
  await using run = job.spawn('run')
  await run.shows('registered')
  const note = async () => Object.values((await job.state()).tables)[0]
  const [claim, first] = [(await job.state()).claim, (await note())?.base?.generation]
  const writing = new AbortController()
  const writes = (async () => {
    for (let n = 0; !writing.signal.aborted; n++) {
      await job.db.query('update public.note set body = $2 where id % 1000 = $1', [n % 1000, `round ${n}`])
      await job.db.query('delete from public.note where id = $1', [20000 - n])
      await job.db.query('update public.note set id = id + 100000 where id = $1', [n + 1])
    }
  })()
  const marked = await job.run('resync', 'job', 'public.n*')
  expect([marked.code, marked.stdout]).toEqual([0, expect.stringContaining('1 table is marked')])
  expect(await job.run('resync', 'job', 'public.nope')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('"public.nope" is not in the log; expected one of public.note'),
  })
  await expect.poll(async () => (await note())?.base?.generation, { timeout: 30_000 }).toBeGreaterThan(first ?? 0)
  writing.abort()
  await writes
  expect(await job.run('resync', 'job', '--all')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Stop the run first'),
  })
  expect((await job.state()).claim).toBe(claim)
  run.process.kill('SIGTERM')
  expect((await run.ended).code).toBe(0)
  await job.catchUp()
  expect(await job.differences()).toEqual([])
}, 90_000)

test('rows that match a condition are taken again beside a run at work, in another process, under writes', async () => {
  await using job = await openJob({
    more: `columns: {public.note.secret: {mask: {hmac_sha256: '\${env:MASK_KEY}'}}}\ntables: {public.note: {where: 'id <> 13'}}\n`,
    env: { MASK_KEY: '0123456789abcdef0123456789abcdef' },
  })
  await job.db.query(`create table public.note (id int8 primary key, body text, secret text);
    insert into public.note select n, md5(n::text), 'secret ' || n from generate_series(1, 20000) n`)
  await using run = job.spawn('run')
  await run.shows('registered')
  const claim = (await job.state()).claim
  const where = async (condition: string, ...more: readonly string[]) =>
    await job.run('resync', 'job', 'public.note', '--where', condition, ...more)
  const writing = new AbortController()
  const writes = (async () => {
    for (let n = 0; !writing.signal.aborted; n++) {
      await job.db.query('update public.note set body = $2 where id % 100 = $1', [n % 100, `round ${n}`])
      await job.db.query('delete from public.note where id = $1', [20000 - n])
      await job.db.query('update public.note set id = id + 100000 where id = $1', [n + 1])
    }
  })()
  for (const condition of ['id < 2000', 'id > 10', "body = 'round 3' or id between 15000 and 200000"]) {
    expect(await where(condition)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/rows of "public.note" taken again, commit \d+/),
    })
  }
  expect(JSON.parse((await where("secret = 'secret 9999' or id = 10000", '--json')).stdout)).toMatchObject({
    rows: 2,
  })
  writing.abort()
  await writes
  expect(await where('id ~ 5')).toMatchObject({ code: 2, stderr: expect.stringContaining('--where: character 4: found "~"') })
  expect(await where("id = 'x'")).toMatchObject({ code: 2, stderr: expect.stringContaining('expected a number') })
  expect(await where('id = 13')).toMatchObject({ code: 0, stdout: expect.stringContaining('No row of "public.note" matches') })
  expect((await job.state()).claim).toBe(claim)
  run.process.kill('SIGTERM')
  expect((await run.ended).code).toBe(0)
  await job.catchUp()
  expect(await job.run('reconcile', 'job', '--deep')).toMatchObject({ code: 0 })
  expect((await job.run('audit')).stdout).toContain('resync.rows')
  // Below rows taken again beside it the history stays whole: each row has one newest image in the views, masked.
  const newest = await job.run(
    'query',
    "select count(*) n, count(distinct id) d, count(*) filter (secret like 'secret%') bare from job.note",
  )
  const [, counts = ''] = newest.stdout.split('\n')
  const [n, d, bare] = counts.split(',')
  const [{ rows } = { rows: -1 }] = await job.db.query<{ rows: number }>(
    'select count(*)::int as rows from public.note where id <> 13',
  )
  expect([Number(n), Number(d), Number(bare)]).toEqual([rows, rows, 0])
}, 90_000)
